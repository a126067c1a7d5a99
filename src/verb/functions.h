/* The verbs' functions, one a row of the table; each returns an exit code. */
#pragma once

#include "verb/verb.h"

int serve_verb(const Invocation *invocation);
int consume_verb(const Invocation *invocation);
int publish_verb(const Invocation *invocation);

int blacklist_add_verb(const Invocation *invocation);
int blacklist_remove_verb(const Invocation *invocation);
int blacklist_check_verb(const Invocation *invocation);
int blacklist_show_verb(const Invocation *invocation);
int blacklist_list_verb(const Invocation *invocation);
int blacklist_import_verb(const Invocation *invocation);
int blacklist_export_verb(const Invocation *invocation);
int blacklist_sync_verb(const Invocation *invocation);

int migrate_verb(const Invocation *invocation);
int export_verb(const Invocation *invocation);

int cdr_show_verb(const Invocation *invocation);
int cdr_list_verb(const Invocation *invocation);
int cdr_export_verb(const Invocation *invocation);
int cdr_import_verb(const Invocation *invocation);

int stats_verb(const Invocation *invocation);
int live_verb(const Invocation *invocation);
int recount_verb(const Invocation *invocation);

int dlq_list_verb(const Invocation *invocation);
int dlq_show_verb(const Invocation *invocation);
int dlq_redrive_verb(const Invocation *invocation);
int dlq_drop_verb(const Invocation *invocation);

int sms_list_verb(const Invocation *invocation);
int gifts_list_verb(const Invocation *invocation);
int actions_list_verb(const Invocation *invocation);
int audit_verify_verb(const Invocation *invocation);
int audit_show_verb(const Invocation *invocation);

int config_verb(const Invocation *invocation);
int routes_verb(const Invocation *invocation);
int completion_verb(const Invocation *invocation);
int man_verb(const Invocation *invocation);
int help_verb_verb(const Invocation *invocation);
