/* Hash chain over length-prefixed fields, so that no two different entries give the same bytes. */
#include "event/audit.h"

enum { FIELD_COUNT = 6 };

static void put_u64(uint8_t out[8], uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        out[i] = (uint8_t)number;
}

void audit_seal(AuditEntry *entry, const uint8_t previous[DIGEST_BYTES])
{
    uint8_t numbers[16], lengths[FIELD_COUNT][8];
    put_u64(numbers, (uint64_t)entry->seq);
    put_u64(numbers + 8, (uint64_t)entry->at_ms);
    const Slice fields[FIELD_COUNT] = {entry->kind, entry->subject, entry->action_id, entry->actor, entry->reason, entry->detail};
    Slice parts[2 + 2 * FIELD_COUNT] = {{(const char *)previous, DIGEST_BYTES}, {(const char *)numbers, sizeof numbers}};
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        put_u64(lengths[i], fields[i].bytes);
        parts[2 + 2 * i] = (Slice){(const char *)lengths[i], 8};
        parts[3 + 2 * i] = fields[i];
    }
    digest_sha256(parts, sizeof parts / sizeof *parts, entry->hash);
}

void audit_check_init(AuditCheck *check) { *check = (AuditCheck){.next_seq = 1}; }

Status audit_check_next(AuditCheck *check, const AuditEntry *entry, Fault *fault)
{
    AuditEntry sealed = *entry;
    audit_seal(&sealed, check->head);
    int64_t expected_seq = check->next_seq;
    check->entries++;
    check->next_seq = entry->seq + 1;
    memcpy(check->head, entry->hash, DIGEST_BYTES);

    if (entry->seq > expected_seq)
        return fault_set(fault, STATUS_REJECT, "audit_missing", "entry %lld is missing: entry %lld follows entry %lld",
                         (long long)expected_seq, (long long)entry->seq, (long long)expected_seq - 1);
    if (entry->seq < expected_seq)
        return fault_set(fault, STATUS_REJECT, "audit_order", "entry %lld stands out of order", (long long)entry->seq);
    if (!digest_equal(sealed.hash, entry->hash, DIGEST_BYTES))
        return fault_set(fault, STATUS_REJECT, "audit_changed",
                         "entry %lld was changed: its hash does not follow from its content and the entry before it",
                         (long long)entry->seq);
    return STATUS_OK;
}
