/* pledgeline: options -> verb. Everything else is where the verbs' table points. */
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "verb/verb.h"

/* All text is UTF-8; tables must know how wide it is, also where cron or a container says nothing of languages. */
static void read_text_as_utf8(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8"))
        setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv)
{
    read_text_as_utf8();
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is an error of write(), not the end of a server */
    return verb_main(argc, argv);
}
