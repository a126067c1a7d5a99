/* What a courier takes from the ledger of a real folder, and what it makes of what it is told. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>

#include "app.h"
#include "base/clock.h"
#include "service/dnc_cache.h"

#define PHONE "+12125550100"
#define PRESS "{\"callId\":\"c1\",\"campaignId\":\"w\",\"phoneNumber\":\"" PHONE "\",\"dtmfInput\":\"1\"}"
#define REF_OF_NOBODY "0123456789abcdef0123456789abcdef"

enum { BAG_MAX = 16 };

typedef struct World {
    char folder[64];
    Config config;
    App app;
    Pipeline *line;
    Arena arena;
    Fault fault;
    int64_t now_ms;
    Effect bag[BAG_MAX];
    size_t count;
    SmsPort outbox; /* as it was, before it was made to look like a provider */
} World;

static int setup(void **state)
{
    World *world = calloc(1, sizeof *world);
    arena_init(&world->arena);
    contract_make_folder(world->folder);
    const ConfigOverride overrides[] = {{"PLEDGELINE_DATA", world->folder}};
    assert_int_equal(config_load(&world->config, overrides, 1, &world->fault), STATUS_OK);
    assert_int_equal(app_open(&world->app, &world->config, APP_WRITER, &world->fault), STATUS_OK);
    world->app.settings.texts_are_carried = world->app.settings.calls_are_carried = true;
    world->app.settings.ladder.speaks = world->app.settings.event.speaks = world->app.settings.event.replies = true;
    world->outbox = world->app.ports.sms;
    world->app.ports.sms.name = SLICE("twilio");
    world->app.ports.sms.repeat_ms = 0; /* as a provider: it knows no repeats, and has no list */
    world->app.ports.sms.list = NULL;
    world->line = pipeline_new(&world->app.ports, &world->app.settings);
    world->now_ms = clock_wall_ms();
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    World *world = *state;
    pipeline_free(world->line);
    app_close(&world->app);
    config_done(&world->config);
    contract_remove_folder(world->folder);
    arena_done(&world->arena);
    free(world);
    return 0;
}

/* ---- steps ---- */

static Delivery publish(World *world, const char *topic, const char *body)
{
    Delivery delivery = {.body = slice_of(body), .topic = slice_of(topic), .received_ms = world->now_ms}, *pointer = &delivery;
    pipeline_run(world->line, &pointer, 1);
    return delivery;
}

static void must_publish(World *world, const char *topic, const char *body)
{
    Delivery delivery = publish(world, topic, body);
    if (delivery.verdict != VERDICT_DONE)
        fail_msg("%s: %s", topic, delivery.fault.text);
}

static void take(World *world, bool calls)
{
    int64_t asked_ms;
    assert_int_equal(pipeline_take(world->line, world->now_ms, calls, BAG_MAX, &world->arena, world->bag, &world->count, &asked_ms, &world->fault), STATUS_OK);
}

static void settle_as(World *world, SmsOutcome outcome)
{
    SmsOutcome outcomes[BAG_MAX];
    for (size_t i = 0; i < world->count; i++)
        outcomes[i] = outcome;
    assert_int_equal(pipeline_settle(world->line, world->now_ms, world->bag, outcomes, world->count, &world->fault), STATUS_OK);
}

static void receive(World *world, Slice ref, const char *state, const char *sms_class)
{
    Slice body = arena_printf(&world->arena, "{\"ref\":\"%.*s\",\"provider\":\"twilio\",\"messageId\":\"SM1\",\"state\":\"%s\",\"class\":\"%s\",\"code\":\"30003\"}",
                              SLICE_ARG(ref), state, sms_class);
    must_publish(world, "delivery-receipts", body.at);
}

static Effect held(World *world, const char *action_id)
{
    Effect effect;
    bool found;
    Slice id = slice_of(action_id);
    const EffectsPort *ledger = &world->app.ports.effects;
    assert_int_equal(ledger->load(ledger->self, &id, 1, &world->arena, &effect, &found, &world->fault), STATUS_OK);
    if (!found)
        fail_msg("the ledger has no %s", action_id);
    return effect;
}

static bool is_blocked(World *world, const char *phone)
{
    bool blocked;
    Slice number = slice_of(phone);
    const RegistryPort *registry = &world->app.ports.registry;
    assert_int_equal(registry->is_blocked(registry->self, &number, 1, &blocked, &world->fault), STATUS_OK);
    return blocked;
}

