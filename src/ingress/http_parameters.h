/* Query parameters: what each route takes is declared with it, and checked before its handler runs. */
#pragma once

#include "ingress/api.h"

typedef struct Parameter {
    const char *name;
    const char *must_be;        /* "a number from 1 to 1000"; NULL = any text */
    bool (*fits)(Slice value);  /* NULL = any; or, where most is set, a number from 1 to most */
    const char *help;
    size_t usual, most;         /* of a limit */
} Parameter;

/* Answers 400 and returns false when a parameter is unknown, given twice, or no value that it takes. An empty one counts as
 * absent. */
bool parameters_check(Call *call);

/* ---- forms: what fits is asked for, and once checked, how it is read ---- */

bool is_phone(Slice value);
bool is_time(Slice value);
bool is_position(Slice value);
bool is_record_cursor(Slice value);
bool is_text_cursor(Slice value);
bool is_action_type(Slice value);
bool is_letter_state(Slice value);
bool is_text_state(Slice value);
bool is_no(Slice value);

/* The value; when absent, that of the table for a limit, and otherwise 0. */
size_t call_limit(Call *call);
int64_t call_time(Call *call, const char *name);     /* ms since 1970 */
int64_t call_position(Call *call, const char *name); /* of a row */
CdrCursor call_record_cursor(Call *call, const char *name);
/* A text's time and action id; as they were when none was given. */
void call_text_cursor(Call *call, const char *name, int64_t *ret_ms, Slice *ret_id);
