/* What the machine wants becomes a command, what Asterisk replies becomes an input. An opt-out goes to the line and HANGUP to Asterisk in
 * the same moment; that the call is over is told when the opt-out is durable. */
#include "ingress/agi_recorded.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingress/agi_outbox.h"

enum { PROMPT_MS_MAX = 15 * 60 * 1000, PATIENCE_MS = 5000 };

static void post(RecordedCall *recorded, Slice topic, Slice body, AgiCall *call, void (*settled)(AgiCall *call, bool is_stored))
{
    agi_outbox_post(agi_outbox(recorded->call->agi), topic, body, call, settled);
}

static void report(RecordedCall *recorded, Slice body)
{
    if (recorded->reports)
        post(recorded, SLICE("call-events"), body, NULL, NULL);
}

static bool is_followed(const RecordedCall *recorded) { return call_feed_follows(agi_settings(recorded->call->agi)->feed); }

static void report_answer(RecordedCall *recorded)
{
    AgiCall *call = recorded->call;
    if (!recorded->has_reported_answer)
        report(recorded, event_of_answer(&recorded->identity, call->began_ms, &call->arena));
    recorded->has_reported_answer = true;
}

/* ---- the end, as it is told ---- */

static Slice outcome_of(const Ivr *ivr)
{
    if (ivr->opted_out)
        return SLICE("opted_out");
    return ivr->is_stored ? SLICE("converted") : SLICE("answered");
}

/* Who followed the answer may be away by now, so both are told. */
static void report_whole(RecordedCall *recorded, Slice outcome, int64_t lasted_ms, int64_t now_ms)
{
    report_answer(recorded);
    report(recorded, event_of_end(&recorded->identity, outcome, lasted_ms / 1000, now_ms, &recorded->call->arena));
}

static void report_end(RecordedCall *recorded)
{
    AgiCall *call = recorded->call;
    if (!recorded->is_ended || recorded->waits_for_optout)
        return;
    int64_t now_ms = clock_wall_ms(), lasted_ms = now_ms > call->began_ms ? now_ms - call->began_ms : 0;
    Slice outcome = outcome_of(&recorded->ivr);
    if (recorded->is_left_alone)
        report_whole(recorded, outcome, lasted_ms, now_ms);
    if (!slice_equal(outcome, SLICE("answered")))
        report(recorded, event_of_outcome(&recorded->identity, outcome, now_ms, &call->arena));
    log_line(LOG_INFO, "call over", LOG_TEXT("callId", recorded->identity.call_id), LOG_TEXT("campaignId", recorded->identity.campaign_id),
             LOG_PHONE("phone", recorded->identity.phone_is_e164 ? recorded->identity.phone : (Slice){0}), LOG_TEXT("outcome", outcome),
             LOG_CSTR("keys", recorded->keys), LOG_NUMBER("milliseconds", lasted_ms));
}

static void optout_settled(AgiCall *call, bool is_stored)
{
    RecordedCall *recorded = call->state;
    (void)is_stored; /* it is in the line or in the journal */
    recorded->waits_for_optout = false;
    report_end(recorded);
}

static void donation_settled(AgiCall *call, bool is_stored)
{
    RecordedCall *recorded = call->state;
    ivr_step(&recorded->ivr, is_stored ? IVR_STORED : IVR_FAILED, 0);
}

/* ---- what the machine wants ---- */

static void publish_donation(RecordedCall *recorded)
{
    AgiCall *call = recorded->call;
    Slice told_key = agi_settings(call->agi)->donation_key;
    Slice body = event_of_donation(&recorded->identity, recorded->menu.donate, told_key, clock_wall_ms(), &call->arena);
    post(recorded, SLICE("donation-events"), body, call, donation_settled);
}

static void publish_optout(RecordedCall *recorded)
{
    AgiCall *call = recorded->call;
    Slice body = event_of_optout(&recorded->identity, recorded->menu.opt_out, clock_wall_ms(), &call->arena);
    recorded->waits_for_optout = true;
    recorded->pressed_ms = clock_elapsed_ms();
    post(recorded, SLICE("optout-events"), body, call, optout_settled);
}

static void publish(RecordedCall *recorded, IvrPublish what)
{
    if (what == IVR_PUBLISH_DONATION)
        publish_donation(recorded);
    if (what == IVR_PUBLISH_OPTOUT)
        publish_optout(recorded);
    if (what == IVR_PUBLISH_HEARD && recorded->heard)
        recorded->heard(recorded);
}

static void play(RecordedCall *recorded, const IvrStep *step)
{
    AgiCommand command = {0};
    recorded->playing = step->prompt;
    agi_add_literal(&command, "STREAM FILE ");
    agi_add_quoted(&command, recorded->menu.prompts[step->prompt]);
    agi_add_literal(&command, " ");
    agi_add_quoted(&command, slice_of(step->keys));
    agi_say(recorded->call, &command, PROMPT_MS_MAX);
}

static void wait_for_key(RecordedCall *recorded, int32_t wait_ms)
{
    AgiCommand command = {0};
    agi_add_literal(&command, "WAIT FOR DIGIT ");
    agi_add_number(&command, wait_ms);
    agi_say(recorded->call, &command, wait_ms + PATIENCE_MS);
}

