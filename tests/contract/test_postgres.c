/* What only a shared server can show: several processes at once, a server that goes and comes back, an answer that is lost, and
 * schemas of other versions. */
#include "contract.h"

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/postgres.h"
#include "base/clock.h"
#include "cut_proxy.h"

/* Another process on the same schema, as far as the server can tell. */
typedef struct Other {
    Postgres *store;
    Breaker breaker;
    RegistryPort registry;
    EffectsPort effects;
    GiftsPort gifts;
    SmsPort sms;
    Arena arena;
    Fault fault;
    char url[600];
} Other;

static void open_other_at(Other *other, const char *url, int64_t deadline_ms)
{
    PostgresSettings settings = {.url = url, .deadline_ms = deadline_ms, .breaker = &other->breaker};
    breaker_init(&other->breaker, "postgres");
    arena_init(&other->arena);
    assert_int_equal(postgres_open(&settings, &other->store, &other->fault), STATUS_OK);
    other->registry = postgres_registry(other->store);
    other->effects = postgres_effects(other->store);
    other->gifts = postgres_gifts(other->store);
    other->sms = postgres_sms(other->store);
}

static void open_other(Contract *c, Other *other, int64_t deadline_ms)
{
    contract_postgres_url(other->url, sizeof other->url, contract_postgres_schema(c));
    open_other_at(other, other->url, deadline_ms);
}

static void close_other(Other *other)
{
    postgres_close(other->store);
    breaker_done(&other->breaker);
    arena_done(&other->arena);
}

static Status block_one(Other *other, const char *phone, const char *action_id, BlockResult *result)
{
    BlockEntry entry = contract_optout(phone, action_id);
    return other->registry.block(other->registry.self, &entry, 1, result, &other->fault);
}

/* A statement of somebody else on this schema: the SQLSTATE it ends with, "" for none. */
static void run_in_schema(Contract *c, const char *sql, char sqlstate[6])
{
    char url[600];
    contract_postgres_url(url, sizeof url, contract_postgres_schema(c));
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, sql);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(sqlstate, 6, "%s", state ? state : "");
    PQclear(result);
    PQfinish(connection);
}

/* ---- races ---- */

enum { RACERS = 4, ROUNDS = 12, EACH = 64 };

typedef struct Race {
    atomic_int added[ROUNDS], again[ROUNDS], recorded[ROUNDS], claimed[ROUNDS], moved[ROUNDS], proved[ROUNDS], given[ROUNDS];
    pthread_barrier_t round;
    const char *schema;
} Race;

typedef struct Racer {
    Race *race;
    int number;
    Other other;
    char failure[FAULT_TEXT_BYTES];
} Racer;

/* Each goes through the same things in an order of its own, which is how deadlocks are made. */
static Slice name_of(Arena *arena, const char *what, int round, int racer, int i)
{
    int place = racer % 2 ? EACH - 1 - i : i;
    return arena_printf(arena, "%s-%d-%03d", what, round, (place + racer * 7) % EACH);
}

static Status race_lists(Racer *racer, int round)
{
    Other *other = &racer->other;
    BlockEntry entries[EACH];
    BlockResult results[EACH];
    ActionRecord records[EACH];
    bool is_new[EACH];
    for (int i = 0; i < EACH; i++) {
        Slice name = name_of(&other->arena, "+1", round, racer->number, i);
        entries[i] = contract_optout(name.at, name.at);
        records[i] = (ActionRecord){.id = name, .phone = name, .action_type = i % 2 ? SLICE("donation_sms_sent") : SLICE("optout_x"),
                                    .timestamp_ms = NOON_MS, .status = SLICE("success")};
    }
    Status status = other->registry.block(other->registry.self, entries, EACH, results, &other->fault);
    status = status ? status : other->registry.record_actions(other->registry.self, records, EACH, is_new, &other->fault);
    for (int i = 0; i < EACH && !status; i++) {
        racer->race->added[round] += results[i] == BLOCK_ADDED;
        racer->race->again[round] += results[i] == BLOCK_KNOWN;
        racer->race->recorded[round] += is_new[i];
    }
    return status;
}

static bool is_odd(Slice name) { return (name.at[name.bytes - 1] - '0') % 2; }

