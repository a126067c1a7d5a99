/* One call, signed anew for every try. What AWS says of a failure decides whether there is another one. */
#include "net/aws.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "net/aws_credentials.h"
#include "net/xml.h"

enum { PAUSE_FIRST_MS = 50, PAUSE_MOST_MS = 1000 };

struct AwsClient {
    const char *service;
    const AwsSettings *settings;
    HttpClient *http;
    AwsCredentials *credentials;
    int64_t ahead_ms; /* how far AWS's clock is ahead of ours, where it minds */
    Slice url;
    Arena arena;
};

AwsClient *aws_client_new(const char *service, const AwsSettings *settings)
{
    AwsClient *client = calloc(1, sizeof *client);
    if (!client)
        abort();
    client->service = service;
    client->settings = settings;
    client->http = http_client_new(NULL);
    client->credentials = aws_credentials_new();
    http_client_trust(client->http, settings->ca_bundle);
    Slice host = aws_host(service, slice_of(settings->region), settings->use_fips, &client->arena);
    bool is_elsewhere = settings->endpoint_url && *settings->endpoint_url;
    client->url = is_elsewhere ? arena_copy(&client->arena, slice_of(settings->endpoint_url)) : arena_printf(&client->arena, "https://%s/", host.at);
    return client;
}

void aws_client_free(AwsClient *client)
{
    if (!client)
        return;
    http_client_free(client->http);
    aws_credentials_free(client->credentials);
    arena_done(&client->arena);
    free(client);
}

void aws_client_cancel(AwsClient *client) { http_client_cancel(client->http); }

/* ---- what AWS says of a failure ---- */

/* "com.amazonaws.sqs#QueueDoesNotExist" -> "QueueDoesNotExist" */
static Slice behind_hash(Slice name)
{
    const char *hash = name.bytes ? memrchr(name.at, '#', name.bytes) : NULL;
    return hash ? (Slice){hash + 1, (size_t)(name.at + name.bytes - hash - 1)} : name;
}

static void read_json_error(AwsAnswer *answer, Arena *arena)
{
    const Json *body;
    Fault ignored; /* a proxy's page, say: then there is the code alone */
    if (json_parse(answer->body, arena, &body, &ignored))
        return;
    Slice message = json_text(json_get(body, "message"));
    answer->error = behind_hash(json_text(json_get(body, "__type")));
    answer->message = slice_empty(message) ? json_text(json_get(body, "Message")) : message;
}

static void read_xml_error(AwsAnswer *answer, Arena *arena)
{
    const XmlText *texts;
    size_t count;
    xml_read(answer->body, arena, &texts, &count);
    answer->error = xml_find(texts, count, "Code");
    answer->message = xml_find(texts, count, "Message");
}

static bool is_one_of(Slice error, const char *const *names)
{
    for (; *names; names++) {
        if (slice_equal(error, slice_of(*names)))
            return true;
    }
    return false;
}

/* The lists are those of AWS's own clients. */
static bool is_throttled(const AwsAnswer *answer)
{
    static const char *const names[] = {"Throttling", "ThrottlingException", "ThrottledException", "Throttled", "RequestThrottledException",
                                        "RequestThrottled", "KMSThrottling", "TooManyRequestsException", "RequestLimitExceeded",
                                        "BandwidthLimitExceeded", "SlowDown", "LimitExceededException", "PriorRequestNotComplete", NULL};
    return answer->code == 429 || is_one_of(answer->error, names);
}

static bool is_skewed(const AwsAnswer *answer)
{
    static const char *const names[] = {"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", NULL};
    if (is_one_of(answer->error, names))
        return true;
    bool is_of_signature = slice_equal(answer->error, SLICE("SignatureDoesNotMatch")) || slice_equal(answer->error, SLICE("InvalidSignatureException"));
    return is_of_signature && (slice_holds(answer->message, SLICE("Signature expired")) || slice_holds(answer->message, SLICE("Signature not yet current")));
}

static bool has_old_keys(const AwsAnswer *answer)
{
    static const char *const names[] = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
                                        "InvalidSecurityToken", NULL};
    return is_one_of(answer->error, names);
}

static bool is_temporary(const AwsAnswer *answer)
{
    return is_throttled(answer) || answer->code == 408 || answer->code == 425 || (answer->code >= 500 && answer->code != 501);
}

/* ---- one try ---- */

typedef struct AwsTry {
    const char *target;
    Slice body;
    AwsDeadline deadline;
    int tries;
    bool clock_was_set, keys_were_renewed; /* each once a call */
} AwsTry;

static bool is_over(const AwsDeadline *deadline)
{
    return clock_elapsed_ms() >= deadline->elapsed_ms || (deadline->wall_ms && clock_wall_ms() >= deadline->wall_ms);
}

/* The last look before a request leaves: whoever was frozen until now keeps it. */
static Status ask_in_time(AwsClient *client, const AwsTry *trying, HttpRequest *request, Arena *arena, HttpAnswer *ret, Fault *fault)
{
    int64_t left_ms = trying->deadline.elapsed_ms - clock_elapsed_ms();
    if (left_ms <= 0 || is_over(&trying->deadline))
        return fault_set(fault, STATUS_RETRY, "aws_late", "there was no time left to ask %s of AWS", client->service);
    request->timeout_ms = left_ms;
    return http_client_ask(client->http, request, arena, ret, fault);
}

