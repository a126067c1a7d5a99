/* What Asterisk says of one channel, in one form for both of its interfaces (AMI and ARI). Each event shows the channel as it was
 * then, so one that was missed is made up for by the next. */
#pragma once

#include "base/slice.h"

typedef enum ChannelEventKind {
    CHANNEL_OTHER,      /* nothing that anybody follows */
    CHANNEL_CREATED,
    CHANNEL_LISTED,     /* it is in the list of all that are there now */
    CHANNEL_CHANGED,    /* its state or its variables */
    CHANNEL_DIALLED,    /* somebody dials it, or how that went: status */
    CHANNEL_DIGIT,      /* its far end has pressed a key and let go of it */
    CHANNEL_GONE,
    CHANNEL_ORIGINATED, /* how an order to call ended; comes before or after its channels are gone */
} ChannelEventKind;

typedef enum ChannelState { CHANNEL_IDLE, CHANNEL_DIALING, CHANNEL_RINGING, CHANNEL_BUSY, CHANNEL_UP } ChannelState;

/* Channel variables that say whose call it is. */
typedef enum CallVariable {
    VARIABLE_CALL_ID, VARIABLE_CAMPAIGN_ID, VARIABLE_CONTACT_ID, VARIABLE_PHONE, VARIABLE_CAMPAIGN_NAME, CALL_VARIABLES,
} CallVariable;

/* "PLEDGELINE_CALL_ID" … */
extern const Slice call_variable_names[CALL_VARIABLES];

/* By its name, with or without the underscores that make children inherit it; CALL_VARIABLES when it is none of them. */
CallVariable call_variable_of(Slice name);

typedef struct ChannelEvent {
    ChannelEventKind kind;
    Slice uniqueid, name;  /* "1700000000.17", "PJSIP/trunk-00000011" or "Local/s@out-00000003;1" */
    Slice linkedid;        /* the uniqueid of the first channel of its call; empty = not said */
    Slice dialled_by;      /* DIALLED: uniqueid of the channel that dials it; empty = none does */
    int64_t at_ms;         /* as Asterisk says */
    int64_t created_ms;    /* when the channel came into being; 0 = not said */
    ChannelState state;
    Slice variables[CALL_VARIABLES]; /* empty = not set, or not said */
    bool knows_variables;  /* what is empty is not set */
    char digit;
    Slice status;          /* of the dial: "BUSY"; empty = it begins, or nothing is known */
    bool has_failed;       /* ORIGINATED */
    int32_t cause;         /* GONE: of Q.850; 0 = unknown */
    Slice cause_text;
} ChannelEvent;

/* The names are the same in both interfaces: "Ringing". */
ChannelState channel_state_of(Slice name);
