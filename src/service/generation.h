/* A recount where the counters are in a store of their own: a new generation of them is counted from what is stored, while
 * traffic goes on in both. */
#pragma once

#include "service/recount.h"

/* As recount_compare. What is on its way from a record to the counters is given a moment to arrive. */
Status generation_compare(const Ports *ports, const Rating *rating, bool every,
                          bool (*report)(void *context, const CounterDrift *drift), void *context,
                          void (*progress)(void *context, int64_t records), Fault *fault);

/* The new generation becomes the one that is read. *ret_drifts: how many counters were off. */
Status generation_rebuild(const Ports *ports, const Rating *rating, int64_t *ret_drifts, Fault *fault);
