/* The fold: a sorted set of facts with a minimum under each key, and what is read off it. */
#include "event/cdr.h"

#include "base/digest.h"
#include "event/event_parse.h"

/* ---- keys ---- */

/* A key is kept with its fact, so it has a bound too. */
static Slice long_id_key(Slice message_id, Arena *arena)
{
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(&message_id, 1, digest);
    return arena_printf(arena, "m:sha256:%s", digest_hex(arena, digest, sizeof digest).at);
}

static Slice body_key(const Event *event, Slice message_id, Arena *arena)
{
    if (message_id.bytes > CALL_ID_BYTES_MAX)
        return long_id_key(message_id, arena);
    if (!slice_empty(message_id))
        return arena_printf(arena, "m:%.*s", SLICE_ARG(message_id));
    uint64_t hash = slice_hash(event->type_name) ^ slice_hash(event->dtmf) * 3 ^ slice_hash(event->action) * 5 ^
                    slice_hash(event->extra) * 7 ^ slice_hash(event->outcome) * 11 ^ slice_hash(event->state) * 13;
    return arena_printf(arena, "h:%016llx", (unsigned long long)hash);
}

Slice cdr_key(const Event *event, Slice message_id, Arena *arena)
{
    if (!slice_empty(event->key))
        return arena_printf(arena, "e:%.*s", SLICE_ARG(event->key));
    switch (event->type) {
    case CALL_INITIATED:
        return SLICE("t:initiated");
    case CALL_ANSWERED:
        return SLICE("t:answered");
    case CALL_ENDED:
        return SLICE("t:ended");
    case CALL_TIMEOUT:
        return SLICE("t:timeout");
    case CALL_DTMF:
    case CALL_ACTION:
    case CALL_STATE:
    case CALL_OTHER:
        break;
    }
    if (slice_empty(event->timestamp))
        return body_key(event, message_id, arena);
    long long at = (long long)event->at_ms;
    if (event->type == CALL_DTMF)
        return arena_printf(arena, "d:%lld:%.*s", at, SLICE_ARG(event->dtmf));
    if (event->type == CALL_ACTION)
        return arena_printf(arena, "a:%lld:%.*s", at, SLICE_ARG(event->action_type));
    if (event->type == CALL_STATE)
        return arena_printf(arena, "s:%lld:%.*s", at, SLICE_ARG(event->state));
    return arena_printf(arena, "o:%lld:%.*s", at, SLICE_ARG(event->type_name));
}

/* ---- order ---- */

