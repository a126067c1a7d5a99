/* The ports: all that the line may do to the world outside of memory, in words of the trade. An adapter is one file that
 * fills one of these structs; every adapter of a port passes the same contract suite (tests/contract).
 *
 * Common to all verbs:
 *  - `self` is the adapter's own; only its verbs look inside. A Ports value belongs to one thread at a time.
 *  - They block for at most the adapter's deadline. The embedded adapters block for the disk.
 *  - OK: it holds, and will hold after a crash once the unit of work is committed. RETRY: nothing is promised, the same
 *    call may be repeated; also all that a store beyond a network says of itself, until somebody mends it. Fault.is_of_one: maybe
 *    one item is in the way of others. REJECT: this input can never be stored. FATAL: our own disk is broken or full.
 *  - Every verb is repeat-safe: calling it again with the same input after a lost answer changes nothing more.
 *  - Inputs are borrowed for the call. Outputs live in the arena that the caller passes, or for the visitor's call.
 *  - Every batch verb takes at most BATCH_MAX items. */
#pragma once

#include "event/audit.h"
#include "event/decision.h"
#include "event/gift.h"
#include "event/handlers.h"

enum { BATCH_MAX = 512 };

/* ---- unit of work: what lies between begin and commit becomes durable together, where the store can do that ---- */

typedef struct UnitPort {
    void *self;
    bool atomic; /* every port of the line is in it: a failure anywhere undoes all of the batch. Otherwise each port stands
                    for itself, and only the messages that it failed are tried again */
    Status (*begin)(void *self, Fault *fault);
    /* Durable (synced) when it returns OK. Otherwise nothing of the unit holds, and the unit is over. */
    Status (*commit)(void *self, Fault *fault);
    void (*rollback)(void *self);
    /* Stores something of no meaning, durably, to see whether the store takes writes again. Not inside a unit. */
    Status (*probe)(void *self, Fault *fault);
} UnitPort;

/* ---- registry: the do-not-call list, the record of actions, the audit chain ---- */

typedef enum BlockResult {
    BLOCK_ADDED,    /* the number is blocked now and was not before */
    BLOCK_KNOWN,    /* it was blocked before: first added_ms stays, an audit entry says "block_again" */
    BLOCK_REPEATED, /* this action id was applied before: nothing changed, no audit entry; also when an admin removed
                       the number since, unless pressed_ms is later than that */
} BlockResult;

typedef struct RegistryFilter {
    Slice after;       /* cursor: the phone (list) or action id (actions) of the last row seen; empty = from the start */
    Slice campaign_id, call_id, phone; /* empty = all */
    Slice action_type; /* actions: exact, or empty */
    size_t limit;      /* 0 = all */
} RegistryFilter;

#define FAULT_CHECK_MISSING "check_missing"