static Status race_effects(Racer *racer, int round)
{
    Other *other = &racer->other;
    Effect effects[EACH];
    SmsOutcome outcomes[EACH];
    bool claimed[EACH], is_ours[EACH], moved[EACH];
    for (int i = 0; i < EACH; i++) {
        effects[i] = contract_donation(name_of(&other->arena, "e", round, racer->number, i).at, "+12125550100");
        effects[i].ref = effects[i].action_id;
    }
    Status status = other->effects.claim(other->effects.self, effects, EACH, NOON_MS, 30000, GATEWAY(REPEAT_ALWAYS), &other->arena, claimed, &other->fault);
    for (int i = 0; i < EACH && !status; i++)
        effects[i].fence -= !claimed[i]; /* whoever did not get it shows no valid fence */
    status = status ? status : other->effects.sending(other->effects.self, effects, EACH, NOON_MS, NOON_MS + 30000, is_ours, &other->fault);
    status = status ? status : other->sms.send(other->sms.self, effects, EACH, NOON_MS, &other->arena, outcomes, &other->fault);
    for (int i = 0; i < EACH && !status; i++) {
        effects[i].state = is_odd(effects[i].ref) ? EFFECT_UNKNOWN : EFFECT_SENT;
        racer->race->claimed[round] += claimed[i];
    }
    status = status ? status : other->effects.settle(other->effects.self, effects, EACH, NOON_MS, moved, &other->fault);
    for (int i = 0; i < EACH && !status; i++)
        racer->race->moved[round] += moved[i];
    return status;
}

/* Each tells something else of all of them. */
static Status race_receipts(Racer *racer, int round)
{
    Other *other = &racer->other;
    Receipt receipts[EACH];
    Effect effects[EACH];
    ReceiptResult results[EACH];
    for (int i = 0; i < EACH; i++)
        receipts[i] = (Receipt){.ref = name_of(&other->arena, "e", round, racer->number, i), .provider = SLICE("twilio"),
                                .state = (ReceiptState)(RECEIPT_UNDERWAY + racer->number % 3), .at_ms = NOON_MS};
    Status status = other->effects.receive(other->effects.self, receipts, EACH, NOON_MS, &other->arena, effects, results, &other->fault);
    for (int i = 0; i < EACH && !status; i++)
        racer->race->proved[round] += results[i] == RECEIPT_PROVES;
    return status;
}

/* Some tell of gifts, and the others of their refunds; all of clicks on the same links. */
static Status race_gifts(Racer *racer, int round)
{
    Other *other = &racer->other;
    Gift gifts[EACH];
    GiftResult results[EACH];
    LinkClicks clicks[EACH];
    bool is_refund = racer->number % 2;
    for (int i = 0; i < EACH; i++) {
        Slice name = name_of(&other->arena, "g", round, racer->number, i);
        gifts[i] = (Gift){.id = name, .currency = SLICE("USD"), .received_ms = NOON_MS};
        *(is_refund ? &gifts[i].refunded_micros : &gifts[i].given_micros) = 18000000;
        *(is_refund ? &gifts[i].refunded_ms : &gifts[i].given_ms) = NOON_MS;
        clicks[i] = (LinkClicks){.ref = name, .kind = CLICK_HUMAN, .first_ms = NOON_MS, .last_ms = NOON_MS, .count = 1};
    }
    Status status = other->gifts.give(other->gifts.self, gifts, EACH, results, &other->fault);
    status = status ? status : other->gifts.click(other->gifts.self, clicks, EACH, &other->fault);
    for (int i = 0; i < EACH && !status; i++)
        racer->race->given[round] += results[i] == GIFT_ADDED;
    return status;
}

static void *run_racer(void *context)
{
    Racer *racer = context;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&racer->race->round);
        Status status = race_lists(racer, round);
        status = status ? status : race_effects(racer, round);
        status = status ? status : race_gifts(racer, round);
        pthread_barrier_wait(&racer->race->round);
        status = status ? status : race_receipts(racer, round);
        if (status && !*racer->failure)
            snprintf(racer->failure, sizeof racer->failure, "%s", racer->other.fault.text);
        arena_reset(&racer->other.arena);
    }
    return NULL;
}

static bool count_message(void *context, const SmsRecord *record)
{
    (void)record;
    ++*(int *)context;
    return true;
}

static bool count_delivered(void *context, const Effect *effect)
{
    *(int *)context += effect->state == EFFECT_SENT && effect->receipt == RECEIPT_DELIVERED;
    return true;
}

static bool count_gift(void *context, const Gift *gift)
{
    *(int *)context += gift->given_ms && gift->refunded_ms;
    return true;
}

static bool count_clicks(void *context, const LinkClicks *clicks)
{
    *(int *)context += (int)clicks->count;
    return true;
}

