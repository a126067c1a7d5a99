/* One process a data folder. The lock is an open file description lock: it goes with its process however that ends, so a
 * file left behind by a dead one never counts. What the file says while nobody holds it tells that the last one crashed. */
#include "adapter/data_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"

enum { LOCK_FILE_BYTES_MAX = 4096, SECRET_BYTES = 32, SECRET_TEXT_MIN = 16 };

/* ---- the folder ---- */

/* File systems over a network, by their magic numbers (statfs(2), linux/magic.h). */
static const struct NetworkFs { unsigned long magic; const char *name; } network_file_systems[] = {
    {0x6969, "NFS"}, {0x517b, "SMB"}, {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"}, {0x5346414f, "AFS"}, {0x6b414653, "AFS"},
    {0x73757245, "Coda"}, {0x00c36400, "Ceph"}, {0x01021997, "9P"}, {0x0bd00bd0, "Lustre"}, {0x01161970, "GFS2"}, {0x7461636f, "OCFS2"},
};

static Status refuse_network(const char *path, Fault *fault)
{
    struct statfs info;
    if (statfs(path, &info))
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "cannot look at the data folder %s: %s", path, strerror(errno));
    for (size_t i = 0; i < sizeof network_file_systems / sizeof *network_file_systems; i++) {
        if (((unsigned long)info.f_type & 0xffffffff) == network_file_systems[i].magic)
            return fault_set(fault, STATUS_FATAL, "data_folder_remote",
                             "the data folder %s is on a network file system (%s), where locks do not hold: use a local disk", path,
                             network_file_systems[i].name);
    }
    return STATUS_OK;
}

static bool make_path(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        bool made = !mkdir(path, 0700) || errno == EEXIST;
        *at = '/';
        if (!made)
            return false;
    }
    return !mkdir(path, 0700) || errno == EEXIST;
}

Status data_folder_make(const char *path, Fault *fault)
{
    char parts[PATH_MAX];
    if (snprintf(parts, sizeof parts, "%s", path) >= (int)sizeof parts || !*path)
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "PLEDGELINE_DATA is no path");
    struct stat info;
    if (!make_path(parts) || stat(path, &info))
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "cannot make the data folder %s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "the data folder %s is not a folder", path);
    return refuse_network(path, fault);
}

/* ---- the lock ---- */

/* "pid", "command", "since" and, when it serves, "url": a line each, name and value. */
static Slice line_of(Slice text, Slice name)
{
    while (text.bytes) {
        const char *newline = memchr(text.at, '\n', text.bytes);
        Slice line = {text.at, newline ? (size_t)(newline - text.at) : text.bytes};
        if (slice_starts_with(line, name))
            return (Slice){line.at + name.bytes, line.bytes - name.bytes};
        size_t taken = line.bytes + (newline != NULL);
        text = (Slice){text.at + taken, text.bytes - taken};
    }
    return (Slice){0};
}

static Slice read_lock_file(int fd, Arena *arena)
{
    char *text = arena_alloc(arena, LOCK_FILE_BYTES_MAX);
    ssize_t bytes = pread(fd, text, LOCK_FILE_BYTES_MAX, 0);
    return (Slice){text, bytes > 0 ? (size_t)bytes : 0};
}

static bool is_held(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static Slice lock_path(const char *path, Arena *arena) { return arena_printf(arena, "%s/pledgeline.lock", path); }

bool data_folder_holder(const char *path, Arena *arena, FolderHolder *ret)
{
    int fd = open(lock_path(path, arena).at, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = is_held(fd);
    Slice text = held ? read_lock_file(fd, arena) : (Slice){0};
    close(fd);
    *ret = (FolderHolder){line_of(text, SLICE("pid ")), line_of(text, SLICE("command ")), line_of(text, SLICE("since ")),
                          line_of(text, SLICE("url "))};
    return held;
}

static Status refuse_busy(const char *path, Fault *fault)
{
    Arena arena;
    FolderHolder holder;
    arena_init(&arena);
    if (!data_folder_holder(path, &arena, &holder) || slice_empty(holder.pid))
        fault_set(fault, STATUS_FATAL, "data_folder_busy", "the data folder %s is in use by another process", path);
    else
        fault_set(fault, STATUS_FATAL, "data_folder_busy", "the data folder %s is in use by `%.*s`, process %.*s, since %.*s%s%.*s", path,
                  SLICE_ARG(holder.command), SLICE_ARG(holder.pid), SLICE_ARG(holder.since), slice_empty(holder.base_url) ? "" : ", on ",
                  SLICE_ARG(holder.base_url));
    arena_done(&arena);
    return STATUS_FATAL;
}

/* "pledgeline serve": the program's name and its verb. Arguments after it may be private. */
static Slice command_name(Arena *arena)
{
    char *line = arena_zalloc(arena, 1024);
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SLICE("pledgeline");
    ssize_t bytes = read(fd, line, 1023);
    close(fd);
    const char *slash = strrchr(line, '/'), *name = slash ? slash + 1 : line, *verb = line + strlen(line) + 1;
    bool has_verb = bytes > 0 && verb < line + bytes && *verb >= 'a' && *verb <= 'z';
    return has_verb ? arena_printf(arena, "%s %.40s", name, verb) : slice_of(name);
}

static Status write_holder(const DataFolder *folder, const char *base_url, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    char since[TIME_TEXT_BYTES];
    time_print(clock_wall_ms(), since);
    Slice text = arena_printf(&arena, "pid %d\ncommand %.*s\nsince %s\n%s%s%s", (int)getpid(), SLICE_ARG(command_name(&arena)), since,
                              base_url ? "url " : "", base_url ? base_url : "", base_url ? "\n" : "");
    bool written = pwrite(folder->lock_fd, text.at, text.bytes, 0) == (ssize_t)text.bytes &&
                   ftruncate(folder->lock_fd, (off_t)text.bytes) == 0;
    arena_done(&arena);
    if (!written)
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "cannot write the lock file in %s: %s", folder->path, strerror(errno));
    return STATUS_OK;
}

/* A command holds the folder for as long as it works, mostly some milliseconds. */
static bool take_lock(int fd, int64_t wait_ms)
{
    enum { TRY_EVERY_MS = 20 };
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int64_t until_ms = clock_elapsed_ms() + wait_ms;
    while (fcntl(fd, F_OFD_SETLK, &lock)) {
        Arena arena;
        arena_init(&arena);
        bool is_server = slice_holds(line_of(read_lock_file(fd, &arena), SLICE("command ")), SLICE(" serve"));
        bool goes_on = !is_server && clock_elapsed_ms() < until_ms;
        arena_done(&arena);
        if (!goes_on)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = TRY_EVERY_MS * 1000000}, NULL);
    }
    return true;
}

