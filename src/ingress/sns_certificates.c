/* A table of URLs, each with its certificate, with why there is none, or with those who wait while it is fetched. */
#include "ingress/sns_certificates.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http_client.h"

/* One certificate a region is in use at a time; the rest of the table is for what strangers make up. */
enum { KEPT_MAX = 64, FETCHED_AT_ONCE_MAX = 16, URL_BYTES_MAX = 256 };
enum { PEM_BYTES_MAX = 8 * 1024, FETCH_MS = 3000, FORGET_MISSING_MS = 60 * 1000, FORGET_FAILURE_MS = 5 * 1000 };

typedef enum KeptState { KEPT_NOTHING, KEPT_FAULT, KEPT_CERTIFICATE, KEPT_FETCHING } KeptState;

typedef struct Kept {
    ReaderJob job;
    SnsCertificates *owner;
    char url[URL_BYTES_MAX];
    const char *const *names;
    KeptState state;
    SigningCertificate *certificate;
    Fault fault;
    int64_t forget_ms, used_ms; /* elapsed time */
    SnsCheck *waiting;
} Kept;

struct SnsCertificates {
    Readers *network;
    const char *ca_bundle;
    pthread_mutex_t lock; /* guards all below */
    bool is_stopping;
    Kept kept[KEPT_MAX];
};

/* ---- the table ---- */

static Kept *find(SnsCertificates *certificates, Slice url)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (certificates->kept[i].state != KEPT_NOTHING && slice_equal(slice_of(certificates->kept[i].url), url))
            return &certificates->kept[i];
    }
    return NULL;
}

/* What is made up pushes out what was made up before, never a certificate while there is anything else. */
static bool goes_before(const Kept *one, const Kept *other)
{
    return one->state != other->state ? one->state < other->state : one->used_ms < other->used_ms;
}

static Kept *room_for_one(SnsCertificates *certificates)
{
    Kept *room = &certificates->kept[0];
    size_t fetching = 0;
    for (size_t i = 0; i < KEPT_MAX; i++) {
        fetching += certificates->kept[i].state == KEPT_FETCHING;
        room = goes_before(&certificates->kept[i], room) ? &certificates->kept[i] : room;
    }
    return fetching < FETCHED_AT_ONCE_MAX ? room : NULL;
}

static void answer(const Kept *kept, SnsCheck *check)
{
    check->fault = kept->fault;
    check->status = kept->fault.status;
    if (kept->state == KEPT_CERTIFICATE)
        check->status = signing_certificate_verify(kept->certificate, check->claim.digest, check->text, check->signature, clock_wall_ms(), &check->fault);
}

/* ---- fetching ---- */

static Status read_answer(const Kept *kept, const HttpAnswer *got, SigningCertificate **ret, Fault *fault)
{
    bool is_missing = got->code >= 400 && got->code < 500 && got->code != 408 && got->code != 425 && got->code != 429;
    if (is_missing)
        return fault_set(fault, STATUS_REJECT, "certificate_missing", "there is no such certificate: %s answers %ld", kept->url, got->code);
    if (got->code != 200)
        return fault_set(fault, STATUS_RETRY, "certificate_unreachable", "%s answers %ld", kept->url, got->code);
    CertificateDemand demand = {.names = kept->names, .ca_bundle = kept->owner->ca_bundle, .now_ms = clock_wall_ms()};
    return signing_certificate_read(got->body, &demand, ret, fault);
}

static Status fetch(const Kept *kept, SigningCertificate **ret, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    HttpClient *client = http_client_new(NULL);
    http_client_trust(client, kept->owner->ca_bundle);
    HttpRequest request = {.method = "GET", .url = kept->url, .timeout_ms = FETCH_MS, .answer_bytes_max = PEM_BYTES_MAX};
    HttpAnswer got;
    Status status = http_client_ask(client, &request, &arena, &got, fault);
    status = status ? status : read_answer(kept, &got, ret, fault);
    http_client_free(client);
    arena_done(&arena);
    return status;
}

static void log_fetch(const Kept *kept, Status status, const Fault *fault)
{
    if (status)
        log_line(LOG_WARN, "a certificate of SNS could not be had", LOG_CSTR("url", kept->url), LOG_CSTR("code", fault->code),
                 LOG_CSTR("error", fault->text));
    else
        log_line(LOG_INFO, "a certificate of SNS is known", LOG_CSTR("url", kept->url));
}

