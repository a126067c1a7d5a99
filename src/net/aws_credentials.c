/* The sources one after the other, and what they said until it expires. */
#include "net/aws_credentials.h"

#include <stdlib.h>

#include "base/clock.h"

enum { REFRESH_BEFORE_MS = 5 * 60 * 1000, PAUSE_MS = 10 * 1000 };

struct AwsCredentials {
    HttpClient *client;
    Arena arena;
    AwsFound found;
    int64_t asked_again_at_ms; /* elapsed time before which a source that failed is left alone */
};

AwsCredentials *aws_credentials_new(void)
{
    AwsCredentials *credentials = calloc(1, sizeof *credentials);
    if (!credentials)
        abort();
    credentials->client = http_client_new(NULL);
    return credentials;
}

void aws_credentials_free(AwsCredentials *credentials)
{
    if (!credentials)
        return;
    http_client_free(credentials->client);
    arena_done(&credentials->arena);
    free(credentials);
}

static Slice variable(const char *name, Arena *arena) { return arena_copy(arena, slice_of(getenv(name))); }

static Status find_in_environment(Arena *arena, AwsFound *ret, Fault *fault)
{
    AwsKeys keys = {variable("AWS_ACCESS_KEY_ID", arena), variable("AWS_SECRET_ACCESS_KEY", arena), variable("AWS_SESSION_TOKEN", arena)};
    if (slice_empty(keys.id))
        return STATUS_OK;
    if (slice_empty(keys.secret))
        return fault_set(fault, STATUS_REJECT, "aws_credentials", "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
    *ret = (AwsFound){.keys = keys};
    return STATUS_OK;
}

/* Kubernetes' older way. Saying so is better than going on to the keys of the machine below. */
static Status refuse_web_identity(Fault *fault)
{
    const char *file = getenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!file || !*file)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "aws_credentials",
                     "AWS_WEB_IDENTITY_TOKEN_FILE (IAM roles for service accounts) is not supported: use EKS Pod Identity, or keys");
}

static Status find(AwsCredentials *credentials, int64_t deadline_ms, Arena *arena, AwsFound *ret, Fault *fault)
{
    Status status = find_in_environment(arena, ret, fault);
    if (!status && slice_empty(ret->keys.id))
        status = refuse_web_identity(fault);
    if (!status && slice_empty(ret->keys.id))
        status = aws_profile_find(arena, ret, fault);
    if (!status && slice_empty(ret->keys.id))
        status = aws_container_find(credentials->client, deadline_ms, arena, ret, fault);
    if (!status && slice_empty(ret->keys.id))
        status = aws_instance_find(credentials->client, deadline_ms, arena, ret, fault);
    if (status || !slice_empty(ret->keys.id))
        return status;
    return fault_set(fault, STATUS_REJECT, "aws_credentials",
                     "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile in AWS_PROFILE");
}

static bool is_valid_for(const AwsFound *found, int64_t ms)
{
    return found->keys.id.bytes && (!found->expires_ms || clock_wall_ms() + ms < found->expires_ms);
}

static Status look_again(AwsCredentials *credentials, int64_t deadline_ms, Fault *fault)
{
    Arena arena;
    AwsFound found = {0};
    arena_init(&arena);
    Status status = find(credentials, deadline_ms, &arena, &found, fault);
    credentials->asked_again_at_ms = status ? clock_elapsed_ms() + PAUSE_MS : 0;
    if (status) {
        arena_done(&arena);
        return status;
    }
    arena_done(&credentials->arena);
    credentials->arena = arena;
    credentials->found = found;
    return STATUS_OK;
}

Status aws_credentials_get(AwsCredentials *credentials, int64_t deadline_ms, const AwsKeys **ret, Fault *fault)
{
    bool is_fresh = is_valid_for(&credentials->found, REFRESH_BEFORE_MS), is_valid = is_valid_for(&credentials->found, 0);
    bool waits = is_valid && clock_elapsed_ms() < credentials->asked_again_at_ms;
    Status status = is_fresh || waits ? STATUS_OK : look_again(credentials, deadline_ms, fault);
    if (status && !is_valid)
        return status;
    *ret = &credentials->found.keys;
    return STATUS_OK;
}

void aws_credentials_forget(AwsCredentials *credentials) { credentials->found = (AwsFound){0}; }
