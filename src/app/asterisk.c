#include "adapter/pbx.h"
#include "app/back_end.h"

static bool is_ari_set(const Config *config) { return *config->ari_url; }

/* ARI says of each call by itself how it went, and needs no connection that is kept: where both are set it is asked. */
static bool is_ami_set(const Config *config) { return *config->ami_url && !*config->ari_url; }

static Status open_pbx(const Config *config, PbxKind kind, const char *url, Breaker *breaker, void **ret, Fault *fault)
{
    PbxSettings settings = {.kind = kind, .url = url, .dial = config->dial, .caller_id = config->caller_id,
                            .speech_context = config->speech_context, .breaker = breaker};
    Pbx *pbx = NULL;
    Status status = pbx_open(&settings, &pbx, fault);
    *ret = pbx;
    return status;
}

static Status open_ami(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    return open_pbx(config, PBX_AMI, config->ami_url, breaker, ret, fault);
}

static Status open_ari(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    return open_pbx(config, PBX_ARI, config->ari_url, breaker, ret, fault);
}

static void close_pbx(void *self) { pbx_close(self); }

/* Who only looks ends no calls and places none. */
static void wire(void *self, bool is_reader, Ports *ports)
{
    if (is_reader)
        return;
    ports->calls = pbx_calls(self);
    ports->speech = pbx_speech(self);
}

const BackEnd asterisk_ami_back_end = {.name = "asterisk_ami", .is_set = is_ami_set, .open = open_ami, .close = close_pbx, .wire = wire};
const BackEnd asterisk_ari_back_end = {.name = "asterisk_ari", .is_set = is_ari_set, .open = open_ari, .close = close_pbx, .wire = wire};
