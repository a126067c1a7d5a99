/* Slots of calls that are going on; each event is the next one of a random slot, and a call that ends makes room for a new
 * one. So the events of a batch belong to almost as many calls, as they do on a real line. */
#include "mix.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { BODY_BYTES_MAX = 1024, EVENT_EVERY_MS = 2, STARTED_AGO_MS = 60 * 60 * 1000, DONORS_PERCENT = 8, OPTOUTS_PERCENT = 3 };

typedef enum Wish { WISH_NONE, WISH_DONATE, WISH_OPT_OUT } Wish;
typedef enum Step { STEP_INITIATED, STEP_ANSWERED, STEP_DTMF, STEP_OWN_EVENT, STEP_ACTION, STEP_ENDED } Step;

typedef struct MixCall {
    char call_id[37], phone[16];
    size_t campaign;
    unsigned contact;
    Wish wish;
    Step step; /* the next one */
    int64_t started_ms;
} MixCall;

struct Mix {
    uint64_t random;
    int64_t now_ms, calls_started;
    size_t call_count;
    char body[BODY_BYTES_MAX];
    size_t body_bytes;
    MixCall calls[];
};

static const struct Campaign {
    const char *id, *name;
} campaigns[] = {
    {"winter-appeal-2024", "Winter Appeal 2024"}, {"school-meals", "School Meals"},     {"flood-relief-north", "Flood Relief North"},
    {"monthly-givers", "Monthly Givers"},         {"lapsed-donors-q4", "Lapsed Donors"}, {"hospital-wing", "Hospital Wing"},
};
enum { CAMPAIGN_COUNT = sizeof campaigns / sizeof *campaigns };

static const struct Answer {
    const char *key, *action, *outcome;
} answers[] = {
    [WISH_NONE] = {"2", "play_information", "answered"},
    [WISH_DONATE] = {"1", "send_donation_link", "converted"},
    [WISH_OPT_OUT] = {"9", "add_to_blacklist", "opted_out"},
};

