/* What a PBX says of its channels, and the record that comes of it. The scripts are those of a real Asterisk 22, shortened. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/carriers.h"
#include "event/envelope.h"
#include "event/handlers.h"
#include "ingress/live_calls.h"

enum { TOLD_MAX = 64, SHUFFLES = 200 };

#define AT 1795280881000 /* 2026-11-21T17:08:01Z */
#define SOON 100000      /* on a clock that goes on; far beyond what waits */

static const Rating rating = {.micros_per_minute = 10000, .currency = {"USD", 3}};

typedef struct World {
    Arena arena;
    LiveCalls *calls;
    ChannelMap *map;
    Slice told[TOLD_MAX], topics[TOLD_MAX];
    size_t count;
} World;

static void tell(void *context, Slice topic, Slice body)
{
    World *world = context;
    assert_true(world->count < TOLD_MAX);
    world->topics[world->count] = arena_copy(&world->arena, topic);
    world->told[world->count++] = arena_copy(&world->arena, body);
}

static int world_open(void **state)
{
    static World world;
    world = (World){.map = channel_map_new()};
    LiveCallsSettings settings = {.map = world.map, .tell = tell, .context = &world};
    world.calls = live_calls_new(&settings);
    live_calls_set_system(world.calls, SLICE("pbx1"));
    *state = &world;
    return 0;
}

static int world_close(void **state)
{
    World *world = *state;
    live_calls_free(world->calls);
    channel_map_free(world->map);
    arena_done(&world->arena);
    return 0;
}

/* Another observer of the same PBX, in the same world. */
static void observe_anew(World *world)
{
    LiveCallsSettings settings = {.tell = tell, .context = world};
    live_calls_free(world->calls);
    world->calls = live_calls_new(&settings);
    live_calls_set_system(world->calls, SLICE("pbx1"));
}

#define TAKE(world, ...) live_calls_take((world)->calls, &(ChannelEvent){__VA_ARGS__}, 0)
#define OF_CALL(id) .variables = {[VARIABLE_CALL_ID] = SLICE_INIT(id), [VARIABLE_CAMPAIGN_ID] = SLICE_INIT("camp")}
#define ONE .uniqueid = SLICE("u1"), .name = SLICE("Local/s@out-00000001;1")
#define TWO .uniqueid = SLICE("u1-2"), .name = SLICE("Local/s@out-00000001;2")
#define LINKED .linkedid = SLICE("u1")

/* As AMI tells it: linked ids, and all variables with each event. */
static void press_by_ami(World *world)
{
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, .knows_variables = true);
    TAKE(world, .kind = CHANNEL_CREATED, TWO, LINKED, .at_ms = AT, .knows_variables = true);
    TAKE(world, .kind = CHANNEL_DIALLED, ONE, .at_ms = AT + 1, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 2, .state = CHANNEL_RINGING, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, TWO, LINKED, .at_ms = AT + 503, .state = CHANNEL_UP, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 504, .state = CHANNEL_UP, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_DIALLED, ONE, .at_ms = AT + 504, .state = CHANNEL_UP, .status = SLICE("ANSWER"), OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_DIGIT, TWO, LINKED, .at_ms = AT + 2306, .state = CHANNEL_UP, .digit = '9');
    TAKE(world, .kind = CHANNEL_DIGIT, ONE, LINKED, .at_ms = AT + 2309, .state = CHANNEL_UP, .digit = '9');
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 4400, .state = CHANNEL_UP, .cause = 16, .cause_text = SLICE("Normal Clearing"));
    TAKE(world, .kind = CHANNEL_GONE, TWO, LINKED, .at_ms = AT + 4401, .state = CHANNEL_UP, .cause = 16);
}

