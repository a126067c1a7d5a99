/* Dead letters over HTTP. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ingress/http_handlers.h"
#include "ingress/http_parameters.h"
#include "service/letters.h"
#include "service/print.h"

enum { IDS_MAX = 1000 };

typedef struct Listing {
    Text json;
    size_t count;
    int64_t last;
} Listing;

static bool add_item(void *context, const SpoolItem *item)
{
    Listing *listing = context;
    text_add(&listing->json, listing->count++ ? SLICE(",\n") : SLICE("\n"));
    print_spool_item(&listing->json, item, false);
    listing->last = item->id;
    return true;
}

void dlq_list(Call *call, const Ports *ports)
{
    Fault fault;
    bool waiting = slice_equal(call_query(call, "state"), SLICE("waiting"));
    SpoolFilter filter = {.state = waiting ? SPOOL_WAITING : SPOOL_DEAD, .topic = call_query(call, "topic"),
                          .before_id = call_position(call, "cursor"), .limit = call_limit(call)};
    Listing listing = {.json = text_in(call->arena)};
    text_add_literal(&listing.json, "{\"messages\":[");
    Status status = letters_check_topic(ports, &filter, &fault);
    if (status == STATUS_REJECT) {
        answer_problem(call, 400, "parameter_invalid", "%s", fault.text);
        return;
    }
    if (status || ports->spool.list(ports->spool.self, &filter, add_item, &listing, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (listing.count == filter.limit)
        text_printf(&listing.json, "],\"nextCursor\":\"%lld\"}\n", (long long)listing.last);
    else
        text_add_literal(&listing.json, "],\"nextCursor\":null}\n");
    answer_json(call, 200, &listing.json);
}

void dlq_show(Call *call, const Ports *ports)
{
    Fault fault;
    SpoolItem item;
    bool found = false;
    char *end;
    int64_t id = strtoll(call->parts[0].at, &end, 10);
    if (*end || id <= 0) {
        answer_problem(call, 400, "id_invalid", "the id of a dead letter is a number");
        return;
    }
    if (ports->spool.show(ports->spool.self, id, call->arena, &item, &found, &fault)) {
        answer_fault(call, 503, &fault);
        return;
    }
    if (!found) {
        answer_problem(call, 404, "dead_letter_unknown", "there is no such message");
        return;
    }
    Text json = text_in(call->arena);
    print_spool_item(&json, &item, true);
    text_add_byte(&json, '\n');
    answer_json(call, 200, &json);
}

/* {"ids":[1,2]} or {"all":true} */
static bool read_ids(Call *call, int64_t *ids, size_t *ret_count, bool *ret_all)
{
    const Json *body = call_body(call);
    if (!body)
        return false;
    const Json *all = json_get(body, "all");
    *ret_all = all && (all->type & 0xff) == cJSON_True;
    *ret_count = 0;
    json_each(id, json_get(body, "ids"))
    {
        if (!json_is_number(id) || *ret_count == IDS_MAX) {
            answer_problem(call, 422, "ids_invalid", "ids must be at most %d numbers", IDS_MAX);
            return false;
        }
        ids[(*ret_count)++] = (int64_t)id->valuedouble;
    }
    if (*ret_all != (*ret_count > 0))
        return true;
    answer_problem(call, 422, "ids_missing", "name dead letters by {\"ids\":[…]}, or take {\"all\":true}");
    return false;
}

typedef Status (*Change)(const SpoolPort *spool, const int64_t *ids, size_t count, size_t *ret_changed, Fault *fault);

static Status redrive(const SpoolPort *spool, const int64_t *ids, size_t count, size_t *ret_changed, Fault *fault)
{
    return spool->redrive(spool->self, ids, count, clock_wall_ms(), ret_changed, fault);
}

static Status drop(const SpoolPort *spool, const int64_t *ids, size_t count, size_t *ret_changed, Fault *fault)
{
    return spool->drop(spool->self, ids, count, ret_changed, fault);
}

static void change(Call *call, const Ports *ports, Change how)
{
    int64_t ids[IDS_MAX];
    size_t count, changed = 0;
    bool all;
    Fault fault;
    if (!read_ids(call, ids, &count, &all))
        return;
    if (how(&ports->spool, all ? NULL : ids, count, &changed, &fault)) {
        answer_fault(call, 422, &fault);
        return;
    }
    Text json = text_in(call->arena);
    text_printf(&json, "{\"changed\":%zu}\n", changed);
    answer_json(call, 200, &json);
}

void dlq_redrive(Call *call, const Ports *ports)
{
    change(call, ports, redrive);
    intake_wake(call->api->intake);
}

void dlq_drop(Call *call, const Ports *ports) { change(call, ports, drop); }
