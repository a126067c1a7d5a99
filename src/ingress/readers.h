/* A few threads that read the stores for HTTP, each with ports of its own, so that a long report delays no publish. */
#pragma once

#include "ports.h"

typedef struct Readers Readers;

typedef struct ReaderJob {
    void (*run)(struct ReaderJob *job, const Ports *ports);
    struct ReaderJob *following; /* the pool's own */
} ReaderJob;

/* One thread for each of ports[0 … count); borrowed until readers_stop. NULL and a fault when no thread starts. */
Readers *readers_open(const Ports *const *ports, size_t count, Fault *fault);

/* Any thread. The job is borrowed until its run begins. False when the pool is closing or 1,000 jobs wait. */
bool readers_do(Readers *readers, ReaderJob *job);

/* Takes no more, finishes what is queued. NULL is fine. */
void readers_stop(Readers *readers);
/* Once nobody can ask any more. NULL is fine. */
void readers_free(Readers *readers);
