/* The audit chain: every opt-out, removal, import and action is an entry that carries the hash of the one before it, so
 * a changed, missing or re-ordered entry shows. Pure; the registry stores the entries. */
#pragma once

#include "base/digest.h"
#include "base/status.h"

typedef struct AuditEntry {
    int64_t seq;    /* 1, 2, 3 … without gaps */
    int64_t at_ms;
    Slice kind;     /* block, block_again, unblock, import, donation_sms_sent, donation_sms_failed, donation_cancelled, … */
    Slice subject;  /* phone number */
    Slice action_id;/* may be empty */
    Slice actor;    /* who */
    Slice reason;   /* why */
    Slice detail;   /* JSON object, may be empty */
    uint8_t hash[DIGEST_BYTES];
} AuditEntry;

/* hash = SHA-256(previous hash ‖ each field with its length). The hash before entry 1 is 32 zero bytes. */
void audit_seal(AuditEntry *entry, const uint8_t previous[DIGEST_BYTES]);

/* Walks a chain entry by entry. */
typedef struct AuditCheck {
    int64_t entries;      /* checked so far */
    int64_t next_seq;
    uint8_t head[DIGEST_BYTES];
} AuditCheck;

void audit_check_init(AuditCheck *check);

/* OK, or REJECT with the entry named: "entry 17 is missing", "entry 18 was changed". Goes on from the entry as it is stored. */
Status audit_check_next(AuditCheck *check, const AuditEntry *entry, Fault *fault);
