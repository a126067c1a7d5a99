/* Where a queue is: "topic=URL" taken apart. The URL names the host that our signature goes to, so it must be AWS's own, or this
 * machine. */
#include "event/handlers.h"
#include "ingress/sqs_queue.h"

static Status refuse(Slice url, const char *why, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "usage_queue", "the queue \"%.100s\" %s", url.at, why);
}

static bool take_prefix(Slice *text, Slice prefix)
{
    if (!slice_starts_with(*text, prefix))
        return false;
    *text = (Slice){text->at + prefix.bytes, text->bytes - prefix.bytes};
    return true;
}

/* What stands before the separator; the rest stays in *text. All of it, where there is none. */
static Slice take_until(Slice *text, char separator)
{
    const char *end = text->bytes ? memchr(text->at, separator, text->bytes) : NULL;
    Slice taken = {text->at, end ? (size_t)(end - text->at) : text->bytes};
    *text = end ? (Slice){end + 1, text->bytes - taken.bytes - 1} : (Slice){text->at + text->bytes, 0};
    return taken;
}

static Slice last_part(Slice url)
{
    Slice part = {0};
    while (url.bytes)
        part = take_until(&url, '/');
    return part;
}

static bool is_loopback(Slice host)
{
    Slice name = take_until(&host, ':');
    return slice_equal(name, SLICE("127.0.0.1")) || slice_equal(name, SLICE("localhost"));
}

/* "sqs.us-east-1.amazonaws.com" -> "us-east-1"; empty when the host is not one of SQS. */
static Slice region_of(Slice host, Arena *arena)
{
    Slice rest = host, service = take_until(&rest, '.'), region = take_until(&rest, '.');
    bool is_fips = slice_equal(service, SLICE("sqs-fips"));
    return slice_equal(host, aws_host("sqs", region, is_fips, arena)) ? region : (Slice){0};
}

static Status find_endpoint(SqsQueue *queue, Arena *arena, Fault *fault)
{
    Slice rest = queue->url;
    bool is_https = take_prefix(&rest, SLICE("https://")), is_http = !is_https && take_prefix(&rest, SLICE("http://"));
    Slice host = take_until(&rest, '/'), region = is_https ? region_of(host, arena) : (Slice){0};
    if (!is_https && !is_http)
        return refuse(queue->url, "must be a URL like https://sqs.us-east-1.amazonaws.com/123456789012/name", fault);
    if (slice_empty(queue->name) || slice_equal(queue->name, host))
        return refuse(queue->url, "has no name behind its host", fault);
    if (*queue->aws.endpoint_url)
        return STATUS_OK;
    if (slice_empty(region) && !is_loopback(host))
        return refuse(queue->url, "is not at AWS over https (https://sqs.REGION.amazonaws.com/…); another place must be named by AWS_ENDPOINT_URL_SQS", fault);
    if (!slice_empty(region))
        queue->aws.region = arena_copy(arena, region).at;
    queue->aws.endpoint_url = arena_printf(arena, "%s://%.*s", is_https ? "https" : "http", SLICE_ARG(host)).at;
    return STATUS_OK;
}

/* A URL has a colon before any equals sign; a topic has none. */
static Status take_topic(Slice *text, SqsQueue *queue, Arena *arena, Fault *fault)
{
    Slice rest = *text, topic = take_until(&rest, '=');
    char topics[EVENT_TOPICS_BYTES];
    if (slice_empty(rest) || memchr(topic.at, ':', topic.bytes))
        return STATUS_OK;
    if (!event_handler_of(topic))
        return fault_set(fault, STATUS_REJECT, "usage_queue", "no event comes by the topic \"%.64s\"; there are %s",
                         arena_copy(arena, topic).at, event_topics(topics));
    queue->topic = arena_copy(arena, topic);
    *text = rest;
    return STATUS_OK;
}

static Status read_queue(Slice text, const Config *config, Arena *arena, SqsQueue *ret, Fault *fault)
{
    const char *endpoint = *config->aws_endpoint_url_sqs ? config->aws_endpoint_url_sqs : config->aws_endpoint_url;
    *ret = (SqsQueue){.aws = {.region = config->aws_region, .endpoint_url = endpoint, .ca_bundle = config->aws_ca_bundle,
                              .use_fips = config->aws_use_fips_endpoint}};
    Status status = take_topic(&text, ret, arena, fault);
    if (status)
        return status;
    ret->url = arena_copy(arena, text);
    ret->name = last_part(ret->url);
    return find_endpoint(ret, arena, fault);
}

static bool is_among(const SqsQueue *queues, size_t count, const SqsQueue *one)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(queues[i].url, one->url))
            return true;
    }
    return false;
}

Status sqs_parse_queues(const char *text, const Config *config, Arena *arena, SqsQueue **ret, size_t *ret_count, Fault *fault)
{
    Slice rest = slice_of(text);
    SqsQueue *queues = ARENA_ARRAY(arena, SqsQueue, rest.bytes / 2 + 1);
    size_t count = 0;
    while (rest.bytes) {
        Slice one = slice_trim(take_until(&rest, ','), " \t\r\n");
        Status status = slice_empty(one) ? STATUS_OK : read_queue(one, config, arena, &queues[count], fault);
        if (status)
            return status;
        if (slice_empty(one))
            continue;
        if (is_among(queues, count, &queues[count]))
            return refuse(queues[count].url, "is given twice", fault);
        count++;
    }
    if (!count)
        return fault_set(fault, STATUS_REJECT, "usage_queue", "which queue? Say --queue-url URL, or set PLEDGELINE_QUEUE_URLS");
    *ret = queues;
    *ret_count = count;
    return STATUS_OK;
}
