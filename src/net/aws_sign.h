/* Signature Version 4 of AWS, for every service but S3.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
#pragma once

#include "net/http_client.h"

typedef struct AwsKeys {
    Slice id, secret;
    Slice session_token; /* empty: they need none */
} AwsKeys;

typedef struct AwsSigning {
    const char *service, *region;
    const AwsKeys *keys;
    int64_t now_ms;
} AwsSigning;

/* request gets the headers that prove who asks. Its own headers, the content type and the host are signed with it, so nobody
 * may change it afterwards. The new headers are in arena. REJECT "aws_endpoint": its URL is none. */
Status aws_sign(const AwsSigning *signing, HttpRequest *request, Arena *arena, Fault *fault);
