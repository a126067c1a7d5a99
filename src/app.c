/* Wires the program: settings become PipelineSettings, concrete adapters become ports. A new back-end is one file in
 * adapter/ and one line in wire(). */
#include "app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/data_folder.h"
#include "adapter/http_registry.h"
#include "adapter/mongo.h"
#include "adapter/postgres.h"
#include "adapter/redis.h"
#include "adapter/sns_sms.h"
#include "adapter/sqlite.h"
#include "event/phone.h"
#include "event/text_template.h"

/* One of each, for all sets of ports of a process: what one thread finds out the others need not. */
typedef struct AppBreakers {
    Breaker redis, mongo, postgres, database_api, sms_gateway;
    Breaker *in_use[6]; /* ended by NULL */
} AppBreakers;

typedef struct AppStores {
    DataFolder folder;
    SqliteStore *sqlite;
    Redis *redis;
    Mongo *mongo;
    Postgres *postgres;
    HttpRegistry *database_api;
    SnsSms *sms_gateway;
    AppBreakers own_breakers, *breakers; /* a reader borrows those of its app */
    Config folder_alone; /* of app_open_folder: the settings without stores apart */
    Arena arena; /* what the settings point to */
} AppStores;

/* ---- the ports ---- */

/* Stores apart have no unit in common: each verb is durable by itself, and what is missed comes again. */
static Status begin_nothing(void *self, Fault *fault)
{
    (void)self, (void)fault;
    return STATUS_OK;
}

static void undo_nothing(void *self) { (void)self; }

static bool is_apart(const AppStores *stores) { return stores->redis || stores->mongo || stores->postgres || stores->database_api; }

/* Who only looks gets one view of the registry, wherever that is. */
static UnitPort unit_apart(const AppStores *stores, AppMode mode)
{
    UnitPort unit = sqlite_unit(stores->sqlite);
    if (mode == APP_READER)
        return stores->postgres ? postgres_view(stores->postgres) : unit;
    unit.atomic = false;
    unit.begin = unit.commit = begin_nothing;
    unit.rollback = undo_nothing;
    return unit;
}

static void wire_apart(AppStores *stores, AppMode mode, Ports *ports)
{
    ports->unit = unit_apart(stores, mode);
    ports->sms.joins_unit = false;
    ports->live = sqlite_live(stores->sqlite, SQLITE_LIVE_GUARDED);
    if (stores->postgres) {
        ports->registry = postgres_registry(stores->postgres);
        ports->effects = postgres_effects(stores->postgres);
        ports->sms = postgres_sms(stores->postgres);
    }
    if (stores->database_api)
        ports->registry = http_registry(stores->database_api);
    if (stores->mongo)
        ports->cdrs = mongo_cdrs(stores->mongo);
    if (stores->redis)
        ports->live = redis_live(stores->redis);
}

static void wire(AppStores *stores, AppMode mode, Ports *ports)
{
    *ports = (Ports){
        .unit = sqlite_unit(stores->sqlite),
        .registry = sqlite_registry(stores->sqlite),
        .effects = sqlite_effects(stores->sqlite),
        .cdrs = sqlite_cdrs(stores->sqlite),
        .live = sqlite_live(stores->sqlite, SQLITE_LIVE_JOINED),
        .sms = sqlite_sms(stores->sqlite),
        .calls = {0}, /* no telephony: nothing claims that a call was ended */
        .spool = sqlite_spool(stores->sqlite),
    };
    if (is_apart(stores))
        wire_apart(stores, mode, ports);
    if (stores->sms_gateway)
        ports->sms = sns_sms(stores->sms_gateway);
}

/* ---- settings ---- */

static Status refuse(Fault *fault, const char *env, const char *value, const char *expected)
{
    return fault_set(fault, STATUS_REJECT, "setting_value", "%s is \"%.80s\"; it must be %s", env, value, expected);
}

