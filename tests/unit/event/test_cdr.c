/* The record of a call is the same whatever the order, duplication and splitting of its events. */
#include "../check.h"

#include <stdlib.h>

#include "app/carriers.h"
#include "event/cdr.h"
#include "event/envelope.h"
#include "event/handlers.h"

enum { EVENTS_MAX = 12, CASES = 1500 };

static const Rating rating = {.micros_per_minute = 10000, .currency = {"USD", 3}};
static const int64_t DAY_MS = 1705314600000; /* 2024-01-15T10:30:00Z */

typedef struct World {
    Arena arena;
} World;

static Event event_of(World *world, const char *body, int64_t received_ms)
{
    Delivery delivery = {.body = slice_of(body), .topic = SLICE("call-events"), .received_ms = received_ms};
    Message message;
    Event event = {0};
    Fault fault = {0};
    if (envelope_decode(&delivery, known_carriers, &world->arena, &message, &fault) || call_handler.parse(&message, &world->arena, &event, &fault))
        fail_msg("%s: %s", body, fault.text);
    return event;
}

static Slice print(World *world, Cdr *cdr)
{
    Text text = text_in(&world->arena);
    cdr_derive(cdr, &rating, &world->arena);
    cdr_print(cdr, &world->arena, &text);
    return text_slice(&text);
}

/* A store in between: what is folded on comes back from bytes. */
static void store_and_load(World *world, Cdr *cdr)
{
    Slice bytes = cdr_encode(cdr, &world->arena);
    Cdr loaded = {.call_id = cdr->call_id};
    assert_int_equal(cdr_decode(bytes, &world->arena, &loaded, NULL), STATUS_OK);
    *cdr = loaded;
}

static Slice fold_all(World *world, const Event *events, const size_t *order, size_t count, bool split)
{
    Cdr cdr = {.call_id = SLICE("c")};
    for (size_t i = 0; i < count; i++) {
        cdr_fold(&cdr, &events[order[i]], &world->arena);
        if (split && random() % 2)
            store_and_load(world, &cdr);
    }
    return print(world, &cdr);
}

/* ---- random calls ---- */

static const char *random_of(const char *const *texts, size_t count) { return texts[(size_t)random() % count]; }

static Event random_event(World *world)
{
    static const char *const types[] = {"call_initiated", "call_answered", "dtmf_pressed", "action_triggered", "call_ended", "state_change", "strange", "call_timeout"};
    static const char *const outcomes[] = {"answered", "busy", "converted", "opted_out", "no_answer", "failed", "blacklisted"};
    static const char *const campaigns[] = {"winter", "spring"};
    const char *type = random_of(types, 8);
    Text body = text_in(&world->arena);
    text_printf(&body, "{\"callId\":\"c\",\"eventType\":\"%s\"", type);
    if (random() % 4)
        text_printf(&body, ",\"campaignId\":\"%s\"", random_of(campaigns, 2));
    if (random() % 4)
        text_printf(&body, ",\"timestamp\":%lld", (long long)(DAY_MS + random() % 8 * 1000));
    if (random() % 12 == 0)
        text_printf(&body, ",\"eventId\":\"e%ld\"", random() % 3);
    if (random() % 3 == 0)
        text_printf(&body, ",\"outcome\":\"%s\"", random_of(outcomes, 7));
    if (random() % 3 == 0)
        text_printf(&body, ",\"metadata\":{\"k%ld\":%ld}", random() % 2, random() % 3);
    if (random() % 50 == 0)
        text_printf(&body, ",\"long\":\"%0*ld\"", 20000, random() % 3);
    text_printf(&body, ",\"dtmfInput\":\"%ld\",\"action\":{\"type\":\"a%ld\"},\"state\":\"ringing\"}", random() % 3, random() % 2);
    return event_of(world, arena_copy(&world->arena, text_slice(&body)).at, DAY_MS + random() % 100000);
}

