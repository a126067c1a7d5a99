/* Lines in, commands out, a time for everything. What is no AGI is cut off. */
#include "ingress/agi_call.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { PATIENCE_MS = 5000, LINES_MAX = 10000, ENVIRONMENT_LINES_MAX = 200, SEPARATOR = 0x1f, ARENA_BLOCK_BYTES = 6 * 1024 };

static const struct { Slice name; AgiValue value; } environment[] = {
    {SLICE_INIT("agi_network_script"), AGI_SCRIPT_NAME}, {SLICE_INIT("agi_uniqueid"), AGI_UNIQUEID}, {SLICE_INIT("agi_callerid"), AGI_CALLERID},
    {SLICE_INIT("agi_dnid"), AGI_DNID}, {SLICE_INIT("agi_arg_1"), AGI_ARGUMENT_1}, {SLICE_INIT("agi_arg_2"), AGI_ARGUMENT_2},
    {SLICE_INIT("agi_arg_3"), AGI_ARGUMENT_3}, {SLICE_INIT("agi_arg_4"), AGI_ARGUMENT_4},
};

static const Slice variable_names[AGI_VALUE_COUNT] = {
    [AGI_CALL_ID] = SLICE_INIT("PLEDGELINE_CALL_ID"), [AGI_CAMPAIGN_ID] = SLICE_INIT("PLEDGELINE_CAMPAIGN_ID"),
    [AGI_CONTACT_ID] = SLICE_INIT("PLEDGELINE_CONTACT_ID"), [AGI_PHONE] = SLICE_INIT("PLEDGELINE_PHONE"),
    [AGI_CAMPAIGN_NAME] = SLICE_INIT("PLEDGELINE_CAMPAIGN_NAME"), [AGI_LINKEDID] = SLICE_INIT("CHANNEL(linkedid)"),
    [AGI_REF] = SLICE_INIT("PLEDGELINE_REF"), [AGI_TEXT] = SLICE_INIT("PLEDGELINE_TEXT"),
};

static const AgiScript *const scripts[] = {&ivr_script, &check_script, &speak_script};

/* ---- the end ---- */

void agi_cut(AgiCall *call)
{
    if (call->fd < 0)
        return;
    close(call->fd);
    call->fd = -1;
    if (call->phase >= AGI_RUNNING && call->script)
        call->script->ended(call);
}

static void cut_stranger(AgiCall *call, const char *why)
{
    log_line(LOG_WARN, "a connection for AGI was cut off", LOG_CSTR("reason", why), LOG_TEXT("uniqueid", call->values[AGI_UNIQUEID]));
    agi_cut(call);
}

/* ---- out ---- */

void agi_call_write(AgiCall *call)
{
    while (call->fd >= 0 && call->out_sent < call->out_bytes) {
        ssize_t sent = send(call->fd, call->out + call->out_sent, call->out_bytes - call->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (sent < 0) {
            agi_cut(call);
            return;
        }
        call->out_sent += (size_t)sent;
    }
    bool is_done = call->out_sent == call->out_bytes;
    if (is_done && call->phase == AGI_LEAVING)
        shutdown(call->fd, SHUT_WR);
    if (call->writes == is_done)
        agi_watch(call, call->writes = !is_done);
}

void agi_say(AgiCall *call, AgiCommand *command, int64_t patience_ms)
{
    if (call->fd < 0)
        return;
    if (command->is_cut) {
        cut_stranger(call, "a command would be longer than Asterisk reads");
        return;
    }
    memcpy(call->out, command->at, command->bytes);
    call->out[command->bytes] = '\n';
    call->out_bytes = command->bytes + 1;
    call->out_sent = 0;
    call->awaits_reply = true;
    call->deadline_ms = clock_elapsed_ms() + patience_ms;
    agi_call_write(call);
}

void agi_hang_up(AgiCall *call)
{
    AgiCommand command = {0};
    agi_add_literal(&command, "HANGUP");
    call->phase = AGI_LEAVING;
    agi_say(call, &command, PATIENCE_MS);
}

void agi_leave(AgiCall *call) { agi_cut(call); }

/* ---- in ---- */

static void begin(AgiCall *call)
{
    call->phase = AGI_RUNNING;
    call->script->begin(call);
}

void agi_ask_variables(AgiCall *call, const AgiValue *variables)
{
    static const char separator[] = {SEPARATOR};
    AgiCommand command = {0};
    agi_add_literal(&command, "GET FULL VARIABLE \"");
    for (const AgiValue *value = variables; *value != AGI_VALUE_COUNT; value++) {
        agi_add_literal(&command, "${");
        agi_add(&command, variable_names[*value]);
        agi_add_literal(&command, "}");
        agi_add(&command, (Slice){separator, 1});
    }
    agi_add_literal(&command, "\"");
    agi_say(call, &command, PATIENCE_MS);
}

void agi_take_variables(AgiCall *call, const AgiValue *variables, const AgiReply *reply)
{
    Slice text = reply->value;
    for (const AgiValue *value = variables; *value != AGI_VALUE_COUNT && text.bytes; value++) {
        const char *end = memchr(text.at, SEPARATOR, text.bytes);
        size_t bytes = end ? (size_t)(end - text.at) : text.bytes, taken = bytes + (end != NULL);
        call->values[*value] = arena_copy(&call->arena, (Slice){text.at, bytes});
        text = (Slice){text.at + taken, text.bytes - taken};
    }
}

static void ask_first(AgiCall *call)
{
    call->phase = AGI_VARIABLES;
    agi_ask_variables(call, call->script->variables);
}

/* "ivr", "/ivr", "ivr?whatever": the path of the URL, as far as it names a script. */
static const AgiScript *script_of(Slice path)
{
    while (path.bytes && path.at[0] == '/')
        path = (Slice){path.at + 1, path.bytes - 1};
    const char *query = path.bytes ? memchr(path.at, '?', path.bytes) : NULL;
    if (query)
        path.bytes = (size_t)(query - path.at);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (slice_equal(scripts[i]->name, path))
            return scripts[i];
    }
    return NULL;
}

