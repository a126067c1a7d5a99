/* One line an entry: its digest, its time, its body. A line without its end was never promised to anybody, and is cut off when the file
 * is opened; one whose digest is wrong was, and goes through the line as the bytes it is, which blocks every number in it.
 *
 * One thread: it writes what waits with one sync, gives the line what is written, and empties the file when nothing waits any more. After
 * a failed sync nobody knows what the file holds, so all that waits is written into another one, which takes its place. */
#include "ingress/optout_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingress/api.h"

enum { TRY_AGAIN_MS = 1000, DIGEST_DIGITS = 16 };

/* What is in the file, or will be in the next one. */
typedef struct Line {
    struct Line *following;
    Delivery *delivery; /* of the round that is in the line, else NULL */
    int64_t received_ms;
    size_t bytes;
    char body[];
} Line;

struct OptoutJournal {
    Intake *intake;
    char folder[PATH_MAX], path[PATH_MAX + 32];
    pthread_t thread;

    /* the thread's own */
    int file;
    off_t bytes;       /* of the file, as far as it is synced */
    bool must_rewrite; /* nobody knows what it holds */
    Line *first, *last;
    Ticket ticket;     /* of the round that is in the line */
    bool is_in_line;
    int64_t offer_at_ms;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    JournalEntry *first_entry, *last_entry;
    bool is_stopping, came_back;
    JournalState state;
};

/* ---- lines ---- */

static void add_line(OptoutJournal *journal, Slice body, int64_t received_ms)
{
    Line *line = calloc(1, sizeof *line + body.bytes);
    if (!line)
        abort();
    line->received_ms = received_ms;
    line->bytes = body.bytes;
    memcpy(line->body, body.at, body.bytes);
    *(journal->last ? &journal->last->following : &journal->first) = line;
    journal->last = line;
}

static void print_line(Text *text, Slice body, int64_t received_ms)
{
    Slice signed_part = arena_printf(text->arena, "%" PRId64 " %.*s", received_ms, SLICE_ARG(body));
    text_printf(text, "%016" PRIx64 " ", slice_hash(signed_part));
    text_add(text, signed_part);
    text_add_byte(text, '\n');
}

static void take_line(OptoutJournal *journal, Slice line)
{
    char digest[DIGEST_DIGITS + 1];
    Slice signed_part = {line.at + DIGEST_DIGITS + 1, line.bytes > DIGEST_DIGITS ? line.bytes - DIGEST_DIGITS - 1 : 0};
    snprintf(digest, sizeof digest, "%016" PRIx64, slice_hash(signed_part));
    char *body = NULL;
    int64_t received_ms = signed_part.bytes && !memcmp(digest, line.at, DIGEST_DIGITS) ? strtoll(signed_part.at, &body, 10) : 0;
    if (!body) {
        log_line(LOG_ERROR, "the opt-out journal is damaged: every number in the damaged line is blocked", LOG_NUMBER("bytes", (int64_t)line.bytes));
        add_line(journal, line, clock_wall_ms());
        return;
    }
    body++;
    add_line(journal, (Slice){body, signed_part.bytes - (size_t)(body - signed_part.at)}, received_ms);
}

/* Returns how many bytes of the text are whole lines. */
static size_t take_lines(OptoutJournal *journal, Slice text)
{
    size_t at = 0;
    for (const char *newline; at < text.bytes && (newline = memchr(text.at + at, '\n', text.bytes - at)); at = (size_t)(newline - text.at) + 1)
        take_line(journal, (Slice){text.at + at, (size_t)(newline - text.at) - at});
    return at;
}

/* ---- the file ---- */

