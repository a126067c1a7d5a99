/* An exchange through ARI. https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/Channels_REST_API/ */
#include <stdlib.h>

#include "adapter/pbx_link.h"
#include "base/clock.h"
#include "net/http_client.h"
#include "net/pbx_url.h"

enum { ANSWER_MS = 1000 };

/* Of all links. */
typedef struct Place {
    Slice base_url, authorization; /* the header as a whole */
} Place;

typedef struct Link {
    const Place *place;
    HttpClient *client;
} Link;

static Status read_url(const char *url, Arena *arena, void **ret_place, Fault *fault)
{
    AriSettings settings;
    Place *place = *ret_place = ARENA_NEW(arena, Place);
    Status status = ari_read_url(url, arena, &settings, fault);
    if (status)
        return status;
    place->base_url = ari_base_url(&settings, arena);
    place->authorization = arena_printf(arena, "Authorization: %.*s", SLICE_ARG(ari_authorization(&settings, arena)));
    return STATUS_OK;
}

static void *open_link(const void *place)
{
    Link *link = calloc(1, sizeof *link);
    if (!link)
        abort();
    *link = (Link){.place = place, .client = http_client_new(NULL)};
    return link;
}

static void close_link(void *self)
{
    Link *link = self;
    http_client_free(link->client);
    free(link);
}

/* ---- asking ---- */

static int64_t patience_ms(int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - clock_elapsed_ms();
    left_ms = left_ms < ANSWER_MS ? left_ms : ANSWER_MS;
    return left_ms > 1 ? left_ms : 1;
}

static PbxAnswer refused(const Place *place, PbxAnswer answer, const HttpAnswer *said, Fault *fault)
{
    Slice words = {said->body.at, said->body.bytes < 100 ? said->body.bytes : 100};
    fault_set(fault, STATUS_RETRY, "asterisk_refuses", "%.*s answers %ld: %.*s", SLICE_ARG(place->base_url), said->code, SLICE_ARG(words));
    return answer;
}

/* A path that is wrong is answered 404, too: by ARI as "Resource not found", by others in their own words. */
static bool is_about_channel(Slice body)
{
    return slice_holds(body, SLICE("\"Channel not found\"")) || slice_holds(body, SLICE("\"Provided channel was not found\"")) ||
           slice_holds(body, SLICE("\"Provided variable was not found\""));
}

static PbxAnswer read_answer(const Place *place, const HttpAnswer *said, Fault *fault)
{
    if (said->code >= 200 && said->code <= 299)
        return PBX_DONE;
    if (said->code == 404 && is_about_channel(said->body))
        return PBX_NO_CHANNEL;
    return refused(place, said->code >= 500 ? PBX_FAILED : PBX_REFUSED, said, fault);
}

/* Asks once; the connection is made anew when it is broken. */
static PbxAnswer ask(Link *link, const char *method, Slice path, Slice body, int64_t deadline_ms, Arena *arena, HttpAnswer *ret, Fault *fault)
{
    const char *const headers[] = {link->place->authorization.at, NULL};
    HttpRequest request = {.method = method, .url = arena_printf(arena, "%.*s%.*s", SLICE_ARG(link->place->base_url), SLICE_ARG(path)).at,
                           .content_type = body.bytes ? "application/json" : NULL, .headers = headers, .body = body,
                           .timeout_ms = patience_ms(deadline_ms), .answer_bytes_max = 16 * 1024 * 1024, .once = body.bytes > 0};
    if (http_client_ask(link->client, &request, arena, ret, fault))
        return ret->maybe_taken ? PBX_SILENT : PBX_AWAY;
    return read_answer(link->place, ret, fault);
}

static Slice channel_path(Slice channel, const char *rest, Arena *arena)
{
    return arena_printf(arena, "/channels/%.*s%s", SLICE_ARG(http_client_escape(channel, arena)), rest);
}

static PbxAnswer hang_up(void *self, Slice channel, int64_t deadline_ms, Arena *arena, Fault *fault)
{
    HttpAnswer answer;
    return ask(self, "DELETE", channel_path(channel, "?reason=normal", arena), (Slice){0}, deadline_ms, arena, &answer, fault);
}

static PbxAnswer look(void *self, Slice channel, int64_t deadline_ms, Arena *arena, Fault *fault)
{
    HttpAnswer answer;
    return ask(self, "GET", channel_path(channel, "", arena), (Slice){0}, deadline_ms, arena, &answer, fault);
}

