/* Texts become messages of a topic. What became of each is told by the answer to its batch; what nobody answered stays open. */
#include "adapter/sns_sms.h"

#include <stdlib.h>

#include "adapter/sns_form.h"
#include "base/clock.h"
#include "base/json.h"
#include "event/text_template.h"

/* SNS knows a repeat for five minutes; the minute is for the request itself, and for clocks that differ. */
enum { DEADLINE_MS = 5000, LEAST_MS = 100, WALL_MOST_MS = 60 * 1000, FIFO_REPEAT_MS = 4 * 60 * 1000 };

enum { ACCOUNT_DIGITS = 12, NAME_MAX_BYTES = 256 };

#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define LARGE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

typedef struct Topic {
    const char *arn;
    bool is_fifo;
    AwsSettings settings;
    AwsClient *client; /* NULL: there is no such topic */
} Topic;

struct SnsSms {
    Topic texts, speech;
    Breaker *breaker;
    Arena arena;
};

/* ---- what is published ---- */

static bool fill_text(const Effect *effect, Arena *arena, Slice *ret_text, Fault *fault)
{
    const TemplateVariable variables[] = {{"donationLink", effect->donation_link}, {"campaignName", effect->campaign_name}};
    return !text_template_fill(effect->message, variables, sizeof variables / sizeof *variables, arena, ret_text, fault);
}

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

static Slice speech_request(const Effect *effect, Slice text, Slice why, int64_t now_ms, Arena *arena)
{
    Text json = text_in(arena);
    text_add_byte(&json, '{');
    json_add_text_member(&json, "phoneNumber", effect->phone);
    json_add_text_member(&json, "text", text);
    json_add_text_member(&json, "campaignId", effect->campaign_id);
    json_add_text_member(&json, "contactId", effect->contact_id);
    json_add_text_member(&json, "smsFailureReason", why);
    json_add_time_member(&json, "timestamp", now_ms);
    json_add_text_member(&json, "actionId", effect->action_id);
    text_add_byte(&json, '}');
    return text_slice(&json);
}

static SnsMessage message_of(const Effect *effect, const char *subject, Slice body)
{
    return (SnsMessage){.subject = subject, .body = body, .action_id = effect->action_id, .campaign_id = effect->campaign_id, .group = effect->phone};
}

/* ---- what became of it ---- */

typedef struct Sending {
    SnsSms *sns;
    AwsDeadline deadline;
    Arena *arena;
    Fault fault;
    bool is_over; /* the topic is away: nothing more goes out by this call */
} Sending;

static SmsOutcome outcome_because(SmsResult result, const Fault *fault, Arena *arena)
{
    return (SmsOutcome){.result = result, .reason = arena_copy(arena, slice_of(fault->text))};
}

/* Said of us, our rights, the topic or its key; the next text would hear the same. */
static bool is_about_us(const AwsAnswer *answer)
{
    return answer->code == 401 || answer->code == 403 || answer->code == 404 || slice_starts_with(answer->error, SLICE("KMS")) ||
           slice_equal(answer->error, SLICE("RequestExpired")) || slice_equal(answer->error, SLICE("NotFound"));
}

static SmsOutcome outcome_of(const SnsResult *result, Arena *arena)
{
    if (!slice_empty(result->message_id))
        return (SmsOutcome){.result = SMS_ACCEPTED, .message_id = result->message_id};
    if (slice_empty(result->code))
        return (SmsOutcome){.result = SMS_UNKNOWN, .reason = SLICE("the answer of SNS says nothing of it")};
    Slice reason = arena_printf(arena, "SNS: %.*s: %.*s", SLICE_ARG(result->code), SLICE_ARG(result->words));
    return (SmsOutcome){.result = result->is_senders_fault ? SMS_REFUSED : SMS_UNSENT, .reason = reason};
}

static void take_results(const Sending *sending, Slice answer, size_t count, SmsOutcome *outcomes)
{
    SnsResult results[SNS_BATCH_MAX];
    sns_batch_results(answer, count, sending->arena, results);
    for (size_t i = 0; i < count; i++)
        outcomes[i] = outcome_of(&results[i], sending->arena);
}

static bool is_late(const Sending *sending) { return clock_wall_ms() >= sending->deadline.wall_ms; }

/* For what certainly was not taken. Once it is late somebody else may have the text, so we leave the ledger alone. */
static SmsResult untaken(const Sending *sending) { return is_late(sending) ? SMS_OVERTAKEN : SMS_AWAY; }

