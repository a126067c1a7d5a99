/* The do-not-call list by hand: what the HTTP API and the command line share. Callers hold the unit of work. */
#pragma once

#include "base/csv_read.h"
#include "ports.h"

/* user_optout, admin_import or compliance. */
bool blacklist_source_is_known(Slice source);

/* REJECT "field_too_long" when a text of the entry, as somebody wrote it, is over 1,000 bytes. */
Status blacklist_texts_fit(const BlockEntry *entry, Fault *fault);

/* Adds one number (must be E.164; REJECT "phone_invalid"; texts must fit). source: admin_import or compliance or user_optout. */
Status blacklist_add(const Ports *ports, Slice phone, Slice source, Slice reason, Slice actor, int64_t now_ms,
                     BlockResult *ret, Fault *fault);

/* Takes a number off; actor and reason must fit and not be empty (REJECT "actor_required", "reason_required"). */
Status blacklist_remove(const Ports *ports, Slice phone, Slice reason, Slice actor, int64_t now_ms, bool *ret_was_blocked,
                        Fault *fault);

/* What an import may say about a number; the names of its columns are in blacklist.c. */
typedef enum ImportColumn {
    IMPORT_PHONE, IMPORT_REASON, IMPORT_ADDED, IMPORT_SOURCE, IMPORT_CALL, IMPORT_CAMPAIGN, IMPORT_CONTACT, IMPORT_COLUMN_COUNT,
} ImportColumn;

/* One parsed line of an import; empty = it does not say. The phone is as written; the rest is one line of valid UTF-8, cut
 * at 1,000 bytes. */
typedef struct ImportRow { Slice cells[IMPORT_COLUMN_COUNT]; size_t line; } ImportRow;

/* Reads CSV with a header in any column order, or one number a line. Feeds rows one by one; state is the reader's own. */
typedef struct ImportReader {
    CsvReader csv;
    Slice country_code;    /* of numbers in national form; empty: they cannot be read */
    int columns[IMPORT_COLUMN_COUNT]; /* -1 = not there */
    bool header_read;
} ImportReader;

/* Both are borrowed. */
void import_reader_init(ImportReader *reader, Slice csv, Slice country_code);
/* False at the end. The row's slices live in arena. */
bool import_reader_next(ImportReader *reader, Arena *arena, ImportRow *ret_row);

typedef struct ImportReport {
    int64_t added, known, rejected;
    size_t first_bad_line;   /* 0 = none */
    char first_bad_reason[120];
} ImportReport;

/* Blocks up to max rows from the reader in the caller's unit of work; *ret_more tells whether rows are left. Numbers in
 * other spellings are normalised, ambiguous ones blocked in all readings. A line from which no number can be read, or one
 * whose country nobody knows, is counted and never fatal. What the row says of source, call, campaign and time is kept. */
Status blacklist_import_some(const Ports *ports, ImportReader *reader, size_t max, Slice reason, Slice actor, int64_t now_ms,
                             Arena *arena, ImportReport *report, bool *ret_more, Fault *fault);
/* Gives the cache a list that its registry cannot show. It is all of the list from now on, unless a line could not be read
 * (report->rejected). report->added: numbers that the cache did not have. live.block must not be NULL. */
Status blacklist_give_cache(const Ports *ports, ImportReader *reader, int64_t now_ms, ImportReport *report, Fault *fault);
/* The audit entry that closes an import: file name, counts. */
Status blacklist_import_audit(const Ports *ports, Slice name, Slice actor, const ImportReport *report, int64_t now_ms, Fault *fault);
