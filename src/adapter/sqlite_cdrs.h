/* The parts of the record store: sqlite_cdrs.c loads and saves, sqlite_newest.c lists, sqlite_reports.c sums and ages. Used
 * by these only. */
#pragma once

#include "adapter/sqlite_store.h"

typedef struct SqliteCdrs {
    SqliteStore *store;
    sqlite3_stmt *load, *insert, *update_open, *update_closed, *update_all, *stale, *remove;
} SqliteCdrs;

#define SQLITE_RECORD_COLUMNS "id, rev, facts, call_id"

/* The record in the row of SQLITE_RECORD_COLUMNS on which the statement stands, derived. */
Status sqlite_cdrs_read(sqlite3_stmt *statement, const Rating *rating, Arena *arena, Cdr *cdr, Fault *fault);

/* Verbs of CdrsPort. */
Status sqlite_cdrs_query(void *self, const CdrFilter *filter, const Rating *rating,
                         bool (*visit)(void *context, const Cdr *cdr, CdrCursor cursor), void *context, Fault *fault);
Status sqlite_cdrs_scan(void *self, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault);
Status sqlite_cdrs_stats(void *self, const CdrFilter *filter, bool (*visit)(void *context, const CampaignStats *stats), void *context,
                         Fault *fault);
Status sqlite_cdrs_stale(void *self, int64_t before_ms, CdrCursor *after, size_t max, Arena *arena, Slice *out, size_t *ret_count,
                         Fault *fault);
Status sqlite_cdrs_expire(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                          Status (*before_delete)(void *context, Fault *fault), void *context, size_t *ret_deleted, Fault *fault);
Status sqlite_cdrs_count(void *self, int64_t *ret_records, Fault *fault);
Status sqlite_cdrs_started_since(void *self, Slice campaign_id, int64_t since_ms, int64_t *ret_calls, Fault *fault);
