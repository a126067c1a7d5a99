/* The do-not-call list by hand: what the HTTP API and the command line share. Callers hold the unit of work. */
#pragma once

#include "ports.h"

/* Adds one number (must be E.164; REJECT "phone_invalid"). source: admin_import or compliance or user_optout. */
Status blacklist_add(const Ports *ports, Slice phone, Slice source, Slice reason, Slice actor, int64_t now_ms,
                     BlockResult *ret, Fault *fault);

/* Takes a number off; actor and reason must not be empty (REJECT "actor_required", "reason_required"). */
Status blacklist_remove(const Ports *ports, Slice phone, Slice reason, Slice actor, int64_t now_ms, bool *ret_was_blocked,
                        Fault *fault);

/* One parsed line of an import. */
typedef struct ImportRow { Slice phone, reason, added_at; size_t line; } ImportRow;

/* Reads CSV with a header in any column order (phoneNumber|phone|number|msisdn, reason, addedAt), or one number a line.
 * Feeds rows one by one; state is the reader's own. */
typedef struct ImportReader {
    Slice rest;            /* not read yet */
    size_t line;
    int phone_column, reason_column, added_column;
    bool header_read;
} ImportReader;

void import_reader_init(ImportReader *reader, Slice csv);
/* False at the end. The row's slices live in arena. */
bool import_reader_next(ImportReader *reader, Arena *arena, ImportRow *ret_row);

typedef struct ImportReport {
    int64_t added, known, rejected;
    size_t first_bad_line;   /* 0 = none */
    char first_bad_reason[120];
} ImportReport;

/* Blocks up to max rows from the reader in the caller's unit of work; *ret_more tells whether rows are left. Numbers in
 * other spellings are normalised, ambiguous ones blocked in all readings; unreadable lines are counted, never fatal. */
Status blacklist_import_some(const Ports *ports, ImportReader *reader, size_t max, Slice reason, Slice actor, int64_t now_ms,
                             Arena *arena, ImportReport *report, bool *ret_more, Fault *fault);
/* The audit entry that closes an import: file name, counts. */
Status blacklist_import_audit(const Ports *ports, Slice name, Slice actor, const ImportReport *report, int64_t now_ms, Fault *fault);
