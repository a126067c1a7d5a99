#include "fresh_line.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "measure.h"

void fresh_line_open(FreshLine *fresh, const char *parent, const char *name)
{
    *fresh = (FreshLine){0};
    snprintf(fresh->folder, sizeof fresh->folder, "%s/%s", parent, name);
    if (mkdir(fresh->folder, 0700))
        give_up("the folder for the measurement is there already, or cannot be made");
    const ConfigOverride overrides[] = {{"PLEDGELINE_DATA", fresh->folder}, {"LOG_LEVEL", "error"}};
    Fault fault;
    if (config_load(&fresh->config, overrides, sizeof overrides / sizeof *overrides, &fault) ||
        app_open(&fresh->app, &fresh->config, APP_WRITER, &fault))
        give_up(fault.text);
    fresh->line = pipeline_new(&fresh->app.ports, &fresh->app.settings);
}

void fresh_line_run(FreshLine *fresh, const Slice *lines, size_t count)
{
    Delivery deliveries[MEASURE_BATCH], *pointers[MEASURE_BATCH];
    int64_t started_ns = clock_elapsed_ns(), now_ms = clock_wall_ms();
    for (size_t i = 0; i < count; i++) {
        deliveries[i] = (Delivery){.body = lines[i], .received_ms = now_ms};
        pointers[i] = &deliveries[i];
    }
    pipeline_run(fresh->line, pointers, count);
    fresh->ran_ns += clock_elapsed_ns() - started_ns;
    for (size_t i = 0; i < count; i++) {
        if (deliveries[i].verdict != VERDICT_DONE)
            give_up(deliveries[i].fault.text);
    }
}

void fresh_line_close(FreshLine *fresh)
{
    pipeline_free(fresh->line);
    app_close(&fresh->app);
    config_done(&fresh->config);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

void fresh_line_remove(const FreshLine *fresh) { nftw(fresh->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }
