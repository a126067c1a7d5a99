/* agi://host/speak: a call that we placed to speak a text. While who is calling and the way to opt out are played, the text becomes a
 * recording. What became of the call is a receipt, by the ref under which it was asked for. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "ingress/agi_outbox.h"
#include "ingress/agi_recorded.h"

typedef struct SpokenCall {
    RecordedCall recorded; /* first: it is the call's state */
    SpeechJob job;
    AgiWake wake;
    Status status;         /* of the job, as is the fault, once it wakes us */
    Fault fault;
    bool has_failed;
    Slice ref;
} SpokenCall;

static SpokenCall *spoken_of(AgiCall *call) { return call->state; }

/* ---- what became of it ---- */

static void post_receipt(SpokenCall *spoken, Slice sms_class, Slice reason)
{
    AgiCall *call = spoken->recorded.call;
    if (spoken->ref.bytes != REF_BYTES)
        return;
    Slice body = receipt_of_speech(spoken->ref, spoken->recorded.identity.call_id, sms_class, reason, clock_wall_ms(), &call->arena);
    agi_outbox_post(agi_outbox(call->agi), SLICE("delivery-receipts"), body, NULL, NULL);
}

static void heard(RecordedCall *recorded) { post_receipt(spoken_of(recorded->call), (Slice){0}, (Slice){0}); }

static void post_unheard(SpokenCall *spoken)
{
    const RecordedCall *recorded = &spoken->recorded;
    if (recorded->ivr.heard)
        return;
    if (recorded->ivr.opted_out)
        post_receipt(spoken, SLICE("opted_out"), SLICE("the person opted out before the text was heard"));
    else if (spoken->has_failed)
        post_receipt(spoken, SLICE("account"), slice_of(spoken->fault.text));
    else if (recorded->is_broken)
        post_receipt(spoken, SLICE("account"), SLICE("a prompt of the menu cannot be played"));
    else
        post_receipt(spoken, SLICE("unknown"), SLICE("the call was over before the text was heard"));
}

/* ---- the text ---- */

/* base64url (RFC 4648 section 5), as it came or without its padding. */
static bool decode_text(Slice text, Arena *arena, Slice *ret)
{
    char *standard = arena_alloc(arena, text.bytes + 4);
    size_t bytes = 0;
    for (; bytes < text.bytes && text.at[bytes] != '='; bytes++)
        standard[bytes] = text.at[bytes] == '-' ? '+' : text.at[bytes] == '_' ? '/' : text.at[bytes];
    while (bytes % 4)
        standard[bytes++] = '=';
    return digest_of_base64((Slice){standard, bytes}, arena, ret) && !slice_empty(*ret);
}

static void rendered(AgiWake *wake)
{
    SpokenCall *spoken = (SpokenCall *)(void *)((char *)wake - offsetof(SpokenCall, wake));
    RecordedCall *recorded = &spoken->recorded;
    recorded->call->holds--;
    spoken->has_failed = spoken->status != STATUS_OK;
    if (spoken->has_failed)
        log_line(LOG_ERROR, "a text could not be spoken", LOG_CSTR("code", spoken->fault.code), LOG_CSTR("error", spoken->fault.text),
                 LOG_TEXT("callId", recorded->identity.call_id));
    else
        recorded->menu.prompts[IVR_PROMPT_MESSAGE] = slice_of(spoken->job.sound);
    if (recorded->call->fd >= 0)
        recorded_told(recorded, spoken->has_failed ? IVR_UNREADY : IVR_READY);
}

static void job_done(SpeechJob *job, Status status, const Fault *fault)
{
    SpokenCall *spoken = (SpokenCall *)(void *)((char *)job - offsetof(SpokenCall, job));
    spoken->status = status;
    spoken->fault = status ? *fault : (Fault){0};
    agi_wake(spoken->recorded.call->agi, &spoken->wake);
}

static void render(SpokenCall *spoken, Speech *speech)
{
    AgiCall *call = spoken->recorded.call;
    spoken->wake.run = rendered;
    spoken->job.done = job_done;
    call->holds++;
    if (!decode_text(call->values[AGI_TEXT], &call->arena, &spoken->job.text))
        fault_set(&spoken->fault, STATUS_REJECT, "speech_text", "PLEDGELINE_TEXT is no base64url, or empty");
    else if (speech_render(speech, &spoken->job, &spoken->fault) == STATUS_OK)
        return;
    Fault fault = spoken->fault;
    job_done(&spoken->job, fault.status, &fault);
}

/* ---- the script ---- */

static void begin(AgiCall *call)
{
    const AgiSettings *settings = agi_settings(call->agi);
    SpokenCall *spoken = ARENA_NEW(&call->arena, SpokenCall);
    IvrMenu none = {0};
    recorded_init(&spoken->recorded, call, settings->menus ? ivr_menu_of(settings->menus, call->values[AGI_CAMPAIGN_ID]) : &none, false, true);
    spoken->ref = call->values[AGI_REF];
    spoken->recorded.heard = heard;
    if (settings->menus && settings->speech) {
        render(spoken, settings->speech);
        recorded_begin(&spoken->recorded);
        return;
    }
    spoken->has_failed = true;
    fault_set(&spoken->fault, STATUS_REJECT, "menu_missing", "PLEDGELINE_MENU is not set: who calls and how to opt out must be said first");
    log_line(LOG_ERROR, "a call is to speak a text, and PLEDGELINE_MENU is not set", LOG_TEXT("callId", spoken->recorded.identity.call_id));
    agi_hang_up(call);
}

static void replied(AgiCall *call, const AgiReply *reply) { recorded_replied(call->state, reply); }

static void ended(AgiCall *call)
{
    recorded_ended(call->state);
    post_unheard(call->state);
}

static const AgiValue variables[] = {AGI_CALL_ID, AGI_CAMPAIGN_ID, AGI_CONTACT_ID, AGI_PHONE, AGI_CAMPAIGN_NAME, AGI_REF, AGI_TEXT, AGI_VALUE_COUNT};

const AgiScript speak_script = {.name = SLICE_INIT("speak"), .variables = variables, .begin = begin, .replied = replied, .ended = ended};
