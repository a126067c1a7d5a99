/* Moves what one set of stores holds into another: from an embedded data folder into the production stores, and back. Nothing is
 * ever taken away from the source, and what the destination holds stays: the two are merged.
 *
 * Every kind is entered by its key, so a move that was killed is run again from the start, and one that is complete changes
 * nothing. The order is what keeps people safe while a move is half done: first the do-not-call list, then what was sent. */
#pragma once

#include "ports.h"

typedef enum MigrateKind {
    MIGRATE_NUMBERS, /* on the do-not-call list */
    MIGRATE_EFFECTS, /* the ledger of texts to send */
    MIGRATE_TEXTS,   /* the outbox */
    MIGRATE_HISTORY, /* the audit chain */
    MIGRATE_ACTIONS,
    MIGRATE_CLICKS, /* on links: by link and kind */
    MIGRATE_GIFTS,
    MIGRATE_RECORDS, /* of calls */
    MIGRATE_KINDS,
} MigrateKind;

const char *migrate_kind_name(MigrateKind kind); /* "numbers" */

typedef struct MigrateCount {
    int64_t in_source, moved;
    int64_t in_destination; /* afterwards, all of its own included */
} MigrateCount;

typedef struct Migration {
    const Ports *source, *destination;
    const Rating *rating;
    int64_t now_ms;
    void (*progress)(void *context, MigrateKind kind, int64_t done, int64_t total); /* after each page, and at the end of a kind, where total = done */
    void *context;

    MigrateCount counts[MIGRATE_KINDS]; /* filled */
    int64_t taken_off;   /* numbers that moved before and that a person took off the list at the destination: they stay off */
    int64_t cut_records; /* records of both that had more events together than one may have */
} Migration;

/* Moves all kinds, gives the cache its list and the counters their recount. Callers hold no unit of work. */
Status migrate_all(Migration *migration, Fault *fault);

/* Counts what the destination has now. REJECT "migrate_short" names a kind of which it has less than the source. */
Status migrate_verify(Migration *migration, Fault *fault);
