/* Texts become messages of a topic. What became of each is told by the answer to its batch; what nobody answered stays open. */
#include "adapter/sns_sms.h"

#include <stdlib.h>

#include "adapter/sns_topic.h"
#include "base/json.h"

enum { FIFO_REPEAT_MS = 4 * 60 * 1000 }; /* SNS knows a repeat for five minutes */

struct SnsSms {
    SnsTopic texts, speech;
    Breaker *breaker;
    Arena arena;
};

/* ---- what is published ---- */

/* The shape of the original system, with the gateway's idempotency key: it fills the placeholders itself. */
static Slice text_request(const Effect *effect, Arena *arena)
{
    Text json = text_in(arena);
    text_add_byte(&json, '{');
    json_add_text_member(&json, "phoneNumber", effect->phone);
    json_add_text_member(&json, "message", effect->message);
    json_add_text_member(&json, "campaignId", effect->campaign_id);
    json_add_text_member(&json, "contactId", effect->contact_id);
    json_add_key(&json, "templateVariables");
    text_add_byte(&json, '{');
    json_add_text_member(&json, "donationLink", effect->donation_link);
    json_add_text_member(&json, "campaignName", effect->campaign_name);
    text_add_byte(&json, '}');
    json_add_text_member(&json, "actionId", effect->action_id);
    json_add_text_member(&json, "callId", effect->call_id);
    text_add_byte(&json, '}');
    return text_slice(&json);
}

/* ---- speech ---- */

/* What certainly was not taken is worth another try as a whole: the text is refused again, and then this is asked again. */
static void speak(SnsSms *sns, SnsSending *sending, const Effect *effect, Slice text, int64_t now_ms, SmsOutcome *refused)
{
    Slice body = sns_speech_request(effect, text, refused->reason, now_ms, sending->arena);
    SnsMessage message = sns_message_of(effect, "TTS Fallback Request", body);
    SmsOutcome spoken;
    sns_publish(sending, &sns->speech, &message, 1, &spoken);
    if (spoken.result == SMS_ACCEPTED) {
        refused->message_id = spoken.message_id;
        return;
    }
    refused->reason = arena_printf(sending->arena, "%.*s; asked for as speech: %.*s%s", SLICE_ARG(refused->reason), SLICE_ARG(spoken.reason),
                                   spoken.result == SMS_UNKNOWN ? "; nobody can say whether it is spoken" : "");
    if (spoken.result == SMS_AWAY || spoken.result == SMS_UNSENT)
        refused->result = SMS_UNSENT;
    if (spoken.result == SMS_OVERTAKEN)
        refused->result = SMS_OVERTAKEN;
}

/* ---- the port ---- */

static Status send_texts(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)fault;
    SnsSms *sns = self;
    SnsSending sending = sns_sending(sns->breaker, effects, count, now_ms, arena);
    SnsMessage *messages = ARENA_ARRAY(arena, SnsMessage, count + 1);
    Slice *texts = ARENA_ARRAY(arena, Slice, count + 1);
    SmsOutcome *results = ARENA_ARRAY(arena, SmsOutcome, count + 1);
    size_t *places = ARENA_ARRAY(arena, size_t, count + 1), leaving = 0;
    for (size_t i = 0; i < count; i++) {
        Fault why;
        if (effects[i].kind == EFFECT_TEXT) {
            fault_set(&why, STATUS_REJECT, "no_provider", "texts are passed on to a topic here, so what is asked for by one would go round in circles");
            outcomes[i] = sns_outcome_because(SMS_REFUSED, &why, arena);
            continue;
        }
        if (effect_fill(&effects[i], arena, &texts[i], &why)) {
            outcomes[i] = sns_outcome_because(SMS_REFUSED, &why, arena);
            continue;
        }
        messages[leaving] = sns_message_of(&effects[i], "Donation SMS Request", text_request(&effects[i], arena));
        places[leaving++] = i;
    }
    for (size_t done = 0, taken; done < leaving; done += taken) {
        taken = sns_batch_of(messages + done, leaving - done);
        sns_publish(&sending, &sns->texts, messages + done, taken, results + done);
    }
    for (size_t k = 0; k < leaving; k++) {
        outcomes[places[k]] = results[k];
        if (results[k].result == SMS_REFUSED && sns->speech.client)
            speak(sns, &sending, &effects[places[k]], texts[places[k]], now_ms, &outcomes[places[k]]);
    }
    return STATUS_OK;
}

/* ---- open and close ---- */

Status sns_sms_open(const SnsSmsSettings *settings, SnsSms **ret, Fault *fault)
{
    SnsSms *sns = calloc(1, sizeof *sns);
    if (!sns)
        abort();
    sns->breaker = settings->breaker;
        Status status = sns_topic_open(&settings->topic, "SMS_GATEWAY_TOPIC_ARN", settings->topic_arn, &sns->arena, &sns->texts, fault);
    if (!status && *settings->tts_topic_arn)
        status = sns_topic_open(&settings->topic, "TTS_FALLBACK_TOPIC_ARN", settings->tts_topic_arn, &sns->arena, &sns->speech, fault);
    if (status) {
        sns_sms_close(sns);
        return status;
    }
    *ret = sns;
    return STATUS_OK;
}

void sns_sms_close(SnsSms *sns)
{
    if (!sns)
        return;
    sns_topic_close(&sns->texts);
    sns_topic_close(&sns->speech);
    arena_done(&sns->arena);
    free(sns);
}

/* A repeat of a text that is refused asks for its speech again, too. */
SmsPort sns_sms(SnsSms *sns)
{
    bool knows_repeats = sns->texts.is_fifo && (!sns->speech.client || sns->speech.is_fifo);
    return (SmsPort){.self = sns, .joins_unit = false, .name = sns_topic_name(&sns->texts, &sns->arena),
                     .repeat_ms = knows_repeats ? FIFO_REPEAT_MS : 0, .send = send_texts};
}
