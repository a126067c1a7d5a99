#include "redis_world.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t noon(void) { return NOON_MS; }

void world_must(const Fault *fault, Status status, const char *what)
{
    if (status)
        fail_msg("%s: %s (%s)", what, fault->text, fault->code);
}

Redis *world_handle(const char *url, Breaker *breaker, int64_t deadline_ms)
{
    Redis *redis;
    Fault fault;
    RedisSettings settings = {.url = url, .breaker = breaker, .now_ms = noon, .deadline_ms = deadline_ms};
    world_must(&fault, redis_open(&settings, &redis, &fault), url);
    return redis;
}

RedisWorld *world_open(int database)
{
    char host[200];
    int port;
    const char *server = getenv("TEST_REDIS_URL");
    if (!server)
        skip();
    if (sscanf(server, "redis://%199[^:]:%d", host, &port) != 2)
        fail_msg("TEST_REDIS_URL is not redis://host:port");
    RedisWorld *world = calloc(1, sizeof *world);
    snprintf(world->url, sizeof world->url, "redis://%s:%d/%d", host, port, database);
    world->beside = redisConnect(host, port);
    world_says(world, "SELECT %d", database);
    world_says(world, "FLUSHDB");
    breaker_init(&world->breaker, "redis");
    world->redis = world_handle(world->url, &world->breaker, 0);
    world->live = redis_live(world->redis);
    return world;
}

void world_close(RedisWorld *world)
{
    if (!world)
        return;
    redis_close(world->redis);
    world_says(world, "FLUSHDB");
    redisFree(world->beside);
    breaker_done(&world->breaker);
    arena_done(&world->arena);
    free(world);
}

const char *world_says(RedisWorld *world, const char *format, ...)
{
    char command[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    redisReply *reply = redisCommand(world->beside, command);
    if (!reply)
        fail_msg("no answer to %s", command);
    const char *text = reply->type == REDIS_REPLY_INTEGER ? arena_printf(&world->arena, "%lld", reply->integer).at
                                                          : arena_copy(&world->arena, redis_text(reply)).at;
    freeReplyObject(reply);
    return text;
}

Contribution world_share(const char *campaign_id, const char *first, const char *second)
{
    Contribution made = {.campaign_id = slice_of(campaign_id), .last_activity_ms = NOON_MS};
    contribution_add(&made, slice_of(first), 1);
    if (second)
        contribution_add(&made, slice_of(second), 1);
    return made;
}

Status world_project(RedisWorld *world, const char *key, int64_t rev, const Contribution *after)
{
    Projection item = {slice_of(key), rev, NULL, after, NOON_MS, 0, 0};
    return world->live.project(world->live.self, &item, 1, &world->fault);
}

typedef struct Wanted {
    Slice name;
    int64_t value;
} Wanted;

static bool find_counter(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    Wanted *wanted = context;
    (void)campaign_id, (void)last_activity_ms;
    for (size_t i = 0; i < count; i++)
        wanted->value = slice_equal(counters[i].name, wanted->name) ? counters[i].value : wanted->value;
    return true;
}

int64_t world_counter(RedisWorld *world, const char *campaign_id, const char *name)
{
    Wanted wanted = {slice_of(name), 0};
    well(world, world->live.read(world->live.self, slice_of(campaign_id), find_counter, &wanted, &world->fault));
    return wanted.value;
}

/* ---- a server of the test's own ---- */

static int listen_on_loopback(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &bytes))
        fail_msg("no port on loopback");
    *ret_port = ntohs(address.sin_port);
    return listener;
}

int server_free_port(void)
{
    int port;
    close(listen_on_loopback(&port));
    return port;
}

static void become_server(const RedisServer *server, const char *const *options)
{
    char port[12];
    const char *words[40] = {"redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", server->folder, "--save", "", "--logfile", "log"};
    size_t count = 11;
    snprintf(port, sizeof port, "%d", server->port);
    while (*options && count < 39)
        words[count++] = *options++;
    char *arguments[40] = {0};
    for (size_t i = 0; i < count; i++)
        arguments[i] = strdup(words[i]);
    execvp("redis-server", arguments);
    _exit(127);
}

