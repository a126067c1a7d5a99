/* Wiring: which adapter stands behind which port is said in wire(), and nowhere else. */
#include "app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/data_folder.h"
#include "adapter/sqlite.h"

enum { SECRET_BYTES_MIN = 16, RATES_BYTES_MAX = 16 * 1024 * 1024 };

struct AppStores {
    DataFolder *folder; /* writers */
    SqliteStore *sqlite;
    Arena arena;        /* settings that live as long as the app */
};

/* ---- the wires ---- */

static Ports wire(SqliteStore *sqlite)
{
    return (Ports){
        .unit = sqlite_unit(sqlite),
        .registry = sqlite_registry(sqlite),
        .effects = sqlite_effects(sqlite),
        .cdrs = sqlite_cdrs(sqlite),
        .live = sqlite_live(sqlite, SQLITE_LIVE_JOINED),
        .sms = sqlite_sms(sqlite),
        .calls = {0}, /* no telephony: nobody claims that a call was ended */
        .spool = sqlite_spool(sqlite),
    };
}

/* ---- settings ---- */

static Status read_rates(App *app, Fault *fault)
{
    const Config *config = app->config;
    Rating *rating = &app->settings.event.rating;
    rating->currency = slice_of(config->currency);
    if (!rating_parse_money(slice_of(config->rate_per_minute), &rating->micros_per_minute))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_RATE_PER_MINUTE is \"%.40s\"; it must be a price like 0.01",
                         config->rate_per_minute);
    if (!*config->rates_file)
        return STATUS_OK;
    FILE *file = fopen(config->rates_file, "r");
    if (!file)
        return fault_set(fault, STATUS_REJECT, "setting_file", "PLEDGELINE_RATES_FILE %s cannot be read: %s", config->rates_file, strerror(errno));
    char *csv = arena_alloc(&app->stores->arena, RATES_BYTES_MAX);
    size_t bytes = fread(csv, 1, RATES_BYTES_MAX, file);
    fclose(file);
    return rating_parse((Slice){csv, bytes}, &app->stores->arena, rating, fault);
}

static Status read_link_secret(App *app, AppMode mode, Fault *fault)
{
    const Config *config = app->config;
    Slice *secret = &app->settings.event.donation_link_secret;
    *secret = slice_of(config->donation_link_secret);
    if (secret->bytes >= SECRET_BYTES_MIN)
        return STATUS_OK;
    if (!slice_empty(*secret))
        return fault_set(fault, STATUS_REJECT, "setting_value", "DONATION_LINK_SECRET is shorter than %d bytes: links could be forged", SECRET_BYTES_MIN);
    if (mode == APP_WRITER)
        return data_folder_secret(config->data_folder, "link.key", &app->stores->arena, secret, fault);
    *secret = data_folder_secret_if_there(config->data_folder, "link.key", &app->stores->arena);
    return STATUS_OK;
}

static Status read_settings(App *app, AppMode mode, Fault *fault)
{
    const Config *config = app->config;
    bool is_plain = !strcmp(config->donation_link_format, "plain");
    if (!is_plain && strcmp(config->donation_link_format, "token"))
        return fault_set(fault, STATUS_REJECT, "setting_value", "DONATION_LINK_FORMAT is \"%.40s\"; it must be token or plain", config->donation_link_format);
    app->settings = (PipelineSettings){
        .event = {.sms_template = slice_of(config->sms_template), .donation_link_base_url = slice_of(config->donation_link_base_url),
                  .donation_link_plain = is_plain, .call_timeout_ms = config->call_timeout_s * 1000},
        .lease_ms = config->effect_lease_s * 1000, .max_attempts = (int)config->max_attempts,
        .backoff_first_ms = config->backoff_first_s * 1000, .backoff_most_ms = config->backoff_most_s * 1000,
    };
    Status status = read_rates(app, fault);
    return status ? status : read_link_secret(app, mode, fault);
}

/* ---- open and close ---- */

static Status open_stores(App *app, AppMode mode, Fault *fault)
{
    bool after_crash = false;
    const char *folder = app->config->data_folder;
    Status status = mode == APP_WRITER ? data_folder_open(folder, &app->stores->folder, &after_crash, fault) : STATUS_OK;
    status = status ? status : read_settings(app, mode, fault);
    if (status)
        return status;
    SqliteSettings sqlite = {.folder = folder, .mode = mode == APP_WRITER ? SQLITE_WRITER : SQLITE_READER, .after_crash = after_crash};
    return sqlite_store_open(&sqlite, &app->stores->sqlite, fault);
}

Status app_open(App *app, const Config *config, AppMode mode, Fault *fault)
{
    *app = (App){.config = config, .stores = calloc(1, sizeof *app->stores)};
    if (!app->stores)
        abort();
    arena_init(&app->stores->arena);
    Status status = open_stores(app, mode, fault);
    if (status) {
        app_close(app);
        return status;
    }
    app->ports = wire(app->stores->sqlite);
    return STATUS_OK;
}

Status app_open_reader(const App *app, App *ret_reader, Fault *fault) { return app_open(ret_reader, app->config, APP_READER, fault); }

void app_close(App *app)
{
    if (!app->stores)
        return;
    sqlite_store_close(app->stores->sqlite);
    data_folder_close(app->stores->folder);
    arena_done(&app->stores->arena);
    free(app->stores);
    app->stores = NULL;
}

/* ---- who serves ---- */

Slice app_running_server(const Config *config, Arena *arena) { return data_folder_server(config->data_folder, arena); }
Status app_announce(App *app, const char *base_url, Fault *fault) { return data_folder_announce(app->stores->folder, base_url, fault); }