static bool add_donations(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    int64_t *donations = context;
    (void)campaign_id, (void)last_activity_ms;
    for (size_t i = 0; i < count; i++)
        *donations += slice_equal(counters[i].name, SLICE("donations")) ? counters[i].value : 0;
    return true;
}

static int64_t donations(World *world)
{
    int64_t sum = 0;
    const LivePort *live = &world->app.ports.live;
    assert_int_equal(live->read(live->self, SLICE("w"), add_donations, &sum, &world->fault), STATUS_OK);
    return sum;
}

static bool keep_status(void *context, const ActionRecord *record)
{
    World *world = context;
    world->fault = (Fault){0};
    snprintf(world->fault.text, sizeof world->fault.text, "%.*s %.*s", SLICE_ARG(record->action_type), SLICE_ARG(record->status));
    return true;
}

/* "donation_sms_sent success" */
static const char *record_of(World *world, const char *call_id, const char *action_type)
{
    const RegistryPort *registry = &world->app.ports.registry;
    const RegistryFilter filter = {.call_id = slice_of(call_id), .action_type = slice_of(action_type)};
    world->fault.text[0] = 0;
    assert_int_equal(registry->actions(registry->self, &filter, keep_status, world, &world->fault), STATUS_OK);
    return world->fault.text;
}

/* ---- what is taken ---- */

static void press_waits_in_the_ledger_and_counts_once_its_text_is_sent(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    assert_int_equal(donations(world), 0);
    take(world, false);
    assert_int_equal(world->count, 1);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_SENDING);
    settle_as(world, (SmsOutcome){.result = SMS_ACCEPTED, .message_id = SLICE("SM1"), .provider = SLICE("twilio"), .segments = 2});
    assert_int_equal(donations(world), 1);
    assert_int_equal(held(world, "c1_donation").segments, 2);
    assert_string_equal(record_of(world, "c1", ""), "donation_sms_sent success");
}

static void press_that_comes_twice_is_taken_once(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    assert_true(publish(world, "donation-events", PRESS).duplicate);
    take(world, false);
    assert_int_equal(world->count, 1);
    assert_true(publish(world, "donation-events", PRESS).duplicate);
    take(world, false);
    assert_int_equal(world->count, 0);
}

static void nine_beats_one_until_the_courier_has_it(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    must_publish(world, "optout-events", PRESS);
    take(world, false);
    assert_int_equal(world->count, 0);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_CANCELLED);
    assert_string_equal(record_of(world, "c1", "donation_sms_failed"), "donation_sms_failed failed");
    assert_int_equal(donations(world), 0);
}

static void answer_to_a_message_goes_to_a_blocked_number(void **state)
{
    World *world = *state;
    Effect reply = {.action_id = SLICE("i1_reply"), .kind = EFFECT_REPLY, .phone = SLICE(PHONE), .message = SLICE("You are off our list."),
                    .created_ms = world->now_ms};
    bool moved;
    const EffectsPort *ledger = &world->app.ports.effects;
    must_publish(world, "optout-events", PRESS);
    assert_int_equal(ledger->enter(ledger->self, &reply, 1, world->now_ms, &moved, &world->fault), STATUS_OK);
    take(world, false);
    assert_int_equal(world->count, 1);
}

#define STOP(id) "{\"messageId\":\"" id "\",\"provider\":\"twilio\",\"phoneNumber\":\"" PHONE "\",\"text\":\"STOP\"}"

static void stop_is_confirmed_once_however_often_somebody_writes_it(void **state)
{
    World *world = *state;
    must_publish(world, "inbound-messages", STOP("SM1"));
    must_publish(world, "inbound-messages", STOP("SM1"));
    must_publish(world, "inbound-messages", STOP("SM2"));
    take(world, false);
    assert_int_equal(world->count, 1);
    assert_slice(world->bag[0].action_id, "inbound:twilio:SM1_reply");
    assert_slice(world->bag[0].message, world->config.stop_reply);
    settle_as(world, (SmsOutcome){.result = SMS_ACCEPTED, .message_id = SLICE("SM9"), .provider = SLICE("twilio")});
    assert_int_equal(held(world, "inbound:twilio:SM1_reply").state, EFFECT_SENT);
    assert_int_equal(donations(world), 0);
}

