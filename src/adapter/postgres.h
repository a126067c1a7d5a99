/* The registry, the ledger of effects, the gifts and the in-process SMS gateway's outbox in PostgreSQL, shared by any number of processes.
 * Each verb that writes is one transaction of its own. Tables live in the schema "pledgeline", or in the one that the URL names
 * (…?options=-csearch_path%3Dname); they are made, and brought up to date, at the first connection. */
#pragma once

#include "base/breaker.h"
#include "ports.h"

typedef struct Postgres Postgres;

typedef struct PostgresSettings {
    const char *url;     /* as libpq takes it: postgresql://user:password@host/database?…, or "host=… dbname=…" */
    int64_t deadline_ms; /* of a verb, or of each page of a list; 0 = 5000. Looking up a host's name is not in it */
    Breaker *breaker;    /* borrowed */
} PostgresSettings;

/* FATAL "database_url_invalid" when the URL cannot be read; the server is not asked before the first verb. TLS with the
 * certificate and the name checked (sslmode=verify-full), unless the URL says otherwise or the host is this machine. */
Status postgres_open(const PostgresSettings *settings, Postgres **ret, Fault *fault);
void postgres_close(Postgres *store); /* NULL is fine */

/* The ports live as long as the store; all of one store belong to one thread at a time. A list comes in pages, each as it is
 * at that moment, and its visitor may use the ports. */
RegistryPort postgres_registry(Postgres *store);
/* For who only looks: between begin and rollback all ports of this store show one moment, that of the first look. A view that is
 * lost with its connection, or whose visitor took longer than the deadline, is not taken up again: RETRY. commit does what
 * rollback does; there is no probe. */
UnitPort postgres_view(Postgres *store);
EffectsPort postgres_effects(Postgres *store);
GiftsPort postgres_gifts(Postgres *store);
SmsPort postgres_sms(Postgres *store);