/* The same as ARI tells it: no linked ids, and each variable when it is set. */
static void press_by_ari(World *world)
{
    TAKE(world, .kind = CHANNEL_CREATED, ONE, .at_ms = AT, .created_ms = AT);
    TAKE(world, .kind = CHANNEL_CREATED, TWO, .at_ms = AT, .created_ms = AT);
    TAKE(world, .kind = CHANNEL_CHANGED, TWO, .at_ms = AT, .variables = {[VARIABLE_CAMPAIGN_ID] = SLICE("camp")});
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, .at_ms = AT, .variables = {[VARIABLE_CALL_ID] = SLICE("c1")});
    TAKE(world, .kind = CHANNEL_DIALLED, ONE, .at_ms = AT + 1);
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, .at_ms = AT + 2, .state = CHANNEL_RINGING);
    TAKE(world, .kind = CHANNEL_CHANGED, TWO, .at_ms = AT + 503, .state = CHANNEL_UP);
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, .at_ms = AT + 504, .state = CHANNEL_UP);
    TAKE(world, .kind = CHANNEL_DIGIT, TWO, .at_ms = AT + 2306, .state = CHANNEL_UP, .digit = '9');
    TAKE(world, .kind = CHANNEL_DIGIT, ONE, .at_ms = AT + 2309, .state = CHANNEL_UP, .digit = '9');
    TAKE(world, .kind = CHANNEL_GONE, TWO, .at_ms = AT + 4401, .state = CHANNEL_UP, .cause = 16);
    TAKE(world, .kind = CHANNEL_GONE, ONE, .at_ms = AT + 4401, .state = CHANNEL_UP, .cause = 16);
}

/* ---- the record ---- */

static Event event_of(World *world, Slice body)
{
    Delivery delivery = {.body = body, .topic = SLICE("call-events"), .received_ms = AT + 5000};
    Message message;
    Event event = {0};
    Fault fault = {0};
    if (envelope_decode(&delivery, known_carriers, &world->arena, &message, &fault) || call_handler.parse(&message, &world->arena, &event, &fault))
        fail_msg("%.*s: %s", SLICE_ARG(body), fault.text);
    return event;
}

static Cdr record_of(World *world, const size_t *order, size_t count)
{
    Cdr cdr = {.call_id = SLICE("c1")};
    for (size_t i = 0; i < count; i++) {
        Event event = event_of(world, world->told[order[i]]);
        cdr_fold(&cdr, &event, &world->arena);
    }
    cdr_derive(&cdr, &rating, &world->arena);
    return cdr;
}

static Cdr record(World *world)
{
    size_t order[TOLD_MAX];
    for (size_t i = 0; i < world->count; i++)
        order[i] = i;
    return record_of(world, order, world->count);
}

static Slice printed(World *world, const size_t *order, size_t count)
{
    Text text = text_in(&world->arena);
    Cdr cdr = record_of(world, order, count);
    cdr_print(&cdr, &world->arena, &text);
    return text_slice(&text);
}

static Slice kinds(World *world)
{
    Text text = text_in(&world->arena);
    for (size_t i = 0; i < world->count; i++) {
        Event event = event_of(world, world->told[i]);
        text_printf(&text, "%s%.*s", i ? " " : "", SLICE_ARG(slice_empty(event.state) ? event.type_name : event.state));
    }
    return text_slice(&text);
}

static void call_is_told_from_beginning_to_end_once(void **state)
{
    World *world = *state;
    press_by_ami(world);
    assert_slice(kinds(world), "call_initiated dialing ringing call_answered dtmf_pressed call_ended");
}

static void record_has_what_the_pbx_said(void **state)
{
    World *world = *state;
    press_by_ami(world);
    Cdr cdr = record(world);
    assert_slice(cdr.campaign_id, "camp");
    assert_slice(cdr.status, "completed");
    assert_slice(cdr.outcome, "answered");
    assert_int_equal(cdr.start_ms, AT);
    assert_int_equal(cdr.answer_ms, AT + 503);
    assert_int_equal(cdr.end_ms, AT + 4401);
    assert_int_equal(cdr.hangup_cause, 16);
}

