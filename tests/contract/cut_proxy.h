/* Stands before a PostgreSQL server and, when told to, lets one COMMIT through and cuts the connection before its answer. */
#pragma once

#include <stddef.h>

typedef struct CutProxy CutProxy;

CutProxy *cut_proxy_start(const char *server_url);
/* The server's URL by way of the proxy, with that schema. */
void cut_proxy_url(const CutProxy *proxy, const char *schema, char *url, size_t bytes);
void cut_proxy_cut_next_commit(CutProxy *proxy);
/* How many it cut. */
int cut_proxy_stop(CutProxy *proxy);
