/* Where AWS's services are: every partition has a domain of its own. */
#include "net/aws.h"

typedef struct Partition { Slice region_prefix, domain; } Partition;

/* The first that fits; what fits none is in the partition "aws". */
static const Partition partitions[] = {
    {SLICE_INIT("cn-"), SLICE_INIT("amazonaws.com.cn")},     {SLICE_INIT("us-isob-"), SLICE_INIT("sc2s.sgov.gov")},
    {SLICE_INIT("us-isof-"), SLICE_INIT("csp.hci.ic.gov")},  {SLICE_INIT("us-iso-"), SLICE_INIT("c2s.ic.gov")},
    {SLICE_INIT("eu-isoe-"), SLICE_INIT("cloud.adc-e.uk")},  {SLICE_INIT("eusc-"), SLICE_INIT("amazonaws.eu")},
    {SLICE_INIT(""), SLICE_INIT("amazonaws.com")},
};

Slice aws_host(const char *service, Slice region, bool use_fips, Arena *arena)
{
    const Partition *partition = partitions;
    while (!slice_starts_with(region, partition->region_prefix))
        partition++;
    bool is_plain = !use_fips || slice_starts_with(region, SLICE("us-gov-")); /* in GovCloud there are no others */
    return arena_printf(arena, "%s%s.%.*s.%.*s", service, is_plain ? "" : "-fips", SLICE_ARG(region), SLICE_ARG(partition->domain));
}

static bool take_part(Slice *rest, Slice *ret)
{
    const char *colon = rest->bytes ? memchr(rest->at, ':', rest->bytes) : NULL;
    if (!colon)
        return false;
    *ret = (Slice){rest->at, (size_t)(colon - rest->at)};
    rest->at = colon + 1;
    rest->bytes -= ret->bytes + 1;
    return true;
}

bool aws_parse_arn(Slice arn, AwsArn *ret)
{
    Slice rest = arn, prefix;
    AwsArn parts = {0};
    if (!take_part(&rest, &prefix) || !slice_equal(prefix, SLICE("arn")) || !take_part(&rest, &parts.partition) ||
        !take_part(&rest, &parts.service) || !take_part(&rest, &parts.region) || !take_part(&rest, &parts.account))
        return false;
    parts.resource = rest;
    if (slice_empty(parts.partition) || slice_empty(parts.service) || slice_empty(parts.resource))
        return false;
    *ret = parts;
    return true;
}
