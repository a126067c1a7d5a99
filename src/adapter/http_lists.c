/* The registry's verbs that read: over another Pledgeline, which has routes for them. */
#include "adapter/http_store.h"

#include "base/clock.h"
#include "event/read.h"

enum { PAGE_ROWS = 1000 };

/* ---- pages ---- */

typedef struct Listing {
    HttpRegistry *registry;
    const char *path, *member;    /* "/blacklist", "entries" */
    const RegistryFilter *filter;
    const char *query;            /* of the filters that the API takes, each with '&' in front; "" = none */
    size_t shown;
    bool (*show)(struct Listing *listing, const Json *row); /* false stops */
    bool (*visit_entry)(void *context, const BlockEntry *entry);
    bool (*visit_action)(void *context, const ActionRecord *record);
    void *context;
} Listing;

static bool is_enough(const Listing *listing) { return listing->filter->limit && listing->shown == listing->filter->limit; }

/* *ret_next is empty behind the last page, or when the visitor has seen enough. */
static Status show_page(Listing *listing, Slice after, Arena *arena, Slice *ret_next, Fault *fault)
{
    Text path = text_in(arena);
    text_printf(&path, "%s?limit=%d%s", listing->path, PAGE_ROWS, listing->query);
    if (!slice_empty(after))
        text_printf(&path, "&cursor=%.*s", SLICE_ARG(http_client_escape(after, arena)));
    const Json *page;
    Status status = http_get(listing->registry, text_slice(&path), arena, &page, fault);
    if (status)
        return status;
    const Json *rows = json_get(page, listing->member);
    if (!json_is_array(rows))
        return http_not_understood(listing->registry, "a page of a list", fault);
    *ret_next = (Slice){0};
    json_each(row, rows)
    {
        if (is_enough(listing) || !listing->show(listing, row))
            return STATUS_OK;
    }
    *ret_next = json_text(json_get(page, "nextCursor"));
    return STATUS_OK;
}

static Status show_pages(Listing *listing, Fault *fault)
{
    Arena page, kept[2]; /* a cursor outlives its page */
    arena_init(&page);
    arena_init(&kept[0]);
    arena_init(&kept[1]);
    Slice after = listing->filter->after;
    Status status;
    size_t pages = 0;
    do {
        Slice next = {0};
        arena_reset(&page);
        status = show_page(listing, after, &page, &next, fault);
        arena_reset(&kept[++pages % 2]);
        after = status ? (Slice){0} : arena_copy(&kept[pages % 2], next);
    } while (!slice_empty(after) && !is_enough(listing));
    arena_done(&page);
    arena_done(&kept[0]);
    arena_done(&kept[1]);
    return status;
}

/* ---- the list ---- */

static bool fits(Slice wanted, Slice value) { return slice_empty(wanted) || slice_equal(wanted, value); }

/* The route takes no filters. */
static bool show_entry(Listing *listing, const Json *row)
{
    BlockEntry entry = read_block_entry(row);
    const RegistryFilter *filter = listing->filter;
    if (!fits(filter->campaign_id, entry.campaign_id) || !fits(filter->call_id, entry.call_id) || !fits(filter->phone, entry.phone))
        return true;
    listing->shown++;
    return listing->visit_entry(listing->context, &entry);
}

Status http_list(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const BlockEntry *entry), void *context,
                 Fault *fault)
{
    Listing listing = {.registry = self, .path = "/blacklist", .member = "entries", .filter = filter, .query = "", .show = show_entry,
                       .visit_entry = visit, .context = context};
    return show_pages(&listing, fault);
}

static bool count_entry(void *context, const BlockEntry *entry)
{
    (void)entry;
    ++*(int64_t *)context;
    return true;
}

Status http_count(void *self, int64_t *ret_blocked, Fault *fault)
{
    int64_t count = 0;
    Status status = http_list(self, &(RegistryFilter){0}, count_entry, &count, fault);
    if (!status)
        *ret_blocked = count;
    return status;
}

