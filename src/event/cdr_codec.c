/* Facts as compact bytes: a version, then each fact as a mask of what it says, numbers as varints and texts with their
 * length. An id that repeats the fact before it takes one bit. */
#include "event/cdr.h"

enum { CODEC_VERSION = 1, TEXT_COUNT = 11, REPEATABLE = 3 };

/* Layout of the mask: bits 0-10 the text is there, bits 11-13 campaign, contact, phone as in the fact before. */
enum { REPEAT_BIT = TEXT_COUNT };

static void texts_of(Fact *fact, Slice *texts[TEXT_COUNT])
{
    Slice *const all[TEXT_COUNT] = {&fact->campaign_id, &fact->contact_id, &fact->phone, &fact->key, &fact->type_name, &fact->state,
                                    &fact->outcome, &fact->digit, &fact->action_type, &fact->action, &fact->extra};
    memcpy(texts, all, sizeof all);
}

static void put_number(Text *out, uint64_t number)
{
    char *room = text_grow(out, 10);
    size_t bytes = 0;
    for (; number >= 0x80; number >>= 7)
        room[bytes++] = (char)(number | 0x80);
    room[bytes++] = (char)number;
    out->bytes += bytes;
}

static uint64_t zigzag(int64_t number) { return ((uint64_t)number << 1) ^ (uint64_t)(number >> 63); }
static int64_t unzigzag(uint64_t number) { return (int64_t)(number >> 1) ^ -(int64_t)(number & 1); }

static void put_fact(Text *out, Fact *fact, Fact *before)
{
    Slice *texts[TEXT_COUNT], *texts_before[TEXT_COUNT];
    texts_of(fact, texts);
    texts_of(before, texts_before);
    unsigned mask = 0;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (slice_empty(*texts[i]))
            continue;
        bool repeats = i < REPEATABLE && slice_equal(*texts[i], *texts_before[i]);
        mask |= repeats ? 1u << (REPEAT_BIT + i) : 1u << i;
    }
    put_number(out, mask);
    put_number(out, (uint64_t)fact->type << 1 | fact->at_known);
    put_number(out, zigzag(fact->at_ms - before->at_ms));
    put_number(out, zigzag(fact->received_ms - fact->at_ms));
    put_number(out, zigzag(fact->duration_s));
    put_number(out, zigzag(fact->billsec_s));
    put_number(out, (uint64_t)fact->hangup_cause);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (mask & 1u << i) {
            put_number(out, texts[i]->bytes);
            text_add(out, *texts[i]);
        }
    }
}

Slice cdr_encode(const Cdr *cdr, Arena *arena)
{
    Text out = text_in(arena);
    text_grow(&out, 128 + cdr->fact_count * 64);
    put_number(&out, CODEC_VERSION);
    put_number(&out, cdr->fact_count);
    Fact none = {0}, *before = &none;
    for (size_t i = 0; i < cdr->fact_count; i++) {
        put_fact(&out, &cdr->facts[i], before);
        before = &cdr->facts[i];
    }
    return text_slice(&out);
}

typedef struct Reader {
    const unsigned char *at, *end;
    bool broken;
} Reader;

static uint64_t take_number(Reader *reader)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end)
            break;
        unsigned char byte = *reader->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return number;
    }
    reader->broken = true;
    return 0;
}

static Slice take_text(Reader *reader)
{
    uint64_t bytes = take_number(reader);
    if (bytes > (uint64_t)(reader->end - reader->at)) {
        reader->broken = true;
        return (Slice){0};
    }
    Slice text = {(const char *)reader->at, (size_t)bytes};
    reader->at += bytes;
    return text;
}

static void take_fact(Reader *reader, Fact *fact, Fact *before)
{
    Slice *texts[TEXT_COUNT], *texts_before[TEXT_COUNT];
    texts_of(fact, texts);
    texts_of(before, texts_before);
    uint64_t mask = take_number(reader), type = take_number(reader);
    fact->type = (CallEventType)(type >> 1 <= CALL_OTHER ? type >> 1 : CALL_OTHER);
    fact->at_known = type & 1;
    fact->at_ms = (int64_t)((uint64_t)before->at_ms + (uint64_t)unzigzag(take_number(reader)));
    fact->received_ms = (int64_t)((uint64_t)fact->at_ms + (uint64_t)unzigzag(take_number(reader)));
    fact->duration_s = unzigzag(take_number(reader));
    fact->billsec_s = unzigzag(take_number(reader));
    fact->hangup_cause = (int32_t)take_number(reader);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (mask & 1u << i)
            *texts[i] = take_text(reader);
        else if (i < REPEATABLE && mask & 1u << (REPEAT_BIT + i))
            *texts[i] = *texts_before[i];
    }
}

Status cdr_decode(Slice bytes, Arena *arena, Cdr *cdr, Fault *fault)
{
    Reader reader = {(const unsigned char *)bytes.at, (const unsigned char *)bytes.at + bytes.bytes, false};
    uint64_t version = take_number(&reader), count = take_number(&reader);
    if (version != CODEC_VERSION)
        return fault_set(fault, STATUS_REJECT, "cdr_version", "a stored call record has format %llu; this program reads %d",
                         (unsigned long long)version, CODEC_VERSION);
    if (reader.broken || count > CDR_FACTS_HARD_MAX)
        return fault_set(fault, STATUS_REJECT, "cdr_damaged", "a stored call record is damaged");

    cdr->fact_count = (size_t)count;
    cdr->fact_capacity = (size_t)count + 4; /* room for what a batch usually brings */
    cdr->facts = arena_alloc(arena, sizeof *cdr->facts * cdr->fact_capacity);
    Fact none = {0}, *before = &none;
    for (size_t i = 0; i < count; i++) {
        cdr->facts[i] = (Fact){0};
        take_fact(&reader, &cdr->facts[i], before);
        before = &cdr->facts[i];
    }
    if (reader.broken || reader.at != reader.end)
        return fault_set(fault, STATUS_REJECT, "cdr_damaged", "a stored call record is damaged");
    return STATUS_OK;
}
