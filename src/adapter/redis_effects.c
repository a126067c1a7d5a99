/* The ledger of effects on Redis, for a process that has no database. A claim hands out a fence that grows with each claim, and
 * every later move must show it: whoever slept through its lease finds that the effect is somebody else's. Each verb is one
 * script, so one round trip, and nobody sees half of it. Leases go by the callers' clocks, as in the other ledgers; how long an
 * effect is kept, by the server's. */
#include "adapter/redis_link.h"

enum { PAGE_EFFECTS = 256 };

/* ---- as words, and back ---- */

/* In the order of effect.lua. */
enum { CALL_ID = 1, CAMPAIGN_ID, CONTACT_ID, PHONE, CAMPAIGN_NAME, DONATION_LINK, MESSAGE, CREATED, KIND, REF, FOLLOWS,
       STATE, FENCE, DUE, ATTEMPTS, MESSAGE_ID, REASON, ASKED, PROVIDER, CLASS, CODE, RECEIPT, DELIVERED, SEGMENTS, COST,
       EFFECT_WORDS, CONTENT_WORDS = FOLLOWS + 1, RECEIPT_WORDS = 8 };

static void add_content(Redis *redis, const Effect *effect)
{
    const Slice texts[] = {effect->action_id, effect->call_id, effect->campaign_id, effect->contact_id, effect->phone,
                           effect->campaign_name, effect->donation_link, effect->message};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        redis_add_word(redis, texts[i]);
    redis_add_number_word(redis, effect->created_ms);
    redis_add_word(redis, slice_of(effect_kind_name(effect->kind)));
    redis_add_word(redis, effect->ref);
    redis_add_word(redis, effect->follows);
}

static void add_effect(Redis *redis, const Effect *effect, EffectState state, int64_t due_ms)
{
    add_content(redis, effect);
    redis_add_word(redis, slice_of(effect_state_name(state)));
    redis_add_number_word(redis, effect->fence);
    redis_add_number_word(redis, due_ms);
    redis_add_number_word(redis, effect->attempts);
    redis_add_word(redis, effect->message_id);
    redis_add_word(redis, effect->reason);
    redis_add_number_word(redis, effect->asked_ms);
    redis_add_word(redis, effect->provider);
    redis_add_word(redis, slice_of(sms_class_name(effect->sms_class)));
    redis_add_word(redis, effect->code);
    redis_add_word(redis, slice_of(receipt_state_name(effect->receipt)));
    redis_add_number_word(redis, effect->delivered_ms);
    redis_add_number_word(redis, effect->segments);
    redis_add_number_word(redis, effect->cost_micros);
}

/* words: action id and fields. */
static Effect read_effect(redisReply *const *words, Arena *arena)
{
    Effect effect = {
        .action_id = redis_text(words[0]), .call_id = redis_text(words[CALL_ID]), .campaign_id = redis_text(words[CAMPAIGN_ID]),
        .contact_id = redis_text(words[CONTACT_ID]), .phone = redis_text(words[PHONE]), .campaign_name = redis_text(words[CAMPAIGN_NAME]),
        .donation_link = redis_text(words[DONATION_LINK]), .message = redis_text(words[MESSAGE]), .created_ms = redis_number(words[CREATED]),
        .kind = effect_kind_of(redis_text(words[KIND])), .ref = redis_text(words[REF]), .follows = redis_text(words[FOLLOWS]),
        .state = effect_state_of(redis_text(words[STATE])), .fence = redis_number(words[FENCE]), .due_ms = redis_number(words[DUE]),
        .attempts = (int)redis_number(words[ATTEMPTS]), .message_id = redis_text(words[MESSAGE_ID]), .reason = redis_text(words[REASON]),
        .asked_ms = redis_number(words[ASKED]), .provider = redis_text(words[PROVIDER]), .sms_class = sms_class_of(redis_text(words[CLASS])),
        .code = redis_text(words[CODE]), .receipt = receipt_state_of(redis_text(words[RECEIPT])),
        .delivered_ms = redis_number(words[DELIVERED]), .segments = (int)redis_number(words[SEGMENTS]), .cost_micros = redis_number(words[COST]),
    };
    return effect_copy(&effect, arena);
}

/* A script answers with a row for each effect; fields of a hash that somebody shortened are not there. One text instead says that it
 * did nothing, because another effect has a ref. */
static Status check_rows(const Redis *redis, size_t count, size_t width, Fault *fault)
{
    const redisReply *rows = redis->replies[0];
    if (slice_equal(redis_text(rows), SLICE("ref")))
        return fault_set(fault, STATUS_REJECT, "effect_ref_taken", "another effect has this one's ref");
    bool is_right = rows->type == REDIS_REPLY_ARRAY && rows->elements == count;
    for (size_t i = 0; is_right && width && i < count; i++)
        is_right = rows->element[i]->elements == width;
    return is_right ? STATUS_OK : fault_set(fault, STATUS_RETRY, "redis_protocol", "Redis did not answer for each effect");
}

