/* A Redis that goes, comes back, fills up, locks its door or says no: each test has a server of its own. */
#include "redis_world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

typedef struct Own {
    RedisServer server;
    Breaker breaker;
    Redis *redis;
    LivePort live;
    Fault fault;
    char url[200];
    int calls;
} Own;

static int setup(void **state)
{
    Own *own = calloc(1, sizeof *own);
    breaker_init(&own->breaker, "redis");
    *state = own;
    return 0;
}

static int teardown(void **state)
{
    Own *own = *state;
    redis_close(own->redis);
    server_remove(&own->server);
    breaker_done(&own->breaker);
    free(own);
    return 0;
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})

static void use(Own *own, const char *url, int64_t deadline_ms)
{
    redis_close(own->redis);
    own->redis = NULL;
    own->redis = world_handle(url, &own->breaker, deadline_ms);
    own->live = redis_live(own->redis);
}

static Own *start(void **state, const char *const *options)
{
    Own *own = *state;
    server_start(&own->server, options);
    use(own, own->server.url, 2000);
    return own;
}

/* Another call each time, so that there is something to write. */
static Status project(Own *own)
{
    char call_id[24];
    Contribution share = world_share("winter", "busy", NULL);
    snprintf(call_id, sizeof call_id, "call-%d", own->calls++);
    Projection item = {slice_of(call_id), 1, NULL, &share, NOON_MS, 0, 0};
    return own->live.project(own->live.self, &item, 1, &own->fault);
}

static void expect(Own *own, Status status, const char *code)
{
    Status found = project(own);
    if (found != status || (status && strcmp(own->fault.code, code) != 0))
        fail_msg("expected %s %s, found %s %s (%s)", status_name(status), code, status_name(found), own->fault.code, own->fault.text);
}

static void say(Own *own, const char *command)
{
    redisContext *beside = server_beside(&own->server);
    redisReply *reply = redisCommand(beside, command);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", command, reply ? reply->str : "no answer");
    freeReplyObject(reply);
    redisFree(beside);
}

/* The breaker's pauses are short; at most 10 s. */
static void wait_until_it_works(Own *own)
{
    enum { TRIES = 1000, BETWEEN_US = 10000 };
    for (int tries = 0; tries < TRIES && project(own); tries++)
        usleep(BETWEEN_US);
    expect(own, STATUS_OK, "");
}

/* ---- away and back ---- */

static void server_that_was_away_is_found_again(void **state)
{
    Own *own = start(state, OPTIONS());
    expect(own, STATUS_OK, "");
    server_stop(&own->server);
    expect(own, STATUS_RETRY, "unreachable");
    expect(own, STATUS_RETRY, "store_away");
    assert_true(breaker_is_away(&own->breaker));
    server_start(&own->server, OPTIONS());
    wait_until_it_works(own);
    assert_false(breaker_is_away(&own->breaker));
}

static void handle_opens_before_its_server_is_there(void **state)
{
    Own *own = start(state, OPTIONS());
    server_stop(&own->server);
    use(own, own->server.url, 1000);
    expect(own, STATUS_RETRY, "unreachable");
    server_start(&own->server, OPTIONS());
    wait_until_it_works(own);
}

static void silent_server_is_left_at_the_deadline(void **state)
{
    Own *own = start(state, OPTIONS());
    use(own, own->server.url, 200);
    expect(own, STATUS_OK, "");
    kill(own->server.pid, SIGSTOP);
    int64_t before_ms = clock_elapsed_ms();
    expect(own, STATUS_RETRY, "timeout");
    int64_t took_ms = clock_elapsed_ms() - before_ms;
    kill(own->server.pid, SIGCONT);
    assert_true(took_ms >= 200 && took_ms < 2000);
    wait_until_it_works(own);
}

static void connection_that_was_cut_while_idle_is_made_anew(void **state)
{
    Own *own = start(state, OPTIONS());
    expect(own, STATUS_OK, "");
    say(own, "CLIENT KILL TYPE normal SKIPME yes");
    expect(own, STATUS_OK, "");
}

static CacheAnswer ask(Own *own)
{
    Slice phone = SLICE("+12125550199");
    CacheAnswer answer = CACHE_UNKNOWN;
    world_must(&own->fault, own->live.is_blocked(own->live.self, &phone, 1, &answer, &own->fault), "is_blocked");
    return answer;
}

static void complete_list(Own *own)
{
    world_must(&own->fault, own->live.list_incomplete(own->live.self, &own->fault), "incomplete");
    world_must(&own->fault, own->live.list_complete(own->live.self, &own->fault), "complete");
}

