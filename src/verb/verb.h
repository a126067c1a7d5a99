/* The verbs of the command line. Parsing, usage, help, completion and the man page come from the tables declared here. */
#pragma once

#include "app.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_WRONG_USAGE = 2, EXIT_BLOCKED = 3, EXIT_DRIFT = 4 };

/* An option of one verb. */
typedef struct Option {
    const char *name;     /* "campaign" for --campaign */
    const char *argument; /* "ID"; "URL..." may be given again, and its values are joined by commas; NULL = a flag */
    const char *help;
} Option;

enum { ARGUMENTS_MAX = 64, OPTIONS_MAX = 24, OVERRIDES_MAX = 64 };

typedef enum OutputFormat { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV } OutputFormat;

/* A command line, read. */
typedef struct Invocation {
    const struct Verb *verb;
    const Config *config;
    const char *arguments[ARGUMENTS_MAX]; /* what stands without a dash, after the verb */
    int argument_count;
    const char *options[OPTIONS_MAX]; /* by index in the verb's table; NULL = not given, "" = a flag that was */
    OutputFormat output;
    bool output_given; /* by --output */
    Arena *arena; /* until the process ends */
} Invocation;

typedef struct Verb {
    const char *name, *action; /* "blacklist", "add"; action NULL where the verb has none */
    const char *arguments;     /* "PHONE…" for usage; "" = none */
    int least, most;           /* how many of them; most -1 = any */
    const char *summary;
    const char *example;       /* a command line to copy, without the program's name; NULL = none */
    const Option *options;     /* ended by a NULL name; NULL = none */
    int (*run)(const Invocation *invocation);
} Verb;

/* All verbs, in the order of help, ended by a NULL name. */
extern const Verb verbs[];

/* What every verb takes beside its own options and the settings. */
extern const Option common_options[];

/* The value of an option of this verb; NULL when it was not given. The verb's table must have it. */
const char *invocation_option(const Invocation *invocation, const char *name);
Slice invocation_option_slice(const Invocation *invocation, const char *name);

/* A number of an option; fallback when it was not given. REJECT when it is not a number from 0 to 1e9. */
Status invocation_number(const Invocation *invocation, const char *name, size_t fallback, size_t *ret, Fault *fault);
/* A phone number of an option; empty when it was not given. REJECT when it is not E.164: a mistyped one would find nothing. */
Status invocation_phone(const Invocation *invocation, const char *name, Slice *ret, Fault *fault);
/* An RFC 3339 time or date of an option, in ms; 0 when it was not given. */
Status invocation_time(const Invocation *invocation, const char *name, int64_t *ret_ms, Fault *fault);

/* Prints "pledgeline: what; what to do" and returns the exit code that fits the fault. */
int verb_fail(const Fault *fault);
/* Prints usage trouble with what to do, exit code 2. */
int verb_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What is wrong with the words when no row of the table has them, as usage trouble. action NULL: none was given. */
int verb_unknown(const char *name, const char *action);
/* A remark for people, on stderr. */
void verb_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reads the command line and runs its verb; returns the process's exit code. */
int verb_main(int argc, char **argv);