/* ---- search ---- */

static const Json *parsed(Slice body, Arena *arena)
{
    const Json *json = NULL;
    return json_parse(body, arena, &json, NULL) ? NULL : json;
}

/* A channel that is gone meanwhile, or has no such variable, is not the call's. */
static PbxAnswer take_if_it_is(Link *link, Slice channel, Slice call_id, int64_t deadline_ms, Arena *arena, Slice *ret, size_t *count, Fault *fault)
{
    HttpAnswer said;
    PbxAnswer answer = ask(link, "GET", channel_path(channel, "/variable?variable=PLEDGELINE_CALL_ID", arena), (Slice){0}, deadline_ms, arena,
                           &said, fault);
    if (answer != PBX_DONE)
        return answer == PBX_NO_CHANNEL ? PBX_DONE : answer;
    if (*count < CALL_CHANNELS_MAX && slice_equal(json_text(json_get(parsed(said.body, arena), "value")), call_id))
        ret[(*count)++] = channel;
    return PBX_DONE;
}

/* Where ari.conf names it among its channelvars, the list has it; else the channel is asked. */
static PbxAnswer take_listed(Link *link, const Json *channel, Slice call_id, int64_t deadline_ms, Arena *arena, Slice *ret, size_t *count, Fault *fault)
{
    Slice id = json_text(json_get(channel, "id"));
    const Json *known = json_get(channel, "channelvars");
    const Json *listed = known ? json_get(known, "PLEDGELINE_CALL_ID") : NULL;
    if (!pbx_is_channel(id) || (listed && !slice_equal(json_text(listed), call_id)))
        return PBX_DONE;
    return take_if_it_is(link, id, call_id, deadline_ms, arena, ret, count, fault);
}

static PbxAnswer search(void *self, Slice call_id, int64_t deadline_ms, Arena *arena, Slice ret[CALL_CHANNELS_MAX], size_t *ret_count, Fault *fault)
{
    HttpAnswer said;
    *ret_count = 0;
    PbxAnswer answer = ask(self, "GET", SLICE("/channels"), (Slice){0}, deadline_ms, arena, &said, fault);
    const Json *channels = answer == PBX_DONE ? parsed(said.body, arena) : NULL;
    json_each(channel, channels)
    {
        if (answer == PBX_DONE)
            answer = take_listed(self, channel, call_id, deadline_ms, arena, ret, ret_count, fault);
    }
    return answer;
}

/* ---- originate ---- */

static Slice print_call(const PbxOrigination *call, Arena *arena)
{
    Text json = text_in(arena);
    text_printf(&json, "{\"priority\":1,\"timeout\":%d", call->ring_s);
    json_add_text_member(&json, "endpoint", call->channel);
    json_add_text_member(&json, "otherChannelId", arena_printf(arena, "%.*s-2", SLICE_ARG(call->id)));
    json_add_text_member(&json, "context", call->context);
    json_add_text_member(&json, "extension", SLICE("s"));
    json_add_text_member(&json, "callerId", call->caller_id);
    json_add_key(&json, "variables");
    text_add_byte(&json, '{');
    for (size_t i = 0; i < call->variable_count; i++)
        json_add_text_member(&json, arena_printf(arena, "__%s", call->variables[i].name).at, call->variables[i].value);
    text_add_literal(&json, "}}");
    return text_slice(&json);
}

/* Looking first also makes a connection that died meanwhile anew: what is posted on such a one nobody could be sure of. */
static PbxAnswer originate(void *self, const PbxOrigination *call, int64_t deadline_ms, Arena *arena, Fault *fault)
{
    enum { CONFLICT = 409 }; /* that id is in use: it is the same call */
    HttpAnswer said = {0};
    PbxAnswer answer = look(self, call->id, deadline_ms, arena, fault);
    if (answer != PBX_NO_CHANNEL)
        return answer == PBX_SILENT ? PBX_AWAY : answer;
    answer = ask(self, "POST", channel_path(call->id, "", arena), print_call(call, arena), deadline_ms, arena, &said, fault);
    return said.code == CONFLICT ? PBX_DONE : answer;
}

const PbxWay pbx_ari_way = {.read_url = read_url, .open = open_link, .close = close_link, .hang_up = hang_up, .look = look, .search = search,
                            .originate = originate};