/* The answer to the block was lost, or its process died right behind it. */
static void stop_that_is_known_by_its_own_message_is_confirmed(void **state)
{
    World *world = *state;
    BlockEntry entry = {.phone = SLICE(PHONE), .added_ms = world->now_ms, .reason = SLICE("STOP"), .source = SLICE("user_optout"), .actor = SLICE("caller"),
                        .action_id = SLICE("inbound:twilio:SM1_optout")};
    BlockResult result;
    assert_int_equal(dnc_block(&world->app.ports, &entry, 1, &result, &world->fault), STATUS_OK);
    must_publish(world, "inbound-messages", STOP("SM1"));
    take(world, false);
    assert_int_equal(world->count, 1);
    assert_slice(world->bag[0].action_id, "inbound:twilio:SM1_reply");
}

static void an_answer_that_would_come_too_late_is_not_sent(void **state)
{
    World *world = *state;
    world->now_ms -= 5 * 60 * 1000 + 1000;
    must_publish(world, "inbound-messages", STOP("SM1"));
    world->now_ms = clock_wall_ms();
    take(world, false);
    assert_int_equal(world->count, 0);
    assert_int_equal(held(world, "inbound:twilio:SM1_reply").state, EFFECT_CANCELLED);
    assert_true(is_blocked(world, PHONE));
}

static void texts_and_calls_are_taken_apart(void **state)
{
    World *world = *state;
    must_publish(world, "sms-gateway", "{\"phoneNumber\":\"" PHONE "\",\"message\":\"hello\",\"actionId\":\"a\"}");
    must_publish(world, "tts-fallback", "{\"phoneNumber\":\"" PHONE "\",\"text\":\"hello\",\"actionId\":\"a\"}");
    take(world, true);
    assert_int_equal(world->count, 1);
    assert_slice(world->bag[0].action_id, "a_speech");
    take(world, false);
    assert_int_equal(world->count, 1);
    assert_slice(world->bag[0].action_id, "a_text");
}

/* ---- what follows ---- */

static SmsOutcome refused(SmsClass sms_class)
{
    return (SmsOutcome){.result = SMS_REFUSED, .sms_class = sms_class, .provider = SLICE("twilio"), .code = SLICE("21614"), .reason = SLICE("as told")};
}

static void landline_gets_a_call_in_place_of_its_text(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    settle_as(world, refused(SMS_NOT_CAPABLE));
    assert_int_equal(held(world, "c1_donation").state, EFFECT_FAILED);
    take(world, true);
    assert_int_equal(world->count, 1);
    assert_slice(world->bag[0].action_id, "c1_donation_speech");
    assert_int_equal(donations(world), 0);
}

static void number_that_a_provider_has_on_its_list_comes_on_ours_and_is_not_called(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    settle_as(world, refused(SMS_OPTED_OUT));
    assert_true(is_blocked(world, PHONE));
    take(world, true);
    assert_int_equal(world->count, 0);
}

static void account_that_takes_nothing_uses_up_no_tries(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    for (int i = 0; i < 20; i++) {
        take(world, false);
        assert_int_equal(world->count, 1);
        settle_as(world, (SmsOutcome){.result = SMS_AWAY, .sms_class = SMS_ACCOUNT, .not_before_ms = world->now_ms + 1000, .reason = SLICE("no credit")});
        take(world, false);
        assert_int_equal(world->count, 0);
        world->now_ms += 1000;
    }
    assert_int_equal(held(world, "c1_donation").state, EFFECT_PENDING);
    assert_int_equal(held(world, "c1_donation").attempts, 0);
}

/* ---- receipts ---- */

static void send(World *world)
{
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    settle_as(world, (SmsOutcome){.result = SMS_ACCEPTED, .message_id = SLICE("SM1"), .provider = SLICE("twilio")});
}

static void text_is_delivered_whatever_the_order_of_its_receipts(void **state)
{
    World *world = *state;
    send(world);
    Slice ref = held(world, "c1_donation").ref;
    receive(world, ref, "delivered", "");
    receive(world, ref, "underway", "");
    receive(world, ref, "delivered", "");
    receive(world, ref, "undelivered", "temp_unreachable");
    assert_int_equal(held(world, "c1_donation").receipt, RECEIPT_DELIVERED);
    world->now_ms += 3600 * 1000;
    take(world, false);
    assert_int_equal(world->count, 0);
}

