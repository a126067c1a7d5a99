/* Asterisk through its REST interface: events by WebSocket, questions by HTTP.
 * https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/
 *
 * Who connects under the name of an application takes it away from whoever had it, so each process has a name of its own. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "ingress/ari_channels.h"
#include "ingress/pbx_source.h"
#include "net/http_client.h"
#include "net/pbx_url.h"
#include "net/websocket.h"

enum { LOOK_UP_MS = 1000, MESSAGE_BYTES_MAX = 1024 * 1024, NAME_RANDOM_BYTES = 4 };

typedef struct AriSource {
    Arena place, arena; /* the second: of what was read last */
    AriSettings settings;
    Slice base_url, authorization, application;
    HttpClient *client;
    WebSocket *socket;
    char system[SYSTEM_BYTES_MAX + 1];
} AriSource;

/* ---- questions ---- */

/* ret_json NULL: what it answers does not matter. REJECT "ari_refused" for anything but 2xx. */
static Status ask(const AriSource *source, const char *method, Slice path, Slice body, int64_t deadline_ms, Arena *arena, const Json **ret_json,
                  Fault *fault)
{
    const char *const headers[] = {arena_printf(arena, "Authorization: %.*s", SLICE_ARG(source->authorization)).at, NULL};
    int64_t left_ms = deadline_ms - clock_elapsed_ms();
    Slice url = arena_printf(arena, "%.*s%.*s", SLICE_ARG(source->base_url), SLICE_ARG(path));
    HttpRequest request = {.method = method, .url = url.at, .headers = headers,
                           .content_type = body.bytes ? "application/json" : NULL, .body = body, .timeout_ms = left_ms > 1 ? left_ms : 1,
                           .is_direct = true};
    HttpAnswer answer;
    Status status = http_client_ask(source->client, &request, arena, &answer, fault);
    if (status)
        return status;
    if (answer.code < 200 || answer.code > 299)
        return fault_set(fault, STATUS_REJECT, "ari_refused", "ARI on %s:%d answers %ld to %s %.*s", source->settings.host,
                         source->settings.port, answer.code, method, SLICE_ARG(path));
    return ret_json ? json_parse(answer.body, arena, ret_json, fault) : STATUS_OK;
}

/* Empty: it has none, or is gone. */
static Slice ask_variable(const AriSource *source, Slice channel, const char *variable, Arena *arena)
{
    const Json *answer = NULL;
    Fault ignored;
    Slice path = arena_printf(arena, "/channels/%.*s/variable?variable=%s", SLICE_ARG(http_client_escape(channel, arena)), variable);
    Status status = ask(source, "GET", path, (Slice){0}, clock_elapsed_ms() + LOOK_UP_MS, arena, &answer, &ignored);
    return status ? (Slice){0} : json_text(json_get(answer, "value"));
}

static bool look_up(void *self, Slice uniqueid, Arena *arena, Slice ret_variables[CALL_VARIABLES])
{
    for (size_t i = 0; i < CALL_VARIABLES; i++) {
        ret_variables[i] = ask_variable(self, uniqueid, call_variable_names[i].at, arena);
        bool is_anothers = i == VARIABLE_CAMPAIGN_ID && slice_empty(ret_variables[VARIABLE_CALL_ID]) && slice_empty(ret_variables[i]);
        if (is_anothers)
            return true;
    }
    return true;
}

/* ---- connection ---- */

static Status open_socket(AriSource *source, int64_t deadline_ms, Fault *fault)
{
    const AriSettings *settings = &source->settings;
    Slice target = arena_printf(&source->arena, "%s/events?app=%.*s&subscribeAll=true", settings->path, SLICE_ARG(source->application));
    WebSocketSettings wanted = {.stream = {.host = settings->host, .port = settings->port, .is_tls = settings->is_tls}, .target = target,
                                .authorization = source->authorization, .message_bytes_max = MESSAGE_BYTES_MAX};
    Status status = websocket_open(&wanted, deadline_ms, &source->socket, fault);
    if (status && !strcmp(fault->code, "websocket_unauthorized"))
        return fault_set(fault, status, "ari_login", "ARI on %s:%d refuses the login of %.60s", settings->host, settings->port, settings->user);
    bool names_host = !slice_starts_with(slice_of(fault->code), SLICE("websocket_"));
    return !status || names_host ? status : fault_place(fault, arena_printf(&source->arena, "ARI on %s:%d", settings->host, settings->port).at);
}

/* An Asterisk that is older than the filter (before 13.26 and 16.3), or a user that may only read, sends all of its events: they are
 * passed over here. */
static void ask_for_less(const AriSource *source, int64_t deadline_ms, Arena *arena)
{
    Fault ignored;
    Slice path = arena_printf(arena, "/applications/%.*s/eventFilter", SLICE_ARG(source->application));
    (void)ask(source, "PUT", path, ari_channels_filter, deadline_ms, arena, NULL, &ignored);
}

