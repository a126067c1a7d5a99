/* What is MongoDB's own: documents as other programs read them, documents that other programs wrote, collisions, and a server that
 * is away, silent, or takes back what it said. */
#include "contract.h"

#include <mongoc/mongoc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/mongo.h"
#include "base/clock.h"
#include "mongo_relay.h"

typedef struct Bench {
    Contract contract; /* first: its helpers take the pointer */
    Mongo *mongo;
    Breaker breaker;
    char database[48];
    mongoc_client_t *client; /* another program */
    mongoc_collection_t *records;
    MongoRelay relay;
} Bench;

static Mongo *open_at(Bench *bench, const char *uri, int deadline_ms)
{
    Mongo *mongo = NULL;
    MongoSettings settings = {.uri = uri, .database = bench->database, .deadline_ms = deadline_ms, .breaker = &bench->breaker};
    must(&bench->contract, mongo_open(&settings, &mongo, &bench->contract.fault));
    return mongo;
}

static void use(Bench *bench, Mongo *mongo)
{
    bench->mongo = mongo;
    bench->contract.ports.cdrs = mongo_cdrs(mongo);
}

static int set_up(void **state)
{
    static int tests;
    Bench *bench = calloc(1, sizeof *bench);
    arena_init(&bench->contract.arena);
    breaker_init(&bench->breaker, "mongodb");
    snprintf(bench->database, sizeof bench->database, "mongo_%d_%d", getpid(), tests++);
    use(bench, open_at(bench, getenv("TEST_MONGODB_URI"), 0));
    bench->client = mongoc_client_new(getenv("TEST_MONGODB_URI"));
    bench->records = mongoc_client_get_collection(bench->client, bench->database, "call_records");
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    Bench *bench = *state;
    mongo_close(bench->mongo);
    if (bench->relay.port)
        mongo_relay_stop(&bench->relay);
    mongoc_database_t *database = mongoc_client_get_database(bench->client, bench->database);
    mongoc_database_drop(database, NULL);
    mongoc_database_destroy(database);
    mongoc_collection_destroy(bench->records);
    mongoc_client_destroy(bench->client);
    breaker_done(&bench->breaker);
    arena_done(&bench->contract.arena);
    free(bench);
    return 0;
}

/* ---- arranging and looking ---- */

static Cdr *fold(Contract *c, Cdr *cdr, Event event)
{
    event.key = cdr_key(&event, (Slice){0}, &c->arena);
    cdr_fold(cdr, &event, &c->arena);
    cdr_derive(cdr, &contract_rating, &c->arena);
    return cdr;
}

static Event press(const char *call_id, const char *digit, int64_t at_ms)
{
    Event event = contract_call_event(call_id, "winter", CALL_DTMF, at_ms);
    event.dtmf = slice_of(digit);
    return event;
}

static Status save(Contract *c, Cdr *cdr, bool *ret_conflict)
{
    return c->ports.cdrs.save(c->ports.cdrs.self, &cdr, 1, NOON_MS, ret_conflict, &c->fault);
}

static bool saves(Contract *c, Cdr *cdr)
{
    bool conflict = true;
    must(c, save(c, cdr, &conflict));
    return !conflict;
}

static Status try_load(Contract *c, const char *call_id, Cdr **ret)
{
    Slice id = slice_of(call_id);
    return c->ports.cdrs.load(c->ports.cdrs.self, &id, 1, &c->arena, ret, &c->fault);
}

static void insert_json(Bench *bench, const char *json)
{
    bson_error_t error;
    bson_t *document = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!document || !mongoc_collection_insert_one(bench->records, document, NULL, NULL, &error))
        fail_msg("%s", error.message);
    bson_destroy(document);
}

