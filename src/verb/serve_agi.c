/* Settings in, calls taken. */
#include "verb/serve_agi.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"

enum { MENU_BYTES_MAX = 1024 * 1024, SPEECH_TIMEOUT_MS = 8000 /* a person waits for it behind the first two prompts */ };

/* ---- settings ---- */

static Status read_menu(AgiService *service, const Config *config, Fault *fault)
{
    FILE *file = fopen(config->menu, "re");
    if (!file)
        return fault_set(fault, STATUS_REJECT, "setting_file", "PLEDGELINE_MENU %.120s: %s", config->menu, strerror(errno));
    char *text = arena_alloc(&service->arena, MENU_BYTES_MAX);
    size_t bytes = fread(text, 1, MENU_BYTES_MAX, file);
    bool failed = ferror(file) || bytes == MENU_BYTES_MAX;
    fclose(file);
    if (failed)
        return fault_set(fault, STATUS_REJECT, "setting_file", "PLEDGELINE_MENU %.120s cannot be read, or is 1 MiB or larger", config->menu);
    Fault why;
    if (ivr_menus_parse((Slice){text, bytes}, slice_of(config->donation_key), &service->arena, &service->menus, &why) == STATUS_OK)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_file", "PLEDGELINE_MENU %.80s: %s", config->menu, why.text);
}

static Status read_addresses(AgiService *service, const Config *config, Address *ret_listen, AddressRanges *ret_allowed, Fault *fault)
{
    Fault why;
    if (!address_read(slice_of(config->agi), ret_listen))
        return fault_set(fault, STATUS_REJECT, "setting_value",
                         "PLEDGELINE_AGI is \"%.60s\"; it must be an address and a port like 127.0.0.1:4573, or a port", config->agi);
    if (address_ranges_read(slice_of(config->agi_allow), &service->arena, ret_allowed, &why))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_AGI_ALLOW: %s", why.text);
    if (address_is_loopback(ret_listen) || ret_allowed->count)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "usage_agi_allow",
                     "to take AGI on %.60s, beyond this machine, set PLEDGELINE_AGI_ALLOW: AGI has no password, and whoever reaches the port"
                     " could opt anybody out", config->agi);
}

/* A setting without the one that it needs. */
static void warn_of_half(const Config *config)
{
    if (*config->menu && !*config->agi)
        log_line(LOG_WARN, "PLEDGELINE_AGI is not set: no call is taken, so nobody hears the menu", LOG_CSTR("menu", config->menu));
    if (!*config->menu && *config->agi)
        log_line(LOG_WARN, "PLEDGELINE_MENU is not set: a call that asks for its menu is left to the dialplan, and nobody is spoken to",
                 LOG_CSTR("leftAlone", "agi://HOST/ivr agi://HOST/speak"));
}

static bool is_on(const Config *config) { return *config->agi; }

Status agi_service_read(AgiService *service, const Config *config, Fault *fault)
{
    Address listen;
    AddressRanges allowed;
    arena_init(&service->arena);
    Status status = is_on(config) ? read_addresses(service, config, &listen, &allowed, fault) : STATUS_OK;
    return status || !*config->menu ? status : read_menu(service, config, fault);
}

/* ---- open and close ---- */

Status agi_service_open_journal(AgiService *service, const Config *config, Intake *intake, Fault *fault)
{
    if (!is_on(config) && !optout_journal_waits(config->data_folder))
        return STATUS_OK;
    service->journal = optout_journal_open(config->data_folder, intake, fault);
    return service->journal ? STATUS_OK : STATUS_FATAL;
}

static Status open_speech(AgiService *service, const Config *config, Fault *fault)
{
    const char *folder = *config->speech_folder ? config->speech_folder : arena_printf(&service->arena, "%s/speech", config->data_folder).at;
    SpeechSettings settings = {.command = config->speech_command, .sound = config->speech_file, .folder = folder, .timeout_ms = SPEECH_TIMEOUT_MS};
    service->speech = speech_open(&settings, fault);
    return service->speech ? STATUS_OK : STATUS_REJECT;
}

static void say_where(const AgiService *service)
{
    char address[64], url[80];
    agi_address(service->agi, address);
    snprintf(url, sizeof url, "agi://%s", address);
    log_line(LOG_INFO, "taking calls", LOG_CSTR("address", url));
}

Status agi_service_open(AgiService *service, const Config *config, Slice country_code, const CallFeed *feed, Intake *intake, Readers *checks,
                        Fault *fault)
{
    AgiSettings settings = {.donation_key = slice_of(config->donation_key), .country_code = country_code, .feed = feed};
    warn_of_half(config);
    if (!is_on(config))
        return STATUS_OK;
    Status status = read_addresses(service, config, &settings.listen, &settings.allowed, fault);
    status = status ? status : open_speech(service, config, fault);
    if (status)
        return status;
    settings.menus = *config->menu ? &service->menus : NULL;
    settings.speech = service->speech;
    service->agi = agi_open(&settings, intake, checks, service->journal, fault);
    if (!service->agi)
        return STATUS_FATAL;
    say_where(service);
    return STATUS_OK;
}

void agi_service_stop(AgiService *service)
{
    agi_stop(service->agi);
    speech_close(service->speech);
}

void agi_service_close(AgiService *service)
{
    optout_journal_close(service->journal);
    agi_close(service->agi);
    arena_done(&service->arena);
}
