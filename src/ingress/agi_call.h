/* One connection of Asterisk: its environment is read, the variables that its script needs are asked for, then the script says one
 * command after the other. All on the AGI thread, except agi_wake. */
#pragma once

#include "ingress/agi.h"
#include "net/agi.h"

typedef struct AgiCall AgiCall;

/* What Asterisk says of a call by itself; and what its dialplan or a dialer has set. */
typedef enum AgiValue {
    AGI_SCRIPT_NAME, AGI_UNIQUEID, AGI_CALLERID, AGI_DNID, AGI_ARGUMENT_1, AGI_ARGUMENT_2, AGI_ARGUMENT_3, AGI_ARGUMENT_4,
    AGI_CALL_ID, AGI_CAMPAIGN_ID, AGI_CONTACT_ID, AGI_PHONE, AGI_CAMPAIGN_NAME, AGI_LINKEDID, AGI_REF, AGI_TEXT,
    AGI_VALUE_COUNT,
} AgiValue;

typedef struct AgiScript {
    Slice name;                /* of agi://host/NAME */
    const AgiValue *variables; /* to be asked for before it begins, ended by AGI_VALUE_COUNT */
    void (*begin)(AgiCall *call);                              /* the values are known */
    void (*replied)(AgiCall *call, const AgiReply *reply);     /* to the last command */
    void (*ticked)(AgiCall *call, int64_t now_ms);             /* some ten times a second; NULL: it has no clock */
    void (*ended)(AgiCall *call);                              /* the connection is closed. Once, after begin */
} AgiScript;

extern const AgiScript ivr_script, check_script, speak_script;

typedef enum AgiPhase { AGI_ENVIRONMENT, AGI_VARIABLES, AGI_RUNNING, AGI_LEAVING } AgiPhase;

struct AgiCall {
    Agi *agi;
    AgiCall *previous, *following;
    int fd;               /* -1 = closed */
    size_t holds;         /* others that still refer to it: it is freed when nobody does, and it is closed */
    AgiPhase phase;
    const AgiScript *script;
    void *state;          /* the script's own, in arena */
    Arena arena;
    Slice values[AGI_VALUE_COUNT];
    int64_t began_ms;     /* wall time */
    int64_t deadline_ms;  /* elapsed time: by then the other side has said something */
    bool is_over;         /* HANGUP was read, or 511 */
    bool awaits_reply, in_usage, writes;
    size_t lines, in_bytes, out_bytes, out_sent;
    char in[AGI_LINE_BYTES_MAX];
    char out[AGI_COMMAND_BYTES_MAX + 1];
};

/* A call is spoken to as long as it is not closed. patience_ms: how long the reply may take. */
void agi_say(AgiCall *call, AgiCommand *command, int64_t patience_ms);
/* All of them in one command, ended by AGI_VALUE_COUNT; the script takes them from the reply into call->values. */
void agi_ask_variables(AgiCall *call, const AgiValue *variables);
void agi_take_variables(AgiCall *call, const AgiValue *variables, const AgiReply *reply);
/* The call ends: HANGUP, and nothing more from us. Asterisk ends the channel once the script's connection is closed, so it is. */
void agi_hang_up(AgiCall *call);
/* We are done; the dialplan goes on. */
void agi_leave(AgiCall *call);
/* Closes at once. */
void agi_cut(AgiCall *call);

/* ---- the thread ---- */

/* Something for the AGI thread to do, embedded in what it is about. */
typedef struct AgiWake {
    void (*run)(struct AgiWake *wake);
    struct AgiWake *following;
} AgiWake;

/* Any thread. */
void agi_wake(Agi *agi, AgiWake *wake);

const AgiSettings *agi_settings(const Agi *agi);
Intake *agi_intake(const Agi *agi);
Readers *agi_checks(const Agi *agi);
struct AgiOutbox *agi_outbox(const Agi *agi);

/* For the thread itself. */
AgiCall *agi_call_new(Agi *agi, int fd);
void agi_call_free(AgiCall *call);
void agi_call_read(AgiCall *call);
void agi_call_write(AgiCall *call);
void agi_call_tick(AgiCall *call, int64_t now_ms);
/* Whether the thread is to wait until it can write, too. */
void agi_watch(AgiCall *call, bool for_writing);