/* The one document of that call, as extended JSON without the fields that are left out. */
static const char *document_of(Bench *bench, const char *call_id, const char *left_out)
{
    bson_t *query = BCON_NEW("callId", BCON_UTF8(call_id)), shown = BSON_INITIALIZER;
    const bson_t *document;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(bench->records, query, NULL, NULL);
    assert_true(mongoc_cursor_next(cursor, &document));
    bson_iter_t at;
    for (bson_iter_init(&at, document); bson_iter_next(&at);) {
        if (!strstr(left_out, bson_iter_key(&at)))
            bson_append_iter(&shown, NULL, 0, &at);
    }
    char *json = bson_as_relaxed_extended_json(&shown, NULL);
    const char *kept = arena_copy(&bench->contract.arena, slice_of(json)).at;
    bson_free(json);
    bson_destroy(&shown);
    bson_destroy(query);
    assert_false(mongoc_cursor_next(cursor, &document));
    mongoc_cursor_destroy(cursor);
    return kept;
}

/* ---- documents as other programs read them ---- */

static void document_has_the_fields_that_people_read(void **state)
{
    Contract *c = *state;
    Event action = contract_call_event("call-1", "winter", CALL_ACTION, NOON_MS + 7000);
    Event end = contract_call_event("call-1", "winter", CALL_ENDED, NOON_MS + 65000), press_1 = press("call-1", "1", NOON_MS + 6000);
    action.action_type = SLICE("donation_sms_sent");
    action.action = SLICE("{\"amount\":1.5}");
    end.outcome = SLICE("converted");
    end.hangup_cause = 16;
    end.extra = SLICE("{\"agent\":\"IVR\",\"tries\":2}");
    const Event events[] = {contract_call_event("call-1", "winter", CALL_INITIATED, NOON_MS),
                            contract_call_event("call-1", "winter", CALL_ANSWERED, NOON_MS + 5000), press_1, action, end};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        contract_store(c, &events[i]);
    assert_string_equal(document_of(*state, "call-1", "facts eventKeys cost"),
        "{ \"_id\" : \"call-1\", \"callId\" : \"call-1\", \"campaignId\" : \"winter\", \"contactId\" : \"contact-1\","
        " \"phoneNumber\" : \"+12125550100\", \"status\" : \"completed\", \"outcome\" : \"converted\","
        " \"startTime\" : { \"$date\" : \"2025-01-15T12:00:00Z\" }, \"answerTime\" : { \"$date\" : \"2025-01-15T12:00:05Z\" },"
        " \"endTime\" : { \"$date\" : \"2025-01-15T12:01:05Z\" }, \"duration\" : 65, \"billsec\" : 60, \"dtmfInputs\" : [ \"1\" ],"
        " \"dtmf\" : [ { \"digit\" : \"1\", \"at\" : { \"$date\" : \"2025-01-15T12:00:06Z\" } } ],"
        " \"actionsTriggered\" : [ { \"type\" : \"donation_sms_sent\", \"at\" : { \"$date\" : \"2025-01-15T12:00:07Z\" },"
        " \"action\" : { \"amount\" : 1.5 } } ], \"costMicros\" : 10000, \"currency\" : \"USD\", \"hangupCause\" : 16,"
        " \"metadata\" : { \"agent\" : \"IVR\", \"tries\" : 2 }, \"createdAt\" : { \"$date\" : \"2025-01-15T12:00:00.050Z\" },"
        " \"updatedAt\" : { \"$date\" : \"2025-01-15T12:01:05.050Z\" }, \"inferred\" : false, \"implausibleTimestamps\" : false,"
        " \"abridged\" : false, \"rev\" : 5, \"open\" : false, \"answered\" : true,"
        " \"lastEventAt\" : { \"$date\" : \"2025-01-15T12:01:05Z\" }, \"storedAt\" : { \"$date\" : \"2025-01-15T12:00:00Z\" } }");
}