typedef struct RegistryPort {
    void *self;
    /* Puts numbers on the list and writes one audit entry each (unless REPEATED). results[i] answers entries[i]. */
    Status (*block)(void *self, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault);
    /* Takes a number off. Leaves an audit entry with actor and reason (both required). *ret_was_blocked may be false. */
    Status (*unblock)(void *self, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault);
    /* ret_blocked[i] answers phones[i]. Unless OK the caller must take every number for blocked. RETRY with the code
     * FAULT_CHECK_MISSING: this registry never answers that; a cache that knows all numbers may. */
    Status (*is_blocked)(void *self, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault);
    /* The entry of a blocked number; *ret_found false when it is clear. */
    Status (*show)(void *self, Slice phone, Arena *arena, BlockEntry *ret_entry, bool *ret_found, Fault *fault);
    /* Blocked numbers in order of phone number. The visitor returns false to stop. */
    Status (*list)(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const BlockEntry *entry),
                   void *context, Fault *fault);
    Status (*count)(void *self, int64_t *ret_blocked, Fault *fault);
    /* The first record of an action id wins. ret_new[i]: records[i] was not there before. New ones get an audit entry,
     * except optout_*, which block() has audited. */
    Status (*record_actions)(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault);
    /* By action id, ascending. */
    Status (*actions)(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record),
                      void *context, Fault *fault);
    /* Appends an entry of a kind of its own (an import, a redrive); seq and hash are filled here. */
    Status (*audit_append)(void *self, const AuditEntry *entry, Fault *fault);
    /* The chain from entry `from_seq` on, as stored. subject: only that number's entries (empty = all). */
    Status (*audit)(void *self, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry),
                    void *context, Fault *fault);
    /* How many entries there should be and the last hash, kept apart from the chain: shows a chain cut at its end. */
    Status (*audit_head)(void *self, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault);

    /* For a move from another store (service/migrate.h). What is there under the same key stays; ret_new[i]: it was not there.
     * Numbers and actions leave no audit entry: the history of the other store is carried over as a whole. All three are NULL
     * where the list is another service's, which moves it itself. */
    Status (*enter)(void *self, const BlockEntry *entries, size_t count, bool *ret_new, Fault *fault);
    Status (*enter_actions)(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault);
    /* Appends entries in their order, with a seq and hash of this chain, each unless one is there with the same subject,
     * action id, kind and detail (which names the entry's origin, so it is one of a kind). */
    Status (*audit_carry)(void *self, const AuditEntry *entries, size_t count, bool *ret_new, Fault *fault);
} RegistryPort;

/* ---- effects: the ledger of things done to the world ---- */

typedef struct EffectFilter {
    Slice campaign_id, phone; /* empty = all */
    int state;                /* EffectState, or -1 = any */
    Slice after;              /* cursor: action id */
    size_t limit;      /* 0 = all */
} EffectFilter;

typedef struct EffectsPort {
    void *self;
    bool is_shared; /* other processes write to it, too */
    /* For each wanted[i]: enters it as PENDING when its action id is new, then claims it when it is PENDING and due, or
     * CLAIMED or SENDING with a lease that is over: state CLAIMED, a new fence, lease until now + lease_ms, provider the gateway's
     * name. One that a gateway may have (asked_ms) and that is not safe to ask this one for becomes UNKNOWN instead: effect_is_lost. *ret_claimed[i]
     * tells whether it is ours now; wanted[i] is filled with what the ledger holds (message, link, ref, state, message_id, receipt)
     * in arena, so that a repeat works on the first one's content. REJECT where a new one has the ref of another effect. */
    Status (*claim)(void *self, Effect *wanted, size_t count, int64_t now_ms, int64_t lease_ms, const Gateway *gateway,
                    Arena *arena, bool *ret_claimed, Fault *fault);
    /* CLAIMED -> SENDING where the fence is still ours; ret_ours[i] false: somebody else has it, do not send. From now on the
     * gateway may have it: asked_ms becomes now_ms, unless it has a time already. */
    Status (*sending)(void *self, const Effect *effects, size_t count, int64_t now_ms, int64_t lease_until_ms, bool *ret_ours, Fault *fault);
    /* Writes effects[i].state (SENT, FAILED, CANCELLED, UNKNOWN, or back to PENDING with due_ms), message_id, reason, asked_ms,
     * provider, sms_class, code, segments and cost_micros, where the fence is still ours. ret_moved[i]: it moved by this call. UNKNOWN
     * moves when the last one that had it says what became of it: it was slow, and not gone. Where a receipt came first, its message_id and
     * provider stand, and when it knows what became of the text, its sms_class, code and reason, too. */
    Status (*settle)(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault);
    /* Up to max effects that wait for somebody: PENDING and due, or CLAIMED/SENDING with a lease that is over. calls: those of
     * SPEECH, else all others. */
    Status (*due)(void *self, bool calls, int64_t now_ms, size_t max, Arena *arena, Effect *out, size_t *ret_count, Fault *fault);
    /* Nothing waits beyond latest_ms: what does, since a clock that ran ahead wrote its time, waits until then. */
    Status (*pull_in)(void *self, int64_t latest_ms, Fault *fault);
    Status (*list)(void *self, const EffectFilter *filter, bool (*visit)(void *context, const Effect *effect), void *context,
                   Fault *fault);
    /* For a move from another store: enters effects (each once in the call) as they are. Of two under one action id the one that
     * is further stands, as a whole: SENT, then UNKNOWN, FAILED or CANCELLED, SENDING, CLAIMED, PENDING; of two in
     * one state, the one whose receipt is further. It gets a higher fence than both, so whoever had claimed the other finds it
     * gone. ret_moved[i]: the ledger changed. */
    Status (*enter)(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault);
    /* out[i] is what the ledger holds under action_ids[i], in arena; ret_found[i] false: nothing. */
    Status (*load)(void *self, const Slice *action_ids, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault);
    /* The same by ref. */
    Status (*find)(void *self, const Slice *refs, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault);
    /* Puts what providers say of effects into the ledger (effect_receive): `receipt`, with its class, code, reason and time, never moves
     * back, and message_id and provider are filled in where they are empty; a gateway's name gives way to the
     * provider. What was UNKNOWN becomes SENT by it: of several that race, one PROVES. Any other state stays, SENDING for its sender to
     * settle; so what becomes UNKNOWN after its receipts came is for the last one that had it to settle as SENT. out[i] is the effect as
     * it is then, in arena; ret[i] says what happened (STRANGE: out[i] is nothing). Receipts of one ref are taken in their order. A repeat
     * after a lost answer says KNOWN of what was new. */
    Status (*receive)(void *self, const Receipt *receipts, size_t count, int64_t now_ms, Arena *arena, Effect *out, ReceiptResult *ret, Fault *fault);
} EffectsPort;

