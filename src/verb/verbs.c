/* The table of verbs: a new one is one file and one row. */
#include "verb/functions.h"

#define END {NULL, NULL, NULL}

static const Option consume_options[] = {
    {"queue-url", "URL...", "an SQS queue, or topic=URL where its messages do not say their topic; may be given again; default: PLEDGELINE_QUEUE_URLS"},
    END};
#define PUBLISH_TARGET \
    {"server", "URL", "publish to this server; default: the one that serves the data folder, else straight into the folder"}, \
    {"deadline", "SECONDS", "how long to go on trying when a server does not answer (default 60)"}
static const Option publish_options[] = {
    {"topic", "NAME", "topic of a single message, or of lines that are bare bodies: optout-events, donation-events, call-events, sms-gateway,"
                      " tts-fallback, delivery-receipts and inbound-messages"}, /* as event_topics says: test_cli.py holds them together */
    {"topic-arn", "ARN", "the same as an ARN; its last part counts"},
    {"message", "JSON", "one message, instead of a file"},
    PUBLISH_TARGET, END};
static const Option add_options[] = {
    {"reason", "TEXT", "why (default: added by hand)"}, {"actor", "NAME", "who (default: your login name)"},
    {"source", "NAME", "admin_import, compliance or user_optout (default admin_import)"}, END};
static const Option remove_options[] = {
    {"reason", "TEXT", "why the number may be called again; required"}, {"actor", "NAME", "who takes it off; required"}, END};
static const Option import_options[] = {
    {"reason", "TEXT", "for rows without one (default: imported list)"}, {"actor", "NAME", "who (default: your login name)"}, END};
static const Option list_options[] = {{"limit", "N", "how many at most (default 50; 0 = all)"}, END};
#define CDR_FILTER \
    {"campaign", "ID", "only this campaign"}, {"outcome", "NAME", "only this outcome"}, \
    {"since", "TIME", "started at or after this date or RFC 3339 time"}, {"until", "TIME", "started before it"}
static const Option cdr_list_options[] = {CDR_FILTER, {"limit", "N", "how many at most (default 20; 0 = all)"}, END};
static const Option cdr_export_options[] = {CDR_FILTER, {"limit", "N", "how many at most (default 0 = all)"}, END};
static const Option cdr_import_options[] = {
    {"campaign", "ID", "of calls whose rows name none: in Master.csv it is the account code"},
    {"zone", "NAME", "time zone of the file's times, like Asia/Jerusalem (default UTC, as usegmtime of cdr.conf writes them)"},
    PUBLISH_TARGET, END};
static const Option recount_options[] = {
    {"fix", NULL, "add what is missing to the counters"}, {"all", NULL, "show the counters that agree, too"}, END};
static const Option dlq_options[] = {
    {"topic", "NAME", "only this topic"}, {"waiting", NULL, "messages that wait for their next try, instead of dead letters"},
    {"limit", "N", "how many at most (default 50; 0 = all)"}, END};
static const Option dlq_change_options[] = {{"all", NULL, "all dead letters"}, END};
static const Option sms_options[] = {
    {"campaign", "ID", "only this campaign"}, {"phone", "NUMBER", "only to this number"},
    {"state", "NAME", "pending, claimed, sending, sent, failed, cancelled or unknown, as the ledger says (default: all but cancelled)"},
    {"limit", "N", "how many at most (default 20; 0 = all)"}, END};
static const Option gifts_options[] = {
    {"campaign", "ID", "only of this campaign"}, {"call", "ID", "only of this call"},
    {"unmatched", NULL, "only those of which nobody knows whose they are"}, {"limit", "N", "how many at most (default 20; 0 = all)"}, END};
static const Option actions_options[] = {
    {"campaign", "ID", "only this campaign"}, {"phone", "NUMBER", "only of this number"}, {"call", "ID", "only of this call"},
    {"limit", "N", "how many at most (default 50; 0 = all, in order of their ids)"}, END};
static const Option audit_options[] = {{"phone", "NUMBER", "only entries about this number"}, END};
static const Option config_options[] = {
    {"markdown", NULL, "print the settings' documentation page"}, {"sample", NULL, "print a settings file with every default"}, END};
static const Option export_options[] = {{"to", "FOLDER", "the new data folder; required"}, END};
static const Option routes_options[] = {{"markdown", NULL, "print the tables of docs/http.md"}, END};

