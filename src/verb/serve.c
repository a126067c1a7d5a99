/* serve: settings in, a server out, until a signal; then everything is finished in the order in which it depends on each
 * other: no new connections, the batch in hand, the reports, the answers, the stores. */
#include "verb/serve.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/sms_warnings.h"
#include "base/log.h"
#include "ingress/http_push.h"
#include "verb/verb.h"

enum { SWEEP_EVERY_MS = 250, GRACE_MS = 5000, DAY_MS = 24 * 60 * 60 * 1000, BODY_BYTES_MAX = 2 * 1024 * 1024 };

static bool is_loopback(const char *host)
{
    struct in_addr address; /* a name that begins with 127. may resolve to anything */
    bool is_ipv4 = inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
    return is_ipv4 || !strcmp(host, "localhost") || !strcmp(host, "::1");
}

/* ---- open, in order; what is open is closed by service_close ---- */

static const DonationPages *pages_of(const Service *service) { return &service->app.settings.event.donation_pages; }

static Status open_readers(Service *service, Fault *fault)
{
    const Ports *ports[READERS];
    size_t wanted = donation_pages_are_set(pages_of(service)) ? READERS : LINK_READER;
    for (; service->reader_count < wanted; service->reader_count++) {
        Status status = app_open_reader(&service->app, &service->readers[service->reader_count], fault);
        if (status)
            return status;
        ports[service->reader_count] = &service->readers[service->reader_count].ports;
    }
    service->reports = readers_open(ports, REPORT_READERS, fault);
    service->checks = service->reports ? readers_open(ports + CHECK_READER, 1, fault) : NULL;
    if (!service->checks || wanted == LINK_READER)
        return service->checks ? STATUS_OK : STATUS_FATAL;
    service->lookups = readers_open(ports + LINK_READER, 1, fault);
    service->clicks = service->lookups ? click_queue_open(service->intake, fault) : NULL;
    return service->clicks ? STATUS_OK : STATUS_FATAL;
}

static Status open_hang_ups(Service *service, Fault *fault)
{
    const Ports *ports[HANG_UP_READERS];
    if (!service->app.ports.calls.hang_up || service->is_worker)
        return STATUS_OK;
    service->telephony = (Ports){.calls = service->app.ports.calls};
    for (size_t i = 0; i < HANG_UP_READERS; i++)
        ports[i] = &service->telephony;
    service->hang_ups = readers_open(ports, HANG_UP_READERS, fault);
    return service->hang_ups ? STATUS_OK : STATUS_FATAL;
}

/* What another run of this folder has kept waits for a server. */
static void leave_spool_alone(Service *service)
{
    SpoolPort *spool = &service->app.ports.spool;
    int64_t waiting = 0;
    Fault fault;
    if (!spool->count(spool->self, SPOOL_WAITING, &waiting, &fault) && waiting)
        log_line(LOG_WARN, "messages wait in this data folder, and only pledgeline serve goes on with them", LOG_NUMBER("waiting", waiting));
    *spool = (SpoolPort){0};
}

static Status open_intake(Service *service, Fault *fault)
{
    const Config *config = service->config;
    if (service->is_worker)
        leave_spool_alone(service);
    IntakeSettings settings = {.lane_capacity = (size_t)config->queue_capacity, .sweep_every_ms = SWEEP_EVERY_MS,
                               .retention_ms = config->cdr_retention_days * DAY_MS};
    service->line = pipeline_new(&service->app.ports, &service->app.settings);
    service->intake = intake_open(service->line, &settings, fault);
    return service->intake ? STATUS_OK : STATUS_FATAL;
}

/* Only where a store can lose something that others know. */
static Status open_caretaker(Service *service, Fault *fault)
{
    if (!service->app.ports.live.is_whole)
        return STATUS_OK;
    Status status = app_open_reader(&service->app, &service->care, fault);
    return status ? status : caretaker_open(&service->care.ports, &service->app.settings.event.rating, &service->caretaker, fault);
}

static Status open_courier(Service *service, bool calls, Fault *fault)
{
    Courier *courier = courier_open(service->intake, &service->app.ports, calls, fault);
    if (!courier)
        return fault->status;
    service->couriers[service->courier_count++] = courier;
    return STATUS_OK;
}

static Status open_couriers(Service *service, Fault *fault)
{
    const PipelineSettings *settings = &service->app.settings;
    Status status = STATUS_OK;
    for (int i = 0; !status && i < TEXT_COURIERS && settings->texts_are_carried; i++)
        status = open_courier(service, false, fault);
    return status || !settings->calls_are_carried ? status : open_courier(service, true, fault);
}