/* ---- gifts: who opened a link, and what was given ---- */

typedef struct GiftFilter {
    Slice campaign_id, call_id, ref; /* empty = all */
    bool unmatched;                  /* only those of which nobody knows whose they are */
    int64_t before_row;              /* cursor; 0 = from the newest */
    bool oldest_first;               /* all of them, in the order in which they came */
    size_t limit;                    /* 0 = all */
} GiftFilter;

typedef struct GiftsPort {
    void *self;
    /* Adds clicks to what is held of their links; each link and kind once in the call. What is not later than the last click that is
     * held was counted before, so a repeat counts nothing: clicks of one link that several processes tell of at once may be fewer. */
    Status (*click)(void *self, const LinkClicks *clicks, size_t count, Fault *fault);
    /* gift_merge of each into what is held under its id; each id once in the call. For a move from another store, too. */
    Status (*give)(void *self, const Gift *gifts, size_t count, GiftResult *ret, Fault *fault);
    /* Of one link, or of all (ref empty), by ref and kind, ascending. The visitor returns false to stop. */
    Status (*clicks)(void *self, Slice ref, bool (*visit)(void *context, const LinkClicks *clicks), void *context, Fault *fault);
    /* Newest first. */
    Status (*list)(void *self, const GiftFilter *filter, bool (*visit)(void *context, const Gift *gift), void *context, Fault *fault);
    /* For a move from another store: the earlier first, the later last and the larger count of both stand. ret_moved[i]: the store changed. */
    Status (*enter_clicks)(void *self, const LinkClicks *clicks, size_t count, bool *ret_moved, Fault *fault);
} GiftsPort;

/* ---- cdrs: call detail records ---- */

/* A record's place in the order of start times; row or call_id is what the store tells equal times apart by. */
typedef struct CdrCursor { int64_t start_ms, row; Slice call_id; } CdrCursor;

/* A cursor that outlives the visitor's call. */
typedef struct CdrPlace { CdrCursor cursor; char call_id[CALL_ID_BYTES_MAX]; } CdrPlace;