/* It may have lost the last writes of the primary before it: an opt-out, a count. */
static void replica_that_took_over_is_not_whole(void **state)
{
    Own *own = start(state, OPTIONS());
    bool counters, list;
    const LivePort *live = &own->live;
    world_must(&own->fault, live->generation_begin(live->self, NOON_MS, &own->fault), "begin");
    world_must(&own->fault, live->generation_end(live->self, true, &own->fault), "end");
    complete_list(own);
    world_must(&own->fault, live->is_whole(live->self, &counters, &list, &own->fault), "whole");
    assert_true(counters && list);
    assert_int_equal(ask(own), CACHE_CLEAR);
    say(own, "REPLICAOF 127.0.0.1 1");
    say(own, "REPLICAOF NO ONE");
    world_must(&own->fault, live->is_whole(live->self, &counters, &list, &own->fault), "whole");
    assert_false(counters || list);
    assert_int_equal(ask(own), CACHE_UNKNOWN);
    complete_list(own);
    assert_int_equal(ask(own), CACHE_CLEAR);
}

static void what_was_begun_with_another_server_is_not_finished_with_its_successor(void **state)
{
    Own *own = start(state, OPTIONS());
    const LivePort *live = &own->live;
    world_must(&own->fault, live->generation_begin(live->self, NOON_MS, &own->fault), "begin");
    world_must(&own->fault, live->list_incomplete(live->self, &own->fault), "incomplete");
    say(own, "REPLICAOF 127.0.0.1 1");
    say(own, "REPLICAOF NO ONE");
    assert_int_equal(live->generation_end(live->self, true, &own->fault), STATUS_RETRY);
    assert_string_equal(own->fault.code, "recount_lost");
    assert_int_equal(live->list_complete(live->self, &own->fault), STATUS_RETRY);
    assert_string_equal(own->fault.code, "list_lost");
    assert_int_equal(ask(own), CACHE_UNKNOWN);
}

/* ---- what it says ---- */

static void flushed_scripts_are_loaded_again(void **state)
{
    Own *own = start(state, OPTIONS());
    for (int i = 0; i < 3; i++) {
        expect(own, STATUS_OK, "");
        say(own, "SCRIPT FLUSH");
    }
}


static void full_memory_is_tried_again(void **state)
{
    Own *own = start(state, OPTIONS());
    expect(own, STATUS_OK, "");
    say(own, "CONFIG SET maxmemory 1");
    expect(own, STATUS_RETRY, "redis_memory");
    say(own, "CONFIG SET maxmemory 0");
    expect(own, STATUS_OK, "");
}

static void server_that_forgets_is_refused(void **state)
{
    Own *own = start(state, OPTIONS("--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"));
    expect(own, STATUS_RETRY, "redis_eviction");
    say(own, "CONFIG SET maxmemory-policy noeviction");
    wait_until_it_works(own);
}

static void replica_is_left_for_the_primary(void **state)
{
    Own *own = start(state, OPTIONS());
    expect(own, STATUS_OK, "");
    say(own, "REPLICAOF 127.0.0.1 1");
    expect(own, STATUS_RETRY, "redis_readonly");
    say(own, "REPLICAOF NO ONE");
    wait_until_it_works(own);
}

static void replica_without_its_primary_is_left(void **state)
{
    Own *own = start(state, OPTIONS("--replica-serve-stale-data", "no", "--replicaof", "127.0.0.1 1"));
    expect(own, STATUS_RETRY, "redis_masterdown");
}

static void too_few_replicas_are_waited_for(void **state)
{
    Own *own = start(state, OPTIONS("--min-replicas-to-write", "1"));
    expect(own, STATUS_RETRY, "redis_noreplicas");
}

static void busy_server_is_waited_for(void **state)
{
    Own *own = start(state, OPTIONS("--busy-reply-threshold", "1"));
    redisContext *endless = server_beside(&own->server);
    const char *words[] = {"EVAL", "while true do end", "0"};
    int sent = 0;
    expect(own, STATUS_OK, "");
    redisAppendCommandArgv(endless, 3, words, NULL);
    while (!sent)
        redisBufferWrite(endless, &sent);
    for (int tries = 0; tries < 1000 && project(own) == STATUS_OK; tries++)
        usleep(1000);
    assert_string_equal(own->fault.code, "redis_busy");
    say(own, "SCRIPT KILL");
    wait_until_it_works(own);
    redisFree(endless);
}

static void node_of_a_cluster_is_refused(void **state)
{
    char bus[12];
    snprintf(bus, sizeof bus, "%d", server_free_port());
    Own *own = start(state, OPTIONS("--cluster-enabled", "yes", "--cluster-port", bus));
    expect(own, STATUS_RETRY, "redis_cluster");
}