static void both_interfaces_tell_the_same_events(void **state)
{
    World *world = *state;
    press_by_ami(world);
    size_t by_ami = world->count;
    observe_anew(world);
    press_by_ari(world);
    assert_int_equal(world->count, by_ami * 2);
    for (size_t i = 0; i < by_ami; i++)
        assert_true(slice_equal(world->told[i], world->told[by_ami + i]));
}

static void any_order_of_what_two_observers_tell_is_one_record(void **state)
{
    World *world = *state;
    press_by_ami(world);
    size_t order[TOLD_MAX], by_one = world->count;
    observe_anew(world);
    press_by_ari(world);
    for (size_t i = 0; i < world->count; i++)
        order[i] = i;
    Slice expected = printed(world, order, by_one);
    for (int shuffle = 0; shuffle < SHUFFLES; shuffle++) {
        for (size_t i = world->count - 1; i > 0; i--) {
            size_t other = (size_t)random() % (i + 1), kept = order[i];
            order[i] = order[other];
            order[other] = kept;
        }
        assert_true(slice_equal(printed(world, order, world->count), expected));
    }
}

/* ---- how it ended ---- */

typedef struct Ending {
    int32_t cause_one, cause_two;
    const char *status;  /* of the dial */
    int reason_given;    /* and of the order, as a status */
    bool rings;
    const char *outcome;
    int32_t cause;
} Ending;

static const char *const reasons[] = {"", "NOANSWER", "BUSY", "CONGESTION"};

static void assert_ends(World *world, const Ending *ending, bool is_late)
{
    ChannelEvent originated = {.kind = CHANNEL_ORIGINATED, .uniqueid = SLICE("u1"), .at_ms = AT + 90, .has_failed = true,
                               .status = slice_of(reasons[ending->reason_given])};
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT);
    TAKE(world, .kind = CHANNEL_CREATED, TWO, LINKED, .at_ms = AT);
    TAKE(world, .kind = CHANNEL_DIALLED, ONE, .at_ms = AT + 1, OF_CALL("c1"));
    if (ending->rings)
        TAKE(world, .kind = CHANNEL_CHANGED, ONE, .at_ms = AT + 1, .state = CHANNEL_RINGING);
    if (!is_late)
        live_calls_take(world->calls, &originated, 0);
    if (*ending->status)
        TAKE(world, .kind = CHANNEL_DIALLED, ONE, .at_ms = AT + 2, .status = slice_of(ending->status));
    TAKE(world, .kind = CHANNEL_GONE, TWO, .at_ms = AT + 2000, .cause = ending->cause_two);
    TAKE(world, .kind = CHANNEL_GONE, ONE, .at_ms = AT + 2000, .cause = ending->cause_one);
    if (is_late)
        live_calls_take(world->calls, &originated, 1);
    live_calls_tick(world->calls, SOON);
    Cdr cdr = record(world);
    assert_slice(cdr.outcome, ending->outcome);
    assert_int_equal(cdr.hangup_cause, ending->cause);
    assert_int_equal(cdr.end_ms, AT + 2000);
    assert_false(cdr.answered || cdr.open || cdr.inferred);
    world->count = 0;
}

/* Rows of a real Asterisk 22 and 16: who knows differs. */
static void call_that_fails_has_the_outcome_that_somebody_knows(void **state)
{
    static const Ending endings[] = {
        {0, 17, "BUSY", 2, false, "busy", 17},
        {0, 34, "CONGESTION", 3, false, "failed", 34},
        {21, 21, "NOANSWER", 0, false, "failed", 21},
        {1, 1, "NOANSWER", 0, false, "failed", 1},
        {19, 19, "", 1, true, "no_answer", 19},
        {0, 0, "", 1, true, "no_answer", 0},
        {0, 0, "", 1, false, "no_answer", 0},
        {0, 0, "", 2, false, "busy", 0},
        {0, 0, "", 0, false, "failed", 0},
        {17, 17, "", 0, false, "busy", 17},
        {16, 0, "", 0, true, "no_answer", 16},
    };
    World *world = *state;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        assert_ends(world, &endings[i], false);
        assert_ends(world, &endings[i], true);
    }
}

