/* One lock for all histograms: they count opt-outs and hang-ups, some a second. */
#include "base/histogram.h"

#include <pthread.h>
#include <string.h>

const int64_t histogram_bounds_ms[HISTOGRAM_BUCKETS] = {10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 60000, 3600000};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Where the next wait is kept: behind the others, or in the place of the shortest. */
static int64_t *place_of_next(Histogram *histogram)
{
    if (histogram->kept < HISTOGRAM_KEPT_MAX)
        return &histogram->kept_ms[histogram->kept++];
    int64_t *shortest = histogram->kept_ms;
    for (size_t i = 1; i < HISTOGRAM_KEPT_MAX; i++) {
        if (histogram->kept_ms[i] < *shortest)
            shortest = &histogram->kept_ms[i];
    }
    return shortest;
}

static void keep(Histogram *histogram, int64_t wait_ms)
{
    bool has_room = histogram->kept < HISTOGRAM_KEPT_MAX;
    int64_t *place = place_of_next(histogram);
    if (has_room || wait_ms > *place)
        *place = wait_ms;
}

void histogram_add(Histogram *histogram, int64_t wait_ms)
{
    if (wait_ms < 0)
        wait_ms = 0;
    size_t bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS && wait_ms > histogram_bounds_ms[bucket])
        bucket++;
    pthread_mutex_lock(&lock);
    if (bucket < HISTOGRAM_BUCKETS)
        histogram->counts[bucket]++;
    histogram->count++;
    histogram->sum_ms += wait_ms;
    keep(histogram, wait_ms);
    pthread_mutex_unlock(&lock);
}

void histogram_read(const Histogram *histogram, Histogram *ret)
{
    pthread_mutex_lock(&lock);
    *ret = *histogram;
    pthread_mutex_unlock(&lock);
}

size_t histogram_take(Histogram *histogram, int64_t ret_ms[HISTOGRAM_KEPT_MAX])
{
    pthread_mutex_lock(&lock);
    size_t taken = histogram->kept;
    memcpy(ret_ms, histogram->kept_ms, taken * sizeof *ret_ms);
    histogram->kept = 0;
    pthread_mutex_unlock(&lock);
    return taken;
}
