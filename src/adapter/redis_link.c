/* One connection: made at first use, made anew after a failure, given up at the deadline. hiredis parses. */
#include <stdlib.h>

#include "adapter/redis_link.h"
#include "base/clock.h"
#include "base/log.h"

enum { READ_BYTES = 32 * 1024, ANSWER_BYTES_MAX = 256 * 1024 * 1024, DEADLINE_MS = 5000 };

/* ---- commands ---- */

/* A batch has thousands of numbers: printf would take half of its time here. */
enum { NUMBER_BYTES = 24 };
static Slice digits_of(int64_t number, char room[static NUMBER_BYTES])
{
    char *at = room + NUMBER_BYTES;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    return (Slice){at, (size_t)(room + NUMBER_BYTES - at)};
}

void redis_add_number(Text *out, int64_t number)
{
    char room[NUMBER_BYTES];
    text_add(out, digits_of(number, room));
}

static char *put(char *at, Slice bytes)
{
    if (bytes.bytes)
        memcpy(at, bytes.at, bytes.bytes);
    return at + bytes.bytes;
}

/* As RESP has it: every word with its length before it. */
static void add_word(Text *out, Slice word)
{
    static const Slice LINE_END = SLICE_INIT("\r\n");
    char room[NUMBER_BYTES];
    char *start = text_grow(out, 1 + NUMBER_BYTES + 2 + word.bytes + 2), *at = start;
    *at++ = '$';
    at = put(at, digits_of((int64_t)word.bytes, room));
    at = put(at, LINE_END);
    at = put(at, word);
    at = put(at, LINE_END);
    out->bytes += (size_t)(at - start);
}

static void open_command(Text *out, size_t count)
{
    text_add_byte(out, '*');
    redis_add_number(out, (int64_t)count);
    text_add(out, SLICE("\r\n"));
}

static void add_command(Text *out, const Slice *words, size_t count)
{
    open_command(out, count);
    for (size_t i = 0; i < count; i++)
        add_word(out, words[i]);
}

static void free_replies(redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (replies[i])
            freeReplyObject(replies[i]);
        replies[i] = NULL;
    }
}

void redis_begin(Redis *redis)
{
    free_replies(redis->replies, redis->count);
    arena_reset(&redis->scratch);
    redis->commands = text_in(&redis->scratch);
    redis->count = 0;
}

static void make_room(Redis *redis)
{
    if (redis->count < redis->capacity)
        return;
    redis->capacity = redis->capacity ? redis->capacity * 2 : 64;
    redis->replies = realloc(redis->replies, redis->capacity * sizeof *redis->replies);
    redis->scripts = realloc(redis->scripts, redis->capacity * sizeof *redis->scripts);
    if (!redis->replies || !redis->scripts)
        abort();
}

void redis_add(Redis *redis, const Slice *words, size_t count)
{
    make_room(redis);
    add_command(&redis->commands, words, count);
    redis->replies[redis->count] = NULL;
    redis->scripts[redis->count++] = NULL;
}

void redis_open_script(Redis *redis, const RedisScript *script, size_t count)
{
    make_room(redis);
    open_command(&redis->commands, count + 3);
    redis_add_word(redis, SLICE("EVALSHA"));
    redis_add_word(redis, slice_of(script->sha1));
    redis_add_word(redis, SLICE("0"));
    redis->replies[redis->count] = NULL;
    redis->scripts[redis->count++] = script;
}

void redis_add_word(Redis *redis, Slice word) { add_word(&redis->commands, word); }

void redis_add_number_word(Redis *redis, int64_t number)
{
    char room[NUMBER_BYTES];
    add_word(&redis->commands, digits_of(number, room));
}

void redis_add_script(Redis *redis, const RedisScript *script, const Slice *words, size_t count)
{
    redis_open_script(redis, script, count);
    for (size_t i = 0; i < count; i++)
        redis_add_word(redis, words[i]);
}

int64_t redis_number(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        return reply->integer;
    return reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
}

