/* Keys first, whatever the state; then what is over leads to the next state, and a state begins with its prompt or its wait. A prompt
 * that the menu does not have is over at once. */
#include "event/ivr.h"

enum { KEEPING_MS = 5000, PREPARING_MS = 10000, WRONG_KEYS_MAX = 5 };

const char *ivr_state_name(IvrState state)
{
    static const char *const names[IVR_STATE_COUNT] = {
        "start", "identity", "pause", "offer", "message", "listen", "wrong_key", "preparing", "keeping", "confirmed", "apology", "late_offer",
        "goodbye", "hanging_up", "over",
    };
    return names[state];
}

/* What each state plays; IVR_PROMPT_COUNT = nothing. */
static const IvrPrompt prompt_of[IVR_STATE_COUNT] = {
    [IVR_START] = IVR_PROMPT_COUNT, [IVR_IDENTITY] = IVR_PROMPT_IDENTITY, [IVR_PAUSE] = IVR_PROMPT_COUNT, [IVR_OFFER] = IVR_PROMPT_OPT_OUT,
    [IVR_MESSAGE] = IVR_PROMPT_MESSAGE, [IVR_LISTEN] = IVR_PROMPT_COUNT, [IVR_WRONG_KEY] = IVR_PROMPT_INVALID, [IVR_PREPARING] = IVR_PROMPT_COUNT,
    [IVR_KEEPING] = IVR_PROMPT_COUNT, [IVR_CONFIRMED] = IVR_PROMPT_CONFIRMATION, [IVR_APOLOGY] = IVR_PROMPT_APOLOGY,
    [IVR_LATE_OFFER] = IVR_PROMPT_OPT_OUT, [IVR_GOODBYE] = IVR_PROMPT_GOODBYE, [IVR_HANGING_UP] = IVR_PROMPT_COUNT, [IVR_OVER] = IVR_PROMPT_COUNT,
};

void ivr_init(Ivr *ivr, const IvrMenu *menu, bool takes_donations, bool waits_for_message)
{
    *ivr = (Ivr){.menu = menu, .state = IVR_START, .takes_donations = takes_donations, .waits_for_message = waits_for_message,
                 .is_ready = !waits_for_message, .rounds_left = menu->repeats, .wrong_keys_left = WRONG_KEYS_MAX};
}

static bool may_donate(const Ivr *ivr) { return ivr->takes_donations && !ivr->donated; }

/* ---- steps ---- */

static IvrStep hang_up(Ivr *ivr, bool is_broken)
{
    ivr->state = IVR_HANGING_UP;
    return (IvrStep){.act = IVR_ACT_HANG_UP, .is_broken = is_broken};
}

static IvrStep play(const Ivr *ivr)
{
    IvrStep step = {.act = IVR_ACT_PLAY, .prompt = prompt_of[ivr->state], .keys = {ivr->menu->opt_out}};
    if (may_donate(ivr))
        step.keys[1] = ivr->menu->donate;
    return step;
}

static IvrStep wait(int32_t wait_ms) { return (IvrStep){.act = IVR_ACT_WAIT, .wait_ms = wait_ms}; }

static IvrStep wait_in_slices(Ivr *ivr)
{
    ivr->patience_ms -= IVR_SLICE_MS;
    return wait(IVR_SLICE_MS);
}

/* ---- what follows what ---- */

static IvrState after_listening(Ivr *ivr)
{
    if (ivr->rounds_left == 0)
        return IVR_GOODBYE;
    ivr->rounds_left--;
    return IVR_OFFER;
}

static IvrState following(Ivr *ivr)
{
    switch (ivr->state) {
    case IVR_START:
        return IVR_IDENTITY;
    case IVR_IDENTITY:
        return ivr->menu->pause_ms ? IVR_PAUSE : IVR_OFFER;
    case IVR_PAUSE:
        return IVR_OFFER;
    case IVR_OFFER:
        return IVR_PREPARING;
    case IVR_PREPARING:
        return ivr->is_ready ? IVR_MESSAGE : IVR_APOLOGY;
    case IVR_MESSAGE:
    case IVR_WRONG_KEY:
        return IVR_LISTEN;
    case IVR_LISTEN:
        return after_listening(ivr);
    case IVR_KEEPING:
        return ivr->is_stored ? IVR_CONFIRMED : IVR_APOLOGY;
    case IVR_CONFIRMED:
    case IVR_APOLOGY:
        return ivr->offered ? IVR_GOODBYE : IVR_LATE_OFFER;
    case IVR_LATE_OFFER:
        return IVR_GOODBYE;
    case IVR_GOODBYE:
    case IVR_HANGING_UP:
        return IVR_HANGING_UP;
    case IVR_OVER:
    case IVR_STATE_COUNT:
        break;
    }
    return IVR_OVER;
}

/* Whether a state is over before it has begun. */
static bool is_passed(const Ivr *ivr)
{
    if (ivr->state == IVR_PREPARING)
        return ivr->is_ready || ivr->is_unready;
    if (ivr->state == IVR_KEEPING)
        return ivr->is_stored || ivr->has_failed;
    return prompt_of[ivr->state] != IVR_PROMPT_COUNT && slice_empty(ivr->menu->prompts[prompt_of[ivr->state]]);
}

