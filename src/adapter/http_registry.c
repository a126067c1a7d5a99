/* The registry's verbs that change something, and the check. A batch goes out over several connections at once: its deadline is
 * that of one request. What comes twice in it goes in turn, so that the answers tell them apart. */
#include "adapter/http_store.h"

#include <stdlib.h>

#include "event/print.h"

enum { DEADLINE_MS = 5000 };

static Arena *fresh_scratch(HttpRegistry *registry)
{
    arena_reset(&registry->scratch);
    return &registry->scratch;
}

/* ---- answers of the verbs that store ---- */

static bool is_stored(const HttpExchange *exchange)
{
    long code = exchange->answer.code;
    return code == 409 || (code >= 200 && code <= 299);
}

/* A refusal comes before a failure: which entry it was shows when they are tried one by one. */
static Status judge_all(const HttpRegistry *registry, const HttpExchange *exchanges, size_t count, Arena *arena, Fault *fault)
{
    Status worst = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        if (is_stored(&exchanges[i]))
            continue;
        Fault why;
        Status status = http_judge(registry, &exchanges[i], arena, &why);
        if (worst == STATUS_REJECT || (worst && status != STATUS_REJECT))
            continue;
        worst = status;
        *fault = why;
    }
    return worst;
}

/* Of those with one key, each waits for the one before it. first is the key of the first item, stride the size of an item. */
static void put_in_turn(HttpExchange *exchanges, const Slice *first, size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Slice key = *(const Slice *)(const void *)((const char *)first + i * stride);
        for (size_t k = i; k > 0 && !exchanges[i].after; k--) {
            if (slice_equal(key, *(const Slice *)(const void *)((const char *)first + (k - 1) * stride)))
                exchanges[i].after = &exchanges[k - 1];
        }
    }
}

static Status store_all(HttpRegistry *registry, HttpExchange *exchanges, const Slice *first, size_t stride, size_t count, Arena *arena,
                        Fault *fault)
{
    if (!count)
        return STATUS_OK;
    put_in_turn(exchanges, first, stride, count);
    Status status = http_ask(registry, exchanges, count, HTTP_PATH_REQUIRED, arena, fault);
    return status ? status : judge_all(registry, exchanges, count, arena, fault);
}

/* "added", "known", "repeated"; empty where the API does not say. */
static Slice result_of(const HttpExchange *exchange, Arena *arena) { return json_text(json_get(http_body(exchange, arena), "result")); }

/* A repeat that is the echo of our own try, whose answer was lost, is what that try did. */
static BlockResult block_result(const HttpExchange *exchange, Arena *arena)
{
    Slice result = result_of(exchange, arena);
    if (slice_equal(result, SLICE("known")))
        return BLOCK_KNOWN;
    if (slice_equal(result, SLICE("repeated")))
        return exchange->maybe_taken ? BLOCK_ADDED : BLOCK_REPEATED;
    return exchange->answer.code == 409 && !exchange->maybe_taken ? BLOCK_KNOWN : BLOCK_ADDED;
}

/* In doubt it is new: counters move once for an action id, however often they are told. */
static bool is_new(const HttpExchange *exchange, Arena *arena)
{
    bool was_there = exchange->answer.code == 409 || slice_equal(result_of(exchange, arena), SLICE("known"));
    return !was_there || exchange->maybe_taken;
}

/* ---- block ---- */

static Slice print_entry(const BlockEntry *entry, Arena *arena)
{
    Text json = text_in(arena);
    print_block_entry(&json, entry);
    if (!entry->pressed_ms)
        return text_slice(&json);
    json.bytes--;
    json_add_time_member(&json, "pressedAt", entry->pressed_ms);
    text_add_byte(&json, '}');
    return text_slice(&json);
}