static Status check_numbers(const Config *config, Fault *fault)
{
    const struct { const char *env; int64_t value, min, max; } limits[] = {
        {"PORT", config->port, 0, 65535},
        {"REDIS_PORT", config->redis_port, 1, 65535},
        {"PLEDGELINE_MAX_CONNECTIONS", config->max_connections, 1, 1000000},
        {"PLEDGELINE_MAX_CONNECTIONS_PER_IP", config->max_connections_per_ip, 1, 1000000},
        {"PLEDGELINE_QUEUE_CAPACITY", config->queue_capacity, 1, 10000000},
        {"PLEDGELINE_EFFECT_LEASE", config->effect_lease_s, 1, 86400},
        {"CALL_TIMEOUT", config->call_timeout_s, 1, 366 * 86400},
        {"CDR_RETENTION_DAYS", config->cdr_retention_days, 0, 36600},
        {"PLEDGELINE_MAX_ATTEMPTS", config->max_attempts, 1, 1000},
        {"PLEDGELINE_BACKOFF_FIRST", config->backoff_first_s, 0, 86400},
        {"PLEDGELINE_BACKOFF_MOST", config->backoff_most_s, 0, 86400},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max)
            return fault_set(fault, STATUS_REJECT, "setting_value", "%s is %lld; it must be %lld to %lld", limits[i].env,
                             (long long)limits[i].value, (long long)limits[i].min, (long long)limits[i].max);
    }
    return STATUS_OK;
}

static Status read_rates_file(const char *path, Arena *arena, Rating *rating, Fault *fault)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fault_set(fault, STATUS_REJECT, "setting_file", "PLEDGELINE_RATES_FILE %s: %s", path, strerror(errno));
    Text text = text_in(arena);
    for (size_t bytes = 1; bytes > 0; text.bytes += bytes)
        bytes = fread(text_grow(&text, 65536), 1, 65536, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed)
        return fault_set(fault, STATUS_REJECT, "setting_file", "PLEDGELINE_RATES_FILE %s cannot be read", path);
    return rating_parse(text_slice(&text), arena, rating, fault);
}

static bool is_currency(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < 'A' || text.at[i] > 'Z')
            return false;
    }
    return text.bytes == 3;
}

static Status read_rating(const Config *config, Arena *arena, Rating *rating, Fault *fault)
{
    *rating = (Rating){.currency = slice_of(config->currency)};
    if (!is_currency(rating->currency))
        return refuse(fault, "PLEDGELINE_CURRENCY", config->currency, "three capital letters (ISO 4217), like USD");
    if (!rating_parse_money(slice_of(config->rate_per_minute), &rating->micros_per_minute))
        return refuse(fault, "PLEDGELINE_RATE_PER_MINUTE", config->rate_per_minute, "an amount like 0.01");
    return *config->rates_file ? read_rates_file(config->rates_file, arena, rating, fault) : STATUS_OK;
}

static Status read_country_code(const Config *config, Slice *ret, Fault *fault)
{
    *ret = slice_of(config->country_code);
    if (slice_empty(*ret) || phone_is_country_code(*ret))
        return STATUS_OK;
    return refuse(fault, "PLEDGELINE_COUNTRY_CODE", config->country_code, "1 to 3 digits without +, like 972 or 1");
}

/* Filled once with empty values: an unknown placeholder shows now and not in a message. */
static Status check_template(const Config *config, Arena *arena, Fault *fault)
{
    const TemplateVariable variables[] = {{"donationLink", {0}}, {"campaignName", {0}}};
    Slice filled;
    Fault why;
    if (text_template_fill(slice_of(config->sms_template), variables, sizeof variables / sizeof *variables, arena, &filled, &why))
        return fault_set(fault, STATUS_REJECT, "setting_value", "PLEDGELINE_SMS_TEMPLATE: %s; known are donationLink and campaignName",
                         why.text);
    return STATUS_OK;
}