Slice redis_print_number(Redis *redis, int64_t number)
{
    char room[NUMBER_BYTES];
    return arena_copy(&redis->scratch, digits_of(number, room));
}

/* ---- the connection ---- */

static void disconnect(Redis *redis)
{
    stream_close(redis->stream);
    if (redis->reader)
        redisReaderFree(redis->reader);
    redis->stream = NULL;
    redis->reader = NULL;
    redis->was_used = false;
}

static Status read_more(Redis *redis, int64_t deadline_ms, size_t *bytes_so_far, Fault *fault)
{
    char bytes[READ_BYTES];
    size_t count;
    Status status = stream_read(redis->stream, bytes, sizeof bytes, deadline_ms, &count, fault);
    if (status)
        return status;
    *bytes_so_far += count;
    if (*bytes_so_far > ANSWER_BYTES_MAX || redisReaderFeed(redis->reader, bytes, count) != REDIS_OK)
        return fault_set(fault, STATUS_RETRY, "redis_protocol", "an answer of Redis is too long or cannot be read");
    return STATUS_OK;
}

static Status read_replies(Redis *redis, size_t count, redisReply **replies, int64_t deadline_ms, Fault *fault)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count;) {
        void *reply = NULL;
        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK)
            return fault_set(fault, STATUS_RETRY, "redis_protocol", "what answers at %.100s:%d does not speak as Redis does: %.80s",
                             redis->place.host, redis->place.port, redis->reader->errstr);
        if (reply) {
            replies[i++] = reply;
            continue;
        }
        Status status = read_more(redis, deadline_ms, &bytes, fault);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* One write, one answer each. Disconnects unless OK. */
static Status converse(Redis *redis, Slice commands, size_t count, redisReply **replies, int64_t deadline_ms, Fault *fault)
{
    free_replies(replies, count);
    Status status = stream_write(redis->stream, commands, deadline_ms, fault);
    status = status ? status : read_replies(redis, count, replies, deadline_ms, fault);
    if (status) {
        free_replies(replies, count);
        disconnect(redis);
    }
    return status;
}

static Status complain(Redis *redis, Slice text, const RedisError *error, Fault *fault)
{
    fault_set(fault, STATUS_RETRY, error->code, "Redis at %.60s:%d says \"%.*s\": %s", redis->place.host, redis->place.port,
              (int)(text.bytes < 90 ? text.bytes : 90), text.at, error->advice);
    log_mask_phones(fault->text); /* keys of the list hold numbers */
    fault->is_of_one = error->health == REDIS_REFUSES_ONE;
    if (error->drops)
        disconnect(redis);
    return STATUS_RETRY;
}

/* ---- the first words ---- */

/* The value of "name:value" in the lines of INFO. */
static Slice info_of(Slice info, Slice name)
{
    const char *at = info.at ? memmem(info.at, info.bytes, name.at, name.bytes) : NULL;
    if (!at)
        return (Slice){0};
    at += name.bytes;
    const char *end = at;
    while (end < info.at + info.bytes && *end != '\r' && *end != '\n')
        end++;
    return (Slice){at, (size_t)(end - at)};
}

/* With an eviction policy a full server forgets blocked numbers, counters or guards, and nobody is told. */
static Status check_memory_policy(Redis *redis, const redisReply *reply, Fault *fault)
{
    Slice info = redis_text(reply), limit = info_of(info, SLICE("\nmaxmemory:")), policy = info_of(info, SLICE("\nmaxmemory_policy:"));
    if (slice_empty(limit) || slice_empty(policy)) {
        if (!redis->told_of_memory)
            log_line(LOG_WARN, "redis does not show its memory policy: make sure that it is noeviction", LOG_CSTR("host", redis->place.host));
        redis->told_of_memory = true;
        return STATUS_OK;
    }
    if (slice_equal(limit, SLICE("0")) || slice_equal(policy, SLICE("noeviction")))
        return STATUS_OK;
    return fault_set(fault, STATUS_RETRY, "redis_eviction",
                     "Redis at %.60s:%d has maxmemory-policy %.*s: when it is full it forgets counters and blocked numbers without a word."
                     " Set maxmemory-policy to noeviction", redis->place.host, redis->place.port, SLICE_ARG(policy));
}