/* The breaker hears of it, and the call ends where asking on is no use. */
static SmsResult judge_failure(Sending *sending, Status status, const AwsAnswer *answer)
{
    Breaker *breaker = sending->sns->breaker;
    if (status == STATUS_RETRY) {
        if (strcmp(sending->fault.code, "aws_late") != 0)
            breaker_failed(breaker, &sending->fault);
        sending->is_over = true;
        return answer->maybe_taken ? SMS_UNKNOWN : untaken(sending);
    }
    breaker_answered(breaker);
    bool is_about_text = answer->code && !is_about_us(answer);
    if (is_about_text)
        return answer->maybe_taken ? SMS_UNKNOWN : SMS_REFUSED;
    breaker_refused(breaker, &sending->fault);
    sending->is_over = true;
    return answer->maybe_taken ? SMS_UNKNOWN : untaken(sending);
}

/* Of a batch that is refused as a whole one message may be the cause: then each goes alone. */
static void publish(Sending *sending, const Topic *topic, const SnsMessage *messages, size_t count, SmsOutcome *outcomes)
{
    AwsAnswer answer;
    Slice form = sns_batch_form(topic->arn, topic->is_fifo, messages, count, sending->arena);
    Status status = aws_call(topic->client, NULL, form, sending->deadline, sending->arena, &answer, &sending->fault);
    if (!status) {
        breaker_answered(sending->sns->breaker);
        take_results(sending, answer.body, count, outcomes);
        return;
    }
    SmsResult result = judge_failure(sending, status, &answer);
    for (size_t i = 0; i < count; i++)
        outcomes[i] = outcome_because(result, &sending->fault, sending->arena);
    for (size_t i = 0; i < count && count > 1 && result == SMS_REFUSED; i++)
        publish(sending, topic, &messages[i], 1, &outcomes[i]);
}

static bool is_at_end(const Sending *sending)
{
    return sending->is_over || is_late(sending) || clock_elapsed_ms() + LEAST_MS > sending->deadline.elapsed_ms;
}

static void publish_in_time(Sending *sending, const Topic *topic, const SnsMessage *messages, size_t count, SmsOutcome *outcomes)
{
    if (!is_at_end(sending)) {
        publish(sending, topic, messages, count, outcomes);
        return;
    }
    if (!sending->is_over)
        fault_set(&sending->fault, STATUS_RETRY, "sms_away", "there was no time left to ask the SMS gateway's topic");
    for (size_t i = 0; i < count; i++)
        outcomes[i] = outcome_because(untaken(sending), &sending->fault, sending->arena);
}

/* How many from the first on fit into one request. */
static size_t batch_of(const SnsMessage *messages, size_t count)
{
    size_t taken = 0, bytes = 0;
    while (taken < count && taken < SNS_BATCH_MAX) {
        bytes += sns_message_bytes(&messages[taken]);
        if (taken && bytes > SNS_BATCH_BYTES_MAX)
            break;
        taken++;
    }
    return taken;
}

/* ---- speech ---- */

/* What certainly was not taken is worth another try as a whole: the text is refused again, and then this is asked again. */
static void speak(Sending *sending, const Effect *effect, Slice text, int64_t now_ms, SmsOutcome *refused)
{
    Slice body = speech_request(effect, text, refused->reason, now_ms, sending->arena);
    SnsMessage message = message_of(effect, "TTS Fallback Request", body);
    SmsOutcome spoken;
    publish_in_time(sending, &sending->sns->speech, &message, 1, &spoken);
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

/* Well before the lease is over, when somebody else may take the texts, and before a FIFO topic forgets them. It counts from now_ms,
 * since when the list was asked, and not from when we come to send. */
static AwsDeadline deadline_of(SnsSms *sns, const Effect *effects, size_t count, int64_t now_ms)
{
    int64_t most_ms = WALL_MOST_MS;
    for (size_t i = 0; i < count; i++) {
        int64_t lease_ms = (effects[i].due_ms - now_ms) / 4 * 3;
        most_ms = lease_ms < most_ms ? lease_ms : most_ms;
    }
    int64_t left_ms = now_ms + most_ms - clock_wall_ms(), patience_ms = breaker_patience_ms(sns->breaker, DEADLINE_MS);
    return (AwsDeadline){.elapsed_ms = clock_elapsed_ms() + (left_ms < patience_ms ? left_ms : patience_ms), .wall_ms = now_ms + most_ms};
}

static Status send_texts(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)fault;
    SnsSms *sns = self;
    Sending sending = {.sns = sns, .arena = arena, .deadline = deadline_of(sns, effects, count, now_ms)};
    SnsMessage *messages = ARENA_ARRAY(arena, SnsMessage, count + 1);
    Slice *texts = ARENA_ARRAY(arena, Slice, count + 1);
    SmsOutcome *results = ARENA_ARRAY(arena, SmsOutcome, count + 1);
    size_t *places = ARENA_ARRAY(arena, size_t, count + 1), leaving = 0;
    sending.is_over = breaker_enter(sns->breaker, &sending.fault) != STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        Fault why;
        if (effects[i].kind == EFFECT_TEXT) {
            fault_set(&why, STATUS_REJECT, "no_provider", "texts are passed on to a topic here, so what is asked for by one would go round in circles");
            outcomes[i] = outcome_because(SMS_REFUSED, &why, arena);
            continue;
        }
        if (!fill_text(&effects[i], arena, &texts[i], &why)) {
            outcomes[i] = outcome_because(SMS_REFUSED, &why, arena);
            continue;
        }
        messages[leaving] = message_of(&effects[i], "Donation SMS Request", text_request(&effects[i], arena));
        places[leaving++] = i;
    }
    for (size_t done = 0, taken; done < leaving; done += taken) {
        taken = batch_of(messages + done, leaving - done);
        publish_in_time(&sending, &sns->texts, messages + done, taken, results + done);
    }
    for (size_t k = 0; k < leaving; k++) {
        outcomes[places[k]] = results[k];
        if (results[k].result == SMS_REFUSED && sns->speech.client)
            speak(&sending, &effects[places[k]], texts[places[k]], now_ms, &outcomes[places[k]]);
    }
    return STATUS_OK;
}

