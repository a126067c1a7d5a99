/* Live counters and the do-not-call cache on Redis, under the names that the original system uses; a single primary (with
 * replicas or not), version 5 or later, no cluster.
 *
 *   campaign:{id}:{counter}          integers              campaign:{id}:last_activity      RFC 3339
 *   blacklist:numbers                set                   blacklist:{phone}                JSON
 *   donation_action:{actionId}, optout_action:{actionId}   JSON, 24 h
 *   pledgeline:campaigns             set of campaigns      pledgeline:names:{campaign}      set of its counters
 *   pledgeline:{generation}:{key}    guard: what this thing has added, "{rev} {share}"; goes after 7 days
 *   pledgeline:generation            the generation of the counters that are read
 *   pledgeline:generations           how many were begun
 *   pledgeline:recount               "{generation}:{replication id}:{owner}" while a new one is counted; its time to live is the lease
 *   pledgeline:building:{campaign}   hash: that one's counters         pledgeline:building_campaigns    set
 *   pledgeline:list_complete         blacklist:numbers holds all of the list: the server's replication id at that time
 *   pledgeline:list_giving:{owner}   somebody gives it the list: that id when it began; goes after an hour
 *   pledgeline:whole                 the same of the counters
 *   pledgeline:effect:{actionId}     hash: an effect of redis_effects; goes 30 days after its last change
 *   pledgeline:effects, …:effects_waiting, …:effects_going      sorted sets: action ids by name, by due time, by when they go
 *   pledgeline:applied:{phone}       hash of redis_registry: opt-outs by action id, "-" or when they were removed; 30 days
 *   pledgeline:removal:{phone}       JSON: who took it off, when and why
 *   pledgeline:action:{actionId}     it was recorded; 30 days
 *   pledgeline:link_key              what donation links are signed with where no setting says it, hexadecimal; stays
 *
 * Counters are whole when there is a generation, and the list is complete when it was said to be, by a server of the same
 * replication id: a flush loses both, and a restart or a failover, which may have lost the last writes, has another id (where
 * the account may not use INFO, this is not noticed). Before the first recount, and after a flush, counters go on from what
 * is there under generation 0. A recounting process that dies holds others up for as long as its lease, half a minute.
 *
 * A thing whose guard is gone is left to a recount when it was stored more than 6 days ago. When it is stored again later
 * than that (a late event, a redrive), what it said before has been counted long ago: the share before is then believed, if
 * it was stored that long ago. */
#pragma once

#include "base/breaker.h"
#include "ports.h"

typedef struct Redis Redis;

typedef struct RedisSettings {
    const char *url;       /* redis://[[user]:password@]host[:port][/database], or rediss:// for TLS; NULL or "" = host and port */
    const char *host;      /* NULL = localhost */
    int port;              /* 0 = 6379 */
    const char *user, *password; /* NULL = what the URL says, or none */
    const char *ca_file;   /* PEM, for rediss://; NULL = the system's */
    int64_t deadline_ms;   /* of a verb, connecting included; 0 = 5000 */
    Breaker *breaker;      /* may be shared by many of them */
    int64_t (*now_ms)(void); /* NULL = clock_wall_ms */
} RedisSettings;

/* Does not connect: the first verb does. REJECT "redis_url" for a URL that cannot be read. For one thread at a time. */
Status redis_open(const RedisSettings *settings, Redis **ret, Fault *fault);
void redis_close(Redis *redis); /* NULL is fine */

/* The key of donation links that all processes on this server share, in arena; the first one makes it. RETRY while the server
 * cannot be asked. */
Status redis_link_key(Redis *redis, Arena *arena, Slice *ret, Fault *fault);

/* They live as long as redis. */
LivePort redis_live(Redis *redis);

/* The ledger of effects, for a process that has no database. A list is as each of its pages was. */
EffectsPort redis_effects(Redis *redis);

/* The do-not-call list and the record of actions on Redis alone: the set is the list itself, so a server that forgets it has nobody
 * blocked, and it must keep what it is told. A list looks at every name, for each page that is asked for. No audit chain: REJECT
 * "redis_lacks"; who took a number off and why is in pledgeline:removal:{phone}. An opt-out's action id is known for 30 days. */
RegistryPort redis_registry(Redis *redis);
/* The counters beside that registry: no cache of a list that is here already, and no recount, REJECT "redis_lacks". */
LivePort redis_counters(Redis *redis);
