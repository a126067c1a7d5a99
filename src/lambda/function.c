/* Settings -> ports -> line -> Runtime API. What is wrong with the settings is told to Lambda as an error of the start. */
#include "lambda/function.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/function_app.h"
#include "base/log.h"
#include "ingress/lambda.h"

enum { ENDED, FAILED, MISUSED };

typedef struct Running {
    const Function *function;
    Config config;
    FunctionApp app;
    LambdaRuntime *runtime;
} Running;

/* ---- settings ---- */

static bool is_set(const Config *config, const char *env, size_t bytes)
{
    Arena arena = {0};
    bool is_given = false;
    for (size_t i = 0; i < config_row_count; i++) {
        if (strlen(config_rows[i].env) == bytes && !memcmp(config_rows[i].env, env, bytes))
            is_given = !slice_empty(config_show(config, &config_rows[i], &arena));
    }
    arena_done(&arena);
    return is_given;
}

static bool has_one_of(const Config *config, const char *names)
{
    for (const char *name = names;;) {
        const char *end = strchrnul(name, '|');
        if (is_set(config, name, (size_t)(end - name)))
            return true;
        if (!*end)
            return false;
        name = end + 1;
    }
}

static void add_missing(Text *missing, const char *names)
{
    if (missing->bytes)
        text_add_literal(missing, ", ");
    for (const char *at = names; *at; at++) {
        if (*at == '|')
            text_add_literal(missing, " or ");
        else
            text_add_byte(missing, *at);
    }
}

static Status check_required(const Running *running, Fault *fault)
{
    Arena arena = {0};
    Text missing = text_in(&arena);
    for (const char *const *names = running->function->required; *names; names++) {
        if (!has_one_of(&running->config, *names))
            add_missing(&missing, *names);
    }
    Status status = STATUS_OK;
    if (missing.bytes)
        status = fault_set(fault, STATUS_REJECT, "setting_missing", "%s needs these variables, which are not set: %.*s", running->function->name,
                           (int)missing.bytes, missing.at);
    arena_done(&arena);
    return status;
}

/* The default is there so that a newcomer sees a link; nobody's donors should. */
static void warn_of_example(const Running *running)
{
    for (size_t i = 0; running->function->makes_links && i < config_row_count; i++) {
        const ConfigRow *row = &config_rows[i];
        if (!strcmp(row->env, "DONATION_LINK_BASE_URL") && !strcmp(config_source(&running->config, row), "default"))
            log_line(LOG_WARN, "donation links lead to an example: set DONATION_LINK_BASE_URL", LOG_CSTR("url", row->fallback));
    }
}

static Status read_settings(Running *running, Fault *fault)
{
    Status status = config_load(&running->config, NULL, 0, fault);
    if (status)
        return status;
    log_set_service(running->function->name);
    if (!log_init(running->config.log_level, !strcmp(running->config.log_phone_numbers, "full")))
        return fault_set(fault, STATUS_REJECT, "setting_value", "LOG_LEVEL is \"%.40s\"; it must be debug, info, warn, error or off",
                         running->config.log_level);
    Status missing = check_required(running, fault);
    if (!missing)
        warn_of_example(running);
    return missing;
}

/* ---- work ---- */

static Status prepare(void *context, Fault *fault)
{
    Running *running = context;
    return running->function->makes_links ? function_app_find_secret(&running->app, fault) : STATUS_OK;
}

static Status serve(Running *running, Fault *fault)
{
    LambdaSettings settings = {.service = running->function->name, .topic = slice_of(running->function->topic), .prepare = prepare, .context = running};
    Pipeline *line = pipeline_new(&running->app.ports, &running->app.settings);
    Status status = lambda_serve(running->runtime, line, &settings, fault);
    pipeline_free(line);
    return status;
}

static Status start(Running *running, Fault *fault)
{
    Status status = read_settings(running, fault);
    status = status ? status : function_app_open(&running->app, &running->config, running->function->back_ends, fault);
    if (!status)
        return STATUS_OK;
    Arena arena = {0};
    Fault ignored;
    lambda_runtime_fail_init(running->runtime, fault, &arena, &ignored);
    arena_done(&arena);
    return status;
}

static int complain(const Running *running, const Fault *fault)
{
    log_line(LOG_ERROR, "the function ends", LOG_CSTR("function", running->function->name), LOG_CSTR("code", fault->code),
             LOG_CSTR("error", fault->text));
    return FAILED;
}

int function_main(const Function *function)
{
    const char *host = getenv("AWS_LAMBDA_RUNTIME_API");
    if (!host || !*host) {
        fprintf(stderr, "%s runs on AWS Lambda, or under its emulator: AWS_LAMBDA_RUNTIME_API is not set\n", function->name);
        return MISUSED;
    }
    signal(SIGPIPE, SIG_IGN);
    Fault fault = {0};
    Running running = {.function = function, .runtime = lambda_runtime_new(host)};
    Status status = start(&running, &fault);
    status = status ? status : serve(&running, &fault);
    int code = status ? complain(&running, &fault) : ENDED;
    function_app_close(&running.app);
    config_done(&running.config);
    lambda_runtime_free(running.runtime);
    return code;
}