/* ---- claim ---- */

static Status claim(void *self, Effect *wanted, size_t count, int64_t now_ms, int64_t lease_ms, const Gateway *gateway, Arena *arena,
                    bool *ret_claimed, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_claim, 4 + count * (CONTENT_WORDS + 1));
    redis_add_number_word(redis, now_ms);
    redis_add_number_word(redis, now_ms + lease_ms);
    redis_add_word(redis, gateway->repeat_ms == REPEAT_ALWAYS ? (Slice){0} : redis_print_number(redis, gateway->repeat_ms));
    redis_add_word(redis, gateway->name);
    for (size_t i = 0; i < count; i++) {
        add_content(redis, &wanted[i]);
        redis_add_number_word(redis, wanted[i].due_ms);
    }
    Status status = redis_run(redis, fault);
    status = status ? status : check_rows(redis, count, 1 + EFFECT_WORDS, fault);
    for (size_t i = 0; !status && i < count; i++) {
        const redisReply *row = redis->replies[0]->element[i];
        ret_claimed[i] = redis_number(row->element[0]) == 1;
        wanted[i] = read_effect(row->element + 1, arena);
    }
    return status;
}

/* ---- moves that show their fence ---- */

static Status read_moved(const Redis *redis, size_t count, bool *ret_moved, Fault *fault)
{
    Status status = check_rows(redis, count, 0, fault);
    for (size_t i = 0; !status && i < count; i++)
        ret_moved[i] = redis_number(redis->replies[0]->element[i]) == 1;
    return status;
}

/* What is gone before it was sent is not ours any more: its message comes again and finds it new. */
static Status sending(void *self, const Effect *effects, size_t count, int64_t now_ms, int64_t lease_until_ms, bool *ret_ours, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_move, 2 + count * EFFECT_WORDS);
    redis_add_number_word(redis, now_ms);
    redis_add_word(redis, SLICE("sending"));
    for (size_t i = 0; i < count; i++)
        add_effect(redis, &effects[i], EFFECT_SENDING, lease_until_ms);
    Status status = redis_run(redis, fault);
    return status ? status : read_moved(redis, count, ret_ours, fault);
}

static Status settle(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_move, 2 + count * EFFECT_WORDS);
    redis_add_number_word(redis, now_ms);
    redis_add_word(redis, SLICE("settle"));
    for (size_t i = 0; i < count; i++)
        add_effect(redis, &effects[i], effects[i].state, effects[i].due_ms);
    Status status = redis_run(redis, fault);
    return status ? status : read_moved(redis, count, ret_moved, fault);
}

/* ---- look ---- */

static Status due(void *self, bool calls, int64_t now_ms, size_t max, Arena *arena, Effect *out, size_t *ret_count, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_due, 3);
    redis_add_number_word(redis, now_ms);
    redis_add_number_word(redis, (int64_t)max);
    redis_add_number_word(redis, calls);
    Status status = redis_run(redis, fault);
    if (status)
        return status;
    const redisReply *rows = redis->replies[0];
    status = check_rows(redis, rows->elements < max ? rows->elements : max, EFFECT_WORDS, fault);
    for (size_t i = 0; !status && i < rows->elements; i++)
        out[i] = read_effect(rows->element[i]->element, arena);
    if (!status)
        *ret_count = rows->elements;
    return status;
}

/* A clock that ran ahead may have written times that are months away. */
static Status pull_in(void *self, int64_t latest_ms, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_pull_in, 1);
    redis_add_number_word(redis, latest_ms);
    return redis_run(redis, fault);
}

static Status look(Redis *redis, Slice by, const Slice *keys, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_load, 1 + count);
    redis_add_word(redis, by);
    for (size_t i = 0; i < count; i++)
        redis_add_word(redis, keys[i]);
    Status status = redis_run(redis, fault);
    status = status ? status : check_rows(redis, count, 0, fault);
    for (size_t i = 0; !status && i < count; i++) {
        const redisReply *row = redis->replies[0]->element[i];
        ret_found[i] = row->elements == EFFECT_WORDS;
        if (ret_found[i])
            out[i] = read_effect(row->element, arena);
    }
    return status;
}

static Status load(void *self, const Slice *action_ids, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    return look(self, SLICE("id"), action_ids, count, arena, out, ret_found, fault);
}

static Status find(void *self, const Slice *refs, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault)
{
    return look(self, SLICE("ref"), refs, count, arena, out, ret_found, fault);
}

typedef struct EffectList {
    const EffectFilter *filter;
    bool (*visit)(void *context, const Effect *effect);
    void *context;
    Slice after;
    size_t shown;
    bool goes_on;
} EffectList;

