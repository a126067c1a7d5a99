/* A function of AWS Lambda: what it is for, what it must be told, and where it keeps things. */
#pragma once

#include "app/back_end.h"

typedef struct Function {
    const char *name;            /* "optout-handler" */
    const char *topic;           /* of its messages, whatever the topic that they came by is called */
    bool makes_links;
    const char *const *required; /* settings; "A|B": one of them is enough. Ended by NULL */
    const BackEnd *const *back_ends; /* ended by NULL; what is not in it is not linked */
} Function;

extern const Function donation_function, optout_function, cdr_function, gateway_function, speech_function;

/* Settings come from the environment. Works until Lambda ends the process; returns its exit code. */
int function_main(const Function *function);
