/* The command line against the tables: verb, action, options, arguments. getopt_long reads; its table is made here from
 * the verb's own options, the common ones and the settings. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/nearest.h"
#include "event/phone.h"
#include "verb/functions.h"
#include "verb/help.h"
#include "verb/names.h"

const Option common_options[] = {
    {"output", "FORMAT", "table, json or csv (default table; exports: json or csv, default csv)"},
    {"help", NULL, "print this help"},
    {NULL, NULL, NULL},
};

/* ---- messages ---- */

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
    fflush(stdout);
    fputs("pledgeline: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void verb_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

int verb_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return EXIT_WRONG_USAGE;
}

int verb_fail(const Fault *fault)
{
    verb_note("%s", fault->text);
    return fault->status == STATUS_REJECT && !strncmp(fault->code, "usage", 5) ? EXIT_WRONG_USAGE : EXIT_FAILED;
}

/* ---- what was given ---- */

const char *invocation_option(const Invocation *invocation, const char *name)
{
    for (size_t i = 0; invocation->verb->options && invocation->verb->options[i].name; i++) {
        if (!strcmp(invocation->verb->options[i].name, name))
            return invocation->options[i];
    }
    abort(); /* an option that the verb's table does not have */
}

Slice invocation_option_slice(const Invocation *invocation, const char *name)
{
    return slice_of(invocation_option(invocation, name));
}

Status invocation_number(const Invocation *invocation, const char *name, size_t fallback, size_t *ret, Fault *fault)
{
    const char *text = invocation_option(invocation, name);
    char *end = NULL;
    unsigned long number = text ? strtoul(text, &end, 10) : fallback;
    if (text && (!*text || *end || *text == '-' || number > 1000000000))
        return fault_set(fault, STATUS_REJECT, "usage_number", "--%s must be a whole number, not \"%.40s\"", name, text);
    *ret = number;
    return STATUS_OK;
}

Status invocation_phone(const Invocation *invocation, const char *name, Slice *ret, Fault *fault)
{
    *ret = invocation_option_slice(invocation, name);
    if (invocation_option(invocation, name) && !phone_is_e164(*ret))
        return fault_set(fault, STATUS_REJECT, "usage_phone", "--%s must be " PHONE_FORM, name);
    return STATUS_OK;
}

Status invocation_time(const Invocation *invocation, const char *name, int64_t *ret_ms, Fault *fault)
{
    Slice text = invocation_option_slice(invocation, name);
    *ret_ms = 0;
    if (slice_empty(text))
        return STATUS_OK;
    if (text.bytes == 10)
        text = arena_printf(invocation->arena, "%.*sT00:00:00Z", SLICE_ARG(text));
    if (!time_parse(text, ret_ms))
        return fault_set(fault, STATUS_REJECT, "usage_time", "--%s must be a date or an RFC 3339 time, like 2024-01-15 or 2024-01-15T10:30:00Z", name);
    return STATUS_OK;
}

/* ---- verb and action ---- */

static bool verb_has_actions(const char *name)
{
    for (const Verb *verb = verbs; verb->name; verb++) {
        if (!strcmp(verb->name, name) && verb->action)
            return true;
    }
    return false;
}

static const char *verb_name(size_t i) { return verbs[i].name; }

static int unknown_verb(const char *word)
{
    const char *near = nearest_name(word, verb_name);
    return near ? verb_usage("there is no verb \"%.40s\"; did you mean %s? (pledgeline --help lists them)", word, near)
                : verb_usage("there is no verb \"%.40s\"; pledgeline --help lists them", word);
}

