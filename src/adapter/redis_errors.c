/* What the server says when it says no: the first word of an error, and what follows from it. */
#include "adapter/redis_link.h"

static const char fix_login[] = "check user and password of the URL, and that the user may use the keys campaign:*, blacklist:*, "
                                "*_action:*, pledgeline:* and scripts";
static const char no_cluster[] = "this is a node of a cluster, and the counters of a batch must be on one server: use a single primary";

enum { KEEPS = false, DROPS = true };

/* In this order: a longer start stands before a shorter one. */
static const RedisError errors[] = {
    {"RECOUNTRUNNING", STATUS_RETRY, "recount_running", "wait for the other recount; one that died is forgotten after half a minute", REDIS_WELL, KEEPS},
    {"RECOUNTLOST", STATUS_RETRY, "recount_lost", "run it again", REDIS_WELL, KEEPS},
    {"LISTLOST", STATUS_RETRY, "list_lost", "the cache of the do-not-call list must be given it again", REDIS_WELL, KEEPS},
    {"NOSCRIPT", STATUS_RETRY, "redis_noscript", "scripts are flushed again and again: let SCRIPT FLUSH be", REDIS_REFUSES, KEEPS},
    {"LOADING", STATUS_RETRY, "redis_loading", "it reads its data after a start: wait", REDIS_AWAY, KEEPS},
    {"READONLY", STATUS_RETRY, "redis_readonly", "it is a replica now: the name must lead to the primary", REDIS_AWAY, DROPS},
    {"MASTERDOWN", STATUS_RETRY, "redis_masterdown", "it is a replica without its primary: the name must lead to the primary", REDIS_AWAY, DROPS},
    {"OOM", STATUS_RETRY, "redis_memory", "its memory is full: raise maxmemory", REDIS_REFUSES, KEEPS},
    {"BUSY", STATUS_RETRY, "redis_busy", "a script has been running too long: SCRIPT KILL ends it", REDIS_AWAY, KEEPS},
    {"UNKILLABLE", STATUS_RETRY, "redis_busy", "a script has been running too long and has written: wait", REDIS_AWAY, KEEPS},
    {"NOREPLICAS", STATUS_RETRY, "redis_noreplicas", "too few replicas are connected for min-replicas-to-write", REDIS_REFUSES, KEEPS},
    {"MISCONF", STATUS_RETRY, "redis_misconf", "it cannot save to its disk: look at its log", REDIS_REFUSES, KEEPS},
    {"TRYAGAIN", STATUS_FATAL, "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"MOVED", STATUS_FATAL, "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"ASK", STATUS_FATAL, "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"CROSSSLOT", STATUS_FATAL, "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"ERR Script attempted to access", STATUS_FATAL, "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"CLUSTERDOWN", STATUS_FATAL, "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"NOAUTH", STATUS_FATAL, "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"WRONGPASS", STATUS_FATAL, "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"NOPERM", STATUS_FATAL, "redis_auth", fix_login, REDIS_REFUSES, DROPS},
    {"ERR invalid password", STATUS_FATAL, "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"ERR AUTH", STATUS_FATAL, "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"ERR Client sent AUTH", STATUS_FATAL, "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"DENIED", STATUS_FATAL, "redis_auth", "it takes connections from its own machine only (protected-mode): set a password there", REDIS_AWAY, DROPS},
    {"WRONGTYPE", STATUS_FATAL, "redis_wrong_type", "another program uses this key: rename or delete it", REDIS_REFUSES, KEEPS},
    {"ERR DB index", STATUS_FATAL, "redis_database", "it has no database of that number: change the end of the URL", REDIS_AWAY, DROPS},
    {"ERR max number of clients", STATUS_RETRY, "redis_clients", "too many connections: raise maxclients", REDIS_AWAY, DROPS},
    {"", STATUS_FATAL, "redis_refused", "see its message", REDIS_REFUSES, KEEPS},
};

enum { ERRORS = sizeof errors / sizeof *errors };

/* Before version 7 an error inside a script comes wrapped: "ERR Error running script (…): @user_script:1: -OOM …". */
static bool is_inside_script(Slice text, const char *starts)
{
    char within[64] = "-";
    strncat(within, starts, sizeof within - 2);
    return *starts && slice_starts_with(text, SLICE("ERR Error running script")) && slice_holds(text, slice_of(within));
}

const RedisError *redis_error_of(Slice text)
{
    for (size_t i = 0; i < ERRORS - 1; i++) {
        if (slice_starts_with(text, slice_of(errors[i].starts)) || is_inside_script(text, errors[i].starts))
            return &errors[i];
    }
    return &errors[ERRORS - 1];
}