static void of_many_that_race_each_thing_is_done_by_one(void **state)
{
    Contract *c = *state;
    Race race = {0};
    Racer racers[RACERS] = {{0}};
    pthread_t threads[RACERS];
    pthread_barrier_init(&race.round, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (Racer){.race = &race, .number = i};
        open_other(c, &racers[i].other, 20000); /* they also race to make the schema */
        pthread_create(&threads[i], NULL, run_racer, &racers[i]);
    }
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < RACERS; i++) {
        assert_string_equal(racers[i].failure, "");
        close_other(&racers[i].other);
    }
    pthread_barrier_destroy(&race.round);
    int messages = 0, delivered = 0, gifts = 0, clicks = 0;
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(race.added[round], EACH);
        assert_int_equal(race.again[round], 0);
        assert_int_equal(race.recorded[round], EACH);
        assert_int_equal(race.claimed[round], EACH);
        assert_int_equal(race.moved[round], EACH);
        assert_int_equal(race.proved[round], EACH / 2);
        assert_int_equal(race.given[round], 2 * EACH);
    }
    must(c, c->ports.effects.list(c->ports.effects.self, &(EffectFilter){.state = -1}, count_delivered, &delivered, &c->fault));
    assert_int_equal(delivered, ROUNDS * EACH);
    must(c, c->ports.gifts.list(c->ports.gifts.self, &(GiftFilter){0}, count_gift, &gifts, &c->fault));
    assert_int_equal(gifts, ROUNDS * EACH);
    must(c, c->ports.gifts.clicks(c->ports.gifts.self, (Slice){0}, count_clicks, &clicks, &c->fault));
    assert_int_equal(clicks, ROUNDS * EACH);
    must(c, c->ports.sms.list(c->ports.sms.self, &(SmsFilter){0}, count_message, &messages, &c->fault));
    assert_int_equal(messages, ROUNDS * EACH);
    int64_t entries = contract_check_chain(c), optouts = ROUNDS * EACH;
    assert_in_range(entries, optouts + 1, optouts * 2); /* which half is audited depends on who came first */
}

/* ---- a sender that sleeps ---- */

static void text_to_a_number_that_was_blocked_while_its_sender_slept_stays_in(void **state)
{
    Contract *c = *state;
    Other other = {0};
    BlockResult result;
    SmsOutcome outcome;
    bool is_claimed = false, moved = false;
    int messages = 0;
    Effect slept = contract_sending(c, "e", "+12125550100"), taken = slept;
    open_other(c, &other, 0);
    assert_int_equal(block_one(&other, "+12125550100", "a", &result), STATUS_OK);
    assert_int_equal(other.effects.claim(other.effects.self, &taken, 1, NOON_MS + 60000, 30000, GATEWAY(REPEAT_ALWAYS), &other.arena, &is_claimed, &other.fault),
                     STATUS_OK);
    assert_true(is_claimed);
    taken.state = EFFECT_CANCELLED;
    assert_int_equal(other.effects.settle(other.effects.self, &taken, 1, NOON_MS + 60000, &moved, &other.fault), STATUS_OK);
    assert_true(moved);

    must(c, c->ports.sms.send(c->ports.sms.self, &slept, 1, NOON_MS + 60000, &c->arena, &outcome, &c->fault));
    assert_int_equal(outcome.result, SMS_OVERTAKEN);
    must(c, c->ports.sms.list(c->ports.sms.self, &(SmsFilter){0}, count_message, &messages, &c->fault));
    assert_int_equal(messages, 0);
    close_other(&other);
}

/* ---- the server goes and comes back ---- */

enum { LOADERS = 3, NUMBERS_MAX = 100000 };

typedef struct Loader {
    int number;
    atomic_int acknowledged, retried, other;
    atomic_bool *stops;
    Other to;
    unsigned char acked[NUMBERS_MAX];
} Loader;

static void phone_of(char phone[24], int loader, int i) { snprintf(phone, 24, "+1%d%06d", loader, i); }

static void *run_loader(void *context)
{
    Loader *loader = context;
    for (int i = 0; i < NUMBERS_MAX && !*loader->stops; i++) {
        char phone[24];
        BlockResult result;
        phone_of(phone, loader->number, i);
        Status status = block_one(&loader->to, phone, phone, &result);
        loader->acked[i] = !status;
        loader->acknowledged += !status;
        loader->retried += status == STATUS_RETRY;
        loader->other += status && status != STATUS_RETRY;
        if (status)
            poll(NULL, 0, 1);
    }
    return NULL;
}

static void wait_for(const atomic_int *counter, int more)
{
    int until = *counter + more;
    for (int64_t end_ms = clock_elapsed_ms() + 60000; *counter < until && clock_elapsed_ms() < end_ms;)
        poll(NULL, 0, 1);
    assert_true(*counter >= until);
}

