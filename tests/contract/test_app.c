/* Wiring: settings that cannot work are refused by name, and what is opened works together. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>

#include "app.h"

typedef struct World {
    char folder[64];
    Config config;
    Arena arena;
    Fault fault;
} World;

static int setup(void **state)
{
    World *world = calloc(1, sizeof *world);
    arena_init(&world->arena);
    contract_make_folder(world->folder);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    World *world = *state;
    config_done(&world->config);
    contract_remove_folder(world->folder);
    arena_done(&world->arena);
    free(world);
    return 0;
}

/* The test's folder and one setting more. */
static void configure(World *world, const char *env, const char *value)
{
    const ConfigOverride overrides[] = {{"PLEDGELINE_DATA", world->folder}, {env, value}};
    config_done(&world->config);
    if (config_load(&world->config, overrides, env ? 2 : 1, &world->fault))
        fail_msg("%s", world->fault.text);
}

static Status open_and_close(World *world, AppMode mode)
{
    App app;
    Status status = app_open(&app, &world->config, mode, &world->fault);
    if (!status)
        app_close(&app);
    return status;
}

static const char *write_rates(World *world, const char *csv)
{
    const char *path = arena_printf(&world->arena, "%s/rates.csv", world->folder).at;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(csv, file);
    fclose(file);
    return path;
}

/* ---- settings ---- */

static void setting_that_cannot_work_is_refused_by_name(void **state)
{
    World *world = *state;
    const struct { const char *env, *value; } cases[] = {
        {"DONATION_LINK_FORMAT", "fancy"}, {"DONATION_LINK_BASE_URL", "donate.example.org"}, {"DONATION_LINK_SECRET", "short"},
        {"PLEDGELINE_SMS_TEMPLATE", "Dear {{firstName}}"}, {"PLEDGELINE_SMS_TEMPLATE", "open {{donationLink"},
        {"PLEDGELINE_SMS_TEMPLATE", "Hello from {{campaignName}}"},
        {"PLEDGELINE_DONATION_KEY", "9"}, {"PLEDGELINE_DONATION_KEY", "19"}, {"PLEDGELINE_RATE_PER_MINUTE", "cheap"}, {"PLEDGELINE_CURRENCY", "dollars"}, {"PLEDGELINE_RATES_FILE", "/no/such/file.csv"},
        {"PORT", "70000"}, {"PLEDGELINE_MAX_ATTEMPTS", "0"}, {"PLEDGELINE_QUEUE_CAPACITY", "0"}, {"CALL_TIMEOUT", "0"},
        {"PLEDGELINE_EFFECT_LEASE", "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        configure(world, cases[i].env, cases[i].value);
        assert_int_equal(open_and_close(world, APP_WRITER), STATUS_REJECT);
        if (!strstr(world->fault.text, cases[i].env))
            fail_msg("%s is not named in: %s", cases[i].env, world->fault.text);
        assert_null(strstr(world->fault.text, "short\""));
    }
}

static void settings_reach_the_pipeline(void **state)
{
    World *world = *state;
    App app;
    configure(world, "PLEDGELINE_RATES_FILE", write_rates(world, "prefix,rate\n972,0.015\n"));
    assert_int_equal(app_open(&app, &world->config, APP_WRITER, &world->fault), STATUS_OK);
    assert_int_equal(rating_cost_micros(&app.settings.event.rating, SLICE("+972501234567"), 60), 15000);
    assert_int_equal(rating_cost_micros(&app.settings.event.rating, SLICE("+12125550100"), 61), 20000);
    assert_int_equal(app.settings.max_attempts, 12);
    assert_int_equal(app.settings.lease_ms, 30000);
    assert_int_equal(app.settings.backoff_most_ms, 900000);
    assert_int_equal(app.settings.event.call_timeout_ms, 14400000);
    assert_false(app.settings.event.donation_link_plain);
    app_close(&app);
}

static void rates_that_cannot_be_read_name_their_line(void **state)
{
    World *world = *state;
    configure(world, "PLEDGELINE_RATES_FILE", write_rates(world, "972,0.015\nnothing\n"));
    assert_int_equal(open_and_close(world, APP_WRITER), STATUS_REJECT);
    assert_non_null(strstr(world->fault.text, "line 2"));
}

static void link_secret_is_the_setting_or_the_same_key_each_time(void **state)
{
    World *world = *state;
    App app;
    configure(world, NULL, NULL);
    assert_int_equal(app_open(&app, &world->config, APP_WRITER, &world->fault), STATUS_OK);
    Slice made = arena_copy(&world->arena, app.settings.event.donation_link_secret);
    app_close(&app);
    assert_int_equal(made.bytes, 64);
    assert_int_equal(app_open(&app, &world->config, APP_READER, &world->fault), STATUS_OK);
    assert_true(slice_equal(made, app.settings.event.donation_link_secret));
    app_close(&app);
    configure(world, "DONATION_LINK_SECRET", "0123456789abcdef");
    assert_int_equal(app_open(&app, &world->config, APP_WRITER, &world->fault), STATUS_OK);
    assert_slice(app.settings.event.donation_link_secret, "0123456789abcdef");
    app_close(&app);
}

/* ---- modes ---- */

static void second_writer_is_refused_and_readers_are_not(void **state)
{
    World *world = *state;
    App writer, reader;
    configure(world, NULL, NULL);
    assert_int_equal(app_open(&writer, &world->config, APP_WRITER, &world->fault), STATUS_OK);
    assert_int_equal(open_and_close(world, APP_WRITER), STATUS_FATAL);
    assert_string_equal(world->fault.code, "data_folder_busy");
    assert_int_equal(open_and_close(world, APP_READER), STATUS_OK);
    assert_int_equal(app_open_reader(&writer, &reader, &world->fault), STATUS_OK);
    int64_t blocked = -1;
    assert_int_equal(reader.ports.registry.count(reader.ports.registry.self, &blocked, &world->fault), STATUS_OK);
    assert_int_equal(blocked, 0);
    app_close(&reader);
    app_close(&writer);
    assert_int_equal(open_and_close(world, APP_WRITER), STATUS_OK);
}

static void running_server_is_found_while_it_runs(void **state)
{
    World *world = *state;
    App app;
    configure(world, NULL, NULL);
    assert_slice(app_running_server(&world->config, &world->arena), "");
    assert_int_equal(app_open(&app, &world->config, APP_WRITER, &world->fault), STATUS_OK);
    assert_slice(app_running_server(&world->config, &world->arena), "");
    assert_int_equal(app_announce(&app, "http://127.0.0.1:8080", &world->fault), STATUS_OK);
    assert_slice(app_running_server(&world->config, &world->arena), "http://127.0.0.1:8080");
    app_close(&app);
    assert_slice(app_running_server(&world->config, &world->arena), "");
}

#define APP_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        APP_TEST(setting_that_cannot_work_is_refused_by_name),
        APP_TEST(settings_reach_the_pipeline),
        APP_TEST(rates_that_cannot_be_read_name_their_line),
        APP_TEST(link_secret_is_the_setting_or_the_same_key_each_time),
        APP_TEST(second_writer_is_refused_and_readers_are_not),
        APP_TEST(running_server_is_found_while_it_runs),
    };
    return cmocka_run_group_tests_name("app", tests, NULL, NULL);
}
