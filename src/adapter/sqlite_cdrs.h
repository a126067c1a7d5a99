/* The two halves of the record store: sqlite_cdrs.c loads and saves, sqlite_reports.c looks at many. Used by these only. */
#pragma once

#include "adapter/sqlite_store.h"

typedef struct SqliteCdrs {
    SqliteStore *store;
    sqlite3_stmt *load, *insert, *update_in_place, *update, *stale, *remove;
} SqliteCdrs;

/* Verbs of CdrsPort. */
Status sqlite_cdrs_query(void *self, const CdrFilter *filter, const Rating *rating,
                         bool (*visit)(void *context, const Cdr *cdr, CdrCursor cursor), void *context, Fault *fault);
Status sqlite_cdrs_scan(void *self, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault);
Status sqlite_cdrs_stats(void *self, const CdrFilter *filter, bool (*visit)(void *context, const CampaignStats *stats), void *context,
                         Fault *fault);
Status sqlite_cdrs_stale(void *self, int64_t before_ms, size_t max, Arena *arena, Slice *out, size_t *ret_count, Fault *fault);
Status sqlite_cdrs_expire(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                          void *context, size_t *ret_deleted, Fault *fault);
Status sqlite_cdrs_count(void *self, int64_t *ret_records, Fault *fault);
Status sqlite_cdrs_started_since(void *self, Slice campaign_id, int64_t since_ms, int64_t *ret_calls, Fault *fault);