static Status block(void *self, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    HttpRegistry *registry = self;
    Arena *arena = fresh_scratch(registry);
    HttpExchange *exchanges = ARENA_ARRAY(arena, HttpExchange, count);
    for (size_t i = 0; i < count; i++)
        exchanges[i] = http_exchange(registry, "POST", SLICE("/blacklist"), print_entry(&entries[i], arena), arena);
    Status status = store_all(registry, exchanges, &entries->phone, sizeof *entries, count, arena, fault);
    for (size_t i = 0; !status && i < count; i++)
        results[i] = block_result(&exchanges[i], arena);
    return status;
}

/* ---- actions ---- */

static Slice print_record(const ActionRecord *record, Arena *arena)
{
    Text json = text_in(arena);
    print_action(&json, record);
    return text_slice(&json);
}

static Status record_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    HttpRegistry *registry = self;
    Arena *arena = fresh_scratch(registry);
    HttpExchange *exchanges = ARENA_ARRAY(arena, HttpExchange, count);
    for (size_t i = 0; i < count; i++)
        exchanges[i] = http_exchange(registry, "POST", SLICE("/actions"), print_record(&records[i], arena), arena);
    Status status = store_all(registry, exchanges, &records->id, sizeof *records, count, arena, fault);
    for (size_t i = 0; !status && i < count; i++)
        ret_new[i] = is_new(&exchanges[i], arena);
    return status;
}

/* ---- unblock ---- */

static Slice print_removal(Slice actor, Slice reason, Arena *arena)
{
    Text body = text_in(arena);
    text_add_byte(&body, '{');
    json_add_text_member(&body, "actor", actor);
    json_add_text_member(&body, "reason", reason);
    text_add_byte(&body, '}');
    return text_slice(&body);
}

/* The API goes by its own clock. */
static Status unblock(void *self, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault)
{
    (void)now_ms;
    HttpRegistry *registry = self;
    Arena *arena = fresh_scratch(registry);
    if (slice_empty(actor) || slice_empty(reason))
        return fault_set(fault, STATUS_REJECT, "actor_required", "removing a number needs an actor and a reason");
    HttpExchange exchange = http_exchange(registry, "DELETE", http_path_of(phone, arena), print_removal(actor, reason, arena), arena);
    Status status = http_ask(registry, &exchange, 1, HTTP_PATH_OPTIONAL, arena, fault);
    if (status)
        return status;
    bool is_clear = http_says_clear(&exchange, arena);
    if (!is_clear && http_path_is_missing(&exchange))
        return http_lacks(registry, "take a number off its list", fault);
    status = is_clear ? STATUS_OK : http_judge(registry, &exchange, arena, fault);
    if (!status)
        *ret_was_blocked = !is_clear || exchange.maybe_taken;
    return status;
}

/* ---- the check ---- */

/* Each number in the order in which it was asked for. Anything else is no answer, and nobody is clear by it. */
static Status read_results(const HttpRegistry *registry, const Json *body, const Slice *phones, size_t count, bool *ret_blocked,
                           Fault *fault)
{
    const Json *results = json_get(body, "results");
    bool blocked[BATCH_MAX];
    size_t read = 0;
    json_each(result, json_is_array(results) ? results : NULL)
    {
        const Json *said = json_get(result, "blocked");
        bool is_said = json_is_true(said) || json_is_false(said);
        if (read == count || !is_said || !slice_equal(json_text(json_get(result, "phoneNumber")), phones[read]))
            return http_not_understood(registry, "what was asked about each number", fault);
        if (json_is_true(json_get(result, "unknown")))
            return fault_set(fault, STATUS_RETRY, "database_api_unsure", "the database API %.80s cannot read its own list now",
                             registry->url);
        blocked[read++] = json_is_true(said);
    }
    if (read != count)
        return http_not_understood(registry, "what was asked about each number", fault);
    memcpy(ret_blocked, blocked, count * sizeof *blocked);
    return STATUS_OK;
}

