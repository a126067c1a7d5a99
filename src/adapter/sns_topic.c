/* A topic of SNS that something is published to. What became of each message is told by the answer to its batch; what nobody
 * answered stays open. */
#include "adapter/sns_topic.h"

#include "base/clock.h"
#include "base/json.h"

enum { DEADLINE_MS = 5000, LEAST_MS = 100, WALL_MOST_MS = 60 * 1000 }; /* the minute is for the request itself, and for clocks that differ */

enum { ACCOUNT_DIGITS = 12, NAME_MAX_BYTES = 256 };

#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define LARGE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* ---- the topic ---- */

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

Status sns_topic_open(const SnsTopicSettings *settings, const char *variable, const char *arn, Arena *arena, SnsTopic *ret, Fault *fault)
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


void sns_topic_close(SnsTopic *topic) { aws_client_free(topic->client); }

/* ---- a call ---- */

/* Well before the lease is over, when somebody else may take the texts, and before a FIFO topic forgets them. It counts from now_ms,
 * since when the list was asked, and not from when we come to send. */
static AwsDeadline deadline_of(Breaker *breaker, const Effect *effects, size_t count, int64_t now_ms)
{
    int64_t most_ms = WALL_MOST_MS;
    for (size_t i = 0; i < count; i++) {
        int64_t lease_ms = (effects[i].due_ms - now_ms) / 4 * 3;
        most_ms = lease_ms < most_ms ? lease_ms : most_ms;
    }
    int64_t left_ms = now_ms + most_ms - clock_wall_ms(), patience_ms = breaker_patience_ms(breaker, DEADLINE_MS);
    return (AwsDeadline){.elapsed_ms = clock_elapsed_ms() + (left_ms < patience_ms ? left_ms : patience_ms), .wall_ms = now_ms + most_ms};
}

SnsSending sns_sending(Breaker *breaker, const Effect *effects, size_t count, int64_t now_ms, Arena *arena)
{
    SnsSending sending = {.breaker = breaker, .arena = arena, .deadline = deadline_of(breaker, effects, count, now_ms)};
    sending.is_over = breaker_enter(breaker, &sending.fault) != STATUS_OK;
    return sending;
}

/* ---- what became of it ---- */

SmsOutcome sns_outcome_because(SmsResult result, const Fault *fault, Arena *arena)
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

static void take_results(const SnsSending *sending, Slice answer, size_t count, SmsOutcome *outcomes)
{
    SnsResult results[SNS_BATCH_MAX];
    sns_batch_results(answer, count, sending->arena, results);
    for (size_t i = 0; i < count; i++)
        outcomes[i] = outcome_of(&results[i], sending->arena);
}

static bool is_late(const SnsSending *sending) { return clock_wall_ms() >= sending->deadline.wall_ms; }

/* For what certainly was not taken. Once it is late somebody else may have the text, so we leave the ledger alone. */
static SmsResult untaken(const SnsSending *sending) { return is_late(sending) ? SMS_OVERTAKEN : SMS_AWAY; }

/* The breaker hears of it, and the call ends where asking on is no use. */
static SmsResult judge_failure(SnsSending *sending, Status status, const AwsAnswer *answer)
{
    Breaker *breaker = sending->breaker;
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
static void publish(SnsSending *sending, const SnsTopic *topic, const SnsMessage *messages, size_t count, SmsOutcome *outcomes)
{
    AwsAnswer answer;
    Slice form = sns_batch_form(topic->arn, topic->is_fifo, messages, count, sending->arena);
    Status status = aws_call(topic->client, NULL, form, sending->deadline, sending->arena, &answer, &sending->fault);
    if (!status) {
        breaker_answered(sending->breaker);
        take_results(sending, answer.body, count, outcomes);
        return;
    }
    SmsResult result = judge_failure(sending, status, &answer);
    for (size_t i = 0; i < count; i++)
        outcomes[i] = sns_outcome_because(result, &sending->fault, sending->arena);
    for (size_t i = 0; i < count && count > 1 && result == SMS_REFUSED; i++)
        publish(sending, topic, &messages[i], 1, &outcomes[i]);
}

static bool is_at_end(const SnsSending *sending)
{
    return sending->is_over || is_late(sending) || clock_elapsed_ms() + LEAST_MS > sending->deadline.elapsed_ms;
}

void sns_publish(SnsSending *sending, const SnsTopic *topic, const SnsMessage *messages, size_t count, SmsOutcome *outcomes)
{
    if (!is_at_end(sending)) {
        publish(sending, topic, messages, count, outcomes);
        return;
    }
    if (!sending->is_over)
        fault_set(&sending->fault, STATUS_RETRY, "sms_away", "there was no time left to ask the SMS gateway's topic");
    for (size_t i = 0; i < count; i++)
        outcomes[i] = sns_outcome_because(untaken(sending), &sending->fault, sending->arena);
}

/* How many from the first on fit into one request. */
size_t sns_batch_of(const SnsMessage *messages, size_t count)
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

/* ---- what is asked for ---- */

SnsMessage sns_message_of(const Effect *effect, const char *subject, Slice body)
{
    return (SnsMessage){.subject = subject, .body = body, .action_id = effect->action_id, .campaign_id = effect->campaign_id, .group = effect->phone};
}

Slice sns_speech_request(const Effect *effect, Slice text, Slice why, int64_t now_ms, Arena *arena)
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
