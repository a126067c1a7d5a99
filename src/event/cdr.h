/* The call detail record: one per call, the same whatever the order, duplication or delay of its events.
 *
 * Its state is a set of facts, one per event key. Two facts under one key resolve to the smaller by (known time first,
 * time, content), so folding is the union of sets with a minimum: commutative, associative, idempotent. Everything that
 * people read is derived from the sorted set and never stored as truth. Pure. */
#pragma once

#include "event/event.h"
#include "event/rating.h"

/* How many facts a record may have for one more to get in: "too_many_events" otherwise. Each kind leaves room for those below
 * it, so a record that is full of anything else can still be closed, and a real end finds room behind inferred ones. */
enum {
    CDR_FACTS_MAX = 256,          /* DTMF, actions, states and others */
    CDR_FACTS_START_MAX = 272,    /* initiated, answered */
    CDR_FACTS_TIMEOUT_MAX = 280,
    CDR_FACTS_HARD_MAX = 288,     /* ended */
};

/* What an imported record of Asterisk, which knows whole seconds, has behind its second. */
enum { CDR_WITHIN_SECOND_MS = 999 };

/* What one event said. Slices are copies in the arena that the CDR was loaded or folded in. */
typedef struct Fact {
    Slice key; /* without the call id: "t:initiated", "d:1705314600000:1", "e:<eventId>", "m:<MessageId>" */
    CallEventType type;
    bool at_known;
    int64_t at_ms, received_ms;
    int64_t duration_s, billsec_s; /* -1 = not said */
    int32_t hangup_cause;
    Slice campaign_id, contact_id, phone, type_name, state, outcome, digit, action_type, action, extra;
} Fact;

typedef struct CdrDtmf { Slice digit; int64_t at_ms; } CdrDtmf;

typedef struct Cdr {
    Slice call_id;
    int64_t rev;        /* of the stored record this was read from; 0 = not stored yet */
    int64_t store_row;  /* the store's own: where load found it … */
    Slice store_id;     /* … or as what; empty = the call id */
    Fact *facts;        /* sorted by (at_known first, at_ms, key) */
    size_t fact_count, fact_capacity;

    /* derived by cdr_derive; 0 or empty = unknown */
    Slice campaign_id, contact_id, phone;
    Slice status;  /* initiated dialing ringing answered completed incomplete */
    Slice outcome;
    int64_t start_ms, answer_ms, end_ms;
    int64_t created_ms, updated_ms; /* receipt of the first, and of the last fact */
    int64_t last_event_ms;
    int64_t duration_s, billsec_s;  /* -1 = unknown */
    int64_t cost_micros;
    Slice currency;
    int32_t hangup_cause;
    bool answered; /* an answer event, or an outcome that implies it */
    bool open;     /* no end yet, neither real nor inferred */
    bool inferred; /* ended by the sweeper */
} Cdr;

typedef enum CdrFold { CDR_UNCHANGED, CDR_CHANGED, CDR_CONFLICT_KEPT /* same key, other payload */, CDR_FULL } CdrFold;

/* The key of a call event inside its call. */
Slice cdr_key(const Event *event, Slice message_id, Arena *arena);

/* Folds one event in. The derived fields are stale until cdr_derive. */
CdrFold cdr_fold(Cdr *cdr, const Event *event, Arena *arena);

/* Folds in every fact of another record of the same call, as the union that their events would have made. The facts' texts stay
 * where they are. CDR_FULL: some found no room; the others are in. */
CdrFold cdr_merge(Cdr *cdr, const Cdr *other, Arena *arena);

void cdr_derive(Cdr *cdr, const Rating *rating, Arena *arena);

/* Facts as bytes for a store, and back; the format carries a version. cdr_decode gives REJECT for bytes it cannot read. */
Slice cdr_encode(const Cdr *cdr, Arena *arena);
Status cdr_decode(Slice bytes, Arena *arena, Cdr *cdr, Fault *fault);

/* The call record as one JSON object, keys in that order (no rev, no eventKeys). Derived must be fresh. */
void cdr_print(const Cdr *cdr, Arena *arena, Text *out);
void cdr_print_metadata(const Cdr *cdr, Arena *arena, Text *out); /* of all its facts, one JSON object */
bool cdr_has_implausible_times(const Cdr *cdr);

/* The same document's columns for CSV, RFC 4180, cells made safe for spreadsheets. */
void cdr_print_csv_header(Text *out);
void cdr_print_csv(const Cdr *cdr, Arena *arena, Text *out);

/* ---- counters are a projection of the CDR ---- */

enum { CONTRIBUTION_MAX = 24 };

typedef struct Counter { Slice name; int64_t value; } Counter;

/* What one call (or one donation, or one opt-out) adds to the counters of its campaign. Names are unique in it. */
typedef struct Contribution {
    Slice campaign_id;
    int64_t last_activity_ms;
    size_t count;
    Counter counters[CONTRIBUTION_MAX];
} Contribution;

void contribution_add(Contribution *contribution, Slice name, int64_t value);
/* With all that it points to in arena. */
Contribution *contribution_copy(const Contribution *contribution, Arena *arena);

/* total_attempts, active_calls, answered, the outcome, each action type. An outcome or action whose name is one of ours
 * is counted as "outcome_<name>" or "action_<name>", so no publisher can move a counter it should not. */
void cdr_contribution(const Cdr *cdr, Arena *arena, Contribution *ret);

/* ---- statistics of a campaign: sums over its records ---- */

typedef struct CampaignStats {
    Slice campaign_id;
    int64_t total_attempts, answered, busy, failed, no_answer, converted, opt_outs;
    int64_t total_duration_s, total_cost_micros;
} CampaignStats;

void campaign_stats_print(const CampaignStats *stats, Slice currency, Text *out); /* one JSON object, seeds' names */
double campaign_stats_answer_rate(const CampaignStats *stats);     /* percent; 0 where the divisor is 0 */
double campaign_stats_conversion_rate(const CampaignStats *stats);
double campaign_stats_opt_out_rate(const CampaignStats *stats);
