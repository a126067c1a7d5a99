/* Body -> fields. One table names every field; what it does not name is kept as metadata, never an error. */
#include "event/event_parse.h"

#include <stddef.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/digest.h"
#include "event/phone.h"

enum { TIME_AHEAD_MAX_MS = 24 * 60 * 60 * 1000, SECONDS_MAX = 366 * 24 * 60 * 60 };

static const int64_t EARLIEST_MS = 1420070400000; /* 2015-01-01: before it, a clock was not set */

const char *verdict_name(Verdict verdict)
{
    static const char *const names[] = {"none", "done", "reject", "retry", "fatal"};
    return names[verdict];
}

Status event_require(Slice value, const char *field, Fault *fault)
{
    if (!slice_empty(value))
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "field_missing", "%s is missing; it must be a text", field);
}

bool event_is_counter_name(Slice name)
{
    if (name.bytes < 1 || name.bytes > 32)
        return false;
    for (size_t i = 0; i < name.bytes; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

static Status wrong_type(const char *field, const char *expected, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "field_type", "%s must be %s", field, expected);
}

static bool has_control_byte(Slice text)
{
    size_t i = 0;
    for (; text.bytes - i >= 8; i += 8) {
        uint64_t word = bytes_load(text.at + i);
        if (bytes_below(word, 0x20) | bytes_equal(word, 0x7f))
            return true;
    }
    for (; i < text.bytes; i++) {
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return true;
    }
    return false;
}

static Status read_text(const Json *value, const char *field, size_t bytes_max, Slice *ret, Fault *fault)
{
    if (json_is_null(value))
        return STATUS_OK;
    if (!json_is_string(value))
        return wrong_type(field, "a text", fault);
    Slice text = json_text(value);
    if (text.bytes > bytes_max)
        return fault_set(fault, STATUS_REJECT, "field_too_long", "%s is longer than %zu bytes", field, bytes_max);
    if (has_control_byte(text))
        return fault_set(fault, STATUS_REJECT, "field_control_byte", "%s holds a control character", field);
    *ret = text;
    return STATUS_OK;
}

static Slice lower_case(Slice text, Arena *arena)
{
    size_t upper = 0;
    while (upper < text.bytes && !(text.at[upper] >= 'A' && text.at[upper] <= 'Z'))
        upper++;
    if (upper == text.bytes)
        return text;
    char *lowered = arena_alloc(arena, text.bytes + 1);
    for (size_t i = 0; i < text.bytes; i++)
        lowered[i] = text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] | 0x20) : text.at[i];
    lowered[text.bytes] = 0;
    return (Slice){lowered, text.bytes};
}

/* A whole number of seconds, as number or digits. */
static Status read_whole(const Json *value, const char *field, int64_t most, int64_t *ret, Fault *fault)
{
    if (json_is_null(value))
        return STATUS_OK;
    double number = -1;
    if (json_is_number(value))
        number = value->valuedouble;
    Slice digits = json_text(value);
    if (digits.bytes >= 1 && digits.bytes <= 9) {
        number = 0;
        for (size_t i = 0; i < digits.bytes; i++)
            number = digits.at[i] >= '0' && digits.at[i] <= '9' ? number * 10 + (digits.at[i] - '0') : -1e18;
    }
    if (!(number >= 0 && number <= (double)most))
        return fault_set(fault, STATUS_REJECT, "field_range", "%s must be a number from 0 to %lld", field, (long long)most);
    *ret = (int64_t)number;
    return STATUS_OK;
}

/* ---- what is too long for a record ---- */

/* A record is written anew with each of its events, so what one event leaves in it has a bound. Over it, the length and the
 * digest stand for the text: two events that differ there stay two, and the rule depends on this event alone, so that folding
 * commutes. `name` opens the object that says so; more members may follow. */
static Text dropped(Slice whole, const char *name, Arena *arena)
{
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(&whole, 1, digest);
    Text text = text_in(arena);
    text_printf(&text, "{\"%s\":{\"bytes\":%zu,\"sha256\":", name, whole.bytes);
    json_add_string(&text, digest_hex(arena, digest, sizeof digest));
    text_add_byte(&text, '}');
    return text;
}

static Slice kept_extra(Slice extra, Arena *arena)
{
    if (extra.bytes <= KEPT_BYTES_MAX)
        return extra;
    Text text = dropped(extra, "metadataDropped", arena);
    text_add_byte(&text, '}');
    return text_slice(&text);
}

static Slice kept_action(Slice action, Slice type, Arena *arena)
{
    if (action.bytes <= KEPT_BYTES_MAX)
        return action;
    Text text = dropped(action, "dropped", arena);
    json_add_text_member(&text, "type", type);
    text_add_byte(&text, '}');
    return text_slice(&text);
}

/* ---- one reader a field ---- */