Status data_folder_hold(DataFolder *folder, const char *path, int64_t wait_ms, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    *folder = (DataFolder){.path = path, .lock_fd = open(lock_path(path, &arena).at, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    arena_done(&arena);
    if (folder->lock_fd < 0)
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "cannot open the lock file in %s: %s", path, strerror(errno));
    if (!take_lock(folder->lock_fd, wait_ms)) {
        close(folder->lock_fd);
        folder->lock_fd = -1;
        return refuse_busy(path, fault);
    }
    struct stat info;
    folder->after_crash = fstat(folder->lock_fd, &info) == 0 && info.st_size > 0;
    Status status = write_holder(folder, NULL, fault);
    if (status)
        data_folder_release(folder);
    return status;
}

/* The file stays: to remove it would let two processes lock two files of one name. */
void data_folder_release(DataFolder *folder)
{
    if (folder->lock_fd < 0)
        return;
    if (ftruncate(folder->lock_fd, 0)) {
        /* the next one looks for damage that is not there: slower, not wrong */
    }
    close(folder->lock_fd);
    folder->lock_fd = -1;
}

Status data_folder_announce(const DataFolder *folder, const char *base_url, Fault *fault) { return write_holder(folder, base_url, fault); }

/* ---- small files ---- */

static Status read_secret(const char *path, Arena *arena, Slice *ret_secret, bool *ret_found, Fault *fault)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *ret_found = fd >= 0;
    if (fd < 0 && errno != ENOENT)
        return fault_set(fault, STATUS_FATAL, "secret_unreadable", "cannot read %s: %s", path, strerror(errno));
    if (fd < 0)
        return STATUS_OK;
    ssize_t bytes = read(fd, text, sizeof text);
    close(fd);
    while (bytes > 0 && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r' || text[bytes - 1] == ' '))
        bytes--;
    if (bytes < SECRET_TEXT_MIN)
        return fault_set(fault, STATUS_FATAL, "secret_unreadable",
                         "%s holds no key: put back the one from before, or links that were sent cannot be verified", path);
    *ret_secret = arena_copy(arena, (Slice){text, (size_t)bytes});
    return STATUS_OK;
}

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

/* Written whole under another name, synced, then renamed: no crash leaves half a key. */
static Status write_file(const char *folder, const char *path, Slice text, Arena *arena, Fault *fault)
{
    const char *draft = arena_printf(arena, "%s.new", path).at;
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, text.at, text.bytes) == (ssize_t)text.bytes && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!written || rename(draft, path) || !sync_folder(folder))
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "cannot write %s: %s", path, strerror(errno));
    return STATUS_OK;
}

Status data_folder_secret(const char *path, const char *name, bool make, Arena *arena, Slice *ret_secret, Fault *fault)
{
    const char *file = arena_printf(arena, "%s/%s", path, name).at;
    bool found;
    *ret_secret = (Slice){0};
    Status status = read_secret(file, arena, ret_secret, &found, fault);
    if (status || found || !make)
        return status;
    uint8_t random[SECRET_BYTES];
    digest_random(random, sizeof random);
    *ret_secret = digest_hex(arena, random, sizeof random);
    return write_file(path, file, *ret_secret, arena, fault);
}

/* ---- the mark of a folder that was moved ---- */

static const char *mark_path(const char *path, Arena *arena) { return arena_printf(arena, "%s/moved", path).at; }

Status data_folder_mark_moved(const char *path, Slice names, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Slice line = arena_printf(&arena, "%.*s\n", SLICE_ARG(names));
    Status status = write_file(path, mark_path(path, &arena), line, &arena, fault);
    arena_done(&arena);
    return status;
}

Status data_folder_moved(const char *path, Arena *arena, Slice *ret_names, Fault *fault)
{
    char text[256];
    const char *file = mark_path(path, arena);
    *ret_names = (Slice){0};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return STATUS_OK;
    ssize_t bytes = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    if (bytes < 0)
        return fault_set(fault, STATUS_FATAL, "data_folder_unusable", "cannot read %s: %s", file, strerror(errno));
    while (bytes > 0 && (text[bytes - 1] == '\n' || text[bytes - 1] == ' '))
        bytes--;
    *ret_names = bytes ? arena_copy(arena, (Slice){text, (size_t)bytes}) : SLICE("DATABASE_URL");
    return STATUS_OK;
}