redisContext *server_beside(const RedisServer *server)
{
    redisContext *beside = redisConnect("127.0.0.1", server->port);
    if (beside && !beside->err)
        return beside;
    redisFree(beside);
    return NULL;
}

static void wait_until_up(RedisServer *server)
{
    for (int tries = 0; tries < 500; tries++) {
        int ended;
        redisContext *beside = server_beside(server);
        redisFree(beside);
        if (beside)
            return;
        if (waitpid(server->pid, &ended, WNOHANG) == server->pid) {
            server->pid = 0;
            server_remove(server);
            if (WIFEXITED(ended) && WEXITSTATUS(ended) == 127)
                skip();
            fail_msg("redis-server ended at once");
        }
        usleep(10000);
    }
    fail_msg("redis-server does not answer");
}

void server_start(RedisServer *server, const char *const *options)
{
    if (!server->port) {
        server->port = server_free_port();
        contract_make_folder(server->folder);
        snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%d", server->port);
    }
    server->pid = fork();
    if (server->pid == 0)
        become_server(server, options);
    wait_until_up(server);
}

void server_stop(RedisServer *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

void server_remove(RedisServer *server)
{
    server_stop(server);
    if (server->port)
        contract_remove_folder(server->folder);
}

/* ---- a proxy: one connection at a time ---- */

static int connect_to_server(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(server, (struct sockaddr *)&address, sizeof address) == 0)
        return server;
    close(server);
    return -1;
}

/* False: one of them is gone. */
static bool move_bytes(int from, int to)
{
    char bytes[65536];
    ssize_t count = recv(from, bytes, sizeof bytes, 0);
    return count > 0 && send(to, bytes, (size_t)count, MSG_NOSIGNAL) == count;
}

/* The server has answered, so it has done what it was asked. */
static bool loses(RedisProxy *proxy)
{
    int passing = __atomic_load_n(&proxy->passing_answers, __ATOMIC_SEQ_CST), left = __atomic_load_n(&proxy->lost_answers, __ATOMIC_SEQ_CST);
    if (passing > 0) {
        __atomic_store_n(&proxy->passing_answers, passing - 1, __ATOMIC_SEQ_CST);
        return false;
    }
    if (left > 0)
        __atomic_store_n(&proxy->lost_answers, left - 1, __ATOMIC_SEQ_CST);
    return left > 0;
}

static void serve_client(RedisProxy *proxy, int client)
{
    int server = connect_to_server(proxy->server_port);
    bool goes_on = server >= 0;
    while (goes_on && !__atomic_load_n(&proxy->ends, __ATOMIC_SEQ_CST)) {
        struct pollfd ends[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(ends, 2, 20) <= 0)
            continue;
        if (ends[0].revents)
            goes_on = move_bytes(client, server);
        if (goes_on && ends[1].revents)
            goes_on = !loses(proxy) && move_bytes(server, client);
    }
    close(client);
    if (server >= 0)
        close(server);
}

static void *run_proxy(void *context)
{
    RedisProxy *proxy = context;
    while (!__atomic_load_n(&proxy->ends, __ATOMIC_SEQ_CST)) {
        struct pollfd listener = {.fd = proxy->listener, .events = POLLIN};
        if (poll(&listener, 1, 20) <= 0)
            continue;
        int client = accept(proxy->listener, NULL, NULL);
        if (client >= 0)
            serve_client(proxy, client);
    }
    return NULL;
}

void proxy_start(RedisProxy *proxy, int server_port)
{
    *proxy = (RedisProxy){.server_port = server_port};
    proxy->listener = listen_on_loopback(&proxy->port);
    pthread_create(&proxy->thread, NULL, run_proxy, proxy);
}

void proxy_stop(RedisProxy *proxy)
{
    __atomic_store_n(&proxy->ends, true, __ATOMIC_SEQ_CST);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
}

void proxy_lose(RedisProxy *proxy, int after, int answers)
{
    __atomic_store_n(&proxy->lost_answers, answers, __ATOMIC_SEQ_CST);
    __atomic_store_n(&proxy->passing_answers, after, __ATOMIC_SEQ_CST);
}
