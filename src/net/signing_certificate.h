/* A certificate that messages are signed with (RSA, PKCS #1 v1.5), as its owner publishes it in a PEM file (OpenSSL). */
#pragma once

#include "base/slice.h"
#include "base/status.h"

typedef struct SigningCertificate SigningCertificate;

typedef enum SignatureDigest { SIGNATURE_SHA1, SIGNATURE_SHA256 } SignatureDigest;

/* What a certificate must be to be believed. */
typedef struct CertificateDemand {
    const char *const *names; /* it is made out to one of them, ended by NULL */
    const char *ca_bundle;    /* PEM; "" = the system's */
    int64_t now_ms;           /* wall time at which it must be valid */
} CertificateDemand;

/* The first certificate of the file. Those behind it are its chain, which then must lead to an authority of ca_bundle; a file
 * without them says nothing of a chain, so where it came from has to vouch for it. REJECT: "certificate_malformed",
 * "certificate_key" (not RSA of 2048 to 4096 bits), "certificate_name", "certificate_date", "certificate_chain". */
Status signing_certificate_read(Slice pem, const CertificateDemand *demand, SigningCertificate **ret, Fault *fault);
void signing_certificate_free(SigningCertificate *certificate); /* NULL is fine */

/* REJECT: "signature_wrong"; "certificate_date" when it is not valid at now_ms. Thread-safe. */
Status signing_certificate_verify(const SigningCertificate *certificate, SignatureDigest digest, Slice text, Slice signature, int64_t now_ms,
                                  Fault *fault);
