/* One of Asterisk's interfaces, to be followed: AMI or ARI. For one thread at a time; deadlines are in clock_elapsed_ms.
 *
 * Rights that a user of AMI needs: read = call,dtmf; write = call,reporting. A user of ARI needs no more than read_only = yes. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "ingress/channel_event.h"
#include "ingress/live_calls.h"

typedef struct PbxSource {
    void *self;
    /* Connects anew, and asks for those events alone that anybody follows. *ret_system: the name of the PBX, for which there may be
     * none; lives until the next connect. */
    Status (*connect)(void *self, int64_t deadline_ms, Slice *ret_system, Fault *fault);
    void (*disconnect)(void *self);
    /* All channels that there are now, as events of kind LISTED, and what else is said meanwhile. */
    Status (*list)(void *self, int64_t deadline_ms, void (*visit)(void *context, const ChannelEvent *event), void *context, Fault *fault);
    /* kind OTHER: nothing in time, or nothing of interest. Its texts live until the next call of any of these. */
    Status (*next)(void *self, int64_t deadline_ms, ChannelEvent *ret, Fault *fault);
    /* Asks for a sign of life, and gives the connection up when there was none for too long. */
    Status (*check)(void *self, int64_t deadline_ms, Fault *fault);
    /* As LiveCallsSettings.look_up. */
    bool (*look_up)(void *self, Slice uniqueid, Arena *arena, Slice ret_variables[CALL_VARIABLES]);
    void (*close)(void *self);
} PbxSource;

enum { PBX_SILENCE_MS = 10 * 1000 }; /* and as much as a third of it may pass until it is looked at */

/* Does not connect. REJECT "setting_value" when the URL is none. */
Status ami_source_open(const char *url, PbxSource *ret, Fault *fault);
Status ari_source_open(const char *url, PbxSource *ret, Fault *fault);
