/* Runs the scripts of this folder: events in, printed decisions out. In a script,
 *
 *   # a remark                       names the case, when it stands before an event
 *   < blocked +972501234567          a fact: the number is on the do-not-call list
 *   > optout-events {"callId":…}     an event that arrives by that topic
 *   = {"verdict":"done",…}           the decision that it must give, byte for byte
 *
 * Records of calls are kept from event to event. Every case is received at 2024-01-15T12:00:00Z. */
#include "../unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/carriers.h"
#include "event/envelope.h"
#include "event/handlers.h"

enum { CALLS_MAX = 64, BLOCKED_MAX = 64, LINE_BYTES_MAX = 4096 };

typedef struct Flow {
    Arena arena;
    Cdr calls[CALLS_MAX];
    size_t call_count;
    Slice blocked[BLOCKED_MAX];
    size_t blocked_count;
    Slice decision, remark;
    size_t line, cases;
} Flow;

static const int64_t RECEIVED_MS = 1705320000000;

static const char *script_name;

static EventSettings settings(void)
{
    return (EventSettings){
        .rating = {.micros_per_minute = 10000, .currency = SLICE("USD")}, .sms_template = SLICE("Give: {{donationLink}}"),
        .donation_link_base_url = SLICE("https://give.example"), .donation_key = SLICE("1"),
        .donation_link_secret = SLICE("0123456789abcdef"), .speaks = true,
        .replies = true, .stop_reply = SLICE("You are off the list."), .help_reply = SLICE("Reply STOP to get no more."),
    };
}

static Cdr *record_of(Flow *flow, Slice call_id)
{
    for (size_t i = 0; i < flow->call_count; i++) {
        if (slice_equal(flow->calls[i].call_id, call_id))
            return &flow->calls[i];
    }
    if (flow->call_count == CALLS_MAX)
        fail_msg("%s: too many calls", script_name);
    flow->calls[flow->call_count] = (Cdr){.call_id = arena_copy(&flow->arena, call_id)};
    return &flow->calls[flow->call_count++];
}

static bool is_blocked(const Flow *flow, Slice phone)
{
    for (size_t i = 0; i < flow->blocked_count; i++) {
        if (slice_equal(flow->blocked[i], phone))
            return true;
    }
    return false;
}

/* What the pipeline does, without its ports. */
static Decision decide(Flow *flow, Slice topic, Slice body)
{
    Delivery delivery = {.body = body, .topic = topic, .received_ms = RECEIVED_MS};
    EventSettings all = settings();
    Decision decision = {.verdict = VERDICT_DONE};
    Message message;
    Event event = {.handler = event_handler_of(topic)};
    Fault fault = {0};
    Status status = envelope_decode(&delivery, known_carriers, &flow->arena, &message, &fault);
    if (status)
        message.body = NULL;
    if (!status || event.handler->salvages) {
        Fault parsing = {0};
        Status parsed = event.handler->parse(&message, &flow->arena, &event, &parsing);
        if (!status) {
            status = parsed;
            fault = parsing;
        }
    }
    if (status && !event.salvaged)
        return (Decision){.verdict = VERDICT_REJECT, .fault = fault};
    Facts facts = {.blocked = is_blocked(flow, event.phone)};
    if (!slice_empty(event.call_id))
        facts.cdr = record_of(flow, event.call_id);
    if (facts.cdr)
        cdr_derive(facts.cdr, &all.rating, &flow->arena);
    event.handler->decide(&event, &facts, &all, &flow->arena, &decision);
    if (status) {
        decision.verdict = VERDICT_REJECT;
        decision.fault = fault;
    }
    return decision;
}

static void take_event(Flow *flow, Slice line)
{
    const char *blank = memchr(line.at, ' ', line.bytes);
    if (!blank)
        fail_msg("%s:%zu: no body", script_name, flow->line);
    Slice topic = {line.at, (size_t)(blank - line.at)}, body = {blank + 1, line.bytes - topic.bytes - 1};
    Decision decision = decide(flow, topic, arena_copy(&flow->arena, body));
    Text text = text_in(&flow->arena);
    decision_print(&decision, &text);
    flow->decision = text_slice(&text);
}

static void take_line(Flow *flow, Slice line)
{
    Slice rest = line.bytes > 2 ? (Slice){line.at + 2, line.bytes - 2} : (Slice){0};
    switch (line.bytes ? line.at[0] : '\0') {
    case '#':
        flow->remark = arena_copy(&flow->arena, rest);
        break;
    case '<':
        flow->blocked[flow->blocked_count++ % BLOCKED_MAX] = arena_copy(&flow->arena, (Slice){rest.at + 8, rest.bytes - 8});
        break;
    case '>':
        take_event(flow, rest);
        break;
    case '=':
        flow->cases++;
        if (!slice_equal(flow->decision, rest))
            fail_msg("%s:%zu: %.*s\n  decided  %.*s\n  expected %.*s", script_name, flow->line, SLICE_ARG(flow->remark),
                     SLICE_ARG(flow->decision), SLICE_ARG(rest));
        break;
    default:
        break;
    }
}

static void every_event_gives_its_decision(void **state)
{
    (void)state;
    Flow flow = {0};
    char line[LINE_BYTES_MAX];
    FILE *file = fopen(script_name, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        flow.line++;
        take_line(&flow, (Slice){line, strcspn(line, "\n")});
    }
    fclose(file);
    assert_true(flow.cases > 0);
    arena_done(&flow.arena);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    script_name = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_event_gives_its_decision)};
    return cmocka_run_group_tests_name(script_name, tests, NULL, NULL);
}
