/* Another program's document as facts: what it says happened, each under the key that the event itself would have, so that a late
 * duplicate of that event changes nothing. */
#include "adapter/mongo_store.h"

typedef struct Foreign {
    const bson_t *document;
    Arena *arena;
    Cdr *cdr;
    int64_t created_ms, updated_ms;
    size_t capacity;
} Foreign;

/* Everything that names the call; its time is unknown until said. */
static Fact *add_fact(Foreign *foreign, CallEventType type, int64_t at_ms)
{
    Cdr *cdr = foreign->cdr;
    Fact *fact = &cdr->facts[cdr->fact_count++];
    *fact = (Fact){.type = type, .at_known = at_ms > 0, .at_ms = at_ms > 0 ? at_ms : foreign->created_ms, .received_ms = foreign->created_ms,
                   .duration_s = -1, .billsec_s = -1, .campaign_id = mongo_text(foreign->document, "campaignId"),
                   .contact_id = mongo_text(foreign->document, "contactId"), .phone = mongo_text(foreign->document, "phoneNumber")};
    return fact;
}

/* ---- times ---- */

static int64_t time_of_id(const bson_t *document)
{
    bson_iter_t at;
    bool is_oid = bson_iter_init_find(&at, document, "_id") && BSON_ITER_HOLDS_OID(&at);
    return is_oid ? (int64_t)bson_oid_get_time_t(bson_iter_oid(&at)) * 1000 : 0;
}

static int64_t first_known(int64_t a, int64_t b, int64_t c) { return a > 0 ? a : b > 0 ? b : c > 0 ? c : 1; }

/* ---- the call ---- */

static int64_t seconds_of(const bson_t *document, const char *key)
{
    bson_iter_t at;
    bool is_said = bson_iter_init_find(&at, document, key) && BSON_ITER_HOLDS_NUMBER(&at);
    int64_t seconds = is_said ? bson_iter_as_int64(&at) : -1;
    return seconds >= 0 ? seconds : -1;
}

static bool is_state(Slice status)
{
    return slice_equal(status, SLICE("dialing")) || slice_equal(status, SLICE("ringing")) || slice_equal(status, SLICE("answered"));
}

static void add_beginning(Foreign *foreign)
{
    int64_t start_ms = mongo_time_of(foreign->document, "startTime"), answer_ms = mongo_time_of(foreign->document, "answerTime");
    Slice status = mongo_text(foreign->document, "status");
    add_fact(foreign, CALL_INITIATED, start_ms)->key = SLICE("t:initiated");
    if (answer_ms > 0)
        add_fact(foreign, CALL_ANSWERED, answer_ms)->key = SLICE("t:answered");
    if (!is_state(status))
        return;
    Fact *fact = add_fact(foreign, CALL_STATE, 0);
    fact->state = status;
    fact->key = arena_printf(foreign->arena, "f:%.*s", SLICE_ARG(status));
}

/* What has ended says so by its time, or by its status. */
static void add_end(Foreign *foreign)
{
    const bson_t *document = foreign->document;
    int64_t end_ms = mongo_time_of(document, "endTime"), cause = mongo_number(document, "hangupCause");
    bool has_ended = end_ms > 0 || slice_equal(mongo_text(document, "status"), SLICE("completed"));
    Fact *fact = &foreign->cdr->facts[0];
    if (has_ended) {
        fact = add_fact(foreign, CALL_ENDED, end_ms);
        fact->key = SLICE("t:ended");
    }
    fact->outcome = mongo_text(document, "outcome");
    fact->duration_s = seconds_of(document, "duration");
    fact->billsec_s = seconds_of(document, "billsec");
    fact->hangup_cause = cause > 0 && cause < 256 ? (int32_t)cause : 0;
}

/* ---- lists ---- */

static bool open_list(const bson_t *document, const char *key, bson_iter_t *ret)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, document, key) && BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, ret);
}

/* A member of an entry that is a document, or the entry itself where it is text. */
static Slice entry_text(const bson_iter_t *entry, const char *const *keys)
{
    bson_t inner;
    const uint8_t *data;
    uint32_t bytes;
    if (BSON_ITER_HOLDS_UTF8(entry)) {
        const char *text = bson_iter_utf8(entry, &bytes);
        return bson_utf8_validate(text, bytes, false) ? (Slice){text, bytes} : (Slice){0};
    }
    if (!BSON_ITER_HOLDS_DOCUMENT(entry))
        return (Slice){0};
    bson_iter_document(entry, &bytes, &data);
    Slice found = {0};
    if (bson_init_static(&inner, data, bytes)) {
        for (; *keys && slice_empty(found); keys++)
            found = mongo_text(&inner, *keys);
    }
    return found;
}

