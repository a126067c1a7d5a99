/* Looks every few seconds whether the store of the counters and of the do-not-call cache has lost something (a flush, a
 * failover, a time when it was away), and gives it back: the cache its list, the counters a new generation. On a thread of its
 * own, while traffic goes on. */
#pragma once

#include "ports.h"

typedef struct Caretaker Caretaker;

/* The ports are the caretaker's alone until it is closed; all is borrowed. NULL and no fault where nothing can get lost
 * (ports->live.is_whole is NULL). NULL and a fault when there is no thread. */
Status caretaker_open(const Ports *ports, const Rating *rating, Caretaker **ret, Fault *fault);
void caretaker_close(Caretaker *caretaker); /* waits for the step in hand; NULL is fine */