static bool is_wanted(const EffectFilter *filter, const Effect *effect)
{
    return (filter->state < 0 || filter->state == (int)effect->state) &&
           (slice_empty(filter->campaign_id) || slice_equal(filter->campaign_id, effect->campaign_id)) &&
           (slice_empty(filter->phone) || slice_equal(filter->phone, effect->phone));
}

static bool show(EffectList *list, const Effect *effect)
{
    if (!is_wanted(list->filter, effect))
        return true;
    return list->visit(list->context, effect) && ++list->shown != list->filter->limit;
}

static Status ask_page(Redis *redis, Slice after, Fault *fault)
{
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_list, 2);
    redis_add_word(redis, after);
    redis_add_number_word(redis, PAGE_EFFECTS);
    return redis_run(redis, fault);
}

/* Copied before it is shown: the visitor may use the port. What has gone has no fields. */
static Status show_page(Redis *redis, EffectList *list, Arena *arena, Fault *fault)
{
    Status status = ask_page(redis, list->after, fault);
    if (status)
        return status;
    const redisReply *rows = redis->replies[0];
    Effect *effects = ARENA_ARRAY(arena, Effect, rows->elements);
    size_t count = 0;
    for (size_t i = 0; i < rows->elements; i++) {
        const redisReply *row = rows->element[i];
        if (row->elements == EFFECT_WORDS)
            effects[count++] = read_effect(row->element, arena);
        list->after = arena_copy(arena, redis_text(row->element[0]));
    }
    list->goes_on = rows->elements == PAGE_EFFECTS;
    for (size_t i = 0; i < count; i++) {
        if (!show(list, &effects[i])) {
            list->goes_on = false;
            break;
        }
    }
    return STATUS_OK;
}

/* A page knows where the one before it ended, so two of them are kept. */
static Status list_effects(void *self, const EffectFilter *filter, bool (*visit)(void *context, const Effect *effect), void *context,
                           Fault *fault)
{
    EffectList list = {.filter = filter, .visit = visit, .context = context, .after = filter->after, .goes_on = true};
    Arena arenas[2] = {0};
    Status status = STATUS_OK;
    for (size_t page = 0; !status && list.goes_on; page++) {
        arena_reset(&arenas[page % 2]);
        status = show_page(self, &list, &arenas[page % 2], fault);
    }
    arena_done(&arenas[0]);
    arena_done(&arenas[1]);
    return status;
}

/* ---- what providers say ---- */

static void add_receipt(Redis *redis, const Receipt *receipt)
{
    redis_add_word(redis, receipt->ref);
    redis_add_word(redis, receipt->provider);
    redis_add_word(redis, receipt->message_id);
    redis_add_word(redis, slice_of(receipt_state_name(receipt->state)));
    redis_add_word(redis, slice_of(sms_class_name(receipt->sms_class)));
    redis_add_word(redis, receipt->code);
    redis_add_word(redis, receipt->reason);
    redis_add_number_word(redis, receipt->state >= RECEIPT_UNDELIVERED ? receipt->at_ms : 0);
}

static Status receive(void *self, const Receipt *receipts, size_t count, int64_t now_ms, Arena *arena, Effect *out, ReceiptResult *ret,
                      Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_receive, 1 + count * RECEIPT_WORDS);
    redis_add_number_word(redis, now_ms);
    for (size_t i = 0; i < count; i++)
        add_receipt(redis, &receipts[i]);
    Status status = redis_run(redis, fault);
    status = status ? status : check_rows(redis, count, 0, fault);
    for (size_t i = 0; !status && i < count; i++) {
        const redisReply *row = redis->replies[0]->element[i];
        bool is_there = row->elements == 1 + EFFECT_WORDS;
        ret[i] = is_there ? (ReceiptResult)redis_number(row->element[0]) : RECEIPT_STRANGE;
        if (is_there)
            out[i] = read_effect(row->element + 1, arena);
    }
    return status;
}

/* ---- moving in ---- */

static Status enter(void *self, const Effect *effects, size_t count, int64_t now_ms, bool *ret_moved, Fault *fault)
{
    Redis *redis = self;
    redis_begin(redis);
    redis_open_script(redis, &redis_script_effect_enter, 1 + count * EFFECT_WORDS);
    redis_add_number_word(redis, now_ms);
    for (size_t i = 0; i < count; i++)
        add_effect(redis, &effects[i], effects[i].state, effects[i].due_ms);
    Status status = redis_run(redis, fault);
    return status ? status : read_moved(redis, count, ret_moved, fault);
}

EffectsPort redis_effects(Redis *redis)
{
    return (EffectsPort){.self = redis, .is_shared = true, .claim = claim, .sending = sending, .settle = settle, .due = due, .pull_in = pull_in,
                         .list = list_effects, .enter = enter, .load = load, .find = find, .receive = receive};
}
