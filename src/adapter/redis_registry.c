/* The do-not-call list on Redis alone, for a process that has no database: the set that others know as the fast cache is the list
 * itself. It has no audit chain; of a removal it keeps who did it and why. */
#include <stdlib.h>

#include "adapter/redis_link.h"
#include "event/print.h"
#include "event/read.h"

static const Slice LIST = SLICE_INIT("blacklist:numbers");

enum { PAGE_NAMES = 256, KNOWN_S = 30 * 24 * 60 * 60 };

/* ---- block and unblock ---- */

static BlockResult result_of(Slice word)
{
    if (slice_equal(word, SLICE("repeated")))
        return BLOCK_REPEATED;
    return slice_equal(word, SLICE("known")) ? BLOCK_KNOWN : BLOCK_ADDED;
}

static Status check_count(const Redis *redis, size_t count, Fault *fault)
{
    if (redis->replies[0]->elements == count)
        return STATUS_OK;
    return fault_set(fault, STATUS_RETRY, "redis_protocol", "Redis did not answer for each of them");
}

static Status block(void *self, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_list_block, count * 4);
    for (size_t i = 0; i < count; i++) {
        redis_add_word(redis, entries[i].phone);
        redis_add_word(redis, entries[i].action_id);
        redis_add_number_word(redis, entries[i].pressed_ms);
        redis_add_word(redis, redis_print_entry(redis, &entries[i]));
    }
    Status status = redis_run(redis, fault);
    status = status ? status : check_count(redis, count, fault);
    for (size_t i = 0; !status && i < count; i++)
        results[i] = result_of(redis_text(redis->replies[0]->element[i]));
    return status;
}

static Slice print_removal(Redis *redis, Slice actor, Slice reason, int64_t now_ms)
{
    Text removal = text_in(&redis->scratch);
    text_add_byte(&removal, '{');
    json_add_time_member(&removal, "at", now_ms);
    json_add_text_member(&removal, "actor", actor);
    json_add_text_member(&removal, "reason", reason);
    text_add_byte(&removal, '}');
    return text_slice(&removal);
}

static Status unblock(void *self, Slice phone, Slice actor, Slice reason, int64_t now_ms, bool *ret_was_blocked, Fault *fault)
{
    Redis *redis = self;
    if (slice_empty(actor) || slice_empty(reason))
        return fault_set(fault, STATUS_REJECT, "actor_required", "removing a number needs an actor and a reason");
    redis_begin(redis);
    Slice words[] = {phone, redis_print_number(redis, now_ms), print_removal(redis, actor, reason, now_ms)};
    redis_add_script(redis, &redis_script_list_unblock, words, 3);
    Status status = redis_run(redis, fault);
    if (!status)
        *ret_was_blocked = redis_number(redis->replies[0]) == 1;
    return status;
}

/* ---- one number ---- */

static Status is_blocked(void *self, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault)
{
    const redisReply *found;
    if (!count)
        return STATUS_OK;
    Status status = redis_find_blocked(self, phones, count, &found, fault);
    for (size_t i = 0; !status && i < count; i++)
        ret_blocked[i] = redis_number(found->element[1 + i]) == 1;
    return status;
}

/* Another program may have put the number in the set and no entry beside it: then the number is all that is known. */
static BlockEntry parse_entry(Slice phone, Slice json, Arena *arena)
{
    const Json *value = NULL;
    Fault ignored;
    BlockEntry entry = {0};
    if (!json_parse(arena_copy(arena, json), arena, &value, &ignored))
        entry = read_block_entry(value);
    entry.phone = arena_copy(arena, phone);
    return entry;
}

static Status show(void *self, Slice phone, Arena *arena, BlockEntry *ret_entry, bool *ret_found, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("SISMEMBER"), LIST, phone);
    REDIS_ADD(redis, SLICE("GET"), redis_key(redis, "blacklist:", phone));
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    *ret_found = redis_number(redis->replies[0]) == 1;
    if (*ret_found)
        *ret_entry = parse_entry(phone, redis_text(redis->replies[1]), arena);
    return STATUS_OK;
}

static Status count_numbers(void *self, int64_t *ret_blocked, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    REDIS_ADD(redis, SLICE("SCARD"), LIST);
    Status status = redis_run(redis, fault);
    if (!status)
        *ret_blocked = redis_number(redis->replies[0]);
    return status;
}

/* ---- lists: Redis has them in no order, so the names are sorted here, and the rest comes in pages ---- */

typedef struct Name { Slice name, key; } Name; /* name: what the list is in order of; key: where its JSON is */

