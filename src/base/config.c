/* Settings from four places, the later ones winning: default, file, environment, flag. All of it walks config_rows. */
#include "base/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/nearest.h"

enum { SECRET_FILE_BYTES_MAX = 64 * 1024, STRAY_NAME_BYTES = 96 };

const ConfigRow config_rows[] = {
#define SETTING(field, type, env, fallback, section, help) {#field, CONFIG_##type, env, fallback, section, help, offsetof(Config, field)},
#include "base/config.def"
#undef SETTING
};
const size_t config_row_count = sizeof config_rows / sizeof *config_rows;

enum { ROW_COUNT = sizeof config_rows / sizeof *config_rows };

/* What was said about each row, and where; kept in the arena behind the Config. */
typedef struct Loading {
    Config *config;
    const char *values[ROW_COUNT];
    const char *sources[ROW_COUNT];
    const char *file;
    Fault *fault;
    Status status;
} Loading;

static size_t row_of_env(const char *env)
{
    size_t row = 0;
    while (row < ROW_COUNT && strcmp(config_rows[row].env, env))
        row++;
    return row;
}

static void say(Loading *loading, size_t row, const char *value, const char *source)
{
    loading->values[row] = arena_copy(&loading->config->arena, slice_of(value)).at;
    loading->sources[row] = source;
}

/* ---- secrets from files ---- */

static Status read_secret_file(Loading *loading, size_t row, const char *path, const char *source)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return fault_set(loading->fault, STATUS_REJECT, "setting_file", "%s_FILE (%s) names %s, which cannot be read: %s",
                         config_rows[row].env, source, path, strerror(errno));
    char *text = arena_alloc(&loading->config->arena, SECRET_FILE_BYTES_MAX + 1);
    size_t bytes = fread(text, 1, SECRET_FILE_BYTES_MAX, file);
    fclose(file);
    while (bytes && strchr("\r\n", text[bytes - 1]))
        bytes--;
    text[bytes] = 0;
    loading->values[row] = text;
    loading->sources[row] = source;
    return STATUS_OK;
}

/* NAME_FILE of a secret; ROW_COUNT when the name is not of that form. */
static size_t secret_row_of_file_name(const char *name)
{
    for (size_t row = 0; row < ROW_COUNT; row++) {
        size_t bytes = strlen(config_rows[row].env);
        if (config_rows[row].type == CONFIG_SECRET && !strncmp(name, config_rows[row].env, bytes) && !strcmp(name + bytes, "_FILE"))
            return row;
    }
    return ROW_COUNT;
}

/* ---- the file ---- */

static const char *setting_name(size_t i) { return i < ROW_COUNT ? config_rows[i].env : NULL; }

static Status refuse_unknown(const Loading *loading, const char *name)
{
    const char *near = nearest_name(name, setting_name);
    return fault_set(loading->fault, STATUS_REJECT, "setting_unknown", "%s: there is no setting %.64s; %s%s%s", loading->file, name,
                     near ? "did you mean " : "pledgeline config lists them", near ? near : "", near ? "?" : "");
}

/* Taken as they are, they would be part of the value. */
static bool is_quoted(const char *value)
{
    size_t bytes = strlen(value);
    return bytes > 1 && strchr("\"'", value[0]) && value[bytes - 1] == value[0];
}

static Status refuse_quotes(const Loading *loading, const char *name)
{
    return fault_set(loading->fault, STATUS_REJECT, "setting_value", "%s: the value of %.64s stands in quotes; write it without them", loading->file, name);
}

static int take_line(void *context, const char *section, const char *name, const char *value)
{
    (void)section;
    Loading *loading = context;
    size_t row = row_of_env(name), secret = secret_row_of_file_name(name);
    if (is_quoted(value))
        loading->status = refuse_quotes(loading, name);
    else if (row < ROW_COUNT)
        say(loading, row, value, "file");
    else if (secret < ROW_COUNT)
        loading->status = read_secret_file(loading, secret, value, "file");
    else
        loading->status = refuse_unknown(loading, name);
    return loading->status == STATUS_OK;
}

