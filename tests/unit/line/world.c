/* See world.h. */
#include "world.h"

#include "app/carriers.h"
#include "base/clock.h"
#include "service/dnc_cache.h"

static World *noted(void *self, const char *what)
{
    World *world = self;
    if (world->log.bytes)
        text_add_byte(&world->log, ' ');
    text_add(&world->log, slice_of(what));
    return world;
}

static bool is_in(const Slice *slices, size_t count, Slice wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(slices[i], wanted))
            return true;
    }
    return false;
}

/* ---- unit ---- */

static Status begin(void *self, Fault *fault)
{
    (void)fault;
    noted(self, "begin");
    return STATUS_OK;
}

static Status commit(void *self, Fault *fault)
{
    (void)fault;
    noted(self, "commit");
    return STATUS_OK;
}

static void rollback(void *self) { noted(self, "rollback"); }

/* ---- registry ---- */

static Status block(void *self, const BlockEntry *entries, size_t count, BlockResult *results, Fault *fault)
{
    World *world = noted(self, "block");
    if (world->registry_status)
        return fault_set(fault, world->registry_status, "registry_down", "the registry is down");
    for (size_t i = 0; i < count; i++) {
        bool known = is_in(world->blocked, world->blocked_count, entries[i].phone);
        results[i] = known ? BLOCK_KNOWN : BLOCK_ADDED;
        if (!known)
            world->blocked[world->blocked_count++] = arena_copy(&world->arena, entries[i].phone);
    }
    return STATUS_OK;
}

static Status is_blocked(void *self, const Slice *phones, size_t count, bool *ret_blocked, Fault *fault)
{
    World *world = self;
    if (world->registry_status)
        return fault_set(fault, world->registry_status, "registry_down", "the registry is down");
    for (size_t i = 0; i < count; i++)
        ret_blocked[i] = is_in(world->blocked, world->blocked_count, phones[i]);
    return STATUS_OK;
}

static Status record_actions(void *self, const ActionRecord *records, size_t count, bool *ret_new, Fault *fault)
{
    World *world = noted(self, "record");
    if (world->actions_status)
        return fault_set(fault, world->actions_status, "actions_down", "the record of actions is down");
    for (size_t i = 0; i < count; i++) {
        ret_new[i] = !is_in(world->actions, world->action_count, records[i].id);
        if (ret_new[i])
            world->actions[world->action_count++] = arena_copy(&world->arena, records[i].id);
    }
    return STATUS_OK;
}

/* ---- effects ---- */

static Effect *effect_of(World *world, Slice action_id)
{
    for (size_t i = 0; i < world->effect_count; i++) {
        if (slice_equal(world->effects[i].action_id, action_id))
            return &world->effects[i];
    }
    return NULL;
}

static Effect *enter_new(World *world, const Effect *wanted)
{
    Effect *effect = &world->effects[world->effect_count++];
    *effect = *wanted;
    Slice *const texts[] = {&effect->action_id, &effect->call_id, &effect->campaign_id, &effect->contact_id, &effect->phone,
                            &effect->campaign_name, &effect->donation_link, &effect->message, &effect->message_id, &effect->reason,
                            &effect->ref};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(&world->arena, *texts[i]);
    effect->state = EFFECT_PENDING;
    return effect;
}

static Status claim(void *self, Effect *wanted, size_t count, int64_t now_ms, int64_t lease_ms, const Gateway *gateway, Arena *arena,
                    bool *ret_claimed, Fault *fault)
{
    (void)arena, (void)fault;
    World *world = noted(self, "claim");
    for (size_t i = 0; i < count; i++) {
        Effect *effect = effect_of(world, wanted[i].action_id);
        effect = effect ? effect : enter_new(world, &wanted[i]);
        ret_claimed[i] = effect->state <= EFFECT_SENDING && effect->due_ms <= now_ms;
        if (ret_claimed[i]) {
            effect->state = EFFECT_CLAIMED;
            effect->due_ms = now_ms + lease_ms;
            effect->provider = gateway->name;
            effect->fence++;
        }
        wanted[i] = *effect;
    }
    if (!slice_empty(world->opt_out_before_sending))
        world->blocked[world->blocked_count++] = world->opt_out_before_sending;
    return STATUS_OK;
}

