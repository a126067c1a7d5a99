/* A call that speaks a text, asked for by the topic `tts-fallback`: for a number that no text can reach. */
#include "event/effect_request.h"
#include "event/sms_ladder.h"
#include "event/text_template.h"

enum { SPOKEN_BYTES_MAX = 4096 };

static Status speech_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = effect_request_parse(message, SPEECH_SUFFIX, arena, event, fault);
    if (status)
        return status;
    Slice text = json_text(json_get(message->body, "text"));
    if (slice_empty(text) || text.bytes > SPOKEN_BYTES_MAX)
        return fault_set(fault, STATUS_REJECT, "field_missing", "text is missing; it must be a text of at most %d bytes", SPOKEN_BYTES_MAX);
    if (slice_holds(text, SLICE("{{")))
        return fault_set(fault, STATUS_REJECT, "template_open", "the text has {{, which nobody here fills in");
    event->wanted->kind = EFFECT_SPEECH;
    event->wanted->message = text;
    return STATUS_OK;
}

static void speech_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret)
{
    if (settings->speaks) {
        effect_request_decide(event, facts, settings, arena, ret);
        return;
    }
    ret->verdict = VERDICT_REJECT;
    fault_set(&ret->fault, STATUS_REJECT, "nobody_speaks", "no telephony is set that could speak a text: PLEDGELINE_ARI_URL or PLEDGELINE_AMI_URL");
}

const EventHandler speech_request_handler = {
    .topic = "tts-fallback", .lane = LANE_DONATION, .done = METRIC_EVENTS_DONE_SPEECH, .needs_block_state = true, .is_request = true, .parse = speech_parse, .decide = speech_decide,
};