/* ---- who may come in ---- */

static void password_opens(void **state)
{
    Own *own = start(state, OPTIONS("--requirepass", "s:e@c/ret"));
    expect(own, STATUS_RETRY, "redis_auth");
    snprintf(own->url, sizeof own->url, "redis://:wrong@127.0.0.1:%d", own->server.port);
    breaker_answered(&own->breaker);
    use(own, own->url, 1000);
    expect(own, STATUS_RETRY, "redis_auth");
    snprintf(own->url, sizeof own->url, "redis://:s%%3Ae%%40c%%2fret@127.0.0.1:%d/3", own->server.port);
    breaker_answered(&own->breaker);
    use(own, own->url, 1000);
    expect(own, STATUS_OK, "");
}

static bool claim(Own *own)
{
    EffectsPort ledger = redis_effects(own->redis);
    Effect effect = contract_donation("call-1_donation", "+12125550100");
    Arena arena = {0};
    bool claimed = false;
    world_must(&own->fault, ledger.claim(ledger.self, &effect, 1, NOON_MS, 1000, GATEWAY(0), &arena, &claimed, &own->fault), "claim");
    arena_done(&arena);
    return claimed;
}

/* What the documentation asks for, and nothing else. */
static void account_with_few_rights_is_enough(void **state)
{
    Own *own = start(state, OPTIONS("--user", "pledge", "on", ">secret", "~campaign:*", "~blacklist:*", "~*_action:*", "~pledgeline:*",
                                    "+@read", "+@write", "+@connection", "-@dangerous", "+evalsha", "+script|load", "+info", "+time"));
    ActionRecord record = {.id = SLICE("c1_donation"), .timestamp_ms = NOON_MS};
    bool counters, list;
    snprintf(own->url, sizeof own->url, "redis://pledge:secret@127.0.0.1:%d/1", own->server.port);
    use(own, own->url, 1000);
    expect(own, STATUS_OK, "");
    complete_list(own);
    assert_int_equal(ask(own), CACHE_CLEAR);
    world_must(&own->fault, own->live.remember(own->live.self, &record, 1, &own->fault), "remember");
    assert_true(claim(own));
    world_must(&own->fault, own->live.generation_begin(own->live.self, NOON_MS, &own->fault), "begin");
    expect(own, STATUS_OK, "");
    world_must(&own->fault, own->live.generation_end(own->live.self, true, &own->fault), "end");
    world_must(&own->fault, own->live.is_whole(own->live.self, &counters, &list, &own->fault), "whole");
    assert_true(counters && list);
    Fault why;
    assert_false(breaker_is_unwell(&own->breaker, &why));
}

static void unknown_database_is_refused(void **state)
{
    Own *own = start(state, OPTIONS());
    snprintf(own->url, sizeof own->url, "%s/99", own->server.url);
    use(own, own->url, 1000);
    expect(own, STATUS_RETRY, "redis_database");
}

/* ---- TLS, with the throw-away authority of the peer ---- */

static void use_tls(Own *own, const char *url, const char *ca_file)
{
    RedisSettings settings = {.url = url, .ca_file = ca_file, .breaker = &own->breaker, .deadline_ms = 2000};
    redis_close(own->redis);
    own->redis = NULL;
    breaker_answered(&own->breaker);
    world_must(&own->fault, redis_open(&settings, &own->redis, &own->fault), url);
    own->live = redis_live(own->redis);
}

static Status ask_whole(Own *own)
{
    bool counters, list;
    return own->live.is_whole(own->live.self, &counters, &list, &own->fault);
}

static void certificate_must_fit(void **state)
{
    Own *own = *state;
    const char *url = getenv("TEST_REDIS_TLS_URL"), *ca_file = getenv("TEST_REDIS_CA");
    int port = 0;
    if (!url || !ca_file)
        skip();
    use_tls(own, url, ca_file);
    world_must(&own->fault, ask_whole(own), "with its authority");
    world_must(&own->fault, ask_whole(own), "again");
    use_tls(own, url, NULL);
    assert_int_equal(ask_whole(own), STATUS_RETRY);
    assert_string_equal(own->fault.code, "tls_refused");
    sscanf(url, "rediss://localhost:%d", &port);
    snprintf(own->url, sizeof own->url, "rediss://127.0.0.1:%d", port);
    use_tls(own, own->url, ca_file);
    assert_int_equal(ask_whole(own), STATUS_RETRY);
    assert_string_equal(own->fault.code, "tls_refused");
    use_tls(own, url, "/nonexistent.pem");
    assert_int_equal(ask_whole(own), STATUS_RETRY);
    assert_string_equal(own->fault.code, "tls_ca");
}