static Status sending(void *self, const Effect *effects, size_t count, int64_t now_ms, int64_t lease_until_ms, bool *ret_ours, Fault *fault)
{
    (void)now_ms, (void)lease_until_ms;
    World *world = noted(self, "sending");
    for (size_t i = 0; i < count; i++) {
        ret_ours[i] = !world->claim_is_taken_over;
        if (ret_ours[i])
            effect_of(world, effects[i].action_id)->state = EFFECT_SENDING;
    }
    return world->sending_unheard ? fault_set(fault, STATUS_RETRY, "ledger_down", "the ledger's answer was lost") : STATUS_OK;
}

static Status enter(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    (void)now_ms, (void)fault;
    World *world = noted(self, "enter");
    for (size_t i = 0; i < count; i++) {
        ret_moved[i] = !effect_of(world, effects[i].action_id);
        if (ret_moved[i])
            enter_new(world, &effects[i]);
    }
    return STATUS_OK;
}

static Status settle_effects(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    (void)now_ms;
    World *world = noted(self, "settle");
    for (size_t i = 0; i < count; i++) {
        Effect *effect = effect_of(world, effects[i].action_id);
        bool is_taken_back = effect->state == EFFECT_UNKNOWN && effects[i].state != EFFECT_UNKNOWN;
        bool moves = effect->state == EFFECT_CLAIMED || effect->state == EFFECT_SENDING || is_taken_back;
        ret_moved[i] = moves && effect->fence == effects[i].fence && !world->claim_is_taken_over && !world->sending_is_taken_over;
        if (!ret_moved[i])
            continue;
        effect->state = effects[i].state;
        effect->due_ms = effects[i].due_ms;
        effect->attempts = effects[i].attempts;
        effect->asked_ms = effects[i].asked_ms;
    }
    return world->settled_unheard ? fault_set(fault, STATUS_RETRY, "ledger_down", "the ledger's answer was lost") : STATUS_OK;
}

static Status receive(void *self, const Receipt *receipts, size_t count, int64_t now_ms, Arena *arena, Effect *out, ReceiptResult *ret, Fault *fault)
{
    (void)now_ms, (void)arena, (void)fault;
    World *world = noted(self, "receive");
    for (size_t i = 0; i < count; i++) {
        Effect *effect = NULL;
        for (size_t k = 0; k < world->effect_count && !effect; k++)
            effect = slice_equal(world->effects[k].ref, receipts[i].ref) ? &world->effects[k] : NULL;
        Receipt kept = receipt_copy(&receipts[i], &world->arena);
        ret[i] = effect ? effect_receive(effect, &kept) : RECEIPT_STRANGE;
        if (effect)
            out[i] = *effect;
    }
    return STATUS_OK;
}

static Status pull_in(void *self, int64_t latest_ms, Fault *fault)
{
    (void)self, (void)latest_ms, (void)fault;
    return STATUS_OK;
}

static Status due_effects(void *self, bool calls, int64_t now_ms, size_t max, Arena *arena, Effect *out, size_t *ret_count, Fault *fault)
{
    (void)arena, (void)fault;
    World *world = self;
    *ret_count = 0;
    for (size_t i = 0; i < world->effect_count && *ret_count < max; i++) {
        bool is_call = world->effects[i].kind == EFFECT_SPEECH;
        if (is_call == calls && world->effects[i].state <= EFFECT_SENDING && world->effects[i].due_ms <= now_ms)
            out[(*ret_count)++] = world->effects[i];
    }
    return STATUS_OK;
}

