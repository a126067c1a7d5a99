/* ConfirmSubscription takes no signature of ours: the token is the proof.
 * https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html */
#include "ingress/sns_confirm.h"

#include "net/http_client.h"

enum { CONFIRM_MS = 5000, ANSWER_BYTES_MAX = 64 * 1024 };

static const char *url_of(const SnsPlace *place, const SnsTopic *topic, Arena *arena)
{
    if (*place->endpoint_url)
        return place->endpoint_url;
    return arena_printf(arena, "https://%s/", place->use_fips ? topic->fips_host.at : topic->host.at).at;
}

static Slice form_of(const SnsTopic *topic, Slice token, Arena *arena)
{
    return arena_printf(arena, "Action=ConfirmSubscription&Version=2010-03-31&TopicArn=%.*s&Token=%.*s",
                        SLICE_ARG(http_client_escape(topic->arn, arena)), SLICE_ARG(http_client_escape(token, arena)));
}

Status sns_confirm(const SnsPlace *place, const SnsTopic *topic, Slice token, Arena *arena, Fault *fault)
{
    HttpClient *client = http_client_new(NULL);
    http_client_trust(client, place->ca_bundle);
    HttpRequest request = {.method = "POST", .url = url_of(place, topic, arena), .content_type = "application/x-www-form-urlencoded",
                           .body = form_of(topic, token, arena), .timeout_ms = CONFIRM_MS, .answer_bytes_max = ANSWER_BYTES_MAX};
    HttpAnswer answer = {0};
    Status status = http_client_ask(client, &request, arena, &answer, fault);
    http_client_free(client);
    if (status || (answer.code >= 200 && answer.code < 300))
        return status;
    return fault_set(fault, answer.code < 500 ? STATUS_REJECT : STATUS_RETRY, "sns_not_confirmed", "%s answers %ld to ConfirmSubscription", request.url,
                     answer.code);
}