/* ---- what is one call ---- */

static void channel_without_variables_of_ours_is_not_told(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, .knows_variables = true);
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 1, .state = CHANNEL_UP);
    TAKE(world, .kind = CHANNEL_DIGIT, ONE, LINKED, .at_ms = AT + 2, .state = CHANNEL_UP, .digit = '1');
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 3, .state = CHANNEL_UP, .cause = 16);
    assert_int_equal(world->count, 0);
}

static void campaign_alone_makes_the_linked_id_the_call_id(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT);
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("u7"), .linkedid = SLICE("u1"), .at_ms = AT);
    TAKE(world, .kind = CHANNEL_CHANGED, .uniqueid = SLICE("u7"), .linkedid = SLICE("u1"), .at_ms = AT + 1, .state = CHANNEL_UP,
         .variables = {[VARIABLE_CAMPAIGN_ID] = SLICE("camp")});
    assert_slice(event_of(world, world->told[0]).call_id, "u1");
}

static void who_is_dialled_is_a_leg_of_the_call(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("u1"), .name = SLICE("PJSIP/in-1"), .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("u2"), .name = SLICE("PJSIP/out-2"), .at_ms = AT + 5);
    TAKE(world, .kind = CHANNEL_DIALLED, .uniqueid = SLICE("u2"), .dialled_by = SLICE("u1"), .at_ms = AT + 6);
    TAKE(world, .kind = CHANNEL_CHANGED, .uniqueid = SLICE("u2"), .at_ms = AT + 900, .state = CHANNEL_UP);
    TAKE(world, .kind = CHANNEL_GONE, .uniqueid = SLICE("u1"), .at_ms = AT + 5000, .cause = 16);
    TAKE(world, .kind = CHANNEL_GONE, .uniqueid = SLICE("u2"), .at_ms = AT + 5001, .cause = 16);
    assert_slice(kinds(world), "call_initiated dialing call_answered call_ended");
    assert_int_equal(record(world).end_ms, AT + 5001);
}

static void legs_with_one_call_id_are_one_call_until_the_last_is_gone(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("u1"), .linkedid = SLICE("u1"), .at_ms = AT);
    TAKE(world, .kind = CHANNEL_CHANGED, .uniqueid = SLICE("u1"), .at_ms = AT + 1, .state = CHANNEL_UP, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("u2"), .linkedid = SLICE("u2"), .at_ms = AT + 2);
    TAKE(world, .kind = CHANNEL_CHANGED, .uniqueid = SLICE("u2"), .at_ms = AT + 3, .state = CHANNEL_UP, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_GONE, .uniqueid = SLICE("u1"), .at_ms = AT + 2000, .cause = 16);
    assert_slice(kinds(world), "call_initiated call_answered");
    TAKE(world, .kind = CHANNEL_GONE, .uniqueid = SLICE("u2"), .at_ms = AT + 3000, .cause = 16);
    assert_slice(kinds(world), "call_initiated call_answered call_ended");
}

static void same_digit_of_one_channel_is_two_presses(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CREATED, TWO, LINKED, .at_ms = AT, OF_CALL("c1"));
    for (int64_t at_ms = AT + 100; at_ms < AT + 500; at_ms += 200) {
        TAKE(world, .kind = CHANNEL_DIGIT, TWO, LINKED, .at_ms = at_ms, .state = CHANNEL_UP, .digit = '1');
        TAKE(world, .kind = CHANNEL_DIGIT, ONE, LINKED, .at_ms = at_ms + 3, .state = CHANNEL_UP, .digit = '1');
    }
    assert_slice(kinds(world), "call_initiated call_answered dtmf_pressed dtmf_pressed");
}

