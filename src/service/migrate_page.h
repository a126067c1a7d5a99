/* What the files of the move share: a page of things on their way. Used by migrate*.c only. */
#pragma once

#include "service/migrate.h"

typedef struct MigratePage {
    Migration *migration;
    MigrateKind kind;
    Arena arena; /* what the page's things point to */
    union {
        BlockEntry numbers[BATCH_MAX];
        Effect effects[BATCH_MAX];
        SmsRecord texts[BATCH_MAX];
        AuditEntry entries[BATCH_MAX];
        ActionRecord actions[BATCH_MAX];
        Cdr *records[BATCH_MAX];
        LinkClicks clicks[BATCH_MAX];
        Gift gifts[BATCH_MAX];
    };
    size_t count;
    int64_t total;     /* of the kind, where the source can say; else 0 */
    Slice destination_chain; /* history: the name of the destination's chain; empty = it has none yet */
    Slice source_chain;
    bool was_begun;    /* an earlier run has carried history over */
    Arena names;       /* of the chains */
    Status status;     /* of the last write */
    Fault *fault;
} MigratePage;

/* Counts the thing that was put behind the others, and writes the page when it is full. False: stop. */
bool migrate_took(MigratePage *page);

/* Learns the chains' names, and whether an earlier run has carried history. */
Status migrate_know_chains(MigratePage *page, Fault *fault);

/* Whether the entry that put this number on the source's list is part of the destination's history: the number moved before,
 * and where the destination does not have it any more a person took it off. */
Status migrate_has_moved(const MigratePage *page, Slice phone, bool *ret_moved, Fault *fault);

Status migrate_read_clicks(MigratePage *page, Fault *fault);
Status migrate_write_clicks(MigratePage *page, Fault *fault);
Status migrate_read_gifts(MigratePage *page, Fault *fault);
Status migrate_write_gifts(MigratePage *page, Fault *fault);
/* How many of both the destination has. */
Status migrate_count_gifts(Migration *migration, Fault *fault);

Status migrate_read_history(MigratePage *page, Fault *fault);
Status migrate_write_history(MigratePage *page, Fault *fault);

/* After the history: the list and what was said of it last agree again, number by number. */
Status migrate_mend_list(const MigratePage *page, Fault *fault);