static Status ask_system(AriSource *source, int64_t deadline_ms, Slice *ret_system, Fault *fault)
{
    const Json *info = NULL;
    Status status = ask(source, "GET", SLICE("/asterisk/info?only=config"), (Slice){0}, deadline_ms, &source->arena, &info, fault);
    if (status)
        return status;
    Slice system = json_text(json_get(json_get(info, "config"), "name"));
    size_t bytes = system.bytes < SYSTEM_BYTES_MAX ? system.bytes : SYSTEM_BYTES_MAX;
    memset(source->system, 0, sizeof source->system);
    if (bytes)
        memcpy(source->system, system.at, bytes);
    *ret_system = (Slice){source->system, bytes};
    return STATUS_OK;
}

static void disconnect(void *self)
{
    AriSource *source = self;
    websocket_close(source->socket);
    source->socket = NULL;
}

static Status connect_anew(void *self, int64_t deadline_ms, Slice *ret_system, Fault *fault)
{
    AriSource *source = self;
    disconnect(source);
    arena_reset(&source->arena);
    Status status = open_socket(source, deadline_ms, fault);
    if (status)
        return status;
    ask_for_less(source, deadline_ms, &source->arena);
    return ask_system(source, deadline_ms, ret_system, fault);
}

/* ---- channels ---- */

/* What ari.conf does not show with each channel is asked for. */
static void complete(AriSource *source, ChannelEvent *event, Arena *arena)
{
    if (!event->knows_variables)
        (void)look_up(source, event->uniqueid, arena, event->variables);
    bool is_ours = !slice_empty(event->variables[VARIABLE_CALL_ID]) || !slice_empty(event->variables[VARIABLE_CAMPAIGN_ID]);
    if (is_ours && slice_empty(event->linkedid))
        event->linkedid = ask_variable(source, event->uniqueid, "CHANNEL(linkedid)", arena);
    event->knows_variables = true;
}

static Status list(void *self, int64_t deadline_ms, void (*visit)(void *context, const ChannelEvent *event), void *context, Fault *fault)
{
    AriSource *source = self;
    const Json *channels = NULL;
    arena_reset(&source->arena);
    Status status = ask(source, "GET", SLICE("/channels"), (Slice){0}, deadline_ms, &source->arena, &channels, fault);
    json_each(channel, status ? NULL : channels)
    {
        ChannelEvent event = ari_listed_channel(channel, clock_wall_ms(), &source->arena);
        complete(source, &event, &source->arena);
        visit(context, &event);
    }
    return status;
}

static Status next(void *self, int64_t deadline_ms, ChannelEvent *ret, Fault *fault)
{
    AriSource *source = self;
    const Json *json = NULL;
    Slice message;
    *ret = (ChannelEvent){.kind = CHANNEL_OTHER};
    Status status = websocket_read(source->socket, deadline_ms, &message, fault);
    if (status || slice_empty(message))
        return status;
    arena_reset(&source->arena);
    status = json_parse(message, &source->arena, &json, fault);
    if (status)
        return status;
    if (slice_equal(json_text(json_get(json, "type")), SLICE("ApplicationReplaced")))
        return fault_set(fault, STATUS_RETRY, "ari_replaced", "another process follows Asterisk under our name");
    *ret = ari_channel_event(json, clock_wall_ms(), &source->arena);
    return STATUS_OK;
}

static Status check(void *self, int64_t deadline_ms, Fault *fault)
{
    const AriSource *source = self;
    int64_t silent_ms = clock_elapsed_ms() - websocket_heard_ms(source->socket);
    if (silent_ms > PBX_SILENCE_MS)
        return fault_set(fault, STATUS_RETRY, "silent", "ARI on %s:%d has not been heard of for %lld s",
                         source->settings.host, source->settings.port, (long long)silent_ms / 1000);
    return websocket_ping(source->socket, deadline_ms, fault);
}

static void close_source(void *self)
{
    AriSource *source = self;
    disconnect(source);
    http_client_free(source->client);
    arena_done(&source->place);
    arena_done(&source->arena);
    free(source);
}

Status ari_source_open(const char *url, PbxSource *ret, Fault *fault)
{
    AriSource *source = calloc(1, sizeof *source);
    uint8_t random[NAME_RANDOM_BYTES];
    if (!source)
        abort();
    Status status = ari_read_url(url, &source->place, &source->settings, fault);
    if (status) {
        close_source(source);
        return status;
    }
    digest_random(random, sizeof random);
    source->base_url = ari_base_url(&source->settings, &source->place);
    source->authorization = ari_authorization(&source->settings, &source->place);
    source->application = arena_printf(&source->place, "pledgeline-%.*s", SLICE_ARG(digest_hex(&source->place, random, sizeof random)));
    source->client = http_client_new(NULL);
    *ret = (PbxSource){.self = source, .connect = connect_anew, .disconnect = disconnect, .list = list, .next = next, .check = check,
                       .look_up = look_up, .close = close_source};
    return status;
}
