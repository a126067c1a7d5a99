/* Who we are for AWS, found where every AWS program looks: the environment, the files of aws configure, a container's or a
 * Lambda's environment, the instance's role on EC2. Never logged, and in no fault. */
#pragma once

#include "net/aws_sign.h"

typedef struct AwsCredentials AwsCredentials;

/* Belongs to one thread. */
AwsCredentials *aws_credentials_new(void);
void aws_credentials_free(AwsCredentials *credentials); /* NULL is fine */

/* The keys to sign with, until the next call. Those that expire are asked for again five minutes before; when that fails they
 * are used as long as they last. Blocks until deadline_ms (elapsed time) at most. REJECT "aws_credentials": there are none, and
 * what to do. RETRY "aws_credentials_away": whoever hands them out does not now. */
Status aws_credentials_get(AwsCredentials *credentials, int64_t deadline_ms, const AwsKeys **ret, Fault *fault);

/* AWS does not take them any more: the next get looks for them again. */
void aws_credentials_forget(AwsCredentials *credentials);

/* ---- the sources, in files of their own ---- */

typedef struct AwsFound {
    AwsKeys keys;       /* in arena; no id: nothing was found here */
    int64_t expires_ms; /* wall time; 0 = never */
} AwsFound;

/* aws_profile.c: the files that `aws configure` writes. */
Status aws_profile_find(Arena *arena, AwsFound *ret, Fault *fault);

/* aws_metadata.c: what runs us hands out keys for a while. */
Status aws_container_find(HttpClient *client, int64_t deadline_ms, Arena *arena, AwsFound *ret, Fault *fault);
Status aws_instance_find(HttpClient *client, int64_t deadline_ms, Arena *arena, AwsFound *ret, Fault *fault);
