/* Every check is OpenSSL's own; this file says which are asked for, and in which order. */
#include "net/signing_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* Below 2048 bits a key can be broken; above 4096 somebody wants us to be slow. No chain of a public authority is longer. */
enum { KEY_BITS_MIN = 2048, KEY_BITS_MAX = 4096, CERTIFICATES_MAX = 5 };

struct SigningCertificate {
    X509 *leaf;
    EVP_PKEY *key; /* the leaf's */
};

/* ---- reading ---- */

static STACK_OF(X509) *read_pem(Slice pem)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    BIO *bytes = BIO_new_mem_buf(pem.at, (int)pem.bytes);
    if (!certificates || !bytes)
        abort();
    ERR_clear_error();
    for (X509 *each; sk_X509_num(certificates) <= CERTIFICATES_MAX && (each = PEM_read_bio_X509(bytes, NULL, NULL, NULL));)
        sk_X509_push(certificates, each);
    BIO_free(bytes);
    bool is_whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; /* nothing more begins behind the last */
    ERR_clear_error();
    if (is_whole && sk_X509_num(certificates) > 0)
        return certificates;
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

static bool is_of_one(X509 *leaf, const char *const *names)
{
    for (; *names; names++) {
        if (X509_check_host(leaf, *names, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1)
            return true;
    }
    return false;
}

static bool is_valid_at(X509 *leaf, int64_t now_ms)
{
    time_t now = (time_t)(now_ms / 1000);
    return X509_cmp_time(X509_get0_notBefore(leaf), &now) < 0 && X509_cmp_time(X509_get0_notAfter(leaf), &now) > 0;
}

static bool is_signing_key(X509 *leaf)
{
    const EVP_PKEY *key = X509_get0_pubkey(leaf);
    if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return false;
    int bits = EVP_PKEY_get_bits(key);
    return bits >= KEY_BITS_MIN && bits <= KEY_BITS_MAX && (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE);
}

static bool leads_to_authority(STACK_OF(X509) *certificates, const CertificateDemand *demand)
{
    X509_STORE *authorities = X509_STORE_new();
    X509_STORE_CTX *chain = X509_STORE_CTX_new();
    if (!authorities || !chain)
        abort();
    int loaded = *demand->ca_bundle ? X509_STORE_load_file(authorities, demand->ca_bundle) : X509_STORE_set_default_paths(authorities);
    bool leads = loaded == 1 && X509_STORE_CTX_init(chain, authorities, sk_X509_value(certificates, 0), certificates) == 1;
    if (leads) {
        X509_STORE_CTX_set_time(chain, 0, (time_t)(demand->now_ms / 1000));
        leads = X509_verify_cert(chain) == 1;
    }
    X509_STORE_CTX_free(chain);
    X509_STORE_free(authorities);
    return leads;
}

static Status check(STACK_OF(X509) *certificates, const CertificateDemand *demand, Fault *fault)
{
    X509 *leaf = sk_X509_value(certificates, 0);
    if (!is_signing_key(leaf))
        return fault_set(fault, STATUS_REJECT, "certificate_key", "the certificate has no RSA key of %d to %d bits for signatures", KEY_BITS_MIN,
                         KEY_BITS_MAX);
    if (!is_of_one(leaf, demand->names))
        return fault_set(fault, STATUS_REJECT, "certificate_name", "the certificate is not made out to %s", demand->names[0]);
    if (!is_valid_at(leaf, demand->now_ms))
        return fault_set(fault, STATUS_REJECT, "certificate_date", "the certificate is not valid now");
    if (!X509_NAME_cmp(X509_get_subject_name(leaf), X509_get_issuer_name(leaf)) || X509_check_ca(leaf) == 1)
        return fault_set(fault, STATUS_REJECT, "certificate_chain", "the certificate was issued by nobody but itself, or is an authority's");
    if (sk_X509_num(certificates) > 1 && !leads_to_authority(certificates, demand))
        return fault_set(fault, STATUS_REJECT, "certificate_chain", "the certificate's chain does not lead to an authority that is trusted");
    return STATUS_OK;
}

Status signing_certificate_read(Slice pem, const CertificateDemand *demand, SigningCertificate **ret, Fault *fault)
{
    STACK_OF(X509) *certificates = read_pem(pem);
    if (!certificates)
        return fault_set(fault, STATUS_REJECT, "certificate_malformed", "there are not 1 to %d certificates in the file", CERTIFICATES_MAX);
    Status status = check(certificates, demand, fault);
    if (!status) {
        SigningCertificate *certificate = calloc(1, sizeof *certificate);
        if (!certificate)
            abort();
        certificate->leaf = sk_X509_shift(certificates);
        certificate->key = X509_get0_pubkey(certificate->leaf);
        *ret = certificate;
    }
    sk_X509_pop_free(certificates, X509_free);
    ERR_clear_error();
    return status;
}

void signing_certificate_free(SigningCertificate *certificate)
{
    if (!certificate)
        return;
    X509_free(certificate->leaf);
    free(certificate);
}

/* ---- signatures ---- */

Status signing_certificate_verify(const SigningCertificate *certificate, SignatureDigest digest, Slice text, Slice signature, int64_t now_ms,
                                  Fault *fault)
{
    if (!is_valid_at(certificate->leaf, now_ms))
        return fault_set(fault, STATUS_REJECT, "certificate_date", "the certificate is not valid now");
    const EVP_MD *algorithm = digest == SIGNATURE_SHA1 ? EVP_sha1() : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_right = context && EVP_DigestVerifyInit(context, NULL, algorithm, NULL, certificate->key) == 1 &&
                    EVP_DigestVerify(context, (const unsigned char *)signature.at, signature.bytes, (const unsigned char *)text.at, text.bytes) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return is_right ? STATUS_OK : fault_set(fault, STATUS_REJECT, "signature_wrong", "the signature is not of this message");
}
