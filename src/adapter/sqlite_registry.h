/* The registry's files: sqlite_registry.c is the do-not-call list, sqlite_actions.c the record of actions; both append to
 * one audit chain. Used by these only. */
#pragma once

#include "adapter/sqlite_audit.h"

typedef struct SqliteRegistry {
    SqliteStore *store;
    SqliteAudit audit;
    sqlite3_stmt *applied, *block, *unblock, *is_blocked, *show, *record;
} SqliteRegistry;

/* Verbs of RegistryPort. */
Status sqlite_record_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault);
Status sqlite_enter_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault);
Status sqlite_actions(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record), void *context,
                      Fault *fault);

/* "SELECT … WHERE" and the filter's conditions over columns of these names, ordered by `key`, behind the cursor. */
Status sqlite_registry_prepare(SqliteRegistry *registry, const char *select, const char *key, const RegistryFilter *filter,
                               sqlite3_stmt **ret, Fault *fault);