static Status load_effects(void *self, const Slice *action_ids, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    (void)arena, (void)fault;
    World *world = noted(self, "look");
    for (size_t i = 0; i < count; i++) {
        const Effect *effect = effect_of(world, action_ids[i]);
        ret_found[i] = effect != NULL;
        if (effect)
            out[i] = *effect;
    }
    return STATUS_OK;
}

/* ---- records ---- */

static Cdr *record_of(const World *world, Slice call_id)
{
    for (size_t i = 0; i < world->record_count; i++) {
        if (slice_equal(world->records[i]->call_id, call_id))
            return world->records[i];
    }
    return NULL;
}

static Status load(void *self, const Slice *call_ids, size_t count, Arena *arena, Cdr **cdrs, Fault *fault)
{
    World *world = noted(self, "load");
    if (world->cdrs_status)
        return fault_set(fault, world->cdrs_status, "records_down", "the records are down");
    for (size_t i = 0; i < count; i++) {
        const Cdr *stored = record_of(world, call_ids[i]);
        cdrs[i] = ARENA_NEW(arena, Cdr);
        cdrs[i]->call_id = call_ids[i];
        if (stored && cdr_decode(cdr_encode(stored, arena), arena, cdrs[i], fault))
            return STATUS_REJECT;
        cdrs[i]->rev = stored ? stored->rev : 0;
    }
    return STATUS_OK;
}

static void store(World *world, Cdr *cdr)
{
    Cdr *stored = record_of(world, cdr->call_id);
    if (!stored) {
        stored = ARENA_NEW(&world->arena, Cdr);
        world->records[world->record_count++] = stored;
    }
    stored->call_id = arena_copy(&world->arena, cdr->call_id);
    Slice bytes = arena_copy(&world->arena, cdr_encode(cdr, &world->arena));
    assert_int_equal(cdr_decode(bytes, &world->arena, stored, NULL), STATUS_OK);
    stored->rev = ++cdr->rev;
}

static Status save(void *self, Cdr *const *cdrs, size_t count, int64_t now_ms, bool *ret_conflict, Fault *fault)
{
    (void)now_ms;
    World *world = noted(self, "save");
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(cdrs[i]->call_id, world->poison) && !slice_empty(world->poison))
            return fault_set(fault, STATUS_REJECT, "constraint", "the store does not take this");
        ret_conflict[i] = world->conflicts_left > 0;
        if (ret_conflict[i])
            world->conflicts_left--;
        else
            store(world, cdrs[i]);
    }
    return STATUS_OK;
}

/* A page is one record, so that a test sees who goes on to the next. */
static Status stale(void *self, int64_t before_ms, CdrCursor *after, size_t max, Arena *arena, Slice *out, size_t *ret_count, Fault *fault)
{
    (void)before_ms, (void)max, (void)fault;
    World *world = self;
    *ret_count = 0;
    for (size_t i = (size_t)after->row; i < world->record_count && !*ret_count; i++) {
        Cdr cdr = *world->records[i];
        cdr_derive(&cdr, &world->settings.event.rating, arena);
        if (!cdr.open)
            continue;
        after->row = (int64_t)i + 1;
        out[(*ret_count)++] = arena_copy(arena, cdr.call_id);
    }
    return STATUS_OK;
}

/* All records are too old. */
static Status expire(void *self, int64_t before_ms, size_t max, const Rating *rating, bool (*visit)(void *context, const Cdr *cdr),
                     Status (*before_delete)(void *context, Fault *fault), void *context, size_t *ret_deleted, Fault *fault)
{
    (void)before_ms, (void)max;
    World *world = self;
    size_t leaving = 0;
    for (; leaving < world->record_count; leaving++) {
        Cdr cdr = *world->records[leaving];
        cdr_derive(&cdr, rating, &world->arena);
        if (!visit(context, &cdr))
            break;
    }
    Status status = before_delete(context, fault);
    if (status)
        return status;
    noted(world, "expire");
    memmove(world->records, world->records + leaving, (world->record_count - leaving) * sizeof *world->records);
    world->record_count -= leaving;
    *ret_deleted = leaving;
    return STATUS_OK;
}

