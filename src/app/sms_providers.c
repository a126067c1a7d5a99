#include <stdlib.h>

#include "adapter/sms_gateway.h"
#include "app/back_end.h"
#include "app/settings_file.h"

/* The prices are its own file, read once. */
typedef struct Providers {
    SmsGateway *gateway;
    Rating prices;
    Arena arena;
} Providers;

static bool is_set(const Config *config) { return *config->sms_providers; }

static Status open_gateway(const Config *config, Providers *providers, Fault *fault)
{
    if (*config->sms_gateway_topic_arn)
        return fault_set(fault, STATUS_REJECT, "setting_conflict",
                         "PLEDGELINE_SMS_PROVIDERS and SMS_GATEWAY_TOPIC_ARN are both set, and texts can go out by one way only: unset one of them");
    Status status = STATUS_OK;
    Slice prices = {0};
    if (*config->sms_prices_file)
        status = settings_read_file("PLEDGELINE_SMS_PRICES_FILE", config->sms_prices_file, &providers->arena, &prices, fault);
    status = status ? status : rating_parse(prices, &providers->arena, &providers->prices, fault);
    return status ? status : sms_gateway_open(config, &providers->prices, &providers->gateway, fault);
}

static void close_providers(void *self)
{
    Providers *providers = self;
    sms_gateway_close(providers->gateway);
    arena_done(&providers->arena);
    free(providers);
}

static Status open_providers(const Config *config, Breaker *breaker, void **ret, Fault *fault)
{
    (void)breaker;
    Providers *providers = calloc(1, sizeof *providers);
    if (!providers)
        abort();
    Status status = open_gateway(config, providers, fault);
    if (status)
        close_providers(providers);
    else
        *ret = providers;
    return status;
}

static void wire(void *self, bool is_reader, Ports *ports)
{
    (void)is_reader;
    ports->sms = sms_gateway(((Providers *)self)->gateway);
}

static Breaker *const *breakers(void *self) { return sms_gateway_breakers(((Providers *)self)->gateway); }

const BackEnd sms_providers_back_end = {.name = "sms_providers", .is_set = is_set, .open = open_providers, .close = close_providers, .wire = wire,
                                        .breakers = breakers};