typedef struct Reading {
    const Message *message;
    Arena *arena;
    Event *event;
    Fault *fault;
    const Json *metadata;
    Slice event_id, dial_status;
    size_t unknown_count;
} Reading;

typedef Status (*FieldReader)(Reading *reading, const Json *value);

#define TEXT_FIELD(name, target, json_name, most)                                            \
    static Status read_##name(Reading *reading, const Json *value)                          \
    {                                                                                        \
        return read_text(value, json_name, most, &reading->target, reading->fault);          \
    }
TEXT_FIELD(call_id, event->call_id, "callId", CALL_ID_BYTES_MAX)
TEXT_FIELD(campaign_id, event->campaign_id, "campaignId", CAMPAIGN_ID_BYTES_MAX)
TEXT_FIELD(contact_id, event->contact_id, "contactId", CALL_ID_BYTES_MAX)
TEXT_FIELD(event_type, event->type_name, "eventType", 64)
TEXT_FIELD(event_id, event_id, "eventId", CALL_ID_BYTES_MAX)
TEXT_FIELD(state, event->state, "status", 64)
TEXT_FIELD(outcome, event->outcome, "outcome", 64)
TEXT_FIELD(dial_status, dial_status, "dialStatus", 32)

static Status read_phone(Reading *reading, const Json *value)
{
    if (json_is_null(value))
        return STATUS_OK;
    Slice phone = json_text(value);
    if (!phone_is_e164(phone))
        return fault_set(reading->fault, STATUS_REJECT, "phone_invalid",
                         "phoneNumber is not E.164: it must be + and 8 to 15 digits, like +972501234567");
    reading->event->phone = phone;
    return STATUS_OK;
}

static Status read_dtmf(Reading *reading, const Json *value)
{
    if (json_is_number(value) && value->valuedouble >= 0 && value->valuedouble <= 9) {
        reading->event->dtmf = arena_printf(reading->arena, "%d", (int)value->valuedouble);
        return STATUS_OK;
    }
    return read_text(value, "dtmfInput", DIGIT_BYTES_MAX, &reading->event->dtmf, reading->fault);
}

/* RFC 3339; or seconds or milliseconds since 1970, told apart by size. */
static Status read_timestamp(Reading *reading, const Json *value)
{
    Event *event = reading->event;
    if (json_is_null(value))
        return STATUS_OK;
    if (json_is_number(value) && value->valuedouble >= 0 && value->valuedouble < 1e14) {
        event->at_ms = (int64_t)(value->valuedouble < 1e11 ? value->valuedouble * 1000 : value->valuedouble);
        event->timestamp = arena_printf(reading->arena, "%.0f", value->valuedouble);
        return STATUS_OK;
    }
    if (!time_parse(json_text(value), &event->at_ms))
        return fault_set(reading->fault, STATUS_REJECT, "timestamp_invalid",
                         "timestamp is not RFC 3339, like 2024-01-15T10:30:00Z");
    event->timestamp = json_text(value);
    return STATUS_OK;
}

static Status read_duration(Reading *reading, const Json *value)
{
    return read_whole(value, "duration", SECONDS_MAX, &reading->event->duration_s, reading->fault);
}

static Status read_billsec(Reading *reading, const Json *value)
{
    return read_whole(value, "billsec", SECONDS_MAX, &reading->event->billsec_s, reading->fault);
}

static Status read_hangup_cause(Reading *reading, const Json *value)
{
    int64_t cause = 0;
    Status status = read_whole(value, "hangupCause", 255, &cause, reading->fault);
    reading->event->hangup_cause = (int32_t)cause;
    return status;
}

/* A word of another publisher that only happens to have this name says nothing. */
static Status read_inferred(Reading *reading, const Json *value)
{
    reading->event->inferred = json_is_true(value);
    return STATUS_OK;
}

static Status read_action(Reading *reading, const Json *value)
{
    if (json_is_null(value))
        return STATUS_OK;
    if (!json_is_object(value) && !json_is_string(value))
        return wrong_type("action", "an object with a type", reading->fault);
    const Json *type = json_is_object(value) ? json_get(value, "type") : value;
    if (!type)
        return wrong_type("action", "an object with a type", reading->fault);
    Slice name = {0};
    Status status = read_text(type, "action.type", 64, &name, reading->fault);
    if (status)
        return status;
    reading->event->action_type = lower_case(name, reading->arena);
    if (json_is_object(value)) {
        Text printed = text_in(reading->arena);
        json_add_canonical(&printed, value);
        reading->event->action = kept_action(text_slice(&printed), name, reading->arena);
    }
    return STATUS_OK;
}

static Status read_metadata(Reading *reading, const Json *value)
{
    if (json_is_null(value))
        return STATUS_OK;
    if (!json_is_object(value))
        return wrong_type("metadata", "an object", reading->fault);
    reading->metadata = value;
    reading->event->campaign_name = json_text(json_get(value, "campaignName"));
    return STATUS_OK;
}

