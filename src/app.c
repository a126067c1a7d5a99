/* Wires the program: settings become PipelineSettings, concrete adapters become ports. A new store is one file in adapter/, one in
 * app/, and one name in every_back_end. */
#include "app.h"

#include <stdlib.h>

#include "adapter/data_folder.h"
#include "adapter/sqlite.h"
#include "app/back_end.h"
#include "app/settings.h"

typedef struct AppStores {
    DataFolder folder;
    SqliteStore *sqlite;
    BackEnds apart;
    Config folder_alone; /* of app_open_folder: the settings without stores apart */
    Arena arena; /* what the settings point to */
} AppStores;

static const BackEnd *const every_back_end[] = {&redis_back_end, &mongodb_back_end, &postgresql_back_end, &database_api_back_end,
                                               &asterisk_worker_back_end, &asterisk_ami_back_end, &asterisk_ari_back_end, &sms_gateway_back_end,
                                               &sms_providers_back_end, &tts_topic_back_end, NULL};

/* ---- the ports ---- */

/* Stores apart have no unit in common: each verb is durable by itself, and what is missed comes again. */
static void part_unit(Ports *ports)
{
    UnitPort nothing = back_ends_unit();
    ports->unit.atomic = false;
    ports->unit.begin = nothing.begin;
    ports->unit.commit = nothing.commit;
    ports->unit.rollback = nothing.rollback;
}

/* Who only looks gets one view: the folder's, or what a store gives. */
static void wire(AppStores *stores, AppMode mode, Ports *ports)
{
    bool is_apart = back_ends_hold_data(&stores->apart), is_reader = mode == APP_READER;
    *ports = (Ports){
        .unit = sqlite_unit(stores->sqlite),
        .registry = sqlite_registry(stores->sqlite),
        .effects = sqlite_effects(stores->sqlite),
        .gifts = sqlite_gifts(stores->sqlite),
        .cdrs = sqlite_cdrs(stores->sqlite),
        .live = sqlite_live(stores->sqlite, is_apart ? SQLITE_LIVE_GUARDED : SQLITE_LIVE_JOINED),
        .sms = sqlite_sms(stores->sqlite),
        .calls = {0}, /* no telephony: nothing claims that a call was ended */
        .spool = sqlite_spool(stores->sqlite),
    };
    if (is_apart && !is_reader)
        part_unit(ports);
    if (is_apart)
        ports->sms.joins_unit = false;
    back_ends_wire(&stores->apart, is_reader, ports);
}

Status app_check(const Config *config, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    PipelineSettings ignored;
    BackEnds opened = {0};
    Status status = settings_read(config, &arena, &ignored, fault);
    status = status ? status : back_ends_open(&opened, every_back_end, config, NULL, fault); /* connects to nothing */
    back_ends_close(&opened);
    arena_done(&arena);
    return status;
}

/* ---- open and close ---- */

static AppStores *stores_new(App *app, const Config *config)
{
    AppStores *stores = calloc(1, sizeof *stores);
    if (!stores)
        abort();
    stores->folder.lock_fd = -1;
    arena_init(&stores->arena);
    *app = (App){.config = config, .stores = stores};
    return stores;
}

/* ---- a folder that was moved ---- */

enum { STORE_SETTINGS = 3 };

typedef struct StoreSetting { const char *name; bool is_set; } StoreSetting;

static void store_settings(const Config *config, StoreSetting ret[STORE_SETTINGS])
{
    ret[0] = (StoreSetting){"DATABASE_URL", *config->database_url};
    ret[1] = (StoreSetting){"MONGODB_URI", *config->mongodb_uri};
    ret[2] = (StoreSetting){"REDIS_URL", *config->redis_url || *config->redis_host};
}

Status app_mark_moved(const App *app, Fault *fault)
{
    StoreSetting settings[STORE_SETTINGS];
    Text names = text_in(&app->stores->arena);
    store_settings(app->config, settings);
    for (size_t i = 0; i < STORE_SETTINGS; i++) {
        if (settings[i].is_set)
            text_printf(&names, "%s%s", names.bytes ? " " : "", settings[i].name);
    }
    return data_folder_mark_moved(app->config->data_folder, text_slice(&names), fault);
}

/* What came since the move is in the stores alone: a number that was blocked there would be clear here. */
static Status refuse_moved(const Config *config, Arena *arena, Fault *fault)
{
    StoreSetting settings[STORE_SETTINGS];
    Slice names;
    store_settings(config, settings);
    Status status = data_folder_moved(config->data_folder, arena, &names, fault);
    for (size_t i = 0; i < STORE_SETTINGS && !status; i++) {
        if (!settings[i].is_set && slice_holds(names, slice_of(settings[i].name)))
            status = fault_set(fault, STATUS_REJECT, "data_folder_moved",
                               "%.80s was moved to %.*s: set them (%s is not set), or delete its file \"moved\" to go"
                               " back to what it held then", config->data_folder, SLICE_ARG(names), settings[i].name);
    }
    return status;
}