static Status ask(AwsClient *client, AwsTry *trying, Arena *arena, AwsAnswer *ret, Fault *fault)
{
    const AwsKeys *keys;
    Status status = aws_credentials_get(client->credentials, trying->deadline.elapsed_ms, &keys, fault);
    if (status)
        return status;
    const char *const headers[] = {trying->target ? arena_printf(arena, "X-Amz-Target: %s", trying->target).at : NULL, NULL};
    HttpRequest request = {.method = "POST", .url = client->url.at, .headers = headers, .body = trying->body,
                           .content_type = trying->target ? "application/x-amz-json-1.0" : "application/x-www-form-urlencoded; charset=utf-8",
                           .once = client->settings->never_twice};
    AwsSigning signing = {client->service, client->settings->region, keys, clock_wall_ms() + client->ahead_ms};
    HttpAnswer answer = {0};
    status = aws_sign(&signing, &request, arena, fault);
    status = status ? status : ask_in_time(client, trying, &request, arena, &answer, fault);
    if (status == STATUS_REJECT)
        return status;
    ret->code = answer.code;
    ret->body = answer.body;
    ret->error = ret->message = (Slice){0};
    ret->maybe_taken |= answer.maybe_taken;
    return status;
}

/* Mon, 15 Jan 2024 10:30:00 GMT */
static void set_clock(AwsClient *client, Arena *arena)
{
    Slice date = http_client_header(client->http, "Date", arena);
    time_t seconds = slice_empty(date) ? -1 : curl_getdate(date.at, NULL);
    if (seconds > 0)
        client->ahead_ms = (int64_t)seconds * 1000 - clock_wall_ms();
}

/* *ret_again: worth another try at once. */
static Status judge(AwsClient *client, AwsTry *trying, Arena *arena, AwsAnswer *answer, bool *ret_again, Fault *fault)
{
    if (answer->code >= 200 && answer->code <= 299) {
        answer->maybe_taken = false;
        return STATUS_OK;
    }
    (trying->target ? read_json_error : read_xml_error)(answer, arena);
    if (is_skewed(answer) && !trying->clock_was_set) {
        set_clock(client, arena);
        *ret_again = trying->clock_was_set = true;
    } else if (has_old_keys(answer) && !trying->keys_were_renewed) {
        aws_credentials_forget(client->credentials);
        *ret_again = trying->keys_were_renewed = true;
    }
    bool may_have_worked = answer->code >= 500 && answer->code != 501 && !is_throttled(answer);
    answer->maybe_taken |= may_have_worked;
    Status status = is_temporary(answer) ? STATUS_RETRY : STATUS_REJECT;
    const char *code = status == STATUS_REJECT ? "aws_refused" : is_throttled(answer) ? "aws_throttled" : "aws_away";
    fault_set(fault, status, code, "%s of AWS answered %ld %.*s: %.*s", client->service, answer->code, SLICE_ARG(answer->error),
              answer->message.bytes > 120 ? 120 : (int)answer->message.bytes, answer->message.at ? answer->message.at : "");
    log_mask_phones(fault->text);
    return status;
}

/* ---- all tries ---- */

/* Half of the pause to all of it. False when there is no time left for another try. */
static bool pause(AwsTry *trying, bool at_once)
{
    uint16_t random;
    digest_random(&random, sizeof random);
    int64_t most_ms = (int64_t)PAUSE_FIRST_MS << (trying->tries < 5 ? trying->tries : 5);
    most_ms = most_ms < PAUSE_MOST_MS ? most_ms : PAUSE_MOST_MS;
    int64_t wait_ms = at_once ? 0 : most_ms / 2 + random % (most_ms / 2);
    if (clock_elapsed_ms() + wait_ms >= trying->deadline.elapsed_ms)
        return false;
    struct timespec time = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    nanosleep(&time, NULL);
    trying->tries++;
    return true;
}

static bool is_final(const AwsClient *client, Status status, const AwsAnswer *answer, const Fault *fault)
{
    if (status == STATUS_OK || status == STATUS_REJECT || !strcmp(fault->code, "cancelled") || !strcmp(fault->code, "aws_late"))
        return true;
    return client->settings->never_twice && answer->maybe_taken;
}

Status aws_call(AwsClient *client, const char *target, Slice body, AwsDeadline deadline, Arena *arena, AwsAnswer *ret, Fault *fault)
{
    AwsTry trying = {.target = target, .body = body, .deadline = deadline};
    *ret = (AwsAnswer){0};
    for (;;) {
        bool again = false;
        Status status = ask(client, &trying, arena, ret, fault);
        bool is_answered = !status;
        if (is_answered)
            status = judge(client, &trying, arena, ret, &again, fault);
        else if (status == STATUS_RETRY && !strcmp(fault->code, "unreachable"))
            snprintf(fault->code, sizeof fault->code, "aws_away");
        if (!again && is_final(client, status, ret, fault))
            return status;
        if (!pause(&trying, again))
            return status;
    }
}
