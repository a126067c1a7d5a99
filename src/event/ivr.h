/* What a recorded call does next: a machine that is told what happened on the telephone and says what to play, what to wait for and
 * what to publish. It knows no protocol and no clock. Pure.
 *
 *   identity, opt-out offer, message, wait for a key; once more (repeats), then good-bye.
 *
 * The opt-out key counts in every state: one opt-out, and the call is over. The donation key counts once; its confirmation is played
 * when the press is durable. Who cuts the offer short by donating hears it afterwards. */
#pragma once

#include "event/ivr_menu.h"

typedef enum IvrState {
    IVR_START,
    IVR_IDENTITY,  /* who is calling: 47 CFR 64.1200(b)(1) */
    IVR_PAUSE,     /* at most two seconds */
    IVR_OFFER,     /* how to opt out: 47 CFR 64.1200(b)(3) */
    IVR_MESSAGE,
    IVR_LISTEN,    /* waits for a key */
    IVR_WRONG_KEY, /* plays that the key means nothing */
    IVR_PREPARING, /* waits until the message can be played */
    IVR_KEEPING,   /* waits until the donation is durable */
    IVR_CONFIRMED, /* plays that it is */
    IVR_APOLOGY,   /* plays that something cannot be done now */
    IVR_LATE_OFFER,
    IVR_GOODBYE,
    IVR_HANGING_UP,
    IVR_OVER,
    IVR_STATE_COUNT,
} IvrState;

typedef enum IvrInput {
    IVR_BEGIN,
    IVR_KEY,        /* a key was pressed; ends what is played or waited for */
    IVR_PLAYED,     /* the prompt was heard to its end */
    IVR_UNPLAYABLE, /* it could not be played: there is no such file */
    IVR_TIMEOUT,    /* nobody pressed anything for the time that was waited */
    IVR_GONE,       /* the call is over */
    IVR_STORED, IVR_FAILED,  /* the donation is durable, or will not be; at any time after it was published */
    IVR_READY, IVR_UNREADY,  /* the message can be played, or never will be; at any time */
    IVR_INPUT_COUNT,
} IvrInput;

/* What the telephone is to do now; it answers with KEY, PLAYED, UNPLAYABLE, TIMEOUT or GONE, and gets the next one for that. */
typedef enum IvrAct { IVR_ACT_NONE, IVR_ACT_PLAY, IVR_ACT_WAIT, IVR_ACT_HANG_UP } IvrAct;

typedef enum IvrPublish {
    IVR_PUBLISH_NOTHING,
    IVR_PUBLISH_DONATION,
    IVR_PUBLISH_OPTOUT,
    IVR_PUBLISH_HEARD,   /* the message was heard to its end, for the first time */
} IvrPublish;

enum { IVR_KEYS_MAX = 4, IVR_SLICE_MS = 100 /* of what waits for something else than a key: a key is heard only while something runs */ };

typedef struct IvrStep {
    IvrAct act;
    IvrPrompt prompt;        /* of PLAY */
    char keys[IVR_KEYS_MAX]; /* that end the prompt, as a text; other keys do not disturb it */
    int32_t wait_ms;         /* of WAIT, which any key ends */
    IvrPublish publish;
    bool is_broken;          /* a prompt that the law asks for could not be played: the call is not gone on with */
} IvrStep;

typedef struct Ivr {
    const IvrMenu *menu;   /* borrowed */
    IvrState state;
    bool takes_donations, waits_for_message; /* as begun */
    bool donated, opted_out, offered, heard;
    bool is_stored, has_failed;              /* the donation */
    bool is_ready, is_unready;               /* the message */
    int32_t rounds_left, wrong_keys_left;
    int32_t patience_ms;   /* left, of KEEPING and PREPARING */
} Ivr;

/* takes_donations false: no key asks for a text. waits_for_message: it is made while the call begins (READY, UNREADY say when). */
void ivr_init(Ivr *ivr, const IvrMenu *menu, bool takes_donations, bool waits_for_message);

/* key: of IVR_KEY, else 0. A step with ACT_NONE leaves the telephone at what it does. */
IvrStep ivr_step(Ivr *ivr, IvrInput input, char key);

const char *ivr_state_name(IvrState state);
