/* What is Redis' own: the names of its keys, guards, recounts by generation, and answers that are lost. */
#include "redis_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DATABASE = 13, DAY_MS = 24 * 60 * 60 * 1000 };

static int setup(void **state) { return *state = NULL, 0; }

static RedisWorld *begin(void **state)
{
    RedisWorld *world = world_open(DATABASE);
    *state = world;
    return world;
}

static int teardown(void **state) { return world_close(*state), 0; }

/* ---- keys ---- */

static void counters_are_plain_integers(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", "total_attempts");
    well(w, world_project(w, "call-1", 1, &share));
    assert_string_equal(world_says(w, "GET campaign:winter:busy"), "1");
    assert_string_equal(world_says(w, "GET campaign:winter:last_activity"), "2025-01-15T12:00:00.000Z");
    assert_string_equal(world_says(w, "TTL campaign:winter:busy"), "-1");
    assert_true(atoi(world_says(w, "TTL pledgeline:0:call-1")) > 6 * 24 * 3600);
}

static void block_puts_number_and_entry(void **state)
{
    RedisWorld *w = begin(state);
    BlockEntry first = contract_optout("+12125550100", "a"), second = first;
    second.added_ms += 1000;
    well(w, w->live.block(w->live.self, &first, 1, &w->fault));
    well(w, w->live.block(w->live.self, &second, 1, &w->fault));
    assert_string_equal(world_says(w, "SISMEMBER blacklist:numbers +12125550100"), "1");
    assert_non_null(strstr(world_says(w, "GET blacklist:+12125550100"), "\"addedAt\":\"2025-01-15T12:00:00.000Z\""));
    well(w, w->live.unblock(w->live.self, SLICE("+12125550100"), &w->fault));
    assert_string_equal(world_says(w, "SISMEMBER blacklist:numbers +12125550100"), "0");
    assert_string_equal(world_says(w, "EXISTS blacklist:+12125550100"), "0");
}

static void actions_stay_for_a_day(void **state)
{
    RedisWorld *w = begin(state);
    ActionRecord records[] = {
        {.id = SLICE("call-1_donation"), .action_type = SLICE("donation_sms_sent"), .status = SLICE("success"), .timestamp_ms = NOON_MS},
        {.id = SLICE("call-2_optout"), .action_type = SLICE("optout_blacklist_added"), .status = SLICE("success"), .timestamp_ms = NOON_MS},
    };
    well(w, w->live.remember(w->live.self, records, 2, &w->fault));
    assert_non_null(strstr(world_says(w, "GET donation_action:call-1_donation"), "\"actionType\":\"donation_sms_sent\""));
    assert_string_equal(world_says(w, "TTL optout_action:call-2_optout"), "86400");
}

/* ---- the cache ---- */

static CacheAnswer ask(RedisWorld *w, const char *phone)
{
    Slice number = slice_of(phone);
    CacheAnswer answer;
    well(w, w->live.is_blocked(w->live.self, &number, 1, &answer, &w->fault));
    return answer;
}

static void complete_list(RedisWorld *w)
{
    well(w, w->live.list_incomplete(w->live.self, &w->fault));
    well(w, w->live.list_complete(w->live.self, &w->fault));
}

static void number_is_clear_only_while_the_list_is_complete(void **state)
{
    RedisWorld *w = begin(state);
    BlockEntry entry = contract_optout("+12125550100", "a");
    assert_int_equal(ask(w, "+12125550100"), CACHE_UNKNOWN);
    well(w, w->live.block(w->live.self, &entry, 1, &w->fault));
    assert_int_equal(ask(w, "+12125550100"), CACHE_BLOCKED);
    assert_int_equal(ask(w, "+12125550199"), CACHE_UNKNOWN);
    complete_list(w);
    assert_int_equal(ask(w, "+12125550199"), CACHE_CLEAR);
    well(w, w->live.list_incomplete(w->live.self, &w->fault));
    assert_int_equal(ask(w, "+12125550199"), CACHE_UNKNOWN);
}

static void list_that_is_flushed_while_it_is_given_is_not_complete(void **state)
{
    RedisWorld *w = begin(state);
    well(w, w->live.list_incomplete(w->live.self, &w->fault));
    world_says(w, "FLUSHDB");
    assert_int_equal(w->live.list_complete(w->live.self, &w->fault), STATUS_RETRY);
    assert_string_equal(w->fault.code, "list_lost");
    assert_int_equal(ask(w, "+12125550199"), CACHE_UNKNOWN);
}

