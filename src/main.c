/* pledgeline: options -> verb. Everything else is where the verbs' table points. */
#include <signal.h>

#include "verb/verb.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is an error of write(), not the end of a server */
    return verb_main(argc, argv);
}
