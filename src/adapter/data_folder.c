/* The lock is an open-file-description lock: it goes with the process, however that ends, so a stale file means nothing.
 * What the file says is for people, and for the command line that looks for a server. */
#include "adapter/data_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"

enum { LOCK_TEXT_BYTES = 512, SECRET_BYTES = 32 };

struct DataFolder {
    int lock;
    char path[4096];
    char text[LOCK_TEXT_BYTES];
};

/* ---- where it is ---- */

/* Magic numbers of statfs(2): NFS, SMB, CIFS, SMB2, AFS, Ceph, FUSE's networked kinds cannot be told apart and pass. */
static bool is_remote(const char *path)
{
    static const unsigned long remote[] = {0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x5346414f, 0x00c36400};
    struct statfs info;
    if (statfs(path, &info))
        return false;
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        if ((unsigned long)info.f_type == remote[i])
            return true;
    }
    return false;
}

static Status make_folder(const char *path, Fault *fault)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        return fault_set(fault, STATUS_FATAL, "data_folder", "the data folder %s cannot be made: %s", path, strerror(errno));
    if (access(path, W_OK | X_OK))
        return fault_set(fault, STATUS_FATAL, "data_folder", "the data folder %s cannot be written: %s", path, strerror(errno));
    if (is_remote(path))
        return fault_set(fault, STATUS_FATAL, "data_folder_remote",
                         "the data folder %s is on a network file system, where locks and syncs cannot be relied on: use a local disk", path);
    return STATUS_OK;
}

/* ---- lock ---- */

static struct flock whole_file(short type) { return (struct flock){.l_type = type, .l_whence = SEEK_SET}; }

static Slice read_lock_text(int lock, char text[LOCK_TEXT_BYTES])
{
    ssize_t bytes = pread(lock, text, LOCK_TEXT_BYTES - 1, 0);
    text[bytes > 0 ? bytes : 0] = 0;
    return slice_of(text);
}

/* "name value" lines. */
static Slice line_of(Slice text, const char *name)
{
    size_t bytes = strlen(name);
    for (const char *at = text.at; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (!strncmp(at, name, bytes) && at[bytes] == ' ')
            return (Slice){at + bytes + 1, strcspn(at + bytes + 1, "\n")};
    }
    return (Slice){0};
}

static Status refuse_second(const char *path, int lock, Fault *fault)
{
    char buffer[LOCK_TEXT_BYTES];
    Slice text = read_lock_text(lock, buffer), url = line_of(text, "url");
    return fault_set(fault, STATUS_FATAL, "data_folder_busy", "the data folder %s is in use by `pledgeline %.*s`, process %.*s, since %.*s%s%.*s",
                     path, SLICE_ARG(line_of(text, "verb")), SLICE_ARG(line_of(text, "pid")), SLICE_ARG(line_of(text, "since")),
                     slice_empty(url) ? "" : ", on ", SLICE_ARG(url));
}

/* The verb that runs, as the command line has it. */
static void read_own_verb(char verb[32])
{
    char line[256] = "";
    FILE *file = fopen("/proc/self/cmdline", "r");
    size_t bytes = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file)
        fclose(file);
    size_t first = strlen(line) + 1;
    snprintf(verb, 32, "%s", first < bytes ? line + first : "?");
    verb[strcspn(verb, "\n")] = 0;
}

static Status write_lock_text(DataFolder *folder, Fault *fault)
{
    size_t bytes = strlen(folder->text);
    if (ftruncate(folder->lock, 0) || pwrite(folder->lock, folder->text, bytes, 0) != (ssize_t)bytes)
        return fault_set(fault, STATUS_FATAL, "data_folder", "the lock file of %s cannot be written: %s", folder->path, strerror(errno));
    return STATUS_OK;
}