static void log_broken(const RecordedCall *recorded, IvrPrompt prompt)
{
    log_line(LOG_ERROR, "a prompt of the menu cannot be played: is its file on the PBX?", LOG_CSTR("prompt", ivr_prompt_name(prompt)),
             LOG_TEXT("file", recorded->menu.prompts[prompt]), LOG_TEXT("callId", recorded->identity.call_id));
}

static void take_step(RecordedCall *recorded, IvrStep step)
{
    publish(recorded, step.publish);
    recorded->is_broken = recorded->is_broken || step.is_broken;
    recorded->act = step.act ? step.act : recorded->act;
    switch (step.act) {
    case IVR_ACT_NONE:
        return;
    case IVR_ACT_PLAY:
        play(recorded, &step);
        return;
    case IVR_ACT_WAIT:
        wait_for_key(recorded, step.wait_ms);
        return;
    case IVR_ACT_HANG_UP:
        agi_hang_up(recorded->call);
    }
}

/* ---- what Asterisk says ---- */

static void take_key(RecordedCall *recorded, char key)
{
    bool opts_out = key == recorded->menu.opt_out, donates = key == recorded->menu.donate && recorded->ivr.takes_donations;
    size_t count = strlen(recorded->keys);
    if (count + 1 < sizeof recorded->keys)
        recorded->keys[count] = key;
    metric_add(opts_out ? METRIC_AGI_KEYS_OPT_OUT : donates ? METRIC_AGI_KEYS_DONATE : METRIC_AGI_KEYS_OTHER, 1);
    take_step(recorded, ivr_step(&recorded->ivr, IVR_KEY, key));
    if (!is_followed(recorded))
        report(recorded, event_of_key(&recorded->identity, key, clock_wall_ms(), &recorded->call->arena));
}

static bool is_key(long result) { return result > 0 && result < 128 && strchr("0123456789*#ABCD", (int)result); }

static void gone(RecordedCall *recorded)
{
    ivr_step(&recorded->ivr, IVR_GONE, 0);
    agi_leave(recorded->call);
}

/* A prompt that is missing and a person who hangs up give the same reply; only another command tells. */
static void ask_whether_it_is_over(RecordedCall *recorded)
{
    recorded->is_asking = true;
    wait_for_key(recorded, 1);
}

static void take_result(RecordedCall *recorded, long result)
{
    bool was_asking = recorded->is_asking, was_playing = recorded->act == IVR_ACT_PLAY;
    recorded->is_asking = false;
    if (is_key(result)) {
        take_key(recorded, (char)result);
    } else if (result < 0 && was_playing && !was_asking) {
        ask_whether_it_is_over(recorded);
    } else if (result < 0) {
        gone(recorded);
    } else if (was_asking) {
        log_broken(recorded, recorded->playing);
        take_step(recorded, ivr_step(&recorded->ivr, IVR_UNPLAYABLE, 0));
    } else {
        take_step(recorded, ivr_step(&recorded->ivr, was_playing ? IVR_PLAYED : IVR_TIMEOUT, 0));
    }
}

void recorded_replied(RecordedCall *recorded, const AgiReply *reply)
{
    AgiCall *call = recorded->call;
    if (call->phase == AGI_LEAVING) {
        if (recorded->ivr.opted_out)
            metric_waited(METRIC_OPTOUT_AGI_HUNG_UP, clock_elapsed_ms() - recorded->pressed_ms);
        return;
    }
    bool has_key = reply->code == 200 && is_key(reply->result);
    if (call->is_over && !has_key) {
        gone(recorded);
        return;
    }
    if (reply->code == 200) {
        take_result(recorded, reply->result);
        return;
    }
    log_line(LOG_ERROR, "Asterisk does not know a command of ours; the call is hung up", LOG_NUMBER("code", reply->code),
             LOG_TEXT("callId", recorded->identity.call_id));
    agi_hang_up(call);
}

/* ---- for scripts ---- */

void recorded_init(RecordedCall *recorded, AgiCall *call, const IvrMenu *menu, bool takes_donations, bool waits_for_message)
{
    *recorded = (RecordedCall){.call = call, .menu = *menu};
    recorded->identity = call_identity(call, agi_settings(call->agi)->menus);
    ivr_init(&recorded->ivr, &recorded->menu, takes_donations, waits_for_message);
    call->state = recorded;
}

void recorded_begin(RecordedCall *recorded)
{
    if (!is_followed(recorded))
        report_answer(recorded);
    take_step(recorded, ivr_step(&recorded->ivr, IVR_BEGIN, 0));
}

void recorded_told(RecordedCall *recorded, IvrInput input) { take_step(recorded, ivr_step(&recorded->ivr, input, 0)); }

void recorded_ended(RecordedCall *recorded)
{
    ivr_step(&recorded->ivr, IVR_GONE, 0);
    recorded->is_ended = true;
    recorded->is_left_alone = !is_followed(recorded);
    report_end(recorded);
}
