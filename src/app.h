/* The only place where concrete adapters are named: config in, wired ports out. */
#pragma once

#include "base/breaker.h"
#include "base/config.h"
#include "pipeline.h"

typedef enum AppMode {
    APP_WRITER, /* owns the data folder; refused with "data_folder_busy" and who holds it when another process does */
    APP_READER, /* looks only; works beside a writer */
} AppMode;

typedef struct App {
    const Config *config;
    PipelineSettings settings;
    Ports ports;
    struct AppStores *stores;
} App;

/* Looks at the settings as app_open does, and opens nothing. REJECT names the one that is wrong. */
Status app_check(const Config *config, Fault *fault);

/* Opens the stores (a writer creates and migrates them). config must outlive app. */
Status app_open(App *app, const Config *config, AppMode mode, Fault *fault);
void app_close(App *app);

/* A second set of ports on the same stores, reading only, for another thread of the same process. */
Status app_open_reader(const App *app, App *ret_reader, Fault *fault);

/* A data folder by itself: whatever stores the settings name, everything is looked for, or made, in this folder. For moving in
 * and out. folder and config must outlive app. */
Status app_open_folder(App *app, const Config *config, const char *folder, AppMode mode, Fault *fault);

/* Whether the settings name a store beside the data folder. */
bool app_has_stores_apart(const Config *config);

/* Leaves a mark in the data folder: its content was moved into the stores that the settings of app name. From now on app_open
 * refuses this folder, "data_folder_moved", unless the settings name such stores; app_open_folder does not. */
Status app_mark_moved(const App *app, Fault *fault);

/* Of the stores beyond a network, ended by NULL; they live as long as app. */
Breaker *const *app_breakers(const App *app);

/* Who holds the data folder now: the base URL of a running server ("http://127.0.0.1:8080"), in arena; empty when none
 * serves. A server writes its address with app_announce once it listens. */
Slice app_running_server(const Config *config, Arena *arena);
Status app_announce(App *app, const char *base_url, Fault *fault);