static Status unusable(const OptoutJournal *journal, const char *what, Fault *fault)
{
    return fault_set(fault, STATUS_FATAL, "journal_unusable", "cannot %s the opt-out journal %.120s: %s", what, journal->path, strerror(errno));
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
static bool cut_back(OptoutJournal *journal) { return !ftruncate(journal->file, journal->bytes); }

static Status append(OptoutJournal *journal, Slice text, Fault *fault)
{
    if (!write_whole(journal->file, text, journal->bytes)) {
        unusable(journal, "write", fault);
        journal->must_rewrite = !cut_back(journal);
        return STATUS_FATAL;
    }
    if (fdatasync(journal->file)) {
        journal->must_rewrite = true;
        return unusable(journal, "sync", fault);
    }
    journal->bytes += (off_t)text.bytes;
    return STATUS_OK;
}

/* All that waits, and the new lines, into a file that takes the old one's place. */
static Status rewrite(OptoutJournal *journal, Slice new_lines, Arena *arena, Fault *fault)
{
    char draft[sizeof journal->path + 8];
    snprintf(draft, sizeof draft, "%s.new", journal->path);
    Text text = text_in(arena);
    for (const Line *line = journal->first; line; line = line->following)
        print_line(&text, (Slice){line->body, line->bytes}, line->received_ms);
    text_add(&text, new_lines);
    int file = open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = file >= 0 && write_whole(file, text_slice(&text), 0) && !fsync(file) && !rename(draft, journal->path) && sync_folder(journal->folder);
    if (!is_written) {
        unusable(journal, "write", fault);
        if (file >= 0)
            close(file);
        return STATUS_FATAL;
    }
    close(journal->file);
    journal->file = file;
    journal->bytes = (off_t)text.bytes;
    journal->must_rewrite = false;
    return STATUS_OK;
}

/* Every entry is through the line; a crash before the cut only sends them through it again. */
static void empty_file(OptoutJournal *journal)
{
    if (journal->first || !journal->bytes)
        return;
    if (ftruncate(journal->file, 0) || fsync(journal->file)) {
        journal->must_rewrite = true;
        return;
    }
    journal->bytes = 0;
}

/* ---- the thread: writing ---- */

static void note(OptoutJournal *journal, Status status, const Fault *fault)
{
    size_t waiting = 0;
    for (const Line *line = journal->first; line; line = line->following)
        waiting++;
    pthread_mutex_lock(&journal->lock);
    bool turned = journal->state.healthy != (status == STATUS_OK);
    journal->state.healthy = status == STATUS_OK;
    if (status)
        journal->state.fault = *fault;
    journal->state.waiting = waiting;
    for (const JournalEntry *entry = journal->first_entry; entry; entry = entry->following)
        journal->state.waiting++;
    metric_set(METRIC_JOURNAL_WAITING, (int64_t)journal->state.waiting);
    pthread_mutex_unlock(&journal->lock);
    if (turned && status)
        log_line(LOG_ERROR, "an opt-out cannot be written to the journal: it is in memory alone until it can", LOG_CSTR("code", fault->code), LOG_CSTR("error", fault->text));
    else if (turned)
        log_line(LOG_INFO, "the opt-out journal takes writes again", LOG_NUMBER("waiting", (int64_t)waiting));
}

static void keep_entries(OptoutJournal *journal, JournalEntry *entries)
{
    for (JournalEntry *entry = entries, *following; entry; entry = following) {
        following = entry->following;
        add_line(journal, entry->body, entry->received_ms);
        metric_add(METRIC_JOURNALED, 1);
        entry->stored(entry);
    }
}

static void put_back(OptoutJournal *journal, JournalEntry *entries)
{
    JournalEntry *last = entries;
    while (last->following)
        last = last->following;
    pthread_mutex_lock(&journal->lock);
    last->following = journal->first_entry;
    journal->first_entry = entries;
    journal->last_entry = journal->last_entry ? journal->last_entry : last;
    pthread_mutex_unlock(&journal->lock);
}

static Status write_entries(OptoutJournal *journal, JournalEntry *entries, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Text text = text_in(&arena);
    for (const JournalEntry *entry = entries; entry; entry = entry->following)
        print_line(&text, entry->body, entry->received_ms);
    Status status = journal->must_rewrite ? rewrite(journal, text_slice(&text), &arena, fault) : append(journal, text_slice(&text), fault);
    arena_done(&arena);
    if (status)
        put_back(journal, entries);
    else
        keep_entries(journal, entries);
    return status;
}

/* ---- the thread: through the line ---- */

static void round_finished(Ticket *ticket)
{
    OptoutJournal *journal = ticket->context;
    pthread_mutex_lock(&journal->lock);
    journal->came_back = true;
    pthread_cond_signal(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
}

static void offer_lines(OptoutJournal *journal)
{
    Delivery *deliveries = calloc(BATCH_MAX, sizeof *deliveries);
    if (!deliveries)
        abort();
    size_t count = 0;
    for (Line *line = journal->first; line && count < BATCH_MAX; line = line->following) {
        deliveries[count] = (Delivery){.body = {line->body, line->bytes}, .topic = SLICE("optout-events"), .received_ms = line->received_ms};
        line->delivery = &deliveries[count++];
    }
    Fault fault;
    journal->ticket = (Ticket){.deliveries = deliveries, .count = count, .finished = round_finished, .context = journal};
    journal->is_in_line = intake_submit(journal->intake, &journal->ticket, &fault) == STATUS_OK;
    journal->offer_at_ms = clock_elapsed_ms() + TRY_AGAIN_MS;
    if (journal->is_in_line)
        return;
    for (Line *line = journal->first; line; line = line->following)
        line->delivery = NULL;
    free(deliveries);
}

static void take_round_back(OptoutJournal *journal)
{
    Line **place = &journal->first, *last = NULL;
    bool all_taken = true;
    while (*place) {
        Line *line = *place;
        bool is_through = line->delivery && delivery_is_taken(line->delivery);
        all_taken = all_taken && (is_through || !line->delivery);
        line->delivery = NULL;
        if (is_through) {
            *place = line->following;
            free(line);
        } else {
            last = line;
            place = &line->following;
        }
    }
    journal->last = last;
    free(journal->ticket.deliveries);
    journal->is_in_line = false;
    journal->offer_at_ms = clock_elapsed_ms() + (all_taken ? 0 : TRY_AGAIN_MS);
    empty_file(journal);
    if (!journal->first)
        log_line(LOG_INFO, "every opt-out of the journal is through the line", LOG_NUMBER("waiting", 0));
}

/* ---- the thread ---- */

/* Also when there is nothing to do: another try of what could not be written, or was not taken. */
static void wait_for_work(OptoutJournal *journal, bool is_failing)
{
    bool has_lines = journal->first && !journal->is_in_line;
    int64_t until_ms = clock_elapsed_ms() + TRY_AGAIN_MS;
    if (has_lines && journal->offer_at_ms < until_ms)
        until_ms = journal->offer_at_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    while (!journal->is_stopping && !journal->came_back && (!journal->first_entry || is_failing)) {
        if (!has_lines && !is_failing)
            pthread_cond_wait(&journal->changed, &journal->lock);
        else if (clock_elapsed_ms() >= until_ms || pthread_cond_timedwait(&journal->changed, &journal->lock, &until) == ETIMEDOUT)
            return;
    }
}

static void *work(void *argument)
{
    OptoutJournal *journal = argument;
    Fault fault = {0};
    Status status = STATUS_OK;
    for (bool leaving = false; !leaving;) {
        pthread_mutex_lock(&journal->lock);
        wait_for_work(journal, status != STATUS_OK);
        JournalEntry *entries = journal->first_entry;
        journal->first_entry = journal->last_entry = NULL;
        bool came_back = journal->came_back;
        journal->came_back = false;
        leaving = journal->is_stopping;
        pthread_mutex_unlock(&journal->lock);

        status = entries ? write_entries(journal, entries, &fault) : status;
        if (came_back)
            take_round_back(journal);
        note(journal, status, &fault);
        if (!leaving && journal->first && !journal->is_in_line && clock_elapsed_ms() >= journal->offer_at_ms)
            offer_lines(journal);
    }
    return NULL;
}

/* ---- open and close ---- */

static void path_in(const char *folder, char *ret, size_t room) { snprintf(ret, room, "%s/optouts.journal", folder); }

bool optout_journal_waits(const char *folder)
{
    char path[PATH_MAX + 32];
    struct stat info;
    path_in(folder, path, sizeof path);
    return stat(path, &info) == 0 && info.st_size > 0;
}

static Status read_file(OptoutJournal *journal, Fault *fault)
{
    struct stat info;
    journal->file = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->file < 0 || fstat(journal->file, &info))
        return unusable(journal, "open", fault);
    char *text = malloc((size_t)info.st_size + 1);
    if (!text)
        abort();
    ssize_t got = pread(journal->file, text, (size_t)info.st_size, 0);
    Status status = got == info.st_size && sync_folder(journal->folder) ? STATUS_OK : unusable(journal, "read", fault);
    if (!status) {
        text[got] = 0;
        journal->bytes = (off_t)take_lines(journal, (Slice){text, (size_t)got});
    }
    free(text);
    if (!status && journal->bytes < info.st_size) {
        log_line(LOG_WARN, "the opt-out journal ends in a line that was never finished: it is cut off", LOG_NUMBER("bytes", info.st_size - journal->bytes));
        status = cut_back(journal) && !fsync(journal->file) ? STATUS_OK : unusable(journal, "mend", fault);
    }
    return status;
}

static void free_journal(OptoutJournal *journal)
{
    for (Line *line = journal->first, *following; line; line = following) {
        following = line->following;
        free(line);
    }
    if (journal->file >= 0)
        close(journal->file);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

OptoutJournal *optout_journal_open(const char *folder, Intake *intake, Fault *fault)
{
    OptoutJournal *journal = calloc(1, sizeof *journal);
    if (!journal)
        abort();
    *journal = (OptoutJournal){.intake = intake, .file = -1, .state = {.healthy = true}};
    snprintf(journal->folder, sizeof journal->folder, "%s", folder);
    path_in(folder, journal->path, sizeof journal->path);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    Status status = read_file(journal, fault);
    if (!status && journal->first)
        log_line(LOG_WARN, "opt-outs of an earlier run are in the journal, and go through the line now", LOG_NUMBER("bytes", journal->bytes));
    if (!status && pthread_create(&journal->thread, NULL, work, journal))
        status = fault_set(fault, STATUS_FATAL, "no_thread", "no thread could be started");
    if (!status)
        return journal;
    free_journal(journal);
    return NULL;
}

void optout_journal_append(OptoutJournal *journal, JournalEntry *entry)
{
    pthread_mutex_lock(&journal->lock);
    entry->following = NULL;
    *(journal->last_entry ? &journal->last_entry->following : &journal->first_entry) = entry;
    journal->last_entry = entry;
    pthread_cond_signal(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
}

void optout_journal_state(OptoutJournal *journal, JournalState *ret)
{
    pthread_mutex_lock(&journal->lock);
    *ret = journal->state;
    pthread_mutex_unlock(&journal->lock);
}

void optout_journal_close(OptoutJournal *journal)
{
    if (!journal)
        return;
    pthread_mutex_lock(&journal->lock);
    journal->is_stopping = true;
    pthread_cond_signal(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->thread, NULL);
    free_journal(journal);
}