static void operators_in_ids_and_keys_are_text(void **state)
{
    Contract *c = *state;
    Event event = contract_call_event("{\"$gt\":\"\"}", "$winter", CALL_INITIATED, NOON_MS);
    event.extra = SLICE("{\"\":1,\"$where\":{\"a.b\":[{\"50%\":null}]}}");
    contract_store(c, &event);
    Cdr *other = contract_load(c, "call-1");
    assert_int_equal(other->rev, 0);
    assert_non_null(strstr(document_of(*state, "{\"$gt\":\"\"}", "facts"),
        "\"metadata\" : { \"%\" : 1, \"%24where\" : { \"a%2Eb\" : [ { \"50%25\" : null } ] } }"));
}

static void what_a_document_cannot_hold_is_left_out_of_it(void **state)
{
    Contract *c = *state;
    Cdr *cdr = contract_load(c, "call-1");
    Text numbers = text_in(&c->arena);
    text_add_literal(&numbers, "{\"list\":[0");
    while (numbers.bytes < KEPT_BYTES_MAX - 8)
        text_add_literal(&numbers, ",1");
    text_add_literal(&numbers, "]}");
    for (int i = 0; i < CDR_FACTS_MAX; i++) {
        Event event = contract_call_event("call-1", "winter", CALL_ACTION, NOON_MS + i);
        event.action_type = SLICE("reminded");
        event.action = text_slice(&numbers);
        event.key = cdr_key(&event, (Slice){0}, &c->arena);
        cdr_fold(cdr, &event, &c->arena);
    }
    cdr_derive(cdr, &contract_rating, &c->arena);
    assert_true(saves(c, cdr));
    assert_non_null(strstr(document_of(*state, "call-1", "facts"), "\"abridged\" : true"));
    assert_int_equal(contract_load(c, "call-1")->fact_count, CDR_FACTS_MAX);
}

static void fields_that_others_added_stay(void **state)
{
    Contract *c = *state;
    Bench *bench = *state;
    Event begin = contract_call_event("call-1", "winter", CALL_INITIATED, NOON_MS), digit = press("call-1", "1", NOON_MS + 1000);
    contract_store(c, &begin);
    bson_t *query = BCON_NEW("_id", BCON_UTF8("call-1")), *change = BCON_NEW("$set", "{", "reviewed", BCON_BOOL(true), "}");
    assert_true(mongoc_collection_update_one(bench->records, query, change, NULL, NULL, NULL));
    contract_store(c, &digit);
    assert_non_null(strstr(document_of(bench, "call-1", "facts"), "\"reviewed\" : true"));
    bson_destroy(query);
    bson_destroy(change);
}

/* ---- documents that other programs wrote ---- */

static const char foreign_json[] =
    "{\"_id\": {\"$oid\": \"65a51f2e9d1c4b0001a1b2c3\"}, \"callId\": \"call-f\", \"campaignId\": \"winter\", \"contactId\": \"contact-9\","
    " \"phoneNumber\": \"+12125550100\", \"status\": \"completed\", \"outcome\": \"converted\","
    " \"startTime\": {\"$date\": \"2025-01-15T12:00:00Z\"}, \"answerTime\": {\"$date\": \"2025-01-15T12:00:05Z\"},"
    " \"endTime\": {\"$date\": \"2025-01-15T12:01:05Z\"}, \"duration\": 65, \"dtmfInputs\": [\"2\", \"1\"], \"cost\": 0.02,"
    " \"actionsTriggered\": [{\"type\": \"donation_sms_sent\", \"timestamp\": {\"$date\": \"2025-01-15T12:00:09Z\"}}],"
    " \"metadata\": {\"segment\": \"gold\"}, \"agentNotes\": {\"by\": \"jane\"},"
    " \"createdAt\": {\"$date\": \"2025-01-15T12:00:01Z\"}, \"updatedAt\": {\"$date\": \"2025-01-15T12:01:06Z\"}}";