static int compare_numbers(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* Plausible times first, then time: the order in which facts speak. */
static int compare_times(const Fact *a, const Fact *b)
{
    if (a->at_known != b->at_known)
        return a->at_known ? -1 : 1;
    return compare_numbers(a->at_ms, b->at_ms);
}

static int compare_facts(const Fact *a, const Fact *b)
{
    int order = compare_times(a, b);
    return order ? order : slice_compare(a->key, b->key);
}

static int compare_content(const Fact *a, const Fact *b)
{
    const Slice of_a[] = {a->campaign_id, a->contact_id, a->phone, a->type_name, a->state,
                          a->outcome, a->digit, a->action_type, a->action, a->extra};
    const Slice of_b[] = {b->campaign_id, b->contact_id, b->phone, b->type_name, b->state,
                          b->outcome, b->digit, b->action_type, b->action, b->extra};
    for (size_t i = 0; i < sizeof of_a / sizeof *of_a; i++) {
        int order = slice_compare(of_a[i], of_b[i]);
        if (order)
            return order;
    }
    const int64_t numbers_a[] = {a->type, a->duration_s, a->billsec_s, a->hangup_cause};
    const int64_t numbers_b[] = {b->type, b->duration_s, b->billsec_s, b->hangup_cause};
    for (size_t i = 0; i < sizeof numbers_a / sizeof *numbers_a; i++) {
        int order = compare_numbers(numbers_a[i], numbers_b[i]);
        if (order)
            return order;
    }
    return 0;
}

/* ---- fold ---- */

static Fact fact_of(const Event *event)
{
    return (Fact){
        .key = event->key, .type = event->type, .at_known = event->at_known, .at_ms = event->at_ms,
        .received_ms = event->received_ms, .duration_s = event->duration_s, .billsec_s = event->billsec_s,
        .hangup_cause = event->hangup_cause, .campaign_id = event->campaign_id, .contact_id = event->contact_id,
        .phone = event->phone, .type_name = event->type == CALL_OTHER ? event->type_name : (Slice){0},
        .state = event->state, .outcome = event->outcome, .digit = event->dtmf, .action_type = event->action_type,
        .action = event->action, .extra = event->extra,
    };
}

static bool has_room(const Cdr *cdr, CallEventType type)
{
    switch (type) {
    case CALL_INITIATED:
    case CALL_ANSWERED:
        return cdr->fact_count < CDR_FACTS_START_MAX;
    case CALL_TIMEOUT:
        return cdr->fact_count < CDR_FACTS_TIMEOUT_MAX;
    case CALL_ENDED:
        return cdr->fact_count < CDR_FACTS_HARD_MAX;
    case CALL_DTMF:
    case CALL_ACTION:
    case CALL_STATE:
    case CALL_OTHER:
        break;
    }
    return cdr->fact_count < CDR_FACTS_MAX;
}

static void remove_at(Cdr *cdr, size_t index)
{
    cdr->fact_count--;
    memmove(&cdr->facts[index], &cdr->facts[index + 1], sizeof *cdr->facts * (cdr->fact_count - index));
}

static void insert(Cdr *cdr, const Fact *fact, Arena *arena)
{
    if (cdr->fact_count == cdr->fact_capacity) {
        size_t capacity = cdr->fact_capacity ? cdr->fact_capacity * 2 : 8;
        Fact *facts = arena_alloc(arena, sizeof *facts * capacity);
        if (cdr->fact_count)
            memcpy(facts, cdr->facts, sizeof *facts * cdr->fact_count);
        cdr->facts = facts;
        cdr->fact_capacity = capacity;
    }
    size_t at = cdr->fact_count;
    while (at > 0 && compare_facts(fact, &cdr->facts[at - 1]) < 0)
        at--;
    memmove(&cdr->facts[at + 1], &cdr->facts[at], sizeof *cdr->facts * (cdr->fact_count - at));
    cdr->facts[at] = *fact;
    cdr->fact_count++;
}

/* A call detail record of Asterisk knows whole seconds, of which `cdr import` says the last millisecond, and is written a little before the
 * channel's end is told: whoever saw the call knows better. */
static int64_t standing_ms(const Fact *fact)
{
    enum { BEHIND_WHO_SAW_IT_MS = 2000 };
    return fact->at_ms % 1000 == CDR_WITHIN_SECOND_MS ? fact->at_ms + BEHIND_WHO_SAW_IT_MS : fact->at_ms;
}

static int compare_standing(const Fact *a, const Fact *b)
{
    int order = a->at_known && b->at_known ? compare_numbers(standing_ms(a), standing_ms(b)) : 0;
    order = order ? order : compare_times(a, b);
    return order ? order : compare_content(a, b);
}

/* Two facts under one key: the smaller stands, with the earlier receipt of both. */
static CdrFold meet(Cdr *cdr, size_t index, const Fact *fact, Arena *arena)
{
    Fact *known = &cdr->facts[index];
    int64_t received_ms = fact->received_ms < known->received_ms ? fact->received_ms : known->received_ms;
    if (compare_standing(fact, known) < 0) {
        Fact stands = *fact;
        stands.received_ms = received_ms;
        remove_at(cdr, index);
        insert(cdr, &stands, arena);
        return CDR_CHANGED;
    }
    if (received_ms < known->received_ms) {
        known->received_ms = received_ms;
        return CDR_CHANGED;
    }
    return compare_content(fact, known) ? CDR_CONFLICT_KEPT : CDR_UNCHANGED;
}

static CdrFold fold_fact(Cdr *cdr, const Fact *fact, bool has_place, Arena *arena)
{
    for (size_t i = 0; i < cdr->fact_count; i++) {
        if (slice_equal(cdr->facts[i].key, fact->key))
            return meet(cdr, i, fact, arena);
    }
    if (!has_place)
        return CDR_FULL;
    insert(cdr, fact, arena);
    return CDR_CHANGED;
}

CdrFold cdr_fold(Cdr *cdr, const Event *event, Arena *arena)
{
    Fact fact = fact_of(event);
    return fold_fact(cdr, &fact, has_room(cdr, fact.type), arena);
}

/* Each of them found its room once, so the places that are kept for some kinds are not kept here. */
CdrFold cdr_merge(Cdr *cdr, const Cdr *other, Arena *arena)
{
    CdrFold result = CDR_UNCHANGED;
    bool is_full = false;
    for (size_t i = 0; i < other->fact_count; i++) {
        CdrFold fold = fold_fact(cdr, &other->facts[i], cdr->fact_count < CDR_FACTS_HARD_MAX, arena);
        is_full = is_full || fold == CDR_FULL;
        result = fold == CDR_CHANGED ? CDR_CHANGED : result;
    }
    return is_full ? CDR_FULL : result;
}

/* ---- what is read off the facts ---- */

static const struct StatusRank {
    Slice name;
    int rank;
} status_ranks[] = {
    {SLICE_INIT("initiated"), 1}, {SLICE_INIT("dialing"), 2}, {SLICE_INIT("ringing"), 3}, {SLICE_INIT("answered"), 4}, {SLICE_INIT("completed"), 6},
};
enum { RANK_INITIATED = 1, RANK_ANSWERED = 4, RANK_INCOMPLETE = 5, RANK_COMPLETED = 6 };

static int rank_of_state(Slice state)
{
    for (size_t i = 0; i < sizeof status_ranks / sizeof *status_ranks; i++) {
        if (slice_equal(status_ranks[i].name, state))
            return status_ranks[i].rank < RANK_COMPLETED ? status_ranks[i].rank : 0; /* only an end event completes */
    }
    return 0;
}

static int rank_of_fact(const Fact *fact)
{
    if (fact->type == CALL_ENDED)
        return RANK_COMPLETED;
    if (fact->type == CALL_TIMEOUT)
        return RANK_INCOMPLETE;
    if (fact->type == CALL_ANSWERED)
        return RANK_ANSWERED;
    int said = rank_of_state(fact->state);
    return said > RANK_INITIATED ? said : RANK_INITIATED;
}

static Slice status_of_rank(int rank)
{
    if (rank == RANK_INCOMPLETE)
        return SLICE("incomplete");
    for (size_t i = 0; i < sizeof status_ranks / sizeof *status_ranks; i++) {
        if (status_ranks[i].rank == rank)
            return status_ranks[i].name;
    }
    return SLICE("initiated");
}

static bool outcome_implies_answer(Slice outcome)
{
    return slice_equal(outcome, SLICE("answered")) || slice_equal(outcome, SLICE("converted")) ||
           slice_equal(outcome, SLICE("opted_out"));
}

static bool outcome_excludes_answer(Slice outcome)
{
    return slice_equal(outcome, SLICE("busy")) || slice_equal(outcome, SLICE("failed")) ||
           slice_equal(outcome, SLICE("no_answer")) || slice_equal(outcome, SLICE("blacklisted"));
}

/* What an end without an outcome meant. ITU-T Q.850: 16 normal clearing, 17 user busy, 18 no user responding, 19 no answer. */
static Slice outcome_of_cause(int32_t cause, bool answered)
{
    if (answered)
        return SLICE("answered");
    if (cause == 0 || cause == 16)
        return (Slice){0};
    if (cause == 17)
        return SLICE("busy");
    return cause == 18 || cause == 19 ? SLICE("no_answer") : SLICE("failed");
}

typedef struct Times {
    int64_t first, initiated, answered, ended, timed_out, last;
} Times;

static void keep_min(int64_t *kept, int64_t value) { *kept = !*kept || value < *kept ? value : *kept; }
static void keep_max(int64_t *kept, int64_t value) { *kept = value > *kept ? value : *kept; }

static Times times_of(const Cdr *cdr)
{
    Times times = {0};
    for (size_t i = 0; i < cdr->fact_count; i++) {
        const Fact *fact = &cdr->facts[i];
        if (!fact->at_known)
            continue;
        if (fact->type == CALL_TIMEOUT) {
            keep_max(&times.timed_out, fact->at_ms);
            continue;
        }
        keep_min(&times.first, fact->at_ms);
        keep_max(&times.last, fact->at_ms);
        if (fact->type == CALL_INITIATED)
            keep_min(&times.initiated, fact->at_ms);
        if (fact->type == CALL_ANSWERED)
            keep_min(&times.answered, fact->at_ms);
        if (fact->type == CALL_ENDED)
            keep_max(&times.ended, fact->at_ms);
    }
    return times;
}

/* Facts are sorted by time: the first to name an id stands, the last to name an outcome stands (an end event's before any
 * other's). That the list has stopped a call, as the check says beside its end, is why it failed; of a call that went on with another
 * number it says nothing. */
static void derive_names(Cdr *cdr)
{
    bool outcome_of_end = false, is_blacklisted = false;
    int rank = 0;
    for (size_t i = 0; i < cdr->fact_count; i++) {
        const Fact *fact = &cdr->facts[i];
        if (slice_empty(cdr->campaign_id))
            cdr->campaign_id = fact->campaign_id;
        if (slice_empty(cdr->contact_id))
            cdr->contact_id = fact->contact_id;
        if (slice_empty(cdr->phone))
            cdr->phone = fact->phone;
        bool is_end = fact->type == CALL_ENDED, is_stopped = !is_end && slice_equal(fact->outcome, SLICE("blacklisted"));
        if (!slice_empty(fact->outcome) && !is_stopped && (is_end || !outcome_of_end)) {
            cdr->outcome = fact->outcome;
            outcome_of_end = is_end;
        }
        is_blacklisted = is_blacklisted || is_stopped;
        if (fact->hangup_cause)
            cdr->hangup_cause = fact->hangup_cause;
        cdr->open = cdr->open && fact->type != CALL_ENDED && fact->type != CALL_TIMEOUT;
        cdr->answered = cdr->answered || rank_of_fact(fact) == RANK_ANSWERED;
        rank = rank_of_fact(fact) > rank ? rank_of_fact(fact) : rank;
        keep_min(&cdr->created_ms, fact->received_ms);
        keep_max(&cdr->updated_ms, fact->received_ms);
    }
    cdr->inferred = rank == RANK_INCOMPLETE;
    bool has_failed = slice_empty(cdr->outcome) || slice_equal(cdr->outcome, SLICE("failed"));
    if (is_blacklisted && has_failed && !cdr->answered)
        cdr->outcome = SLICE("blacklisted");
    if (rank == RANK_COMPLETED && slice_empty(cdr->outcome))
        cdr->outcome = outcome_of_cause(cdr->hangup_cause, cdr->answered);
    cdr->answered = cdr->answered || outcome_implies_answer(cdr->outcome);
    cdr->status = status_of_rank(rank);
}

static int64_t said_seconds(const Cdr *cdr, size_t offset)
{
    int64_t said = -1;
    for (size_t i = 0; i < cdr->fact_count; i++) {
        int64_t value = *(const int64_t *)((const char *)&cdr->facts[i] + offset);
        said = value > said ? value : said;
    }
    return said;
}

static int64_t whole_seconds(int64_t from_ms, int64_t until_ms) { return until_ms > from_ms ? (until_ms - from_ms) / 1000 : 0; }

static void derive_durations(Cdr *cdr, const Times *times)
{
    int64_t said_duration = said_seconds(cdr, offsetof(Fact, duration_s));
    int64_t said_billsec = said_seconds(cdr, offsetof(Fact, billsec_s));
    bool start_is_real = times->initiated || (times->ended && times->first < times->ended);
    cdr->duration_s = start_is_real && times->ended ? whole_seconds(cdr->start_ms, times->ended) : said_duration;

    if (times->answered && times->ended)
        cdr->billsec_s = whole_seconds(times->answered, times->ended);
    else if (!cdr->answered && outcome_excludes_answer(cdr->outcome))
        cdr->billsec_s = 0;
    else
        cdr->billsec_s = said_billsec >= 0 ? said_billsec : cdr->duration_s;
}

void cdr_derive(Cdr *cdr, const Rating *rating, Arena *arena)
{
    (void)arena;
    Cdr derived = {.call_id = cdr->call_id, .rev = cdr->rev, .facts = cdr->facts, .fact_count = cdr->fact_count,
                   .fact_capacity = cdr->fact_capacity, .store_row = cdr->store_row, .store_id = cdr->store_id, .open = cdr->fact_count > 0};
    Times times = times_of(cdr);
    derive_names(&derived);
    derived.start_ms = times.initiated ? times.initiated : times.first;
    derived.answer_ms = times.answered;
    derived.end_ms = times.ended ? times.ended : times.timed_out;
    derived.last_event_ms = times.last ? times.last : derived.created_ms;
    derive_durations(&derived, &times);
    derived.cost_micros = derived.billsec_s > 0 ? rating_cost_micros(rating, derived.phone, derived.billsec_s) : 0;
    derived.currency = rating->currency;
    *cdr = derived;
}
