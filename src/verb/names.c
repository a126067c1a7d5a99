/* Flags are the environment's names in the command line's spelling. */
#include "verb/names.h"

#include <stdlib.h>

enum { FLAGS_MAX = 128, NAME_BYTES = 64 };

const char *names_flag_of_setting(const ConfigRow *row)
{
    static char flags[FLAGS_MAX][NAME_BYTES];
    static const char prefix[] = "PLEDGELINE_";
    size_t index = (size_t)(row - config_rows);
    if (index >= FLAGS_MAX)
        abort();
    const char *from = strncmp(row->env, prefix, sizeof prefix - 1) ? row->env : row->env + sizeof prefix - 1;
    char *to = flags[index];
    for (size_t i = 0; from[i] && i + 1 < NAME_BYTES; i++)
        to[i] = from[i] == '_' ? '-' : from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] | 0x20) : from[i];
    return to;
}