static void foreign_document_reads_as_a_record(void **state)
{
    Contract *c = *state;
    insert_json(*state, foreign_json);
    Cdr *cdr = contract_load(c, "call-f");
    assert_int_equal(cdr->rev, 0);
    assert_slice(cdr->campaign_id, "winter");
    assert_slice(cdr->contact_id, "contact-9");
    assert_slice(cdr->status, "completed");
    assert_slice(cdr->outcome, "converted");
    assert_int_equal(cdr->start_ms, NOON_MS);
    assert_int_equal(cdr->answer_ms, NOON_MS + 5000);
    assert_int_equal(cdr->end_ms, NOON_MS + 65000);
    assert_int_equal(cdr->duration_s, 65);
    assert_int_equal(cdr->created_ms, NOON_MS + 1000);
    assert_int_equal(cdr->updated_ms, NOON_MS + 66000);
    Text printed = text_in(&c->arena);
    cdr_print(cdr, &c->arena, &printed);
    assert_non_null(strstr(arena_copy(&c->arena, text_slice(&printed)).at, "\"dtmfInputs\":[\"2\",\"1\"]"));
    assert_non_null(strstr(arena_copy(&c->arena, text_slice(&printed)).at, "\"metadata\":{\"segment\":\"gold\"}"));
}

static void event_that_a_foreign_document_tells_of_changes_nothing(void **state)
{
    Contract *c = *state;
    insert_json(*state, foreign_json);
    Cdr *cdr = contract_load(c, "call-f");
    Event again = contract_call_event("call-f", "winter", CALL_ANSWERED, NOON_MS + 5000);
    again.key = cdr_key(&again, (Slice){0}, &c->arena);
    again.contact_id = SLICE("contact-9");
    again.received_ms = NOON_MS + 90000;
    assert_int_equal(cdr_fold(cdr, &again, &c->arena), CDR_UNCHANGED);
}

static void foreign_document_keeps_its_id_and_its_fields(void **state)
{
    Contract *c = *state;
    insert_json(*state, foreign_json);
    for (int i = 1; i <= 2; i++) {
        Event digit = press("call-f", "1", NOON_MS + i * 10000);
        assert_int_equal(contract_store(c, &digit)->rev, i);
    }
    const char *document = document_of(*state, "call-f", "facts");
    assert_non_null(strstr(document, "\"_id\" : { \"$oid\" : \"65a51f2e9d1c4b0001a1b2c3\" }"));
    assert_non_null(strstr(document, "\"agentNotes\" : { \"by\" : \"jane\" }"));
    assert_non_null(strstr(document, "\"segment\" : \"gold\""));
    assert_non_null(strstr(document, "\"rev\" : 2"));
    assert_int_equal(contract_load(c, "call-f")->fact_count, 8);
}

static void two_who_take_over_a_foreign_document_collide(void **state)
{
    Contract *c = *state;
    insert_json(*state, foreign_json);
    Cdr *mine = contract_load(c, "call-f"), *theirs = contract_load(c, "call-f");
    assert_true(saves(c, fold(c, theirs, press("call-f", "1", NOON_MS + 10000))));
    assert_false(saves(c, fold(c, mine, press("call-f", "2", NOON_MS + 11000))));
    assert_true(saves(c, fold(c, contract_load(c, "call-f"), press("call-f", "2", NOON_MS + 11000))));
}

static void new_record_collides_with_a_foreign_document_of_its_call(void **state)
{
    Contract *c = *state;
    Cdr *mine = contract_load(c, "call-f");
    insert_json(*state, foreign_json);
    assert_false(saves(c, fold(c, mine, press("call-f", "1", NOON_MS + 10000))));
}

static bool keep_sums(void *context, const CampaignStats *stats)
{
    *(CampaignStats *)context = *stats;
    return true;
}

static void foreign_documents_count_in_sums(void **state)
{
    Contract *c = *state;
    insert_json(*state, foreign_json);
    CampaignStats sums = {0};
    must(c, c->ports.cdrs.stats(c->ports.cdrs.self, &(CdrFilter){0}, keep_sums, &sums, &c->fault));
    assert_int_equal(sums.total_attempts, 1);
    assert_int_equal(sums.answered, 1);
    assert_int_equal(sums.converted, 1);
    assert_int_equal(sums.total_duration_s, 65);
    assert_int_equal(sums.total_cost_micros, 20000);
}

