/* Each handler in memory: from typed events to decisions, without any store. */
#include <stdio.h>

#include "base/clock.h"
#include "measure.h"
#include "typed_events.h"

typedef struct Work {
    const EventHandler *handler;
    Mix *mix;
    int batches;
    Arena events_arena, arena; /* of the events, and of what is made of them */
    Event events[MEASURE_BATCH];
} Work;

static void finish_call(Cdr *cdr, Arena *arena, Contribution *share)
{
    cdr_derive(cdr, &bench_settings.rating, arena);
    cdr_contribution(cdr, arena, share);
}

/* As the line does it: fold every event of the batch into its call's record, then derive once a call. */
static void decide_batch(Work *work)
{
    Cdr *cdr = NULL;
    Contribution share;
    arena_reset(&work->arena);
    for (size_t i = 0; i < MEASURE_BATCH; i++) {
        const Event *event = &work->events[i];
        if (work->handler->needs_cdr && (!cdr || !slice_equal(cdr->call_id, event->call_id))) {
            if (cdr)
                finish_call(cdr, &work->arena, &share);
            cdr = ARENA_NEW(&work->arena, Cdr);
            cdr->call_id = event->call_id;
        }
        Facts facts = {.cdr = cdr};
        Decision decision = {.verdict = VERDICT_DONE};
        work->handler->decide(event, &facts, &bench_settings, &work->arena, &decision);
        if (decision.verdict != VERDICT_DONE)
            give_up("an event of the mix is not decided as expected");
    }
    if (cdr)
        finish_call(cdr, &work->arena, &share);
}

static void run_handler(void *context)
{
    Work *work = context;
    int64_t ns = 0;
    work->mix = mix_new(2, 1); /* calls in one piece, so that a batch folds whole calls */
    for (int batch = 0; batch < work->batches; batch++) {
        arena_reset(&work->events_arena);
        for (size_t i = 0; i < MEASURE_BATCH; i++)
            typed_event_next(work->mix, work->handler, &work->events_arena, &work->events[i]);
        int64_t started_ns = clock_elapsed_ns();
        decide_batch(work);
        ns += clock_elapsed_ns() - started_ns;
    }
    char name[64];
    snprintf(name, sizeof name, "decide_%.*s.ours_us", (int)strcspn(work->handler->topic, "-"), work->handler->topic);
    report(name, (double)ns / 1e3 / (double)work->batches / MEASURE_BATCH);
}

int main(int argc, char **argv)
{
    int64_t rounds = option_number(argc, argv, "rounds", 5);
    for (int64_t round = 0; round < rounds; round++) {
        for (size_t i = 0; event_handlers[i]; i++) {
            if (!mix_has(event_handlers[i]->topic))
                continue;
            Work work = {.handler = event_handlers[i], .batches = event_handlers[i]->needs_cdr ? 200 : 20};
            run_apart(run_handler, &work);
        }
    }
    return 0;
}
