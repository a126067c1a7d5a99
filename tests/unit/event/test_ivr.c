/* The machine of a call, told what happens on the telephone. What must always hold is looked for in every state that it can get into. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "event/ivr.h"

static const IvrMenu whole_menu = {
    .prompts = {SLICE_INIT("identity"), SLICE_INIT("opt-out"), SLICE_INIT("message"), SLICE_INIT("confirmation"), SLICE_INIT("apology"), SLICE_INIT("invalid"),
                SLICE_INIT("goodbye")},
    .donate = '1', .opt_out = '9', .pause_ms = 1500, .timeout_ms = 5000, .repeats = 1,
};
static const IvrMenu least_menu = {
    .prompts = {SLICE_INIT("identity"), SLICE_INIT("opt-out"), SLICE_INIT("message")}, .donate = '1', .opt_out = '9', .timeout_ms = 5000,
};

/* ---- one call ---- */

static void add_step(Text *tale, const Ivr *ivr, const IvrStep *step)
{
    static const char *const published[] = {"", " +donation", " +optout", " +heard"};
    if (step->act == IVR_ACT_PLAY)
        text_printf(tale, "play %.*s(%s)", SLICE_ARG(ivr->menu->prompts[step->prompt]), step->keys);
    if (step->act == IVR_ACT_WAIT)
        text_printf(tale, "wait %d", step->wait_ms);
    if (step->act == IVR_ACT_HANG_UP)
        text_add_literal(tale, "hang up");
    text_printf(tale, "%s%s; ", published[step->publish], step->is_broken ? " broken" : "");
}

/* Each letter is an input: Begin, Played, Timeout, Gone, Unplayable, Stored, Failed, Ready, uNready; anything else is a key. */
static IvrStep tell(Ivr *ivr, char letter)
{
    static const struct { char letter; IvrInput input; } inputs[] = {
        {'B', IVR_BEGIN}, {'P', IVR_PLAYED}, {'T', IVR_TIMEOUT}, {'G', IVR_GONE}, {'U', IVR_UNPLAYABLE}, {'S', IVR_STORED}, {'F', IVR_FAILED},
        {'R', IVR_READY}, {'N', IVR_UNREADY},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (inputs[i].letter == letter)
            return ivr_step(ivr, inputs[i].input, 0);
    }
    return ivr_step(ivr, IVR_KEY, letter);
}

static void tells(Arena *arena, const IvrMenu *menu, bool speaks, const char *inputs, const char *expected)
{
    Ivr ivr;
    ivr_init(&ivr, menu, !speaks, speaks);
    Text tale = text_in(arena);
    for (const char *at = inputs; *at; at++) {
        IvrStep step = tell(&ivr, *at);
        add_step(&tale, &ivr, &step);
    }
    assert_slice(text_slice(&tale), expected);
}

static void silent_person_hears_offer_and_message_twice_and_a_good_bye(void **state)
{
    tells(*state, &whole_menu, false, "BPTPPTPPTPP",
          "play identity(91); wait 1500; play opt-out(91); play message(91); wait 5000 +heard; play opt-out(91); play message(91); wait 5000; "
          "play goodbye(91); hang up; ; ");
}

static void least_menu_is_silent_where_it_has_no_prompt(void **state)
{
    tells(*state, &least_menu, false, "BPPPTP", "play identity(91); play opt-out(91); play message(91); wait 5000 +heard; hang up; ; ");
}

static void donation_is_confirmed_once_it_is_durable(void **state)
{
    tells(*state, &whole_menu, false, "BPTPP1TTSTPP",
          "play identity(91); wait 1500; play opt-out(91); play message(91); wait 5000 +heard; wait 100 +donation; wait 100; wait 100; ; "
          "play confirmation(9); play goodbye(9); hang up; ");
}

static void donation_that_cannot_be_stored_gets_an_apology(void **state)
{
    tells(*state, &whole_menu, false, "BPTP1FTP", "play identity(91); wait 1500; play opt-out(91); play message(91); wait 100 +donation; ; play apology(9); play goodbye(9); ");
}