static void check_acknowledged(Contract *c, const Loader *loader)
{
    for (int i = 0; i < NUMBERS_MAX; i++) {
        char phone[24];
        phone_of(phone, loader->number, i);
        if (loader->acked[i])
            assert_true(contract_is_blocked(c, phone));
    }
}

static void server_that_crashes_under_load_loses_nothing_acknowledged(void **state)
{
    Contract *c = *state;
    const char *stop = getenv("TEST_DATABASE_STOP"), *start = getenv("TEST_DATABASE_START");
    if (!stop || !start)
        skip();
    atomic_bool stops = false;
    Loader *loaders = calloc(LOADERS, sizeof *loaders);
    pthread_t threads[LOADERS];
    contract_is_blocked(c, "+1");
    for (int i = 0; i < LOADERS; i++) {
        loaders[i].number = i;
        loaders[i].stops = &stops;
        open_other(c, &loaders[i].to, 2000);
        pthread_create(&threads[i], NULL, run_loader, &loaders[i]);
    }
    for (int i = 0; i < LOADERS; i++)
        wait_for(&loaders[i].acknowledged, 20);
    assert_int_equal(system(stop), 0);
    for (int i = 0; i < LOADERS; i++)
        wait_for(&loaders[i].retried, 5);
    assert_true(breaker_is_away(&loaders[0].to.breaker));
    assert_int_equal(system(start), 0);
    for (int i = 0; i < LOADERS; i++)
        wait_for(&loaders[i].acknowledged, 20);
    stops = true;
    for (int i = 0; i < LOADERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < LOADERS; i++) {
        assert_int_equal(loaders[i].other, 0);
        assert_false(breaker_is_away(&loaders[i].to.breaker));
        check_acknowledged(c, &loaders[i]);
        close_other(&loaders[i].to);
    }
    contract_check_chain(c);
    free(loaders);
}

static void connection_that_the_server_ended_is_made_anew_without_a_failure(void **state)
{
    Contract *c = *state;
    Other other = {0};
    BlockResult result;
    open_other(c, &other, 0);
    assert_int_equal(block_one(&other, "+12125550100", "a", &result), STATUS_OK);
    contract_postgres_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pledgeline'");
    assert_int_equal(block_one(&other, "+12125550101", "b", &result), STATUS_OK);
    assert_int_equal(result, BLOCK_ADDED);
    close_other(&other);
}

static void server_that_is_away_opens_the_breaker(void **state)
{
    (void)state;
    Other other = {0};
    BlockResult result;
    open_other_at(&other, "postgresql://x@127.0.0.1:1/x", 1000);
    assert_int_equal(block_one(&other, "+12125550100", "a", &result), STATUS_RETRY);
    assert_string_equal(other.fault.code, "database_away");
    assert_int_equal(block_one(&other, "+12125550100", "a", &result), STATUS_RETRY);
    assert_string_equal(other.fault.code, "store_away");
    close_other(&other);
}

/* ---- waiting ---- */

static void verb_gives_up_at_its_deadline_and_works_again_after(void **state)
{
    Contract *c = *state;
    Other other = {0};
    BlockResult result = BLOCK_REPEATED;
    open_other(c, &other, 300);
    assert_int_equal(block_one(&other, "+12125550100", "a", &result), STATUS_OK);
    PGconn *holder = PQconnectdb(other.url);
    PQclear(PQexec(holder, "BEGIN; SELECT * FROM audit_head FOR UPDATE"));
    int64_t began_ms = clock_elapsed_ms();
    assert_int_equal(block_one(&other, "+12125550101", "b", &result), STATUS_RETRY);
    assert_string_equal(other.fault.code, "database_slow");
    assert_in_range(clock_elapsed_ms() - began_ms, 250, 5000);
    PQclear(PQexec(holder, "ROLLBACK"));
    PQfinish(holder);
    Status status = STATUS_RETRY;
    for (int64_t end_ms = clock_elapsed_ms() + 30000; status && clock_elapsed_ms() < end_ms; poll(NULL, 0, 1))
        status = block_one(&other, "+12125550101", "b", &result);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(contract_check_chain(c), 2);
    close_other(&other);
}

/* ---- an answer that is lost ---- */

static bool count_effect(void *context, const Effect *effect)
{
    *(int64_t *)context += effect->state == EFFECT_SENT;
    return true;
}

