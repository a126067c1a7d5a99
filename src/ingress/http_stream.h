/* Server-sent events of the live counters (WHATWG HTML, 9.2). A state that is too large for one message comes as several, of
 * which all but the last say "more":true; each message holds whole campaigns. */
#pragma once

#include "ingress/api.h"

typedef struct Streams Streams;

/* Starts the thread that looks for changes, twice a second while somebody listens. */
Streams *streams_open(Api *api);
/* Ends every stream and the thread; who comes later is refused. */
void streams_stop(Streams *streams);
/* Once nobody can come any more. */
void streams_free(Streams *streams);