static void choose_script(AgiCall *call)
{
    call->script = script_of(call->values[AGI_SCRIPT_NAME]);
    if (!call->script)
        cut_stranger(call, "agi_network_script is none of ivr, check and speak");
    else if (*call->script->variables == AGI_VALUE_COUNT)
        begin(call);
    else
        ask_first(call);
}

static void take_environment(AgiCall *call, Slice line)
{
    Slice name, value;
    if (slice_empty(line)) {
        choose_script(call);
        return;
    }
    if (!agi_read_environment(line, &name, &value) || call->lines > ENVIRONMENT_LINES_MAX) {
        cut_stranger(call, "it begins with what is no AGI environment");
        return;
    }
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
        if (slice_equal(environment[i].name, name))
            call->values[environment[i].value] = arena_copy(&call->arena, value);
    }
}

static void take_reply(AgiCall *call, const AgiReply *reply)
{
    if (!call->awaits_reply)
        return;
    call->awaits_reply = false;
    call->is_over = call->is_over || reply->code == 511;
    if (call->phase == AGI_RUNNING) {
        call->script->replied(call, reply);
    } else if (call->phase == AGI_LEAVING) {
        call->script->replied(call, reply);
        agi_cut(call);
    } else {
        agi_take_variables(call, call->script->variables, reply);
        begin(call);
    }
}

/* A bare HANGUP where no reply is awaited any more is the last that is said. */
static void take_line(AgiCall *call, Slice line)
{
    AgiReply reply;
    if (++call->lines > LINES_MAX) {
        cut_stranger(call, "more lines than a call has");
        return;
    }
    if (call->phase == AGI_ENVIRONMENT) {
        take_environment(call, line);
        return;
    }
    switch (agi_read_line(line, &call->in_usage, &reply)) {
    case AGI_LINE_REPLY:
        take_reply(call, &reply);
        return;
    case AGI_LINE_HANGUP:
        call->is_over = true;
        if (!call->awaits_reply)
            agi_cut(call);
        return;
    case AGI_LINE_PART:
        return;
    case AGI_LINE_STRANGE:
        cut_stranger(call, "it says what is no AGI");
    }
}

static void take_lines(AgiCall *call)
{
    size_t from = 0;
    for (const char *newline; call->fd >= 0 && (newline = memchr(call->in + from, '\n', call->in_bytes - from));) {
        size_t bytes = (size_t)(newline - call->in) - from, taken = bytes + 1;
        if (bytes && newline[-1] == '\r')
            bytes--;
        size_t at = from;
        from += taken;
        take_line(call, (Slice){call->in + at, bytes});
    }
    call->in_bytes -= from;
    memmove(call->in, call->in + from, call->in_bytes);
}

void agi_call_read(AgiCall *call)
{
    while (call->fd >= 0) {
        if (call->in_bytes == sizeof call->in) {
            cut_stranger(call, "a line is longer than Asterisk's are");
            return;
        }
        ssize_t got = recv(call->fd, call->in + call->in_bytes, sizeof call->in - call->in_bytes, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            agi_cut(call);
            return;
        }
        call->in_bytes += (size_t)got;
        take_lines(call);
    }
}

/* ---- time ---- */

void agi_call_tick(AgiCall *call, int64_t now_ms)
{
    if (call->fd >= 0 && call->phase == AGI_RUNNING && call->script->ticked)
        call->script->ticked(call, now_ms);
    if (call->fd >= 0 && now_ms >= call->deadline_ms)
        cut_stranger(call, "it says nothing any more");
}

AgiCall *agi_call_new(Agi *agi, int fd)
{
    AgiCall *call = calloc(1, sizeof *call);
    if (!call)
        abort();
    call->agi = agi;
    call->fd = fd;
    call->began_ms = clock_wall_ms();
    call->deadline_ms = clock_elapsed_ms() + PATIENCE_MS;
    arena_init_small(&call->arena, ARENA_BLOCK_BYTES);
    return call;
}

void agi_call_free(AgiCall *call)
{
    if (call->fd >= 0)
        close(call->fd);
    arena_done(&call->arena);
    free(call);
}
