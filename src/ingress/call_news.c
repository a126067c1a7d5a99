#include "ingress/call_news.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "event/decision.h"
#include "event/phone.h"

enum { COPY_OF_PRESS_MS = 2000 };

static const Slice speech_prefix = SLICE_INIT("pledgeline-");

/* ---- what is known ---- */

static bool is_copy(const Press *press, char digit, int64_t at_ms, uint32_t reporter, size_t *ret_place)
{
    int64_t apart_ms = at_ms > press->at_ms ? at_ms - press->at_ms : press->at_ms - at_ms;
    if (press->digit != digit || apart_ms > COPY_OF_PRESS_MS)
        return false;
    for (*ret_place = 0; *ret_place < PRESS_REPORTERS_MAX && press->reporters[*ret_place]; (*ret_place)++) {
        if (press->reporters[*ret_place] == reporter)
            return false;
    }
    return *ret_place < PRESS_REPORTERS_MAX;
}

void call_news_add_press(CallNews *news, char digit, int64_t at_ms, uint32_t reporter)
{
    for (size_t i = 0; i < news->press_count; i++) {
        size_t place;
        if (is_copy(&news->presses[i], digit, at_ms, reporter, &place)) {
            news->presses[i].reporters[place] = reporter;
            return;
        }
    }
    if (news->press_count == PRESSES_KEPT)
        memmove(news->presses, news->presses + 1, sizeof *news->presses * --news->press_count);
    news->presses[news->press_count++] = (Press){.digit = digit, .at_ms = at_ms, .reporters = {reporter}};
}

static void keep_earlier(int64_t *kept, int64_t value)
{
    if (value && (!*kept || value < *kept))
        *kept = value;
}

void call_news_join(CallNews *into, const CallNews *from)
{
    keep_earlier(&into->created_ms, from->created_ms);
    keep_earlier(&into->dialled_ms, from->dialled_ms);
    keep_earlier(&into->ringing_ms, from->ringing_ms);
    keep_earlier(&into->answered_ms, from->answered_ms);
    call_ending_add_cause(&into->ending, from->ending.cause, slice_of(from->ending.cause_text));
    call_ending_add_status(&into->ending, slice_of(from->ending.status));
    for (size_t i = 0; i < from->press_count; i++)
        call_news_add_press(into, from->presses[i].digit, from->presses[i].at_ms, from->presses[i].reporters[0]);
}

/* ---- messages ---- */

typedef struct Telling {
    CallNews *news;
    Arena *arena;
    void (*tell)(void *context, Slice topic, Slice body);
    void *context;
} Telling;

/* What people have typed into a dialplan, as one line of UTF-8. */
static Slice plain(const Telling *telling, Slice text) { return utf8_plain(text, CALL_ID_BYTES_MAX, telling->arena); }

static void add_member(const Telling *telling, Text *body, const char *key, Slice value)
{
    if (!slice_empty(value))
        json_add_text_member(body, key, plain(telling, value));
}

static void add_metadata(const Telling *telling, Text *body)
{
    const CallNews *news = telling->news;
    json_add_key(body, "metadata");
    text_add_byte(body, '{');
    json_add_text_member(body, "linkedid", plain(telling, news->linkedid));
    add_member(telling, body, "pbx", news->system);
    add_member(telling, body, "campaignName", news->variables[VARIABLE_CAMPAIGN_NAME]);
    text_add_byte(body, '}');
}

/* Up to the members of one kind of event. `once` tells it from others of its kind; empty = there is one in a call. */
static Text begin(const Telling *telling, const char *type, const char *what, Slice once, int64_t at_ms)
{
    const CallNews *news = telling->news;
    const Slice *variables = news->variables;
    Text body = text_in(telling->arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "callId", plain(telling, news->call_id));
    add_member(telling, &body, "campaignId", variables[VARIABLE_CAMPAIGN_ID]);
    add_member(telling, &body, "contactId", variables[VARIABLE_CONTACT_ID]);
    if (phone_is_e164(variables[VARIABLE_PHONE]))
        json_add_text_member(&body, "phoneNumber", variables[VARIABLE_PHONE]);
    json_add_text_member(&body, "eventType", slice_of(type));
    Slice id = arena_printf(telling->arena, "%.*s/%s%.*s", SLICE_ARG(news->linkedid), what, SLICE_ARG(once));
    json_add_text_member(&body, "eventId", plain(telling, id));
    json_add_time_member(&body, "timestamp", at_ms);
    return body;
}

static void finish(const Telling *telling, Text *body)
{
    text_add_byte(body, '}');
    telling->tell(telling->context, SLICE("call-events"), text_slice(body));
}

static void tell_initiated(const Telling *telling)
{
    Text body = begin(telling, "call_initiated", "initiated", SLICE(""), telling->news->created_ms);
    add_metadata(telling, &body);
    finish(telling, &body);
}

static void tell_state(const Telling *telling, const char *state, int64_t at_ms)
{
    Text body = begin(telling, "state_change", state, SLICE(""), at_ms);
    json_add_text_member(&body, "state", slice_of(state));
    finish(telling, &body);
}

static void tell_dialing(const Telling *telling) { tell_state(telling, "dialing", telling->news->dialled_ms); }
static void tell_ringing(const Telling *telling) { tell_state(telling, "ringing", telling->news->ringing_ms); }

static void tell_answered(const Telling *telling)
{
    Text body = begin(telling, "call_answered", "answered", SLICE(""), telling->news->answered_ms);
    finish(telling, &body);
}

