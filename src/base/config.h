/* Settings: flag > environment > file > default. config.def declares them; everything here is derived from its rows. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef const char *ConfigTEXT;
typedef const char *ConfigSECRET;
typedef int64_t ConfigNUMBER, ConfigSECONDS, ConfigDAYS;
typedef bool ConfigFLAG;

typedef struct Config {
#define SETTING(field, type, env, fallback, section, help) Config##type field;
#include "base/config.def"
#undef SETTING
    Arena arena;               /* holds the texts */
    const char *const *sources; /* of each row */
} Config;

typedef enum ConfigType { CONFIG_TEXT, CONFIG_SECRET, CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_DAYS, CONFIG_FLAG } ConfigType;

typedef struct ConfigRow {
    const char *field;    /* "data_folder" */
    ConfigType type;
    const char *env;      /* "PLEDGELINE_DATA" */
    const char *fallback; /* as text */
    const char *section, *help;
    size_t offset;        /* in Config */
} ConfigRow;

extern const ConfigRow config_rows[];
extern const size_t config_row_count;

/* A flag given on the command line: overrides[i] = {"PORT", "9090"}. */
typedef struct ConfigOverride { const char *env, *value; } ConfigOverride;

/* Reads everything. REJECT names the setting, where it came from and what was expected. */
Status config_load(Config *config, const ConfigOverride *overrides, size_t count, Fault *fault);
void config_done(Config *config);

/* Each name of the environment that begins as ours do and is no setting's, and which setting is near (NULL = none). */
void config_each_stray(void (*visit)(void *context, const char *name, const char *near), void *context);

/* The effective value as text, secrets as "(set)" or "", and where it came from: "flag", "environment", "file", "default". */
Slice config_show(const Config *config, const ConfigRow *row, Arena *arena);
const char *config_source(const Config *config, const ConfigRow *row);