static Slice print_question(const Slice *phones, size_t count, Arena *arena)
{
    Text body = text_in(arena);
    text_add_literal(&body, "{\"phoneNumbers\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            text_add_byte(&body, ',');
        json_add_string(&body, phones[i]);
    }
    text_add_literal(&body, "]}");
    return text_slice(&body);
}

/* Whoever asks about a number is not wrong when the API does not understand us. */
static Status judge_check(const HttpRegistry *registry, const HttpExchange *exchange, Arena *arena, Fault *fault)
{
    Status status = http_judge(registry, exchange, arena, fault);
    if (status != STATUS_REJECT && !http_path_is_missing(exchange))
        return status;
    return fault_set(fault, STATUS_RETRY, FAULT_CHECK_MISSING,
                     "the database API %.80s has no /blacklist/check that we know: it cannot say who is blocked", registry->url);
}

static Status is_blocked(void *self, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault)
{
    HttpRegistry *registry = self;
    Arena *arena = fresh_scratch(registry);
    if (!count)
        return STATUS_OK;
    Slice question = print_question(phones, count, arena);
    HttpExchange exchange = http_exchange(registry, "POST", SLICE("/blacklist/check"), question, arena);
    Status status = http_ask(registry, &exchange, 1, HTTP_PATH_OPTIONAL, arena, fault);
    status = status ? status : judge_check(registry, &exchange, arena, fault);
    return status ? status : read_results(registry, http_body(&exchange, arena), phones, count, ret_blocked, fault);
}

/* ---- the audit chain ---- */

static Status audit_append(void *self, const AuditEntry *entry, Fault *fault)
{
    (void)entry;
    const HttpRegistry *registry = self;
    return fault_set(fault, STATUS_REJECT, "database_api_lacks",
                     "the numbers are blocked; the database API %.80s takes no audit entry about the import itself: import at the database"
                     " itself to have one", registry->url);
}

static Status audit_head(void *self, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault)
{
    (void)ret_entries, (void)ret_hash;
    return http_lacks(self, "show its audit log", fault);
}

/* ---- open and close ---- */

static Status check_url(Slice url, Fault *fault)
{
    bool is_http = slice_starts_with(url, SLICE("http://")) || slice_starts_with(url, SLICE("https://"));
    if (!is_http || memchr(url.at, '?', url.bytes) || memchr(url.at, '#', url.bytes) || memchr(url.at, '@', url.bytes))
        return fault_set(fault, STATUS_REJECT, "setting_value",
                         "DATABASE_API_URL must be a URL like http://host:8080/v1, without a query or a login; "
                         "DATABASE_API_TOKEN has the token");
    return STATUS_OK;
}

Status http_registry_open(const HttpRegistrySettings *settings, HttpRegistry **ret, Fault *fault)
{
    Slice url = slice_of(settings->url);
    while (url.bytes && url.at[url.bytes - 1] == '/')
        url.bytes--;
    Status status = check_url(url, fault);
    if (status)
        return status;
    HttpRegistry *registry = calloc(1, sizeof *registry);
    if (!registry)
        abort();
    registry->url = arena_copy(&registry->arena, url).at;
    registry->client = http_client_new(settings->token);
    registry->breaker = settings->breaker;
    registry->deadline_ms = settings->deadline_ms ? settings->deadline_ms : DEADLINE_MS;
    *ret = registry;
    return STATUS_OK;
}

void http_registry_close(HttpRegistry *registry)
{
    if (!registry)
        return;
    http_client_free(registry->client);
    arena_done(&registry->scratch);
    arena_done(&registry->arena);
    free(registry);
}

RegistryPort http_registry(HttpRegistry *registry)
{
    return (RegistryPort){.self = registry, .block = block, .unblock = unblock, .is_blocked = is_blocked, .show = http_show,
                          .list = http_list, .count = http_count, .record_actions = record_actions, .actions = http_actions,
                          .audit_append = audit_append, .audit = http_audit, .audit_head = audit_head};
}
