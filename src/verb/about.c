/* Verbs about the program itself. */
#include "verb/functions.h"
#include "verb/help.h"
#include "verb/output.h"
#include "verb/serve.h"

int serve_verb(const Invocation *invocation) { return serve_run(invocation->config); }

static const Column config_columns[] = {{"name", COLUMN_TEXT}, {"value", COLUMN_WIDE}, {"from", COLUMN_TEXT}};

static int show_settings(const Invocation *invocation)
{
    Output *output = output_open(invocation, config_columns, sizeof config_columns / sizeof *config_columns, NULL);
    for (size_t i = 0; i < config_row_count; i++) {
        const ConfigRow *row = &config_rows[i];
        Slice value = config_show(invocation->config, row, invocation->arena);
        const char *source = config_source(invocation->config, row);
        const Slice cells[] = {slice_of(row->env), value, slice_of(source)};
        Text json = text_in(invocation->arena);
        text_printf(&json, "{\"name\":\"%s\",\"value\":", row->env);
        json_add_string(&json, value);
        text_printf(&json, ",\"from\":\"%s\"}", source);
        output_row(output, cells, text_slice(&json));
    }
    output_close(output, STATUS_OK);
    Fault fault;
    return app_check(invocation->config, &fault) ? verb_usage("%s", fault.text) : EXIT_OK;
}

int config_verb(const Invocation *invocation)
{
    if (invocation_option(invocation, "markdown"))
        return help_settings_markdown(stdout), EXIT_OK;
    if (invocation_option(invocation, "sample"))
        return help_settings_sample(stdout), EXIT_OK;
    return show_settings(invocation);
}

int completion_verb(const Invocation *invocation)
{
    (void)invocation;
    help_completion_bash(stdout);
    return EXIT_OK;
}

int man_verb(const Invocation *invocation)
{
    (void)invocation;
    help_man(stdout);
    return EXIT_OK;
}

int help_verb_verb(const Invocation *invocation)
{
    char *words[2] = {(char *)(uintptr_t)invocation->arguments[0], (char *)(uintptr_t)invocation->arguments[1]};
    if (!invocation->argument_count)
        return help_overview(stdout), EXIT_OK;
    return help_words(invocation->argument_count, words);
}