/* The registry has the number, which is then away: the cache must not say that it is clear. */
static void list_is_not_complete_after_a_block_that_was_missed(void **state)
{
    RedisWorld *w = begin(state);
    BlockEntry entry = contract_optout("+12125550100", "a");
    complete_list(w);
    world_says(w, "RENAME blacklist:numbers aside");
    world_says(w, "SET blacklist:numbers text");
    assert_int_equal(w->live.block(w->live.self, &entry, 1, &w->fault), STATUS_RETRY);
    world_says(w, "DEL blacklist:numbers");
    assert_int_equal(ask(w, "+12125550100"), CACHE_UNKNOWN);
    complete_list(w);
    assert_int_equal(ask(w, "+12125550199"), CACHE_CLEAR);
}

static void recount(RedisWorld *w)
{
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    well(w, w->live.generation_end(w->live.self, true, &w->fault));
}

static void flush_is_noticed(void **state)
{
    RedisWorld *w = begin(state);
    bool counters, list;
    well(w, w->live.is_whole(w->live.self, &counters, &list, &w->fault));
    assert_false(counters || list);
    recount(w);
    complete_list(w);
    well(w, w->live.is_whole(w->live.self, &counters, &list, &w->fault));
    assert_true(counters && list);
    world_says(w, "FLUSHDB");
    well(w, w->live.is_whole(w->live.self, &counters, &list, &w->fault));
    assert_false(counters || list);
    assert_int_equal(ask(w, "+12125550199"), CACHE_UNKNOWN);
}

/* ---- refusals ---- */

static void key_of_another_program_leaves_the_batch_undone(void **state)
{
    RedisWorld *w = begin(state);
    const char *const spoils[] = {"RPUSH campaign:winter:busy x", "SET campaign:winter:busy many", "RPUSH campaign:winter:last_activity x",
                                  "SET pledgeline:names:winter x", "SET pledgeline:campaigns x", "RPUSH pledgeline:generation x"};
    Contribution winter = world_share("winter", "busy", NULL), spring = world_share("spring", "busy", NULL);
    Projection items[] = {{SLICE("call-1"), 1, NULL, &spring, NOON_MS, 0, 0}, {SLICE("call-2"), 1, NULL, &winter, NOON_MS, 0, 0}};
    for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
        world_says(w, "FLUSHDB");
        world_says(w, "%s", spoils[i]);
        assert_int_equal(w->live.project(w->live.self, items, 2, &w->fault), STATUS_RETRY);
        assert_string_equal(w->fault.code, "redis_wrong_type");
        assert_true(w->fault.is_of_one);
        assert_string_equal(world_says(w, "EXISTS campaign:spring:busy pledgeline:0:call-1 pledgeline:0:call-2"), "0");
    }
    world_says(w, "FLUSHDB");
    well(w, w->live.project(w->live.self, items, 2, &w->fault));
    assert_int_equal(world_counter(w, "spring", "busy"), 1);
}

/* ---- what guards forget ---- */

static void old_thing_without_a_guard_is_left_to_a_recount(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", NULL);
    Projection old = {SLICE("call-1"), 1, NULL, &share, NOON_MS - 7 * (int64_t)DAY_MS, 0, 0};
    well(w, w->live.project(w->live.self, &old, 1, &w->fault));
    assert_int_equal(world_counter(w, "winter", "busy"), 0);
}

static void project_item(RedisWorld *w, Projection item) { well(w, w->live.project(w->live.self, &item, 1, &w->fault)); }

static bool has_whole_counters(RedisWorld *w)
{
    bool counters, list;
    well(w, w->live.is_whole(w->live.self, &counters, &list, &w->fault));
    return counters;
}

/* It is asked for once: afterwards everything that is stored has a guard. */
static void what_is_left_to_a_recount_makes_it_happen(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", NULL);
    Projection old = {SLICE("call-1"), 1, &share, &share, NOON_MS - 7 * (int64_t)DAY_MS, NOON_MS - 7 * (int64_t)DAY_MS, 0};
    recount(w);
    project_item(w, old);
    assert_false(has_whole_counters(w));
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    project_item(w, old);
    well(w, w->live.generation_add(w->live.self, &old, 1, &w->fault));
    well(w, w->live.generation_end(w->live.self, true, &w->fault));
    for (int again = 0; again < 3; again++)
        project_item(w, old);
    assert_true(has_whole_counters(w));
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
}