static void lost_answer_to_a_commit_does_nothing_twice(void **state)
{
    Contract *c = *state;
    Other other = {0};
    BlockResult result;
    bool was_blocked = false, moved;
    contract_is_blocked(c, "+1");
    CutProxy *proxy = cut_proxy_start(getenv("TEST_DATABASE_URL"));
    char server[300];
    cut_proxy_url(proxy, contract_postgres_schema(c), server, sizeof server);
    open_other_at(&other, server, 0);
    assert_int_equal(block_one(&other, "+12125550100", "a", &result), STATUS_OK);

    cut_proxy_cut_next_commit(proxy);
    assert_int_equal(block_one(&other, "+12125550101", "b", &result), STATUS_OK);
    assert_int_equal(result, BLOCK_REPEATED);
    assert_int_equal(contract_check_chain(c), 2);

    cut_proxy_cut_next_commit(proxy);
    assert_int_equal(other.registry.unblock(other.registry.self, SLICE("+12125550101"), SLICE("jane"), SLICE("asked"), NOON_MS + 1, &was_blocked,
                                            &other.fault), STATUS_OK);
    assert_true(was_blocked);
    assert_int_equal(contract_check_chain(c), 3);

    AuditEntry import = {.at_ms = NOON_MS, .kind = SLICE("import"), .actor = SLICE("jane"), .reason = SLICE("numbers.csv")};
    cut_proxy_cut_next_commit(proxy);
    assert_int_equal(other.registry.audit_append(other.registry.self, &import, &other.fault), STATUS_OK);
    assert_int_equal(contract_check_chain(c), 4);
    assert_int_equal(other.registry.audit_append(other.registry.self, &import, &other.fault), STATUS_OK);
    assert_int_equal(contract_check_chain(c), 5);

    Effect effect = contract_sending(c, "e", "+12125550100");
    SmsOutcome outcome;
    int messages = 0;
    int64_t sent = 0;
    cut_proxy_cut_next_commit(proxy);
    assert_int_equal(other.sms.send(other.sms.self, &effect, 1, NOON_MS, &other.arena, &outcome, &other.fault), STATUS_OK);
    assert_int_equal(outcome.result, SMS_ACCEPTED);
    cut_proxy_cut_next_commit(proxy);
    effect.state = EFFECT_SENT;
    assert_int_equal(other.effects.settle(other.effects.self, &effect, 1, NOON_MS, &moved, &other.fault), STATUS_OK);
    must(c, c->ports.sms.list(c->ports.sms.self, &(SmsFilter){0}, count_message, &messages, &c->fault));
    must(c, c->ports.effects.list(c->ports.effects.self, &(EffectFilter){.state = -1}, count_effect, &sent, &c->fault));
    assert_int_equal(messages, 1);
    assert_int_equal(sent, 1);
    assert_int_equal(cut_proxy_stop(proxy), 5);
    close_other(&other);
}

static void receipt_whose_answer_was_lost_is_taken_once(void **state)
{
    Contract *c = *state;
    Other other = {0};
    Effect effect = contract_donation("e", "+12125550100");
    ReceiptResult result;
    bool done;
    effect.ref = SLICE("0123456789abcdef0123456789abcdef");
    must(c, c->ports.effects.claim(c->ports.effects.self, &effect, 1, NOON_MS, 30000, GATEWAY(REPEAT_ALWAYS), &c->arena, &done, &c->fault));
    effect.state = EFFECT_UNKNOWN;
    must(c, c->ports.effects.settle(c->ports.effects.self, &effect, 1, NOON_MS, &done, &c->fault));
    CutProxy *proxy = cut_proxy_start(getenv("TEST_DATABASE_URL"));
    char server[300];
    cut_proxy_url(proxy, contract_postgres_schema(c), server, sizeof server);
    open_other_at(&other, server, 0);
    cut_proxy_cut_next_commit(proxy);
    Receipt receipt = {.ref = effect.ref, .state = RECEIPT_DELIVERED, .message_id = SLICE("SM1"), .at_ms = NOON_MS + 1};
    assert_int_equal(other.effects.receive(other.effects.self, &receipt, 1, NOON_MS, &other.arena, &effect, &result, &other.fault), STATUS_OK);
    assert_int_equal(result, RECEIPT_KNOWN); /* as the repeat found it */
    assert_int_equal(effect.state, EFFECT_SENT);
    assert_int_equal(effect.receipt, RECEIPT_DELIVERED);
    assert_int_equal(cut_proxy_stop(proxy), 1);
    close_other(&other);
}

/* ---- schema ---- */