/* ---- open and close ---- */

static bool has_only(Slice text, const char *bytes)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (!text.at[i] || !strchr(bytes, text.at[i]))
            return false;
    }
    return text.bytes;
}

static bool ends_fifo(Slice name, Slice *ret_stem)
{
    const Slice fifo = SLICE(".fifo");
    *ret_stem = name;
    if (name.bytes <= fifo.bytes || memcmp(name.at + name.bytes - fifo.bytes, fifo.at, fifo.bytes) != 0)
        return false;
    ret_stem->bytes -= fifo.bytes;
    return true;
}

/* https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html */
static bool is_topic(const AwsArn *parts, Slice name)
{
    bool is_account = parts->account.bytes == ACCOUNT_DIGITS && has_only(parts->account, DIGITS);
    bool is_partition = slice_starts_with(parts->partition, SLICE("aws")) && has_only(parts->partition, SMALL DIGITS "-");
    return slice_equal(parts->service, SLICE("sns")) && is_partition && is_account && has_only(parts->region, SMALL DIGITS "-") &&
           parts->resource.bytes <= NAME_MAX_BYTES && has_only(name, SMALL LARGE DIGITS "-_");
}

static Status open_topic(const SnsSmsSettings *settings, const char *variable, const char *arn, Arena *arena, Topic *ret, Fault *fault)
{
    AwsArn parts;
    Slice name = {0};
    bool is_fifo = aws_parse_arn(slice_of(arn), &parts) && ends_fifo(parts.resource, &name);
    if (slice_empty(name) || !is_topic(&parts, name))
        return fault_set(fault, STATUS_REJECT, "setting_value", "%s is \"%.80s\"; it must be the ARN of an SNS topic", variable, arn);
    const EventHandler *handler = event_handler_of(name);
    if (handler && !handler->is_request)
        return fault_set(fault, STATUS_REJECT, "setting_value", "%s is \"%.80s\"; events come by that topic, and a text would come back as one",
                         variable, arn);
    ret->arn = arn;
    ret->is_fifo = is_fifo;
    ret->settings = (AwsSettings){.region = arena_copy(arena, parts.region).at, .endpoint_url = settings->endpoint_url, .ca_bundle = settings->ca_bundle,
                                  .use_fips = settings->use_fips, .never_twice = !ret->is_fifo};
    ret->client = aws_client_new("sns", &ret->settings);
    return STATUS_OK;
}

Status sns_sms_open(const SnsSmsSettings *settings, SnsSms **ret, Fault *fault)
{
    SnsSms *sns = calloc(1, sizeof *sns);
    if (!sns)
        abort();
    sns->breaker = settings->breaker;
    Status status = *settings->topic_arn ? STATUS_OK : fault_set(fault, STATUS_REJECT, "setting_value",
                                                                 "TTS_FALLBACK_TOPIC_ARN is set without SMS_GATEWAY_TOPIC_ARN, whose texts it is for");
    status = status ? status : open_topic(settings, "SMS_GATEWAY_TOPIC_ARN", settings->topic_arn, &sns->arena, &sns->texts, fault);
    if (!status && *settings->tts_topic_arn)
        status = open_topic(settings, "TTS_FALLBACK_TOPIC_ARN", settings->tts_topic_arn, &sns->arena, &sns->speech, fault);
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
    aws_client_free(sns->texts.client);
    aws_client_free(sns->speech.client);
    arena_done(&sns->arena);
    free(sns);
}

/* A repeat of a text that is refused asks for its speech again, too. */
SmsPort sns_sms(SnsSms *sns)
{
    bool knows_repeats = sns->texts.is_fifo && (!sns->speech.client || sns->speech.is_fifo);
    return (SmsPort){.self = sns, .joins_unit = false, .repeat_ms = knows_repeats ? FIFO_REPEAT_MS : 0, .send = send_texts};
}
