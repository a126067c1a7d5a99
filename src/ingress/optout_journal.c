/* One thread: it writes what waits with one sync, gives the line what is written, and empties the file when nothing waits any more. */
#include "ingress/optout_journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingress/api.h"
#include "ingress/journal_file.h"

enum { TRY_AGAIN_MS = 1000 };

static const Slice optouts = SLICE_INIT("optout-events");

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
    pthread_t thread;

    /* the thread's own */
    JournalFile file;
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
        log_line(LOG_ERROR, "an opt-out cannot be written to the journal: it is in memory alone until it can", LOG_CSTR("code", fault->code),
                 LOG_CSTR("error", fault->text));
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

/* Into a fresh file goes all that still waits, too. */
static Status write_entries(OptoutJournal *journal, JournalEntry *entries, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Text text = text_in(&arena);
    bool is_fresh = journal->file.must_rewrite;
    for (const Line *line = journal->first; is_fresh && line; line = line->following)
        journal_file_print(&text, (Slice){line->body, line->bytes}, line->received_ms);
    for (const JournalEntry *entry = entries; entry; entry = entry->following)
        journal_file_print(&text, entry->body, entry->received_ms);
    Status status = is_fresh ? journal_file_rewrite(&journal->file, text_slice(&text), fault)
                             : journal_file_append(&journal->file, text_slice(&text), fault);
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
        deliveries[count] = (Delivery){.body = {line->body, line->bytes}, .topic = optouts, .received_ms = line->received_ms};
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
    if (journal->first)
        return;
    journal_file_empty(&journal->file);
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

bool optout_journal_waits(const char *folder)
{
    char path[PATH_MAX + 32];
    struct stat info;
    journal_file_path(folder, path, sizeof path);
    return stat(path, &info) == 0 && info.st_size > 0;
}

static void take_entry(void *context, Slice body, int64_t received_ms)
{
    OptoutJournal *journal = context;
    Delivery kept = {.body = body, .topic = optouts, .received_ms = received_ms ? received_ms : clock_wall_ms()};
    intake_hold(journal->intake, &kept);
    add_line(journal, body, kept.received_ms);
}

/* What could never be written is lost with the process; somebody has to know. */
static void say_what_is_lost(const OptoutJournal *journal)
{
    int64_t lost = 0;
    for (const JournalEntry *entry = journal->first_entry; entry; entry = entry->following)
        lost++;
    if (lost)
        log_line(LOG_ERROR, "opt-outs are lost: they could not be written before the end", LOG_NUMBER("count", lost));
}

static void free_journal(OptoutJournal *journal)
{
    for (Line *line = journal->first, *following; line; line = following) {
        following = line->following;
        free(line);
    }
    journal_file_close(&journal->file);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

OptoutJournal *optout_journal_open(const char *folder, Intake *intake, Fault *fault)
{
    OptoutJournal *journal = calloc(1, sizeof *journal);
    if (!journal)
        abort();
    journal->intake = intake;
    journal->file.file = -1;
    journal->state.healthy = true;
    pthread_mutex_init(&journal->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    Status status = journal_file_open(&journal->file, folder, take_entry, journal, fault);
    if (!status && journal->first)
        log_line(LOG_WARN, "opt-outs of an earlier run are in the journal, and go through the line now", LOG_NUMBER("bytes", journal->file.bytes));
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
    say_what_is_lost(journal);
    free_journal(journal);
}