static inline void cdr_place_set(CdrPlace *place, CdrCursor cursor)
{
    size_t bytes = cursor.call_id.bytes < CALL_ID_BYTES_MAX ? cursor.call_id.bytes : CALL_ID_BYTES_MAX;
    if (bytes)
        memmove(place->call_id, cursor.call_id.at, bytes);
    place->cursor = (CdrCursor){cursor.start_ms, cursor.row, {place->call_id, bytes}};
}

typedef struct CdrFilter {
    Slice campaign_id, outcome;    /* empty = all */
    int64_t from_ms, until_ms;     /* start time in [from, until); 0 = open */
    CdrCursor after;               /* the last one seen; {0} = from the newest */
    size_t limit;      /* 0 = all */
} CdrFilter;

typedef struct CdrsPort {
    void *self;
    /* cdrs[i] for call_ids[i] (unique in the call), in arena; rev 0 and no facts when there is none. */
    Status (*load)(void *self, const Slice *call_ids, size_t count, Arena *arena, Cdr **cdrs, Fault *fault);
    /* Stores cdrs[i] where the stored rev is still cdrs[i]->rev (0 = not there), with rev + 1, which is written back.
     * ret_conflict[i]: somebody was faster; load, fold and save again. Derived fields must be fresh. A new
     * record counts as stored at now_ms, or at 0 when its first fact was received: it moves in and has its age already. */
    Status (*save)(void *self, Cdr *const *cdrs, size_t count, int64_t now_ms, bool *ret_conflict, Fault *fault);
    /* Newest start first. The visitor gets a cursor to go on behind this record; false stops. */
    Status (*query)(void *self, const CdrFilter *filter, const Rating *rating,
                    bool (*visit)(void *context, const Cdr *cdr, CdrCursor cursor), void *context, Fault *fault);
    /* Every record, in no order, in one consistent view. For recount. */
    Status (*scan)(void *self, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr), void *context, Fault *fault);
    /* Sums over a campaign's records (campaign_id empty: every campaign, by name). */
    Status (*stats)(void *self, const CdrFilter *filter, bool (*visit)(void *context, const CampaignStats *stats),
                    void *context, Fault *fault);
    /* Call ids (in arena) of records that have no end and whose last event is older than before_ms, oldest start first.
     * after: goes on behind that record ({0,0} = from the oldest), and becomes the last one shown. */
    Status (*stale)(void *self, int64_t before_ms, CdrCursor *after, size_t max, Arena *arena, Slice *out, size_t *ret_count, Fault *fault);
    /* Deletes up to max records that were stored before before_ms. Visits each first (false: it stays, and so do all behind it),
     * then calls before_delete once, and deletes nothing unless that returns OK: counters let go of a record while it is there. */
    Status (*expire)(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                     Status (*before_delete)(void *context, Fault *fault), void *context, size_t *ret_deleted, Fault *fault);
    Status (*count)(void *self, int64_t *ret_records, Fault *fault);
    Status (*started_since)(void *self, Slice campaign_id, int64_t since_ms, int64_t *ret_calls, Fault *fault); /* dialing rate */
} CdrsPort;

/* ---- live: counters, and the fast do-not-call cache ---- */

/* A thing (a call, a donation, an opt-out) whose share of the counters is now `after`. */
typedef struct Projection {
    Slice key;    /* call id, or action id */
    int64_t rev;  /* grows with each change of the thing */
    const Contribution *before; /* its share at the revision that was read; NULL = none. Only an adapter that commits
                                   together with the source may rely on it; others keep (rev, share) themselves */
    const Contribution *after;
    /* For a store that keeps (rev, share) for a time only; by our clock, what the times of events say is no help. Where these
     * do not tell whether a share that it does not know was counted and forgotten, it leaves that to a recount. */
    int64_t changed_ms; /* when this revision was stored: now, when this batch stored it */
    int64_t before_ms;  /* when `before` was stored */
    int64_t created_ms; /* when the thing was first there; 0 = long ago, or not known */
} Projection;

typedef enum CacheAnswer {
    CACHE_UNKNOWN, /* the cache does not know all numbers: ask the registry */
    CACHE_CLEAR,
    CACHE_BLOCKED,
} CacheAnswer;