static Status read_link(const Config *config, EventSettings *event, Fault *fault)
{
    Slice url = slice_of(config->donation_link_base_url), format = slice_of(config->donation_link_format);
    if (!slice_starts_with(url, SLICE("https://")) && !slice_starts_with(url, SLICE("http://")))
        return refuse(fault, "DONATION_LINK_BASE_URL", config->donation_link_base_url, "a URL that starts with https://");
    if (!slice_equal(format, SLICE("token")) && !slice_equal(format, SLICE("plain")))
        return refuse(fault, "DONATION_LINK_FORMAT", config->donation_link_format, "token or plain");
    size_t secret_bytes = strlen(config->donation_link_secret);
    if (secret_bytes > 0 && secret_bytes < 16)
        return fault_set(fault, STATUS_REJECT, "setting_value", "DONATION_LINK_SECRET is shorter than 16 bytes: links could be forged");
    event->donation_link_base_url = url;
    event->donation_link_plain = slice_equal(format, SLICE("plain"));
    event->donation_link_secret = slice_of(config->donation_link_secret);
    return STATUS_OK;
}

static Status check_one_registry(const Config *config, Fault *fault)
{
    if (!*config->database_url || !*config->database_api_url)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "setting_conflict",
                     "DATABASE_URL and DATABASE_API_URL are both set, and the do-not-call list can be in one place only: unset one of them");
}

static Status read_settings(const Config *config, Arena *arena, PipelineSettings *ret, Fault *fault)
{
    *ret = (PipelineSettings){.lease_ms = config->effect_lease_s * 1000, .max_attempts = (int)config->max_attempts,
                              .backoff_first_ms = config->backoff_first_s * 1000, .backoff_most_ms = config->backoff_most_s * 1000};
    ret->event.sms_template = slice_of(config->sms_template);
    ret->event.donation_key = slice_of(config->donation_key);
    ret->event.call_timeout_ms = config->call_timeout_s * 1000;
    Status status = check_numbers(config, fault);
    status = status ? status : check_one_registry(config, fault);
    status = status ? status : read_rating(config, arena, &ret->event.rating, fault);
    status = status ? status : read_country_code(config, &ret->event.country_code, fault);
    status = status ? status : check_template(config, arena, fault);
    return status ? status : read_link(config, &ret->event, fault);
}

static SnsSmsSettings sms_gateway_settings(const Config *config)
{
    const char *endpoint_url = *config->aws_endpoint_url_sns ? config->aws_endpoint_url_sns : config->aws_endpoint_url;
    return (SnsSmsSettings){.topic_arn = config->sms_gateway_topic_arn, .tts_topic_arn = config->tts_fallback_topic_arn, .endpoint_url = endpoint_url,
                            .ca_bundle = config->aws_ca_bundle, .use_fips = config->aws_use_fips_endpoint};
}

static Status check_sms_gateway(const Config *config, Fault *fault)
{
    SnsSmsSettings settings = sms_gateway_settings(config);
    SnsSms *opened = NULL;
    Status status = *config->sms_gateway_topic_arn ? sns_sms_open(&settings, &opened, fault) : STATUS_OK;
    sns_sms_close(opened);
    return status;
}