/* The first try stored it and could not project it; whether it had been counted before, nobody knows any more. */
static void repeat_of_a_late_event_is_left_to_a_recount(void **state)
{
    RedisWorld *w = begin(state);
    Contribution before = world_share("winter", "active_calls", NULL), after = world_share("winter", "busy", NULL);
    int64_t long_ago = NOON_MS - 30 * (int64_t)DAY_MS;
    recount(w);
    world_says(w, "SADD pledgeline:names:winter busy");
    world_says(w, "SET campaign:winter:busy 1");
    project_item(w, (Projection){SLICE("call-1"), 2, &after, &after, NOON_MS, NOON_MS, long_ago});
    project_item(w, (Projection){SLICE("call-1"), 3, &before, &after, NOON_MS, NOON_MS, long_ago});
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
    assert_false(has_whole_counters(w));
}

/* ---- things that go ---- */

static void thing_that_is_gone_goes_once_and_may_come_again(void **state)
{
    RedisWorld *w = begin(state);
    Contribution stays = world_share("winter", "busy", NULL), was = world_share("winter", "busy", NULL), nothing = {.campaign_id = SLICE("winter")};
    recount(w);
    well(w, world_project(w, "call-1", 1, &stays));
    well(w, world_project(w, "call-2", 5, &was));
    for (int again = 0; again < 2; again++)
        project_item(w, (Projection){SLICE("call-2"), 6, &was, &nothing, NOON_MS, NOON_MS, NOON_MS});
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
    assert_true(has_whole_counters(w));
    well(w, world_project(w, "call-2", 1, &was));
    assert_int_equal(world_counter(w, "winter", "busy"), 2);
}

/* Another process had read it before it went. */
static void late_repeat_of_what_is_gone_is_left_to_a_recount(void **state)
{
    RedisWorld *w = begin(state);
    Contribution was = world_share("winter", "busy", NULL), nothing = {.campaign_id = SLICE("winter")};
    recount(w);
    well(w, world_project(w, "call-1", 5, &was));
    project_item(w, (Projection){SLICE("call-1"), 6, &was, &nothing, NOON_MS, NOON_MS, NOON_MS});
    project_item(w, (Projection){SLICE("call-1"), 5, &was, &was, NOON_MS, NOON_MS, NOON_MS});
    assert_int_equal(world_counter(w, "winter", "busy"), 0);
    assert_false(has_whole_counters(w));
}

static void what_goes_during_a_recount_does_not_come_back_with_it(void **state)
{
    RedisWorld *w = begin(state);
    Contribution was = world_share("winter", "busy", NULL), nothing = {.campaign_id = SLICE("winter")};
    Projection read_before = {SLICE("call-1"), 5, NULL, &was, NOON_MS, 0, 0};
    well(w, world_project(w, "call-1", 5, &was));
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    project_item(w, (Projection){SLICE("call-1"), 6, &was, &nothing, NOON_MS, NOON_MS, NOON_MS});
    well(w, w->live.generation_add(w->live.self, &read_before, 1, &w->fault));
    well(w, world_project(w, "call-2", 1, &was));
    well(w, w->live.generation_end(w->live.self, true, &w->fault));
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
    well(w, world_project(w, "call-1", 1, &was));
    assert_int_equal(world_counter(w, "winter", "busy"), 2);
}

/* What it said before never came here, however old its events say they are. */
static void whole_share_of_a_thing_is_added_where_its_guard_never_was(void **state)
{
    RedisWorld *w = begin(state);
    Contribution before = world_share("winter", "total_attempts", "active_calls"), after = world_share("winter", "total_attempts", "busy");
    before.last_activity_ms = after.last_activity_ms = NOON_MS - 30 * (int64_t)DAY_MS;
    recount(w);
    Projection second = {SLICE("call-1"), 2, &before, &after, NOON_MS, NOON_MS, NOON_MS};
    well(w, w->live.project(w->live.self, &second, 1, &w->fault));
    assert_int_equal(world_counter(w, "winter", "total_attempts"), 1);
    assert_int_equal(world_counter(w, "winter", "active_calls"), 0);
}