const Verb verbs[] = {
    {"serve", NULL, "", 0, 0, "Serve the SNS API, events, reports and the dashboard's stream", "serve --port 8080 --data ./data", NULL, serve_verb},
    {"consume", NULL, "", 0, 0, "Work through SQS queues until a signal comes; HTTP for looking only where PORT is set",
     "consume --queue-url https://sqs.us-east-1.amazonaws.com/123456789012/optout-events", consume_options, consume_verb},
    {"publish", NULL, "[FILE...]", 0, -1, "Publish one message, or NDJSON lines of files or - (stdin)", "publish examples/campaign.ndjson", publish_options, publish_verb},
    {"blacklist", "add", "PHONE...", 1, -1, "Put numbers on the do-not-call list", "blacklist add +12125550105 --reason 'asked by letter'", add_options, blacklist_add_verb},
    {"blacklist", "remove", "PHONE", 1, 1, "Take a number off the list; its history stays", "blacklist remove +12125550105 --actor jane --reason 'asked to be called'", remove_options, blacklist_remove_verb},
    {"blacklist", "check", "PHONE...", 1, -1, "May these numbers be called? Exit code 0: clear, 3: blocked", "blacklist check +12125550105", NULL, blacklist_check_verb},
    {"blacklist", "show", "PHONE", 1, 1, "A number's entry and its history. Exit code 0: clear, 3: blocked", "blacklist show +12125550105", NULL, blacklist_show_verb},
    {"blacklist", "list", "", 0, 0, "Blocked numbers", "blacklist list --limit 0", list_options, blacklist_list_verb},
    {"blacklist", "import", "FILE", 1, 1, "Block the numbers of a CSV file (any column order) or of one number a line; - is stdin", "blacklist import dnc.csv --actor jane", import_options, blacklist_import_verb},
    {"blacklist", "export", "", 0, 0, "The whole list as CSV (or --output json)", "blacklist export > dnc.csv", NULL, blacklist_export_verb},
    {"blacklist", "sync", "[FILE]", 0, 1, "Give the fast cache every number of the list, or of FILE where a database API cannot show its list. Exit code 4: some were missing", "blacklist sync", NULL, blacklist_sync_verb},
    {"cdr", "show", "CALL_ID", 1, 1, "One call: its record, its actions, its texts, who opened the link, and what was given", "cdr show test-call", NULL, cdr_show_verb},
    {"cdr", "list", "", 0, 0, "Call records, newest first", "cdr list --campaign winter-appeal-2024 --outcome converted", cdr_list_options, cdr_list_verb},
    {"cdr", "export", "", 0, 0, "Call records as CSV, or NDJSON with --output json", "cdr export --since 2024-01-01 > calls.csv", cdr_export_options, cdr_export_verb},
    {"cdr", "import", "FILE", 1, 1, "Take in calls that Asterisk has recorded: Master.csv, or the file of examples/asterisk/cdr_custom.conf; - is stdin", "cdr import Master.csv --campaign winter-appeal-2024", cdr_import_options, cdr_import_verb},
    {"stats", NULL, "[CAMPAIGN]", 0, 1, "Campaigns, summed over their call records", "stats", NULL, stats_verb},
    {"live", NULL, "[CAMPAIGN]", 0, 1, "The live counters, as a dashboard reads them", "live test-campaign", NULL, live_verb},
    {"recount", NULL, "", 0, 0, "Compare the live counters with the records. Exit code 4: they differ", "recount --fix", recount_options, recount_verb},
    {"dlq", "list", "", 0, 0, "Dead letters, newest first", "dlq list --topic optout-events", dlq_options, dlq_list_verb},
    {"dlq", "show", "ID", 1, 1, "One dead letter with its body", "dlq show 17", NULL, dlq_show_verb},
    {"dlq", "redrive", "[ID...]", 0, -1, "Try dead letters again", "dlq redrive --all", dlq_change_options, dlq_redrive_verb},
    {"dlq", "drop", "[ID...]", 0, -1, "Delete dead letters for good", "dlq drop 17", dlq_change_options, dlq_drop_verb},
    {"sms", "list", "", 0, 0, "Texts that were asked for, newest first, with what became of them", "sms list --state unknown", sms_options, sms_list_verb},
    {"gifts", "list", "", 0, 0, "Gifts that donation pages told of, newest first", "gifts list --campaign winter-appeal-2024", gifts_options, gifts_list_verb},
    {"actions", "list", "", 0, 0, "Recorded actions, newest first: donation links and opt-outs", "actions list --call test-call", actions_options, actions_list_verb},
    {"audit", "verify", "", 0, 0, "Check the chain of the audit log, and the do-not-call list against it; names what is wrong", "audit verify", NULL, audit_verify_verb},
    {"audit", "show", "", 0, 0, "Entries of the audit log", "audit show --phone +972501234567", audit_options, audit_show_verb},
    {"migrate", NULL, "", 0, 0, "Move what the data folder holds into the stores of REDIS_URL, MONGODB_URI and DATABASE_URL", "migrate --data ./data", NULL, migrate_verb},
    {"export", NULL, "", 0, 0, "Write what those stores hold into a new data folder", "export --to ./copy", export_options, export_verb},
    {"config", NULL, "", 0, 0, "The effective settings and where each comes from; secrets masked", "config", config_options, config_verb},
    {"routes", NULL, "", 0, 0, "The HTTP routes: who may use them and which parameters they take", NULL, routes_options, routes_verb},
    {"completion", NULL, "", 0, 0, "Print bash completion: source <(pledgeline completion)", NULL, NULL, completion_verb},
    {"man", NULL, "", 0, 0, "Print the manual page: pledgeline man | man -l -", NULL, NULL, man_verb},
    {"help", NULL, "[VERB [ACTION]]", 0, 2, "Help", "help blacklist", NULL, help_verb_verb},
    {NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};
