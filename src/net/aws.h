/* Calls to AWS's services: who we are, where the service is, the signature (SigV4), and another try where the answer asks for
 * one. A client is for one service, belongs to one thread and keeps its connection. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct AwsClient AwsClient;

typedef struct AwsSettings {
    const char *region;       /* AWS_REGION */
    const char *endpoint_url; /* another place where the service is; "" = its own, which follows from the region */
    const char *ca_bundle;    /* PEM; "" = the system's */
    bool use_fips;
    bool never_twice;         /* a try that may have been carried out is not followed by another one */
} AwsSettings;

typedef struct AwsAnswer {
    long code;         /* of HTTP; 0 = nobody answered */
    Slice body;        /* in arena */
    Slice error;       /* what AWS calls it ("Throttling", "InvalidParameter"); empty when it is none */
    Slice message;     /* AWS's words about it */
    bool maybe_taken;  /* not OK, and a try may have been carried out all the same */
} AwsAnswer;

/* service: "sns", "sqs": the start of its host name, and its name in the signature. What is in settings is borrowed. */
AwsClient *aws_client_new(const char *service, const AwsSettings *settings);
void aws_client_free(AwsClient *client); /* NULL is fine */
/* Any thread: the call that waits, and every later one, ends with RETRY "cancelled", within a second or so. */
void aws_client_cancel(AwsClient *client);

/* Nothing is asked after either of them. The wall's is for what somebody else may do from then on: elapsed time may stand still
 * while a process is frozen. */
typedef struct AwsDeadline {
    int64_t elapsed_ms;
    int64_t wall_ms; /* 0 = none */
} AwsDeadline;

/* target NULL: body is a form of the Query protocol. Else body is JSON and target like "AmazonSQS.ReceiveMessage". Throttling,
 * 5xx and silence are tried again with jitter until the deadline, at which it returns at the latest. Our clock, where
 * AWS says that it is wrong, and keys that have expired cost one more try.
 * OK: 2xx. REJECT: AWS refused it for good ("aws_refused"), or nobody knows who we are ("aws_credentials"). RETRY: it may be asked
 * again: "aws_throttled", "aws_away", "aws_credentials_away", "aws_late" (the deadline was over before a try), "cancelled". *ret is filled as far as there was an answer. */
Status aws_call(AwsClient *client, const char *target, Slice body, AwsDeadline deadline, Arena *arena, AwsAnswer *ret, Fault *fault);

/* "arn:aws:sns:us-east-1:123456789012:name" in its parts; false when it is no such ARN. Slices point into arn. */
typedef struct AwsArn { Slice partition, service, region, account, resource; } AwsArn;
bool aws_parse_arn(Slice arn, AwsArn *ret);

/* The host of a service in a region: "sns.us-east-1.amazonaws.com", "sqs.cn-north-1.amazonaws.com.cn", with FIPS "sns-fips.…". */
Slice aws_host(const char *service, Slice region, bool use_fips, Arena *arena);