static IvrStep enter(Ivr *ivr, IvrState state)
{
    for (ivr->state = state; is_passed(ivr);)
        ivr->state = following(ivr);
    switch (ivr->state) {
    case IVR_PAUSE:
        return wait(ivr->menu->pause_ms);
    case IVR_LISTEN:
        return wait(ivr->menu->timeout_ms);
    case IVR_PREPARING:
        ivr->patience_ms = PREPARING_MS;
        return wait_in_slices(ivr);
    case IVR_KEEPING:
        ivr->patience_ms = KEEPING_MS;
        return wait_in_slices(ivr);
    case IVR_HANGING_UP:
        return hang_up(ivr, false);
    case IVR_OVER:
        return (IvrStep){0};
    case IVR_START:
    case IVR_IDENTITY:
    case IVR_OFFER:
    case IVR_MESSAGE:
    case IVR_WRONG_KEY:
    case IVR_CONFIRMED:
    case IVR_APOLOGY:
    case IVR_LATE_OFFER:
    case IVR_GOODBYE:
    case IVR_STATE_COUNT:
        break;
    }
    return play(ivr);
}

/* ---- keys ---- */

static IvrStep opt_out(Ivr *ivr)
{
    bool is_over = ivr->state == IVR_HANGING_UP || ivr->state == IVR_OVER;
    ivr->opted_out = true;
    IvrStep step = is_over ? (IvrStep){0} : hang_up(ivr, false);
    step.publish = IVR_PUBLISH_OPTOUT;
    return step;
}

static IvrStep donate(Ivr *ivr)
{
    ivr->donated = true;
    IvrStep step = enter(ivr, IVR_KEEPING);
    step.publish = IVR_PUBLISH_DONATION;
    return step;
}

static IvrStep wrong_key(Ivr *ivr)
{
    return enter(ivr, ivr->wrong_keys_left-- > 0 ? IVR_WRONG_KEY : IVR_GOODBYE);
}

/* ---- what is over ---- */

static bool is_waiting_in_slices(const Ivr *ivr)
{
    return (ivr->state == IVR_KEEPING || ivr->state == IVR_PREPARING) && !is_passed(ivr) && ivr->patience_ms > 0;
}

static IvrStep go_on(Ivr *ivr)
{
    return is_waiting_in_slices(ivr) ? wait_in_slices(ivr) : enter(ivr, following(ivr));
}

static IvrStep played(Ivr *ivr)
{
    bool is_first = ivr->state == IVR_MESSAGE && !ivr->heard;
    ivr->heard = ivr->heard || is_first;
    ivr->offered = ivr->offered || ivr->state == IVR_OFFER || ivr->state == IVR_LATE_OFFER;
    IvrStep step = go_on(ivr);
    if (is_first)
        step.publish = IVR_PUBLISH_HEARD;
    return step;
}

/* Without its identity and the offer to opt out a call must not go on; without its message it need not. */
static IvrStep unplayable(Ivr *ivr)
{
    if (ivr->state == IVR_IDENTITY || ivr->state == IVR_OFFER || ivr->state == IVR_LATE_OFFER)
        return hang_up(ivr, true);
    if (ivr->state != IVR_MESSAGE)
        return go_on(ivr);
    IvrStep step = enter(ivr, IVR_APOLOGY);
    step.is_broken = true;
    return step;
}

static IvrStep pressed(Ivr *ivr, char key)
{
    if (key == ivr->menu->opt_out && !ivr->opted_out)
        return opt_out(ivr);
    if (ivr->state == IVR_HANGING_UP || ivr->state == IVR_OVER)
        return (IvrStep){0};
    if (key == ivr->menu->donate && may_donate(ivr))
        return donate(ivr);
    return ivr->state == IVR_LISTEN ? wrong_key(ivr) : go_on(ivr);
}

IvrStep ivr_step(Ivr *ivr, IvrInput input, char key)
{
    switch (input) {
    case IVR_STORED:
        ivr->is_stored = true;
        return (IvrStep){0};
    case IVR_FAILED:
        ivr->has_failed = true;
        return (IvrStep){0};
    case IVR_READY:
        ivr->is_ready = true;
        return (IvrStep){0};
    case IVR_UNREADY:
        ivr->is_unready = true;
        return (IvrStep){0};
    case IVR_GONE:
        ivr->state = IVR_OVER;
        return (IvrStep){0};
    case IVR_KEY:
        return pressed(ivr, key);
    case IVR_BEGIN:
    case IVR_TIMEOUT:
    case IVR_PLAYED:
    case IVR_UNPLAYABLE:
    case IVR_INPUT_COUNT:
        break;
    }
    if (ivr->state == IVR_HANGING_UP || ivr->state == IVR_OVER)
        return (IvrStep){0};
    if (input == IVR_PLAYED)
        return played(ivr);
    return input == IVR_UNPLAYABLE ? unplayable(ivr) : go_on(ivr);
}
