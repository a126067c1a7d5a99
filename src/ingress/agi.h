/* Calls, as Asterisk gives them to us by FastAGI: the menu of a recorded call (agi://host/ivr), the pre-dial check (agi://host/check) and
 * calls that speak a text (agi://host/speak). One thread for all calls; nothing on it blocks. AGI has no password: whoever reaches the
 * port is believed, so it is on loopback or takes named addresses only. */
#pragma once

#include "event/ivr.h"
#include "ingress/call_feed.h"
#include "ingress/intake.h"
#include "ingress/optout_journal.h"
#include "ingress/readers.h"
#include "ingress/speech.h"
#include "net/address.h"

typedef struct Agi Agi;

typedef struct AgiSettings {
    Address listen;
    AddressRanges allowed;   /* who may connect from beyond this machine */
    const IvrMenus *menus;   /* NULL: there are no recorded calls here */
    Slice donation_key;      /* what donation-events may name as their key */
    Slice country_code;      /* of numbers in national form, for the check */
    const CallFeed *feed;    /* call-events are made here while it does not follow the PBX; NULL: always */
    Speech *speech;          /* NULL: no texts are spoken here */
} AgiSettings;

/* Everything is borrowed until agi_close. REJECT or FATAL "agi_listen" says why the port cannot be had. */
Agi *agi_open(const AgiSettings *settings, Intake *intake, Readers *checks, OptoutJournal *journal, Fault *fault);
/* As it was taken: with the port, where 0 asked for a free one. */
void agi_address(const Agi *agi, char out[64]);
/* Takes no more calls, leaves those that are on to the dialplan, and has every opt-out in the line or in the journal. NULL is fine. */
void agi_stop(Agi *agi);
/* After intake_stop. NULL is fine. */
void agi_close(Agi *agi);