/* ---- actions ---- */

static bool show_action(Listing *listing, const Json *row)
{
    ActionRecord record = read_action(row);
    listing->shown++;
    return listing->visit_action(listing->context, &record);
}

static Slice query_of(const RegistryFilter *filter, Arena *arena)
{
    const struct { const char *name; Slice value; } parameters[] = {{"campaignId", filter->campaign_id}, {"callId", filter->call_id},
                                                                    {"phoneNumber", filter->phone}, {"actionType", filter->action_type}};
    Text query = text_in(arena);
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (!slice_empty(parameters[i].value))
            text_printf(&query, "&%s=%.*s", parameters[i].name, SLICE_ARG(http_client_escape(parameters[i].value, arena)));
    }
    text_add_byte(&query, 0);
    return text_slice(&query);
}

Status http_actions(void *self, const RegistryFilter *filter, bool (*visit)(void *context, const ActionRecord *record), void *context,
                    Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Listing listing = {.registry = self, .path = "/actions", .member = "actions", .filter = filter, .query = query_of(filter, &arena).at,
                       .show = show_action, .visit_action = visit, .context = context};
    Status status = show_pages(&listing, fault);
    arena_done(&arena);
    return status;
}

/* ---- one number ---- */

static Status get_number(HttpRegistry *registry, Slice phone, Arena *arena, const Json **ret_body, Fault *fault)
{
    Status status = http_get(registry, http_path_of(phone, arena), arena, ret_body, fault);
    if (status || !*ret_body)
        return status;
    bool is_about_it = slice_equal(json_text(json_get(*ret_body, "phoneNumber")), phone);
    return is_about_it ? STATUS_OK : http_not_understood(registry, "the entry of that number", fault);
}

Status http_show(void *self, Slice phone, Arena *arena, BlockEntry *ret_entry, bool *ret_found, Fault *fault)
{
    const Json *body;
    Status status = get_number(self, phone, arena, &body, fault);
    if (status)
        return status;
    *ret_found = body != NULL;
    if (body)
        *ret_entry = read_block_entry(body);
    return STATUS_OK;
}

/* ---- its history ---- */

static int64_t number_of(const Json *value) { return json_is_number(value) ? (int64_t)value->valuedouble : 0; }

static AuditEntry read_audit_entry(const Json *row, Arena *arena)
{
    int64_t at_ms = 0;
    time_parse(json_text(json_get(row, "at")), &at_ms);
    AuditEntry entry = {.seq = number_of(json_get(row, "seq")), .at_ms = at_ms, .kind = json_text(json_get(row, "kind")),
                        .subject = json_text(json_get(row, "subject")), .action_id = json_text(json_get(row, "actionId")),
                        .actor = json_text(json_get(row, "actor")), .reason = json_text(json_get(row, "reason"))};
    const Json *detail = json_get(row, "detail");
    if (json_is_object(detail)) {
        Text text = text_in(arena);
        json_add_canonical(&text, detail);
        entry.detail = text_slice(&text);
    }
    digest_of_hex(json_text(json_get(row, "hash")), entry.hash);
    return entry;
}

/* A blocked number comes with its history; the rest of the log stays where it is. */
Status http_audit(void *self, int64_t from_seq, Slice subject, bool (*visit)(void *context, const AuditEntry *entry), void *context,
                  Fault *fault)
{
    if (slice_empty(subject))
        return http_lacks(self, "show its audit log", fault);
    Arena arena;
    arena_init(&arena);
    const Json *body;
    Status status = get_number(self, subject, &arena, &body, fault);
    if (!status && !body)
        status = http_lacks(self, "show the history of a number that is clear", fault);
    bool goes_on = !status;
    json_each(row, body && !status ? json_get(body, "history") : NULL)
    {
        AuditEntry entry = read_audit_entry(row, &arena);
        goes_on = goes_on && (entry.seq < from_seq || visit(context, &entry));
    }
    arena_done(&arena);
    return status;
}
