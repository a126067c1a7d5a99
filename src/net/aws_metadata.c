/* Keys for a while from whatever runs us: the agent of a container (ECS, EKS Pod Identity) or of an instance (EC2, IMDSv2). They
 * come over plain HTTP, so they are asked for at addresses that never leave the machine, and past any proxy. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "net/aws_credentials.h"

/* An agent answers from its memory; where there is none, nothing answers at all. */
enum { ASK_MS = 2000, INSTANCE_MS = 1000, TOKEN_BYTES_MAX = 16 * 1024, ANSWER_BYTES_MAX = 64 * 1024 };

#define CONTAINER_URL "http://169.254.170.2"
#define INSTANCE_URL "http://169.254.169.254"
#define INSTANCE_URL_IPV6 "http://[fd00:ec2::254]"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"

static Status say_away(const char *who, const char *why, Fault *fault)
{
    return fault_set(fault, STATUS_RETRY, "aws_credentials_away", "%s hands out no AWS credentials: %s", who, why);
}

static Status ask(HttpClient *client, const char *method, Slice url, const char *header, int64_t wait_ms, int64_t deadline_ms, Arena *arena,
                  HttpAnswer *ret, Fault *fault)
{
    int64_t left_ms = deadline_ms - clock_elapsed_ms();
    const char *const headers[] = {header, NULL};
    HttpRequest request = {.method = method, .url = url.at, .headers = headers, .timeout_ms = left_ms < 1 ? 1 : left_ms < wait_ms ? left_ms : wait_ms,
                           .answer_bytes_max = ANSWER_BYTES_MAX, .is_direct = true};
    return http_client_ask(client, &request, arena, ret, fault);
}

/* {"AccessKeyId":…,"SecretAccessKey":…,"Token":…,"Expiration":…} */
static Status read_keys(const char *who, const HttpAnswer *answer, Arena *arena, AwsFound *ret, Fault *fault)
{
    const Json *body;
    Fault ignored; /* says nothing of what the answer holds */
    if (answer->code != 200)
        return say_away(who, arena_printf(arena, "it answered %ld", answer->code).at, fault);
    if (json_parse(answer->body, arena, &body, &ignored) || !json_is_object(body))
        return say_away(who, "its answer is not understood", fault);
    AwsFound found = {.keys = {json_text(json_get(body, "AccessKeyId")), json_text(json_get(body, "SecretAccessKey")), json_text(json_get(body, "Token"))}};
    Slice expires = json_text(json_get(body, "Expiration"));
    if (slice_empty(found.keys.id) || slice_empty(found.keys.secret))
        return say_away(who, "its answer has no keys", fault);
    if (expires.bytes && !time_parse(expires, &found.expires_ms))
        return say_away(who, "its answer has no time that is one", fault);
    *ret = found;
    return STATUS_OK;
}

/* ---- container ---- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Hosts to which AWS's own clients give the token over plain HTTP: this machine, and the agents of ECS and EKS. */
static bool is_near(const char *host)
{
    static const char *const agents[] = {"localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]"};
    struct in_addr address;
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) {
        if (!strcasecmp(host, agents[i]))
            return true;
    }
    return inet_pton(AF_INET, host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

static bool may_be_asked(const char *url)
{
    CURLU *handle = curl_url();
    char *scheme = NULL, *host = NULL;
    bool may = handle && !curl_url_set(handle, CURLUPART_URL, url, 0) && !curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) &&
               !curl_url_get(handle, CURLUPART_HOST, &host, 0) && (!strcmp(scheme, "https") || (!strcmp(scheme, "http") && is_near(host)));
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(handle);
    return may;
}

static Status container_url(Arena *arena, Slice *ret, Fault *fault)
{
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), *full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    *ret = relative ? arena_printf(arena, CONTAINER_URL "%s", relative) : arena_copy(arena, slice_of(full));
    bool is_inside = relative ? *relative == '/' : may_be_asked(full);
    if (is_inside)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "aws_credentials",
                     relative ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with /"
                              : "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that must not have the token: https, or this machine's agent");
}

