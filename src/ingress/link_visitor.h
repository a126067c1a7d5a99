/* Who opens a link, as far as the request tells. */
#pragma once

#include "event/visitor.h"
#include "net/http_server.h"

/* The address that asks. Of a proxy that is trusted ("127.0.0.1,::1") it is the last one in X-Forwarded-For, which is the one that
 * the proxy has seen; all before it is what anybody may have written. */
void link_visitor_address(const HttpRequest *request, const char *trusted_proxies, char ret[HTTP_ADDRESS_BYTES]);

/* All but sent_ms. Slices live as long as the request. */
Visit link_visit(const HttpRequest *request, int64_t now_ms);
