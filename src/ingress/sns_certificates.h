/* The certificates of SNS: fetched once by whoever needs one first, while others that need it wait, and kept. What could not be
 * had is remembered for a while, too, so that forged messages fetch nothing again and again. */
#pragma once

#include "ingress/readers.h"
#include "ingress/sns_message.h"

typedef struct SnsCertificates SnsCertificates;

/* Fetches on threads of network; authorities are those of ca_bundle ("" = the system's). Both are borrowed. */
SnsCertificates *sns_certificates_new(Readers *network, const char *ca_bundle);
/* Whoever waits is told RETRY "stopping" when its turn comes; nothing is fetched any more. */
void sns_certificates_stop(SnsCertificates *certificates);
/* After network has stopped. NULL is fine. */
void sns_certificates_free(SnsCertificates *certificates);

/* The question whether a signature is right. Owned by the asker, with all that it points to, until done is called. */
typedef struct SnsCheck {
    SnsClaim claim;
    Slice text, signature;
    /* Once: at once on the asker's thread where the certificate is known, else on one of network's. */
    void (*done)(struct SnsCheck *check);
    Status status; /* OK: it is right. REJECT: it is forged. RETRY: the certificate cannot be had now */
    Fault fault;

    struct SnsCheck *following; /* the cache's own */
} SnsCheck;

/* Any thread. Blocks for no network. */
void sns_certificates_check(SnsCertificates *certificates, SnsCheck *check);