typedef struct Listing {
    const RegistryFilter *filter;
    bool is_of_actions;
    bool (*visit_entry)(void *context, const BlockEntry *entry);
    bool (*visit_action)(void *context, const ActionRecord *record);
    void *context;
    size_t shown;
    Arena arena; /* of the names */
    Name *names;
    size_t count, capacity;
} Listing;

static void add_name(Listing *listing, Slice name, const char *prefix)
{
    if (slice_compare(name, listing->filter->after) <= 0)
        return;
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity ? listing->capacity * 2 : 1024;
        listing->names = realloc(listing->names, listing->capacity * sizeof *listing->names);
        if (!listing->names)
            abort();
    }
    Slice key = arena_printf(&listing->arena, "%s%.*s", prefix, SLICE_ARG(name));
    size_t before = strlen(prefix);
    listing->names[listing->count++] = (Name){{key.at + before, key.bytes - before}, key};
}

static void add_found(Listing *listing, Slice found)
{
    static const char *const prefixes[] = {REDIS_DONATION_ACTION, REDIS_OPTOUT_ACTION};
    if (!listing->is_of_actions)
        add_name(listing, found, "blacklist:");
    for (size_t i = 0; listing->is_of_actions && i < sizeof prefixes / sizeof *prefixes; i++) {
        Slice prefix = slice_of(prefixes[i]);
        if (slice_starts_with(found, prefix))
            add_name(listing, (Slice){found.at + prefix.bytes, found.bytes - prefix.bytes}, prefixes[i]);
    }
}

static void ask_scan(Redis *redis, const Listing *listing, Slice cursor)
{
    redis_begin(redis);
    if (listing->is_of_actions)
        REDIS_ADD(redis, SLICE("SCAN"), cursor, SLICE("MATCH"), SLICE("*_action:*"), SLICE("COUNT"), SLICE("1000"));
    else
        REDIS_ADD(redis, SLICE("SSCAN"), LIST, cursor, SLICE("COUNT"), SLICE("1000"));
}

static int compare_names(const void *a, const void *b)
{
    const Name *one = a, *other = b;
    int order = slice_compare(one->name, other->name);
    return order ? order : slice_compare(one->key, other->key);
}

/* In order, each once: a scan may show one twice. */
static void sort_names(Listing *listing)
{
    size_t kept = 0;
    if (listing->count)
        qsort(listing->names, listing->count, sizeof *listing->names, compare_names);
    for (size_t i = 0; i < listing->count; i++) {
        if (!kept || !slice_equal(listing->names[i].key, listing->names[kept - 1].key))
            listing->names[kept++] = listing->names[i];
    }
    listing->count = kept;
}

static Status scan(Redis *redis, Listing *listing, Fault *fault)
{
    Slice cursor = SLICE("0");
    do {
        ask_scan(redis, listing, cursor);
        Status status = redis_run(redis, fault);
        if (status)
            return status;
        const redisReply *answer = redis->replies[0];
        if (answer->elements != 2)
            return fault_set(fault, STATUS_RETRY, "redis_protocol", "Redis did not answer a scan with a cursor and names");
        for (size_t i = 0; i < answer->element[1]->elements; i++)
            add_found(listing, redis_text(answer->element[1]->element[i]));
        cursor = arena_copy(&listing->arena, redis_text(answer->element[0]));
    } while (!slice_equal(cursor, SLICE("0")));
    sort_names(listing);
    return STATUS_OK;
}

static bool is_about(const RegistryFilter *filter, Slice campaign_id, Slice call_id, Slice phone, Slice action_type)
{
    return (slice_empty(filter->campaign_id) || slice_equal(filter->campaign_id, campaign_id)) &&
           (slice_empty(filter->call_id) || slice_equal(filter->call_id, call_id)) &&
           (slice_empty(filter->phone) || slice_equal(filter->phone, phone)) &&
           (slice_empty(filter->action_type) || slice_equal(filter->action_type, action_type));
}

static bool show_entry(Listing *listing, Slice phone, Slice json, Arena *arena)
{
    const RegistryFilter *filter = listing->filter;
    BlockEntry entry = parse_entry(phone, json, arena);
    if (!is_about(filter, entry.campaign_id, entry.call_id, entry.phone, filter->action_type))
        return true;
    return listing->visit_entry(listing->context, &entry) && ++listing->shown != filter->limit;
}

/* Its day may be over since the scan. */
static bool show_action(Listing *listing, Slice id, Slice json, Arena *arena)
{
    const RegistryFilter *filter = listing->filter;
    const Json *value;
    Fault ignored;
    if (json_parse(json, arena, &value, &ignored))
        return true;
    ActionRecord record = read_action(value);
    record.id = id;
    if (!is_about(filter, record.campaign_id, record.call_id, record.phone, record.action_type))
        return true;
    return listing->visit_action(listing->context, &record) && ++listing->shown != filter->limit;
}

