/* Decode and parse, beside cJSON alone on the same bytes: what strictness, the carrier and typed fields cost. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/clock.h"
#include "app/carriers.h"
#include "event/envelope.h"
#include "event/handlers.h"
#include "lines.h"
#include "measure.h"

typedef struct Work {
    const char *name;
    CarrierWriter *carrier;
    Lines lines;
    int passes;
} Work;

static void report_passes(const Work *work, const char *side, int64_t ns)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s_us", work->name, side);
    report(name, (double)ns / 1e3 / (double)work->passes / (double)work->lines.count);
}

/* ---- ours ---- */

static void parse_batch(const Lines *lines, size_t first, size_t count, Arena *arena)
{
    arena_reset(arena);
    for (size_t i = first; i < first + count; i++) {
        Delivery delivery = {.body = lines->items[i], .received_ms = 1};
        Message message;
        Event event = {0};
        Fault fault;
        if (envelope_decode(&delivery, known_carriers, arena, &message, &fault))
            give_up(fault.text);
        event.handler = event_handler_of(message.topic);
        if (!event.handler || event.handler->parse(&message, arena, &event, &fault))
            give_up("an event of the mix does not parse");
    }
}

static void parse_all(const Lines *lines, Arena *arena)
{
    for (size_t first = 0; first < lines->count; first += MEASURE_BATCH) {
        size_t rest = lines->count - first;
        parse_batch(lines, first, rest < MEASURE_BATCH ? rest : MEASURE_BATCH, arena);
    }
}

static void run_ours(void *context)
{
    const Work *work = context;
    Arena arena;
    arena_init(&arena);
    parse_all(&work->lines, &arena);
    int64_t started_ns = clock_elapsed_ns();
    for (int i = 0; i < work->passes; i++)
        parse_all(&work->lines, &arena);
    report_passes(work, "ours", clock_elapsed_ns() - started_ns);
    arena_done(&arena);
}

/* ---- the ceiling ---- */

static void parse_alone(Slice line)
{
    cJSON *outer = cJSON_ParseWithLength(line.at, line.bytes);
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(outer, "Message");
    if (message) {
        cJSON *inner = cJSON_ParseWithLength(message->valuestring, strlen(message->valuestring));
        if (!inner)
            give_up("cJSON does not parse a message of the mix");
        cJSON_Delete(inner);
    }
    if (!outer)
        give_up("cJSON does not parse an event of the mix");
    cJSON_Delete(outer);
}

static void run_ceiling(void *context)
{
    const Work *work = context;
    for (size_t i = 0; i < work->lines.count; i++)
        parse_alone(work->lines.items[i]);
    int64_t started_ns = clock_elapsed_ns();
    for (int pass = 0; pass < work->passes; pass++) {
        for (size_t i = 0; i < work->lines.count; i++)
            parse_alone(work->lines.items[i]);
    }
    report_passes(work, "ceiling", clock_elapsed_ns() - started_ns);
}

int main(int argc, char **argv)
{
    int64_t rounds = option_number(argc, argv, "rounds", 7), events = option_number(argc, argv, "events", 40000);
    Work works[] = {{.name = "parse_ndjson", .carrier = carrier_ndjson}, {.name = "parse_sns", .carrier = carrier_sns_notification}};
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        Mix *mix = mix_new(1, MIX_CALLS_AT_ONCE);
        works[i].passes = (int)option_number(argc, argv, "passes", 5);
        lines_make(&works[i].lines, mix, (size_t)events, works[i].carrier);
        mix_free(mix);
        for (int64_t round = 0; round < rounds; round++) {
            run_apart(run_ours, &works[i]);
            run_apart(run_ceiling, &works[i]);
        }
        lines_done(&works[i].lines);
    }
    return 0;
}
