/* The do-not-call list over HTTP: the original system's database API, the pre-dial check, and what an operator needs. */
#include "base/clock.h"
#include "event/csv.h"
#include "event/phone.h"
#include "event/read.h"
#include "ingress/http_handlers.h"
#include "ingress/http_pages.h"
#include "ingress/http_parameters.h"
#include "service/blacklist.h"
#include "service/dnc_cache.h"
#include "service/print.h"

enum { CHECK_MOST = 10000, LIST_BYTES_MOST = 8 * 1024 * 1024 };

/* ---- lists ---- */

typedef struct Listing {
    Text json;
    size_t count, limit;
    Slice last;
    Arena *arena;
} Listing;

static bool add_entry(void *context, const BlockEntry *entry)
{
    Listing *listing = context;
    text_add(&listing->json, listing->count++ ? SLICE(",\n") : SLICE("\n"));
    print_block_entry(&listing->json, entry);
    listing->last = arena_copy(listing->arena, entry->phone);
    return listing->json.bytes < LIST_BYTES_MOST;
}

void blacklist_list(Call *call, const Ports *ports)
{
    Fault fault;
    Listing listing = {.json = text_in(call->arena), .arena = call->arena, .limit = call_limit(call)};
    RegistryFilter filter = {.after = call_query(call, "cursor"), .limit = listing.limit};
    text_add_literal(&listing.json, "{\"entries\":[");
    if (ports->registry.list(ports->registry.self, &filter, add_entry, &listing, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    text_add_literal(&listing.json, "],\"nextCursor\":");
    if (listing.count == listing.limit || listing.json.bytes >= LIST_BYTES_MOST)
        json_add_string(&listing.json, listing.last);
    else
        text_add_literal(&listing.json, "null");
    text_add_literal(&listing.json, "}\n");
    answer_json(call, 200, &listing.json);
}

/* ---- the whole list ---- */

typedef struct Export {
    Text page, last; /* last: the number that was printed last */
    size_t bytes;    /* of the page */
} Export;

static bool add_csv(void *context, const BlockEntry *entry)
{
    Export *export = context;
    char added[TIME_TEXT_BYTES];
    time_print(entry->added_ms, added);
    const Slice cells[] = {entry->phone, slice_of(added), entry->source, entry->reason, entry->actor, entry->call_id, entry->campaign_id};
    csv_add_row(&export->page, cells, sizeof cells / sizeof *cells);
    export->last.bytes = 0;
    text_add(&export->last, entry->phone);
    return export->page.bytes < export->bytes;
}

static PageEnd print_entries(void *context, const Ports *ports, size_t bytes, Text *page)
{
    Export *export = context;
    Fault fault;
    export->page = *page;
    export->bytes = bytes;
    RegistryFilter filter = {.after = arena_copy(page->arena, text_slice(&export->last))}; /* the next one is written over it */
    Status status = ports->registry.list(ports->registry.self, &filter, add_csv, export, &fault);
    *page = export->page;
    if (status)
        return PAGE_FAILED;
    return page->bytes < bytes ? PAGE_LAST : PAGE_MORE;
}

void blacklist_export(Call *call, const Ports *ports)
{
    (void)ports;
    Export *export = ARENA_NEW(call->arena, Export);
    export->last = text_in(call->arena);
    answer_pages(call, "text/csv; charset=utf-8", SLICE("phoneNumber,addedAt,source,reason,actor,callId,campaignId\r\n"), print_entries, export);
}

/* ---- one number ---- */

static bool add_history(void *context, const AuditEntry *entry)
{
    Listing *listing = context;
    text_add(&listing->json, listing->count++ ? SLICE(",\n") : SLICE("\n"));
    print_audit_entry(&listing->json, entry);
    return true;
}

void blacklist_show(Call *call, const Ports *ports)
{
    Fault fault;
    BlockEntry entry;
    bool found = false;
    Slice phone = call->parts[0];
    if (!phone_is_e164(phone)) {
        answer_problem(call, 400, "phone_invalid", "the number is not E.164: it must be + and 8 to 15 digits, like +972501234567");
        return;
    }
    if (dnc_show(ports, phone, call->arena, &entry, &found, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (!found) {
        answer_problem(call, 404, "clear", "the number is clear: it is not on the do-not-call list");
        return;
    }
    Listing listing = {.json = text_in(call->arena), .arena = call->arena};
    print_block_entry(&listing.json, &entry);
    listing.json.bytes--;
    text_add_literal(&listing.json, ",\"history\":[");
    if (ports->registry.audit(ports->registry.self, 1, phone, add_history, &listing, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    text_add_literal(&listing.json, "]}\n");
    answer_json(call, 200, &listing.json);
}

/* ---- changes ---- */

static Slice text_or(const Json *object, const char *key, Slice fallback)
{
    Slice text = json_text(json_get(object, key));
    return slice_empty(text) ? fallback : text;
}

static BlockEntry entry_of(const Json *body, int64_t now_ms)
{
    BlockEntry entry = read_block_entry(body);
    entry.reason = text_or(body, "reason", SLICE("added over HTTP"));
    entry.source = text_or(body, "source", SLICE("admin_import"));
    entry.actor = text_or(body, "actor", SLICE("api"));
    entry.recorded_ms = now_ms;
    if (!entry.added_ms || entry.added_ms > now_ms)
        entry.added_ms = now_ms;
    return entry;
}

void blacklist_put(Call *call, const Ports *ports)
{
    const Json *body = call_body(call);
    if (!body)
        return;
    BlockEntry entry = entry_of(body, clock_wall_ms());
    Fault fault;
    BlockResult result;
    if (!json_get(body, "phoneNumber")) {
        answer_problem(call, 422, "field_missing", "phoneNumber is missing; it must be + and 8 to 15 digits, like +972501234567");
        return;
    }
    if (!phone_is_e164(entry.phone)) {
        answer_problem(call, 422, "phone_invalid", "phoneNumber is not E.164: it must be + and 8 to 15 digits, like +972501234567");
        return;
    }
    if (!blacklist_source_is_known(entry.source)) {
        answer_problem(call, 422, "source_invalid", "source must be user_optout, admin_import or compliance");
        return;
    }
    Status status = blacklist_texts_fit(&entry, &fault);
    status = status ? status : dnc_block(ports, &entry, 1, &result, &fault);
    if (status) {
        answer_fault(call, 422, &fault);
        return;
    }
    static const Slice results[] = {[BLOCK_ADDED] = SLICE_INIT("added"), [BLOCK_KNOWN] = SLICE_INIT("known"), [BLOCK_REPEATED] = SLICE_INIT("repeated")};
    Text json = text_in(call->arena);
    print_block_entry(&json, &entry);
    answer_stored(call, result == BLOCK_ADDED, results[result], &json);
}

void blacklist_delete(Call *call, const Ports *ports)
{
    Fault fault;
    bool was_blocked = false;
    Slice actor = call_query(call, "actor"), reason = call_query(call, "reason");
    if (call->request->body.bytes) {
        const Json *body = call_body(call);
        if (!body)
            return;
        actor = text_or(body, "actor", actor);
        reason = text_or(body, "reason", reason);
    }
    if (blacklist_remove(ports, call->parts[0], reason, actor, clock_wall_ms(), &was_blocked, &fault))
        answer_fault(call, 422, &fault);
    else if (was_blocked)
        answer_text(call, 204, NULL, (Slice){0});
    else
        answer_problem(call, 404, "clear", "the number was not on the do-not-call list");
}

void blacklist_import(Call *call, const Ports *ports)
{
    Slice actor = call_query(call, "actor"), reason = call_query(call, "reason");
    actor = slice_empty(actor) ? SLICE("api") : actor;
    reason = slice_empty(reason) ? SLICE("imported list") : reason;
    ImportReader reader;
    ImportReport report = {0};
    Fault fault;
    int64_t now_ms = clock_wall_ms();
    Status status = blacklist_texts_fit(&(BlockEntry){.actor = actor, .reason = reason}, &fault);
    import_reader_init(&reader, call->request->body, call->api->settings.country_code);
    for (bool more = true; more && !status;)
        status = blacklist_import_some(ports, &reader, BATCH_MAX, reason, actor, now_ms, call->arena, &report, &more, &fault);
    status = status ? status : blacklist_import_audit(ports, SLICE("HTTP import"), actor, &report, now_ms, &fault);
    if (status) {
        answer_fault(call, 422, &fault);
        return;
    }
    Text json = text_in(call->arena);
    text_printf(&json, "{\"added\":%lld,\"known\":%lld,\"rejected\":%lld,\"firstBadLine\":%zu,\"firstBadReason\":", (long long)report.added,
                (long long)report.known, (long long)report.rejected, report.first_bad_line);
    json_add_string(&json, slice_of(report.first_bad_reason));
    text_add_literal(&json, "}\n");
    answer_json(call, 200, &json);
}

/* ---- the pre-dial check: closed when in doubt ---- */

static void check_number(Call *call, const Ports *ports, Slice phone, Text *json)
{
    Slice reason;
    DncAnswer answer = dnc_ask(ports, phone, call->arena, &reason);
    text_add_literal(json, "{\"phoneNumber\":");
    json_add_string(json, phone);
    text_add(json, answer == DNC_CLEAR ? SLICE(",\"blocked\":false") : SLICE(",\"blocked\":true"));
    if (answer == DNC_UNKNOWN)
        text_add_literal(json, ",\"unknown\":true");
    if (!slice_empty(reason)) {
        text_add_literal(json, ",\"reason\":");
        json_add_string(json, reason);
    }
    text_add_byte(json, '}');
}

void blacklist_check(Call *call, const Ports *ports)
{
    const Json *body = call_body(call);
    if (!body)
        return;
    Text json = text_in(call->arena);
    const Json *many = json_get(body, "phoneNumbers");
    if (!many && !json_get(body, "phoneNumber")) {
        answer_problem(call, 422, "field_missing", "phoneNumber is missing, or phoneNumbers, a list of them");
        return;
    }
    if (!json_is_array(many)) {
        check_number(call, ports, json_text(json_get(body, "phoneNumber")), &json);
        text_add_byte(&json, '\n');
        answer_json(call, 200, &json);
        return;
    }
    size_t count = 0;
    text_add_literal(&json, "{\"results\":[");
    json_each(phone, many)
    {
        if (count++)
            text_add_literal(&json, ",\n");
        check_number(call, ports, json_text(phone), &json);
        if (count > CHECK_MOST) {
            answer_problem(call, 422, "too_many", "at most %d numbers at a time", CHECK_MOST);
            return;
        }
    }
    text_add_literal(&json, "]}\n");
    answer_json(call, 200, &json);
}
