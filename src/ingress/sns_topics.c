/* What is in an ARN of ours goes into a host name, so it has just the characters that AWS gives it. */
#include "ingress/sns_topics.h"

#include "event/handlers.h"

enum { TOPICS_MAX = 256, ARN_PARTS = 6, ACCOUNT_DIGITS = 12, REGION_BYTES_MAX = 32, ARN_SHOWN = 54 };

static const struct Partition {
    Slice name;
    const char *domain;
} partitions[] = {
    {SLICE_INIT("aws"), "amazonaws.com"}, {SLICE_INIT("aws-us-gov"), "amazonaws.com"}, {SLICE_INIT("aws-cn"), "amazonaws.com.cn"},
};

static bool has_only(Slice text, const char *allowed)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (!text.at[i] || !strchr(allowed, text.at[i]))
            return false;
    }
    return text.bytes > 0;
}

static bool is_region(Slice text)
{
    return text.bytes <= REGION_BYTES_MAX && has_only(text, "abcdefghijklmnopqrstuvwxyz0123456789-") && text.at[0] != '-' &&
           text.at[text.bytes - 1] != '-';
}

static const struct Partition *partition_of(Slice name)
{
    for (size_t i = 0; i < sizeof partitions / sizeof *partitions; i++) {
        if (slice_equal(partitions[i].name, name))
            return &partitions[i];
    }
    return NULL;
}

static bool split_arn(Slice arn, Slice parts[ARN_PARTS])
{
    for (size_t i = 0; i < ARN_PARTS; i++) {
        const char *colon = arn.bytes ? memchr(arn.at, ':', arn.bytes) : NULL;
        if (!colon != (i == ARN_PARTS - 1))
            return false;
        parts[i] = (Slice){arn.at, colon ? (size_t)(colon - arn.at) : arn.bytes};
        arn = colon ? (Slice){colon + 1, arn.bytes - parts[i].bytes - 1} : (Slice){0};
    }
    return true;
}

/* AWS's certificates say sns.amazonaws.com in its older regions, sns-signing.REGION in those of later years, and sns-REGION in
 * China and GovCloud, where both regions share one; as its SDK for Java knows them (SnsHostProvider). */
static void name_certificates(SnsTopic *topic, const char *domain, Arena *arena)
{
    const char **name = topic->certificate_names;
    *name++ = arena_printf(arena, "sns.%s", domain).at;
    *name++ = topic->host.at;
    *name++ = arena_printf(arena, "sns-signing.%.*s.%s", SLICE_ARG(topic->region), domain).at;
    *name++ = arena_printf(arena, "sns-%.*s.%s", SLICE_ARG(topic->region), domain).at;
    if (slice_starts_with(topic->region, SLICE("us-gov-")))
        *name++ = "sns-us-gov-west-1.amazonaws.com";
}

static bool read_topic(Slice arn, Arena *arena, SnsTopic *ret)
{
    Slice parts[ARN_PARTS];
    if (!split_arn(arn, parts) || !slice_equal(parts[0], SLICE("arn")) || !slice_equal(parts[2], SLICE("sns")))
        return false;
    const struct Partition *partition = partition_of(parts[1]);
    bool is_account = parts[4].bytes == ACCOUNT_DIGITS && has_only(parts[4], "0123456789");
    if (!partition || !is_region(parts[3]) || !is_account || !event_handler_of(parts[5]))
        return false;
    *ret = (SnsTopic){.arn = arn, .region = parts[3], .name = parts[5],
                      .host = arena_printf(arena, "sns.%.*s.%s", SLICE_ARG(parts[3]), partition->domain),
                      .fips_host = arena_printf(arena, "sns-fips.%.*s.%s", SLICE_ARG(parts[3]), partition->domain)};
    name_certificates(ret, partition->domain, arena);
    return true;
}

Status sns_topics_read(const char *text, Arena *arena, SnsTopics *ret, Fault *fault)
{
    static const char separators[] = ", \t\r\n";
    char names[EVENT_TOPICS_BYTES];
    SnsTopics topics = {.topics = ARENA_ARRAY(arena, SnsTopic, TOPICS_MAX)};
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        Slice arn = {text, strcspn(text, separators)};
        if (topics.count == TOPICS_MAX || !read_topic(arn, arena, &topics.topics[topics.count++]))
            return fault_set(fault, STATUS_REJECT, "sns_topics_invalid",
                             "PLEDGELINE_SNS_TOPICS has \"%.*s\"; it must be up to %d ARNs of the topics %s",
                             (int)(arn.bytes < ARN_SHOWN ? arn.bytes : ARN_SHOWN), arn.at, TOPICS_MAX, event_topics(names));
        text += arn.bytes;
    }
    *ret = topics;
    return STATUS_OK;
}

const SnsTopic *sns_topic_of(const SnsTopics *topics, Slice arn)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (slice_equal(topics->topics[i].arn, arn))
            return &topics->topics[i];
    }
    return NULL;
}
