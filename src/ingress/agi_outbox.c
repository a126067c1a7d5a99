/* A list of posts. Who waits in the line or in the journal is not freed, however long that takes. */
#include "ingress/agi_outbox.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingress/api.h"

enum {
    POSTS_MAX = 20000,             /* of what may be lost at all: call events */
    JOURNAL_AFTER_MS = 300,        /* an opt-out is durable by then, or goes into the journal */
    TRY_AGAIN_MS = 250, GIVE_UP_MS = 10 * 60 * 1000,
};

typedef struct Post {
    Ticket ticket;
    Delivery delivery;
    JournalEntry entry;
    AgiWake line_wake, journal_wake;
    AgiOutbox *outbox;
    AgiCall *call;
    void (*settled)(AgiCall *call, bool is_stored);
    int64_t posted_ms, try_at_ms; /* elapsed time */
    bool is_optout, is_in_line, is_in_journal, was_journaled, is_settled;
    struct Post *previous, *following;
    char body[];
} Post;

struct AgiOutbox {
    Agi *agi;
    Intake *intake;
    OptoutJournal *journal;
    Post *posts;
    size_t count;
    bool is_stopping, is_full;
};

#define POST_OF(pointer, member) ((Post *)(void *)((char *)(pointer) - offsetof(Post, member)))

/* ---- the end of a post ---- */

static void settle(Post *post, bool is_stored)
{
    if (post->is_settled)
        return;
    post->is_settled = true;
    if (!post->call)
        return;
    post->settled(post->call, is_stored);
    post->call->holds--;
}

static void free_when_over(Post *post)
{
    AgiOutbox *outbox = post->outbox;
    if (!post->is_settled || post->is_in_line || post->is_in_journal)
        return;
    *(post->previous ? &post->previous->following : &outbox->posts) = post->following;
    if (post->following)
        post->following->previous = post->previous;
    outbox->count--;
    free(post);
}

/* ---- the journal ---- */

static void journaled(AgiWake *wake)
{
    Post *post = POST_OF(wake, journal_wake);
    post->is_in_journal = false;
    settle(post, true);
    free_when_over(post);
}

static void entry_stored(JournalEntry *entry)
{
    Post *post = POST_OF(entry, entry);
    agi_wake(post->outbox->agi, &post->journal_wake);
}

static void journal(Post *post)
{
    if (post->was_journaled || post->is_settled)
        return;
    post->was_journaled = post->is_in_journal = true;
    post->entry = (JournalEntry){.body = post->delivery.body, .received_ms = post->delivery.received_ms, .stored = entry_stored};
    optout_journal_append(post->outbox->journal, &post->entry);
}

/* ---- the line ---- */

static void came_back(AgiWake *wake)
{
    Post *post = POST_OF(wake, line_wake);
    const Delivery *delivery = &post->delivery;
    post->is_in_line = false;
    if (delivery_is_taken(delivery))
        settle(post, post->is_optout || delivery->verdict != VERDICT_REJECT);
    else if (post->is_optout)
        journal(post);
    free_when_over(post);
}

static void ticket_finished(Ticket *ticket)
{
    Post *post = POST_OF(ticket, ticket);
    agi_wake(post->outbox->agi, &post->line_wake);
}

static void submit(Post *post, int64_t now_ms)
{
    Fault fault;
    post->try_at_ms = now_ms + TRY_AGAIN_MS;
    post->ticket = (Ticket){.deliveries = &post->delivery, .count = 1, .finished = ticket_finished};
    post->is_in_line = intake_submit(post->outbox->intake, &post->ticket, &fault) == STATUS_OK;
    if (!post->is_in_line && post->is_optout)
        journal(post);
}

/* ---- for calls ---- */

AgiOutbox *agi_outbox_new(Agi *agi, Intake *intake, OptoutJournal *journal_of_all)
{
    AgiOutbox *outbox = calloc(1, sizeof *outbox);
    if (!outbox)
        abort();
    *outbox = (AgiOutbox){.agi = agi, .intake = intake, .journal = journal_of_all};
    return outbox;
}

void agi_outbox_free(AgiOutbox *outbox)
{
    for (Post *post = outbox->posts, *following; post; post = following) {
        following = post->following;
        free(post);
    }
    free(outbox);
}

/* One line in the log when it begins. */
static bool is_full(AgiOutbox *outbox)
{
    bool was_full = outbox->is_full;
    outbox->is_full = outbox->count >= POSTS_MAX;
    if (outbox->is_full && !was_full)
        log_line(LOG_ERROR, "the line has taken no events of calls for so long that further ones are lost", LOG_NUMBER("waiting", (int64_t)outbox->count));
    return outbox->is_full;
}

void agi_outbox_post(AgiOutbox *outbox, Slice topic, Slice body, AgiCall *call, void (*settled)(AgiCall *call, bool is_stored))
{
    if (!call && is_full(outbox))
        return;
    Post *post = calloc(1, sizeof *post + body.bytes);
    if (!post)
        abort();
    memcpy(post->body, body.at, body.bytes);
    post->outbox = outbox;
    post->line_wake.run = came_back;
    post->journal_wake.run = journaled;
    post->call = call;
    post->settled = settled;
    post->is_optout = slice_equal(topic, SLICE("optout-events"));
    post->posted_ms = clock_elapsed_ms();
    post->delivery = (Delivery){.body = {post->body, body.bytes}, .topic = topic, .received_ms = clock_wall_ms()};
    if (post->is_optout)
        intake_hold(outbox->intake, &post->delivery);
    if (call)
        call->holds++;
    post->following = outbox->posts;
    if (outbox->posts)
        outbox->posts->previous = post;
    outbox->posts = post;
    outbox->count++;
    submit(post, post->posted_ms);
}

/* ---- time ---- */

static void give_up(Post *post)
{
    log_line(LOG_ERROR, "a message of a call could not be stored, and is lost", LOG_TEXT("topic", post->delivery.topic),
             LOG_CSTR("error", post->delivery.fault.text));
    settle(post, false);
}

static void tick_post(Post *post, int64_t now_ms)
{
    if (post->is_settled)
        return;
    if (post->is_optout) {
        if (now_ms - post->posted_ms >= JOURNAL_AFTER_MS || post->outbox->is_stopping)
            journal(post);
        return;
    }
    if (post->is_in_line)
        return;
    if (now_ms - post->posted_ms >= GIVE_UP_MS || post->outbox->is_stopping)
        give_up(post);
    else if (now_ms >= post->try_at_ms)
        submit(post, now_ms);
}

void agi_outbox_tick(AgiOutbox *outbox, int64_t now_ms)
{
    for (Post *post = outbox->posts, *following; post; post = following) {
        following = post->following;
        tick_post(post, now_ms);
        free_when_over(post);
    }
}

void agi_outbox_stop(AgiOutbox *outbox)
{
    outbox->is_stopping = true;
    agi_outbox_tick(outbox, clock_elapsed_ms());
}

bool agi_outbox_is_empty(const AgiOutbox *outbox) { return !outbox->posts; }
