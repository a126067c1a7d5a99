/* A call for each text that is spoken. Its channel id is made of the effect's ref, and Asterisk has no two channels of one id, so asking again
 * while it is on is the same call. What is given to Asterisk is checked byte by byte: a comma in a variable would begin another variable, of
 * somebody else's choice, and AMI's Originate reads its channel by characters, too. */
#include <pthread.h>
#include <stdlib.h>

#include "adapter/pbx_link.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/recent_blocks.h"
#include "base/utf8.h"
#include "event/phone.h"

/* Long enough for voicemail to take it, which is what 47 CFR 64.1200(a)(6) asks for twice over (15 seconds or four rings). */
enum { RING_S = 30, DEADLINE_MS = 5000, LEAST_MS = 100, REASON_BYTES_MAX = 300 };

/* What Asterisk's Originate has room for (main/manager.c). */
enum { CHANNEL_BYTES_MAX = 255, NUMBER_DIGITS_LEAST = 3 };

struct PbxSpeech {
    const Pbx *pbx;
    Slice context, caller_id;
    pthread_mutex_t lock; /* of the link */
    void *link;
};

/* ---- settings ---- */

static bool is_one_of(char byte, const char *others)
{
    bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'), is_digit = byte >= '0' && byte <= '9';
    return is_letter || is_digit || (byte && strchr(others, byte));
}

static bool has_only(Slice text, const char *others)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (!is_one_of(text.at[i], others))
            return false;
    }
    return true;
}

/* {number} and {digits} filled in; empty when something else is in braces. */
static Slice fill_dial(Slice dial, Slice phone, Arena *arena)
{
    static const Slice number = SLICE_INIT("{number}"), digits = SLICE_INIT("{digits}");
    Text channel = text_in(arena);
    while (dial.bytes) {
        bool is_number = slice_starts_with(dial, number), is_digits = slice_starts_with(dial, digits);
        size_t used = is_number || is_digits ? number.bytes : 1;
        if (is_number)
            text_add(&channel, phone);
        else if (is_digits)
            text_add(&channel, (Slice){phone.at + 1, phone.bytes - 1});
        else if (dial.at[0] == '{' || dial.at[0] == '}')
            return (Slice){0};
        else
            text_add_byte(&channel, dial.at[0]);
        dial = (Slice){dial.at + used, dial.bytes - used};
    }
    return text_slice(&channel);
}

static Status check_dial(Slice dial, Arena *arena, Fault *fault)
{
    Slice longest = fill_dial(dial, SLICE("+123456789012345"), arena);
    bool has_number = slice_holds(dial, SLICE("{number}")) || slice_holds(dial, SLICE("{digits}"));
    bool has_technology = dial.bytes && memchr(dial.at, '/', dial.bytes) && dial.at[0] != '/';
    if (has_number && has_technology && longest.bytes && longest.bytes <= CHANNEL_BYTES_MAX && has_only(longest, "/@+-_.:;*#"))
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_value",
                     "PLEDGELINE_DIAL must be a channel with the number in it, like PJSIP/{digits}@trunk or PJSIP/trunk/sip:{number}@host");
}

/* 47 CFR 64.1200(b)(1) and (2): who calls, and a number to call back, is said of every call with an artificial voice. */
static Status check_caller_id(Slice caller_id, Fault *fault)
{
    const char *bracket = caller_id.bytes ? memchr(caller_id.at, '<', caller_id.bytes) : NULL;
    Slice number = bracket ? (Slice){bracket, (size_t)(caller_id.at + caller_id.bytes - bracket)} : caller_id;
    size_t digits = 0;
    bool is_plain = true;
    for (size_t i = 0; i < number.bytes; i++)
        digits += number.at[i] >= '0' && number.at[i] <= '9';
    for (size_t i = 0; i < caller_id.bytes; i++)
        is_plain = is_plain && (unsigned char)caller_id.at[i] >= ' ' && caller_id.at[i] != 127;
    if (is_plain && digits >= NUMBER_DIGITS_LEAST && caller_id.bytes <= CHANNEL_BYTES_MAX && has_only(number, "+<> -()"))
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_value",
                     "PLEDGELINE_CALLER_ID must be the number that calls are placed from, or \"Name\" <number>: PLEDGELINE_DIAL needs it");
}

