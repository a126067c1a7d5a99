/* Publish: messages of the command line or of NDJSON files, into the folder or to a server, in batches. Repeating is
 * harmless, so whatever was not acknowledged is sent again. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "event/envelope.h"
#include "verb/desk.h"
#include "verb/files.h"
#include "verb/functions.h"
#include "verb/output.h"
#include "verb/publish.h"

enum { CHUNK_BYTES_MAX = 1536 * 1024, ERRORS_SHOWN_MAX = 20, PAUSE_MOST_MS = 2000 };

typedef struct Publishing {
    const Invocation *invocation;
    Desk desk;
    Pipeline *line;        /* into the folder */
    Slice topic;           /* of lines that are bare bodies; empty: each line says its own */
    const char *source;    /* file name, for messages */
    int64_t give_up_at_ms; /* elapsed time */
    int64_t accepted, duplicates, waiting, rejected, lost;
    Progress progress;
    bool said_retrying;
} Publishing;

/* Up to BATCH_MAX lines, with the number of each. */
typedef struct Chunk {
    Slice lines[BATCH_MAX];
    size_t numbers[BATCH_MAX];
    size_t count, bytes;
} Chunk;

static void report_rejected(Publishing *publishing, size_t line, Slice detail)
{
    if (publishing->rejected++ >= ERRORS_SHOWN_MAX)
        return;
    progress_done(&publishing->progress);
    if (line)
        verb_note("%s line %zu was rejected: %.*s", publishing->source, line, SLICE_ARG(detail));
    else
        verb_note("the message was rejected: %.*s", SLICE_ARG(detail));
}

/* ---- into the folder ---- */

static Status publish_to_folder(Publishing *publishing, const Chunk *chunk, Fault *fault)
{
    Delivery deliveries[BATCH_MAX], *pointers[BATCH_MAX];
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < chunk->count; i++) {
        deliveries[i] = (Delivery){.body = chunk->lines[i], .topic = publishing->topic, .received_ms = now_ms};
        pointers[i] = &deliveries[i];
    }
    pipeline_run(publishing->line, pointers, chunk->count);
    for (size_t i = 0; i < chunk->count; i++) {
        const Delivery *delivery = &deliveries[i];
        if (delivery->verdict == VERDICT_FATAL || (delivery->verdict == VERDICT_RETRY && !delivery->kept))
            return *fault = delivery->fault, fault->status;
        publishing->accepted += delivery->verdict != VERDICT_REJECT;
        publishing->duplicates += delivery->duplicate;
        publishing->waiting += delivery->verdict == VERDICT_RETRY;
        if (delivery->verdict == VERDICT_REJECT)
            report_rejected(publishing, chunk->numbers[i], slice_of(delivery->fault.text));
    }
    return STATUS_OK;
}

/* ---- to a server ---- */

static int64_t number_of(const Json *object, const char *key)
{
    const Json *value = json_get(object, key);
    return json_is_number(value) ? (int64_t)value->valuedouble : 0;
}

static void take_answer(Publishing *publishing, const Chunk *chunk, Slice body, Arena *arena)
{
    const Json *answer = NULL;
    if (json_parse(body, arena, &answer, NULL))
        return;
    publishing->accepted += number_of(answer, "accepted");
    publishing->duplicates += number_of(answer, "duplicates");
    int64_t rejected = number_of(answer, "rejected"), before = publishing->rejected;
    json_each(error, json_get(answer, "errors"))
    {
        int64_t line = number_of(error, "line");
        bool known = line >= 1 && (size_t)line <= chunk->count;
        report_rejected(publishing, known ? chunk->numbers[line - 1] : 0, json_text(json_get(error, "detail")));
    }
    publishing->rejected = before + rejected;
}

