/* What both ways to an exchange, and both things that are asked of it, share. */
#include "adapter/pbx_link.h"

#include <stdlib.h>

/* AST_MAX_PUBLIC_UNIQUEID and AST_CHANNEL_NAME of Asterisk's channel.h. */
enum { CHANNEL_ID_BYTES_MAX = 149 };

static const PbxWay *const ways[] = {[PBX_AMI] = &pbx_ami_way, [PBX_ARI] = &pbx_ari_way};

bool pbx_is_channel(Slice id)
{
    if (!id.bytes || id.bytes > CHANNEL_ID_BYTES_MAX || id.at[0] == '/' || slice_equal(id, SLICE(".")) || slice_equal(id, SLICE("..")))
        return false;
    for (size_t i = 0; i < id.bytes; i++) {
        if ((unsigned char)id.at[i] <= ' ' || id.at[i] == 127)
            return false;
    }
    return true;
}

static Fault placed(const Pbx *pbx, const Fault *fault)
{
    Fault why = *fault;
    fault_place(&why, pbx->settings.kind == PBX_ARI ? "PLEDGELINE_ARI_URL" : "PLEDGELINE_AMI_URL");
    return why;
}

void pbx_judge(const Pbx *pbx, PbxAnswer answer, const Fault *fault)
{
    Fault why;
    switch (answer) {
    case PBX_DONE:
    case PBX_NO_CHANNEL:
    case PBX_FAILED:
    case PBX_UNFIT:
        breaker_answered(pbx->settings.breaker);
        return;
    case PBX_REFUSED:
        why = placed(pbx, fault);
        breaker_refused(pbx->settings.breaker, &why);
        return;
    case PBX_AWAY:
    case PBX_SILENT:
        why = placed(pbx, fault);
        breaker_failed(pbx->settings.breaker, &why);
        return;
    }
}

Status pbx_open(const PbxSettings *settings, Pbx **ret, Fault *fault)
{
    Pbx *pbx = calloc(1, sizeof *pbx);
    if (!pbx)
        abort();
    pbx->settings = *settings;
    pbx->way = ways[settings->kind];
    Status status = pbx->way->read_url(settings->url, &pbx->arena, &pbx->place, fault);
    status = status ? status : pbx_speech_open(pbx, &pbx->speech, fault);
    if (status) {
        pbx_close(pbx);
        return status;
    }
    pbx->channels = channel_map_new();
    pbx->ender = pbx_call_ender(pbx);
    *ret = pbx;
    return STATUS_OK;
}

void pbx_close(Pbx *pbx)
{
    if (!pbx)
        return;
    call_ender_free(pbx->ender);
    pbx_speech_close(pbx->speech);
    channel_map_free(pbx->channels);
    arena_done(&pbx->arena);
    free(pbx);
}

CallsPort pbx_calls(Pbx *pbx)
{
    CallsPort port = call_ender_port(pbx->ender);
    port.channels = pbx->channels;
    return port;
}
