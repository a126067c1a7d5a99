/* What the embedded adapter writes, row by row, heard from SQLite itself, so that it never lags behind the schema; and the
 * same rows written again by the most direct code there is: no look-up, no parsing, each row of a transaction once, by its
 * key, with only the columns that changed, through statements that are kept. */
#pragma once

#include <sqlite3.h>

typedef struct Recording Recording;

/* The adapter's connection: the last one that this process has opened since the first call of connections_watch. */
void connections_watch(void);
sqlite3 *connections_last(void);

/* Listens to the connection until recording_stop. Its tables must be there already. */
Recording *recording_start(sqlite3 *db);
void recording_stop(Recording *recording);

/* Writes the same rows in the same transactions. The connection's database must be as the recorded one was at the start. */
void recording_replay(const Recording *recording, sqlite3 *db);

void recording_free(Recording *recording);