static int unknown_action(const char *name, const char *word)
{
    char known[200] = "";
    size_t used = 0;
    for (const Verb *verb = verbs; verb->name; verb++) {
        if (!strcmp(verb->name, name) && used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", verb->action);
    }
    if (!word)
        return verb_usage("%s what? One of: %s", name, known);
    return verb_usage("%s has no \"%.40s\"; it has: %s", name, word, known);
}

int verb_unknown(const char *name, const char *action)
{
    return verb_has_actions(name) ? unknown_action(name, action) : unknown_verb(name);
}

/* The row of the words at argv; *ret_words is how many of them it took. NULL when there is none. */
static const Verb *find_verb(int argc, char **argv, int *ret_words)
{
    for (const Verb *verb = verbs; verb->name && argc; verb++) {
        if (strcmp(verb->name, argv[0]))
            continue;
        if (!verb->action || (argc > 1 && !strcmp(verb->action, argv[1])))
            return *ret_words = verb->action ? 2 : 1, verb;
    }
    return NULL;
}

/* ---- options ---- */

enum { CODE_VERB = 1000, CODE_COMMON = 2000, CODE_SETTING = 3000, ROWS_MAX = 128 };

typedef struct OptionTable {
    struct option rows[ROWS_MAX];
    size_t count;
} OptionTable;

static void add_rows(OptionTable *table, const Option *options, int code)
{
    for (int i = 0; options && options[i].name; i++)
        table->rows[table->count++] = (struct option){options[i].name, options[i].argument ? required_argument : no_argument, NULL, code + i};
}

static void fill_table(OptionTable *table, const Verb *verb)
{
    memset(table, 0, sizeof *table);
    add_rows(table, verb->options, CODE_VERB);
    add_rows(table, common_options, CODE_COMMON);
    for (size_t i = 0; i < config_row_count; i++)
        table->rows[table->count++] = (struct option){names_flag_of_setting(&config_rows[i]), required_argument, NULL, CODE_SETTING + (int)i};
}

static const OptionTable *named_table; /* for nearest_name, which takes a plain function */
static const char *option_name(size_t i) { return named_table->rows[i].name; }

static int unknown_option(const OptionTable *table, const Verb *verb, const char *word)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word); /* without its value */
    named_table = table;
    const char *near = nearest_name(name + strspn(name, "-"), option_name);
    const char *action = verb->action ? verb->action : "", *blank = verb->action ? " " : "";
    if (!near)
        return verb_usage("%s%s%s has no option %.40s; pledgeline help %s%s%s lists those it has", verb->name, blank, action, name,
                          verb->name, blank, action);
    return verb_usage("%s%s%s has no option %.40s; did you mean --%s?", verb->name, blank, action, name, near);
}

static bool read_output(const char *text, OutputFormat *ret)
{
    static const char *const formats[] = {"table", "json", "csv"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!strcmp(formats[i], text))
            return *ret = (OutputFormat)i, true;
    }
    return false;
}

typedef struct Reading {
    Invocation invocation;
    ConfigOverride overrides[OVERRIDES_MAX];
    size_t override_count;
    bool wants_help;
} Reading;

static int take_output(Invocation *invocation, const char *value)
{
    invocation->output_given = true;
    if (!read_output(value, &invocation->output))
        return verb_usage("--output is table, json or csv, not \"%.40s\"", value);
    return EXIT_OK;
}

static void take_verb_option(Invocation *invocation, int at, const char *value)
{
    const char *argument = invocation->verb->options[at].argument, *before = invocation->options[at];
    bool may_repeat = argument && strstr(argument, "...");
    invocation->options[at] = may_repeat && before ? arena_printf(invocation->arena, "%s,%s", before, value).at : value ? value : "";
}

static int take_option(Reading *reading, int code, const char *value)
{
    if (code >= CODE_SETTING && reading->override_count < OVERRIDES_MAX)
        reading->overrides[reading->override_count++] = (ConfigOverride){config_rows[code - CODE_SETTING].env, value};
    else if (code == CODE_COMMON + 1)
        reading->wants_help = true;
    else if (code == CODE_COMMON)
        return take_output(&reading->invocation, value);
    else if (code >= CODE_VERB && code < CODE_COMMON)
        take_verb_option(&reading->invocation, code - CODE_VERB, value);
    return EXIT_OK;
}