static void late_event_of_an_old_call_adds_the_difference(void **state)
{
    RedisWorld *w = begin(state);
    Contribution before = world_share("winter", "total_attempts", "active_calls"), after = world_share("winter", "total_attempts", "busy");
    well(w, world_project(w, "call-1", 1, &before));
    recount(w);
    world_says(w, "SET campaign:winter:total_attempts 1");
    world_says(w, "SET campaign:winter:active_calls 1");
    world_says(w, "DEL pledgeline:1:call-1");
    Projection late = {SLICE("call-1"), 2, &before, &after, NOON_MS, NOON_MS - 30 * (int64_t)DAY_MS, 0};
    for (int again = 0; again < 2; again++)
        well(w, w->live.project(w->live.self, &late, 1, &w->fault));
    assert_string_equal(world_says(w, "GET campaign:winter:total_attempts"), "1");
    assert_string_equal(world_says(w, "GET campaign:winter:active_calls"), "0");
}

/* ---- answers that are lost ---- */

typedef struct Lossy {
    RedisProxy proxy;
    Breaker breaker;
    Redis *redis;
    LivePort live;
} Lossy;

static void lossy_open(Lossy *lossy, RedisWorld *w)
{
    char url[100];
    int port = 0;
    sscanf(w->url, "redis://%*[^:]:%d", &port);
    proxy_start(&lossy->proxy, port);
    breaker_init(&lossy->breaker, "redis");
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/%d", lossy->proxy.port, DATABASE);
    lossy->redis = world_handle(url, &lossy->breaker, 2000);
    lossy->live = redis_live(lossy->redis);
}

static void lossy_close(Lossy *lossy)
{
    redis_close(lossy->redis);
    proxy_stop(&lossy->proxy);
    breaker_done(&lossy->breaker);
}

static Status lossy_project(void *context, Fault *fault)
{
    Lossy *lossy = context;
    Contribution share = world_share("winter", "busy", NULL);
    Projection item = {SLICE("call-1"), 1, NULL, &share, NOON_MS, 0, 0};
    return lossy->live.project(lossy->live.self, &item, 1, fault);
}

static Status lossy_begin(void *context, Fault *fault)
{
    Lossy *lossy = context;
    return lossy->live.generation_begin(lossy->live.self, NOON_MS, fault);
}

static Status lossy_add(void *context, Fault *fault)
{
    Lossy *lossy = context;
    Contribution share = world_share("winter", "busy", NULL);
    Projection item = {SLICE("call-1"), 1, NULL, &share, NOON_MS, 0, 0};
    return lossy->live.generation_add(lossy->live.self, &item, 1, fault);
}

static Status lossy_end(void *context, Fault *fault)
{
    Lossy *lossy = context;
    return lossy->live.generation_end(lossy->live.self, true, fault);
}

/* While the breaker is open the store is not asked; its pause is 100 ms at most after the first failure. */
static void repeat_until_done(Status (*verb)(void *, Fault *), Lossy *lossy)
{
    enum { TRIES = 400, BETWEEN_US = 5000 };
    Fault fault;
    Status status = verb(lossy, &fault);
    for (int tries = 0; tries < TRIES && status == STATUS_RETRY; tries++) {
        usleep(BETWEEN_US);
        status = verb(lossy, &fault);
    }
    world_must(&fault, status, "repeated");
}

/* The connection is there and has answered; then an answer of the verb, and of its silent repeat, are lost. */
static void lose(Status (*verb)(void *, Fault *), Lossy *lossy, int after)
{
    Fault fault;
    bool counters, list;
    world_must(&fault, lossy->live.is_whole(lossy->live.self, &counters, &list, &fault), "warm");
    proxy_lose(&lossy->proxy, after, 2);
    assert_int_equal(verb(lossy, &fault), STATUS_RETRY);
    proxy_lose(&lossy->proxy, 0, 0);
    repeat_until_done(verb, lossy);
}

/* So that no answer that is lost is one about a script that has to be loaded first. */
static void load_scripts(Lossy *lossy, RedisWorld *w)
{
    Status (*const verbs[])(void *, Fault *) = {lossy_project, lossy_begin, lossy_add, lossy_end};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        repeat_until_done(verbs[i], lossy);
    world_says(w, "FLUSHDB");
}

