#include "signer.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60 };

static void must(bool holds)
{
    if (!holds)
        fail_msg("OpenSSL could not make what the test needs");
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    must(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

static void name_it(X509 *certificate, const SignerForm *form)
{
    char dns[128];
    X509_NAME *name = X509_get_subject_name(certificate);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)form->name, -1, -1, 0));
    X509_set_issuer_name(certificate, form->issuer ? X509_get_subject_name(form->issuer->certificate) : name);
    snprintf(dns, sizeof dns, "DNS:%s", form->name);
    add_extension(certificate, form->is_authority ? NID_basic_constraints : NID_subject_alt_name, form->is_authority ? "critical,CA:TRUE" : dns);
}

Signer signer_new(const SignerForm *form)
{
    Signer signer = {.key = form->key_bits ? EVP_RSA_gen(form->key_bits) : EVP_EC_gen("P-256"), .certificate = X509_new()};
    static long serial = 1;
    must(signer.key && signer.certificate);
    X509_set_version(signer.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(signer.certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(signer.certificate), (long)form->from_days * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(signer.certificate), (long)form->until_days * DAY_S);
    X509_set_pubkey(signer.certificate, signer.key);
    name_it(signer.certificate, form);
    must(X509_sign(signer.certificate, form->issuer ? form->issuer->key : signer.key, EVP_sha256()));
    return signer;
}

void signer_free(Signer *signer)
{
    EVP_PKEY_free(signer->key);
    X509_free(signer->certificate);
}

Slice signer_pem(const Signer *signer, Arena *arena)
{
    BIO *bytes = BIO_new(BIO_s_mem());
    char *at;
    must(bytes && PEM_write_bio_X509(bytes, signer->certificate));
    long count = BIO_get_mem_data(bytes, &at);
    Slice pem = arena_copy(arena, (Slice){at, (size_t)count});
    BIO_free(bytes);
    return pem;
}

void signer_write(const Signer *signer, char path[static 32])
{
    strcpy(path, "/tmp/signer-XXXXXX");
    FILE *file = fdopen(mkstemp(path), "w");
    must(file && PEM_write_X509(file, signer->certificate));
    fclose(file);
}

Slice signer_sign(const Signer *signer, const EVP_MD *digest, Slice text, Arena *arena)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t bytes = (size_t)EVP_PKEY_get_size(signer->key);
    unsigned char *signature = arena_alloc(arena, bytes);
    must(EVP_DigestSignInit(context, NULL, digest, NULL, signer->key) == 1 &&
         EVP_DigestSign(context, signature, &bytes, (const unsigned char *)text.at, text.bytes) == 1);
    EVP_MD_CTX_free(context);
    return (Slice){(char *)signature, bytes};
}
