/* Copies the log into the database on a thread and a connection of its own, so that the writer does not wait for the disk in
 * the middle of a batch. A checkpoint syncs the log before the database and the database before the log may start again, so
 * what was committed survives whichever step is cut.
 *
 * SQLite before 3.51.3 can lose pages when a commit starts the log again while a checkpoint begins on another connection
 * (sqlite.org/wal.html, "The WAL-Reset Bug"). A log starts again only when all of it was copied; so here no checkpoint begins
 * unless some of it was not, and there is one at a time: `copied` is never below what is really copied. */
#include <pthread.h>
#include <stdlib.h>

#include "adapter/sqlite_store.h"

enum {
    COPY_EVERY_FRAMES = 4000,   /* a page each, 4 kB */
    WRITER_HELPS_FRAMES = 24000, /* the bound of the log, about 100 MB: the writer waits, and copies itself what is left */
};

struct SqliteCheckpoints {
    SqliteStore *store;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a copy is due, one has ended, or the end has come */
    pthread_t thread;
    int frames;  /* in the log, at the last commit */
    int copied;  /* of them, at most */
    bool is_running, has_thread, is_stopping;
};

static bool is_due(const SqliteCheckpoints *self) { return !self->is_running && self->frames - self->copied >= COPY_EVERY_FRAMES; }

/* With the lock, which is open while SQLite works. A failure leaves the log as it is; the next try copies the same again. */
static void copy_log(SqliteCheckpoints *self, sqlite3 *db)
{
    int copied, frames = self->frames;
    self->is_running = true;
    pthread_mutex_unlock(&self->lock);
    int code = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, &copied);
    pthread_mutex_lock(&self->lock);
    self->is_running = false;
    pthread_cond_broadcast(&self->changed);
    self->copied = code || copied < 0 ? frames : copied;
}

static void *run(void *context)
{
    SqliteCheckpoints *self = context;
    sqlite3 *db = NULL;
    bool is_open = !sqlite3_open_v2(self->store->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) &&
                   !sqlite3_exec(db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;", NULL, NULL, NULL);
    pthread_mutex_lock(&self->lock);
    while (is_open && !self->is_stopping) {
        if (is_due(self))
            copy_log(self, db);
        else
            pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    sqlite3_close(db);
    return NULL;
}

/* Short-lived writers never need the thread, so it starts with the first copy. Without one the writer does it all. */
static void call_thread(SqliteCheckpoints *self)
{
    if (!self->has_thread)
        self->has_thread = !pthread_create(&self->thread, NULL, run, self);
    pthread_cond_broadcast(&self->changed);
}

/* After each commit of the writer. Its result would be the commit's, which is durable already. */
static int note_commit(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)name;
    SqliteCheckpoints *self = context;
    pthread_mutex_lock(&self->lock);
    self->frames = frames;
    if (frames < self->copied)
        self->copied = 0; /* the log has started again */
    while (self->is_running && frames >= WRITER_HELPS_FRAMES)
        pthread_cond_wait(&self->changed, &self->lock);
    if (is_due(self) && frames >= WRITER_HELPS_FRAMES)
        copy_log(self, db);
    else if (is_due(self))
        call_thread(self);
    pthread_mutex_unlock(&self->lock);
    return SQLITE_OK;
}

SqliteCheckpoints *sqlite_checkpoints_start(SqliteStore *store)
{
    SqliteCheckpoints *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->store = store;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    sqlite3_wal_hook(store->db, note_commit, self);
    return self;
}

void sqlite_checkpoints_stop(SqliteCheckpoints *self)
{
    if (!self)
        return;
    sqlite3_wal_hook(self->store->db, NULL, NULL);
    pthread_mutex_lock(&self->lock);
    self->is_stopping = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (self->has_thread)
        pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