/* Another name for readyz, beside those of the stores. Whoever ends calls asks Asterisk rarely, the feed all the time: what it finds holds
 * for both. */
static void watch_feed(Service *service)
{
    Breaker *const *stores = app_breakers(&service->app);
    size_t count = 0;
    while (stores[count])
        count++;
    service->watched = calloc(count + 2, sizeof *service->watched);
    if (!service->watched)
        abort();
    memcpy(service->watched, stores, sizeof *stores * count);
    service->watched[count] = call_feed_breaker(service->feed);
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(stores[i]->name, *service->config->ari_url ? "asterisk_ari" : "asterisk_ami"))
            breaker_heed(stores[i], call_feed_breaker(service->feed));
    }
    service->breakers = service->watched;
}

/* Whoever works for a queue is one of many: none of them follows a PBX. */
static Status open_feed(Service *service, Fault *fault)
{
    CallFeedSettings settings = {.ami_url = service->config->ami_url, .ari_url = service->config->ari_url, .map = service->app.ports.calls.channels};
    if (service->is_worker)
        return STATUS_OK;
    Status status = call_feed_open(&settings, service->intake, &service->feed, fault);
    if (service->feed)
        watch_feed(service);
    return status;
}

static SnsPlace sns_place(const Config *config)
{
    return (SnsPlace){.endpoint_url = *config->aws_endpoint_url_sns ? config->aws_endpoint_url_sns : config->aws_endpoint_url,
                      .ca_bundle = config->aws_ca_bundle, .use_fips = config->aws_use_fips_endpoint};
}

static Status open_http(Service *service, Fault *fault)
{
    const Config *config = service->config;
    SnsPushSettings push = {.topics = config->sns_topics, .raw_secret = config->sns_raw_secret, .require_v2 = config->sns_require_v2,
                            .oldest_ms = config->cdr_retention_days * DAY_MS, .place = sns_place(config)};
    LinkSettings links = {.pages = pages_of(service), .secret = service->app.settings.event.donation_link_secret, .rate = config->link_rate,
                          .rate_all = config->link_rate_all, .trusted_proxies = config->trusted_proxies, .lookups = service->lookups,
                          .clicks = service->clicks};
    ApiSettings api = {.tokens = config->tokens, .push = &push, .sms = service->is_worker ? NULL : &service->app.ports.sms, .links = service->clicks ? &links : NULL, .link_secret = links.secret,
                       .donations_secret = config->donations_secret,
                       .rating = service->app.settings.event.rating,
                       .counts_apart = service->app.ports.live.generation_begin != NULL, .currency = slice_of(config->currency),
                       .country_code = service->app.settings.event.country_code, .reports_only = service->is_worker, .journal = service->agi.journal,
                       .calls = service->hang_ups, .breakers = service->breakers ? service->breakers : app_breakers(&service->app)};
    service->api = api_open(&api, service->intake, service->reports, service->checks, fault);
    if (!service->api)
        return STATUS_REJECT;
    HttpSettings http = {.host = config->listen_host, .port = (uint16_t)config->port, .max_connections = (unsigned)config->max_connections,
                         .max_connections_per_ip = (unsigned)config->max_connections_per_ip, .body_bytes_max = BODY_BYTES_MAX,
                         .handle = api_handle, .context = service->api};
    service->http = http_server_open(&http, fault);
    return service->http ? STATUS_OK : STATUS_REJECT;
}

/* Processes that share a part and not the rest would count and text past each other. */
static void warn_of_what_others_cannot_see(const Config *config)
{
    bool has_redis = *config->redis_url || *config->redis_host;
    bool shares = has_redis || *config->mongodb_uri || *config->database_url || *config->database_api_url;
    char kept[64] = "";
    const struct { bool is_here; const char *what; } parts[] = {
        {!*config->database_url, "texts"}, {!*config->mongodb_uri, "call records"}, {!has_redis, "live counters"},
    };
    for (size_t i = 0; shares && i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].is_here)
            snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%s%s", *kept ? ", " : "", parts[i].what);
    }
    if (*kept)
        log_line(LOG_WARN, "let no other process use these stores: a part is in this data folder alone", LOG_CSTR("part", kept));
}

static Status announce(Service *service, Fault *fault)
{
    char url[128];
    bool is_ipv6 = strchr(service->config->listen_host, ':') != NULL;
    snprintf(url, sizeof url, is_ipv6 ? "http://[%s]:%u" : "http://%s:%u", service->config->listen_host, http_server_port(service->http));
    Status status = service->is_worker ? STATUS_OK : app_announce(&service->app, url, fault);
    if (!status)
        log_line(LOG_INFO, "listening", LOG_CSTR("address", url), LOG_CSTR("data", service->config->data_folder));
    return status;
}

