/* Answers questions about the pure part, a line each, so that models in another language can be held against it:
 *
 *   segments HEX               of that text: "ucs2 units segments"
 *   span ZONE SECOND           "offset until"
 *   zones PHONE                the names of its zones
 *   quiet HOURS PHONE MS       quiet_hours_end
 */
#include <stdio.h>
#include <stdlib.h>

#include "event/quiet_hours.h"
#include "event/sms_segments.h"

static Arena arena; /* for all the time that it runs */
static PhoneZones *zones;
static const char *folder;

static Slice word(void)
{
    const char *found = strtok(NULL, " \n");
    return slice_of(found ? found : "");
}

static int64_t number(void) { return strtoll(word().at, NULL, 10); }

static Slice text_of_hex(void)
{
    Slice hex = word();
    Text text = text_in(&arena);
    for (size_t i = 0; i + 1 < hex.bytes; i += 2) {
        char digits[] = {hex.at[i], hex.at[i + 1], 0};
        text_add_byte(&text, (char)strtoul(digits, NULL, 16));
    }
    return text_slice(&text);
}

static void must(Status status, const Fault *fault)
{
    if (!status)
        return;
    fprintf(stderr, "%s\n", fault->text);
    exit(1);
}

static const Zone *zone_of(Slice name)
{
    static Zone zone;
    static char last[64];
    Fault fault;
    if (!slice_equal(name, slice_of(last)))
        must(zone_read(folder, name, &arena, &zone, &fault), &fault);
    snprintf(last, sizeof last, "%.*s", SLICE_ARG(name));
    return &zone;
}

static void load_zones(void)
{
    Fault fault;
    zones = phone_zones_new(&arena);
    for (size_t i = 0; i < zones->count; i++)
        must(zone_read(folder, zones->names[i], &arena, &zones->zones[i], &fault), &fault);
}

static void answer_segments(void)
{
    SmsSegments found = sms_segments(text_of_hex());
    printf("%d %d %d\n", found.is_ucs2, found.units, found.segments);
}

static void answer_span(void)
{
    const Zone *zone = zone_of(word());
    ZoneSpan span = zone_span(zone, number());
    printf("%d %lld\n", span.offset_s, (long long)span.until_s);
}

static void answer_zones(void)
{
    ZoneSet set = phone_zones_of(zones, word());
    for (size_t i = 0; i < set.count; i++)
        printf("%.*s%s", SLICE_ARG(zones->names[set.zones[i]]), i + 1 < set.count ? " " : "\n");
}

static void answer_quiet(void)
{
    QuietHours hours;
    Fault fault;
    must(quiet_hours_parse(word(), zones, &hours, &fault), &fault);
    Slice phone = word();
    printf("%lld\n", (long long)quiet_hours_end(&hours, phone, number()));
}

static void answer(const char *question)
{
    static const struct { const char *name; void (*answer)(void); } questions[] = {
        {"segments", answer_segments}, {"span", answer_span}, {"zones", answer_zones}, {"quiet", answer_quiet},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (!strcmp(questions[i].name, question))
            questions[i].answer();
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static char line[1 << 20];
    folder = argc > 1 ? argv[1] : "/usr/share/zoneinfo";
    arena_init(&arena);
    load_zones();
    while (fgets(line, sizeof line, stdin)) {
        const char *question = strtok(line, " \n");
        answer(question ? question : "");
    }
    arena_done(&arena);
    return 0;
}
