/* What the tests of the Redis adapter have in common: handles, the server seen from beside, a server of their own, and a proxy
 * that loses answers. */
#pragma once

#include "contract.h"

#include <pthread.h>
#include <sys/types.h>

#include "adapter/redis_link.h"

typedef struct RedisWorld {
    char url[300];       /* of the database that is ours */
    redisContext *beside;
    Breaker breaker;
    Redis *redis;
    LivePort live;
    Arena arena;
    Fault fault;
} RedisWorld;

/* On TEST_REDIS_URL, in an empty database of that number; skips the test where there is none. */
RedisWorld *world_open(int database);
void world_close(RedisWorld *world);

/* Another handle on the same database; redis_close is the caller's. */
Redis *world_handle(const char *url, Breaker *breaker, int64_t deadline_ms);

/* What redis-cli would print; "" for nil. In the arena. */
const char *world_says(RedisWorld *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

void world_must(const Fault *fault, Status status, const char *what);
#define well(world, call) world_must(&(world)->fault, (call), #call)

Contribution world_share(const char *campaign_id, const char *first, const char *second);
Status world_project(RedisWorld *world, const char *key, int64_t rev, const Contribution *after);
int64_t world_counter(RedisWorld *world, const char *campaign_id, const char *name); /* as the port reads it */

/* ---- a server of the test's own ---- */

typedef struct RedisServer {
    pid_t pid; /* 0 = not running */
    int port;
    char folder[64], url[64];
} RedisServer;

/* options end with NULL; skips the test where no redis-server is installed. */
void server_start(RedisServer *server, const char *const *options);
void server_stop(RedisServer *server); /* by its process id */
void server_remove(RedisServer *server);
int server_free_port(void);
redisContext *server_beside(const RedisServer *server);

/* ---- a proxy in front of a server ---- */

typedef struct RedisProxy {
    int listener, port, server_port;
    int passing_answers, lost_answers; /* how many of the next answers pass, and are cut off then; used atomically */
    bool ends;
    pthread_t thread;
} RedisProxy;

void proxy_start(RedisProxy *proxy, int server_port);
void proxy_stop(RedisProxy *proxy);
void proxy_lose(RedisProxy *proxy, int after, int answers);