static Status take_lock(DataFolder *folder, bool *ret_after_crash, Fault *fault)
{
    char path[4200], since[TIME_TEXT_BYTES], verb[32], before[LOCK_TEXT_BYTES];
    snprintf(path, sizeof path, "%s/pledgeline.lock", folder->path);
    folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock < 0)
        return fault_set(fault, STATUS_FATAL, "data_folder", "%s cannot be opened: %s", path, strerror(errno));
    struct flock lock = whole_file(F_WRLCK);
    if (fcntl(folder->lock, F_OFD_SETLK, &lock))
        return refuse_second(folder->path, folder->lock, fault);
    *ret_after_crash = !slice_empty(read_lock_text(folder->lock, before));
    time_print(clock_wall_ms(), since);
    read_own_verb(verb);
    snprintf(folder->text, sizeof folder->text, "pid %d\nverb %s\nsince %s\n", (int)getpid(), verb, since);
    return write_lock_text(folder, fault);
}

Status data_folder_open(const char *path, DataFolder **ret, bool *ret_after_crash, Fault *fault)
{
    Status status = make_folder(path, fault);
    if (status)
        return status;
    DataFolder *folder = calloc(1, sizeof *folder);
    if (!folder)
        abort();
    snprintf(folder->path, sizeof folder->path, "%s", path);
    status = take_lock(folder, ret_after_crash, fault);
    if (status) {
        if (folder->lock >= 0)
            close(folder->lock);
        free(folder);
        return status;
    }
    *ret = folder;
    return STATUS_OK;
}

/* An empty lock file says that its owner closed. */
void data_folder_close(DataFolder *folder)
{
    if (!folder)
        return;
    if (ftruncate(folder->lock, 0))
        fputs("pledgeline: the lock file cannot be emptied; the next start looks for damage\n", stderr);
    close(folder->lock);
    free(folder);
}

Status data_folder_announce(DataFolder *folder, const char *base_url, Fault *fault)
{
    size_t bytes = strlen(folder->text);
    snprintf(folder->text + bytes, sizeof folder->text - bytes, "url %s\n", base_url);
    return write_lock_text(folder, fault);
}

Slice data_folder_server(const char *path, Arena *arena)
{
    char name[4200], buffer[LOCK_TEXT_BYTES];
    snprintf(name, sizeof name, "%s/pledgeline.lock", path);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return (Slice){0};
    struct flock lock = whole_file(F_RDLCK);
    bool held = !fcntl(file, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
    Slice url = held ? arena_copy(arena, line_of(read_lock_text(file, buffer), "url")) : (Slice){0};
    close(file);
    return url;
}

/* ---- secrets ---- */

Slice data_folder_secret_if_there(const char *path, const char *name, Arena *arena)
{
    Slice file_name = arena_printf(arena, "%s/%s", path, name);
    char *text = arena_zalloc(arena, SECRET_BYTES * 2 + 1);
    FILE *file = fopen(file_name.at, "r");
    size_t bytes = file ? fread(text, 1, SECRET_BYTES * 2, file) : 0;
    if (file)
        fclose(file);
    return bytes == SECRET_BYTES * 2 ? (Slice){text, bytes} : (Slice){0};
}

/* Whole or not at all: written aside, synced, and renamed. */
static Status write_secret(const char *path, const char *name, Slice secret, Fault *fault)
{
    char aside[4200], final[4200];
    snprintf(aside, sizeof aside, "%s/%s.new", path, name);
    snprintf(final, sizeof final, "%s/%s", path, name);
    int file = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = file >= 0 && write(file, secret.at, secret.bytes) == (ssize_t)secret.bytes && !fsync(file);
    int error = errno;
    if (file >= 0)
        close(file);
    if (!written || rename(aside, final))
        return fault_set(fault, STATUS_FATAL, "data_folder", "%s cannot be written: %s", final, strerror(error));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = folder >= 0 && !fsync(folder);
    if (folder >= 0)
        close(folder);
    return synced ? STATUS_OK : fault_set(fault, STATUS_FATAL, "data_folder", "the data folder %s cannot be synced", path);
}

Status data_folder_secret(const char *path, const char *name, Arena *arena, Slice *ret, Fault *fault)
{
    uint8_t random[SECRET_BYTES];
    *ret = data_folder_secret_if_there(path, name, arena);
    if (!slice_empty(*ret))
        return STATUS_OK;
    digest_random(random, sizeof random);
    Slice secret = digest_hex(arena, random, sizeof random);
    Status status = write_secret(path, name, secret, fault);
    if (!status)
        *ret = secret;
    return status;
}