Status pbx_speech_open(Pbx *pbx, struct PbxSpeech **ret, Fault *fault)
{
    Slice dial = slice_of(pbx->settings.dial), context = slice_of(pbx->settings.speech_context), caller_id = slice_of(pbx->settings.caller_id);
    if (slice_empty(dial))
        return STATUS_OK;
    Status status = check_dial(dial, &pbx->arena, fault);
    status = status ? status : check_caller_id(caller_id, fault);
    if (!status && (slice_empty(context) || !has_only(context, "-_.")))
        status = fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SPEECH_CONTEXT must be the name of a dialplan context");
    if (status)
        return status;
    struct PbxSpeech *speech = calloc(1, sizeof *speech);
    if (!speech)
        abort();
    *speech = (struct PbxSpeech){.pbx = pbx, .context = context, .caller_id = caller_id, .link = pbx->way->open(pbx->place)};
    pthread_mutex_init(&speech->lock, NULL);
    *ret = speech;
    return STATUS_OK;
}

void pbx_speech_close(struct PbxSpeech *speech)
{
    if (!speech)
        return;
    speech->pbx->way->close(speech->link);
    pthread_mutex_destroy(&speech->lock);
    free(speech);
}

/* ---- a call ---- */

enum { VARIABLES_MOST = 6 };

/* Letters of any language; what AMI, the dialplan or an AGI script would read as more than a name is none. */
static bool is_name(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if ((unsigned char)text.at[i] < 0x80 && !is_one_of(text.at[i], " _.:@/+-#"))
            return false;
    }
    return true;
}

static Status check_names(const Effect *effect, Fault *fault)
{
    if (!phone_is_e164(effect->phone))
        return fault_set(fault, STATUS_REJECT, "phone_invalid", "the number is not in E.164 form");
    if (effect->ref.bytes != REF_BYTES || !has_only(effect->ref, ""))
        return fault_set(fault, STATUS_REJECT, "ref_invalid", "the effect has no ref to know the call by");
    if (!is_name(effect->campaign_id) || !is_name(effect->contact_id))
        return fault_set(fault, STATUS_REJECT, "name_unsafe",
                         "the ids of campaign and contact go into the dialplan, and one has characters that mean something there");
    return STATUS_OK;
}

/* Empty ones are left out. */
static size_t print_variables(const Effect *effect, Slice id, Slice text, Arena *arena, PbxVariable out[VARIABLES_MOST])
{
    const PbxVariable all[VARIABLES_MOST] = {
        {"PLEDGELINE_CALL_ID", id},
        {"PLEDGELINE_REF", effect->ref},
        {"PLEDGELINE_CAMPAIGN_ID", effect->campaign_id},
        {"PLEDGELINE_CONTACT_ID", effect->contact_id},
        {"PLEDGELINE_PHONE", effect->phone},
        {"PLEDGELINE_TEXT", digest_base64url(arena, text)},
    };
    size_t count = 0;
    for (size_t i = 0; i < VARIABLES_MOST; i++) {
        if (!slice_empty(all[i].value))
            out[count++] = all[i];
    }
    return count;
}

/* ---- what became of it ---- */

static SmsOutcome outcome(SmsResult result, Slice reason) { return (SmsOutcome){.result = result, .provider = SLICE("asterisk"), .reason = reason}; }

/* Asterisk's words are stored as text. */
static SmsOutcome because(SmsResult result, const Fault *fault, Arena *arena)
{
    return outcome(result, utf8_plain(slice_of(fault->text), REASON_BYTES_MAX, arena));
}

/* Nobody answered: a channel of that id is the call. That there is none says nothing, it may be over. */
static SmsOutcome look_for(const struct PbxSpeech *speech, Slice id, int64_t deadline_ms, Arena *arena, const Fault *why)
{
    Fault ignored;
    if (speech->pbx->way->look(speech->link, id, deadline_ms, arena, &ignored) != PBX_DONE)
        return because(SMS_UNKNOWN, why, arena);
    SmsOutcome accepted = outcome(SMS_ACCEPTED, (Slice){0});
    accepted.message_id = id;
    return accepted;
}