/* Full jitter, as the server's own retries have. */
static void pause_before_try(int tries, int64_t retry_after_s)
{
    int64_t most_ms = retry_after_s ? retry_after_s * 1000 : 50LL << (tries < 6 ? tries : 6);
    int64_t pause_ms = (most_ms < PAUSE_MOST_MS ? most_ms : PAUSE_MOST_MS) * (random() % 1000) / 1000;
    struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static Slice join_lines(const Chunk *chunk, Arena *arena)
{
    Text body = text_in(arena);
    text_grow(&body, chunk->bytes + chunk->count);
    for (size_t i = 0; i < chunk->count; i++) {
        text_add(&body, chunk->lines[i]);
        text_add_byte(&body, '\n');
    }
    return text_slice(&body);
}

static void say_retrying(Publishing *publishing, const Fault *fault)
{
    int64_t left_ms = publishing->give_up_at_ms - clock_elapsed_ms();
    if (publishing->said_retrying)
        return;
    publishing->said_retrying = true;
    progress_done(&publishing->progress);
    verb_note("%s; trying again for up to %lld s", fault->text, (long long)(left_ms + 999) / 1000);
}

static Status send_until_taken(Publishing *publishing, Slice url, Slice body, Arena *arena, HttpAnswer *answer, Fault *fault)
{
    for (int tries = 0;; tries++) {
        HttpRequest request = {.method = "POST", .url = url.at, .content_type = "application/x-ndjson", .body = body, .timeout_ms = 60000};
        Status status = http_client_ask(publishing->desk.client, &request, arena, answer, fault);
        if (!status && answer->code != 503 && answer->code != 429)
            return STATUS_OK;
        if (!status)
            fault_set(fault, STATUS_RETRY, "server_busy", "the server answered %ld: it takes nothing now", answer->code);
        if (clock_elapsed_ms() > publishing->give_up_at_ms)
            return STATUS_RETRY;
        say_retrying(publishing, fault);
        pause_before_try(tries, status ? 0 : answer->retry_after_s);
    }
}

static Status publish_to_server(Publishing *publishing, const Chunk *chunk, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    HttpAnswer answer;
    Slice base = publishing->desk.server;
    Slice url = slice_empty(publishing->topic)
                    ? arena_printf(&arena, "%.*s/v1/events", SLICE_ARG(base))
                    : arena_printf(&arena, "%.*s/v1/events/%.*s", SLICE_ARG(base), SLICE_ARG(http_client_escape(publishing->topic, &arena)));
    Status status = send_until_taken(publishing, url, join_lines(chunk, &arena), &arena, &answer, fault);
    if (!status && answer.code != 200)
        status = desk_fault_of_answer(&answer, &arena, fault);
    if (!status)
        take_answer(publishing, chunk, answer.body, &arena);
    arena_done(&arena);
    return status;
}

/* ---- lines ---- */

static Status publish_chunk(Publishing *publishing, Chunk *chunk, Fault *fault)
{
    if (!chunk->count)
        return STATUS_OK;
    Status status = publishing->desk.client ? publish_to_server(publishing, chunk, fault) : publish_to_folder(publishing, chunk, fault);
    if (status)
        publishing->lost += (int64_t)chunk->count;
    chunk->count = chunk->bytes = 0;
    return status;
}

static bool is_blank(Slice line)
{
    for (size_t i = 0; i < line.bytes; i++) {
        if (!strchr(" \t\r", line.at[i]))
            return false;
    }
    return true;
}

static Slice take_line(Slice *rest)
{
    const char *newline = memchr(rest->at, '\n', rest->bytes);
    Slice line = {rest->at, newline ? (size_t)(newline - rest->at) : rest->bytes};
    size_t taken = line.bytes + (newline != NULL);
    *rest = (Slice){rest->at + taken, rest->bytes - taken};
    return line;
}

static bool is_full(const Chunk *chunk, Slice next) { return chunk->count == BATCH_MAX || chunk->bytes + next.bytes > CHUNK_BYTES_MAX; }

static Status publish_lines(Publishing *publishing, Slice text, Fault *fault)
{
    Chunk chunk = {.count = 0};
    Status status = STATUS_OK;
    size_t bytes = text.bytes;
    progress_init(&publishing->progress, publishing->source, (int64_t)bytes);
    for (size_t number = 1; text.bytes && !status; number++) {
        Slice line = take_line(&text);
        if (is_blank(line))
            continue;
        if (is_full(&chunk, line))
            status = publish_chunk(publishing, &chunk, fault);
        chunk.lines[chunk.count] = line;
        chunk.numbers[chunk.count++] = number;
        chunk.bytes += line.bytes;
        progress_show(&publishing->progress, (int64_t)(bytes - text.bytes));
    }
    status = status ? status : publish_chunk(publishing, &chunk, fault);
    progress_done(&publishing->progress);
    return status;
}

/* ---- what was asked for ---- */

static Status publish_files(Publishing *publishing, Fault *fault)
{
    const Invocation *invocation = publishing->invocation;
    Status status = STATUS_OK;
    for (int i = 0; !status && i < invocation->argument_count; i++) {
        Slice text;
        publishing->source = invocation->arguments[i];
        status = file_read(publishing->source, invocation->arena, &text, fault);
        status = status ? status : publish_lines(publishing, text, fault);
    }
    return status;
}

static Status publish_message(Publishing *publishing, Slice message, Fault *fault)
{
    Chunk chunk = {.lines = {message}, .count = 1, .bytes = message.bytes};
    if (memchr(message.at, '\n', message.bytes) && publishing->desk.client) { /* to the server goes one line */
        Text one_line = text_in(publishing->invocation->arena);
        for (size_t i = 0; i < message.bytes; i++)
            text_add_byte(&one_line, message.at[i] == '\n' || message.at[i] == '\r' ? ' ' : message.at[i]);
        chunk.lines[0] = text_slice(&one_line);
    }
    return publish_chunk(publishing, &chunk, fault);
}

static bool open_target(Publishing *publishing)
{
    const Invocation *invocation = publishing->invocation;
    Slice server = invocation_option_slice(invocation, "server");
    if (slice_empty(server)) {
        if (!desk_open_to_change(&publishing->desk, invocation))
            return false;
    } else {
        while (server.bytes && server.at[server.bytes - 1] == '/')
            server.bytes--;
        publishing->desk = (Desk){.server = server, .client = http_client_new(invocation->config->server_token), .arena = invocation->arena};
    }
    if (!publishing->desk.client)
        publishing->line = pipeline_new(&publishing->desk.app.ports, &publishing->desk.app.settings);
    return true;
}

static int summary(const Publishing *publishing, Status status, const Fault *fault)
{
    const char *where = publishing->desk.client ? arena_copy(publishing->invocation->arena, publishing->desk.server).at
                                                : publishing->invocation->config->data_folder;
    verb_note("%lld %s accepted (%lld of them duplicates), %lld rejected; to %s", (long long)publishing->accepted,
              publishing->accepted == 1 ? "message" : "messages", (long long)publishing->duplicates, (long long)publishing->rejected, where);
    if (publishing->waiting)
        verb_note("%lld of them could not be done yet and wait: pledgeline serve tries them again, pledgeline dlq list --waiting shows why",
                  (long long)publishing->waiting);
    if (publishing->rejected)
        verb_note("rejected messages are kept with their reason: pledgeline dlq list");
    if (status)
        verb_note("%s; what came after it was not published: publish again, repeating is harmless", fault->text);
    return status || publishing->rejected ? EXIT_FAILED : EXIT_OK;
}

static bool is_http_url(Slice url)
{
    Slice scheme = slice_starts_with(url, SLICE("https://")) ? SLICE("https://") : SLICE("http://");
    return slice_starts_with(url, scheme) && url.bytes > scheme.bytes;
}

/* EXIT_OK: the target is open, and whoever called closes it by finish. */
static int begin(Publishing *publishing, const Invocation *invocation)
{
    Fault fault;
    size_t deadline_s;
    if (invocation_option(invocation, "server") && !is_http_url(invocation_option_slice(invocation, "server")))
        return verb_usage("--server is \"%.80s\"; it must be a URL like http://127.0.0.1:8080", invocation_option(invocation, "server"));
    if (invocation_number(invocation, "deadline", 60, &deadline_s, &fault))
        return verb_fail(&fault);
    publishing->invocation = invocation;
    publishing->give_up_at_ms = clock_elapsed_ms() + (int64_t)deadline_s * 1000;
    return open_target(publishing) ? EXIT_OK : EXIT_FAILED;
}

static int finish(Publishing *publishing, Status status, const Fault *fault)
{
    int code = summary(publishing, status, fault);
    pipeline_free(publishing->line);
    desk_close(&publishing->desk);
    return code;
}

int publish_given(const Invocation *invocation, Slice topic, const char *source, Slice lines)
{
    Fault fault = {0};
    Publishing publishing = {.topic = topic, .source = source};
    int code = begin(&publishing, invocation);
    return code ? code : finish(&publishing, publish_lines(&publishing, lines, &fault), &fault);
}

int publish_verb(const Invocation *invocation)
{
    Slice message = invocation_option_slice(invocation, "message"), arn = invocation_option_slice(invocation, "topic-arn");
    Slice topic = slice_empty(arn) ? invocation_option_slice(invocation, "topic") : envelope_topic_name(arn);
    Fault fault = {0};
    char topics[EVENT_TOPICS_BYTES];
    if (slice_empty(message) && !invocation->argument_count)
        return verb_usage("publish what? --topic NAME --message JSON, or a file of NDJSON lines, or - for stdin");
    if (!slice_empty(message) && invocation->argument_count)
        return verb_usage("publish takes --message or files, not both");
    if (!slice_empty(topic) && !event_handler_of(topic))
        return verb_usage("there is no topic \"%.*s\"; there are %s", SLICE_ARG(topic), event_topics(topics));
    Publishing publishing = {.topic = topic};
    int code = begin(&publishing, invocation);
    if (code)
        return code;
    return finish(&publishing, slice_empty(message) ? publish_files(&publishing, &fault) : publish_message(&publishing, message, &fault), &fault);
}