static void channels_of_a_call_can_be_found_by_its_id(void **state)
{
    World *world = *state;
    Slice channels[CALL_CHANNELS_MAX];
    size_t count;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT);
    TAKE(world, .kind = CHANNEL_CREATED, TWO, LINKED, .at_ms = AT);
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 1, .state = CHANNEL_RINGING, OF_CALL("c1"));
    assert_int_equal(channel_map_find(world->map, SLICE("c1"), &world->arena, channels, &count), CHANNELS_THERE);
    assert_int_equal(count, 2);
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 2, .cause = 17);
    TAKE(world, .kind = CHANNEL_GONE, TWO, LINKED, .at_ms = AT + 2, .cause = 17);
    assert_int_equal(channel_map_find(world->map, SLICE("c1"), &world->arena, channels, &count), CHANNELS_GONE);
}

static void call_id_that_is_used_again_is_another_call(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT);
    TAKE(world, .kind = CHANNEL_DIALLED, ONE, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 1);
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("u5"), .linkedid = SLICE("u5"), .at_ms = AT + 500);
    TAKE(world, .kind = CHANNEL_CHANGED, .uniqueid = SLICE("u5"), .at_ms = AT + 600, .state = CHANNEL_UP, OF_CALL("c1"));
    assert_slice(kinds(world), "call_initiated dialing call_ended call_initiated call_answered");
}

/* The first is gone without a word, the second before it dials: both wait for one, and the second takes the id of the first. */
static void two_tries_of_one_call_that_fail_at_once_are_two_calls(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 1, .state = CHANNEL_DIALING, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 100, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("u5"), .linkedid = SLICE("u5"), .at_ms = AT + 200, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_GONE, .uniqueid = SLICE("u5"), .linkedid = SLICE("u5"), .at_ms = AT + 201, OF_CALL("c1"));
    live_calls_tick(world->calls, SOON);
    assert_slice(kinds(world), "call_initiated dialing call_ended call_initiated call_ended");
}

static void call_that_gets_a_channel_while_it_waits_for_a_last_word_goes_on(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 1, .state = CHANNEL_DIALING, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 100, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CREATED, TWO, LINKED, .at_ms = AT + 200, OF_CALL("c1"));
    live_calls_tick(world->calls, SOON);
    assert_slice(kinds(world), "call_initiated dialing");
    TAKE(world, .kind = CHANNEL_GONE, TWO, LINKED, .at_ms = AT + 3000, OF_CALL("c1"));
    live_calls_tick(world->calls, SOON);
    assert_slice(kinds(world), "call_initiated dialing call_ended");
    assert_int_equal(record(world).end_ms, AT + 3000);
}

/* ---- what was missed ---- */

static void list_brings_a_call_that_was_missed(void **state)
{
    World *world = *state;
    live_calls_list_begins(world->calls, 0);
    TAKE(world, .kind = CHANNEL_LISTED, ONE, LINKED, .at_ms = AT + 5000, .created_ms = AT, .state = CHANNEL_UP, OF_CALL("c1"));
    live_calls_list_ends(world->calls, 1);
    assert_slice(kinds(world), "call_initiated call_answered");
    assert_int_equal(record(world).start_ms, AT);
}

static void lose_the_call(World *world)
{
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 1000, .state = CHANNEL_UP, OF_CALL("c1"));
    live_calls_list_begins(world->calls, AT + 61000);
    live_calls_list_ends(world->calls, 1);
    live_calls_tick(world->calls, 2);
}

static void call_that_is_in_no_list_any_more_ends_by_inference(void **state)
{
    World *world = *state;
    lose_the_call(world);
    live_calls_tick(world->calls, SOON);
    Cdr cdr = record(world);
    assert_true(cdr.inferred);
    assert_false(cdr.open);
    assert_slice(cdr.status, "incomplete");
    assert_int_equal(cdr.end_ms, AT + 61000);
    assert_int_equal(cdr.billsec_s, 60);
}

