/* The part of `pledgeline serve` that talks with Asterisk by FastAGI, and the journal of its opt-outs. */
#pragma once

#include "base/config.h"
#include "ingress/agi.h"

typedef struct AgiService {
    Arena arena;            /* holds the menus */
    IvrMenus menus;
    OptoutJournal *journal; /* also without FastAGI, while an earlier run has left something in it */
    Speech *speech;
    Agi *agi;
} AgiService;

/* Looks at the settings and reads the menu file. What is open after a failure, too, is closed by the functions below. */
Status agi_service_read(AgiService *service, const Config *config, Fault *fault);
Status agi_service_open_journal(AgiService *service, const Config *config, Intake *intake, Fault *fault);
/* country_code: of numbers in national form. feed: NULL where no PBX is followed; outlives it. */
Status agi_service_open(AgiService *service, const Config *config, Slice country_code, const CallFeed *feed, Intake *intake, Readers *checks,
                        Fault *fault);

/* Before intake_stop, and after it with the readers stopped. */
void agi_service_stop(AgiService *service);
void agi_service_close(AgiService *service);