static void effects_of_an_older_schema_are_presses_and_go_on(void **state)
{
    static const char *const back_to_step_three =
        "ALTER TABLE effect DROP COLUMN kind, DROP COLUMN ref, DROP COLUMN follows, DROP COLUMN provider, DROP COLUMN sms_class, DROP COLUMN code,"
        " DROP COLUMN receipt, DROP COLUMN delivered_at, DROP COLUMN segments, DROP COLUMN cost_micros; DELETE FROM schema_step WHERE step > 3";
    Contract *c = *state;
    Other other = {0};
    char sqlstate[6];
    bool moved, found;
    Effect effect = contract_sending(c, "e", "+12125550100");
    contract_sending(c, "f", "+12125550100");
    run_in_schema(c, back_to_step_three, sqlstate);
    assert_string_equal(sqlstate, "");
    open_other(c, &other, 0);
    effect.state = EFFECT_SENT;
    assert_int_equal(other.effects.settle(other.effects.self, &effect, 1, NOON_MS, &moved, &other.fault), STATUS_OK);
    assert_true(moved);
    assert_int_equal(other.effects.load(other.effects.self, &effect.action_id, 1, &other.arena, &effect, &found, &other.fault), STATUS_OK);
    assert_int_equal(effect.kind, EFFECT_DONATION);
    assert_int_equal(effect.state, EFFECT_SENT);
    assert_slice(effect.ref, "");
    assert_int_equal(effect.receipt, RECEIPT_NONE);
    close_other(&other);
}

static void schema_of_a_newer_version_is_refused(void **state)
{
    Contract *c = *state;
    Other other = {0};
    BlockResult result;
    char sqlstate[6];
    contract_is_blocked(c, "+1");
    run_in_schema(c, "INSERT INTO schema_step (step) VALUES (999)", sqlstate);
    assert_string_equal(sqlstate, "");
    open_other(c, &other, 0);
    assert_int_equal(block_one(&other, "+12125550100", "a", &result), STATUS_RETRY);
    assert_string_equal(other.fault.code, "database_newer");
    close_other(&other);
}

static void audit_entries_cannot_be_changed_deleted_or_emptied(void **state)
{
    Contract *c = *state;
    const char *const attempts[] = {"UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"};
    BlockEntry entry = contract_optout("+12125550100", "a");
    contract_block(c, &entry);
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        char sqlstate[6];
        run_in_schema(c, attempts[i], sqlstate);
        assert_string_equal(sqlstate, "23001");
    }
    assert_int_equal(contract_check_chain(c), 1);
}

/* ---- values and lists ---- */

static void text_that_the_server_cannot_hold_is_rejected_and_hurts_nobody_else(void **state)
{
    Contract *c = *state;
    BlockEntry entry = contract_optout("+12125550100", "a");
    BlockResult result;
    entry.reason = (Slice){"\xff\xfe", 2};
    assert_int_equal(c->ports.registry.block(c->ports.registry.self, &entry, 1, &result, &c->fault), STATUS_REJECT);
    assert_string_equal(c->fault.code, "value_invalid");
    entry.reason = SLICE("'; DROP TABLE blocked; --");
    assert_int_equal(contract_block(c, &entry), BLOCK_ADDED);
    assert_true(contract_is_blocked(c, "+12125550100"));
}

typedef struct Walk { Contract *contract; Arena arena; Slice last; int count; bool in_order, all_blocked; } Walk;

static bool walk(void *context, const BlockEntry *entry)
{
    Walk *walked = context;
    walked->in_order = walked->in_order && slice_compare(walked->last, entry->phone) < 0;
    walked->last = arena_copy(&walked->arena, entry->phone);
    walked->all_blocked = walked->all_blocked && (walked->count % 500 || contract_is_blocked(walked->contract, walked->last.at));
    walked->count++;
    return true;
}

static void list_of_many_pages_lets_its_visitor_use_the_ports(void **state)
{
    Contract *c = *state;
    enum { BATCHES = 5, BATCH = 500 };
    Walk walked = {.contract = c, .in_order = true, .all_blocked = true};
    for (int batch = 0; batch < BATCHES; batch++) {
        BlockEntry entries[BATCH];
        BlockResult results[BATCH];
        for (int i = 0; i < BATCH; i++) {
            Slice phone = arena_printf(&c->arena, "+1212%07d", i * BATCHES + batch);
            entries[i] = contract_optout(phone.at, phone.at);
        }
        must(c, c->ports.registry.block(c->ports.registry.self, entries, BATCH, results, &c->fault));
    }
    arena_init(&walked.arena);
    must(c, c->ports.registry.list(c->ports.registry.self, &(RegistryFilter){0}, walk, &walked, &c->fault));
    arena_done(&walked.arena);
    assert_int_equal(walked.count, BATCHES * BATCH);
    assert_true(walked.in_order);
    assert_true(walked.all_blocked);
}

