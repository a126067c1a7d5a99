/* A store or a service beyond this process: how the settings name it, how it is opened, and which ports it fills. One row, in a
 * file of its own, so that an executable links those that it lists and no other. */
#pragma once

#include "base/breaker.h"
#include "base/config.h"
#include "ports.h"

typedef struct BackEnd {
    const char *name; /* "redis": in the log and in readyz */
    bool holds_data;  /* other processes may change what is in it: no unit of work spans it */
    bool (*is_set)(const Config *config);
    /* config and breaker outlive it. Does not connect. REJECT when the settings can never work. */
    Status (*open)(const Config *config, Breaker *breaker, void **ret, Fault *fault);
    void (*close)(void *self);
    /* Puts its ports in, over those of the data folder and of the rows before it. A reader only looks. */
    void (*wire)(void *self, bool is_reader, Ports *ports);
    /* In a process without a data folder: fills in what no row has given. NULL = nothing. */
    void (*wire_missing)(void *self, Ports *ports);
    /* A key that everybody shares who uses this back end; made at the first call, in arena. NULL = it keeps none. */
    Status (*secret)(void *self, Arena *arena, Slice *ret, Fault *fault);
    /* Where it stands for several: theirs, ended by NULL, in place of the one that it was opened with. NULL = that one. */
    Breaker *const *(*breakers)(void *self);
} BackEnd;

extern const BackEnd redis_back_end, mongodb_back_end, postgresql_back_end, database_api_back_end, asterisk_worker_back_end,
    asterisk_ami_back_end, asterisk_ari_back_end, sms_gateway_back_end, sms_providers_back_end, tts_topic_back_end;

enum { BACK_ENDS_MAX = 12, BREAKERS_MAX = 24 };

/* Those of a list that are set, open. */
typedef struct BackEnds {
    struct { const BackEnd *row; void *self; Breaker *breaker; } open[BACK_ENDS_MAX]; /* breaker: of `sharing` when it was given */
    size_t count;
    Breaker breakers[BACK_ENDS_MAX];
    Breaker *in_use[BREAKERS_MAX + 1]; /* ended by NULL */
} BackEnds;

/* rows ends with NULL. sharing: an open set of the same rows and settings whose breakers are used, since what one thread finds out
 * the others need not; it outlives this one. NULL = breakers of its own. After a failure only back_ends_close is left. */
Status back_ends_open(BackEnds *back_ends, const BackEnd *const *rows, const Config *config, const BackEnds *sharing, Fault *fault);
void back_ends_close(BackEnds *back_ends);
void back_ends_wire(const BackEnds *back_ends, bool is_reader, Ports *ports);
void back_ends_wire_missing(const BackEnds *back_ends, Ports *ports);
/* Of the first that keeps one. REJECT "setting_missing" when none does. */
Status back_ends_secret(const BackEnds *back_ends, Arena *arena, Slice *ret, Fault *fault);
bool back_ends_hold_data(const BackEnds *back_ends);

/* For ports that have no unit of work in common: each verb is durable by itself. */
UnitPort back_ends_unit(void);
