/* Keys and certificates of the tests' own, made when they are needed: an authority, and those that it issues. */
#pragma once

#include <openssl/x509.h>

#include "../check.h"

typedef struct Signer {
    EVP_PKEY *key;
    X509 *certificate;
} Signer;

typedef struct SignerForm {
    const char *name;          /* common name, and DNS name of the certificate */
    const Signer *issuer;      /* NULL = itself */
    unsigned key_bits;         /* RSA; 0 = an elliptic curve's key */
    int from_days, until_days; /* from now */
    bool is_authority;
} SignerForm;

Signer signer_new(const SignerForm *form);
void signer_free(Signer *signer);

/* The certificate as a PEM file has it. */
Slice signer_pem(const Signer *signer, Arena *arena);
/* A PEM file with that one certificate; the path is the caller's to unlink. */
void signer_write(const Signer *signer, char path[static 32]);
Slice signer_sign(const Signer *signer, const EVP_MD *digest, Slice text, Arena *arena);