/* ---- views ---- */

static int64_t chain_as_seen_by(Other *other)
{
    int64_t entries = -1;
    uint8_t hash[DIGEST_BYTES];
    assert_int_equal(other->registry.audit_head(other->registry.self, &entries, hash, &other->fault), STATUS_OK);
    return entries;
}

static bool is_blocked_as_seen_by(Other *other, Slice phone)
{
    bool blocked;
    assert_int_equal(other->registry.is_blocked(other->registry.self, &phone, 1, &blocked, &other->fault), STATUS_OK);
    return blocked;
}

static void view_shows_one_moment_until_it_ends(void **state)
{
    Contract *c = *state;
    Other reader = {0};
    BlockEntry first = contract_optout("+12125550100", "a"), second = contract_optout("+12125550101", "b");
    contract_block(c, &first);
    open_other(c, &reader, 0);
    UnitPort view = postgres_view(reader.store);
    assert_int_equal(view.begin(view.self, &reader.fault), STATUS_OK);
    assert_int_equal(chain_as_seen_by(&reader), 1);
    contract_block(c, &second);
    assert_int_equal(chain_as_seen_by(&reader), 1);
    assert_false(is_blocked_as_seen_by(&reader, second.phone));
    view.rollback(view.self);
    assert_int_equal(chain_as_seen_by(&reader), 2);
    assert_true(is_blocked_as_seen_by(&reader, second.phone));
    close_other(&reader);
}

static void view_that_was_lost_is_not_taken_up_on_another_connection(void **state)
{
    Contract *c = *state;
    Other reader = {0};
    int64_t entries;
    uint8_t hash[DIGEST_BYTES];
    open_other(c, &reader, 0);
    UnitPort view = postgres_view(reader.store);
    assert_int_equal(view.begin(view.self, &reader.fault), STATUS_OK);
    assert_int_equal(chain_as_seen_by(&reader), 0);
    contract_postgres_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pledgeline'");
    assert_int_equal(reader.registry.audit_head(reader.registry.self, &entries, hash, &reader.fault), STATUS_RETRY);
    do /* until the breaker lets somebody try */
        assert_int_equal(reader.registry.audit_head(reader.registry.self, &entries, hash, &reader.fault), STATUS_RETRY);
    while (strcmp(reader.fault.code, "store_away") == 0);
    assert_string_equal(reader.fault.code, "database_view_lost");
    view.rollback(view.self);
    assert_int_equal(chain_as_seen_by(&reader), 0);
    close_other(&reader);
}

/* ---- settings ---- */

static void url_that_cannot_be_read_is_refused_at_once(void **state)
{
    (void)state;
    const char *const urls[] = {NULL, "", "mysql://x@y/z", "postgresql://x@y/z?nonsense=1", "host=x nonsense",
                                "postgresql://x@y/z?options=-csearch_path%3Da;drop", "postgresql://x@y/z?options=-csearch_path%3D"};
    Breaker breaker;
    breaker_init(&breaker, "postgres");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        Postgres *store = NULL;
        Fault fault;
        PostgresSettings settings = {.url = urls[i], .breaker = &breaker};
        assert_int_equal(postgres_open(&settings, &store, &fault), STATUS_FATAL);
        assert_string_equal(fault.code, "database_url_invalid");
        assert_null(store);
    }
    breaker_done(&breaker);
}

/* A name that may be anywhere is talked to only when the server proves that it is its own. */
static void server_elsewhere_must_prove_its_name(void **state)
{
    Contract *c = *state;
    const char *authority = getenv("TEST_DATABASE_CA");
    const struct { const char *host, *more; const char *complaint; } rows[] = {
        {"database.example", "", "certificate verify failed"},   {"database.example", "&sslrootcert=", NULL},
        {"other.example", "&sslrootcert=", "does not match"},    {"other.example", "&sslmode=require", NULL},
        {"other.example", "&sslmode=disable", NULL},
    };
    if (!authority)
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Other other = {0};
        BlockResult result;
        contract_postgres_url(other.url, sizeof other.url, contract_postgres_schema(c));
        size_t bytes = strlen(other.url);
        snprintf(other.url + bytes, sizeof other.url - bytes, "&host=%s&hostaddr=127.0.0.1%s%s", rows[i].host, rows[i].more,
                 strstr(rows[i].more, "rootcert") ? authority : "");
        open_other_at(&other, other.url, 0);
        assert_int_equal(block_one(&other, "+12125550100", "a", &result), rows[i].complaint ? STATUS_RETRY : STATUS_OK);
        if (rows[i].complaint)
            assert_non_null(strstr(other.fault.text, rows[i].complaint));
        close_other(&other);
    }
}

