/* Compares the do-not-call list with its history, number by number. */
#include "service/list_proof.h"

#include <stdlib.h>

#include "event/phone.h"

typedef struct ProvenNumber {
    uint64_t digits;    /* of E.164, which begins with no 0; 0 = the slot is free */
    int64_t seq;        /* the last entry about it */
    bool is_blocked;    /* by that entry */
    bool is_listed;
} ProvenNumber;

struct ListProof {
    ProvenNumber *slots; /* open addressing, at most half full */
    size_t slot_count, used;
};

typedef struct Comparison {
    ListProof *proof;
    void (*wrong)(void *context, const Fault *finding);
    void *context;
} Comparison;

/* ---- numbers ---- */

static uint64_t digits_of(Slice phone)
{
    uint64_t digits = 0;
    for (size_t i = 1; i < phone.bytes; i++)
        digits = digits * 10 + (uint64_t)(phone.at[i] - '0');
    return digits;
}

static ProvenNumber *slot_of(ProvenNumber *slots, size_t count, uint64_t digits)
{
    size_t at = (size_t)((digits * 0x9e3779b97f4a7c15u) >> 20) & (count - 1);
    while (slots[at].digits && slots[at].digits != digits)
        at = (at + 1) & (count - 1);
    return &slots[at];
}

static ProvenNumber *slots_new(size_t count)
{
    ProvenNumber *slots = calloc(count, sizeof *slots);
    if (!slots)
        abort();
    return slots;
}

static void grow(ListProof *proof)
{
    size_t count = proof->slot_count * 2;
    ProvenNumber *slots = slots_new(count);
    for (size_t i = 0; i < proof->slot_count; i++) {
        if (proof->slots[i].digits)
            *slot_of(slots, count, proof->slots[i].digits) = proof->slots[i];
    }
    free(proof->slots);
    proof->slots = slots;
    proof->slot_count = count;
}

/* The number's own place, entered when it is new. */
static ProvenNumber *enter(ListProof *proof, Slice phone)
{
    if (proof->used * 2 >= proof->slot_count)
        grow(proof);
    uint64_t digits = digits_of(phone);
    ProvenNumber *number = slot_of(proof->slots, proof->slot_count, digits);
    proof->used += !number->digits;
    number->digits = digits;
    return number;
}

ListProof *list_proof_new(void)
{
    enum { SLOTS_FIRST = 1024 };
    ListProof *proof = calloc(1, sizeof *proof);
    if (!proof)
        abort();
    *proof = (ListProof){.slots = slots_new(SLOTS_FIRST), .slot_count = SLOTS_FIRST};
    return proof;
}

void list_proof_free(ListProof *proof)
{
    if (!proof)
        return;
    free(proof->slots);
    free(proof);
}

/* ---- comparing ---- */

void list_proof_add(ListProof *proof, const AuditEntry *entry)
{
    bool blocks = slice_equal(entry->kind, SLICE("block")) || slice_equal(entry->kind, SLICE("block_again"));
    if ((!blocks && !slice_equal(entry->kind, SLICE("unblock"))) || !phone_is_e164(entry->subject))
        return;
    ProvenNumber *number = enter(proof, entry->subject);
    number->seq = entry->seq;
    number->is_blocked = blocks;
}

static bool compare_listed(void *context, const BlockEntry *entry)
{
    const Comparison *comparison = context;
    Fault finding;
    ProvenNumber *number = enter(comparison->proof, entry->phone);
    number->is_listed = true;
    if (number->is_blocked)
        return true;
    if (number->seq)
        fault_set(&finding, STATUS_REJECT, "list_extra", "+%llu is on the do-not-call list, but entry %lld took it off",
                  (unsigned long long)number->digits, (long long)number->seq);
    else
        fault_set(&finding, STATUS_REJECT, "list_extra", "+%llu is on the do-not-call list, but no entry put it there",
                  (unsigned long long)number->digits);
    comparison->wrong(comparison->context, &finding);
    return true;
}

static void report_missing(const Comparison *comparison)
{
    Fault finding;
    for (size_t i = 0; i < comparison->proof->slot_count; i++) {
        const ProvenNumber *number = &comparison->proof->slots[i];
        if (!number->is_blocked || number->is_listed)
            continue;
        fault_set(&finding, STATUS_REJECT, "list_missing", "+%llu is not on the do-not-call list, but entry %lld put it there",
                  (unsigned long long)number->digits, (long long)number->seq);
        comparison->wrong(comparison->context, &finding);
    }
}

Status list_proof_check(ListProof *proof, const RegistryPort *registry, void (*wrong)(void *context, const Fault *finding),
                        void *context, Fault *fault)
{
    Comparison comparison = {proof, wrong, context};
    RegistryFilter all = {0};
    Status status = registry->list(registry->self, &all, compare_listed, &comparison, fault);
    if (!status)
        report_missing(&comparison);
    return status;
}