typedef struct SettingsFile {
    FILE *stream;
    int line, long_line; /* long_line: the first that does not fit; 0 = none */
} SettingsFile;

/* libinih takes lines of a fixed length, and what is beyond for another line. Of a remark nothing is needed. */
static char *read_line(char *line, int bytes, void *context)
{
    SettingsFile *file = context;
    if (!fgets(line, bytes, file->stream))
        return NULL;
    file->line++;
    bool is_whole = strchr(line, '\n') || feof(file->stream);
    bool is_remark = line[strspn(line, " \t")] == '#' || line[strspn(line, " \t")] == ';';
    for (int c = 0; !is_whole && c != '\n' && c != EOF;)
        c = fgetc(file->stream);
    if (!is_whole && !is_remark && !file->long_line)
        file->long_line = file->line;
    if (is_remark || !is_whole)
        snprintf(line, (size_t)bytes, "#\n");
    return line;
}

static Status read_file(Loading *loading, const char *path)
{
    loading->file = path;
    SettingsFile file = {.stream = fopen(path, "re")};
    if (!file.stream)
        return fault_set(loading->fault, STATUS_REJECT, "setting_file", "the settings file %s cannot be read: %s", path, strerror(errno));
    int line = ini_parse_stream(read_line, &file, take_line, loading);
    fclose(file.stream);
    if (loading->status)
        return loading->status;
    if (file.long_line)
        return fault_set(loading->fault, STATUS_REJECT, "setting_line",
                         "line %d of %s is too long for a settings file: give it by the environment, or a secret as NAME_FILE", file.long_line, path);
    if (line > 0)
        return fault_set(loading->fault, STATUS_REJECT, "setting_line", "line %d of %s is not NAME = value", line, path);
    return STATUS_OK;
}

/* ---- values ---- */

static Status wrong_value(const Loading *loading, size_t row, const char *expected)
{
    const char *shown = config_rows[row].type == CONFIG_SECRET ? "(hidden)" : loading->values[row];
    return fault_set(loading->fault, STATUS_REJECT, "setting_value", "%s (%s) is \"%.60s\"; it must be %s", config_rows[row].env,
                     loading->sources[row], shown, expected);
}

static Status store_number(Loading *loading, size_t row, void *field)
{
    char *end;
    errno = 0;
    long long number = strtoll(loading->values[row], &end, 10);
    if (errno || end == loading->values[row] || *end || number < 0)
        return wrong_value(loading, row, "a whole number, 0 or more");
    *(int64_t *)field = number;
    return STATUS_OK;
}

static Status store_flag(Loading *loading, size_t row, void *field)
{
    static const char *const yes[] = {"yes", "true", "1", "on"}, *const no[] = {"no", "false", "0", "off", ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!strcmp(loading->values[row], yes[i]))
            return *(bool *)field = true, STATUS_OK;
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (!strcmp(loading->values[row], no[i]))
            return *(bool *)field = false, STATUS_OK;
    }
    return wrong_value(loading, row, "yes or no");
}

static Status store_value(Loading *loading, size_t row)
{
    void *field = (char *)loading->config + config_rows[row].offset;
    switch (config_rows[row].type) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        *(const char **)field = loading->values[row];
        return STATUS_OK;
    case CONFIG_NUMBER:
    case CONFIG_SECONDS:
    case CONFIG_DAYS:
        return store_number(loading, row, field);
    case CONFIG_FLAG:
        return store_flag(loading, row, field);
    }
    return STATUS_OK;
}

/* ---- in order ---- */

static Status say_environment(Loading *loading)
{
    for (size_t row = 0; row < ROW_COUNT; row++) {
        char file_name[96];
        snprintf(file_name, sizeof file_name, "%s_FILE", config_rows[row].env);
        const char *path = config_rows[row].type == CONFIG_SECRET ? getenv(file_name) : NULL;
        const char *value = getenv(config_rows[row].env);
        Status status = path ? read_secret_file(loading, row, path, "environment") : STATUS_OK;
        if (status)
            return status;
        if (value)
            say(loading, row, value, "environment");
    }
    return STATUS_OK;
}