static void shuffle(size_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = (size_t)random() % i, kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

static void any_order_duplication_and_splitting_give_equal_bytes(void **state)
{
    (void)state;
    srandom(20260101);
    for (int i = 0; i < CASES; i++) {
        World world = {0};
        Event events[EVENTS_MAX];
        size_t count = 1 + (size_t)random() % EVENTS_MAX, order[2 * EVENTS_MAX];
        for (size_t k = 0; k < count; k++) {
            events[k] = random_event(&world);
            order[k] = k;
        }
        Slice straight = fold_all(&world, events, order, count, false);
        for (size_t k = 0; k < count; k++)
            order[count + k] = (size_t)random() % count;
        shuffle(order, 2 * count);
        Slice shuffled = fold_all(&world, events, order, 2 * count, true);
        if (!slice_equal(straight, shuffled))
            fail_msg("case %d:\n%.*s\n%.*s", i, SLICE_ARG(straight), SLICE_ARG(shuffled));
        arena_done(&world.arena);
    }
}

static Slice merge_halves(World *world, const Event *events, size_t count, size_t split, bool swapped)
{
    Cdr halves[2] = {{.call_id = SLICE("c")}, {.call_id = SLICE("c")}};
    for (size_t k = 0; k < count; k++)
        cdr_fold(&halves[k < split], &events[k], &world->arena);
    cdr_merge(&halves[swapped], &halves[!swapped], &world->arena);
    assert_true(cdr_merge(&halves[swapped], &halves[!swapped], &world->arena) == CDR_UNCHANGED);
    return print(world, &halves[swapped]);
}

static void merging_two_records_is_folding_the_events_of_both(void **state)
{
    (void)state;
    srandom(7);
    for (int i = 0; i < CASES; i++) {
        World world = {0};
        Event events[EVENTS_MAX];
        size_t count = 1 + (size_t)random() % EVENTS_MAX, order[EVENTS_MAX], split = (size_t)random() % (count + 1);
        for (size_t k = 0; k < count; k++) {
            events[k] = random_event(&world);
            order[k] = k;
        }
        Slice folded = fold_all(&world, events, order, count, false);
        for (int swapped = 0; swapped < 2; swapped++) {
            Slice merged = merge_halves(&world, events, count, split, swapped);
            if (!slice_equal(folded, merged))
                fail_msg("case %d:\n%.*s\n%.*s", i, SLICE_ARG(folded), SLICE_ARG(merged));
        }
        arena_done(&world.arena);
    }
}

static void folding_the_same_event_again_changes_nothing(void **state)
{
    (void)state;
    srandom(5);
    World world = {0};
    Cdr cdr = {.call_id = SLICE("c")};
    for (int i = 0; i < 100; i++) {
        Event event = random_event(&world);
        cdr_fold(&cdr, &event, &world.arena);
        assert_true(cdr_fold(&cdr, &event, &world.arena) != CDR_CHANGED);
    }
    arena_done(&world.arena);
}

static void unknown_fields_in_another_order_are_the_same_event(void **state)
{
    (void)state;
    World world = {0};
    Event first = event_of(&world, "{\"callId\":\"c\",\"eventType\":\"parked\",\"slot\":7,\"floor\":2,\"metadata\":{\"slot\":8,\"door\":1}}", DAY_MS);
    Event second = event_of(&world, "{\"floor\":2,\"metadata\":{\"door\":1,\"slot\":8},\"slot\":7,\"callId\":\"c\",\"eventType\":\"parked\"}", DAY_MS);
    assert_slice(first.extra, "{\"door\":1,\"floor\":2,\"slot\":8}");
    assert_true(slice_equal(first.extra, second.extra));
    assert_true(slice_equal(first.key, second.key));
    arena_done(&world.arena);
}

static Event event_with_note(World *world, const char *fields, int bytes)
{
    return event_of(world, arena_printf(&world->arena, "{\"callId\":\"c\",\"eventType\":\"action_triggered\",%s:\"%0*d\"}}", fields, bytes, 0).at, DAY_MS);
}

static void what_one_event_leaves_in_a_record_is_bounded(void **state)
{
    (void)state;
    World world = {0};
    Event fits = event_with_note(&world, "\"action\":\"a\",\"metadata\":{\"n\"", KEPT_BYTES_MAX - 8);
    Event over = event_with_note(&world, "\"action\":\"a\",\"metadata\":{\"n\"", KEPT_BYTES_MAX - 7);
    Event longer = event_with_note(&world, "\"action\":\"a\",\"metadata\":{\"n\"", KEPT_BYTES_MAX - 6);
    Event acts = event_with_note(&world, "\"action\":{\"type\":\"Call\",\"n\"", KEPT_BYTES_MAX);
    assert_int_equal(fits.extra.bytes, KEPT_BYTES_MAX);
    assert_true(slice_starts_with(over.extra, SLICE("{\"metadataDropped\":{\"bytes\":16385,\"sha256\":\"")));
    assert_true(slice_starts_with(acts.action, SLICE("{\"dropped\":{\"bytes\":16406,\"sha256\":\"")));
    assert_true(slice_holds(acts.action, SLICE("\"},\"type\":\"Call\"}")));
    assert_slice(acts.action_type, "call");
    assert_false(slice_equal(over.key, longer.key)); /* known by what they say, and they say different things */
    arena_done(&world.arena);
}

static void a_long_message_id_makes_no_long_key(void **state)
{
    (void)state;
    World world = {0};
    Event event = event_of(&world, "{\"callId\":\"c\",\"eventType\":\"strange\"}", DAY_MS);
    event.key = (Slice){0};
    Slice first = cdr_key(&event, arena_printf(&world.arena, "%01000d", 1), &world.arena);
    Slice second = cdr_key(&event, arena_printf(&world.arena, "%01000d", 2), &world.arena);
    assert_in_range(first.bytes, 1, 2 + CALL_ID_BYTES_MAX);
    assert_false(slice_equal(first, second));
    arena_done(&world.arena);
}

static void damaged_bytes_are_refused_or_read_but_never_trusted(void **state)
{
    (void)state;
    srandom(6);
    World world = {0};
    Cdr cdr = {.call_id = SLICE("c")};
    for (int i = 0; i < 10; i++) {
        Event event = random_event(&world);
        cdr_fold(&cdr, &event, &world.arena);
    }
    Slice bytes = cdr_encode(&cdr, &world.arena);
    for (size_t cut = 0; cut < bytes.bytes; cut++) {
        Cdr loaded = {0};
        char *exact = malloc(cut + 1); /* so that a sanitizer sees a byte too far */
        memcpy(exact, bytes.at, cut);
        assert_int_equal(cdr_decode((Slice){exact, cut}, &world.arena, &loaded, NULL), STATUS_REJECT);
        free(exact);
    }
    for (int i = 0; i < 3000; i++) {
        char *broken = malloc(bytes.bytes);
        memcpy(broken, bytes.at, bytes.bytes);
        broken[(size_t)random() % bytes.bytes] ^= (char)(1 << random() % 8);
        Cdr loaded = {.call_id = SLICE("c")};
        if (!cdr_decode((Slice){broken, bytes.bytes}, &world.arena, &loaded, NULL))
            cdr_derive(&loaded, &rating, &world.arena);
        free(broken);
    }
    arena_done(&world.arena);
}

/* ---- what is read off ---- */

static Cdr record_of(World *world, const char *const *bodies, size_t count)
{
    Cdr cdr = {.call_id = SLICE("c")};
    for (size_t i = 0; i < count; i++) {
        Event event = event_of(world, bodies[i], DAY_MS + 3600000);
        cdr_fold(&cdr, &event, &world->arena);
    }
    cdr_derive(&cdr, &rating, &world->arena);
    return cdr;
}
#define RECORD(world, ...) record_of((world), (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void a_whole_call_has_its_times_and_its_cost(void **state)
{
    (void)state;
    World world = {0};
    Cdr cdr = RECORD(&world, "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"outcome\":\"converted\",\"timestamp\":\"2024-01-15T10:32:01Z\"}",
                     "{\"callId\":\"c\",\"eventType\":\"call_initiated\",\"timestamp\":\"2024-01-15T10:30:00Z\",\"phoneNumber\":\"+972501234567\"}",
                     "{\"callId\":\"c\",\"eventType\":\"call_answered\",\"timestamp\":\"2024-01-15T10:30:10Z\"}");
    assert_slice(cdr.status, "completed");
    assert_slice(cdr.outcome, "converted");
    assert_int_equal(cdr.duration_s, 121);
    assert_int_equal(cdr.billsec_s, 111);
    assert_int_equal(cdr.cost_micros, 20000);
    assert_true(cdr.answered && !cdr.open && !cdr.inferred);
    arena_done(&world.arena);
}

static void a_real_end_beats_an_inferred_one_in_either_order(void **state)
{
    (void)state;
    static const char *const timeout = "{\"callId\":\"c\",\"eventType\":\"call_timeout\",\"timestamp\":\"2024-01-15T10:31:00Z\"}";
    static const char *const ended = "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"outcome\":\"busy\",\"timestamp\":\"2024-01-15T10:30:40Z\"}";
    World world = {0};
    Cdr inferred = RECORD(&world, timeout), first = RECORD(&world, timeout, ended), second = RECORD(&world, ended, timeout);
    assert_slice(inferred.status, "incomplete");
    assert_true(inferred.inferred && !inferred.open);
    assert_true(slice_equal(print(&world, &first), print(&world, &second)));
    assert_slice(first.status, "completed");
    assert_false(first.inferred);
    arena_done(&world.arena);
}

static void what_was_seen_stands_over_the_second_of_an_imported_record(void **state)
{
    (void)state;
    static const char *const seen = "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"eventId\":\"l/ended\",\"hangupCause\":16,\"timestamp\":\"2024-01-15T10:30:05.030Z\"}";
    static const char *const imported = "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"eventId\":\"l/ended\",\"timestamp\":\"2024-01-15T10:30:04.999Z\"}";
    World world = {0};
    Cdr first = RECORD(&world, seen, imported), second = RECORD(&world, imported, seen);
    assert_int_equal(first.hangup_cause, 16);
    assert_true(slice_equal(print(&world, &first), print(&world, &second)));
    arena_done(&world.arena);
}

static void what_the_list_has_stopped_is_not_called_failed_in_either_order(void **state)
{
    (void)state;
    static const char *const told = "{\"callId\":\"c\",\"eventType\":\"call_outcome\",\"outcome\":\"blacklisted\",\"timestamp\":\"2024-01-15T10:30:00Z\"}";
    static const char *const ended[] = {
        "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"outcome\":\"failed\",\"timestamp\":\"2024-01-15T10:30:01Z\"}",
        "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"hangupCause\":21,\"timestamp\":\"2024-01-15T10:30:01Z\"}",
        "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"outcome\":\"converted\",\"timestamp\":\"2024-01-15T10:30:01Z\"}",
    };
    static const char *const stands[] = {"blacklisted", "blacklisted", "converted"};
    World world = {0};
    for (size_t i = 0; i < 3; i++) {
        Cdr first = RECORD(&world, told, ended[i]), second = RECORD(&world, ended[i], told);
        assert_slice(first.outcome, stands[i]);
        assert_slice(second.outcome, stands[i]);
    }
    arena_done(&world.arena);
}

static void an_implausible_time_is_kept_and_orders_nothing(void **state)
{
    (void)state;
    World world = {0};
    Cdr cdr = RECORD(&world, "{\"callId\":\"c\",\"eventType\":\"call_initiated\",\"timestamp\":\"1970-01-01T00:00:01Z\"}",
                     "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"timestamp\":\"2024-01-15T10:30:40Z\"}",
                     "{\"callId\":\"c\",\"eventType\":\"dtmf_pressed\",\"digit\":\"1\",\"timestamp\":\"2099-01-15T10:30:40Z\"}");
    assert_int_equal(cdr.start_ms, DAY_MS + 40000);
    assert_int_equal(cdr.end_ms, DAY_MS + 40000);
    assert_non_null(memmem(print(&world, &cdr).at, print(&world, &cdr).bytes, "implausibleTimestamps", 21));
    arena_done(&world.arena);
}

static void too_many_events_leave_room_for_the_end(void **state)
{
    (void)state;
    World world = {0};
    Cdr cdr = {.call_id = SLICE("c")};
    for (int i = 0; i < CDR_FACTS_MAX; i++) {
        Slice body = arena_printf(&world.arena, "{\"callId\":\"c\",\"eventType\":\"dtmf_pressed\",\"digit\":\"1\",\"timestamp\":%lld}", (long long)DAY_MS + i);
        Event event = event_of(&world, body.at, DAY_MS);
        assert_int_equal(cdr_fold(&cdr, &event, &world.arena), CDR_CHANGED);
    }
    Event one_more = event_of(&world, "{\"callId\":\"c\",\"eventType\":\"dtmf_pressed\",\"digit\":\"2\",\"timestamp\":\"2024-01-15T10:30:40Z\"}", DAY_MS);
    Event ended = event_of(&world, "{\"callId\":\"c\",\"eventType\":\"call_ended\",\"timestamp\":\"2024-01-15T10:30:40Z\"}", DAY_MS);
    assert_int_equal(cdr_fold(&cdr, &one_more, &world.arena), CDR_FULL);
    assert_int_equal(cdr_fold(&cdr, &ended, &world.arena), CDR_CHANGED);
    arena_done(&world.arena);
}

static CdrFold fold_numbered(World *world, Cdr *cdr, const char *type, int number)
{
    Slice body = arena_printf(&world->arena, "{\"callId\":\"c\",\"eventType\":\"%s\",\"eventId\":\"%s-%d\",\"timestamp\":%lld}", type, type, number,
                              (long long)DAY_MS + number);
    Event event = event_of(world, body.at, DAY_MS);
    return cdr_fold(cdr, &event, &world->arena);
}

static void a_record_full_of_anything_can_be_closed_and_a_real_end_still_comes_behind(void **state)
{
    (void)state;
    static const char *const types[] = {"call_initiated", "call_answered", "strange"};
    for (size_t t = 0; t < 3; t++) {
        World world = {0};
        Cdr cdr = {.call_id = SLICE("c")};
        for (int i = 0; i < 300; i++)
            fold_numbered(&world, &cdr, types[t], i);
        assert_int_equal(fold_numbered(&world, &cdr, types[t], 300), CDR_FULL);
        assert_int_equal(fold_numbered(&world, &cdr, types[t], 7), CDR_UNCHANGED);
        for (int i = 0; i < 300; i++)
            fold_numbered(&world, &cdr, "call_timeout", i);
        assert_int_equal(fold_numbered(&world, &cdr, "call_ended", 1), CDR_CHANGED);
        for (int i = 0; i < 300; i++)
            fold_numbered(&world, &cdr, "call_ended", i);
        assert_int_equal(cdr.fact_count, CDR_FACTS_HARD_MAX);
        store_and_load(&world, &cdr);
        cdr_derive(&cdr, &rating, &world.arena);
        assert_slice(cdr.status, "completed");
        arena_done(&world.arena);
    }
}

static int64_t counter(const Contribution *share, const char *name)
{
    for (size_t i = 0; i < share->count; i++) {
        if (slice_equal(share->counters[i].name, slice_of(name)))
            return share->counters[i].value;
    }
    return 0;
}

static void no_publisher_can_move_a_counter_of_ours(void **state)
{
    (void)state;
    World world = {0};
    Cdr cdr = RECORD(&world, "{\"callId\":\"c\",\"campaignId\":\"w\",\"eventType\":\"call_ended\",\"outcome\":\"donations\",\"timestamp\":1705314600}",
                     "{\"callId\":\"c\",\"eventType\":\"action_triggered\",\"action\":{\"type\":\"total_attempts\"},\"timestamp\":1705314601}",
                     "{\"callId\":\"c\",\"eventType\":\"action_triggered\",\"action\":{\"type\":\"Busy\"},\"timestamp\":1705314602}",
                     "{\"callId\":\"c\",\"eventType\":\"action_triggered\",\"action\":{\"type\":\"no good name\"},\"timestamp\":1705314603}");
    Contribution share = {0};
    cdr_contribution(&cdr, &world.arena, &share);
    assert_int_equal(counter(&share, "donations"), 0);
    assert_int_equal(counter(&share, "outcome_donations"), 1);
    assert_int_equal(counter(&share, "total_attempts"), 1);
    assert_int_equal(counter(&share, "action_total_attempts"), 1);
    assert_int_equal(counter(&share, "busy"), 0);
    assert_int_equal(counter(&share, "action_busy"), 1);
    arena_done(&world.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_duplication_and_splitting_give_equal_bytes), cmocka_unit_test(folding_the_same_event_again_changes_nothing),
        cmocka_unit_test(merging_two_records_is_folding_the_events_of_both),
        cmocka_unit_test(unknown_fields_in_another_order_are_the_same_event), cmocka_unit_test(what_one_event_leaves_in_a_record_is_bounded),
        cmocka_unit_test(a_long_message_id_makes_no_long_key), cmocka_unit_test(damaged_bytes_are_refused_or_read_but_never_trusted), cmocka_unit_test(a_whole_call_has_its_times_and_its_cost),
        cmocka_unit_test(a_real_end_beats_an_inferred_one_in_either_order), cmocka_unit_test(what_was_seen_stands_over_the_second_of_an_imported_record),
        cmocka_unit_test(what_the_list_has_stopped_is_not_called_failed_in_either_order),
        cmocka_unit_test(a_real_end_beats_an_inferred_one_in_either_order), cmocka_unit_test(an_implausible_time_is_kept_and_orders_nothing),
        cmocka_unit_test(too_many_events_leave_room_for_the_end), cmocka_unit_test(a_record_full_of_anything_can_be_closed_and_a_real_end_still_comes_behind), cmocka_unit_test(no_publisher_can_move_a_counter_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
