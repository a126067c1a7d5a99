/* The table of events: a new event is one file and one row. Pure. */
#pragma once

#include "base/metrics.h"
#include "event/decision.h"
#include "event/donation_pages.h"

/* What decide may look at; gathered through ports beforehand. */
typedef struct Facts {
    bool blocked;        /* the number is on the do-not-call list, or nobody could say */
    Cdr *cdr;            /* record of the event's call with the batch's earlier events folded in; never NULL when needed */
} Facts;

/* Settings that decisions depend on; same for the whole process. Slices live as long as the process. */
typedef struct EventSettings {
    const struct Carrier *carriers; /* that messages come in (envelope.h); NULL = none */
    Rating rating;
    Slice donation_key;           /* "1": what a donation's key must be where it says one */
    Slice sms_template;           /* with {{placeholders}} */
    Slice donation_link_base_url;
    Slice donation_link_secret;   /* key of the link tokens, at least 16 bytes */
    DonationPages donation_pages; /* where links lead that are opened here */
    bool donation_link_plain;     /* base64(campaignId:contactId:phoneNumber), as the original system did */
    Slice country_code;           /* of numbers in national form, digits; empty = such numbers cannot be read */
    int64_t call_timeout_ms;
    bool replies;                 /* persons who write to us can be answered, with: */
    Slice stop_reply, help_reply; /* empty = with nothing */
    bool speaks;                  /* calls can be placed that speak a text */
} EventSettings;

struct EventHandler {
    const char *topic; /* its name */
    Lane lane;
    Metric done;            /* counts those that are done; no two handlers have the same */
    bool is_request;        /* asks for an effect: what a gateway of ours may be asked by us */
    bool salvages;          /* parse also gets messages that are no JSON (body NULL), and finds what must be done anyway */
    bool needs_block_state; /* gather asks the registry */
    bool needs_cdr;         /* gather loads the call's record … */
    bool (*wants_cdr)(const Event *event); /* … or only for events that this says (NULL = as needs_cdr) */

    /* Message -> Event. May set fields and still give REJECT (a salvaged opt-out). */
    Status (*parse)(const Message *message, Arena *arena, Event *ret_event, Fault *fault);

    /* Event, Facts -> Decision. No I/O, no clock, no globals. */
    void (*decide)(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret);
};

extern const EventHandler donation_handler, optout_handler, call_handler, text_request_handler, speech_request_handler, receipt_handler,
    inbound_handler;

/* All handlers, ended by NULL. */
extern const EventHandler *const event_handlers[];

/* The names of all topics, for a sentence: "optout-events, donation-events and call-events". Returns out. */
enum { EVENT_TOPICS_BYTES = 192 };
const char *event_topics(char out[EVENT_TOPICS_BYTES]);

/* By topic name; NULL when no event comes by that topic. */
const EventHandler *event_handler_of(Slice topic);
