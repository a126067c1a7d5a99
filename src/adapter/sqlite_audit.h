/* The audit chain in the embedded store. Used by the registry's files only. */
#pragma once

#include "adapter/sqlite_store.h"

typedef struct SqliteAudit {
    SqliteStore *store;
    int64_t entries;            /* head of the chain, between begin and end */
    uint8_t hash[DIGEST_BYTES];
    bool changed;
    sqlite3_stmt *head, *append, *find, *move_head;
} SqliteAudit;

/* Between these two, in one transaction: entries are appended with their seq and hash filled in. */
Status sqlite_audit_begin(SqliteAudit *audit, Fault *fault);
Status sqlite_audit_add(SqliteAudit *audit, const AuditEntry *entry, Fault *fault);
/* Unless an entry with the same subject, action id, kind and detail is there. */
Status sqlite_audit_add_once(SqliteAudit *audit, const AuditEntry *entry, bool *ret_new, Fault *fault);
Status sqlite_audit_end(SqliteAudit *audit, Fault *fault);

Status sqlite_audit_read(SqliteAudit *audit, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry),
                         void *context, Fault *fault);
Status sqlite_audit_head(SqliteAudit *audit, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault);