static void end_that_was_on_its_way_beats_the_list(void **state)
{
    World *world = *state;
    lose_the_call(world);
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 30000, .cause = 16);
    live_calls_tick(world->calls, SOON);
    assert_slice(kinds(world), "call_initiated call_answered call_ended");
    assert_false(record(world).inferred);
}

static void end_that_was_seen_is_no_inferred_one_where_another_leg_vanished_before(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, TWO, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, TWO, LINKED, .at_ms = AT + 1, .state = CHANNEL_RINGING, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT + 2, OF_CALL("c1"));
    live_calls_list_begins(world->calls, AT + 1000);
    TAKE(world, .kind = CHANNEL_LISTED, ONE, LINKED, .at_ms = AT + 1000, .created_ms = AT + 2, .state = CHANNEL_RINGING, OF_CALL("c1"));
    live_calls_list_ends(world->calls, 1);
    live_calls_tick(world->calls, SOON);
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 9000, .cause = 17);
    live_calls_tick(world->calls, 2 * SOON);
    Cdr cdr = record(world);
    assert_false(cdr.inferred);
    assert_slice(cdr.outcome, "busy");
}

static void end_that_another_observer_saw_beats_an_inferred_one(void **state)
{
    World *world = *state;
    lose_the_call(world);
    live_calls_tick(world->calls, SOON);
    observe_anew(world);
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_CHANGED, ONE, LINKED, .at_ms = AT + 1000, .state = CHANNEL_UP, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 30000, .cause = 16);
    Cdr cdr = record(world);
    assert_false(cdr.inferred);
    assert_slice(cdr.status, "completed");
    assert_int_equal(cdr.end_ms, AT + 30000);
    assert_int_equal(cdr.billsec_s, 29);
}

/* ---- calls that should have spoken a text ---- */

#define REF "0123456789abcdef0123456789abcdef"

static void speech_ends(World *world, int32_t cause, const char *text, bool is_answered)
{
    TAKE(world, .kind = CHANNEL_CREATED, .uniqueid = SLICE("pledgeline-" REF), .at_ms = AT, OF_CALL("pledgeline-" REF));
    TAKE(world, .kind = CHANNEL_CHANGED, .uniqueid = SLICE("pledgeline-" REF), .at_ms = AT + 1, .state = is_answered ? CHANNEL_UP : CHANNEL_RINGING);
    TAKE(world, .kind = CHANNEL_GONE, .uniqueid = SLICE("pledgeline-" REF), .at_ms = AT + 2, .cause = cause, .cause_text = slice_of(text));
}

static void unanswered_speech_is_a_receipt(void **state)
{
    World *world = *state;
    speech_ends(world, 17, "User busy", false);
    assert_slice(world->topics[world->count - 1], "delivery-receipts");
    assert_slice(world->told[world->count - 1],
                 "{\"ref\":\"" REF "\",\"provider\":\"asterisk\",\"messageId\":\"pledgeline-" REF "\",\"state\":\"undelivered\","
                 "\"class\":\"temp_unreachable\",\"code\":\"17\",\"reason\":\"User busy\",\"timestamp\":\"2026-11-21T17:08:01.002Z\"}");
}

static void speech_to_a_number_that_nobody_has_says_so(void **state)
{
    World *world = *state;
    speech_ends(world, 1, "Unallocated (unassigned) number", false);
    assert_true(slice_holds(world->told[world->count - 1], SLICE("\"class\":\"dead_number\",\"code\":\"1\"")));
}

static void answered_speech_is_left_to_who_speaks(void **state)
{
    World *world = *state;
    speech_ends(world, 16, "Normal Clearing", true);
    for (size_t i = 0; i < world->count; i++)
        assert_slice(world->topics[i], "call-events");
}