typedef struct LivePort {
    void *self;
    /* Where items[i].rev is newer than what was projected for that key: adds the difference to the campaign's counters. */
    Status (*project)(void *self, const Projection *items, size_t count, Fault *fault);
    /* Adds what a recount found missing. NULL where there are generations. */
    Status (*adjust)(void *self, const Contribution *deltas, size_t count, Fault *fault);
    /* Each campaign (or the one named) with all its counters. */
    Status (*read)(void *self, Slice campaign_id,
                   bool (*visit)(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count),
                   void *context, Fault *fault);

    /* The cache of the do-not-call list. NULL where the registry itself is as fast. */
    Status (*block)(void *self, const BlockEntry *entries, size_t count, Fault *fault);
    Status (*unblock)(void *self, Slice phone, Fault *fault);
    Status (*is_blocked)(void *self, const Slice *phones, size_t count, CacheAnswer *ret, Fault *fault);
    /* "Not there" is unknown from now on; what block() gives is counted on until list_complete. */
    Status (*list_incomplete)(void *self, Fault *fault);
    /* This port was given every number of the list since its list_incomplete; from now on "not there" is clear. RETRY
     * "list_lost": the store may have lost some of it meanwhile, begin again. */
    Status (*list_complete)(void *self, Fault *fault);

    /* Action records, for readers beside us; they go by themselves after 24 h. NULL where nobody reads them. */
    Status (*remember)(void *self, const ActionRecord *records, size_t count, Fault *fault);

    /* A new generation of the counters, counted from what is stored while traffic goes on in both. NULL where a difference
     * that recount finds can simply be added. One at a time: RETRY "recount_running" while another one is on. */
    Status (*generation_begin)(void *self, int64_t now_ms, Fault *fault);
    /* As project, into the new generation only, whatever changed_ms says. */
    Status (*generation_add)(void *self, const Projection *items, size_t count, Fault *fault);
    /* Visits the counters that differ between what is read and the new generation, or every one. */
    Status (*generation_compare)(void *self, bool every,
                                 bool (*visit)(void *context, Slice campaign_id, Slice counter, int64_t live, int64_t recounted),
                                 void *context, Fault *fault);
    /* Makes the new generation the one that is read; with keep false it is given up. RETRY "recount_lost": begin again. */
    Status (*generation_end)(void *self, bool keep, Fault *fault);
    /* False when counters, or the list, are gone or may miss something (a flush, a failover): recount, or give it the list. */
    Status (*is_whole)(void *self, bool *ret_counters, bool *ret_list, Fault *fault);
} LivePort;

/* What the do-not-call list said is believed for so long from when it was asked: another process may put numbers on it. */
enum { TEXT_BELIEVED_MS = 3000, CALL_BELIEVED_MS = 2000 };

/* ---- sms: the gateway ---- */

typedef enum SmsResult {
    SMS_ACCEPTED, /* the gateway has it */
    SMS_REFUSED,  /* it said no for good (a definite 4xx) */
    SMS_UNSENT,   /* it certainly does not have it by this call: may be tried later */
    SMS_AWAY,     /* as SMS_UNSENT, and it takes nothing from anybody now: waiting for it uses up no tries */
    SMS_UNKNOWN,  /* nobody can say: it is sent again while that is one message (repeat_ms), and is UNKNOWN after that */
    SMS_OVERTAKEN, /* somebody else has the effect by now, or may have: this call sent nothing, and the ledger says what becomes of it */
} SmsResult;

typedef struct SmsOutcome {
    SmsResult result;
    Slice message_id; /* in arena */
    Slice reason;
    SmsClass sms_class;     /* of REFUSED and UNSENT, where the gateway says more than that */
    Slice provider, code;   /* as in Effect */
    int64_t not_before_ms;  /* of UNSENT and AWAY: wall time of the next try; 0 = the ledger's own backoff */
    int segments;           /* of ACCEPTED; 0 = not known */
    int64_t cost_micros;
} SmsOutcome;