static void say_flags(Loading *loading, const ConfigOverride *overrides, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t row = row_of_env(overrides[i].env);
        if (row < ROW_COUNT)
            say(loading, row, overrides[i].value, "flag");
    }
}

/* Where the file is, is itself a setting: looked up before the file is read. */
static const char *config_file_of(const ConfigOverride *overrides, size_t count)
{
    const char *path = getenv("PLEDGELINE_CONFIG");
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(overrides[i].env, "PLEDGELINE_CONFIG"))
            path = overrides[i].value;
    }
    return path && *path ? path : NULL;
}

Status config_load(Config *config, const ConfigOverride *overrides, size_t count, Fault *fault)
{
    *config = (Config){0};
    arena_init(&config->arena);
    Loading *loading = ARENA_NEW(&config->arena, Loading);
    loading->config = config;
    loading->fault = fault;
    for (size_t row = 0; row < ROW_COUNT; row++)
        say(loading, row, config_rows[row].fallback, "default");

    const char *path = config_file_of(overrides, count);
    Status status = path ? read_file(loading, path) : STATUS_OK;
    status = status ? status : say_environment(loading);
    if (!status)
        say_flags(loading, overrides, count);
    for (size_t row = 0; !status && row < ROW_COUNT; row++)
        status = store_value(loading, row);
    config->sources = loading->sources;
    return status;
}

/* ---- names that nothing reads ---- */

static const char PREFIX[] = "PLEDGELINE_";

static bool begins(const char *name, const char *prefix) { return !strncmp(name, prefix, strlen(prefix)); }

/* What all begin with says nothing of which is near; and PORT has no such beginning. */
static const char *without_prefix(const char *name) { return begins(name, PREFIX) ? name + sizeof PREFIX - 1 : name; }

static const char *name_without_prefix(size_t i) { return i < ROW_COUNT ? without_prefix(config_rows[i].env) : NULL; }

static const char *nearest_setting(const char *stray)
{
    const char *near = nearest_name(without_prefix(stray), name_without_prefix);
    size_t row = 0;
    while (near && name_without_prefix(row) != near)
        row++;
    return setting_name(near ? row : ROW_COUNT);
}

/* Of the tests; and what Kubernetes and Docker tell of a service called pledgeline. */
static bool is_of_others(const char *name, const char *value)
{
    static const char *const prefixes[] = {"PLEDGELINE_TEST_", "PLEDGELINE_SERVICE_", "PLEDGELINE_PORT_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (begins(name, prefixes[i]))
            return true;
    }
    return !strcmp(name, "PLEDGELINE_BIN") || (!strcmp(name, "PLEDGELINE_PORT") && begins(value, "tcp://"));
}

void config_each_stray(void (*visit)(void *context, const char *name, const char *near), void *context)
{
    for (char **variable = environ; *variable; variable++) {
        char name[STRAY_NAME_BYTES];
        size_t bytes = strcspn(*variable, "=");
        if (!begins(*variable, PREFIX) || !(*variable)[bytes])
            continue;
        snprintf(name, sizeof name, "%.*s", (int)bytes, *variable);
        bool is_known = row_of_env(name) < ROW_COUNT || secret_row_of_file_name(name) < ROW_COUNT;
        if (!is_known && !is_of_others(name, *variable + bytes + 1))
            visit(context, name, nearest_setting(name));
    }
}

void config_done(Config *config) { arena_done(&config->arena); }

Slice config_show(const Config *config, const ConfigRow *row, Arena *arena)
{
    const void *field = (const char *)config + row->offset;
    switch (row->type) {
    case CONFIG_SECRET:
        return **(const char *const *)field ? SLICE("(set)") : (Slice){0};
    case CONFIG_TEXT:
        return slice_of(*(const char *const *)field);
    case CONFIG_FLAG:
        return *(const bool *)field ? SLICE("yes") : SLICE("no");
    case CONFIG_NUMBER:
    case CONFIG_SECONDS:
    case CONFIG_DAYS:
        break;
    }
    return arena_printf(arena, "%lld", (long long)*(const int64_t *)field);
}

const char *config_source(const Config *config, const ConfigRow *row) { return config->sources[row - config_rows]; }
