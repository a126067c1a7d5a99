/* Whether entries that were carried over from other chains are as they were there: each of them still has the hash that it had in
 * its own chain, and that hash follows from its content and from the entry before it. */
#pragma once

#include "event/audit.h"

enum { CHAIN_NAME_MAX = 64 };

typedef struct CarriedChain {
    char name[CHAIN_NAME_MAX];
    AuditCheck check;   /* its head is what `audit verify` says of the source, where all of that was carried */
    int64_t first_seq;
    int64_t gaps;       /* entries in between that were not carried: those that had come from here */
} CarriedChain;

typedef struct CarriedProof {
    CarriedChain *chains;
    size_t count;
} CarriedProof;

/* The entries of the log, in their order. REJECT names one that was changed on its way; the proof goes on behind it. */
Status carried_proof_add(CarriedProof *proof, const AuditEntry *entry, Fault *fault);
void carried_proof_done(CarriedProof *proof);
