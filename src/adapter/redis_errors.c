/* What the server says when it says no: the first word of an error, and what follows from it.
 * None of it is a fault of what we asked to store, so all of it is tried again until somebody mends it. */
#include "adapter/redis_link.h"

static const char fix_login[] = "check user and password of the URL, and that the user may use the keys campaign:*, blacklist:*, "
                                "*_action:*, pledgeline:*, scripts, INFO and TIME";
static const char no_cluster[] = "this is a node of a cluster, and the counters of a batch must be on one server: use a single primary";

enum { KEEPS = false, DROPS = true };

/* In this order: a longer start stands before a shorter one. */
static const RedisError errors[] = {
    {"RECOUNTRUNNING", "recount_running", "wait for the other recount; one that died is forgotten after half a minute", REDIS_WELL, KEEPS},
    {"RECOUNTLOST", "recount_lost", "run it again", REDIS_WELL, KEEPS},
    {"LISTLOST", "list_lost", "the cache of the do-not-call list must be given it again", REDIS_WELL, KEEPS},
    {"NOSCRIPT", "redis_noscript", "scripts are flushed again and again: let SCRIPT FLUSH be", REDIS_REFUSES, KEEPS},
    {"LOADING", "redis_loading", "it reads its data after a start: wait", REDIS_AWAY, KEEPS},
    {"READONLY", "redis_readonly", "it is a replica now: the name must lead to the primary", REDIS_AWAY, DROPS},
    {"MASTERDOWN", "redis_masterdown", "it is a replica without its primary: the name must lead to the primary", REDIS_AWAY, DROPS},
    {"OOM", "redis_memory", "its memory is full: raise maxmemory", REDIS_REFUSES, KEEPS},
    {"BUSY", "redis_busy", "a script has been running too long: SCRIPT KILL ends it", REDIS_AWAY, KEEPS},
    {"UNKILLABLE", "redis_busy", "a script has been running too long and has written: wait", REDIS_AWAY, KEEPS},
    {"NOREPLICAS", "redis_noreplicas", "too few replicas are connected for min-replicas-to-write", REDIS_REFUSES, KEEPS},
    {"MISCONF", "redis_misconf", "it cannot save to its disk: look at its log", REDIS_REFUSES, KEEPS},
    {"TRYAGAIN", "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"MOVED", "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"ASK", "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"CROSSSLOT", "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"ERR Script attempted to access", "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"CLUSTERDOWN", "redis_cluster", no_cluster, REDIS_REFUSES, KEEPS},
    {"NOAUTH", "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"WRONGPASS", "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"NOPERM", "redis_auth", fix_login, REDIS_REFUSES, DROPS},
    {"ERR The user executing the script can't", "redis_auth", fix_login, REDIS_REFUSES, DROPS},
    {"ERR user ", "redis_auth", fix_login, REDIS_REFUSES, DROPS},
    {"ERR invalid password", "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"ERR AUTH", "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"ERR Client sent AUTH", "redis_auth", fix_login, REDIS_AWAY, DROPS},
    {"DENIED", "redis_auth", "it takes connections from its own machine only (protected-mode): set a password there", REDIS_AWAY, DROPS},
    {"WRONGTYPE", "redis_wrong_type", "another program uses this key: rename or delete it", REDIS_REFUSES_ONE, KEEPS},
    {"ERR DB index", "redis_database", "it has no database of that number: change the end of the URL", REDIS_AWAY, DROPS},
    {"ERR max number of clients", "redis_clients", "too many connections: raise maxclients", REDIS_AWAY, DROPS},
    {"", "redis_refused", "see its message", REDIS_REFUSES_ONE, KEEPS},
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
