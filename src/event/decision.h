/* A decision is data: what apply has to do for one event. It can be printed and compared; deciding touched nothing. */
#pragma once

#include "event/cdr.h"
#include "event/sms_class.h"

/* The original system's BlacklistEntry. */
typedef struct BlockEntry {
    Slice phone;
    int64_t added_ms;    /* since when it holds */
    int64_t recorded_ms; /* when we were told, where that is another time (an import); else 0 */
    int64_t pressed_ms;  /* of an opt-out: when the person asked, as far as anybody knows */
    Slice reason;   /* "DTMF opt-out (key 9)" */
    Slice source;   /* user_optout admin_import compliance */
    Slice call_id, campaign_id, contact_id, timestamp; /* metadata */
    Slice actor;    /* who: "caller", "admin:jane", "import:file.csv" */
    Slice action_id;/* the opt-out's action; empty for entries by hand. A known action id changes nothing again */
} BlockEntry;

/* Copies that outlive a visitor's call; their texts live in arena. */
BlockEntry block_entry_copy(const BlockEntry *entry, Arena *arena);

/* With the fields of the original system. */
typedef struct ActionRecord {
    Slice id, call_id, campaign_id, contact_id, phone;
    Slice action_type; /* donation_sms_sent donation_sms_failed donation_tts_fallback optout_blacklist_added optout_call_terminated */
    Slice donation_link, sms_message_id;
    bool tts_fallback_triggered;
    int64_t timestamp_ms;
    Slice status;      /* success failed */
    Slice failure_reason;
} ActionRecord;

ActionRecord action_record_copy(const ActionRecord *record, Arena *arena);

/* What a recorded action adds to the counters of its campaign; count 0 = nothing (donations are counted by the ledger). */
void action_contribution(const ActionRecord *record, Contribution *ret);

/* PENDING -> CLAIMED -> SENDING -> SENT | FAILED | CANCELLED | UNKNOWN */
typedef enum EffectState {
    EFFECT_PENDING, EFFECT_CLAIMED, EFFECT_SENDING, EFFECT_SENT, EFFECT_FAILED, EFFECT_CANCELLED, EFFECT_UNKNOWN,
} EffectState;

const char *effect_state_name(EffectState state);
EffectState effect_state_of(Slice name); /* of a name that is none: UNKNOWN */

typedef enum EffectKind {
    EFFECT_DONATION, /* a press asked for a donation link, by text */
    EFFECT_TEXT,     /* a text that somebody else asked for, or another try of one */
    EFFECT_REPLY,    /* a text that answers a message of the person: goes out to a blocked number, too, and at any hour */
    EFFECT_SPEECH,   /* a call that speaks a text which cannot be read */
} EffectKind;

const char *effect_kind_name(EffectKind kind);
EffectKind effect_kind_of(Slice name); /* of a name that is none: DONATION */

/* What the provider says became of it after it took it. A larger one is further: it stands against a smaller one that comes late. */
typedef enum ReceiptState {
    RECEIPT_NONE, RECEIPT_UNDERWAY, RECEIPT_UNDELIVERED, RECEIPT_DELIVERED,
} ReceiptState;

const char *receipt_state_name(ReceiptState state);
ReceiptState receipt_state_of(Slice name); /* of a name that is none: NONE */

enum { REF_BYTES = 32 };

/* A thing to be done to the world exactly once: a text, or a call that speaks one. */
typedef struct Effect {
    Slice action_id;  /* the ledger's key and the gateway's idempotency key */
    EffectKind kind;
    Slice ref;        /* 32 hex digits: what a provider and a link know it by; one for each action id */
    Slice follows;    /* action id of the effect in whose place this one is done; empty = none */
    Slice call_id, campaign_id, contact_id, phone;
    Slice campaign_name, donation_link;
    Slice message;    /* the template, placeholders still in it */
    int64_t created_ms;

    EffectState state; /* as the ledger has it */
    int64_t fence;     /* of the claim we hold; a later claim has a higher one */
    int64_t due_ms;    /* PENDING: not before; CLAIMED, SENDING: end of the lease */
    int attempts;
    int64_t asked_ms;  /* when the gateway was first asked and may have taken it; 0 = it certainly has not */
    Slice message_id;  /* the gateway's, once SENT; when FAILED, of the spoken text that takes its place */
    Slice reason;      /* why FAILED, CANCELLED, UNKNOWN or back to PENDING */

    /* what a provider said of it */
    Slice provider;        /* who took it, or was asked last: "twilio"; CLAIMED, SENDING, and UNKNOWN by a lapsed lease: Gateway.name */
    SmsClass sms_class;    /* of what was refused, or is undelivered */
    Slice code;            /* the provider's own, as it came: "30006" */
    ReceiptState receipt;
    int64_t delivered_ms;  /* when it was delivered, or certainly not; 0 = not known */
    int segments;          /* that were paid for; 0 = not known */
    int64_t cost_micros;   /* of the currency */
} Effect;