/* AUTH and SELECT where they are needed, and INFO last. */
static size_t first_words(const Redis *redis, Text *out)
{
    const RedisPlace *place = &redis->place;
    size_t count = 1;
    if (*place->password && *place->user)
        add_command(out, (const Slice[]){SLICE("AUTH"), slice_of(place->user), slice_of(place->password)}, 3);
    else if (*place->password)
        add_command(out, (const Slice[]){SLICE("AUTH"), slice_of(place->password)}, 2);
    count += *place->password != 0;
    if (place->database)
        add_command(out, (const Slice[]){SLICE("SELECT"), arena_printf(out->arena, "%d", place->database)}, 2);
    count += place->database != 0;
    add_command(out, (const Slice[]){SLICE("INFO"), SLICE("memory")}, 2);
    return count;
}

/* An account that may not use INFO is fine; one that is not let in at all is not. */
static bool is_refused(const redisReply *reply, bool is_info)
{
    return reply->type == REDIS_REPLY_ERROR && (!is_info || slice_starts_with(redis_text(reply), SLICE("NOAUTH")));
}

static Status introduce(Redis *redis, int64_t deadline_ms, Fault *fault)
{
    enum { WORDS_MAX = 3 };
    Arena arena = {0};
    Text words = text_in(&arena);
    redisReply *replies[WORDS_MAX] = {0};
    size_t count = first_words(redis, &words);
    Status status = converse(redis, text_slice(&words), count, replies, deadline_ms, fault);
    for (size_t i = 0; !status && i < count; i++) {
        if (is_refused(replies[i], i + 1 == count))
            status = complain(redis, redis_text(replies[i]), redis_error_of(redis_text(replies[i])), fault);
    }
    status = status ? status : check_memory_policy(redis, replies[count - 1], fault);
    free_replies(replies, count);
    arena_done(&arena);
    return status;
}

static Status connect_anew(Redis *redis, int64_t deadline_ms, Fault *fault)
{
    StreamSettings settings = {redis->place.host, redis->place.port, redis->place.is_tls, redis->ca_file};
    Status status = stream_open(&settings, deadline_ms, &redis->stream, fault);
    if (status)
        return status;
    redis->reader = redisReaderCreate();
    if (!redis->reader)
        abort();
    status = introduce(redis, deadline_ms, fault);
    if (status)
        disconnect(redis);
    return status;
}

/* ---- running ---- */

/* A connection that idled may have been cut long ago; what was lost on it is sent once more on a new one. */
static Status exchange(Redis *redis, int64_t deadline_ms, Fault *fault)
{
    for (;;) {
        bool was_used = redis->was_used;
        Status status = redis->stream ? STATUS_OK : connect_anew(redis, deadline_ms, fault);
        if (status)
            return status;
        status = converse(redis, text_slice(&redis->commands), redis->count, redis->replies, deadline_ms, fault);
        if (!status)
            redis->was_used = true;
        if (!status || !was_used || strcmp(fault->code, "connection_lost") != 0)
            return status;
    }
}

static bool lacks_script(const Redis *redis, size_t i)
{
    return redis->scripts[i] && redis->replies[i]->type == REDIS_REPLY_ERROR &&
           slice_starts_with(redis_text(redis->replies[i]), SLICE("NOSCRIPT"));
}

/* Loads what the server said it has not. *ret_loaded false: it has everything. */
static Status load_scripts(Redis *redis, int64_t deadline_ms, bool *ret_loaded, Fault *fault)
{
    const RedisScript *last = NULL;
    Text words = text_in(&redis->scratch);
    size_t count = 0;
    for (size_t i = 0; i < redis->count; i++) {
        if (!lacks_script(redis, i) || redis->scripts[i] == last)
            continue;
        last = redis->scripts[i];
        add_command(&words, (const Slice[]){SLICE("SCRIPT"), SLICE("LOAD"), last->text}, 3);
        count++;
    }
    *ret_loaded = count > 0;
    if (!count)
        return STATUS_OK;
    redisReply **replies = ARENA_ARRAY(&redis->scratch, redisReply *, count);
    Status status = converse(redis, text_slice(&words), count, replies, deadline_ms, fault);
    free_replies(replies, count);
    return status;
}

