#include "service/carried_proof.h"

#include <stdlib.h>

static CarriedChain *chain_of(CarriedProof *proof, Slice name)
{
    for (size_t i = 0; i < proof->count; i++) {
        if (slice_equal(slice_of(proof->chains[i].name), name))
            return &proof->chains[i];
    }
    proof->chains = realloc(proof->chains, (proof->count + 1) * sizeof *proof->chains);
    if (!proof->chains)
        abort();
    CarriedChain *chain = &proof->chains[proof->count++];
    *chain = (CarriedChain){0};
    memcpy(chain->name, name.at, name.bytes);
    audit_check_init(&chain->check);
    return chain;
}

static void skip_to(CarriedChain *chain, const AuditEntry *entry)
{
    chain->gaps += chain->check.entries > 0 || entry->seq > 1;
    chain->check.entries++;
    chain->check.next_seq = entry->seq + 1;
    memcpy(chain->check.head, entry->hash, DIGEST_BYTES);
}

Status carried_proof_add(CarriedProof *proof, const AuditEntry *entry, Fault *fault)
{
    Slice name;
    AuditEntry original;
    if (!audit_origin(entry, &name, &original) || name.bytes >= CHAIN_NAME_MAX)
        return STATUS_OK;
    CarriedChain *chain = chain_of(proof, name);
    chain->first_seq = chain->first_seq ? chain->first_seq : original.seq;
    if (original.seq != chain->check.next_seq)
        return skip_to(chain, &original), STATUS_OK;
    if (!audit_check_next(&chain->check, &original, fault))
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "audit_carried", "entry %lld is not what it was as entry %lld of the chain %s, from which it came",
                     (long long)entry->seq, (long long)original.seq, chain->name);
}

void carried_proof_done(CarriedProof *proof)
{
    free(proof->chains);
    *proof = (CarriedProof){0};
}