static int64_t entry_time(const bson_iter_t *entry)
{
    bson_t inner;
    const uint8_t *data;
    uint32_t bytes;
    if (!BSON_ITER_HOLDS_DOCUMENT(entry))
        return 0;
    bson_iter_document(entry, &bytes, &data);
    if (!bson_init_static(&inner, data, bytes))
        return 0;
    int64_t at_ms = mongo_time_of(&inner, "at");
    return at_ms > 0 ? at_ms : mongo_time_of(&inner, "timestamp");
}

/* With a time, the key of the event; without one, its place in the list. */
static Slice entry_key(Foreign *foreign, char kind, int64_t at_ms, int place, Slice what)
{
    return at_ms > 0 ? arena_printf(foreign->arena, "%c:%lld:%.*s", kind, (long long)at_ms, SLICE_ARG(what))
                     : arena_printf(foreign->arena, "f:%c%03d:%.*s", kind, place, SLICE_ARG(what));
}

static const char *const digit_keys[] = {"digit", "dtmfInput", "input", "key", NULL};
static const char *const action_keys[] = {"type", "actionType", NULL};

static bool has_room(const Foreign *foreign) { return foreign->cdr->fact_count < CDR_FACTS_MAX; }

static size_t add_digits(Foreign *foreign, const char *key)
{
    bson_iter_t entry;
    size_t before = foreign->cdr->fact_count;
    for (bool there = open_list(foreign->document, key, &entry); there && has_room(foreign) && bson_iter_next(&entry);) {
        Slice digit = entry_text(&entry, digit_keys);
        int64_t at_ms = entry_time(&entry);
        if (slice_empty(digit) || digit.bytes > DIGIT_BYTES_MAX)
            continue;
        Fact *fact = add_fact(foreign, CALL_DTMF, at_ms);
        fact->digit = digit;
        fact->key = entry_key(foreign, 'd', at_ms, (int)(foreign->cdr->fact_count - before), digit);
    }
    return foreign->cdr->fact_count - before;
}

static void add_actions(Foreign *foreign)
{
    bson_iter_t entry, said;
    int place = 0;
    for (bool there = open_list(foreign->document, "actionsTriggered", &entry); there && has_room(foreign) && bson_iter_next(&entry);) {
        Slice type = entry_text(&entry, action_keys);
        int64_t at_ms = entry_time(&entry);
        if (slice_empty(type))
            continue;
        Fact *fact = add_fact(foreign, CALL_ACTION, at_ms);
        fact->action_type = type;
        bool is_said = BSON_ITER_HOLDS_DOCUMENT(&entry) && bson_iter_recurse(&entry, &said) && bson_iter_find(&said, "action");
        if (is_said && BSON_ITER_HOLDS_DOCUMENT(&said))
            fact->action = mongo_json(&said, foreign->arena);
        else if (BSON_ITER_HOLDS_DOCUMENT(&entry))
            fact->action = mongo_json(&entry, foreign->arena);
        fact->key = entry_key(foreign, 'a', at_ms, ++place, type);
    }
}

/* ---- the whole ---- */

/* One by one through the fold's own order. */
static int compare_facts(const void *a, const void *b)
{
    const Fact *left = a, *right = b;
    if (left->at_known != right->at_known)
        return left->at_known ? -1 : 1;
    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    return slice_compare(left->key, right->key);
}

/* Two entries of a list may say the same: one fact. */
static void drop_repeats(Cdr *cdr)
{
    size_t kept = 0;
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (!kept || !slice_equal(cdr->facts[i].key, cdr->facts[kept - 1].key))
            cdr->facts[kept++] = cdr->facts[i];
    }
    cdr->fact_count = kept;
}

static void add_metadata(Foreign *foreign)
{
    bson_iter_t at;
    if (bson_iter_init_find(&at, foreign->document, "metadata") && BSON_ITER_HOLDS_DOCUMENT(&at))
        foreign->cdr->facts[0].extra = mongo_json(&at, foreign->arena);
}

void mongo_read_foreign(const bson_t *document, Arena *arena, Cdr *cdr)
{
    Foreign foreign = {.document = document, .arena = arena, .cdr = cdr};
    foreign.created_ms = first_known(mongo_time_of(document, "createdAt"), mongo_time_of(document, "startTime"), time_of_id(document));
    foreign.updated_ms = mongo_time_of(document, "updatedAt");
    cdr->fact_capacity = CDR_FACTS_HARD_MAX + 4;
    cdr->facts = arena_alloc(arena, sizeof *cdr->facts * cdr->fact_capacity);
    cdr->fact_count = 0;
    add_beginning(&foreign);
    add_metadata(&foreign);
    if (!add_digits(&foreign, "dtmf")) /* with times, where the writer kept them */
        add_digits(&foreign, "dtmfInputs");
    add_actions(&foreign);
    add_end(&foreign);
    if (foreign.updated_ms > foreign.created_ms)
        cdr->facts[cdr->fact_count - 1].received_ms = foreign.updated_ms;
    qsort(cdr->facts, cdr->fact_count, sizeof *cdr->facts, compare_facts);
    drop_repeats(cdr);
}