/* A request that a provider makes of us: a receipt, or a person's message. */
typedef struct SmsCallback {
    Slice provider;  /* of the path: "twilio" */
    Slice method, path, query; /* as they came; the query without '?' */
    Slice body;
    Slice (*header)(const void *request, const char *name); /* empty = not there */
    const void *request;
    int64_t now_ms;
} SmsCallback;

/* A message of a person to us. */
typedef struct SmsInbound {
    Slice id;        /* the provider's; one message has one, however often it is posted */
    Slice from, to;  /* from in E.164 */
    Slice text;
    int64_t at_ms;
} SmsInbound;

typedef struct SmsCallbackRead {
    Receipt *receipts; /* in arena; none of them is a word that says nothing (a text that was only queued) */
    size_t receipt_count;
    SmsInbound *messages;
    size_t message_count;
} SmsCallbackRead;

typedef struct SmsRecord {
    int64_t row;
    Slice id, action_id, call_id, campaign_id, contact_id, phone, message, status, failure_reason;
    int64_t queued_ms;
} SmsRecord;

typedef struct SmsFilter {
    Slice campaign_id, phone; /* empty = all */
    int64_t before_row;       /* cursor; 0 = from the newest */
    bool oldest_first;        /* all of them, in the order in which they came */
    size_t limit;      /* 0 = all */
} SmsFilter;

typedef struct SmsPort {
    void *self;
    bool joins_unit;       /* send() becomes durable with the unit of work, and undone with it */
    bool wants_courier;    /* send() waits for somebody far away: not on the line's thread, where another one can do it. Several may call
                              it at once then */
    Slice name;            /* as in Gateway: "outbox", "twilio,plivo" */
    int64_t repeat_ms;     /* for how long sending an action id again is still one message; 0 = not at all, REPEAT_ALWAYS = for ever */
    /* outcomes[i] answers effects[i], which are SENDING. now_ms: wall time from before the list was asked. The action id is the
     * idempotency key. A gateway beyond a network is given nothing once three quarters of the time from now_ms to due_ms are over by
     * the wall clock, which goes on while a process is frozen: SMS_OVERTAKEN. Nor is it given what was put on the list since now_ms by this
     * process (base/recent_blocks.h), or what waited for seconds, in which others may have put it there: SMS_AWAY, to be taken again at once.
     * A gateway that can see the ledger takes a text only while the ledger has it as SENDING with this fence. */
    Status (*send)(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault);
    /* What a provider posted. REJECT "forged": it is not proven to be the provider's. REJECT "callback_malformed". REJECT
     * "provider_unknown": no such provider is set here. Any thread, at the same time as send; does not block. NULL: nobody posts. */
    Status (*read_callback)(void *self, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault);
    /* Newest first; NULL where the gateway keeps no list. */
    Status (*list)(void *self, const SmsFilter *filter, bool (*visit)(void *context, const SmsRecord *record), void *context, Fault *fault);
    /* For a move from another store: messages as they are, in this order, behind those that are there. The first of an action id
     * stands; ret_new[i]: it was not there. NULL where list is. */
    Status (*enter)(void *self, const SmsRecord *records, size_t count, bool *ret_new, Fault *fault);
} SmsPort;

/* ---- speech: calls that speak a text ---- */

typedef struct SpeechPort {
    void *self;
    Slice name; /* as in Gateway */
    /* As SmsPort.send, of SPEECH effects. ACCEPTED: the call is placed, or somebody else was asked to; what becomes of it comes as a receipt.
     * UNKNOWN is not sent again. NULL: nobody speaks. */
    Status (*send)(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault);
} SpeechPort;

/* ---- calls: the telephony side ---- */

typedef enum CallEnd {
    CALL_UNENDED,  /* nobody can say that it is over */
    CALL_HUNG_UP,
    CALL_WAS_OVER, /* there is no such call, or no more */
} CallEnd;