/* Copied before it is shown: the visitor may use the port. */
static Status show_page(Redis *redis, Listing *listing, const Name *names, size_t count, Arena *arena, bool *ret_goes_on, Fault *fault)
{
    Slice json[PAGE_NAMES];
    redis_begin(redis);
    for (size_t i = 0; i < count; i++)
        REDIS_ADD(redis, SLICE("GET"), names[i].key);
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        json[i] = arena_copy(arena, redis_text(redis->replies[i]));
    for (size_t i = 0; i < count && *ret_goes_on; i++)
        *ret_goes_on = (listing->is_of_actions ? show_action : show_entry)(listing, names[i].name, json[i], arena);
    return STATUS_OK;
}

static Status show_all(Redis *redis, Listing *listing, Fault *fault)
{
    bool goes_on = true;
    Arena arena = {0};
    Status status = scan(redis, listing, fault);
    for (size_t done = 0; !status && goes_on && done < listing->count; done += PAGE_NAMES) {
        size_t rest = listing->count - done;
        arena_reset(&arena);
        status = show_page(redis, listing, listing->names + done, rest < PAGE_NAMES ? rest : PAGE_NAMES, &arena, &goes_on, fault);
    }
    arena_done(&arena);
    arena_done(&listing->arena);
    free(listing->names);
    return status;
}

static Status list(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const BlockEntry *entry), void *context,
                   Fault *fault)
{
    Listing listing = {.filter = filter, .visit_entry = visit, .context = context};
    return show_all(self, &listing, fault);
}

static Status actions(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record), void *context,
                      Fault *fault)
{
    Listing listing = {.filter = filter, .is_of_actions = true, .visit_action = visit, .context = context};
    return show_all(self, &listing, fault);
}

/* ---- actions ---- */

/* A publisher's copy may come weeks later, when the record that others read is long gone; so its id is known for longer. */
static Status record_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_record_actions, 2 + count * 3);
    redis_add_number_word(redis, REDIS_ACTION_LIFE_S);
    redis_add_number_word(redis, KNOWN_S);
    for (size_t i = 0; i < count; i++) {
        redis_add_word(redis, records[i].id);
        redis_add_word(redis, redis_action_key(redis, &records[i]));
        redis_add_word(redis, redis_print_action(redis, &records[i]));
    }
    Status status = redis_run(redis, fault);
    status = status ? status : check_count(redis, count, fault);
    for (size_t i = 0; !status && i < count; i++)
        ret_new[i] = redis_number(redis->replies[0]->element[i]) == 1;
    return status;
}

/* ---- what it has not ---- */

static Status lacks(const Redis *redis, const char *what, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "redis_lacks",
                     "the do-not-call list is on Redis at %.80s:%d alone, which %s; DATABASE_URL names a database that does",
                     redis->place.host, redis->place.port, what);
}

static Status audit_append(void *self, const AuditEntry *entry, Fault *fault)
{
    (void)entry;
    return lacks(self, "keeps no audit log", fault);
}

static Status audit(void *self, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry), void *context,
                    Fault *fault)
{
    (void)from_seq, (void)subject, (void)visit, (void)context;
    return lacks(self, "keeps no audit log", fault);
}

static Status audit_head(void *self, int64_t *ret_entries, uint8_t ret_hash[DIGEST_BYTES], Fault *fault)
{
    (void)ret_entries, (void)ret_hash;
    return lacks(self, "keeps no audit log", fault);
}

RegistryPort redis_registry(Redis *redis)
{
    return (RegistryPort){.self = redis, .block = block, .unblock = unblock, .is_blocked = is_blocked, .show = show, .list = list,
                          .count = count_numbers, .record_actions = record_actions, .actions = actions, .audit_append = audit_append,
                          .audit = audit, .audit_head = audit_head};
}

/* A recount would take what is a month old off the counters. */
static Status cannot_recount(void *self, int64_t now_ms, Fault *fault)
{
    (void)now_ms;
    return lacks(self, "does not keep for ever what was counted, so nothing can be recounted", fault);
}

LivePort redis_counters(Redis *redis)
{
    const LivePort live = redis_live(redis);
    return (LivePort){.self = redis, .project = live.project, .read = live.read, .generation_begin = cannot_recount,
                      .generation_add = live.generation_add, .generation_compare = live.generation_compare,
                      .generation_end = live.generation_end};
}