/* ---- counters ---- */

static int64_t share(const Contribution *contribution, const char *name)
{
    for (size_t i = 0; contribution && i < contribution->count; i++) {
        if (slice_equal(contribution->counters[i].name, slice_of(name)))
            return contribution->counters[i].value;
    }
    return 0;
}

/* Counters that are not saved with the records go by what they remember of the key, and by nothing else. */
static void project_guarded(World *world, const Projection *item)
{
    size_t at = 0;
    while (at < world->guard_count && !slice_equal(world->guards[at].key, item->key))
        at++;
    if (at == world->guard_count)
        world->guards[world->guard_count++].key = arena_copy(&world->arena, item->key);
    if (world->guards[at].rev >= item->rev)
        return;
    world->guards[at].rev = item->rev;
    int64_t donations = share(item->after, "donations"), optouts = share(item->after, "optouts"), attempts = share(item->after, "total_attempts");
    world->donations += donations - world->guards[at].donations;
    world->optouts += optouts - world->guards[at].optouts;
    world->attempts += attempts - world->guards[at].attempts;
    world->guards[at].donations = donations;
    world->guards[at].optouts = optouts;
    world->guards[at].attempts = attempts;
}

static Status project(void *self, const Projection *items, size_t count, Fault *fault)
{
    World *world = noted(self, "project");
    if (world->counters_status)
        return fault_set(fault, world->counters_status, "counters_down", "the counters are down");
    for (size_t i = 0; i < count && !world->ports.unit.atomic; i++)
        project_guarded(world, &items[i]);
    for (size_t i = 0; i < count && world->ports.unit.atomic; i++) {
        world->donations += share(items[i].after, "donations") - share(items[i].before, "donations");
        world->optouts += share(items[i].after, "optouts") - share(items[i].before, "optouts");
        world->attempts += share(items[i].after, "total_attempts") - share(items[i].before, "total_attempts");
    }
    return STATUS_OK;
}

static Status is_cached(void *self, const Slice *phones, size_t count, CacheAnswer *ret, Fault *fault)
{
    (void)fault;
    World *world = self;
    world->list_asked_ms = clock_wall_ms();
    for (size_t i = 0; i < count; i++)
        ret[i] = slice_equal(phones[i], world->cached) ? CACHE_BLOCKED : CACHE_UNKNOWN;
    return STATUS_OK;
}

/* ---- the outside ---- */

static Status send_sms(void *self, const Effect *effects, size_t count, int64_t now_ms, Arena *arena, SmsOutcome *outcomes, Fault *fault)
{
    (void)effects, (void)now_ms, (void)arena, (void)fault;
    World *world = noted(self, "send");
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = (SmsOutcome){.result = world->sms_result, .message_id = SLICE("m"), .reason = SLICE("as told")};
        world->sent += world->sms_result == SMS_ACCEPTED;
    }
    return STATUS_OK;
}

static Status hang_up(void *self, const Slice *call_ids, size_t count, Fault *fault)
{
    (void)call_ids, (void)fault;
    World *world = noted(self, "hang_up");
    world->calls_asked += count;
    return STATUS_OK;
}

static Status collect(void *self, const Slice *call_ids, size_t count, int64_t deadline_ms, CallEnd *ret, Fault *fault)
{
    (void)call_ids, (void)fault;
    World *world = self;
    world->waited_ms = deadline_ms;
    for (size_t i = 0; i < count; i++)
        ret[i] = world->calls_are_over ? CALL_HUNG_UP : CALL_UNENDED;
    return STATUS_OK;
}

static void release(void *self, const Slice *call_ids, size_t count)
{
    (void)call_ids;
    World *world = self;
    world->calls_released += count;
}