/* Nothing of it is as expected, and nobody falls over it. */
static void odd_foreign_document_reads_as_far_as_it_goes(void **state)
{
    Contract *c = *state;
    insert_json(*state, "{\"_id\": 7, \"callId\": \"call-o\", \"rev\": \"x\", \"facts\": \"none\", \"startTime\": \"2025-01-15T12:00:00Z\","
                        " \"dtmfInputs\": [1, {\"digit\": \"5\"}, null], \"duration\": -3, \"metadata\": [1], \"status\": 4}");
    insert_json(*state, "{\"_id\": {\"a\": 1}, \"callId\": \"call-p\"}");
    assert_int_equal(contract_load(c, "call-o")->start_ms, NOON_MS);
    assert_int_equal(contract_load(c, "call-p")->rev, 0);
    assert_true(saves(c, fold(c, contract_load(c, "call-p"), press("call-p", "1", NOON_MS))));
    assert_int_equal(contract_load(c, "call-p")->rev, 1);
}

/* ---- two at once ---- */

enum { RACE_CALLS = 16, RACE_ROUNDS = 12 };

typedef struct Racer {
    Bench *bench;
    pthread_barrier_t *line;
    const char *digit;
    int64_t conflicts;
} Racer;

static void load_and_fold(const CdrsPort *port, const Slice *ids, size_t count, const Racer *racer, int round, Arena *arena, Cdr **cdrs)
{
    assert_int_equal(port->load(port->self, ids, count, arena, cdrs, NULL), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        Event event = press(ids[i].at, racer->digit, NOON_MS + round);
        event.key = cdr_key(&event, (Slice){0}, arena);
        cdr_fold(cdrs[i], &event, arena);
        cdr_derive(cdrs[i], &contract_rating, arena);
    }
}

static size_t save_and_keep_conflicts(const CdrsPort *port, Cdr **cdrs, Slice *ids, size_t count)
{
    bool conflict[RACE_CALLS];
    size_t again = 0;
    assert_int_equal(port->save(port->self, cdrs, count, NOON_MS, conflict, NULL), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        if (conflict[i])
            ids[again++] = ids[i];
    }
    return again;
}

/* Both have loaded before either saves: of each call one wins, and the other does at its second try. No load meets a save, because
 * not every server made for tests reads a whole document at once. */
static void race_round(Racer *racer, const CdrsPort *port, Arena *arena, int round)
{
    Slice ids[RACE_CALLS];
    Cdr *cdrs[RACE_CALLS];
    size_t count = RACE_CALLS;
    for (size_t i = 0; i < count; i++)
        ids[i] = arena_printf(arena, "race-%zu", i);
    for (int tries = 0; tries < 2; tries++) {
        load_and_fold(port, ids, count, racer, round, arena, cdrs);
        pthread_barrier_wait(racer->line);
        count = save_and_keep_conflicts(port, cdrs, ids, count);
        racer->conflicts += (int64_t)count;
        pthread_barrier_wait(racer->line);
    }
    assert_int_equal(count, 0);
}

static void *race(void *argument)
{
    Racer *racer = argument;
    Arena arena;
    arena_init(&arena);
    Mongo *mongo = open_at(racer->bench, getenv("TEST_MONGODB_URI"), 0);
    CdrsPort port = mongo_cdrs(mongo);
    for (int round = 0; round < RACE_ROUNDS; round++) {
        arena_reset(&arena);
        race_round(racer, &port, &arena, round);
    }
    mongo_close(mongo);
    arena_done(&arena);
    return NULL;
}

