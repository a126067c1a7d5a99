/* Call detail records in MongoDB, or in any store that speaks its wire protocol: the collection `call_records`. Other programs
 * read its documents and may write some of their own; nothing that they wrote is lost.
 *
 * A document has the fields of the printed record, typed (times are dates, `costMicros` an int64), and beside them
 *   rev, facts       the revision, and the facts as cdr_encode gives them: the truth, from which all else is derived
 *   eventKeys        the keys of the facts, for people
 *   open, answered, lastEventAt, storedAt   what lists and sums look for
 * In `metadata` and in actions, '.', '$' and '%' of a key are written as %2E, %24 and %25 and an empty key as %, because not
 * every server takes them as they are. Where that copy for people would make a document larger than the server takes, it is
 * left out and `abridged` is true.
 *
 * `_id` is the call id. A document without facts is another program's: its fields are read as facts, it keeps its `_id` and
 * its other fields, and what is folded into it is added. Dates and ids in its metadata become text then. */
#pragma once

#include "base/breaker.h"
#include "ports.h"

typedef struct Mongo Mongo;

typedef struct MongoSettings {
    const char *uri;      /* "mongodb://…" or "mongodb+srv://…". Time limits, write concern and retries are ours, whatever it says */
    const char *database; /* NULL or empty: campaign_system */
    int deadline_ms;      /* of each exchange with the server; 0 = 5000 */
    int retention_days;   /* the server itself deletes what was created so long ago; 0 = never */
    Breaker *breaker;     /* may be shared by all who use this server; outlives them */
} MongoSettings;

/* Connects at the first use, and makes the indexes then. REJECT "setting_value" for settings that can never work. A Mongo belongs
 * to one thread at a time. */
Status mongo_open(const MongoSettings *settings, Mongo **ret, Fault *fault);
void mongo_close(Mongo *mongo); /* NULL is fine */

/* Lives as long as the Mongo. scan and load see only what a majority of the servers has, so nothing is built on what a failover
 * takes back; scan is no snapshot: a record that changes meanwhile is seen before or after. */
CdrsPort mongo_cdrs(Mongo *mongo);