enum { FOLDER_WAIT_MS = 5000 };

static Status hold_folder(AppStores *stores, const Config *config, Fault *fault)
{
    Status status = data_folder_make(config->data_folder, fault);
    return status ? status : data_folder_hold(&stores->folder, config->data_folder, FOLDER_WAIT_MS, fault);
}

static Status open_folder(AppStores *stores, const Config *config, AppMode mode, Fault *fault)
{
    Status status = mode == APP_WRITER ? hold_folder(stores, config, fault) : STATUS_OK;
    if (status || config == &stores->folder_alone)
        return status;
    return refuse_moved(config, &stores->arena, fault);
}

static Status open_secret(App *app, AppMode mode, Fault *fault)
{
    Slice *secret = &app->settings.event.donation_link_secret;
    if (!slice_empty(*secret))
        return STATUS_OK;
    return data_folder_secret(app->config->data_folder, "link.key", mode == APP_WRITER, &app->stores->arena, secret, fault);
}

static Status open_stores(App *app, AppMode mode, const BackEnds *sharing, Fault *fault)
{
    AppStores *stores = app->stores;
    Status status = back_ends_open(&stores->apart, every_back_end, app->config, sharing, fault);
    /* Who looks from another machine has no data folder: what is in the stores apart is there all the same. */
    SqliteSettings settings = {.folder = app->config->data_folder, .mode = mode == APP_WRITER ? SQLITE_WRITER : SQLITE_READER,
                               .after_crash = stores->folder.after_crash,
                               .may_be_missing = back_ends_hold_data(&stores->apart)};
    status = status ? status : sqlite_store_open(&settings, &stores->sqlite, fault);
    if (status)
        return status;
    wire(stores, mode, &app->ports);
    app->settings.texts_are_carried = app->ports.sms.wants_courier;
    app->settings.calls_are_carried = app->settings.event.speaks = app->settings.ladder.speaks = app->ports.speech.send != NULL;
    return STATUS_OK;
}

static Status open_all(App *app, AppMode mode, Fault *fault)
{
    Status status = settings_read(app->config, &app->stores->arena, &app->settings, fault);
    status = status ? status : open_folder(app->stores, app->config, mode, fault);
    status = status ? status : open_secret(app, mode, fault);
    status = status ? status : open_stores(app, mode, NULL, fault);
    if (!status && mode == APP_WRITER)
        status = settings_meet_ports(app->config, &app->ports, &app->stores->arena, &app->settings, fault);
    if (status)
        app_close(app);
    return status;
}

Status app_open(App *app, const Config *config, AppMode mode, Fault *fault)
{
    stores_new(app, config);
    return open_all(app, mode, fault);
}

bool app_has_stores_apart(const Config *config)
{
    return *config->redis_url || *config->redis_host || *config->mongodb_uri || *config->database_url;
}

Status app_open_folder(App *app, const Config *config, const char *folder, AppMode mode, Fault *fault)
{
    AppStores *stores = stores_new(app, config);
    stores->folder_alone = *config;
    stores->folder_alone.data_folder = folder;
    stores->folder_alone.redis_url = stores->folder_alone.redis_host = stores->folder_alone.mongodb_uri = stores->folder_alone.database_url = "";
    stores->folder_alone.database_api_url = stores->folder_alone.asterisk_worker_url = "";
    stores->folder_alone.ami_url = stores->folder_alone.ari_url = stores->folder_alone.dial = "";
    stores->folder_alone.sms_gateway_topic_arn = stores->folder_alone.tts_fallback_topic_arn = "";
    stores->folder_alone.sms_providers = "";
    app->config = &stores->folder_alone;
    return open_all(app, mode, fault);
}

Status app_open_reader(const App *app, App *ret_reader, Fault *fault)
{
    stores_new(ret_reader, app->config);
    ret_reader->settings = app->settings;
    Status status = open_stores(ret_reader, APP_READER, &app->stores->apart, fault);
    if (status)
        app_close(ret_reader);
    return status;
}

/* A store that could not be closed in order leaves its mark in the lock file, so the next one looks for damage. */
void app_close(App *app)
{
    AppStores *stores = app->stores;
    if (!stores)
        return;
    back_ends_close(&stores->apart);
    sqlite_store_close(stores->sqlite);
    data_folder_release(&stores->folder);
    arena_done(&stores->arena);
    free(stores);
    *app = (App){0};
}

Breaker *const *app_breakers(const App *app) { return app->stores->apart.in_use; }

Slice app_running_server(const Config *config, Arena *arena)
{
    FolderHolder holder;
    return data_folder_holder(config->data_folder, arena, &holder) ? holder.base_url : (Slice){0};
}

Status app_announce(App *app, const char *base_url, Fault *fault) { return data_folder_announce(&app->stores->folder, base_url, fault); }
