/* Writing is one write and one sync; what takes a file's place is whole and synced before it gets its name. */
#include "ingress/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum { DIGEST_DIGITS = 16 };

/* ---- lines ---- */

void journal_file_print(Text *text, Slice body, int64_t received_ms)
{
    Slice signed_part = arena_printf(text->arena, "%" PRId64 " %.*s", received_ms, SLICE_ARG(body));
    text_printf(text, "%016" PRIx64 " ", slice_hash(signed_part));
    text_add(text, signed_part);
    text_add_byte(text, '\n');
}

static void visit_line(Slice line, JournalVisitor visit, void *context)
{
    char digest[DIGEST_DIGITS + 1];
    Slice signed_part = {line.at + DIGEST_DIGITS + 1, line.bytes > DIGEST_DIGITS ? line.bytes - DIGEST_DIGITS - 1 : 0};
    snprintf(digest, sizeof digest, "%016" PRIx64, slice_hash(signed_part));
    char *body = NULL;
    int64_t received_ms = signed_part.bytes && !memcmp(digest, line.at, DIGEST_DIGITS) ? strtoll(signed_part.at, &body, 10) : 0;
    if (!body) {
        log_line(LOG_ERROR, "the opt-out journal is damaged: every number in the damaged line is blocked", LOG_NUMBER("bytes", (int64_t)line.bytes));
        visit(context, line, 0);
        return;
    }
    body++;
    visit(context, (Slice){body, signed_part.bytes - (size_t)(body - signed_part.at)}, received_ms);
}

/* Returns how many bytes of the text are whole lines. */
static size_t visit_lines(Slice text, JournalVisitor visit, void *context)
{
    size_t at = 0;
    for (const char *newline; at < text.bytes && (newline = memchr(text.at + at, '\n', text.bytes - at)); at = (size_t)(newline - text.at) + 1)
        visit_line((Slice){text.at + at, (size_t)(newline - text.at) - at}, visit, context);
    return at;
}

/* ---- bytes ---- */

static Status unusable(const JournalFile *file, const char *what, Fault *fault)
{
    return fault_set(fault, STATUS_FATAL, "journal_unusable", "cannot %s the opt-out journal %.120s: %s", what, file->path, strerror(errno));
}

static bool write_whole(int file, Slice text, off_t at)
{
    while (text.bytes) {
        ssize_t written = pwrite(file, text.at, text.bytes, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        text = (Slice){text.at + written, text.bytes - (size_t)written};
    }
    return true;
}

static bool sync_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = folder >= 0 && !fsync(folder);
    if (folder >= 0)
        close(folder);
    return is_synced;
}

/* The file without what was written behind its end. */
static bool cut_back(const JournalFile *file) { return !ftruncate(file->file, file->bytes); }

/* ---- writing ---- */

Status journal_file_append(JournalFile *file, Slice lines, Fault *fault)
{
    if (!write_whole(file->file, lines, file->bytes)) {
        unusable(file, "write", fault);
        file->must_rewrite = !cut_back(file);
        return STATUS_FATAL;
    }
    if (fdatasync(file->file)) {
        file->must_rewrite = true;
        return unusable(file, "sync", fault);
    }
    file->bytes += (off_t)lines.bytes;
    return STATUS_OK;
}

Status journal_file_rewrite(JournalFile *file, Slice lines, Fault *fault)
{
    char draft[sizeof file->path + 8];
    snprintf(draft, sizeof draft, "%s.new", file->path);
    int fresh = open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = fresh >= 0 && write_whole(fresh, lines, 0) && !fsync(fresh) && !rename(draft, file->path) && sync_folder(file->folder);
    if (!is_written) {
        unusable(file, "write", fault);
        if (fresh >= 0)
            close(fresh);
        return STATUS_FATAL;
    }
    close(file->file);
    file->file = fresh;
    file->bytes = (off_t)lines.bytes;
    file->must_rewrite = false;
    return STATUS_OK;
}

void journal_file_empty(JournalFile *file)
{
    if (!file->bytes)
        return;
    file->must_rewrite = ftruncate(file->file, 0) || fsync(file->file);
    file->bytes = 0;
}

/* ---- open and close ---- */

void journal_file_path(const char *folder, char *ret, size_t room) { snprintf(ret, room, "%s/optouts.journal", folder); }

static Status read_whole(JournalFile *file, off_t bytes, JournalVisitor visit, void *context, Fault *fault)
{
    char *text = malloc((size_t)bytes + 1);
    if (!text)
        abort();
    bool is_read = pread(file->file, text, (size_t)bytes, 0) == bytes && sync_folder(file->folder);
    text[bytes] = 0;
    if (is_read)
        file->bytes = (off_t)visit_lines((Slice){text, (size_t)bytes}, visit, context);
    else
        unusable(file, "read", fault);
    free(text);
    return is_read ? STATUS_OK : STATUS_FATAL;
}

Status journal_file_open(JournalFile *file, const char *folder, JournalVisitor visit, void *context, Fault *fault)
{
    struct stat info;
    snprintf(file->folder, sizeof file->folder, "%s", folder);
    journal_file_path(folder, file->path, sizeof file->path);
    file->file = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->file < 0 || fstat(file->file, &info))
        return unusable(file, "open", fault);
    Status status = read_whole(file, info.st_size, visit, context, fault);
    if (status || file->bytes == info.st_size)
        return status;
    log_line(LOG_WARN, "the opt-out journal ends in a line that was never finished: it is cut off", LOG_NUMBER("bytes", info.st_size - file->bytes));
    return cut_back(file) && !fsync(file->file) ? STATUS_OK : unusable(file, "mend", fault);
}

void journal_file_close(JournalFile *file)
{
    if (file->file >= 0)
        close(file->file);
    file->file = -1;
}
