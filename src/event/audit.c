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

/* ---- entries carried over ---- */

enum { CHAIN_NAME_BYTES = 16, HASH_DIGITS = 2 * DIGEST_BYTES };

Slice audit_chain_name(const AuditEntry *first, Arena *arena) { return digest_hex(arena, first->hash, CHAIN_NAME_BYTES); }

#define ORIGIN "{\"origin\":{\"chain\":\""

AuditEntry audit_carried(const AuditEntry *entry, Slice chain, Arena *arena)
{
    AuditEntry carried = *entry;
    Text detail = text_in(arena);
    text_printf(&detail, ORIGIN "%.*s\",\"seq\":%lld,\"hash\":\"%.*s\"}", SLICE_ARG(chain), (long long)entry->seq,
                SLICE_ARG(digest_hex(arena, entry->hash, DIGEST_BYTES)));
    if (!slice_empty(entry->detail)) {
        text_add_literal(&detail, ",\"detail\":");
        text_add(&detail, entry->detail);
    }
    text_add_byte(&detail, '}');
    carried.detail = text_slice(&detail);
    return carried;
}

/* What stands before `end`; text goes on behind it. */
static bool take_until(Slice *text, const char *end, Slice *ret)
{
    size_t bytes = strlen(end);
    const char *at = text->bytes ? memmem(text->at, text->bytes, end, bytes) : NULL;
    if (!at)
        return false;
    *ret = (Slice){text->at, (size_t)(at - text->at)};
    *text = (Slice){at + bytes, text->bytes - ret->bytes - bytes};
    return true;
}

static bool read_digits(Slice text, int64_t *ret)
{
    int64_t number = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || number > INT64_MAX / 10 - 1)
            return false;
        number = number * 10 + (text.at[i] - '0');
    }
    *ret = number;
    return text.bytes > 0;
}

static bool read_hash(Slice text, uint8_t out[DIGEST_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < text.bytes && text.bytes == HASH_DIGITS; i++) {
        const char *digit = memchr(digits, text.at[i], 16);
        if (!digit)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | (digit - digits) : (digit - digits) << 4);
    }
    return text.bytes == HASH_DIGITS;
}

bool audit_origin(const AuditEntry *entry, Slice *ret_chain, AuditEntry *ret_entry)
{
    Slice rest = entry->detail, nothing, seq, hash;
    AuditEntry original = *entry;
    if (!slice_starts_with(rest, SLICE(ORIGIN)) || !take_until(&rest, ORIGIN, &nothing) || !take_until(&rest, "\",\"seq\":", ret_chain) ||
        !take_until(&rest, ",\"hash\":\"", &seq) || !take_until(&rest, "\"}", &hash))
        return false;
    if (!read_digits(seq, &original.seq) || !read_hash(hash, original.hash))
        return false;
    original.detail = (Slice){0};
    if (slice_starts_with(rest, SLICE(",\"detail\":"))) {
        take_until(&rest, ":", &nothing);
        original.detail = (Slice){rest.at, rest.bytes - 1};
    }
    *ret_entry = original;
    return true;
}

bool audit_is_from(const AuditEntry *entry, Slice chain)
{
    Slice name;
    AuditEntry at = *entry;
    while (audit_origin(&at, &name, &at)) {
        if (slice_equal(name, chain))
            return true;
    }
    return false;
}

/* ---- checking ---- */

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