static void warn_of_stray(void *context, const char *name, const char *near)
{
    (void)context;
    const LogField fields[] = {LOG_CSTR("name", name), LOG_CSTR("didYouMean", near)};
    log_fields(LOG_WARN, "the environment has a name that is no setting: nothing reads it", fields, near ? 2 : 1);
}

void service_warn_of_strays(void) { config_each_stray(warn_of_stray, NULL); }

Status service_check_http(const Config *config, Fault *fault)
{
    if (config->port > 65535)
        return fault_set(fault, STATUS_REJECT, "usage_port", "PORT is %lld; it must be 0 to 65535", (long long)config->port);
    if (is_loopback(config->listen_host) || *config->tokens)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "usage_tokens",
                     "to listen on %s, beyond this machine, set PLEDGELINE_TOKENS: whoever reaches the port could send texts and read numbers",
                     config->listen_host);
}

Status service_open_line(Service *service, Fault *fault)
{
    Status status = app_open(&service->app, service->config, APP_WRITER, fault);
    if (status)
        return status;
    warn_of_what_others_cannot_see(service->config);
    sms_warn_of_losses(service->config);
    status = open_intake(service, fault);
    if (!status && !service->is_worker)
        status = agi_service_open_journal(&service->agi, service->config, service->intake, fault);
    status = status ? status : open_couriers(service, fault);
    return status ? status : open_caretaker(service, fault);
}

Status service_open_http(Service *service, Fault *fault)
{
    Status status = open_readers(service, fault);
    status = status ? status : open_hang_ups(service, fault);
    status = status ? status : open_feed(service, fault);
    status = status ? status : open_http(service, fault);
    if (!status && !service->is_worker)
        status = agi_service_open(&service->agi, service->config, service->app.settings.event.country_code, service->feed, service->intake,
                                  service->checks, fault);
    return status ? status : announce(service, fault);
}

void service_close(Service *service)
{
    if (service->http)
        http_server_quiesce(service->http);
    agi_service_stop(&service->agi);
    call_feed_stop(service->feed);
    for (size_t i = 0; i < service->courier_count; i++)
        courier_close(service->couriers[i]);
    click_queue_stop(service->clicks);
    if (service->intake)
        intake_stop(service->intake);
    if (service->api)
        api_stop(service->api);
    readers_stop(service->reports);
    readers_stop(service->checks);
    readers_stop(service->hang_ups);
    readers_stop(service->lookups);
    if (service->http) /* connections that are still open may ask until here: they get "stopping" */
        http_server_close(service->http, GRACE_MS);
    api_close(service->api);
    readers_free(service->reports);
    readers_free(service->checks);
    readers_free(service->hang_ups);
    readers_free(service->lookups);
    click_queue_free(service->clicks);
    agi_service_close(&service->agi);
    call_feed_free(service->feed);
    caretaker_close(service->caretaker);
    app_close(&service->care);
    intake_free(service->intake);
    pipeline_free(service->line);
    for (size_t i = 0; i < service->reader_count; i++)
        app_close(&service->readers[i]);
    if (service->app.stores)
        app_close(&service->app);
    free(service->watched);
}

/* ---- signals: blocked everywhere, waited for here ---- */

void service_block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* A second signal does not wait for anything. */
static void leave_at_once_on_second_signal(const sigset_t *set)
{
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

void service_wait_for_signal(const sigset_t *signals)
{
    int signal_number = 0;
    sigwait(signals, &signal_number);
    log_line(LOG_INFO, "stopping", LOG_CSTR("signal", signal_number == SIGTERM ? "SIGTERM" : "SIGINT"));
    leave_at_once_on_second_signal(signals);
}

int serve_run(const Config *config)
{
    sigset_t signals;
    Service service = {.config = config};
    Fault fault = {0};
    service_block_signals(&signals);
    service_warn_of_strays();
    Status status = service_check_http(config, &fault);
    status = status ? status : agi_service_read(&service.agi, config, &fault);
    status = status ? status : service_open_line(&service, &fault);
    if (status || service_open_http(&service, &fault)) {
        service_close(&service);
        return verb_fail(&fault);
    }
    service_wait_for_signal(&signals);
    service_close(&service);
    log_line(LOG_INFO, "stopped", LOG_NUMBER("exit", EXIT_OK));
    return EXIT_OK;
}