typedef struct CallsPort {
    void *self;
    /* Starts ending these calls and returns at once; never waits for the answer. Each id that is asked for, whether OK or not, is to be
     * collected or released as often. NULL self and NULL verbs: no telephony is configured, and nothing claims that a call was ended. */
    Status (*hang_up)(void *self, const Slice *call_ids, size_t count, Fault *fault);
    /* Waits for what hang_up started, at most wait_ms; 0 only looks. ret[i] answers call_ids[i]. Who is told UNENDED may collect again. */
    Status (*collect)(void *self, const Slice *call_ids, size_t count, int64_t wait_ms, CallEnd *ret, Fault *fault);
    /* Who asked for these, and was not told that they are over, does not come for them any more. */
    void (*release)(void *self, const Slice *call_ids, size_t count);
    /* Whoever follows the telephone exchange tells here which channels a call has. NULL: nobody looks. */
    struct ChannelMap *channels;
} CallsPort;

/* ---- spool: messages to try again, and dead letters ---- */

typedef enum SpoolState { SPOOL_WAITING, SPOOL_DEAD } SpoolState;

typedef struct SpoolItem {
    int64_t id;          /* given by keep */
    SpoolState state;
    Slice topic, message_id;
    Slice body;          /* the carrier's bytes as they came; may be anything */
    int64_t received_ms, due_ms;
    int attempts;
    Slice code, reason;  /* of the fault */
} SpoolItem;

typedef struct SpoolFilter {
    SpoolState state;
    Slice topic;       /* empty = all */
    int64_t before_id; /* cursor; 0 = from the newest */
    size_t limit;      /* 0 = all */
} SpoolFilter;

typedef struct SpoolPort {
    void *self;
    /* id 0: a new row, or the row that already holds the same message (same topic and body): a dead letter counts on its
     * attempts, one that waits stays as it is.
     * id set: that row gets the new state, due time, attempts and reason. Ids are written back. */
    Status (*keep)(void *self, SpoolItem *items, size_t count, Fault *fault);
    /* It is done: the row goes. */
    Status (*settle)(void *self, const int64_t *ids, size_t count, Fault *fault);
    /* Up to max waiting rows with due_ms <= now_ms, oldest due first, in arena. Does not change them. */
    Status (*due)(void *self, int64_t now_ms, size_t max, Arena *arena, SpoolItem *out, size_t *ret_count, Fault *fault);
    /* Nothing waits beyond latest_ms: what does, since a clock that ran ahead wrote its time, waits until then. */
    Status (*pull_in)(void *self, int64_t latest_ms, Fault *fault);
    /* When the next waiting row is due; INT64_MAX = none waits. */
    Status (*next_due)(void *self, int64_t *ret_due_ms, Fault *fault);
    Status (*list)(void *self, const SpoolFilter *filter, bool (*visit)(void *context, const SpoolItem *item), void *context, Fault *fault);
    Status (*show)(void *self, int64_t id, Arena *arena, SpoolItem *ret_item, bool *ret_found, Fault *fault);
    /* A dead letter waits again, due now, attempts 0. *ret_changed is how many rows (ids NULL: all dead ones). */
    Status (*redrive)(void *self, const int64_t *ids, size_t count, int64_t now_ms, size_t *ret_changed, Fault *fault);
    /* A dead letter is deleted for good. */
    Status (*drop)(void *self, const int64_t *ids, size_t count, size_t *ret_changed, Fault *fault);
    Status (*count)(void *self, SpoolState state, int64_t *ret_rows, Fault *fault);
} SpoolPort;

/* All of them, wired by app.c. spool.self is NULL where the broker is the spool, gifts.self where there are no links (a function). */
typedef struct Ports {
    UnitPort unit;
    RegistryPort registry;
    EffectsPort effects;
    GiftsPort gifts;
    CdrsPort cdrs;
    LivePort live;
    SmsPort sms;
    SpeechPort speech;
    CallsPort calls;
    SpoolPort spool;
} Ports;
