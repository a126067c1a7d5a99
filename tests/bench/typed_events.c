#include "typed_events.h"

#include "base/clock.h"
#include "app/carriers.h"
#include "event/envelope.h"
#include "measure.h"

const EventSettings bench_settings = {
    .rating = {.micros_per_minute = 10000, .currency = SLICE_INIT("USD")},
    .sms_template = SLICE_INIT("Thank you for supporting {{campaignName}}! Your personal donation link: {{donationLink}}"),
    .donation_link_base_url = SLICE_INIT("https://donate.example.org"),
    .donation_key = SLICE_INIT("1"),
    .donation_link_secret = SLICE_INIT("0123456789abcdef0123456789abcdef"),
};

void typed_event_next(Mix *mix, const EventHandler *handler, Arena *arena, Event *ret)
{
    for (;;) {
        MixEvent made = mix_next(mix);
        if (strcmp(made.topic, handler->topic))
            continue;
        Delivery delivery = {.body = arena_copy(arena, made.body), .topic = slice_of(made.topic), .received_ms = clock_wall_ms()};
        Message message;
        Fault fault;
        *ret = (Event){.handler = handler};
        if (envelope_decode(&delivery, known_carriers, arena, &message, &fault) || handler->parse(&message, arena, ret, &fault))
            give_up(fault.text);
        return;
    }
}

static void fold(Cdr *cdr, const Event *event, Arena *arena)
{
    Facts facts = {.cdr = cdr};
    Decision decision = {.verdict = VERDICT_DONE};
    event->handler->decide(event, &facts, &bench_settings, arena, &decision);
    if (decision.verdict != VERDICT_DONE)
        give_up("an event of the mix is not decided as expected");
}

void call_stages_next(Mix *mix, Event *next, Arena *arena, CallStages *ret)
{
    enum { BEGUN_EVENTS = 2 };
    *ret = (CallStages){0};
    if (slice_empty(next->call_id))
        typed_event_next(mix, &call_handler, arena, next);
    ret->begun.call_id = ret->ended.call_id = next->call_id;
    for (int events = 0; slice_equal(next->call_id, ret->ended.call_id); events++) {
        fold(&ret->ended, next, arena);
        if (events < BEGUN_EVENTS)
            fold(&ret->begun, next, arena);
        typed_event_next(mix, &call_handler, arena, next);
    }
    cdr_derive(&ret->begun, &bench_settings.rating, arena);
    cdr_derive(&ret->ended, &bench_settings.rating, arena);
}
