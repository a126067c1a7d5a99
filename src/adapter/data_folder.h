/* The data folder: on a local disk, owned by one process at a time. Its lock file says who holds it, for people and for
 * the command line, which asks a running server instead of opening the stores a second time. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct DataFolder {
    const char *path; /* borrowed */
    int lock_fd;      /* -1 = not held */
    bool after_crash; /* whoever held it before did not close it */
} DataFolder;

/* Makes the folder (0700) where it is missing. FATAL "data_folder_unusable" or "data_folder_remote" (SQLite's log needs
 * shared memory and locks that network file systems do not have). */
Status data_folder_make(const char *path, Fault *fault);

/* Takes the lock for this process. Waits up to wait_ms for another command to end, but not for a server. FATAL
 * "data_folder_busy" says who has it. */
Status data_folder_hold(DataFolder *folder, const char *path, int64_t wait_ms, Fault *fault);
void data_folder_release(DataFolder *folder);

/* Adds the base URL to what the lock file says. */
Status data_folder_announce(const DataFolder *folder, const char *base_url, Fault *fault);

/* Who holds the folder now. False when nobody does, whatever the lock file says. Texts in arena. */
typedef struct FolderHolder { Slice pid, command, since, base_url; } FolderHolder;
bool data_folder_holder(const char *path, Arena *arena, FolderHolder *ret);

/* The mark of a folder whose content was moved into stores apart: the names of the settings of these, with spaces between. Empty
 * when it was not moved. Texts in arena. */
Status data_folder_mark_moved(const char *path, Slice names, Fault *fault);
Status data_folder_moved(const char *path, Arena *arena, Slice *ret_names, Fault *fault);

/* The secret in the file of that name; made of random bytes when it is missing and `make`. Empty when missing and not. */
Status data_folder_secret(const char *path, const char *name, bool make, Arena *arena, Slice *ret_secret, Fault *fault);
