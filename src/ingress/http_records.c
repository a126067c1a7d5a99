/* Recorded actions and texts over HTTP. */
#include "base/clock.h"
#include "event/phone.h"
#include "event/read.h"
#include "ingress/http_handlers.h"
#include "ingress/http_parameters.h"
#include "service/print.h"

typedef struct Listing {
    Text json;
    size_t count, limit;
    Slice last;
    Arena *arena;
} Listing;

static Listing begin(Call *call, const char *name)
{
    Listing listing = {.json = text_in(call->arena), .arena = call->arena, .limit = call_limit(call)};
    text_printf(&listing.json, "{\"%s\":[", name);
    return listing;
}

static void finish(Call *call, Listing *listing, Slice cursor)
{
    text_add_literal(&listing->json, "],\"nextCursor\":");
    if (listing->count == listing->limit)
        json_add_string(&listing->json, cursor);
    else
        text_add_literal(&listing->json, "null");
    text_add_literal(&listing->json, "}\n");
    answer_json(call, 200, &listing->json);
}

/* ---- actions ---- */

static bool add_action(void *context, const ActionRecord *record)
{
    Listing *listing = context;
    text_add(&listing->json, listing->count++ ? SLICE(",\n") : SLICE("\n"));
    print_action(&listing->json, record);
    listing->last = arena_copy(listing->arena, record->id);
    return true;
}

void actions_list(Call *call, const Ports *ports)
{
    Fault fault;
    Listing listing = begin(call, "actions");
    RegistryFilter filter = {.after = call_query(call, "cursor"), .campaign_id = call_query(call, "campaignId"),
                             .call_id = call_query(call, "callId"), .phone = call_query(call, "phoneNumber"),
                             .action_type = call_query(call, "actionType"), .limit = listing.limit};
    if (ports->registry.actions(ports->registry.self, &filter, add_action, &listing, &fault))
        answer_fault(call, 503, &fault);
    else
        finish(call, &listing, listing.last);
}

/* An action that somebody else did counts like one of ours; a repeat counts what a crash kept the first from counting. */
static Status put_action(const Ports *ports, const ActionRecord *record, bool *ret_new, Fault *fault)
{
    Contribution share;
    action_contribution(record, &share);
    Status status = ports->registry.record_actions(ports->registry.self, record, 1, ret_new, fault);
    if (status || !share.count)
        return status;
    int64_t stored_ms = *ret_new ? clock_wall_ms() : record->timestamp_ms;
    share.last_activity_ms = *ret_new ? share.last_activity_ms : 0;
    Projection item = {record->id, 1, *ret_new ? NULL : &share, &share, stored_ms, stored_ms, stored_ms};
    return ports->live.project(ports->live.self, &item, 1, fault);
}

void actions_put(Call *call, const Ports *ports)
{
    const Json *body = call_body(call);
    if (!body)
        return;
    Fault fault;
    bool is_new = false;
    ActionRecord record = read_action(body);
    if (!record.timestamp_ms)
        record.timestamp_ms = clock_wall_ms();
    bool has_status = slice_equal(record.status, SLICE("success")) || slice_equal(record.status, SLICE("failed"));
    if (slice_empty(record.id) || !is_action_type(record.action_type) || !has_status || !phone_is_e164(record.phone)) {
        answer_problem(call, 422, "action_invalid", "an action needs id, an actionType of ours, status success or failed, and an E.164 phoneNumber");
        return;
    }
    if (put_action(ports, &record, &is_new, &fault)) {
        answer_fault(call, 422, &fault);
        return;
    }
    Text json = text_in(call->arena);
    print_action(&json, &record);
    answer_stored(call, is_new, is_new ? SLICE("added") : SLICE("known"), &json);
}

/* ---- texts ---- */

static bool add_text(void *context, const ListedText *text)
{
    Listing *listing = context;
    text_add(&listing->json, listing->count++ ? SLICE(",\n") : SLICE("\n"));
    print_text(&listing->json, text);
    listing->last = arena_printf(listing->arena, "%lld.%.*s", (long long)text->effect.created_ms, SLICE_ARG(text->effect.action_id));
    return true;
}

void sms_list(Call *call, const Ports *ports)
{
    Fault fault;
    Listing listing = begin(call, "messages");
    TextsFilter filter = {.campaign_id = call_query(call, "campaignId"), .phone = call_query(call, "phoneNumber"), .limit = listing.limit};
    texts_read_state(call_query(call, "state"), &filter.state);
    call_text_cursor(call, "cursor", &filter.before.at_ms, &filter.before.action_id);
    if (texts_list(ports, &filter, add_text, &listing, &fault))
        answer_fault(call, 503, &fault);
    else
        finish(call, &listing, listing.last);
}
