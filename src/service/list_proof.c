/* Compares the do-not-call list with its history, number by number. */
#include "service/list_proof.h"

#include <stdlib.h>

#include "event/audit_entries.h"
#include "event/phone.h"

/* What an entry says that put a number on the list. */
typedef struct Said {
    struct Said *next;
    int64_t seq, added_ms;
    uint64_t actor, reason; /* digests */
} Said;

typedef struct ProvenNumber {
    uint64_t digits;    /* of E.164, which begins with no 0; 0 = the slot is free */
    int64_t seq;        /* the last entry about it */
    bool is_blocked;    /* by that entry */
    bool is_listed;
    bool is_own;        /* `said` is the one of this chain that wrote the number; else each that came with a move may be it */
    Said *said;
} ProvenNumber;

struct ListProof {
    ProvenNumber *slots; /* open addressing, at most half full */
    size_t slot_count, used;
    Arena arena;
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
    arena_init(&proof->arena);
    return proof;
}

void list_proof_free(ListProof *proof)
{
    if (!proof)
        return;
    arena_done(&proof->arena);
    free(proof->slots);
    free(proof);
}

/* ---- what entries say ---- */

/* Of a kind that nobody finds another text for. */
static uint64_t digest_of(Slice text)
{
    uint8_t hash[DIGEST_BYTES];
    uint64_t first;
    digest_sha256(&text, 1, hash);
    memcpy(&first, hash, sizeof first);
    return first;
}

static bool is_carried(const AuditEntry *entry)
{
    Slice chain;
    AuditEntry original;
    return audit_origin(entry, &chain, &original);
}

/* Whoever finds a number on the list leaves it as it is, so of an own entry and those that came with a move the own one wrote it. */
static void note_what_is_said(ListProof *proof, ProvenNumber *number, const AuditEntry *entry)
{
    bool is_own = !is_carried(entry);
    if (slice_equal(entry->kind, SLICE("block_again")) || (number->is_own && !is_own))
        return;
    Said *said = ARENA_NEW(&proof->arena, Said);
    *said = (Said){is_own ? NULL : number->said, entry->seq, audit_blocked_since_ms(entry), digest_of(entry->actor), digest_of(entry->reason)};
    number->said = said;
    number->is_own = is_own;
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
    if (blocks) {
        note_what_is_said(proof, number, entry);
    } else if (!is_carried(entry)) {
        number->said = NULL;
        number->is_own = false;
    }
}

static bool is_said(const Said *said, const BlockEntry *entry)
{
    uint64_t actor = digest_of(entry->actor), reason = digest_of(entry->reason);
    for (; said; said = said->next) {
        if (said->added_ms == entry->added_ms && said->actor == actor && said->reason == reason)
            return true;
    }
    return false;
}

static void report_changed(const Comparison *comparison, const ProvenNumber *number, const BlockEntry *entry)
{
    Fault finding;
    const Said *said = number->said;
    fault_set(&finding, STATUS_REJECT, "list_changed", "+%llu is on the do-not-call list as entry %lld did not put it there; changed:%s%s%s",
              (unsigned long long)number->digits, (long long)said->seq, said->added_ms != entry->added_ms ? " addedAt" : "",
              said->actor != digest_of(entry->actor) ? " actor" : "", said->reason != digest_of(entry->reason) ? " reason" : "");
    comparison->wrong(comparison->context, &finding);
}

static bool compare_listed(void *context, const BlockEntry *entry)
{
    const Comparison *comparison = context;
    Fault finding;
    ProvenNumber *number = enter(comparison->proof, entry->phone);
    number->is_listed = true;
    if (number->is_blocked && number->said && !is_said(number->said, entry))
        report_changed(comparison, number, entry);
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