static void text_that_nobody_could_say_anything_of_is_sent_by_its_receipt_and_counts(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    settle_as(world, (SmsOutcome){.result = SMS_UNKNOWN, .reason = SLICE("the connection was reset")});
    assert_int_equal(donations(world), 0);
    receive(world, held(world, "c1_donation").ref, "delivered", "");
    receive(world, held(world, "c1_donation").ref, "delivered", "");
    assert_int_equal(held(world, "c1_donation").state, EFFECT_SENT);
    assert_int_equal(donations(world), 1);
    assert_string_equal(record_of(world, "c1", ""), "donation_sms_sent success");
}

static void receipt_that_comes_before_its_sender_gives_up_is_not_lost(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    receive(world, held(world, "c1_donation").ref, "delivered", "");
    settle_as(world, (SmsOutcome){.result = SMS_UNKNOWN, .reason = SLICE("the connection was reset")});
    assert_int_equal(held(world, "c1_donation").state, EFFECT_SENT);
    assert_int_equal(donations(world), 1);
}

static void receipt_that_comes_before_its_sender_dies_is_not_lost(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    receive(world, held(world, "c1_donation").ref, "delivered", "");
    world->now_ms += 2 * world->app.settings.lease_ms;
    take(world, false);
    assert_int_equal(world->count, 0);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_SENT);
    assert_int_equal(donations(world), 1);
}

static void sender_that_dies_leaves_what_it_had_for_a_person_to_look_at(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    world->now_ms += 2 * world->app.settings.lease_ms;
    take(world, false);
    assert_int_equal(world->count, 0);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_UNKNOWN);
}

static void undelivered_text_is_sent_again_later_unless_it_came_after_all(void **state)
{
    World *world = *state;
    send(world);
    Slice ref = held(world, "c1_donation").ref;
    receive(world, ref, "undelivered", "temp_unreachable");
    take(world, false);
    assert_int_equal(world->count, 0);
    world->now_ms += 3600 * 1000;
    receive(world, ref, "delivered", "");
    take(world, false);
    assert_int_equal(world->count, 0);
    assert_int_equal(held(world, "c1_donation_again2").state, EFFECT_CANCELLED);
}

static void undelivered_text_is_sent_again_later(void **state)
{
    World *world = *state;
    send(world);
    receive(world, held(world, "c1_donation").ref, "undelivered", "temp_unreachable");
    receive(world, held(world, "c1_donation").ref, "undelivered", "temp_unreachable");
    world->now_ms += 3600 * 1000;
    take(world, false);
    assert_int_equal(world->count, 1);
    assert_slice(world->bag[0].action_id, "c1_donation_again2");
}

static void call_is_not_placed_when_the_first_of_several_texts_came_after_all(void **state)
{
    World *world = *state;
    send(world);
    Slice first = held(world, "c1_donation").ref;
    receive(world, first, "undelivered", "temp_unreachable");
    world->now_ms += 3600 * 1000;
    take(world, false);
    settle_as(world, (SmsOutcome){.result = SMS_ACCEPTED, .message_id = SLICE("SM2"), .provider = SLICE("twilio")});
    receive(world, first, "delivered", "");
    receive(world, held(world, "c1_donation_again2").ref, "undelivered", "not_sms_capable");
    take(world, true);
    assert_int_equal(world->count, 0);
    assert_int_equal(held(world, "c1_donation_speech").state, EFFECT_CANCELLED);
}

static void what_couriers_carry_is_left_to_them_by_the_line(void **state)
{
    World *world = *state;
    size_t done;
    must_publish(world, "donation-events", PRESS);
    must_publish(world, "tts-fallback", "{\"phoneNumber\":\"" PHONE "\",\"text\":\"hello\",\"actionId\":\"a\"}");
    assert_int_equal(pipeline_deliver_due(world->line, world->now_ms + 1000, &done, &world->fault), STATUS_OK);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_PENDING);
    assert_int_equal(held(world, "a_speech").state, EFFECT_PENDING);
}

