/* Counters against the records they are a projection of. Where both are in one store they are read in one consistent view, so
 * traffic need not stop: a difference found there stays right, and adding it later heals the counters. Where they are apart a
 * new generation is counted beside the one that is read. */
#pragma once

#include "ports.h"

typedef struct CounterDrift { Slice campaign_id, counter; int64_t live, recounted; } CounterDrift;

/* Calls report for each counter that differs (all of them when every is true). The caller holds a unit of work. */
Status recount_compare(const Ports *ports, const Rating *rating, bool every,
                       bool (*report)(void *context, const CounterDrift *drift), void *context,
                       void (*progress)(void *context, int64_t records), Fault *fault);

/* Makes the counters right, in the caller's unit of work. *ret_drifts: how many were off. */
Status recount_fix(const Ports *ports, const Rating *rating, int64_t *ret_drifts, Fault *fault);

/* The same in a unit of work of its own, and waits until it is its turn. Blocks. */
Status recount_fix_alone(const Ports *ports, const Rating *rating, int64_t *ret_drifts, Fault *fault);

/* Whether recount_compare or recount_fix could not begin because another one is on. */
bool recount_is_running(Status status, const Fault *fault);

/* The same, for who would wait for the other's end: blocks for a moment, and gives up (false) after as long as one that died
 * is remembered. since_ms: when the waiting began, elapsed time. */
bool recount_waits_for_turn(Status status, const Fault *fault, int64_t since_ms);
