/* From a request to its handler: who may, which route, on which thread. */
#include "ingress/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/metrics.h"
#include "ingress/http_handlers.h"
#include "ingress/http_parameters.h"
#include "ingress/http_push.h"
#include "ingress/http_stream.h"
#include "ingress/http_tokens.h"
#include "ingress/links.h"
#include "ingress/webhook.h"

/* ---- answers ---- */

void answer_text(Call *call, unsigned code, const char *content_type, Slice body)
{
    call->request->reply.code = code;
    call->request->reply.content_type = content_type;
    call->request->reply.body = body;
}

void answer_json(Call *call, unsigned code, const Text *json) { answer_text(call, code, "application/json", text_slice(json)); }

void answer_stored(Call *call, bool is_new, Slice result, Text *object)
{
    object->bytes--;
    json_add_text_member(object, "result", result);
    text_add_literal(object, "}\n");
    answer_json(call, is_new ? 201 : 200, object);
}

static const char *title_of(unsigned code)
{
    static const struct { unsigned code; const char *title; } titles[] = {
        {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {406, "Not Acceptable"}, {409, "Conflict"}, {413, "Content Too Large"}, {422, "Unprocessable Content"},
        {500, "Internal Server Error"}, {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].code == code)
            return titles[i].title;
    }
    return "Error";
}

static void problem(Call *call, unsigned code, const char *name, Slice detail)
{
    call->request->reply.header_count = 0;
    if (call->route && call->route->speaks_sns) {
        sns_refuse(call, code, detail);
        return;
    }
    Text json = text_in(call->arena);
    text_printf(&json, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"code\":\"%s\",\"detail\":", title_of(code), code, name);
    json_add_string(&json, detail);
    text_add_literal(&json, "}\n");
    if (code == 503)
        http_add_header(call->request, "Retry-After", "1");
    answer_text(call, code, "application/problem+json", text_slice(&json));
}

void answer_problem(Call *call, unsigned code, const char *name, const char *format, ...)
{
    char detail[400];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    problem(call, code, name, arena_copy(call->arena, slice_of(detail)));
}

void answer_fault(Call *call, unsigned code_of_reject, const Fault *fault)
{
    problem(call, fault->status == STATUS_REJECT ? code_of_reject : 503, arena_copy(call->arena, slice_of(fault->code)).at,
            arena_copy(call->arena, slice_of(fault->text)));
}

/* ---- asking ---- */

/* No number or time has a blank: what came as one was sent as a plus, which forms and libmicrohttpd take for a blank. */
Slice call_query(Call *call, const char *name)
{
    Slice value = http_query(call->request, name);
    const Parameter *parameter = call->route->parameters;
    while (parameter && parameter->name && strcmp(parameter->name, name))
        parameter++;
    if (!parameter || !parameter->name || !parameter->fits)
        return value;
    char *numeric = arena_zalloc(call->arena, value.bytes + 1);
    for (size_t i = 0; i < value.bytes; i++)
        numeric[i] = value.at[i] == ' ' ? '+' : value.at[i];
    return (Slice){numeric, value.bytes};
}

const Json *call_body(Call *call)
{
    Fault fault;
    const Json *body = NULL;
    if (json_parse(call->request->body, call->arena, &body, &fault)) {
        answer_fault(call, 400, &fault);
        return NULL;
    }
    if (json_is_object(body))
        return body;
    answer_problem(call, 400, "json_not_object", "the body must be one JSON object");
    return NULL;
}

/* ---- to the line ---- */

static void ticket_finished(Ticket *ticket)
{
    Call *call = ticket->context;
    call->finished(call);
    http_resume(call->request);
}

void call_submit(Call *call, Delivery *deliveries, size_t count, void (*finished)(Call *call))
{
    http_defer(call->request);
    call_submit_deferred(call, deliveries, count, finished);
}

void call_submit_deferred(Call *call, Delivery *deliveries, size_t count, void (*finished)(Call *call))
{
    call->ticket = (Ticket){.deliveries = deliveries, .count = count, .finished = ticket_finished, .context = call};
    call->finished = finished;
    Fault fault;
    if (!intake_submit(call->api->intake, &call->ticket, &fault))
        return;
    metric_add(METRIC_HTTP_OVERLOADED, 1);
    answer_fault(call, 503, &fault);
    http_resume(call->request);
}

/* ---- routes ---- */