static void call_that_nobody_places_here_any_more_is_refused_and_no_press_is_made_of_it(void **state)
{
    World *world = *state;
    size_t done;
    must_publish(world, "tts-fallback", "{\"phoneNumber\":\"" PHONE "\",\"text\":\"hello\",\"actionId\":\"a\",\"callId\":\"c1\",\"campaignId\":\"w\"}");
    world->app.settings.calls_are_carried = world->app.ports.effects.is_shared = false;
    world->app.ports.sms.joins_unit = false; /* as a topic */
    assert_int_equal(pipeline_deliver_due(world->line, world->now_ms + 1000, &done, &world->fault), STATUS_OK);
    assert_int_equal(held(world, "a_speech").state, EFFECT_FAILED);
    assert_int_equal(pipeline_run_due(world->line, world->now_ms + 1000, &done, &world->fault), STATUS_OK);
    take(world, false);
    assert_int_equal(world->count, 0);
}

static void what_waits_for_who_can_reach_people_is_left_to_them(void **state)
{
    World *world = *state;
    size_t done;
    must_publish(world, "donation-events", PRESS);
    must_publish(world, "tts-fallback", "{\"phoneNumber\":\"" PHONE "\",\"text\":\"hello\",\"actionId\":\"a\"}");
    world->app.settings.texts_are_carried = world->app.settings.calls_are_carried = false;
    world->app.ports.effects.is_shared = true;
    world->app.ports.sms.list = world->outbox.list;
    assert_int_equal(pipeline_deliver_due(world->line, world->now_ms + 1000, &done, &world->fault), STATUS_OK);
    assert_int_equal(done, 0);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_PENDING);
    assert_int_equal(held(world, "a_speech").state, EFFECT_PENDING);
}

/* Others write to the ledger of this one, which has no provider and no telephony. */
static void reach_nobody(World *world)
{
    world->app.settings.texts_are_carried = world->app.settings.calls_are_carried = false;
    world->app.ports.effects.is_shared = true;
    world->app.ports.sms = world->outbox;
    world->app.ports.speech = (SpeechPort){0};
}

static void what_others_have_in_hand_is_left_to_them_when_its_lease_is_over(void **state)
{
    World *world = *state;
    size_t done;
    world->app.settings.lease_ms = 0;
    world->app.ports.speech.name = SLICE("asterisk");
    must_publish(world, "donation-events", PRESS);
    must_publish(world, "tts-fallback", "{\"phoneNumber\":\"" PHONE "\",\"text\":\"hello\",\"actionId\":\"a\"}");
    take(world, false);
    take(world, true);
    reach_nobody(world);
    must_publish(world, "donation-events", PRESS);
    assert_int_equal(pipeline_deliver_due(world->line, world->now_ms + 1000, &done, &world->fault), STATUS_OK);
    assert_int_equal(done, 0);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_SENDING);
    assert_int_equal(held(world, "a_speech").state, EFFECT_SENDING);
}

static void what_this_outbox_had_claimed_is_left_to_nobody(void **state)
{
    World *world = *state;
    size_t done;
    bool is_claimed;
    Effect effect = contract_donation("c1_donation", PHONE);
    const Gateway outbox = {world->outbox.name, world->outbox.repeat_ms};
    const EffectsPort *ledger = &world->app.ports.effects;
    assert_int_equal(ledger->claim(ledger->self, &effect, 1, world->now_ms, 0, &outbox, &world->arena, &is_claimed, &world->fault), STATUS_OK);
    reach_nobody(world);
    assert_int_equal(pipeline_deliver_due(world->line, world->now_ms + 1000, &done, &world->fault), STATUS_OK);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_SENT);
}

static void what_a_gateway_may_have_is_asked_of_it_again_after_a_certain_no(void **state)
{
    World *world = *state;
    world->app.settings.lease_ms = 0;
    world->app.ports.sms.repeat_ms = 600000;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    world->now_ms += 60000;
    take(world, false);
    settle_as(world, (SmsOutcome){.result = SMS_AWAY, .not_before_ms = world->now_ms});
    assert_int_equal(held(world, "c1_donation").state, EFFECT_PENDING);
    take(world, false);
    assert_int_equal(world->count, 1);
}

static void text_that_nobody_was_asked_for_names_nobody(void **state)
{
    World *world = *state;
    must_publish(world, "donation-events", PRESS);
    must_publish(world, "optout-events", "{\"callId\":\"c2\",\"campaignId\":\"w\",\"phoneNumber\":\"" PHONE "\"}");
    take(world, false);
    assert_int_equal(held(world, "c1_donation").state, EFFECT_CANCELLED);
    assert_slice(held(world, "c1_donation").provider, "");
}