static void plain_server_is_no_tls_server(void **state)
{
    Own *own = start(state, OPTIONS());
    snprintf(own->url, sizeof own->url, "rediss://127.0.0.1:%d", own->server.port);
    use(own, own->url, 1000);
    assert_int_equal(project(own), STATUS_RETRY);
}

/* ---- URLs and words of errors, without a server ---- */

static void urls_are_read(void **state)
{
    static const struct { const char *url, *host, *user, *password; int port, database; bool is_tls; } good[] = {
        {"redis://cache", "cache", "", "", 6379, 0, false},
        {"redis://cache:7000/2", "cache", "", "", 7000, 2, false},
        {"rediss://u:p%20w@cache.example.org/", "cache.example.org", "u", "p w", 6379, 0, true},
        {"redis://:a@b@[::1]:7001/15", "::1", "", "a@b", 7001, 15, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        RedisPlace place;
        Fault fault;
        world_must(&fault, redis_parse_url(good[i].url, &place, &fault), good[i].url);
        assert_string_equal(place.host, good[i].host);
        assert_string_equal(place.user, good[i].user);
        assert_string_equal(place.password, good[i].password);
        assert_int_equal(place.port, good[i].port);
        assert_int_equal(place.database, good[i].database);
        assert_int_equal(place.is_tls, good[i].is_tls);
    }
}

static void bad_urls_are_refused_at_once(void **state)
{
    static const char *const bad[] = {"", "cache", "http://cache", "redis://", "redis://:p@", "redis://cache:0", "redis://cache:65536",
                                      "redis://cache:x", "redis://cache/x", "redis://cache/1/2", "redis://u:%zz@cache", "redis://u:%00@cache",
                                      "redis://[::1", "redis://[::1]7", "redis://cache/99999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        RedisPlace place;
        Fault fault = {0};
        if (redis_parse_url(bad[i], &place, &fault) != STATUS_REJECT)
            fail_msg("taken: %s", bad[i]);
        assert_string_equal(fault.code, "redis_url");
    }
}

static void errors_have_a_meaning(void **state)
{
    static const struct { const char *text, *code; } said[] = {
        {"LOADING Redis is loading the dataset in memory", "redis_loading"},
        {"MISCONF Redis is configured to save RDB snapshots", "redis_misconf"},
        {"MOVED 3999 127.0.0.1:6381", "redis_cluster"},
        {"CLUSTERDOWN Hash slot not served", "redis_cluster"},
        {"NOPERM this user has no permissions", "redis_auth"},
        {"ERR The user executing the script can't access at least one of the keys mentioned in the command", "redis_auth"},
        {"ERR user default has no permissions to run the 'evalsha' command", "redis_auth"},
        {"WRONGPASS invalid username-password pair", "redis_auth"},
        {"ERR invalid password", "redis_auth"},
        {"ERR max number of clients reached", "redis_clients"},
        {"ERR Error running script (call to f_0): @user_script:1: -OOM command not allowed", "redis_memory"},
        {"ERR unknown command", "redis_refused"},
        {"", "redis_refused"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        const RedisError *error = redis_error_of(slice_of(said[i].text));
        assert_string_equal(error->code, said[i].code);
    }
}

#define REDIS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REDIS_TEST(server_that_was_away_is_found_again),
        REDIS_TEST(handle_opens_before_its_server_is_there),
        REDIS_TEST(silent_server_is_left_at_the_deadline),
        REDIS_TEST(connection_that_was_cut_while_idle_is_made_anew),
        REDIS_TEST(replica_that_took_over_is_not_whole),
        REDIS_TEST(what_was_begun_with_another_server_is_not_finished_with_its_successor),
        REDIS_TEST(flushed_scripts_are_loaded_again),
        REDIS_TEST(full_memory_is_tried_again),
        REDIS_TEST(server_that_forgets_is_refused),
        REDIS_TEST(replica_is_left_for_the_primary),
        REDIS_TEST(replica_without_its_primary_is_left),
        REDIS_TEST(too_few_replicas_are_waited_for),
        REDIS_TEST(busy_server_is_waited_for),
        REDIS_TEST(node_of_a_cluster_is_refused),
        REDIS_TEST(password_opens),
        REDIS_TEST(account_with_few_rights_is_enough),
        REDIS_TEST(unknown_database_is_refused),
        REDIS_TEST(certificate_must_fit),
        REDIS_TEST(plain_server_is_no_tls_server),
        REDIS_TEST(urls_are_read),
        REDIS_TEST(bad_urls_are_refused_at_once),
        REDIS_TEST(errors_have_a_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
