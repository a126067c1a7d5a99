/* The choice between folder and server is made here, once, so that no verb has to. */
#include "verb/desk.h"

#include <errno.h>
#include <sys/stat.h>

enum { ASK_TIMEOUT_MS = 60 * 1000 };

static bool opened(Desk *desk, Status status, const Fault *fault)
{
    desk->is_open = !status;
    if (status)
        verb_fail(fault);
    return desk->is_open;
}

/* What is not there yet is for the store to say; a file is no folder that lacks files. */
static Status check_folder(const char *path, Fault *fault)
{
    struct stat info;
    if (!stat(path, &info) && !S_ISDIR(info.st_mode))
        return fault_set(fault, STATUS_REJECT, "data_folder_unusable", "the data folder %s is not a folder; --data or PLEDGELINE_DATA names it",
                         path);
    return STATUS_OK;
}

bool desk_open_to_read(Desk *desk, const Invocation *invocation)
{
    Fault fault;
    *desk = (Desk){.arena = invocation->arena};
    Status status = check_folder(invocation->config->data_folder, &fault);
    return opened(desk, status ? status : app_open(&desk->app, invocation->config, APP_READER, &fault), &fault);
}

static bool is_missing(const char *path)
{
    struct stat info;
    return stat(path, &info) && errno == ENOENT;
}

bool desk_open_to_change(Desk *desk, const Invocation *invocation)
{
    Fault fault;
    *desk = (Desk){.arena = invocation->arena, .made_folder = is_missing(invocation->config->data_folder)};
    desk->server = app_running_server(invocation->config, invocation->arena);
    if (!slice_empty(desk->server)) {
        desk->client = http_client_new(invocation->config->server_token);
        return true;
    }
    return opened(desk, app_open(&desk->app, invocation->config, APP_WRITER, &fault), &fault);
}

void desk_close(Desk *desk)
{
    if (desk->is_open)
        app_close(&desk->app);
    http_client_free(desk->client);
}

static const char *what_to_do_about(long status, Slice code)
{
    if (status == 403 || slice_equal(code, SLICE("token_unknown")))
        return "; give another one with --token or PLEDGELINE_TOKEN";
    return status == 401 ? "; give one with --token or PLEDGELINE_TOKEN" : "";
}

/* RFC 9457: "detail" is for people. */
Status desk_fault_of_answer(const HttpAnswer *answer, Arena *arena, Fault *fault)
{
    const Json *problem = NULL;
    Slice detail = {0}, code = {0};
    if (!json_parse(answer->body, arena, &problem, NULL)) {
        detail = json_text(json_get(problem, "detail"));
        code = json_text(json_get(problem, "code"));
    }
    Status status = answer->code == 503 || answer->code == 429 ? STATUS_RETRY : STATUS_REJECT;
    const char *what_to_do = what_to_do_about(answer->code, code);
    if (slice_empty(detail))
        return fault_set(fault, status, "server", "the server answered %ld%s", answer->code, what_to_do);
    return fault_set(fault, status, slice_empty(code) ? "server" : arena_copy(arena, code).at, "%.*s%s", SLICE_ARG(detail), what_to_do);
}

Status desk_ask(Desk *desk, const char *method, Slice path, const char *content_type, Slice body, Slice *ret_body, Fault *fault)
{
    HttpAnswer answer;
    Slice url = arena_printf(desk->arena, "%.*s%.*s", SLICE_ARG(desk->server), SLICE_ARG(path));
    HttpRequest request = {.method = method, .url = url.at, .content_type = content_type, .body = body, .timeout_ms = ASK_TIMEOUT_MS};
    Status status = http_client_ask(desk->client, &request, desk->arena, &answer, fault);
    if (status)
        return status;
    if (answer.code < 200 || answer.code > 299)
        return desk_fault_of_answer(&answer, desk->arena, fault);
    *ret_body = answer.body;
    return STATUS_OK;
}
