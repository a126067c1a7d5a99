/* Everything that tells people what there is, made from the tables. */
#pragma once

#include <stdio.h>

#include "verb/verb.h"

void help_overview(FILE *out);
void help_verb(const Verb *verb);
/* help of "dlq list", or of all actions of "dlq"; exit code. */
int help_words(int count, char **words);

void help_completion_bash(FILE *out);
void help_man(FILE *out);             /* roff, man(7) */
void help_settings_markdown(FILE *out);
void help_settings_sample(FILE *out);