/* Splits the path at '/', decodes what stands for {…}, compares the rest. */
static bool matches(const char *pattern, Slice path, Arena *arena, Slice parts[CALL_PARTS_MAX])
{
    size_t at = 0, found = 0;
    while (*pattern) {
        if (pattern[0] != '{') {
            if (at == path.bytes || path.at[at++] != *pattern++)
                return false;
            continue;
        }
        size_t from = at;
        if (pattern[1] == '+') {
            parts[found] = (Slice){path.at + at, path.bytes - at};
            return at < path.bytes;
        }
        while (at < path.bytes && path.at[at] != '/')
            at++;
        char *decoded = arena_alloc(arena, at - from + 1);
        if (at == from || found == CALL_PARTS_MAX || !http_percent_decode((Slice){path.at + from, at - from}, false, decoded, &parts[found].bytes))
            return false;
        decoded[parts[found].bytes] = 0;
        parts[found++].at = decoded;
        pattern = strchr(pattern, '}') + 1;
    }
    return at == path.bytes;
}

static Slice without_trailing_slash(Slice path)
{
    while (path.bytes > 1 && path.at[path.bytes - 1] == '/')
        path.bytes--;
    return path;
}

static const Route *find_route(Call *call, char *allowed, size_t room)
{
    Slice path = without_trailing_slash(call->request->path);
    const char *method = strcmp(call->request->method, "HEAD") ? call->request->method : "GET";
    size_t used = 0;
    for (const Route *route = routes; route->method; route++) {
        if (!matches(route->pattern, path, call->arena, call->parts))
            continue;
        if (call->api->settings.reports_only && strcmp(route->method, "GET"))
            continue;
        if (!strcmp(route->method, method))
            return route;
        if (used < room)
            used += (size_t)snprintf(allowed + used, room - used, "%s%s", used ? ", " : "", route->method);
    }
    return NULL;
}

static void answer_no_route(Call *call, const char *allowed)
{
    if (!*allowed) {
        answer_problem(call, 404, "path_unknown", "there is no such path; the API is below /v1, the SNS API at /");
        return;
    }
    const char *kept = arena_copy(call->arena, slice_of(allowed)).at;
    if (!strcmp(call->request->method, "OPTIONS"))
        answer_text(call, 204, NULL, (Slice){0});
    else
        answer_problem(call, 405, "method_unknown", "this path takes %s", kept);
    http_add_header(call->request, "Allow", kept);
}

/* ---- who may ---- */

static bool is_local_host(Slice host)
{
    static const Slice names[] = {SLICE_INIT("localhost"), SLICE_INIT("127.0.0.1"), SLICE_INIT("[::1]")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool named = host.bytes >= names[i].bytes && !strncasecmp(host.at, names[i].at, names[i].bytes);
        if (named && (host.bytes == names[i].bytes || host.at[names[i].bytes] == ':'))
            return true;
    }
    return false;
}

/* On loopback without tokens, a web page in a browser on this machine is the one stranger that can reach us. */
static bool is_cross_site(const Call *call)
{
    Slice host = http_header(call->request, "Host"), origin = http_header(call->request, "Origin");
    if (!is_local_host(host) && !slice_empty(host))
        return true;
    if (slice_empty(origin))
        return false;
    const char *scheme_end = memmem(origin.at, origin.bytes, "://", 3);
    Slice origin_host = scheme_end ? slice_of(scheme_end + 3) : origin;
    return !slice_equal(origin_host, host);
}

static void answer_no_role(Call *call, Slice authorization)
{
    if (tokens_came(authorization))
        answer_problem(call, 401, "token_unknown", "this server does not know the token; it must be one of its PLEDGELINE_TOKENS, without the role");
    else
        answer_problem(call, 401, "token_required", "a token is needed: Authorization: Bearer TOKEN (for the SNS API, the token as AWS access key id)");
    http_add_header(call->request, "WWW-Authenticate", "Bearer");
}

static bool may(Call *call, Role needed)
{
    if (needed == ROLE_NONE || needed == ROLE_PROVEN)
        return true;
    if (!call->api->tokens) {
        if (!is_cross_site(call))
            return true;
        answer_problem(call, 403, "cross_site", "requests from web pages of other sites, or by other host names, are refused");
        return false;
    }
    Slice authorization = http_header(call->request, "Authorization");
    Role role = tokens_role(call->api->tokens, authorization);
    if (role >= needed)
        return true;
    if (role == ROLE_NONE)
        answer_no_role(call, authorization);
    else
        answer_problem(call, 403, "role_too_low", "the token's role is %s; this takes %s%s", role_name(role), role_name(needed),
                       needed == ROLE_ADMIN ? "" : " or above");
    return false;
}

