/* The HTTP routes, for people at a terminal and for docs/http.md. */
#include <stdio.h>

#include "ingress/http_parameters.h"
#include "ingress/http_tokens.h"
#include "verb/functions.h"
#include "verb/output.h"

static const Column columns[] = {{"method", COLUMN_TEXT}, {"path", COLUMN_TEXT}, {"role", COLUMN_TEXT}, {"parameters", COLUMN_WIDE}, {"what", COLUMN_WIDE}};

static const Parameter *first_parameter(const Route *route)
{
    static const Parameter none = {0};
    return route->parameters ? route->parameters : &none;
}

static Slice parameters_of(const Route *route, const char *before, const char *between, const char *after, Arena *arena)
{
    Text list = text_in(arena);
    const Parameter *first = first_parameter(route);
    for (const Parameter *each = first; each->name; each++)
        text_printf(&list, "%s%s%s%s", each == first ? "" : between, before, each->name, after);
    return text_slice(&list);
}

static int list_routes(const Invocation *invocation)
{
    Output *output = output_open(invocation, columns, sizeof columns / sizeof *columns, NULL);
    for (const Route *route = routes; route->method; route++) {
        const Slice cells[] = {slice_of(route->method), slice_of(route->pattern), slice_of(role_name(route->role)),
                               parameters_of(route, "", " ", "", invocation->arena), slice_of(route->help)};
        Text json = text_in(invocation->arena);
        text_printf(&json, "{\"method\":\"%s\",\"path\":\"%s\",\"role\":\"%s\",\"parameters\":[%.*s],\"what\":\"%s\"}", route->method, route->pattern,
                    role_name(route->role), SLICE_ARG(parameters_of(route, "\"", ",", "\"", invocation->arena)), route->help);
        output_row(output, cells, text_slice(&json));
    }
    output_close(output, STATUS_OK);
    return EXIT_OK;
}

static void print_markdown(Arena *arena)
{
    printf("| route | role | what | query | body | answer |\n|---|---|---|---|---|---|\n");
    for (const Route *route = routes; route->method; route++)
        printf("| `%s %s` | %s | %s | %.*s | %s | %s |\n", route->method, route->pattern, role_name(route->role), route->help,
               SLICE_ARG(parameters_of(route, "`", ", ", "`", arena)), route->body, route->answer);
    printf("\n| route | parameter | must be | meaning |\n|---|---|---|---|\n");
    for (const Route *route = routes; route->method; route++) {
        for (const Parameter *each = first_parameter(route); each->name; each++)
            printf("| `%s %s` | `%s` | %s | %s |\n", route->method, route->pattern, each->name,
                   each->must_be ? each->must_be : "any text", each->help);
    }
}

int routes_verb(const Invocation *invocation)
{
    if (!invocation_option(invocation, "markdown"))
        return list_routes(invocation);
    print_markdown(invocation->arena);
    return EXIT_OK;
}
