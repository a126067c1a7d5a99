/* The embedded stores: one SQLite file in the data folder is the registry, the ledger, the records, the counters, the
 * message outbox and the spool, so one transaction a batch makes all of them durable together. */
#pragma once

#include "ports.h"

typedef struct SqliteStore SqliteStore;

typedef enum SqliteMode {
    SQLITE_WRITER, /* creates and migrates the file; the caller holds the folder's lock (data_folder.h) */
    SQLITE_READER, /* never writes; works beside a writer in another thread or process */
} SqliteMode;

typedef struct SqliteSettings {
    const char *folder;   /* exists; "pledgeline.db" is in it */
    SqliteMode mode;
    bool after_crash;     /* the last owner did not close: looks for damage first, within bounds */
    bool may_be_missing;  /* for a reader: without a file it opens all the same, and each verb answers "database_missing" */
} SqliteSettings;

/* FATAL with "database_damaged", "database_foreign", "database_newer", "database_older" (a reader cannot migrate),
 * "database_missing" (nothing to read yet), or an I/O code, and what to do. Never re-creates what is there. */
Status sqlite_store_open(const SqliteSettings *settings, SqliteStore **ret, Fault *fault);
void sqlite_store_close(SqliteStore *store); /* NULL is fine */

/* The ports live as long as the store. */
UnitPort sqlite_unit(SqliteStore *store);
RegistryPort sqlite_registry(SqliteStore *store);
EffectsPort sqlite_effects(SqliteStore *store);
GiftsPort sqlite_gifts(SqliteStore *store);
CdrsPort sqlite_cdrs(SqliteStore *store);
SmsPort sqlite_sms(SqliteStore *store); /* the in-process gateway: an outbox, from which nothing goes to a phone network */
SpoolPort sqlite_spool(SqliteStore *store);

typedef enum SqliteLiveMode {
    SQLITE_LIVE_JOINED, /* what is projected is saved in the same store: Projection.before can be trusted */
    SQLITE_LIVE_GUARDED,/* it is saved elsewhere: the last revision and share of each key are kept here */
} SqliteLiveMode;
LivePort sqlite_live(SqliteStore *store, SqliteLiveMode mode);
