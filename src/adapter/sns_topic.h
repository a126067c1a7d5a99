/* A topic of SNS that texts, or calls that speak one, are published to. For sns_sms.c and sns_speech.c. */
#pragma once

#include "adapter/sns_form.h"
#include "base/breaker.h"
#include "base/config.h"
#include "net/aws.h"
#include "ports.h"

typedef struct SnsTopicSettings {
    const char *endpoint_url;  /* "" = AWS's own */
    const char *ca_bundle;     /* PEM; "" = the system's */
    bool use_fips;
} SnsTopicSettings;

static inline SnsTopicSettings sns_topic_settings(const Config *config)
{
    return (SnsTopicSettings){.endpoint_url = *config->aws_endpoint_url_sns ? config->aws_endpoint_url_sns : config->aws_endpoint_url,
                              .ca_bundle = config->aws_ca_bundle, .use_fips = config->aws_use_fips_endpoint};
}

typedef struct SnsTopic {
    const char *arn;
    bool is_fifo;
    AwsSettings settings;
    AwsClient *client; /* NULL: there is no such topic */
} SnsTopic;

/* Asks nobody. The region is the ARN's. REJECT "setting_value" when the ARN, which `variable` names, is none of a topic, or that of one
 * by which events come. Texts of settings, and arn, are borrowed. */
Status sns_topic_open(const SnsTopicSettings *settings, const char *variable, const char *arn, Arena *arena, SnsTopic *ret, Fault *fault);
void sns_topic_close(SnsTopic *topic);

/* Gateway.name: one topic knows no repeats of another. */
static inline Slice sns_topic_name(const SnsTopic *topic, Arena *arena)
{
    return arena_printf(arena, "topic:%08x", (unsigned)slice_hash(slice_of(topic->arn)));
}

/* One call of a port's send(). */
typedef struct SnsSending {
    Breaker *breaker;
    AwsDeadline deadline;
    Arena *arena;
    Fault fault;
    bool is_over; /* the topic is away: nothing more goes out by this call */
} SnsSending;

/* now_ms: as send() was given it. */
SnsSending sns_sending(Breaker *breaker, const Effect *effects, size_t count, int64_t now_ms, Arena *arena);

/* How many from the first on fit into one request. */
size_t sns_batch_of(const SnsMessage *messages, size_t count);
/* Publishes that many, unless there is no time left. */
void sns_publish(SnsSending *sending, const SnsTopic *topic, const SnsMessage *messages, size_t count, SmsOutcome *outcomes);
SmsOutcome sns_outcome_because(SmsResult result, const Fault *fault, Arena *arena);

SnsMessage sns_message_of(const Effect *effect, const char *subject, Slice body);
/* The original system's request to speak a text, `why` it could not be read. */
Slice sns_speech_request(const Effect *effect, Slice text, Slice why, int64_t now_ms, Arena *arena);