/* splitmix64 */
static uint64_t next_random(Mix *mix)
{
    uint64_t z = mix->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t mix_random(Mix *mix, uint64_t below) { return next_random(mix) % below; }

static Wish draw_wish(Mix *mix)
{
    uint64_t drawn = mix_random(mix, 100);
    if (drawn < DONORS_PERCENT)
        return WISH_DONATE;
    return drawn < DONORS_PERCENT + OPTOUTS_PERCENT ? WISH_OPT_OUT : WISH_NONE;
}

static void start_call(Mix *mix, MixCall *call)
{
    uint64_t high = next_random(mix), low = next_random(mix);
    *call = (MixCall){.campaign = mix_random(mix, CAMPAIGN_COUNT), .contact = (unsigned)mix_random(mix, 1000000),
                      .wish = draw_wish(mix), .started_ms = mix->now_ms};
    snprintf(call->call_id, sizeof call->call_id, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
             (unsigned)(high & 0xfff), (unsigned)(low >> 52), (unsigned long long)(low & 0xffffffffffff));
    snprintf(call->phone, sizeof call->phone, "+9725%08u", (unsigned)mix_random(mix, 100000000));
    mix->calls_started++;
}

Mix *mix_new(uint64_t seed, size_t calls_at_once)
{
    Mix *mix = calloc(1, sizeof *mix + sizeof *mix->calls * calls_at_once);
    if (!mix)
        abort();
    mix->random = seed;
    mix->now_ms = clock_wall_ms() - STARTED_AGO_MS;
    mix->call_count = calls_at_once;
    for (size_t i = 0; i < calls_at_once; i++)
        start_call(mix, &mix->calls[i]);
    return mix;
}

void mix_free(Mix *mix) { free(mix); }

int64_t mix_calls_started(const Mix *mix) { return mix->calls_started; }

/* ---- bodies ---- */

static void __attribute__((format(printf, 2, 3))) add(Mix *mix, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(mix->body + mix->body_bytes, BODY_BYTES_MAX - mix->body_bytes, format, args);
    va_end(args);
    mix->body_bytes += (size_t)bytes;
}

static void add_head(Mix *mix, const MixCall *call)
{
    add(mix, "{\"callId\":\"%s\",\"campaignId\":\"%s\",\"contactId\":\"contact-%06u\",\"phoneNumber\":\"%s\",", call->call_id,
        campaigns[call->campaign].id, call->contact, call->phone);
}

static void add_time(Mix *mix)
{
    char printed[TIME_TEXT_BYTES];
    time_print(mix->now_ms, printed);
    add(mix, "\"timestamp\":\"%s\"", printed);
}

static void add_initiated(Mix *mix, const MixCall *call)
{
    add(mix, "\"eventType\":\"call_initiated\",\"status\":\"initiated\",");
    add_time(mix);
    add(mix, ",\"metadata\":{\"campaignName\":\"%s\",\"contactListId\":\"list-%02u\",\"dialer\":\"dialer-%u\",\"attempt\":%u}",
        campaigns[call->campaign].name, call->contact % 40, call->contact % 4, 1 + call->contact % 3);
}

static void add_own_event(Mix *mix, const MixCall *call)
{
    add(mix, "\"dtmfInput\":\"%s\",", answers[call->wish].key);
    add_time(mix);
    add(mix, ",\"metadata\":{\"campaignName\":\"%s\"}", campaigns[call->campaign].name);
}

static void add_rest(Mix *mix, const MixCall *call)
{
    const struct Answer *answer = &answers[call->wish];
    switch (call->step) {
    case STEP_INITIATED:
        add_initiated(mix, call);
        return;
    case STEP_OWN_EVENT:
        add_own_event(mix, call);
        return;
    case STEP_ANSWERED:
        add(mix, "\"eventType\":\"call_answered\",\"status\":\"answered\",");
        break;
    case STEP_DTMF:
        add(mix, "\"eventType\":\"dtmf_pressed\",\"status\":\"answered\",\"dtmfInput\":\"%s\",", answer->key);
        break;
    case STEP_ACTION:
        add(mix, "\"eventType\":\"action_triggered\",\"status\":\"answered\",\"action\":{\"type\":\"%s\",\"key\":\"%s\"},", answer->action,
            answer->key);
        break;
    case STEP_ENDED:
        add(mix, "\"eventType\":\"call_ended\",\"status\":\"completed\",\"outcome\":\"%s\",\"duration\":%lld,", answer->outcome,
            (long long)(mix->now_ms - call->started_ms) / 1000);
        break;
    }
    add_time(mix);
}

static const char calls_topic[] = "call-events", donations_topic[] = "donation-events", optouts_topic[] = "optout-events";

bool mix_has(const char *topic) { return !strcmp(topic, calls_topic) || !strcmp(topic, donations_topic) || !strcmp(topic, optouts_topic); }

static const char *topic_of(const MixCall *call)
{
    if (call->step != STEP_OWN_EVENT)
        return calls_topic;
    return call->wish == WISH_DONATE ? donations_topic : optouts_topic;
}

static void move_on(Mix *mix, MixCall *call)
{
    if (call->step == STEP_ENDED) {
        start_call(mix, call);
        return;
    }
    call->step++;
    if (call->step == STEP_OWN_EVENT && call->wish == WISH_NONE)
        call->step++;
}

MixEvent mix_next(Mix *mix)
{
    MixCall *call = &mix->calls[mix_random(mix, mix->call_count)];
    mix->now_ms += EVENT_EVERY_MS;
    mix->body_bytes = 0;
    add_head(mix, call);
    add_rest(mix, call);
    add(mix, "}");
    MixEvent event = {topic_of(call), {mix->body, mix->body_bytes}};
    move_on(mix, call);
    return event;
}
