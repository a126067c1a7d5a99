/* The file of the opt-out journal: one line an entry, with its digest, its time and its body. A line without its end was never promised to
 * anybody, and is cut off when the file is opened; one whose digest is wrong was, and is given as the bytes it is, in which every number
 * is found. For one thread. */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct JournalFile {
    char folder[PATH_MAX], path[PATH_MAX + 32];
    int file;          /* -1 = not open */
    off_t bytes;       /* as far as it is synced */
    bool must_rewrite; /* after a failed sync nobody knows what it holds: all that is still needed goes into another one */
} JournalFile;

void journal_file_path(const char *folder, char *ret, size_t room);

/* A line for that entry, behind those that text holds. body has no line ends. */
void journal_file_print(Text *text, Slice body, int64_t received_ms);

/* Makes it where it is missing; visit gets each entry in order, received_ms 0 where the line is damaged. FATAL "journal_unusable". */
typedef void (*JournalVisitor)(void *context, Slice body, int64_t received_ms);
Status journal_file_open(JournalFile *file, const char *folder, JournalVisitor visit, void *context, Fault *fault);
void journal_file_close(JournalFile *file);

/* Durable when OK; otherwise the file is as it was, or must_rewrite. */
Status journal_file_append(JournalFile *file, Slice lines, Fault *fault);
/* Another file with these lines alone takes its place. */
Status journal_file_rewrite(JournalFile *file, Slice lines, Fault *fault);
/* Nothing in it is needed any more; a crash before that only gives its entries again. */
void journal_file_empty(JournalFile *file);