static int read_options(Reading *reading, int argc, char **argv)
{
    OptionTable table;
    fill_table(&table, reading->invocation.verb);
    opterr = 0;
    optind = 1;
    for (int code; (code = getopt_long(argc, argv, ":h", table.rows, NULL)) != -1;) {
        if (code == 'h')
            code = CODE_COMMON + 1;
        if (code == ':')
            return verb_usage("%s needs a value", argv[optind - 1]);
        if (code == '?')
            return unknown_option(&table, reading->invocation.verb, argv[optind - 1]);
        int wrong = take_option(reading, code, optarg);
        if (wrong)
            return wrong;
    }
    for (; optind < argc && reading->invocation.argument_count < ARGUMENTS_MAX; optind++)
        reading->invocation.arguments[reading->invocation.argument_count++] = argv[optind];
    return optind < argc ? verb_usage("more than %d arguments; put them into a file", ARGUMENTS_MAX) : EXIT_OK;
}

static int check_arguments(const Invocation *invocation)
{
    const Verb *verb = invocation->verb;
    const char *action = verb->action ? verb->action : "", *blank = verb->action ? " " : "";
    if (invocation->argument_count < verb->least)
        return verb_usage("usage: pledgeline %s%s%s %s", verb->name, blank, action, verb->arguments);
    if (verb->most >= 0 && invocation->argument_count > verb->most)
        return verb_usage("\"%.40s\" is one argument too many; usage: pledgeline %s%s%s %s", invocation->arguments[verb->most],
                          verb->name, blank, action, verb->arguments);
    return EXIT_OK;
}

/* ---- all of it ---- */

static bool is_service(const Verb *verb) { return verb->run == serve_verb || verb->run == consume_verb; }

/* A command prints its own results and failures; the log is for services, unless somebody asks for it. */
static const char *log_level_of(const Verb *verb, const Config *config)
{
    const ConfigRow *row = &config_rows[0];
    while (row->offset != offsetof(Config, log_level))
        row++;
    bool is_default = !strcmp(config_source(config, row), "default");
    return is_default && !is_service(verb) ? "off" : config->log_level;
}

static int run_loaded(Reading *reading, const Config *config)
{
    if (!log_init(log_level_of(reading->invocation.verb, config), !strcmp(config->log_phone_numbers, "full")))
        return verb_usage("LOG_LEVEL is \"%.40s\"; it must be debug, info, warn, error or off", config->log_level);
    reading->invocation.config = config;
    return reading->invocation.verb->run(&reading->invocation);
}

static int run_with_settings(Reading *reading)
{
    Config config;
    Fault fault;
    Status status = config_load(&config, reading->overrides, reading->override_count, &fault);
    int code = status ? verb_usage("%s", fault.text) : run_loaded(reading, &config);
    config_done(&config);
    return code;
}

static int run_verb(const Verb *verb, int argc, char **argv)
{
    Arena arena;
    arena_init(&arena);
    Reading reading = {.invocation = {.verb = verb, .arena = &arena}};
    int code = read_options(&reading, argc, argv);
    if (!code && reading.wants_help)
        help_verb(verb);
    else if (!code)
        code = check_arguments(&reading.invocation);
    if (!code && !reading.wants_help)
        code = run_with_settings(&reading);
    arena_done(&arena);
    if (fflush(stdout) || ferror(stdout))
        return code ? code : EXIT_FAILED;
    return code;
}

int verb_main(int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return help_overview(argc < 2 ? stderr : stdout), argc < 2 ? EXIT_WRONG_USAGE : EXIT_OK;
    if (!strcmp(argv[1], "--version"))
        return printf("pledgeline %s\n", PLEDGELINE_VERSION), EXIT_OK;
    int words = 0;
    const Verb *verb = find_verb(argc - 1, argv + 1, &words);
    if (verb)
        return run_verb(verb, argc - words, argv + words);
    bool wants_help = argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"));
    return wants_help ? help_words(argc - 1, argv + 1) : verb_unknown(argv[1], argc > 2 ? argv[2] : NULL);
}
