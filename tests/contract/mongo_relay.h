/* Stands between a MongoDB client and its server and, when told, is away, is silent, loses answers or changes them. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

typedef enum MongoRelayMode {
    RELAY_PASSES,
    RELAY_REFUSES,       /* nobody listens: connections end */
    RELAY_IS_SILENT,     /* requests are swallowed */
    RELAY_LOSES_ANSWERS, /* the server gets the request; the answer is lost with the connection */
    RELAY_NO_MAJORITY,   /* answers say that a majority has not confirmed */
    RELAY_NOT_PRIMARY,   /* requests are not passed on: "not primary" */
} MongoRelayMode;

typedef struct MongoRelay {
    uint16_t port, server_port;
    _Atomic MongoRelayMode mode;
    atomic_bool ends;
    atomic_int listener; /* -1 while nobody listens */
    pthread_t thread;
} MongoRelay;

/* To a server on this machine. */
void mongo_relay_start(MongoRelay *relay, uint16_t server_port);
void mongo_relay_stop(MongoRelay *relay);
