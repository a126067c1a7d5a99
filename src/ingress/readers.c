/* A queue and its threads. */
#include "ingress/readers.h"

#include <pthread.h>
#include <stdlib.h>

enum { QUEUE_MAX = 1000 };

typedef struct ReaderThread {
    Readers *readers;
    const Ports *ports;
    pthread_t thread;
} ReaderThread;

struct Readers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    ReaderJob *first, *last;
    size_t queued;
    bool closing;
    size_t count;
    ReaderThread threads[];
};

static ReaderJob *next_job(Readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    while (!readers->first && !readers->closing)
        pthread_cond_wait(&readers->changed, &readers->lock);
    ReaderJob *job = readers->first;
    if (job) {
        readers->first = job->following;
        readers->last = readers->first ? readers->last : NULL;
        readers->queued--;
    }
    pthread_mutex_unlock(&readers->lock);
    return job;
}

static void *read_jobs(void *argument)
{
    ReaderThread *thread = argument;
    for (ReaderJob *job; (job = next_job(thread->readers));)
        job->run(job, thread->ports);
    return NULL;
}

Readers *readers_open(const Ports *const *ports, size_t count, Fault *fault)
{
    Readers *readers = calloc(1, sizeof *readers + sizeof *readers->threads * count);
    if (!readers)
        abort();
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->changed, NULL);
    for (; readers->count < count; readers->count++) {
        ReaderThread *thread = &readers->threads[readers->count];
        *thread = (ReaderThread){.readers = readers, .ports = ports[readers->count]};
        if (pthread_create(&thread->thread, NULL, read_jobs, thread)) {
            fault_set(fault, STATUS_FATAL, "no_thread", "no thread could be started");
            readers_stop(readers);
            readers_free(readers);
            return NULL;
        }
    }
    return readers;
}

bool readers_do(Readers *readers, ReaderJob *job)
{
    pthread_mutex_lock(&readers->lock);
    bool takes = !readers->closing && readers->queued < QUEUE_MAX;
    if (takes) {
        job->following = NULL;
        *(readers->last ? &readers->last->following : &readers->first) = job;
        readers->last = job;
        readers->queued++;
        pthread_cond_signal(&readers->changed);
    }
    pthread_mutex_unlock(&readers->lock);
    return takes;
}

void readers_stop(Readers *readers)
{
    if (!readers)
        return;
    pthread_mutex_lock(&readers->lock);
    readers->closing = true;
    pthread_cond_broadcast(&readers->changed);
    pthread_mutex_unlock(&readers->lock);
    for (size_t i = 0; i < readers->count; i++)
        pthread_join(readers->threads[i].thread, NULL);
}

void readers_free(Readers *readers)
{
    if (!readers)
        return;
    pthread_cond_destroy(&readers->changed);
    pthread_mutex_destroy(&readers->lock);
    free(readers);
}
