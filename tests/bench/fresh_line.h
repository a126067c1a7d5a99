/* The line on the embedded store, in a data folder made for the measurement. */
#pragma once

#include "app.h"

typedef struct FreshLine {
    Config config;
    App app;
    Pipeline *line;
    char folder[512];
    int64_t ran_ns; /* time spent in the line so far */
} FreshLine;

/* parent/name must not exist yet. */
void fresh_line_open(FreshLine *fresh, const char *parent, const char *name);

/* One batch of at most MEASURE_BATCH NDJSON lines; every one must be done. */
void fresh_line_run(FreshLine *fresh, const Slice *lines, size_t count);

void fresh_line_close(FreshLine *fresh);
void fresh_line_remove(const FreshLine *fresh); /* the folder, after close */