/* What a provider says of something that it took, or a telephone of a call that was placed. They come late, twice and in any order. */
typedef struct Receipt {
    Slice ref;          /* of the effect */
    Slice provider, message_id;
    ReceiptState state; /* never NONE */
    SmsClass sms_class; /* of UNDELIVERED */
    Slice code, reason;
    Slice phone;        /* E.164: whom it was sent to, where the provider says so; the ledger knows it anyway */
    int64_t at_ms;      /* when it happened, as far as anybody knows */
} Receipt;

Receipt receipt_copy(const Receipt *receipt, Arena *arena);

typedef enum ReceiptResult {
    RECEIPT_STRANGE, /* the ledger has nothing under its ref */
    RECEIPT_KNOWN,   /* it says no more than what is known; at most the provider's name for the text was missing */
    RECEIPT_TAKEN,   /* the effect's receipt moved */
    RECEIPT_PROVES,  /* the effect was UNKNOWN, and became SENT by it */
} ReceiptResult;

/* What a receipt makes of the effect that it is for; never STRANGE. Every ledger does just this. */
ReceiptResult effect_receive(Effect *effect, const Receipt *receipt);

#define REPEAT_ALWAYS INT64_MAX

/* Who is asked for what is claimed, and for how long asking it again for the same effect is still one message. */
typedef struct Gateway {
    Slice name;        /* one only for those that know each other's repeats */
    int64_t repeat_ms; /* 0 = not at all, REPEAT_ALWAYS = for ever */
} Gateway;

/* Whether a gateway may have it, and it is not this one, or did not get it within its last repeat_ms: asking for it may be another message. */
bool effect_is_lost(const Effect *effect, int64_t now_ms, const Gateway *gateway);

/* Who has it, or may have it, for people to read: what tells gateways of one name apart, behind a colon, is left out. */
Slice effect_provider(const Effect *effect);

Effect effect_copy(const Effect *effect, Arena *arena);

/* Its message with the placeholders filled in. REJECT names one that nobody knows. */
Status effect_fill(const Effect *effect, Arena *arena, Slice *ret_text, Fault *fault);

/* What a press that was answered by a text adds to the counters of its campaign; count 0 = nothing: it is of another kind. */
void donation_contribution(const Effect *effect, Contribution *ret);

typedef struct Decision {
    Verdict verdict; /* DONE unless the event must be rejected or retried */
    Fault fault;
    bool costs_no_try; /* RETRY because a store is away, or another process is at it */
    bool outage;     /* RETRY because a store is away */
    bool unblocked;  /* the registry, or a cache that alone is asked, does not have its numbers yet */
    bool stored;     /* the registry has its numbers and its record */

    const BlockEntry *blocks; /* opt-out: numbers to block (all candidate forms of a salvaged one) */
    size_t block_count;
    bool block_is_guess;      /* of a number that names no country: somebody else's may be blocked, and theirs is not */
    const ActionRecord *action; /* opt-out: recorded with the block */
    Slice hang_up;              /* opt-out: call to end; empty = none */

    Effect *effect; /* to be claimed and sent, or recorded as CANCELLED */
    bool effect_if_added; /* only when its numbers were not blocked before: one confirmation, however often somebody asks */
    const Receipt *receipt; /* of an effect that was sent */

    Cdr *cdr;          /* call event: the record after this event */
    bool cdr_changed;
    bool duplicate;    /* nothing to do: it was applied before */
    bool conflict;     /* its identity is known with another content: the first effect stands */
} Decision;

/* One line of JSON, for tests and for `--explain`. */
void decision_print(const Decision *decision, Text *out);