static void two_adapters_that_race_lose_nothing(void **state)
{
    Contract *c = *state;
    pthread_barrier_t line;
    pthread_t threads[2];
    Racer racers[2] = {{*state, &line, "1", 0}, {*state, &line, "2", 0}};
    pthread_barrier_init(&line, NULL, 2);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, race, &racers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&line);
    for (int i = 0; i < RACE_CALLS; i++) {
        Cdr *cdr = contract_load(c, arena_printf(&c->arena, "race-%d", i).at);
        assert_int_equal(cdr->fact_count, 2 * RACE_ROUNDS);
        assert_int_equal(cdr->rev, 2 * RACE_ROUNDS);
    }
    assert_int_equal(racers[0].conflicts + racers[1].conflicts, RACE_CALLS * RACE_ROUNDS);
}

/* ---- a server that is not well ---- */

/* The bench's adapter behind a relay, which needs one plain server on this machine. */
static void put_relay_between(Bench *bench, int deadline_ms)
{
    mongoc_uri_t *uri = mongoc_uri_new(getenv("TEST_MONGODB_URI"));
    const mongoc_host_list_t *host = mongoc_uri_get_hosts(uri);
    bool is_plain = host && !host->next && strcmp(host->host, "127.0.0.1") == 0 && !mongoc_uri_get_tls(uri) && !mongoc_uri_get_username(uri);
    uint16_t port = host ? host->port : 0;
    mongoc_uri_destroy(uri);
    if (!is_plain)
        skip();
    mongo_relay_start(&bench->relay, port);
    mongo_close(bench->mongo);
    use(bench, open_at(bench, arena_printf(&bench->contract.arena, "mongodb://127.0.0.1:%d/?directConnection=true", bench->relay.port).at, deadline_ms));
}

/* As a caller does: until the store is asked again. */
static Cdr *load_when_back(Bench *bench, const char *call_id)
{
    Cdr *cdr;
    Status status;
    int64_t give_up_ms = clock_elapsed_ms() + 30000;
    while ((status = try_load(&bench->contract, call_id, &cdr)) == STATUS_RETRY && clock_elapsed_ms() < give_up_ms)
        poll(NULL, 0, 5);
    must(&bench->contract, status);
    cdr_derive(cdr, &contract_rating, &bench->contract.arena);
    return cdr;
}

static void assert_fault(Contract *c, Status status, const char *code)
{
    assert_int_equal(status, STATUS_RETRY);
    assert_string_equal(c->fault.code, code);
}

static void assert_away(Bench *bench, bool expected)
{
    assert_int_equal(breaker_is_away(&bench->breaker), expected);
}

static void server_that_went_is_left_alone_until_it_is_back(void **state)
{
    Bench *bench = *state;
    Contract *c = &bench->contract;
    Cdr *cdr;
    put_relay_between(bench, 2000);
    assert_true(saves(c, fold(c, contract_load(c, "call-1"), press("call-1", "1", NOON_MS))));
    bench->relay.mode = RELAY_REFUSES;
    while (!(try_load(c, "call-1", &cdr)))
        ; /* until the relay saw its new mode */
    assert_away(bench, true);
    assert_fault(c, try_load(c, "call-1", &cdr), "store_away");
    bench->relay.mode = RELAY_PASSES;
    assert_int_equal(load_when_back(bench, "call-1")->fact_count, 1);
    assert_away(bench, false);
}

static void server_that_was_never_there_is_found_when_it_comes(void **state)
{
    Bench *bench = *state;
    put_relay_between(bench, 2000);
    Cdr *cdr;
    bench->relay.mode = RELAY_REFUSES;
    while (bench->relay.listener >= 0)
        poll(NULL, 0, 1);
    assert_fault(&bench->contract, try_load(&bench->contract, "call-1", &cdr), "mongodb_unreachable");
    bench->relay.mode = RELAY_PASSES;
    assert_int_equal(load_when_back(bench, "call-1")->rev, 0);
}