static void who_donates_before_the_offer_hears_it_afterwards(void **state)
{
    tells(*state, &whole_menu, false, "B1STPPP",
          "play identity(91); wait 100 +donation; ; play confirmation(9); play opt-out(9); play goodbye(9); hang up; ");
}

static void donation_then_opt_out_counts_both_and_ends_the_call(void **state)
{
    tells(*state, &whole_menu, false, "BPTPP191", "play identity(91); wait 1500; play opt-out(91); play message(91); wait 5000 +heard; wait 100 +donation; hang up +optout; ; ");
}

static void wrong_key_is_told_and_listened_on(void **state)
{
    tells(*state, &whole_menu, false, "BPTPP5P9", "play identity(91); wait 1500; play opt-out(91); play message(91); wait 5000 +heard; play invalid(91); wait 5000; hang up +optout; ");
}

static void stuck_key_does_not_hold_the_line_for_ever(void **state)
{
    Ivr ivr;
    (void)state;
    ivr_init(&ivr, &least_menu, true, false);
    for (const char *at = "BPPP"; *at; at++)
        tell(&ivr, *at);
    int pressed = 0;
    for (; ivr.state == IVR_LISTEN && pressed < 100; pressed++)
        tell(&ivr, '5');
    assert_int_equal(ivr.state, IVR_HANGING_UP);
    assert_in_range(pressed, 2, 10);
}

static void call_without_its_identity_or_offer_does_not_go_on(void **state)
{
    tells(*state, &whole_menu, false, "BU", "play identity(91); hang up broken; ");
    tells(*state, &whole_menu, false, "BPTU", "play identity(91); wait 1500; play opt-out(91); hang up broken; ");
    tells(*state, &whole_menu, false, "BPTPU", "play identity(91); wait 1500; play opt-out(91); play message(91); play apology(91) broken; ");
}

static void spoken_text_is_waited_for_behind_the_offer_and_reported_once(void **state)
{
    tells(*state, &whole_menu, true, "BPTPTRTPTPPTPP",
          "play identity(9); wait 1500; play opt-out(9); wait 100; wait 100; ; play message(9); wait 5000 +heard; play opt-out(9); play message(9); wait 5000; "
          "play goodbye(9); hang up; ; ");
    tells(*state, &whole_menu, true, "BPTPNTPP", "play identity(9); wait 1500; play opt-out(9); wait 100; ; play apology(9); play goodbye(9); hang up; ");
    tells(*state, &whole_menu, true, "BRPTP9", "play identity(9); ; wait 1500; play opt-out(9); play message(9); hang up +optout; ");
}

/* ---- what holds in every state ---- */

enum { WORLDS_MAX = 200000 };

typedef struct World { Ivr ivr; int donations, optouts, heard; } World;

static World worlds[WORLDS_MAX];
static size_t world_count;

static bool is_known(const World *world)
{
    for (size_t i = 0; i < world_count; i++) {
        if (!memcmp(&worlds[i], world, sizeof *world))
            return true;
    }
    return false;
}

static World after(const World *world, char letter, IvrStep *ret_step)
{
    World next;
    memcpy(&next, world, sizeof next); /* with what lies between the fields, so that worlds can be compared as bytes */
    *ret_step = tell(&next.ivr, letter);
    next.donations += ret_step->publish == IVR_PUBLISH_DONATION;
    next.optouts += ret_step->publish == IVR_PUBLISH_OPTOUT;
    next.heard += ret_step->publish == IVR_PUBLISH_HEARD;
    return next;
}

static bool is_over(const World *world) { return world->ivr.state == IVR_HANGING_UP || world->ivr.state == IVR_OVER; }

static void check_key_9(const World *world)
{
    IvrStep step;
    World next = after(world, '9', &step);
    assert_int_equal(next.optouts, 1);
    assert_true(is_over(&next));
    if (!is_over(world))
        assert_int_equal(step.act, IVR_ACT_HANG_UP);
    next = after(&next, '9', &step);
    assert_int_equal(next.optouts, 1);
    assert_int_equal(step.act, IVR_ACT_NONE);
}

