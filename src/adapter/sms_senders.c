#include "adapter/sms_senders.h"

#include <pthread.h>
#include <stdlib.h>

#include "adapter/sms_provider.h"
#include "base/clock.h"

enum { ROWS_MAX = 64, SENDER_BYTES_MAX = 256, SECOND_NS = 1000 * 1000 * 1000, WAIT_MOST_MS = 60 * 1000 };

/* The rate is kept by the time at which all that went out would have gone out evenly (ITU-T I.371, annex A, generic cell rate). */
typedef struct Bucket {
    Slice sender;
    int64_t even_ns;     /* elapsed time at which the next one is due at the rate */
    int64_t promised_ns; /* elapsed time that was given to the last one that has to wait */
} Bucket;

typedef struct Row { Slice provider, prefix, sender; } Row;

struct SmsSenders {
    Row rows[ROWS_MAX];
    size_t row_count;
    int64_t interval_ns; /* 0 = no limit */
    pthread_mutex_t lock; /* guards the rest */
    Bucket buckets[ROWS_MAX + 1]; /* one for texts that name no sender */
    size_t bucket_count;
    Arena arena;
};

/* ---- the rows ---- */

static bool is_prefix(Slice prefix)
{
    if (slice_equal(prefix, SLICE("*")))
        return true;
    for (size_t i = 1; i < prefix.bytes; i++) {
        if (prefix.at[i] < '0' || prefix.at[i] > '9')
            return false;
    }
    return prefix.bytes > 1 && prefix.at[0] == '+';
}

static bool read_row(Slice text, Row *ret)
{
    const char *equals = memchr(text.at, '=', text.bytes);
    if (!equals) {
        *ret = (Row){.prefix = SLICE("*"), .sender = text};
        return true;
    }
    Slice key = slice_trim((Slice){text.at, (size_t)(equals - text.at)}, " ");
    Slice sender = slice_trim((Slice){equals + 1, (size_t)(text.at + text.bytes - equals - 1)}, " ");
    const char *colon = key.bytes ? memchr(key.at, ':', key.bytes) : NULL;
    Slice provider = {key.at, colon ? (size_t)(colon - key.at) : 0};
    Slice prefix = colon ? (Slice){colon + 1, (size_t)(key.at + key.bytes - colon - 1)} : key;
    *ret = (Row){provider, prefix, sender};
    return (!colon || sms_provider_named(provider)) && is_prefix(prefix) && sender.bytes && sender.bytes <= SENDER_BYTES_MAX;
}

static Status read_rows(SmsSenders *senders, const char *rows, Fault *fault)
{
    Slice rest = arena_copy(&senders->arena, slice_of(rows));
    while (rest.bytes) {
        const char *comma = memchr(rest.at, ',', rest.bytes);
        size_t bytes = comma ? (size_t)(comma - rest.at) : rest.bytes, skipped = bytes + (comma != NULL);
        Slice text = slice_trim((Slice){rest.at, bytes}, " ");
        rest = (Slice){rest.at + skipped, rest.bytes - skipped};
        if (slice_empty(text))
            continue;
        if (senders->row_count == ROWS_MAX || !read_row(text, &senders->rows[senders->row_count]))
            return fault_set(fault, STATUS_REJECT, "setting_value",
                             "PLEDGELINE_SMS_FROM has \"%.*s\"; it must be up to %d rows like +1=+12025550100, twilio:+44=Charity or *=Charity,"
                             " each for one of the providers or for all",
                             text.bytes > 60 ? 60 : (int)text.bytes, text.at, ROWS_MAX);
        senders->row_count++;
    }
    return STATUS_OK;
}

static size_t length_of_match(const Row *row, const char *provider, Slice phone)
{
    bool is_for_all = slice_equal(row->prefix, SLICE("*")), is_for_one = !slice_empty(row->provider);
    if (is_for_one && !slice_equal(row->provider, slice_of(provider)))
        return 0;
    if (!is_for_all && !slice_starts_with(phone, row->prefix))
        return 0;
    return row->prefix.bytes + (is_for_one ? SENDER_BYTES_MAX : 0);
}

Slice sms_sender_of(const SmsSenders *senders, const char *provider, Slice phone)
{
    size_t longest = 0;
    Slice sender = {0};
    for (size_t i = 0; i < senders->row_count; i++) {
        size_t length = length_of_match(&senders->rows[i], provider, phone);
        if (length > longest) {
            longest = length;
            sender = senders->rows[i].sender;
        }
    }
    return sender;
}

/* ---- the rate ---- */

/* There are as many senders as rows, and one. */
static Bucket *bucket_of(SmsSenders *senders, Slice sender)
{
    for (size_t i = 0; i < senders->bucket_count; i++) {
        if (slice_equal(senders->buckets[i].sender, sender))
            return &senders->buckets[i];
    }
    Bucket *bucket = &senders->buckets[senders->bucket_count++];
    bucket->sender = sender;
    return bucket;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* Those who wait get times one after the other, so that they do not come back in one moment, most of them in vain. */
static int64_t promise(Bucket *bucket, int64_t interval_ns, int64_t now_ns)
{
    int64_t first_ns = bucket->even_ns - SECOND_NS + interval_ns;
    bucket->promised_ns = later(bucket->promised_ns + interval_ns, first_ns);
    int64_t wait_ms = (bucket->promised_ns - now_ns) / 1000000 + 1;
    if (wait_ms <= WAIT_MOST_MS)
        return wait_ms;
    bucket->promised_ns = first_ns;
    return WAIT_MOST_MS;
}

/* A second's worth may go out at once. */
bool sms_sender_may_send(SmsSenders *senders, Slice sender, int64_t *ret_wait_ms)
{
    if (!senders->interval_ns)
        return true;
    pthread_mutex_lock(&senders->lock);
    int64_t now_ns = clock_elapsed_ns();
    Bucket *bucket = bucket_of(senders, sender);
    bool may = bucket->even_ns <= now_ns + SECOND_NS - senders->interval_ns;
    if (may)
        bucket->even_ns = later(bucket->even_ns, now_ns) + senders->interval_ns;
    else
        *ret_wait_ms = promise(bucket, senders->interval_ns, now_ns);
    pthread_mutex_unlock(&senders->lock);
    return may;
}

/* ---- open and close ---- */

Status sms_senders_open(const char *rows, int64_t rate, SmsSenders **ret, Fault *fault)
{
    SmsSenders *senders = calloc(1, sizeof *senders);
    if (!senders)
        abort();
    pthread_mutex_init(&senders->lock, NULL);
    senders->interval_ns = rate ? SECOND_NS / rate : 0;
    Status status = read_rows(senders, rows, fault);
    if (status) {
        sms_senders_close(senders);
        return status;
    }
    *ret = senders;
    return STATUS_OK;
}

void sms_senders_close(SmsSenders *senders)
{
    if (!senders)
        return;
    pthread_mutex_destroy(&senders->lock);
    arena_done(&senders->arena);
    free(senders);
}