static void calls_that_wait_hold_up_no_text(void **state)
{
    World *world = *state;
    for (int i = 0; i < 600; i++)
        must_publish(world, "tts-fallback", arena_printf(&world->arena, "{\"phoneNumber\":\"" PHONE "\",\"text\":\"hello\",\"actionId\":\"a%d\"}", i).at);
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    assert_int_equal(world->count, 1);
}

static void receipt_of_something_that_was_not_sent_here_changes_nothing(void **state)
{
    World *world = *state;
    receive(world, SLICE(REF_OF_NOBODY), "delivered", "");
}

static void call_that_spoke_is_recorded_and_told_to_the_call_that_asked_for_it(void **state)
{
    World *world = *state;
    size_t ran;
    must_publish(world, "donation-events", PRESS);
    take(world, false);
    settle_as(world, refused(SMS_NOT_CAPABLE));
    take(world, true);
    settle_as(world, (SmsOutcome){.result = SMS_ACCEPTED, .message_id = SLICE("pledgeline-1"), .provider = SLICE("asterisk")});
    assert_string_equal(record_of(world, "c1", "donation_tts_fallback"), "");
    receive(world, held(world, "c1_donation_speech").ref, "delivered", "");
    assert_string_equal(record_of(world, "c1", "donation_tts_fallback"), "donation_tts_fallback success");
    assert_int_equal(pipeline_run_due(world->line, clock_wall_ms() + 1, &ran, &world->fault), STATUS_OK);
    Slice call = SLICE("c1");
    Cdr *cdr;
    assert_int_equal(world->app.ports.cdrs.load(world->app.ports.cdrs.self, &call, 1, &world->arena, &cdr, &world->fault), STATUS_OK);
    cdr_derive(cdr, &world->app.settings.event.rating, &world->arena);
    Text json = text_in(&world->arena);
    cdr_print(cdr, &world->arena, &json);
    assert_true(slice_holds(text_slice(&json), SLICE("tts fallback delivered")));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(press_waits_in_the_ledger_and_counts_once_its_text_is_sent), CASE(press_that_comes_twice_is_taken_once),
        CASE(nine_beats_one_until_the_courier_has_it), CASE(answer_to_a_message_goes_to_a_blocked_number), CASE(stop_is_confirmed_once_however_often_somebody_writes_it),
        CASE(stop_that_is_known_by_its_own_message_is_confirmed),
        CASE(an_answer_that_would_come_too_late_is_not_sent), CASE(texts_and_calls_are_taken_apart),
        CASE(landline_gets_a_call_in_place_of_its_text), CASE(number_that_a_provider_has_on_its_list_comes_on_ours_and_is_not_called),
        CASE(account_that_takes_nothing_uses_up_no_tries), CASE(text_is_delivered_whatever_the_order_of_its_receipts),
        CASE(text_that_nobody_could_say_anything_of_is_sent_by_its_receipt_and_counts),
        CASE(receipt_that_comes_before_its_sender_gives_up_is_not_lost), CASE(receipt_that_comes_before_its_sender_dies_is_not_lost),
        CASE(sender_that_dies_leaves_what_it_had_for_a_person_to_look_at),
        CASE(undelivered_text_is_sent_again_later_unless_it_came_after_all), CASE(undelivered_text_is_sent_again_later),
        CASE(call_is_not_placed_when_the_first_of_several_texts_came_after_all), CASE(what_couriers_carry_is_left_to_them_by_the_line),
        CASE(call_that_nobody_places_here_any_more_is_refused_and_no_press_is_made_of_it), CASE(calls_that_wait_hold_up_no_text),
        CASE(what_waits_for_who_can_reach_people_is_left_to_them), CASE(what_others_have_in_hand_is_left_to_them_when_its_lease_is_over),
        CASE(what_this_outbox_had_claimed_is_left_to_nobody), CASE(text_that_nobody_was_asked_for_names_nobody),
        CASE(what_a_gateway_may_have_is_asked_of_it_again_after_a_certain_no),
        CASE(receipt_of_something_that_was_not_sent_here_changes_nothing), CASE(call_that_spoke_is_recorded_and_told_to_the_call_that_asked_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