static void verbs_are_repeated_after_lost_answers_without_harm(void **state)
{
    RedisWorld *w = begin(state);
    Lossy lossy;
    lossy_open(&lossy, w);
    load_scripts(&lossy, w);
    lose(lossy_project, &lossy, 0);
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
    lose(lossy_begin, &lossy, 0);
    lose(lossy_add, &lossy, 0);
    lose(lossy_end, &lossy, 0);
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
    lossy_close(&lossy);
}

/* ---- recounts ---- */

typedef struct Differences {
    size_t count;
    int64_t live, recounted;
} Differences;

static bool note_difference(void *context, Slice campaign_id, Slice counter, int64_t live, int64_t recounted)
{
    Differences *noted = context;
    (void)campaign_id, (void)counter;
    noted->count++;
    noted->live = live;
    noted->recounted = recounted;
    return true;
}

static void recount_shows_and_mends_what_differs(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", "failed");
    Projection item = {SLICE("call-1"), 3, NULL, &share, 1, 0, 0};
    Differences noted = {0};
    well(w, world_project(w, "call-1", 3, &share));
    world_says(w, "INCRBY campaign:winter:busy 7");
    world_says(w, "DEL pledgeline:0:call-1");
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    for (int again = 0; again < 2; again++)
        well(w, w->live.generation_add(w->live.self, &item, 1, &w->fault));
    assert_string_equal(world_says(w, "GET campaign:winter:busy"), "8");
    well(w, w->live.generation_compare(w->live.self, false, note_difference, &noted, &w->fault));
    well(w, w->live.generation_end(w->live.self, true, &w->fault));
    assert_int_equal(noted.count, 1);
    assert_int_equal(noted.live, 8);
    assert_int_equal(noted.recounted, 1);
    assert_string_equal(world_says(w, "GET campaign:winter:busy"), "1");
    well(w, world_project(w, "call-1", 3, &share));
    assert_string_equal(world_says(w, "GET campaign:winter:busy"), "1");
    assert_string_equal(world_says(w, "EXISTS pledgeline:recount pledgeline:building:winter pledgeline:building_campaigns"), "0");
}

static void recount_compares_without_changing_anything(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", "failed");
    Differences differ = {0}, all = {0};
    well(w, world_project(w, "call-1", 1, &share));
    world_says(w, "DEL pledgeline:0:call-1");
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    well(w, w->live.generation_compare(w->live.self, false, note_difference, &differ, &w->fault));
    well(w, w->live.generation_compare(w->live.self, true, note_difference, &all, &w->fault));
    well(w, w->live.generation_end(w->live.self, false, &w->fault));
    assert_int_equal(differ.count, 2);
    assert_int_equal(differ.recounted, 0);
    assert_int_equal(all.count, 2);
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
}

static void recount_given_up_changes_nothing(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", NULL);
    well(w, world_project(w, "call-1", 1, &share));
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    well(w, w->live.generation_end(w->live.self, false, &w->fault));
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
    assert_string_equal(world_says(w, "EXISTS pledgeline:recount pledgeline:generation"), "0");
}

/* Of three generations with guards, and of one that nobody ended. */
static void recount_leaves_only_the_guards_that_are_read(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", NULL);
    world_says(w, "SET pledgeline:names:spring:7: aside");
    world_says(w, "SET pledgeline:99:call-1 later");
    for (int i = 0; i < 3000; i++)
        world_says(w, "SET pledgeline:0:old-%d text", i);
    for (int round = 0; round < 3; round++) {
        bool keep = round == 1;
        well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
        well(w, world_project(w, "call-1", round + 1, &share));
        well(w, w->live.generation_end(w->live.self, keep, &w->fault));
        assert_string_equal(world_says(w, "EXISTS pledgeline:%d:call-1", round + 1), keep ? "1" : "0");
        assert_string_equal(world_says(w, "EXISTS pledgeline:0:call-1"), round == 0 ? "1" : "0");
    }
    assert_string_equal(world_says(w, "EXISTS pledgeline:2:call-1 pledgeline:names:spring:7: pledgeline:99:call-1"), "3");
    assert_string_equal(world_says(w, "EXISTS pledgeline:0:old-0 pledgeline:0:old-2999"), "0");
    well(w, world_project(w, "call-1", 3, &share));
    assert_int_equal(world_counter(w, "winter", "busy"), 1);
}

