/* A call that plays recordings and takes keys: the machine of event/ivr.h on a connection of Asterisk. */
#pragma once

#include "ingress/agi_event.h"

typedef struct RecordedCall {
    AgiCall *call;
    IvrMenu menu;       /* this call's own */
    Ivr ivr;
    CallIdentity identity;
    IvrAct act;         /* what the telephone does now */
    IvrPrompt playing;  /* of PLAY */
    bool is_asking;     /* whether the call is still there, after a prompt that could not be played */
    bool is_broken;     /* a prompt of the menu is missing */
    bool waits_for_optout, is_ended;
    bool reports;       /* call-events, as far as nobody follows the PBX, and what came of the call, which who follows cannot know */
    bool has_reported_answer;
    bool is_left_alone; /* it is over, and nobody followed the PBX by then */
    int64_t pressed_ms; /* elapsed time of the press that opted out */
    char keys[17];      /* the first ones, as a text */
    void (*heard)(struct RecordedCall *recorded);  /* NULL: nobody wants to know that the message was */
} RecordedCall;

void recorded_init(RecordedCall *recorded, AgiCall *call, const IvrMenu *menu, bool takes_donations, bool waits_for_message);
void recorded_begin(RecordedCall *recorded);
void recorded_replied(RecordedCall *recorded, const AgiReply *reply);
/* READY and UNREADY. */
void recorded_told(RecordedCall *recorded, IvrInput input);
void recorded_ended(RecordedCall *recorded);
