/* Ports in memory for tests of the line: they do what the contract says, write down every call in one log, and fail when
 * they are told to. */
#pragma once

#include "../check.h"

#include "pipeline.h"

enum { WORLD_MAX = 64 };

static const int64_t NOW_MS = 1705320000000;

#define OPTOUT "{\"callId\":\"c1\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234567\"}"
#define DONATION "{\"callId\":\"c1\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234567\",\"dtmfInput\":\"1\"}"
#define OTHER_DONATION "{\"callId\":\"c2\",\"campaignId\":\"w\",\"phoneNumber\":\"+972501234568\",\"dtmfInput\":\"1\"}"
#define INITIATED(call) "{\"callId\":\"" call "\",\"campaignId\":\"w\",\"eventType\":\"call_initiated\",\"timestamp\":\"2024-01-15T10:30:00Z\"}"
#define ANSWERED(call) "{\"callId\":\"" call "\",\"campaignId\":\"w\",\"eventType\":\"call_answered\",\"timestamp\":\"2024-01-15T10:30:10Z\"}"

typedef struct World {
    Arena arena;
    Text log;                 /* "begin block save project commit …" */
    Ports ports;
    PipelineSettings settings;
    Pipeline *line;

    Slice blocked[WORLD_MAX];
    size_t blocked_count;
    Slice actions[WORLD_MAX];
    size_t action_count;
    Cdr *records[WORLD_MAX];
    size_t record_count;
    Effect effects[WORLD_MAX];
    size_t effect_count, sent;
    SpoolItem spooled[WORLD_MAX];
    size_t spooled_count, settled;
    int64_t donations, optouts, attempts; /* counters of all campaigns */
    struct { Slice key; int64_t rev, donations, optouts, attempts; } guards[WORLD_MAX]; /* what counters beside the records remember */
    size_t guard_count;

    /* told to */
    int conflicts_left;       /* saves that somebody else was faster than */
    Status cdrs_status, registry_status, counters_status, actions_status;
    Slice cached;             /* a number that the cache knows and the registry does not */
    Slice poison;             /* a call id that save refuses for ever */
    Slice opt_out_before_sending; /* this number opts out between claim and sending */
    bool claim_is_taken_over; /* somebody else has it before it becomes SENDING */
    bool sending_is_taken_over; /* somebody else has it before it is settled */
    bool sending_unheard;     /* the ledger has it as SENDING, and its answer is lost */
    bool settled_unheard;     /* the ledger settles, and its answer is lost */
    SmsResult sms_result;
    bool calls_are_over;      /* those that were hung up */
    size_t calls_asked, calls_released;
    int64_t list_asked_ms;    /* wall time, the last time */
    int64_t waited_ms;        /* for them, the last time that somebody asked */
} World;

void world_init(World *world, bool atomic, bool sms_joins);
void world_done(World *world);

/* Runs one batch of bodies on one topic each; deliveries[i] gets the verdicts. */
void world_run(World *world, Delivery *deliveries, size_t count);
Delivery world_delivery(const char *topic, const char *body);

/* A batch of one; its verdict. */
static inline Verdict run_one(World *world, const char *topic, const char *body)
{
    Delivery delivery = world_delivery(topic, body);
    world_run(world, &delivery, 1);
    return delivery.verdict;
}

static inline void assert_log(World *world, const char *expected) { assert_slice(text_slice(&world->log), expected); }

/* What a check of the number says, both ways of asking. */
bool world_says_blocked(World *world, const char *phone);