Status app_check(const Config *config, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    PipelineSettings ignored;
    Status status = read_settings(config, &arena, &ignored, fault);
    status = status ? status : check_sms_gateway(config, fault);
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
    stores->breakers = &stores->own_breakers;
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

static Breaker *use_breaker(AppStores *stores, Breaker *breaker, const char *name)
{
    size_t count = 0;
    while (stores->breakers->in_use[count])
        count++;
    if (stores->breakers != &stores->own_breakers)
        return breaker;
    breaker_init(breaker, name);
    stores->breakers->in_use[count] = breaker;
    return breaker;
}

static Status open_redis(AppStores *stores, const Config *config, Fault *fault)
{
    if (!*config->redis_url && !*config->redis_host)
        return STATUS_OK;
    RedisSettings settings = {.url = config->redis_url, .host = config->redis_host, .port = (int)config->redis_port,
                              .breaker = use_breaker(stores, &stores->breakers->redis, "redis")};
    return redis_open(&settings, &stores->redis, fault);
}

/* The server's own deletion, which leaves the counters as they are, is a net for when nobody here is there to delete. */
static Status open_mongo(AppStores *stores, const Config *config, Fault *fault)
{
    if (!*config->mongodb_uri)
        return STATUS_OK;
    enum { NET_DAYS = 30 };
    int retention_days = config->cdr_retention_days ? (int)config->cdr_retention_days + NET_DAYS : 0;
    MongoSettings settings = {.uri = config->mongodb_uri, .database = config->mongodb_database, .retention_days = retention_days,
                              .breaker = use_breaker(stores, &stores->breakers->mongo, "mongodb")};
    return mongo_open(&settings, &stores->mongo, fault);
}

static Status open_postgres(AppStores *stores, const Config *config, Fault *fault)
{
    if (!*config->database_url)
        return STATUS_OK;
    PostgresSettings settings = {.url = config->database_url, .breaker = use_breaker(stores, &stores->breakers->postgres, "postgresql")};
    return postgres_open(&settings, &stores->postgres, fault);
}

static Status open_database_api(AppStores *stores, const Config *config, Fault *fault)
{
    if (!*config->database_api_url)
        return STATUS_OK;
    HttpRegistrySettings settings = {.url = config->database_api_url, .token = config->database_api_token,
                                     .breaker = use_breaker(stores, &stores->breakers->database_api, "database_api")};
    return http_registry_open(&settings, &stores->database_api, fault);
}

static Status open_sms_gateway(AppStores *stores, const Config *config, Fault *fault)
{
    if (!*config->sms_gateway_topic_arn)
        return STATUS_OK;
    SnsSmsSettings settings = sms_gateway_settings(config);
    settings.breaker = use_breaker(stores, &stores->breakers->sms_gateway, "sms_gateway");
    return sns_sms_open(&settings, &stores->sms_gateway, fault);
}

static Status open_stores(App *app, AppMode mode, Fault *fault)
{
    AppStores *stores = app->stores;
    Status status = open_redis(stores, app->config, fault);
    status = status ? status : open_mongo(stores, app->config, fault);
    status = status ? status : open_postgres(stores, app->config, fault);
    status = status ? status : open_database_api(stores, app->config, fault);
    status = status ? status : open_sms_gateway(stores, app->config, fault);
    /* Who looks from another machine has no data folder: what is in the stores apart is there all the same. */
    SqliteSettings settings = {.folder = app->config->data_folder, .mode = mode == APP_WRITER ? SQLITE_WRITER : SQLITE_READER,
                               .after_crash = stores->folder.after_crash, .may_be_missing = is_apart(stores)};
    status = status ? status : sqlite_store_open(&settings, &stores->sqlite, fault);
    if (!status)
        wire(stores, mode, &app->ports);
    return status;
}

static Status open_all(App *app, AppMode mode, Fault *fault)
{
    Status status = read_settings(app->config, &app->stores->arena, &app->settings, fault);
    status = status ? status : open_folder(app->stores, app->config, mode, fault);
    status = status ? status : open_secret(app, mode, fault);
    status = status ? status : open_stores(app, mode, fault);
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
    stores->folder_alone.database_api_url = stores->folder_alone.sms_gateway_topic_arn = "";
    app->config = &stores->folder_alone;
    return open_all(app, mode, fault);
}

Status app_open_reader(const App *app, App *ret_reader, Fault *fault)
{
    stores_new(ret_reader, app->config);
    ret_reader->settings = app->settings;
    ret_reader->stores->breakers = app->stores->breakers;
    Status status = open_stores(ret_reader, APP_READER, fault);
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
    redis_close(stores->redis);
    mongo_close(stores->mongo);
    postgres_close(stores->postgres);
    http_registry_close(stores->database_api);
    sns_sms_close(stores->sms_gateway);
    sqlite_store_close(stores->sqlite);
    for (size_t i = 0; stores->own_breakers.in_use[i]; i++)
        breaker_done(stores->own_breakers.in_use[i]);
    data_folder_release(&stores->folder);
    arena_done(&stores->arena);
    free(stores);
    *app = (App){0};
}

Breaker *const *app_breakers(const App *app) { return app->stores->breakers->in_use; }

Slice app_running_server(const Config *config, Arena *arena)
{
    FolderHolder holder;
    return data_folder_holder(config->data_folder, arena, &holder) ? holder.base_url : (Slice){0};
}

Status app_announce(App *app, const char *base_url, Fault *fault) { return data_folder_announce(&app->stores->folder, base_url, fault); }
