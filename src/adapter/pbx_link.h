/* How an exchange is talked to: one row for AMI, one for ARI. A link is a connection that makes itself anew; for one thread at a time. */
#pragma once

#include "adapter/pbx_ender.h"
#include "adapter/pbx.h"
#include "base/channel_map.h"

typedef enum PbxAnswer {
    PBX_DONE,
    PBX_NO_CHANNEL, /* it knows none of that id or name */
    PBX_FAILED,     /* it did not do it this time */
    PBX_REFUSED,    /* it never will, for us: rights, settings */
    PBX_UNFIT,      /* this cannot be said to it */
    PBX_AWAY,       /* nobody was asked */
    PBX_SILENT,     /* nobody answered: it may be done */
} PbxAnswer;

typedef struct PbxVariable { const char *name; Slice value; } PbxVariable;

/* A call to be placed. */
typedef struct PbxOrigination {
    Slice id, channel, context, caller_id;
    int ring_s;
    const PbxVariable *variables;
    size_t variable_count;
} PbxOrigination;

/* Deadlines in elapsed time; faults in what is not DONE. */
typedef struct PbxWay {
    /* What links are made of, in arena. */
    Status (*read_url)(const char *url, Arena *arena, void **ret_place, Fault *fault);
    void *(*open)(const void *place);
    void (*close)(void *link);
    PbxAnswer (*hang_up)(void *link, Slice channel, int64_t deadline_ms, Arena *arena, Fault *fault);
    /* DONE: there is such a channel. */
    PbxAnswer (*look)(void *link, Slice channel, int64_t deadline_ms, Arena *arena, Fault *fault);
    /* The channels whose PLEDGELINE_CALL_ID is this. */
    PbxAnswer (*search)(void *link, Slice call_id, int64_t deadline_ms, Arena *arena, Slice ret[CALL_CHANNELS_MAX], size_t *ret_count, Fault *fault);
    /* DONE also when that call is on already. */
    PbxAnswer (*originate)(void *link, const PbxOrigination *call, int64_t deadline_ms, Arena *arena, Fault *fault);
} PbxWay;

extern const PbxWay pbx_ami_way, pbx_ari_way;

struct Pbx {
    PbxSettings settings;
    const PbxWay *way;
    void *place;
    ChannelMap *channels;
    CallEnder *ender;
    struct PbxSpeech *speech; /* NULL: nothing is spoken */
    Arena arena;
};

/* No pattern of AMI's Hangup, which begins with '/', no part of another path, and no more than Asterisk has room for. */
bool pbx_is_channel(Slice id);

/* Tells the breaker how it went. */
void pbx_judge(const Pbx *pbx, PbxAnswer answer, const Fault *fault);
CallEnder *pbx_call_ender(Pbx *pbx);

/* REJECT "setting_value" or "setting_missing". *ret NULL when no dial is set. */
Status pbx_speech_open(Pbx *pbx, struct PbxSpeech **ret, Fault *fault);
void pbx_speech_close(struct PbxSpeech *speech);