/* ---- spool ---- */

static Status keep(void *self, SpoolItem *items, size_t count, Fault *fault)
{
    (void)fault;
    World *world = noted(self, "keep");
    for (size_t i = 0; i < count; i++) {
        items[i].id = items[i].id ? items[i].id : (int64_t)world->spooled_count + 1;
        world->spooled[world->spooled_count] = items[i];
        world->spooled[world->spooled_count].body = arena_copy(&world->arena, items[i].body);
        world->spooled[world->spooled_count++].code = arena_copy(&world->arena, items[i].code);
    }
    return STATUS_OK;
}

static Status settle_spooled(void *self, const int64_t *ids, size_t count, Fault *fault)
{
    (void)ids, (void)fault;
    noted(self, "unspool")->settled += count;
    return STATUS_OK;
}

static Status list_spooled(void *self, const SpoolFilter *filter, bool (*visit)(void *context, const SpoolItem *item), void *context, Fault *fault)
{
    (void)fault;
    World *world = self;
    for (size_t i = 0; i < world->spooled_count; i++) {
        if (world->spooled[i].state == filter->state && !visit(context, &world->spooled[i]))
            break;
    }
    return STATUS_OK;
}

/* ---- all of it ---- */

void world_init(World *world, bool atomic, bool sms_joins)
{
    *world = (World){.log = {.arena = &world->arena}};
    world->ports = (Ports){
        .unit = {.self = world, .atomic = atomic, .begin = begin, .commit = commit, .rollback = rollback},
        .registry = {.self = world, .block = block, .is_blocked = is_blocked, .record_actions = record_actions},
        .effects = {.self = world, .claim = claim, .sending = sending, .settle = settle_effects, .due = due_effects, .pull_in = pull_in,
                    .enter = enter, .load = load_effects, .receive = receive},
        .cdrs = {.self = world, .load = load, .save = save, .stale = stale, .expire = expire},
        .live = {.self = world, .project = project, .is_blocked = is_cached},
        .sms = {.self = world, .joins_unit = sms_joins, .send = send_sms},
        .calls = {.self = world, .hang_up = hang_up, .collect = collect, .release = release},
        .spool = {.self = world, .pull_in = pull_in, .keep = keep, .settle = settle_spooled, .list = list_spooled},
    };
    world->settings = (PipelineSettings){
        .event = {.carriers = known_carriers, .rating = {.micros_per_minute = 10000, .currency = SLICE("USD")}, .sms_template = SLICE("{{donationLink}}"),
                  .donation_link_base_url = SLICE("https://give.example"), .donation_key = SLICE("1"),
        .donation_link_secret = SLICE("0123456789abcdef")},
        .lease_ms = 30000, .max_attempts = 12, .backoff_first_ms = 1000, .backoff_most_ms = 900000,
    };
    world->line = pipeline_new(&world->ports, &world->settings);
}

void world_done(World *world)
{
    pipeline_free(world->line);
    arena_done(&world->arena);
}

Delivery world_delivery(const char *topic, const char *body)
{
    return (Delivery){.body = slice_of(body), .topic = slice_of(topic), .received_ms = 1705320000000};
}

void world_run(World *world, Delivery *deliveries, size_t count)
{
    Delivery *pointers[WORLD_MAX];
    for (size_t i = 0; i < count; i++)
        pointers[i] = &deliveries[i];
    pipeline_run(world->line, pointers, count);
}

bool world_says_blocked(World *world, const char *phone)
{
    Slice number = slice_of(phone), why;
    bool blocked = false;
    Fault fault;
    assert_int_equal(dnc_are_blocked(&world->ports, &number, 1, &blocked, &fault), STATUS_OK);
    assert_int_equal(dnc_ask(&world->ports, number, &world->arena, &why) != DNC_CLEAR, blocked);
    return blocked;
}