static void tell_press(const Telling *telling, const Press *press)
{
    Slice digit = {&press->digit, 1};
    Slice once = arena_printf(telling->arena, "/%lld/%c", (long long)press->at_ms, press->digit);
    Text body = begin(telling, "dtmf_pressed", "digit", once, press->at_ms);
    json_add_text_member(&body, "dtmfInput", digit);
    finish(telling, &body);
}

static Slice outcome_of(const CallNews *news) { return call_ending_outcome(&news->ending, news->ringing_ms != 0, news->answered_ms != 0); }

static int64_t whole_seconds(int64_t from_ms, int64_t until_ms) { return from_ms && until_ms > from_ms ? (until_ms - from_ms) / 1000 : 0; }

/* An end that nobody saw is another event than the end itself, which may come from somebody who saw it, and beats it. */
static void tell_ended(const Telling *telling)
{
    const CallNews *news = telling->news;
    Text body = begin(telling, "call_ended", news->is_inferred ? "vanished" : "ended", SLICE(""), news->ended_ms);
    if (news->ending.cause)
        json_add_number_member(&body, "hangupCause", news->ending.cause);
    if (!news->is_inferred && !slice_empty(outcome_of(news)))
        json_add_text_member(&body, "outcome", outcome_of(news));
    json_add_number_member(&body, "duration", whole_seconds(news->created_ms, news->ended_ms));
    if (news->is_inferred) {
        json_add_number_member(&body, "billsec", whole_seconds(news->answered_ms, news->ended_ms));
        json_add_flag_member(&body, "inferred", true);
    }
    finish(telling, &body);
}

/* ---- receipts of calls that should have spoken a text ---- */

/* Empty when the channel is not one of those. */
static Slice ref_of(Slice channel_id)
{
    if (!slice_starts_with(channel_id, speech_prefix) || channel_id.bytes < speech_prefix.bytes + REF_BYTES)
        return (Slice){0};
    Slice ref = {channel_id.at + speech_prefix.bytes, REF_BYTES};
    for (size_t i = 0; i < ref.bytes; i++) {
        if (!strchr("0123456789abcdef", ref.at[i]))
            return (Slice){0};
    }
    return ref;
}

static void tell_receipt(const Telling *telling, Slice ref, Slice sms_class, Slice code, Slice reason, int64_t at_ms)
{
    Text body = text_in(telling->arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "ref", ref);
    json_add_text_member(&body, "provider", SLICE("asterisk"));
    json_add_text_member(&body, "messageId", arena_printf(telling->arena, "%.*s%.*s", SLICE_ARG(speech_prefix), SLICE_ARG(ref)));
    json_add_text_member(&body, "state", SLICE("undelivered"));
    json_add_text_member(&body, "class", sms_class);
    json_add_text_member(&body, "code", code);
    json_add_text_member(&body, "reason", plain(telling, reason));
    json_add_time_member(&body, "timestamp", at_ms);
    text_add_byte(&body, '}');
    telling->tell(telling->context, SLICE("delivery-receipts"), text_slice(&body));
}

/* Of an answered one the script that speaks tells; of one whose end was not seen nobody can say that it was not answered. */
static void tell_unspoken(const Telling *telling)
{
    const CallNews *news = telling->news;
    Slice ref = ref_of(news->linkedid), outcome = outcome_of(news);
    ref = slice_empty(ref) ? ref_of(news->call_id) : ref;
    if (slice_empty(ref) || news->answered_ms || news->is_inferred)
        return;
    Slice reason = *news->ending.cause_text && news->ending.cause ? slice_of(news->ending.cause_text) : outcome;
    Slice code = arena_printf(telling->arena, "%d", news->ending.cause);
    tell_receipt(telling, ref, call_ending_sms_class(&news->ending, outcome), code, reason, news->ended_ms);
}

void call_news_tell_refused(Slice channel_id, int64_t at_ms, Arena *arena, void (*tell)(void *context, Slice topic, Slice body), void *context)
{
    Telling telling = {.arena = arena, .tell = tell, .context = context};
    CallEnding nothing = {0};
    Slice ref = ref_of(channel_id);
    if (!slice_empty(ref))
        tell_receipt(&telling, ref, call_ending_sms_class(&nothing, SLICE("failed")), SLICE("0"), SLICE("the call could not be placed"), at_ms);
}

/* ---- all of it ---- */

static void tell_presses(const Telling *telling)
{
    CallNews *news = telling->news;
    for (size_t i = 0; i < news->press_count; i++) {
        if (!news->presses[i].is_told)
            tell_press(telling, &news->presses[i]);
        news->presses[i].is_told = true;
    }
}

static void tell_once(const Telling *telling, unsigned bit, int64_t at_ms, void (*print)(const Telling *telling))
{
    unsigned mask = 1u << bit;
    if (!at_ms || telling->news->told & mask)
        return;
    telling->news->told |= mask;
    print(telling);
}

void call_news_tell(CallNews *news, Arena *arena, void (*tell)(void *context, Slice topic, Slice body), void *context)
{
    Telling telling = {.news = news, .arena = arena, .tell = tell, .context = context};
    tell_once(&telling, 0, news->created_ms, tell_initiated);
    tell_once(&telling, 1, news->dialled_ms, tell_dialing);
    tell_once(&telling, 2, news->ringing_ms, tell_ringing);
    tell_once(&telling, 3, news->answered_ms, tell_answered);
    tell_presses(&telling);
    tell_once(&telling, 4, news->ended_ms, tell_ended);
    tell_once(&telling, 5, news->ended_ms, tell_unspoken);
}
