/* Absolute deadlines for connections. A watchdog shuts down the socket of whoever is too slow, and the server's own thread
 * sees that as the end of the connection. */
#pragma once

#include "base/status.h"

#include <stdint.h>

typedef struct HttpWatch HttpWatch;     /* all connections of a server */
typedef struct HttpWatched HttpWatched; /* one of them */

enum { HTTP_NO_DEADLINE = -1 };

/* Starts the watchdog's thread; NULL when none starts. */
HttpWatch *http_watch_open(void);
/* After the last connection was removed. */
void http_watch_close(HttpWatch *watch);

HttpWatched *http_watch_add(HttpWatch *watch, int socket, int64_t in_ms);
/* Before the socket is closed: its number may belong to somebody else right after. */
void http_watch_remove(HttpWatch *watch, HttpWatched *watched);
/* in_ms from now, or HTTP_NO_DEADLINE. */
void http_watch_set(HttpWatch *watch, HttpWatched *watched, int64_t in_ms);
