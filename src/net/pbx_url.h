/* Where a telephone exchange (Asterisk) is, and who we are to it, as the settings say. */
#pragma once

#include "net/ami.h"

/* ami://user:secret@host[:5038], or amis:// for TLS (5039); what is special in user and secret is percent-encoded. What ret points to lives
 * in arena. REJECT "setting_value"; the text does not show the URL. */
Status ami_read_url(const char *url, Arena *arena, AmiSettings *ret, Fault *fault);

/* The Asterisk REST Interface. */
typedef struct AriSettings {
    const char *host;
    int port;
    bool is_tls;
    const char *path;      /* "/ari", without a slash at its end */
    const char *user, *password;
} AriSettings;

/* http://user:password@host[:8088]/ari, or https:// (8089), with a path before /ari where http.conf has a prefix. The same. */
Status ari_read_url(const char *url, Arena *arena, AriSettings *ret, Fault *fault);
/* "http://host:8088/ari", and the value of the header Authorization that goes with it (RFC 7617). */
Slice ari_base_url(const AriSettings *settings, Arena *arena);
Slice ari_authorization(const AriSettings *settings, Arena *arena);
