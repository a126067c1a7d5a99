/* --help, completion and man page: the verb table in three costumes. */
#include "verb/help.h"

#include "verb/functions.h"
#include "verb/names.h"

static const char *const about = "takes the events of call campaigns and acts on them exactly once: donation links, opt-outs, call records";

static const struct { int code; const char *meaning; } exit_codes[] = {
    {EXIT_OK, "done; blacklist check: clear; recount: no drift"},
    {EXIT_FAILED, "it failed; the line on stderr says why"},
    {EXIT_WRONG_USAGE, "wrong usage"},
    {EXIT_BLOCKED, "blacklist check: blocked, or nobody can say"},
    {EXIT_DRIFT, "recount: counters differ from the records"},
};

static void words_of(const Verb *verb, char *out, size_t room)
{
    snprintf(out, room, "%s%s%s%s%s", verb->name, verb->action ? " " : "", verb->action ? verb->action : "",
             *verb->arguments ? " " : "", verb->arguments);
}

void help_overview(FILE *out)
{
    fprintf(out, "Usage: pledgeline VERB [ARGUMENTS] [--SETTING VALUE] [OPTIONS]\n\nPledgeline %s.\n\nVerbs:\n", about);
    for (const Verb *verb = verbs; verb->name; verb++) {
        char words[80];
        words_of(verb, words, sizeof words);
        fprintf(out, strlen(words) <= 32 ? "  %-32s  %s\n" : "  %s\n                                    %s\n", words, verb->summary);
    }
    fprintf(out, "\nEvery verb takes --output table|json|csv, and every setting as a flag, such as --data FOLDER.\n"
                 "pledgeline help VERB tells more; pledgeline help config explains the settings, pledgeline config shows their values.\n\nExit codes:\n");
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        fprintf(out, "  %d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
}

static void print_option(FILE *out, const char *name, const char *argument, const char *help)
{
    char left[80];
    snprintf(left, sizeof left, "--%s%s%s", name, argument ? " " : "", argument ? argument : "");
    fprintf(out, strlen(left) <= 32 ? "  %-32s  %s\n" : "  %s\n                                    %s\n", left, help);
}

/* What most people ever set. */
static bool is_everyday(const ConfigRow *row)
{
    return row->offset == offsetof(Config, data_folder) || row->offset == offsetof(Config, server_token);
}

/* What ends the sentence, unless the text does. */
static const char *full_stop(const char *text)
{
    size_t bytes = strlen(text);
    return bytes && text[bytes - 1] == '.' ? "" : ".";
}

static void print_setting(const ConfigRow *row)
{
    printf("  --%s VALUE\n      %s%s%s%s %s\n", names_flag_of_setting(row), row->env, *row->fallback ? ", default " : "", row->fallback,
           full_stop(row->fallback), row->help);
}

/* All of them where settings are the matter; elsewhere they would hide the verb's own options. */
static void print_settings(const Verb *verb)
{
    bool all = verb->run == serve_verb || verb->run == config_verb;
    printf("\nSettings, also as environment variables%s:\n", all ? "" : " (pledgeline help config explains all of them)");
    for (size_t i = 0; i < config_row_count; i++) {
        if (all || is_everyday(&config_rows[i]))
            print_setting(&config_rows[i]);
    }
}

void help_verb(const Verb *verb)
{
    char words[80];
    words_of(verb, words, sizeof words);
    printf("Usage: pledgeline %s [OPTIONS]\n\n%s.\n", words, verb->summary);
    if (verb->example)
        printf("\nExample:\n  pledgeline %s\n", verb->example);
    printf("\nOptions:\n");
    for (size_t i = 0; verb->options && verb->options[i].name; i++)
        print_option(stdout, verb->options[i].name, verb->options[i].argument, verb->options[i].help);
    for (size_t i = 0; common_options[i].name; i++)
        print_option(stdout, common_options[i].name, common_options[i].argument, common_options[i].help);
    print_settings(verb);
}

int help_words(int count, char **words)
{
    int shown = 0;
    for (const Verb *verb = verbs; verb->name; verb++) {
        if (strcmp(verb->name, words[0]))
            continue;
        bool other_action = count > 1 && words[1][0] != '-' && verb->action && strcmp(verb->action, words[1]);
        if (other_action)
            continue;
        if (shown++)
            puts("");
        help_verb(verb);
    }
    return shown ? EXIT_OK : verb_unknown(words[0], count > 1 ? words[1] : NULL);
}

/* ---- bash completion ---- */

static void complete_actions(FILE *out)
{
    for (const Verb *verb = verbs; verb->name; verb++) {
        if (verb != verbs && !strcmp(verb->name, (verb - 1)->name))
            continue;
        if (!verb->action)
            continue;
        fprintf(out, "    %s) words=\"", verb->name);
        for (const Verb *same = verb; same->name && !strcmp(same->name, verb->name); same++)
            fprintf(out, "%s%s", same == verb ? "" : " ", same->action);
        fprintf(out, "\" ;;\n");
    }
}

static void complete_options(FILE *out)
{
    for (const Verb *verb = verbs; verb->name; verb++) {
        if (!verb->options)
            continue;
        fprintf(out, "    \"%s %s\") words+=\"", verb->name, verb->action ? verb->action : "");
        for (const Option *option = verb->options; option->name; option++)
            fprintf(out, " --%s", option->name);
        fprintf(out, "\" ;;\n");
    }
}

void help_completion_bash(FILE *out)
{
    fprintf(out, "# bash completion for pledgeline: source <(pledgeline completion)\n_pledgeline()\n{\n"
                 "  local current=\"${COMP_WORDS[COMP_CWORD]}\" verb=\"${COMP_WORDS[1]}\" action=\"\" words=\"\"\n"
                 "  case \"$verb\" in\n    ");
    const char *separator = "";
    for (const Verb *verb = verbs; verb->name; verb++) {
        if (!verb->action || (verb != verbs && !strcmp(verb->name, (verb - 1)->name)))
            continue;
        fprintf(out, "%s%s", separator, verb->name);
        separator = "|";
    }
    fprintf(out, ") action=\"${COMP_WORDS[2]}\" ;;\n  esac\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"--help --version");
    for (const Verb *verb = verbs; verb->name; verb++) {
        if (verb == verbs || strcmp(verb->name, (verb - 1)->name))
            fprintf(out, " %s", verb->name);
    }
    fprintf(out, "\"\n  elif [ \"${current:0:1}\" = \"-\" ]; then\n    words=\"");
    for (size_t i = 0; common_options[i].name; i++)
        fprintf(out, "%s--%s", i ? " " : "", common_options[i].name);
    for (size_t i = 0; i < config_row_count; i++)
        fprintf(out, " --%s", names_flag_of_setting(&config_rows[i]));
    fprintf(out, "\"\n    case \"$verb $action\" in\n");
    complete_options(out);
    fprintf(out, "    esac\n  elif [ \"$COMP_CWORD\" -eq 2 ]; then\n    case \"$verb\" in\n");
    complete_actions(out);
    fprintf(out, "    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                 "  [ -n \"$words\" ] || COMPREPLY=($(compgen -f -- \"$current\"))\n}\ncomplete -F _pledgeline pledgeline\n");
}

/* ---- man page ---- */

/* roff: a dash is a hyphen unless it is escaped, and a line must not begin with a dot or an apostrophe. */
static void put_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void man_option(FILE *out, const char *name, const char *argument, const char *help)
{
    fprintf(out, ".TP\n.B ");
    put_roff(out, "--");
    put_roff(out, name);
    if (argument)
        fprintf(out, " \\fI%s\\fR", argument);
    fputc('\n', out);
    put_roff(out, help);
    fputc('\n', out);
}

static void man_section(FILE *out, const Verb *verb)
{
    fprintf(out, ".SS ");
    put_roff(out, verb->name);
    if (verb->action) {
        fputc(' ', out);
        put_roff(out, verb->action);
    }
    fprintf(out, " %s\n", verb->arguments);
    put_roff(out, verb->summary);
    fprintf(out, ".\n");
    for (size_t i = 0; verb->options && verb->options[i].name; i++)
        man_option(out, verb->options[i].name, verb->options[i].argument, verb->options[i].help);
    if (verb->example) {
        fprintf(out, ".PP\n.EX\npledgeline ");
        put_roff(out, verb->example);
        fprintf(out, "\n.EE\n");
    }
}

void help_man(FILE *out)
{
    fprintf(out, ".TH PLEDGELINE 1 \"\" \"pledgeline %s\" \"User Commands\"\n.SH NAME\npledgeline \\- ", PLEDGELINE_VERSION);
    put_roff(out, about);
    fprintf(out, "\n.SH SYNOPSIS\n.B pledgeline\n\\fIVERB\\fR [\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n.SH VERBS\n");
    for (const Verb *verb = verbs; verb->name; verb++)
        man_section(out, verb);
    fprintf(out, ".SH OPTIONS\nEvery verb takes these, and every setting as a flag.\n");
    for (size_t i = 0; common_options[i].name; i++)
        man_option(out, common_options[i].name, common_options[i].argument, common_options[i].help);
    fprintf(out, ".SH SETTINGS\nA flag wins over the environment, the environment over the file, the file over the default.\n");
    for (size_t i = 0; i < config_row_count; i++) {
        const ConfigRow *row = &config_rows[i];
        fprintf(out, ".TP\n.BR ");
        put_roff(out, row->env);
        fprintf(out, " , \" \\-\\-");
        put_roff(out, names_flag_of_setting(row));
        fprintf(out, "\"\n");
        put_roff(out, row->help);
        if (*row->fallback) {
            fprintf(out, "\nDefault: ");
            put_roff(out, row->fallback);
            fputs(full_stop(row->fallback), out);
        }
        fputc('\n', out);
    }
    fprintf(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        fprintf(out, ".TP\n%d\n%s\n", exit_codes[i].code, exit_codes[i].meaning);
}

/* ---- settings ---- */

void help_settings_markdown(FILE *out)
{
    const char *section = "";
    fprintf(out, "# Settings\n\nA flag wins over the environment, the environment over the file (`PLEDGELINE_CONFIG`), the file over the\n"
                 "default. The file has `NAME = value` lines, values without quotes. Secrets are also read from the file that `NAME_FILE` names.\n"
                 "`pledgeline config` shows the effective values.\n");
    for (size_t i = 0; i < config_row_count; i++) {
        const ConfigRow *row = &config_rows[i];
        if (strcmp(section, row->section))
            fprintf(out, "\n## %s\n\n| name | flag | default | meaning |\n|---|---|---|---|\n", section = row->section);
        fprintf(out, "| `%s` | `--%s` | %s%s%s | %s |\n", row->env, names_flag_of_setting(row), *row->fallback ? "`" : "",
                row->fallback, *row->fallback ? "`" : "", row->help);
    }
}

void help_settings_sample(FILE *out)
{
    const char *section = "";
    fprintf(out, "# Settings of pledgeline: NAME = value lines, values without quotes. Read with --config FILE or PLEDGELINE_CONFIG=FILE.\n"
                 "# Each line shows the default; take away the # to change it.\n");
    for (size_t i = 0; i < config_row_count; i++) {
        const ConfigRow *row = &config_rows[i];
        if (row->offset == offsetof(Config, config_file))
            continue;
        if (strcmp(section, row->section))
            fprintf(out, "\n# ---- %s ----\n", section = row->section);
        fprintf(out, "\n# %s\n#%s =%s%s\n", row->help, row->env, *row->fallback ? " " : "", row->fallback);
    }
}