/* ---- failures of the server ---- */

static void fail_with(Contract *c, const char *sqlstate, int times)
{
    char sql[700], state[6];
    snprintf(sql, sizeof sql,
             "SET client_min_messages = error; CREATE SEQUENCE IF NOT EXISTS failure; ALTER SEQUENCE failure RESTART; CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
             " $$ BEGIN IF nextval('failure') <= %d THEN RAISE EXCEPTION 'made to fail' USING ERRCODE = '%s', DETAIL = NEW.phone; END IF;"
             " RETURN NEW; END $$; CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON blocked FOR EACH ROW EXECUTE FUNCTION fail()", times, sqlstate);
    run_in_schema(c, sql, state);
    assert_string_equal(state, "");
}

static void failures_of_the_server_are_named_and_passed_over_where_they_pass(void **state)
{
    Contract *c = *state;
    const struct { const char *sqlstate; int times; Status status; const char *code; } rows[] = {
        {"40001", 3, STATUS_OK, ""},      {"40P01", 2, STATUS_OK, ""},      {"57P01", 1, STATUS_OK, ""},
        {"25006", 1, STATUS_OK, ""},      {"25006", 9, STATUS_RETRY, "database_read_only"}, {"08006", 9, STATUS_RETRY, "database_away"},
        {"53100", 1, STATUS_RETRY, "database_full"}, {"23514", 1, STATUS_REJECT, "value_refused"}, {"22001", 1, STATUS_REJECT, "value_invalid"},
        {"42501", 1, STATUS_RETRY, "database_denied"}, {"P0001", 1, STATUS_RETRY, "database_failed"},
        {"42P01", 1, STATUS_RETRY, "database_foreign"}, {"XX001", 1, STATUS_RETRY, "database_damaged"},
    };
    contract_is_blocked(c, "+1");
    int64_t stored = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Other other = {0};
        BlockResult result;
        char phone[24];
        phone_of(phone, 7, (int)i);
        fail_with(c, rows[i].sqlstate, rows[i].times);
        open_other(c, &other, 0);
        assert_int_equal(block_one(&other, phone, phone, &result), rows[i].status);
        if (rows[i].status) {
            assert_string_equal(other.fault.code, rows[i].code);
            assert_null(strstr(other.fault.text, phone));
            Fault why;
            assert_int_equal(breaker_is_unwell(&other.breaker, &why), rows[i].status == STATUS_RETRY);
        }
        stored += !rows[i].status;
        close_other(&other);
    }
    assert_int_equal(contract_check_chain(c), stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(of_many_that_race_each_thing_is_done_by_one),
        CONTRACT_TEST(text_to_a_number_that_was_blocked_while_its_sender_slept_stays_in),
        CONTRACT_TEST(server_that_crashes_under_load_loses_nothing_acknowledged),
        CONTRACT_TEST(connection_that_the_server_ended_is_made_anew_without_a_failure),
        CONTRACT_TEST(server_that_is_away_opens_the_breaker),
        CONTRACT_TEST(verb_gives_up_at_its_deadline_and_works_again_after),
        CONTRACT_TEST(lost_answer_to_a_commit_does_nothing_twice),
        CONTRACT_TEST(receipt_whose_answer_was_lost_is_taken_once),
        CONTRACT_TEST(effects_of_an_older_schema_are_presses_and_go_on),
        CONTRACT_TEST(schema_of_a_newer_version_is_refused),
        CONTRACT_TEST(audit_entries_cannot_be_changed_deleted_or_emptied),
        CONTRACT_TEST(text_that_the_server_cannot_hold_is_rejected_and_hurts_nobody_else),
        CONTRACT_TEST(list_of_many_pages_lets_its_visitor_use_the_ports),
        CONTRACT_TEST(view_shows_one_moment_until_it_ends),
        CONTRACT_TEST(view_that_was_lost_is_not_taken_up_on_another_connection),
        CONTRACT_TEST(url_that_cannot_be_read_is_refused_at_once),
        CONTRACT_TEST(server_elsewhere_must_prove_its_name),
        CONTRACT_TEST(failures_of_the_server_are_named_and_passed_over_where_they_pass),
    };
    return contract_run_tests("several on one server", contract_postgres_adapters, tests);
}
