/* pledgeline-lambda: all functions in one program. Which one it is says the handler that the function was made with, or the name that
 * the program was started by. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lambda/function.h"

static const Function *const functions[] = {&donation_function, &optout_function, &cdr_function, &gateway_function, &speech_function};

/* "optout-handler", or as Lambda's handlers may be written "optout-handler.handler", "index/optout-handler". */
static const Function *function_of(const char *name)
{
    const char *last = name ? strrchr(name, '/') : NULL;
    name = last ? last + 1 : name;
    for (size_t i = 0; name && i < sizeof functions / sizeof *functions; i++) {
        size_t bytes = strlen(functions[i]->name);
        if (!strncmp(functions[i]->name, name, bytes) && (!name[bytes] || name[bytes] == '.'))
            return functions[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const Function *function = function_of(getenv("_HANDLER"));
    function = function ? function : function_of(argc > 1 ? argv[1] : NULL);
    function = function ? function : function_of(argv[0]);
    if (function)
        return function_main(function);
    fprintf(stderr, "pledgeline-lambda: make the function's handler one of");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        fprintf(stderr, " %s", functions[i]->name);
    fprintf(stderr, "\n");
    return 2;
}