/* Keeps what came of it; returns who waited, each with its answer. */
static SnsCheck *land(Kept *kept, Status status, SigningCertificate *certificate, const Fault *fault)
{
    pthread_mutex_lock(&kept->owner->lock);
    kept->state = status ? KEPT_FAULT : KEPT_CERTIFICATE;
    kept->certificate = certificate;
    kept->fault = *fault;
    kept->forget_ms = clock_elapsed_ms() + (status == STATUS_REJECT ? FORGET_MISSING_MS : FORGET_FAILURE_MS);
    SnsCheck *waiting = kept->waiting;
    kept->waiting = NULL;
    for (SnsCheck *check = waiting; check; check = check->following)
        answer(kept, check);
    pthread_mutex_unlock(&kept->owner->lock);
    return waiting;
}

static bool is_stopping(SnsCertificates *certificates)
{
    pthread_mutex_lock(&certificates->lock);
    bool stopping = certificates->is_stopping;
    pthread_mutex_unlock(&certificates->lock);
    return stopping;
}

static void run_fetch(ReaderJob *job, const Ports *ports)
{
    (void)ports;
    Kept *kept = (Kept *)(void *)((char *)job - offsetof(Kept, job));
    SigningCertificate *certificate = NULL;
    Fault fault = {0};
    Status status = is_stopping(kept->owner) ? fault_set(&fault, STATUS_RETRY, "stopping", "the server is stopping") : fetch(kept, &certificate, &fault);
    log_fetch(kept, status, &fault);
    for (SnsCheck *check = land(kept, status, certificate, &fault), *following; check; check = following) {
        following = check->following;
        check->done(check);
    }
}

/* ---- asking ---- */

static Status start_fetch(SnsCertificates *certificates, SnsCheck *check, Fault *fault)
{
    Kept *kept = room_for_one(certificates);
    if (!kept || check->claim.certificate_url.bytes >= URL_BYTES_MAX)
        return fault_set(fault, STATUS_RETRY, "overloaded", "too many certificates are being fetched; try again later");
    signing_certificate_free(kept->certificate);
    *kept = (Kept){.job.run = run_fetch, .owner = certificates, .names = check->claim.topic->certificate_names, .state = KEPT_FETCHING,
                   .used_ms = clock_elapsed_ms(), .waiting = check};
    memcpy(kept->url, check->claim.certificate_url.at, check->claim.certificate_url.bytes);
    if (readers_do(certificates->network, &kept->job))
        return STATUS_OK;
    *kept = (Kept){0};
    return fault_set(fault, STATUS_RETRY, "stopping", "the server is stopping, or too busy");
}

static bool is_forgotten(const Kept *kept) { return kept->state == KEPT_FAULT && clock_elapsed_ms() >= kept->forget_ms; }

/* True when the answer has to wait. */
static bool ask(SnsCertificates *certificates, SnsCheck *check)
{
    Kept *kept = find(certificates, check->claim.certificate_url);
    if (kept && is_forgotten(kept)) {
        *kept = (Kept){0};
        kept = NULL;
    }
    check->following = NULL;
    if (!kept) {
        check->status = start_fetch(certificates, check, &check->fault);
        return !check->status;
    }
    kept->used_ms = clock_elapsed_ms();
    if (kept->state != KEPT_FETCHING) {
        answer(kept, check);
        return false;
    }
    check->following = kept->waiting;
    kept->waiting = check;
    return true;
}

void sns_certificates_check(SnsCertificates *certificates, SnsCheck *check)
{
    pthread_mutex_lock(&certificates->lock);
    bool waits = ask(certificates, check);
    pthread_mutex_unlock(&certificates->lock);
    if (!waits)
        check->done(check);
}

/* ---- life ---- */

SnsCertificates *sns_certificates_new(Readers *network, const char *ca_bundle)
{
    SnsCertificates *certificates = calloc(1, sizeof *certificates);
    if (!certificates)
        abort();
    certificates->network = network;
    certificates->ca_bundle = ca_bundle;
    pthread_mutex_init(&certificates->lock, NULL);
    return certificates;
}

void sns_certificates_stop(SnsCertificates *certificates)
{
    pthread_mutex_lock(&certificates->lock);
    certificates->is_stopping = true;
    pthread_mutex_unlock(&certificates->lock);
}

void sns_certificates_free(SnsCertificates *certificates)
{
    if (!certificates)
        return;
    for (size_t i = 0; i < KEPT_MAX; i++)
        signing_certificate_free(certificates->kept[i].certificate);
    pthread_mutex_destroy(&certificates->lock);
    free(certificates);
}