static void silent_server_costs_no_more_than_the_deadline(void **state)
{
    Bench *bench = *state;
    Cdr *cdr;
    put_relay_between(bench, 400);
    load_when_back(bench, "call-1");
    bench->relay.mode = RELAY_IS_SILENT;
    int64_t began_ms = clock_elapsed_ms();
    assert_fault(&bench->contract, try_load(&bench->contract, "call-1", &cdr), "mongodb_unreachable");
    assert_in_range(clock_elapsed_ms() - began_ms, 200, 5000);
    bench->relay.mode = RELAY_PASSES;
    load_when_back(bench, "call-1");
}

static void save_whose_answer_is_lost_may_be_repeated(void **state)
{
    Bench *bench = *state;
    Contract *c = &bench->contract;
    bool conflict = false;
    put_relay_between(bench, 2000);
    Cdr *cdr = fold(c, contract_load(c, "call-1"), press("call-1", "1", NOON_MS));
    bench->relay.mode = RELAY_LOSES_ANSWERS;
    assert_fault(c, save(c, cdr, &conflict), "mongodb_unreachable");
    assert_int_equal(cdr->rev, 0);
    bench->relay.mode = RELAY_PASSES;
    Cdr *stored = load_when_back(bench, "call-1");
    assert_int_equal(stored->rev, 1);
    assert_false(saves(c, cdr));
    assert_int_equal(contract_load(c, "call-1")->rev, 1);
}

static void save_without_a_majority_is_not_done(void **state)
{
    Bench *bench = *state;
    Contract *c = &bench->contract;
    bool conflict;
    put_relay_between(bench, 2000);
    Cdr *cdr = fold(c, contract_load(c, "call-1"), press("call-1", "1", NOON_MS));
    bench->relay.mode = RELAY_NO_MAJORITY;
    assert_fault(c, save(c, cdr, &conflict), "mongodb_majority");
    assert_int_equal(cdr->rev, 0);
    assert_away(bench, false);
    Fault why;
    assert_true(breaker_is_unwell(&bench->breaker, &why));
    assert_string_equal(why.code, "mongodb_majority");
}

static void server_that_stepped_down_is_looked_for_anew(void **state)
{
    Bench *bench = *state;
    Contract *c = &bench->contract;
    bool conflict;
    put_relay_between(bench, 2000);
    Cdr *cdr = fold(c, contract_load(c, "call-1"), press("call-1", "1", NOON_MS));
    bench->relay.mode = RELAY_NOT_PRIMARY;
    assert_fault(c, save(c, cdr, &conflict), "mongodb_unwell");
    assert_away(bench, true);
    bench->relay.mode = RELAY_PASSES;
    assert_int_equal(load_when_back(bench, "call-1")->rev, 0);
    assert_true(saves(c, cdr));
}

/* ---- settings and indexes ---- */

static void settings_that_can_never_work_are_refused_at_once(void **state)
{
    Bench *bench = *state;
    Mongo *mongo = NULL;
    const MongoSettings wrong[] = {
        {.uri = NULL, .breaker = &bench->breaker}, {.uri = "redis://localhost", .breaker = &bench->breaker},
        {.uri = "mongodb://localhost", .database = "a/b", .breaker = &bench->breaker},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(mongo_open(&wrong[i], &mongo, &bench->contract.fault), STATUS_REJECT);
        assert_string_equal(bench->contract.fault.code, "setting_value");
    }
    assert_null(mongo);
}

static void make_index(Bench *bench, const char *key, bson_t *more)
{
    bson_t *command = BCON_NEW("createIndexes", BCON_UTF8("call_records"), "indexes", "[", "{", "key", "{", key, BCON_INT32(1), "}",
                               "name", BCON_UTF8(arena_printf(&bench->contract.arena, "%s_1", key).at), BCON(more), "}", "]");
    bson_error_t error;
    if (!mongoc_client_write_command_with_opts(bench->client, bench->database, command, NULL, NULL, &error))
        fail_msg("%s", error.message);
    bson_destroy(command);
}