/* The file is read each time: what runs us puts a new token there. */
static Status container_token(Arena *arena, Slice *ret, Fault *fault)
{
    const char *path = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    *ret = slice_of(variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    if (path) {
        FILE *file = fopen(path, "re");
        if (!file)
            return say_away("the container's agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read", fault);
        char *token = arena_alloc(arena, TOKEN_BYTES_MAX);
        *ret = (Slice){token, fread(token, 1, TOKEN_BYTES_MAX, file)};
        fclose(file);
    }
    while (ret->bytes && strchr("\r\n", ret->at[ret->bytes - 1]))
        ret->bytes--;
    if (ret->bytes && (memchr(ret->at, '\n', ret->bytes) || memchr(ret->at, '\r', ret->bytes)))
        return fault_set(fault, STATUS_REJECT, "aws_credentials", "the container's authorization token has more than one line");
    return STATUS_OK;
}

Status aws_container_find(HttpClient *client, int64_t deadline_ms, Arena *arena, AwsFound *ret, Fault *fault)
{
    static const char *const who = "the container's agent";
    Slice url, token;
    HttpAnswer answer;
    if (!variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") && !variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
        return STATUS_OK;
    Status status = container_url(arena, &url, fault);
    status = status ? status : container_token(arena, &token, fault);
    if (status)
        return status;
    const char *header = token.bytes ? arena_printf(arena, "Authorization: %.*s", SLICE_ARG(token)).at : NULL;
    if (ask(client, "GET", url, header, ASK_MS, deadline_ms, arena, &answer, fault))
        return say_away(who, "it does not answer", fault);
    return read_keys(who, &answer, arena, ret, fault);
}

/* ---- instance ---- */

static Slice instance_url(const char *path, Arena *arena)
{
    const char *given = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"), *mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    Slice base = slice_of(given ? given : mode && !strcasecmp(mode, "IPv6") ? INSTANCE_URL_IPV6 : INSTANCE_URL);
    while (base.bytes && base.at[base.bytes - 1] == '/')
        base.bytes--;
    return arena_printf(arena, "%.*s%s", SLICE_ARG(base), path);
}

/* One name; a role that is not there is no role. */
static Status find_role(HttpClient *client, const char *header, int64_t deadline_ms, Arena *arena, Slice *ret, Fault *fault)
{
    HttpAnswer answer;
    if (ask(client, "GET", instance_url(ROLE_PATH, arena), header, INSTANCE_MS, deadline_ms, arena, &answer, fault))
        return say_away("EC2", "its metadata service does not answer", fault);
    if (answer.code != 200 && answer.code != 404)
        return say_away("EC2", arena_printf(arena, "its metadata service answered %ld", answer.code).at, fault);
    const char *end = answer.body.bytes ? memchr(answer.body.at, '\n', answer.body.bytes) : NULL;
    size_t bytes = end ? (size_t)(end - answer.body.at) : answer.body.bytes;
    *ret = answer.code == 200 ? (Slice){answer.body.at, bytes} : (Slice){0};
    return STATUS_OK;
}

/* Who does not answer, or answers otherwise, is no EC2: then there are no keys here. */
Status aws_instance_find(HttpClient *client, int64_t deadline_ms, Arena *arena, AwsFound *ret, Fault *fault)
{
    const char *disabled = variable("AWS_EC2_METADATA_DISABLED");
    HttpAnswer token, answer;
    Slice role;
    if (disabled && !strcasecmp(disabled, "true"))
        return STATUS_OK;
    if (ask(client, "PUT", instance_url("/latest/api/token", arena), "X-aws-ec2-metadata-token-ttl-seconds: 21600", INSTANCE_MS, deadline_ms, arena,
            &token, fault) || token.code != 200)
        return STATUS_OK;
    const char *header = arena_printf(arena, "X-aws-ec2-metadata-token: %.*s", SLICE_ARG(token.body)).at;
    Status status = find_role(client, header, deadline_ms, arena, &role, fault);
    if (status || slice_empty(role))
        return status;
    Slice path = arena_printf(arena, ROLE_PATH "%.*s", SLICE_ARG(http_client_escape(role, arena)));
    if (ask(client, "GET", instance_url(path.at, arena), header, INSTANCE_MS, deadline_ms, arena, &answer, fault))
        return say_away("EC2", "its metadata service does not answer", fault);
    return read_keys("EC2", &answer, arena, ret, fault);
}