static void check_step(const World *world, const World *next, char letter, const IvrStep *step)
{
    bool is_aside = strchr("SFRN", letter) != NULL;
    assert_true(next->donations <= 1 && next->optouts <= 1 && next->heard <= 1);
    if (is_aside || is_over(world))
        assert_int_equal(step->act, IVR_ACT_NONE);
    else if (letter != 'G')
        assert_int_not_equal(step->act, IVR_ACT_NONE); /* nobody is left hanging */
    if (step->act == IVR_ACT_PLAY)
        assert_true(strchr(step->keys, '9') && !slice_empty(next->ivr.menu->prompts[step->prompt]));
    if (step->act == IVR_ACT_PLAY && step->prompt == IVR_PROMPT_CONFIRMATION)
        assert_true(next->ivr.is_stored && next->donations == 1);
    if (letter == '1' && !is_over(world) && world->ivr.takes_donations)
        assert_int_equal(next->donations, 1);
    if (world->optouts)
        assert_int_equal(step->act, IVR_ACT_NONE);
}

static void explore(const IvrMenu *menu, bool takes_donations, bool waits_for_message)
{
    static const char letters[] = "PTGUSFRN15";
    world_count = 0;
    memset(&worlds[0], 0, sizeof worlds[0]);
    ivr_init(&worlds[0].ivr, menu, takes_donations, waits_for_message);
    IvrStep step;
    worlds[1] = after(&worlds[0], 'B', &step);
    world_count = 2;
    for (size_t i = 1; i < world_count; i++) {
        check_key_9(&worlds[i]);
        for (const char *letter = letters; *letter; letter++) {
            World next = after(&worlds[i], *letter, &step);
            check_step(&worlds[i], &next, *letter, &step);
            next.ivr.patience_ms = next.ivr.patience_ms > 200 ? 200 : next.ivr.patience_ms; /* it only runs down */
            assert_true(world_count < WORLDS_MAX);
            if (!is_known(&next))
                memcpy(&worlds[world_count++], &next, sizeof next);
        }
    }
    assert_true(world_count > 20);
}

static void in_every_state_key_9_is_one_opt_out_and_the_end_and_key_1_one_donation(void **state)
{
    (void)state;
    explore(&whole_menu, true, false);
    explore(&least_menu, true, false);
    explore(&whole_menu, false, true);
    explore(&least_menu, false, true);
}

static void call_ends_by_itself_whatever_is_pressed(void **state)
{
    (void)state;
    static const char answers[] = "PT15SFRN";
    srand(7);
    for (int run = 0; run < 2000; run++) {
        Ivr ivr;
        ivr_init(&ivr, &whole_menu, run % 2, run % 3 == 0);
        tell(&ivr, 'B');
        int steps = 0;
        for (; ivr.state != IVR_HANGING_UP && steps < 2000; steps++)
            tell(&ivr, answers[rand() % (int)(sizeof answers - 1)]);
        assert_int_equal(ivr.state, IVR_HANGING_UP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_person_hears_offer_and_message_twice_and_a_good_bye), cmocka_unit_test(least_menu_is_silent_where_it_has_no_prompt),
        cmocka_unit_test(donation_is_confirmed_once_it_is_durable), cmocka_unit_test(donation_that_cannot_be_stored_gets_an_apology),
        cmocka_unit_test(who_donates_before_the_offer_hears_it_afterwards), cmocka_unit_test(donation_then_opt_out_counts_both_and_ends_the_call),
        cmocka_unit_test(wrong_key_is_told_and_listened_on), cmocka_unit_test(stuck_key_does_not_hold_the_line_for_ever),
        cmocka_unit_test(call_without_its_identity_or_offer_does_not_go_on),
        cmocka_unit_test(spoken_text_is_waited_for_behind_the_offer_and_reported_once),
        cmocka_unit_test(in_every_state_key_9_is_one_opt_out_and_the_end_and_key_1_one_donation),
        cmocka_unit_test(call_ends_by_itself_whatever_is_pressed),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
