#include "adapter/sms_crew.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS_MAX = 256 };

struct SmsCrew {
    const AwsSettings *aws;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wanted, over;
    pthread_t threads[THREADS_MAX];
    size_t thread_count, threads_max, idle, waiting;
    SmsTask *first, **last;
    bool is_stopping;
};

/* ---- the threads ---- */

static SmsConnection connect_to_all(const SmsCrew *crew)
{
    SmsConnection connection = {.http = http_client_new(NULL)};
    if (crew->aws)
        connection.aws = aws_client_new("sms-voice", crew->aws);
    return connection;
}

static SmsTask *take(SmsCrew *crew)
{
    SmsTask *task = crew->first;
    crew->first = task->following;
    crew->last = crew->first ? crew->last : &crew->first;
    crew->waiting--;
    return task;
}

/* With the lock, which it leaves while it asks. */
static void work_off(SmsCrew *crew, SmsConnection *connection)
{
    SmsTask *task = take(crew);
    pthread_mutex_unlock(&crew->lock);
    task->run(task, connection);
    pthread_mutex_lock(&crew->lock);
    task->is_over = true;
    pthread_cond_broadcast(&crew->over);
}

static void *work(void *context)
{
    SmsCrew *crew = context;
    SmsConnection connection = connect_to_all(crew);
    pthread_mutex_lock(&crew->lock);
    while (crew->first || !crew->is_stopping) {
        if (crew->first) {
            work_off(crew, &connection);
            continue;
        }
        crew->idle++;
        pthread_cond_wait(&crew->wanted, &crew->lock);
        crew->idle--;
    }
    pthread_mutex_unlock(&crew->lock);
    aws_client_free(connection.aws);
    http_client_free(connection.http);
    return NULL;
}

/* As many as have something to do. */
static bool start_threads(SmsCrew *crew, size_t count)
{
    size_t missing = crew->waiting + count > crew->idle ? crew->waiting + count - crew->idle : 0;
    while (missing-- && crew->thread_count < crew->threads_max && !pthread_create(&crew->threads[crew->thread_count], NULL, work, crew))
        crew->thread_count++;
    return crew->thread_count > 0;
}

/* ---- asking ---- */

static bool are_over(SmsTask *const *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!tasks[i]->is_over)
            return false;
    }
    return true;
}

static void queue(SmsCrew *crew, SmsTask *const *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tasks[i]->is_over = false;
        tasks[i]->following = NULL;
        *crew->last = tasks[i];
        crew->last = &tasks[i]->following;
    }
    crew->waiting += count;
    pthread_cond_broadcast(&crew->wanted);
}

bool sms_crew_do(SmsCrew *crew, SmsTask *const *tasks, size_t count)
{
    pthread_mutex_lock(&crew->lock);
    bool can = start_threads(crew, count);
    if (can)
        queue(crew, tasks, count);
    while (can && !are_over(tasks, count))
        pthread_cond_wait(&crew->over, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
    return can;
}

/* ---- life ---- */

SmsCrew *sms_crew_new(size_t threads_max, const AwsSettings *aws)
{
    SmsCrew *crew = calloc(1, sizeof *crew);
    if (!crew)
        abort();
    crew->aws = aws;
    crew->threads_max = threads_max < THREADS_MAX ? threads_max : THREADS_MAX;
    crew->last = &crew->first;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->wanted, NULL);
    pthread_cond_init(&crew->over, NULL);
    return crew;
}

void sms_crew_free(SmsCrew *crew)
{
    if (!crew)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->is_stopping = true;
    pthread_cond_broadcast(&crew->wanted);
    pthread_mutex_unlock(&crew->lock);
    for (size_t i = 0; i < crew->thread_count; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_cond_destroy(&crew->wanted);
    pthread_cond_destroy(&crew->over);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}