static size_t count_indexes(Bench *bench, const char *wanted)
{
    const bson_t *index;
    size_t found = 0;
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(bench->records, NULL);
    while (mongoc_cursor_next(cursor, &index)) {
        char *json = bson_as_relaxed_extended_json(index, NULL);
        found += strstr(json, wanted) != NULL;
        bson_free(json);
    }
    mongoc_cursor_destroy(cursor);
    return found;
}

static void indexes_are_made_at_the_first_use(void **state)
{
    Bench *bench = *state;
    Mongo *mongo = NULL;
    MongoSettings settings = {.uri = getenv("TEST_MONGODB_URI"), .database = bench->database, .retention_days = 365, .breaker = &bench->breaker};
    must(&bench->contract, mongo_open(&settings, &mongo, &bench->contract.fault));
    mongo_close(bench->mongo);
    use(bench, mongo);
    contract_load(&bench->contract, "call-1");
    assert_int_equal(count_indexes(bench, "callId_1\""), 2); /* alone, and behind open and start */
    assert_int_equal(count_indexes(bench, "\"campaignId\" : 1, \"startTime\" : -1"), 1);
    assert_int_equal(count_indexes(bench, "\"expireAfterSeconds\" : 31536000"), 1);
}

static void call_id_index_that_lets_doubles_in_stops_everything(void **state)
{
    Bench *bench = *state;
    Cdr *cdr;
    make_index(bench, "callId", &(bson_t)BSON_INITIALIZER);
    assert_fault(&bench->contract, try_load(&bench->contract, "call-1", &cdr), "mongodb_index");
    assert_away(bench, true);
}

static void index_with_another_age_is_left_as_it_is(void **state)
{
    Bench *bench = *state;
    bson_t *age = BCON_NEW("expireAfterSeconds", BCON_INT32(60));
    make_index(bench, "createdAt", age);
    bson_destroy(age);
    contract_load(&bench->contract, "call-1");
    assert_int_equal(count_indexes(bench, "\"expireAfterSeconds\" : 60"), 1);
}

int main(void)
{
#define MONGO_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        MONGO_TEST(document_has_the_fields_that_people_read),
        MONGO_TEST(operators_in_ids_and_keys_are_text),
        MONGO_TEST(what_a_document_cannot_hold_is_left_out_of_it),
        MONGO_TEST(fields_that_others_added_stay),
        MONGO_TEST(foreign_document_reads_as_a_record),
        MONGO_TEST(event_that_a_foreign_document_tells_of_changes_nothing),
        MONGO_TEST(foreign_document_keeps_its_id_and_its_fields),
        MONGO_TEST(two_who_take_over_a_foreign_document_collide),
        MONGO_TEST(new_record_collides_with_a_foreign_document_of_its_call),
        MONGO_TEST(foreign_documents_count_in_sums),
        MONGO_TEST(odd_foreign_document_reads_as_far_as_it_goes),
        MONGO_TEST(two_adapters_that_race_lose_nothing),
        MONGO_TEST(server_that_went_is_left_alone_until_it_is_back),
        MONGO_TEST(server_that_was_never_there_is_found_when_it_comes),
        MONGO_TEST(silent_server_costs_no_more_than_the_deadline),
        MONGO_TEST(save_whose_answer_is_lost_may_be_repeated),
        MONGO_TEST(save_without_a_majority_is_not_done),
        MONGO_TEST(server_that_stepped_down_is_looked_for_anew),
        MONGO_TEST(settings_that_can_never_work_are_refused_at_once),
        MONGO_TEST(indexes_are_made_at_the_first_use),
        MONGO_TEST(call_id_index_that_lets_doubles_in_stops_everything),
        MONGO_TEST(index_with_another_age_is_left_as_it_is),
    };
    return contract_run_beside("mongodb", "TEST_MONGODB_URI", tests, sizeof tests / sizeof *tests);
}