static void speech_that_never_had_a_channel_is_a_receipt(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_ORIGINATED, .uniqueid = SLICE("pledgeline-" REF), .at_ms = AT, .has_failed = true);
    assert_int_equal(world->count, 0);
    live_calls_tick(world->calls, SOON);
    assert_int_equal(world->count, 1);
    assert_true(slice_holds(world->told[0], SLICE("\"class\":\"unknown\",\"code\":\"0\"")));
}

static size_t receipts(const World *world)
{
    size_t count = 0;
    for (size_t i = 0; i < world->count; i++)
        count += slice_equal(world->topics[i], SLICE("delivery-receipts"));
    return count;
}

/* The word of whoever ordered the call comes by another way, so it may be first or last. */
static void order_that_failed_adds_no_second_receipt(void **state)
{
    World *world = *state;
    ChannelEvent order = {.kind = CHANNEL_ORIGINATED, .uniqueid = SLICE("pledgeline-" REF), .at_ms = AT, .has_failed = true};
    speech_ends(world, 1, "Unallocated (unassigned) number", false);
    live_calls_take(world->calls, &order, 0);
    live_calls_tick(world->calls, SOON);
    assert_int_equal(receipts(world), 1);
    observe_anew(world);
    live_calls_take(world->calls, &order, 0);
    speech_ends(world, 1, "Unallocated (unassigned) number", false);
    live_calls_tick(world->calls, SOON);
    assert_int_equal(receipts(world), 2);
    assert_true(slice_holds(world->told[world->count - 1], SLICE("\"class\":\"dead_number\"")));
}

static void order_that_failed_before_its_channel_was_told_of_says_why(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_ORIGINATED, .uniqueid = SLICE("u1"), .at_ms = AT, .has_failed = true, .status = SLICE("BUSY"));
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, OF_CALL("c1"));
    TAKE(world, .kind = CHANNEL_GONE, ONE, LINKED, .at_ms = AT + 1);
    live_calls_tick(world->calls, SOON);
    assert_slice(record(world).outcome, "busy");
}

/* ---- what a dialplan may hold ---- */

static void variables_of_any_bytes_make_json(void **state)
{
    World *world = *state;
    TAKE(world, .kind = CHANNEL_CREATED, ONE, LINKED, .at_ms = AT, .state = CHANNEL_UP,
         .variables = {[VARIABLE_CALL_ID] = SLICE("c1"), [VARIABLE_PHONE] = SLICE("0501234567"), [VARIABLE_CAMPAIGN_NAME] = SLICE("a\xff\"\n\\b")});
    assert_slice(kinds(world), "call_initiated call_answered");
    assert_false(slice_holds(world->told[0], SLICE("phoneNumber")));
}

/* ---- anything at all ---- */

enum { STRANGE_EVENTS = 20000 };

static size_t one_of(size_t count) { return (size_t)random() % count; }

static ChannelEvent strange_event(int64_t at_ms)
{
    static const Slice ids[] = {SLICE_INIT(""), SLICE_INIT("u1"), SLICE_INIT("u2"), SLICE_INIT("u3"), SLICE_INIT("pledgeline-" REF)};
    static const Slice names[] = {SLICE_INIT(""), SLICE_INIT("Local/a@b-1;1"), SLICE_INIT("Local/a@b-1;2"), SLICE_INIT("PJSIP/x-1")};
    static const Slice call_ids[] = {SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("c1"), SLICE_INIT("c2")};
    static const Slice statuses[] = {SLICE_INIT(""), SLICE_INIT("BUSY"), SLICE_INIT("strange")};
    return (ChannelEvent){.kind = (ChannelEventKind)one_of(CHANNEL_ORIGINATED + 1), .uniqueid = ids[one_of(5)], .linkedid = ids[one_of(5)],
                          .name = names[one_of(4)], .dialled_by = ids[one_of(5)], .at_ms = at_ms, .state = (ChannelState)one_of(CHANNEL_UP + 1),
                          .variables = {[VARIABLE_CALL_ID] = call_ids[one_of(4)], [VARIABLE_CAMPAIGN_ID] = call_ids[one_of(4)]},
                          .knows_variables = one_of(2), .digit = (char)('0' + one_of(3)), .status = statuses[one_of(3)], .has_failed = one_of(2),
                          .cause = (int32_t)one_of(40)};
}

