/* A connection to the Asterisk Manager Interface. For one thread at a time.
 *
 * Answers are matched to actions by ActionID. Events that come while an answer is waited for are held, and ami_next_event gives them
 * in their order; the events of a list (EventList: start) come there, too, with the ActionID of the action.
 * Messages live until the next call on the connection. Deadlines are in clock_elapsed_ms. */
#pragma once

#include "net/ami_message.h"

typedef struct Ami Ami;

/* How much may be held that nobody has taken: then the connection is given up. And the longest message. */
enum { AMI_HELD_BYTES_MAX = 8 * 1024 * 1024, AMI_MESSAGE_BYTES_MAX = 128 * 1024 };

typedef struct AmiSettings {
    const char *host;
    int port;
    bool is_tls;         /* with the system's authorities, or those of SSL_CERT_FILE */
    const char *user, *secret;
    const char *events;  /* classes, like "call,dtmf"; "off" = none; NULL = all that the user may read */
} AmiSettings;

/* Everything in settings is borrowed. Does not connect. */
Ami *ami_new(const AmiSettings *settings);
void ami_free(Ami *ami); /* NULL is fine */

/* Connects anew and logs in. RETRY as stream_open, and "ami_login": Asterisk refuses the user or the secret, which it says after a
 * second; "ami_stranger": what answers there is no AMI. */
Status ami_connect(Ami *ami, int64_t deadline_ms, Fault *fault);
bool ami_is_connected(const Ami *ami);

/* Sends an action, fields[0] being its "Action", and waits for its answer. OK: there is one, whatever it says (ami_is_success).
 * REJECT "ami_field": nothing was sent. RETRY: the connection is closed, and Asterisk may have done it. */
Status ami_ask(Ami *ami, const AmiField *fields, size_t count, int64_t deadline_ms, AmiMessage *ret, Fault *fault);
bool ami_is_success(const AmiMessage *answer);

/* Whether somebody is there still. As ami_ask. */
Status ami_ping(Ami *ami, int64_t deadline_ms, Fault *fault);

/* RETRY "timeout": none came, and the connection stays. Any other RETRY: it is closed. */
Status ami_next_event(Ami *ami, int64_t deadline_ms, AmiMessage *ret, Fault *fault);