static void one_recount_at_a_time(void **state)
{
    RedisWorld *w = begin(state);
    Contribution share = world_share("winter", "busy", NULL);
    Projection item = {SLICE("call-1"), 1, NULL, &share, NOON_MS, 0, 0};
    Redis *other = world_handle(w->url, &w->breaker, 0);
    LivePort second = redis_live(other);
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    assert_int_equal(second.generation_begin(second.self, NOON_MS, &w->fault), STATUS_RETRY);
    assert_string_equal(w->fault.code, "recount_running");
    world_says(w, "DEL pledgeline:recount"); /* as when the lease is over */
    well(w, second.generation_begin(second.self, NOON_MS, &w->fault));
    assert_int_equal(w->live.generation_add(w->live.self, &item, 1, &w->fault), STATUS_RETRY);
    assert_string_equal(w->fault.code, "recount_lost");
    assert_int_equal(w->live.generation_end(w->live.self, true, &w->fault), STATUS_RETRY);
    well(w, second.generation_end(second.self, true, &w->fault));
    redis_close(other);
}

static void thing_twice_in_a_batch_counts_once(void **state)
{
    RedisWorld *w = begin(state);
    Contribution first = world_share("winter", "active_calls", NULL), second = world_share("spring", "busy", NULL);
    Projection items[] = {{SLICE("call-1"), 1, NULL, &first, NOON_MS, 0, 0}, {SLICE("call-1"), 2, NULL, &second, NOON_MS, 0, 0}, {SLICE("call-1"), 1, NULL, &first, NOON_MS, 0, 0}};
    well(w, w->live.project(w->live.self, items, 3, &w->fault));
    assert_int_equal(world_counter(w, "winter", "active_calls"), 0);
    assert_int_equal(world_counter(w, "spring", "busy"), 1);
}

static void what_is_projected_during_a_recount_is_in_it(void **state)
{
    RedisWorld *w = begin(state);
    Contribution first = world_share("winter", "active_calls", NULL), second = world_share("spring", "busy", NULL);
    Projection stored = {SLICE("call-1"), 1, NULL, &first, NOON_MS, 0, 0};
    well(w, world_project(w, "call-1", 1, &first));
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    well(w, world_project(w, "call-2", 5, &second)); /* before it is counted … */
    Projection older = {SLICE("call-2"), 4, NULL, &first, NOON_MS, 0, 0};
    well(w, w->live.generation_add(w->live.self, &stored, 1, &w->fault));
    well(w, w->live.generation_add(w->live.self, &older, 1, &w->fault));
    well(w, world_project(w, "call-1", 2, &second)); /* … and after */
    well(w, w->live.generation_end(w->live.self, true, &w->fault));
    assert_int_equal(world_counter(w, "spring", "busy"), 2);
    assert_int_equal(world_counter(w, "winter", "active_calls"), 0);
    assert_string_equal(world_says(w, "GET campaign:spring:last_activity"), "2025-01-15T12:00:00.000Z");
}

/* ---- recounts while calls go on: a store of calls, saved first and projected after ---- */

enum { CALLS = 200, CHANGES = 6000, RECOUNT_BATCH = 4 };

typedef struct Store {
    pthread_mutex_t lock;
    Contribution shares[CALLS];
    int64_t revs[CALLS];
    const char *url;
    Breaker *breaker;
    bool ended;
} Store;

static const char *const campaigns[] = {"winter", "spring"};
static const char *const names[] = {"total_attempts", "busy", "failed"};

static Projection save(Store *store, unsigned *seed, Contribution *ret_share, Slice key)
{
    size_t call = (size_t)atoi(key.at);
    *ret_share = (Contribution){.campaign_id = slice_of(campaigns[rand_r(seed) % 2]), .last_activity_ms = NOON_MS};
    for (size_t i = 0; i < 3; i++)
        contribution_add(ret_share, slice_of(names[i]), rand_r(seed) % 3);
    pthread_mutex_lock(&store->lock);
    store->shares[call] = *ret_share;
    int64_t rev = ++store->revs[call];
    pthread_mutex_unlock(&store->lock);
    return (Projection){key, rev, NULL, ret_share, NOON_MS, 0, 0};
}

static void *change_calls(void *context)
{
    Store *store = context;
    unsigned seed = 1705;
    Redis *redis = world_handle(store->url, store->breaker, 0);
    LivePort live = redis_live(redis);
    for (int i = 0; i < CHANGES; i++) {
        char key[12];
        Contribution share;
        Fault fault;
        snprintf(key, sizeof key, "%d", rand_r(&seed) % CALLS);
        Projection item = save(store, &seed, &share, slice_of(key));
        if (live.project(live.self, &item, 1, &fault))
            print_error("project: %s\n", fault.text);
    }
    redis_close(redis);
    __atomic_store_n(&store->ended, true, __ATOMIC_SEQ_CST);
    return NULL;
}