/* The first error among the answers. */
static Status check_replies(Redis *redis, RedisHealth *ret_health, Fault *fault)
{
    for (size_t i = 0; i < redis->count; i++) {
        Slice text = redis_text(redis->replies[i]);
        if (redis->replies[i]->type != REDIS_REPLY_ERROR)
            continue;
        const RedisError *error = redis_error_of(text);
        *ret_health = error->health;
        return complain(redis, text, error, fault);
    }
    return STATUS_OK;
}

static Status run(Redis *redis, RedisHealth *ret_health, Fault *fault)
{
    int64_t deadline_ms = clock_elapsed_ms() + breaker_patience_ms(redis->breaker, redis->deadline_ms);
    bool loaded = false;
    *ret_health = REDIS_AWAY;
    Status status = exchange(redis, deadline_ms, fault);
    status = status ? status : load_scripts(redis, deadline_ms, &loaded, fault);
    if (!status && loaded)
        status = exchange(redis, deadline_ms, fault);
    if (status)
        return status;
    *ret_health = REDIS_WELL;
    return check_replies(redis, ret_health, fault);
}

Status redis_run(Redis *redis, Fault *fault)
{
    if (redis->count == 0)
        return STATUS_OK;
    Status status = breaker_enter(redis->breaker, fault);
    if (status)
        return status;
    Fault why = {0};
    RedisHealth health;
    status = run(redis, &health, &why);
    if (health == REDIS_AWAY)
        breaker_failed(redis->breaker, &why);
    else if (health != REDIS_WELL)
        breaker_refused(redis->breaker, &why);
    else
        breaker_answered(redis->breaker);
    if (status && fault)
        *fault = why;
    return status;
}

/* ---- opening ---- */

/* What is not given stays as it is. */
static bool set_text(char *out, size_t room, const char *text)
{
    if (text && *text)
        snprintf(out, room, "%s", text);
    return !text || strlen(text) < room;
}

static Status place_of(const RedisSettings *settings, RedisPlace *ret, Fault *fault)
{
    *ret = (RedisPlace){.host = "localhost", .port = settings->port ? settings->port : 6379};
    Status status = settings->url && *settings->url ? redis_parse_url(settings->url, ret, fault) : STATUS_OK;
    if (status)
        return status;
    bool has_url = settings->url && *settings->url;
    bool fits = set_text(ret->host, sizeof ret->host, has_url ? NULL : settings->host) &&
                set_text(ret->user, sizeof ret->user, settings->user) &&
                set_text(ret->password, sizeof ret->password, settings->password);
    return fits ? STATUS_OK : fault_set(fault, STATUS_REJECT, "redis_url", "host, user or password of Redis is too long");
}

Status redis_open(const RedisSettings *settings, Redis **ret, Fault *fault)
{
    RedisPlace place;
    Status status = place_of(settings, &place, fault);
    if (status)
        return status;
    Redis *redis = calloc(1, sizeof *redis);
    if (!redis)
        abort();
    redis->place = place;
    redis->ca_file = settings->ca_file && *settings->ca_file ? strdup(settings->ca_file) : NULL;
    redis->deadline_ms = settings->deadline_ms > 0 ? settings->deadline_ms : DEADLINE_MS;
    redis->breaker = settings->breaker;
    redis->now_ms = settings->now_ms ? settings->now_ms : clock_wall_ms;
    digest_uuid(redis->owner);
    *ret = redis;
    return STATUS_OK;
}

void redis_close(Redis *redis)
{
    if (!redis)
        return;
    disconnect(redis);
    redis_begin(redis);
    free(redis->replies);
    free(redis->scripts);
    arena_done(&redis->scratch);
    arena_done(&redis->recount_arena);
    free(redis->ca_file);
    free(redis);
}
