#include "app/function_app.h"

#include "app/settings.h"

/* ---- no call records ---- */

/* An opt-out whose number cannot be read looks for its call: nobody here knows it. */
static Status load_none(void *self, const Slice *call_ids, size_t count, Arena *arena, Cdr **cdrs, Fault *fault)
{
    (void)self, (void)fault;
    for (size_t i = 0; i < count; i++) {
        cdrs[i] = ARENA_NEW(arena, Cdr);
        *cdrs[i] = (Cdr){.call_id = call_ids[i]};
    }
    return STATUS_OK;
}

static Status save_none(void *self, Cdr *const *cdrs, size_t count, int64_t now_ms, bool *ret_conflict, Fault *fault)
{
    (void)self, (void)cdrs, (void)count, (void)now_ms, (void)ret_conflict;
    return fault_set(fault, STATUS_RETRY, "no_call_records", "call events have nowhere to go here: set MONGODB_URI, or send them elsewhere");
}

/* ---- open and close ---- */

enum { HANG_UP_WAIT_MS = 3000 }; /* a function stands still once it has answered */

Status function_app_open(FunctionApp *app, const Config *config, const BackEnd *const *rows, Fault *fault)
{
    *app = (FunctionApp){0};
    Status status = settings_read(config, &app->arena, &app->settings, fault);
    status = status ? status : back_ends_open(&app->back_ends, rows, config, NULL, fault);
    if (status)
        return status;
    app->settings.hang_up_wait_ms = HANG_UP_WAIT_MS;
    app->ports = (Ports){.unit = back_ends_unit(), .cdrs = {.load = load_none, .save = save_none}};
    back_ends_wire(&app->back_ends, false, &app->ports);
    back_ends_wire_missing(&app->back_ends, &app->ports);
    app->settings.event.speaks = app->settings.ladder.speaks = app->ports.speech.send != NULL;
    return settings_meet_ports(config, &app->ports, &app->arena, &app->settings, fault);
}

void function_app_close(FunctionApp *app)
{
    back_ends_close(&app->back_ends);
    arena_done(&app->arena);
}

Status function_app_find_secret(FunctionApp *app, Fault *fault)
{
    EventSettings *event = &app->settings.event;
    if (event->donation_link_plain || !slice_empty(event->donation_link_secret))
        return STATUS_OK;
    return back_ends_secret(&app->back_ends, &app->arena, &event->donation_link_secret, fault);
}