static SmsOutcome outcome_of(const struct PbxSpeech *speech, PbxAnswer answer, Slice id, int64_t deadline_ms, Arena *arena, const Fault *fault)
{
    SmsOutcome accepted = outcome(SMS_ACCEPTED, (Slice){0});
    accepted.message_id = id;
    switch (answer) {
    case PBX_DONE: return accepted;
    case PBX_SILENT: return look_for(speech, id, deadline_ms, arena, fault);
    case PBX_FAILED: return because(SMS_UNSENT, fault, arena);
    case PBX_UNFIT: return because(SMS_REFUSED, fault, arena);
    case PBX_NO_CHANNEL:
    case PBX_REFUSED:
    case PBX_AWAY: break;
    }
    return because(SMS_AWAY, fault, arena);
}

static SmsOutcome place(const struct PbxSpeech *speech, const Effect *effect, int64_t deadline_ms, Arena *arena)
{
    Fault fault = {0};
    Slice text;
    PbxVariable variables[VARIABLES_MOST];
    if (check_names(effect, &fault) || effect_fill(effect, arena, &text, &fault))
        return because(SMS_REFUSED, &fault, arena);
    if (breaker_enter(speech->pbx->settings.breaker, &fault))
        return because(SMS_AWAY, &fault, arena);
    Slice id = arena_printf(arena, "pledgeline-%.*s", SLICE_ARG(effect->ref));
    PbxOrigination call = {.id = id, .channel = fill_dial(slice_of(speech->pbx->settings.dial), effect->phone, arena), .context = speech->context,
                           .caller_id = speech->caller_id, .ring_s = RING_S, .variables = variables,
                           .variable_count = print_variables(effect, id, text, arena, variables)};
    PbxAnswer answer = speech->pbx->way->originate(speech->link, &call, deadline_ms, arena, &fault);
    pbx_judge(speech->pbx, answer, &fault);
    return outcome_of(speech, answer, id, deadline_ms, arena, &fault);
}

/* ---- the port ---- */

/* It waits for nobody: whoever takes it next asks the list again. */
static SmsOutcome put_back(Slice why)
{
    SmsOutcome away = outcome(SMS_AWAY, why);
    away.not_before_ms = clock_wall_ms();
    return away;
}

/* now_ms: from before the list was asked; what it says is believed for a moment from then on. */
typedef struct Asked {
    int64_t now_ms, believed_until_ms; /* wall time */
    int64_t since_ms;                  /* elapsed time */
} Asked;

/* Its answer is waited for until well before the lease is over, when somebody else may take it; so it is placed in the first half. */
static bool has_time(const Effect *effect, const Asked *asked)
{
    int64_t now_ms = clock_wall_ms();
    return now_ms < asked->believed_until_ms && now_ms < asked->now_ms + (effect->due_ms - asked->now_ms) / 2;
}

static int64_t lease_left_ms(const Effect *effect, const Asked *asked)
{
    return asked->now_ms + (effect->due_ms - asked->now_ms) / 4 * 3 - clock_wall_ms();
}

static SmsOutcome place_in_time(const struct PbxSpeech *speech, const Effect *effect, const Asked *asked, Arena *arena)
{
    static const Slice late = SLICE_INIT("there was no time left to place the call");
    if (recent_blocks_has(effect->phone, asked->since_ms))
        return put_back(SLICE("the number was put on the do-not-call list meanwhile"));
    if (!has_time(effect, asked))
        return put_back(late);
    int64_t lease_ms = lease_left_ms(effect, asked), patience_ms = breaker_patience_ms(speech->pbx->settings.breaker, DEADLINE_MS);
    if (lease_ms < LEAST_MS || patience_ms < LEAST_MS)
        return outcome(SMS_AWAY, late);
    return place(speech, effect, clock_elapsed_ms() + (lease_ms < patience_ms ? lease_ms : patience_ms), arena);
}

static Status send_speech(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)fault;
    struct PbxSpeech *speech = self;
    const Asked asked = {.now_ms = now_ms, .believed_until_ms = now_ms + CALL_BELIEVED_MS, .since_ms = recent_blocks_since(now_ms)};
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&speech->lock);
        outcomes[i] = place_in_time(speech, &effects[i], &asked, arena);
        pthread_mutex_unlock(&speech->lock);
    }
    return STATUS_OK;
}

SpeechPort pbx_speech(Pbx *pbx) { return pbx->speech ? (SpeechPort){.self = pbx->speech, .name = SLICE("asterisk"), .send = send_speech} : (SpeechPort){0}; }
