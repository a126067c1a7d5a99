/* The data folder: one process owns it at a time, and whoever comes second is told who that is. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct DataFolder DataFolder;

/* Creates the folder (0700) when it is missing and takes its lock. FATAL "data_folder_busy" names the holder,
 * "data_folder_remote" refuses network file systems, whose locks and syncs cannot be relied on. *ret_after_crash: the last
 * owner did not close it. */
Status data_folder_open(const char *path, DataFolder **ret, bool *ret_after_crash, Fault *fault);
void data_folder_close(DataFolder *folder); /* NULL is fine */

/* Writes into the lock file where the owner serves. */
Status data_folder_announce(DataFolder *folder, const char *base_url, Fault *fault);

/* The base URL of the server that owns the folder now, in arena; empty when none does. */
Slice data_folder_server(const char *path, Arena *arena);

/* The secret kept in a file of the folder (0600), made at the first call: 64 hexadecimal digits, in arena. */
Status data_folder_secret(const char *path, const char *name, Arena *arena, Slice *ret, Fault *fault);
/* The same for who may only look: empty when there is none yet. */
Slice data_folder_secret_if_there(const char *path, const char *name, Arena *arena);
