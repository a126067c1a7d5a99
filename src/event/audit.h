/* The audit chain: every opt-out, removal, import and action is an entry that carries the hash of the one before it, so
 * a changed, missing or re-ordered entry shows. Pure; the registry stores the entries. */
#pragma once

#include "base/arena.h"
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

/* ---- entries carried over from another chain ----
 *
 * Such an entry keeps all that it says; what it was in its own chain stands in front of its detail:
 * {"origin":{"chain":"…","seq":17,"hash":"…"},"detail":{…}}. So the other chain can be checked from this one alone. */

/* A chain's name: half of its first entry's hash, in hex. */
Slice audit_chain_name(const AuditEntry *first, Arena *arena);

/* The entry as another chain takes it over; seq and hash are those of `chain`. */
AuditEntry audit_carried(const AuditEntry *entry, Slice chain, Arena *arena);

/* False unless the entry was carried over. Then *ret_entry is as it was in the chain of that name; slices are the entry's own. */
bool audit_origin(const AuditEntry *entry, Slice *ret_chain, AuditEntry *ret_entry);

/* Whether the entry came, over however many chains, from the one of that name. */
bool audit_is_from(const AuditEntry *entry, Slice chain);

/* Walks a chain entry by entry. */
typedef struct AuditCheck {
    int64_t entries;      /* checked so far */
    int64_t next_seq;
    uint8_t head[DIGEST_BYTES];
} AuditCheck;

void audit_check_init(AuditCheck *check);

/* OK, or REJECT with the entry named: "entry 17 is missing", "entry 18 was changed". Goes on from the entry as it is stored. */
Status audit_check_next(AuditCheck *check, const AuditEntry *entry, Fault *fault);