static void count_again(RedisWorld *w, Store *store)
{
    Contribution shares[RECOUNT_BATCH];
    Projection items[RECOUNT_BATCH];
    well(w, w->live.generation_begin(w->live.self, NOON_MS, &w->fault));
    for (size_t from = 0; from < CALLS; from += RECOUNT_BATCH) {
        size_t count = 0;
        pthread_mutex_lock(&store->lock);
        for (size_t call = from; call < CALLS && count < RECOUNT_BATCH; call++) {
            shares[count] = store->shares[call];
            items[count] = (Projection){arena_printf(&w->arena, "%zu", call), store->revs[call], NULL, &shares[count], 1, 0, 0};
            count += store->revs[call] > 0;
        }
        pthread_mutex_unlock(&store->lock);
        well(w, w->live.generation_add(w->live.self, items, count, &w->fault));
    }
    well(w, w->live.generation_end(w->live.self, true, &w->fault));
}

static int64_t sum(const Store *store, const char *campaign_id, const char *name)
{
    int64_t total = 0;
    for (size_t call = 0; call < CALLS; call++) {
        const Contribution *share = &store->shares[call];
        for (size_t i = 0; i < share->count && slice_equal(share->campaign_id, slice_of(campaign_id)); i++)
            total += slice_equal(share->counters[i].name, slice_of(name)) ? share->counters[i].value : 0;
    }
    return total;
}

/* The traffic ends in the midst of the last recount, so nothing that came later can mend what that one missed. */
static void recounts_under_traffic_end_in_the_right_sums(void **state)
{
    RedisWorld *w = begin(state);
    Store store = {.lock = PTHREAD_MUTEX_INITIALIZER, .url = w->url, .breaker = &w->breaker};
    pthread_t traffic;
    int recounts = 0;
    pthread_create(&traffic, NULL, change_calls, &store);
    for (; !__atomic_load_n(&store.ended, __ATOMIC_SEQ_CST); recounts++)
        count_again(w, &store);
    pthread_join(traffic, NULL);
    assert_true(recounts > 1);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(world_counter(w, campaigns[i], names[k]), sum(&store, campaigns[i], names[k]));
    }
}

#define REDIS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REDIS_TEST(counters_are_plain_integers),
        REDIS_TEST(block_puts_number_and_entry),
        REDIS_TEST(actions_stay_for_a_day),
        REDIS_TEST(number_is_clear_only_while_the_list_is_complete),
        REDIS_TEST(list_that_is_flushed_while_it_is_given_is_not_complete),
        REDIS_TEST(list_is_not_complete_after_a_block_that_was_missed),
        REDIS_TEST(flush_is_noticed),
        REDIS_TEST(key_of_another_program_leaves_the_batch_undone),
        REDIS_TEST(old_thing_without_a_guard_is_left_to_a_recount),
        REDIS_TEST(what_is_left_to_a_recount_makes_it_happen),
        REDIS_TEST(repeat_of_a_late_event_is_left_to_a_recount),
        REDIS_TEST(thing_that_is_gone_goes_once_and_may_come_again),
        REDIS_TEST(late_repeat_of_what_is_gone_is_left_to_a_recount),
        REDIS_TEST(what_goes_during_a_recount_does_not_come_back_with_it),
        REDIS_TEST(whole_share_of_a_thing_is_added_where_its_guard_never_was),
        REDIS_TEST(late_event_of_an_old_call_adds_the_difference),
        REDIS_TEST(verbs_are_repeated_after_lost_answers_without_harm),
        REDIS_TEST(recount_shows_and_mends_what_differs),
        REDIS_TEST(recount_compares_without_changing_anything),
        REDIS_TEST(recount_given_up_changes_nothing),
        REDIS_TEST(recount_leaves_only_the_guards_that_are_read),
        REDIS_TEST(one_recount_at_a_time),
        REDIS_TEST(thing_twice_in_a_batch_counts_once),
        REDIS_TEST(what_is_projected_during_a_recount_is_in_it),
        REDIS_TEST(recounts_under_traffic_end_in_the_right_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