static const struct Field {
    Slice name;
    FieldReader read;
} fields[] = {
#define FIELD(name, reader) {{name, sizeof(name) - 1}, reader}
    /* in the order in which events usually come, so that the search mostly starts at its hit */
    FIELD("callId", read_call_id), FIELD("campaignId", read_campaign_id), FIELD("contactId", read_contact_id),
    FIELD("phoneNumber", read_phone), FIELD("eventType", read_event_type), FIELD("dtmfInput", read_dtmf),
    FIELD("status", read_state), FIELD("outcome", read_outcome), FIELD("action", read_action),
    FIELD("timestamp", read_timestamp), FIELD("metadata", read_metadata), FIELD("eventId", read_event_id),
    FIELD("digit", read_dtmf), FIELD("state", read_state), FIELD("dialStatus", read_dial_status),
    FIELD("duration", read_duration), FIELD("billsec", read_billsec), FIELD("hangupCause", read_hangup_cause),
    FIELD("inferred", read_inferred),
#undef FIELD
};
enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static const struct Field *find_field(Slice name, size_t *hint)
{
    for (size_t tried = 0, i = *hint; tried < FIELD_COUNT; tried++, i++) {
        if (i >= FIELD_COUNT)
            i = 0;
        if (slice_equal(fields[i].name, name)) {
            *hint = i + 1;
            return &fields[i];
        }
    }
    return NULL;
}

/* ---- what no row names: kept as metadata ---- */

/* Metadata first: where a field has the name of one of its members, the member stands. */
static void add_with_unknown(Text *text, const Reading *reading)
{
    size_t count = 0, hint = 0;
    json_each(member, reading->metadata) count++;
    const Json **members = arena_alloc(reading->arena, sizeof *members * (count + reading->unknown_count));
    count = 0;
    json_each(member, reading->metadata) members[count++] = member;
    json_each(member, reading->message->body)
    {
        if (!find_field(slice_of(member->string), &hint))
            members[count++] = member;
    }
    json_add_members(text, members, count);
}

static Slice extra_of(const Reading *reading)
{
    if (!reading->metadata && !reading->unknown_count)
        return (Slice){0};
    Text text = text_in(reading->arena);
    if (reading->unknown_count)
        add_with_unknown(&text, reading);
    else
        json_add_canonical(&text, reading->metadata);
    return kept_extra(text_slice(&text), reading->arena);
}

/* Asterisk's words for how a dial ended. */
static Slice outcome_of_dial_status(Slice dial_status)
{
    static const struct { Slice dial_status, outcome; } rows[] = {
        {SLICE_INIT("answer"), SLICE_INIT("")}, {SLICE_INIT("busy"), SLICE_INIT("busy")}, {SLICE_INIT("noanswer"), SLICE_INIT("no_answer")},
        {SLICE_INIT("cancel"), SLICE_INIT("no_answer")}, {SLICE_INIT("congestion"), SLICE_INIT("failed")}, {SLICE_INIT("chanunavail"), SLICE_INIT("failed")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (slice_equal(rows[i].dial_status, dial_status))
            return rows[i].outcome;
    }
    return dial_status;
}

static void finish(Reading *reading)
{
    Event *event = reading->event;
    if (slice_empty(event->timestamp))
        event->at_ms = event->received_ms;
    event->at_known = event->at_ms >= EARLIEST_MS && event->at_ms <= event->received_ms + TIME_AHEAD_MAX_MS;
    event->key = reading->event_id;
    event->state = lower_case(event->state, reading->arena);
    event->outcome = lower_case(event->outcome, reading->arena);
    if (!slice_empty(reading->dial_status)) {
        Slice dial_status = lower_case(reading->dial_status, reading->arena);
        event->state = slice_equal(dial_status, SLICE("answer")) ? SLICE("answered") : event->state;
        if (slice_empty(event->outcome))
            event->outcome = outcome_of_dial_status(dial_status);
    }
    event->extra = extra_of(reading);
}

Status event_parse_body(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    event->received_ms = message->received_ms;
    event->duration_s = event->billsec_s = -1;
    Reading reading = {.message = message, .arena = arena, .event = event, .fault = fault};
    size_t hint = 0;
    json_each(member, message->body)
    {
        const struct Field *field = find_field(slice_of(member->string), &hint);
        if (!field) {
            reading.unknown_count++;
            continue;
        }
        Status status = field->read(&reading, member);
        if (status)
            return status;
    }
    finish(&reading);
    return STATUS_OK;
}

Status event_parse_fields(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = event_parse_body(message, arena, event, fault);
    return status ? status : event_require(event->call_id, "callId", fault);
}