/* ---- on which thread ---- */

static void run_read(ReaderJob *job, const Ports *ports)
{
    Call *call = (Call *)(void *)((char *)job - offsetof(Call, job));
    call->route->run(call, ports);
    http_resume(call->request);
}

static void run_change(Task *task, Pipeline *line, const Ports *ports)
{
    (void)line;
    Call *call = (Call *)(void *)((char *)task - offsetof(Call, task));
    Fault fault;
    if (ports->unit.begin(ports->unit.self, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    call->change(call, ports);
    if (call->request->reply.code >= 400)
        ports->unit.rollback(ports->unit.self);
    else if (ports->unit.commit(ports->unit.self, &fault))
        answer_fault(call, 503, &fault);
}

static void change_finished(Task *task)
{
    Call *call = (Call *)(void *)((char *)task - offsetof(Call, task));
    http_resume(call->request);
}

static void read_on(Readers *readers, Call *call)
{
    http_defer(call->request);
    call->job.run = run_read;
    if (readers_do(readers, &call->job))
        return;
    answer_problem(call, 503, "overloaded", "too many reports wait already; try again later");
    http_resume(call->request);
}

void call_change(Call *call, void (*run)(Call *call, const Ports *ports))
{
    Fault fault;
    http_defer(call->request);
    call->change = run;
    call->task = (Task){.run = run_change, .finished = change_finished};
    if (!intake_do(call->api->intake, &call->task, &fault))
        return;
    answer_fault(call, 503, &fault);
    http_resume(call->request);
}

static void dispatch(Call *call)
{
    switch (call->route->kind) {
    case ROUTE_NOW:
        call->route->run(call, NULL);
        return;
    case ROUTE_READ:
        read_on(call->api->readers, call);
        return;
    case ROUTE_CHECK:
        read_on(call->api->checks, call);
        return;
    case ROUTE_CALL:
        if (call->api->settings.calls)
            read_on(call->api->settings.calls, call);
        else
            answer_problem(call, 503, "telephony_missing", "no telephony is set here that could end the call");
        return;
    case ROUTE_CHANGE:
        call_change(call, call->route->run);
        return;
    case ROUTE_COUNT:
        if (call->api->settings.counts_apart)
            read_on(call->api->readers, call);
        else
            call_change(call, call->route->run);
        return;
    }
}

void api_handle(HttpRequest *request, void *context)
{
    Call *call = ARENA_NEW(&request->arena, Call);
    call->api = context;
    call->request = request;
    call->arena = &request->arena;
    char allowed[64] = "";
    call->route = find_route(call, allowed, sizeof allowed);
    if (!may(call, call->route ? call->route->role : ROLE_READER))
        return;
    if (!call->route)
        answer_no_route(call, allowed);
    else if (parameters_check(call))
        dispatch(call);
}

/* ---- open and close ---- */

static Status open_proofs(Api *api, Fault *fault)
{
    const ApiSettings *settings = &api->settings;
    if (*settings->tokens && !(api->tokens = tokens_new(settings->tokens, fault)))
        return STATUS_REJECT;
    Status status = STATUS_OK;
    if (*settings->donations_secret)
        status = webhook_secrets_new(settings->donations_secret, "PLEDGELINE_DONATIONS_SECRET", &api->donations_secrets, fault);
    return status ? status : sns_push_open(settings->push, &api->push, fault);
}

Api *api_open(const ApiSettings *settings, Intake *intake, Readers *readers, Readers *checks, Fault *fault)
{
    Api *api = calloc(1, sizeof *api);
    if (!api)
        abort();
    *api = (Api){.intake = intake, .readers = readers, .checks = checks, .settings = *settings};
    if (open_proofs(api, fault)) {
        api_close(api);
        return NULL;
    }
    if (settings->links)
        api->links = links_new(settings->links);
    api->streams = streams_open(api);
    return api;
}

void api_stop(Api *api)
{
    streams_stop(api->streams);
    sns_push_stop(api->push);
}

void api_close(Api *api)
{
    if (!api)
        return;
    streams_free(api->streams);
    sns_push_free(api->push);
    links_free(api->links);
    webhook_secrets_free(api->donations_secrets);
    tokens_free(api->tokens);
    free(api);
}