static void check_body(void *context, Slice topic, Slice body)
{
    World *world = context;
    if (slice_equal(topic, SLICE("call-events")))
        event_of(world, body);
    arena_reset(&world->arena);
}

/* Whatever comes in whatever order: what is told can be read, and in the end nothing is left in the map. */
static void strange_events_break_nothing(void **state)
{
    World *world = *state;
    LiveCallsSettings settings = {.map = world->map, .tell = check_body, .context = world};
    Slice channels[CALL_CHANNELS_MAX];
    size_t count;
    live_calls_free(world->calls);
    world->calls = live_calls_new(&settings);
    for (int64_t i = 0; i < STRANGE_EVENTS; i++) {
        ChannelEvent event = strange_event(AT + i);
        live_calls_take(world->calls, &event, i);
        if (!one_of(50)) {
            live_calls_list_begins(world->calls, AT + i);
            live_calls_list_ends(world->calls, i);
        }
        if (!one_of(10))
            live_calls_tick(world->calls, i + (int64_t)one_of(5000));
    }
    live_calls_list_begins(world->calls, AT);
    live_calls_list_ends(world->calls, SOON);
    live_calls_tick(world->calls, 2 * SOON);
    assert_int_not_equal(channel_map_find(world->map, SLICE("c1"), &world->arena, channels, &count), CHANNELS_THERE);
    assert_int_not_equal(channel_map_find(world->map, SLICE("c2"), &world->arena, channels, &count), CHANNELS_THERE);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, world_open, world_close)
    const struct CMUnitTest tests[] = {
        TEST(call_is_told_from_beginning_to_end_once),
        TEST(record_has_what_the_pbx_said),
        TEST(both_interfaces_tell_the_same_events),
        TEST(any_order_of_what_two_observers_tell_is_one_record),
        TEST(call_that_fails_has_the_outcome_that_somebody_knows),
        TEST(channel_without_variables_of_ours_is_not_told),
        TEST(campaign_alone_makes_the_linked_id_the_call_id),
        TEST(who_is_dialled_is_a_leg_of_the_call),
        TEST(legs_with_one_call_id_are_one_call_until_the_last_is_gone),
        TEST(same_digit_of_one_channel_is_two_presses),
        TEST(channels_of_a_call_can_be_found_by_its_id),
        TEST(call_id_that_is_used_again_is_another_call),
        TEST(two_tries_of_one_call_that_fail_at_once_are_two_calls),
        TEST(call_that_gets_a_channel_while_it_waits_for_a_last_word_goes_on),
        TEST(list_brings_a_call_that_was_missed),
        TEST(call_that_is_in_no_list_any_more_ends_by_inference),
        TEST(end_that_was_on_its_way_beats_the_list),
        TEST(end_that_was_seen_is_no_inferred_one_where_another_leg_vanished_before),
        TEST(end_that_another_observer_saw_beats_an_inferred_one),
        TEST(unanswered_speech_is_a_receipt),
        TEST(speech_to_a_number_that_nobody_has_says_so),
        TEST(answered_speech_is_left_to_who_speaks),
        TEST(speech_that_never_had_a_channel_is_a_receipt),
        TEST(order_that_failed_adds_no_second_receipt),
        TEST(order_that_failed_before_its_channel_was_told_of_says_why),
        TEST(variables_of_any_bytes_make_json),
        TEST(strange_events_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
