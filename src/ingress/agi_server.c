/* The thread of all calls: it waits for connections, for lines, and for what others have done for a call. A clock ticks while there is
 * somebody to wait for. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingress/agi_call.h"
#include "ingress/agi_outbox.h"

enum { CALLS_MAX = 4096, EVENTS_MAX = 256, TICK_MS = 100, GRACE_MS = 5000 };

struct Agi {
    AgiSettings settings;
    Intake *intake;
    Readers *checks;
    AgiOutbox *outbox;
    Address address;
    int listener, poll, bell;
    pthread_t thread;
    atomic_bool is_stopping;

    AgiCall *calls;  /* the thread's own, all of them */
    size_t count;
    bool is_deaf;    /* no more files can be opened: who connects waits for the next tick */
    int64_t tick_at_ms, leave_at_ms;

    pthread_mutex_t lock; /* guards the wakes */
    AgiWake *first, *last;
};

const AgiSettings *agi_settings(const Agi *agi) { return &agi->settings; }
Intake *agi_intake(const Agi *agi) { return agi->intake; }
Readers *agi_checks(const Agi *agi) { return agi->checks; }
AgiOutbox *agi_outbox(const Agi *agi) { return agi->outbox; }

/* ---- wakes ---- */

static void ring(Agi *agi)
{
    ssize_t written = write(agi->bell, &(uint64_t){1}, sizeof(uint64_t));
    (void)written; /* it rings already */
}

void agi_wake(Agi *agi, AgiWake *wake)
{
    pthread_mutex_lock(&agi->lock);
    wake->following = NULL;
    *(agi->last ? &agi->last->following : &agi->first) = wake;
    agi->last = wake;
    pthread_mutex_unlock(&agi->lock);
    ring(agi);
}

static void run_wakes(Agi *agi)
{
    uint64_t rings;
    ssize_t got = read(agi->bell, &rings, sizeof rings);
    (void)got;
    pthread_mutex_lock(&agi->lock);
    AgiWake *wake = agi->first;
    agi->first = agi->last = NULL;
    pthread_mutex_unlock(&agi->lock);
    while (wake) {
        AgiWake *following = wake->following; /* it may go in its run */
        wake->run(wake);
        wake = following;
    }
}

/* ---- calls ---- */

void agi_watch(AgiCall *call, bool for_writing)
{
    struct epoll_event event = {.events = EPOLLIN | (for_writing ? (uint32_t)EPOLLOUT : 0), .data.ptr = call};
    epoll_ctl(call->agi->poll, EPOLL_CTL_MOD, call->fd, &event);
}

static void add_call(Agi *agi, int fd)
{
    AgiCall *call = agi_call_new(agi, fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = call};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    call->following = agi->calls;
    if (agi->calls)
        agi->calls->previous = call;
    agi->calls = call;
    agi->count++;
    metric_add(METRIC_AGI_CALLS, 1);
    if (epoll_ctl(agi->poll, EPOLL_CTL_ADD, fd, &event))
        agi_cut(call);
}

static void remove_call(Agi *agi, AgiCall *call)
{
    *(call->previous ? &call->previous->following : &agi->calls) = call->following;
    if (call->following)
        call->following->previous = call->previous;
    agi->count--;
    agi_call_free(call);
}

/* Never in the middle of a round: an event of it may be about a call that went in the same round. */
static void bury(Agi *agi)
{
    int64_t open = 0;
    for (AgiCall *call = agi->calls, *following; call; call = following) {
        following = call->following;
        open += call->fd >= 0;
        if (call->fd < 0 && !call->holds)
            remove_call(agi, call);
    }
    metric_set(METRIC_AGI_CALLS_OPEN, open);
}

static void listen_up(Agi *agi, bool listens)
{
    struct epoll_event event = {.events = listens ? (uint32_t)EPOLLIN : 0, .data.ptr = &agi->listener};
    epoll_ctl(agi->poll, EPOLL_CTL_MOD, agi->listener, &event);
    agi->is_deaf = !listens;
}

static bool may_connect(const Agi *agi, const Address *peer)
{
    return address_is_loopback(peer) || address_is_among(&agi->settings.allowed, peer);
}

static void refuse(int fd, const Address *peer, const char *why)
{
    char printed[64];
    address_print(peer, printed);
    log_line(LOG_WARN, "a connection for AGI was refused", LOG_CSTR("reason", why), LOG_CSTR("address", printed));
    close(fd);
}

static void accept_calls(Agi *agi)
{
    for (;;) {
        Address peer = {.bytes = sizeof peer.socket};
        int fd = accept4(agi->listener, (struct sockaddr *)&peer.socket, &peer.bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE))
            listen_up(agi, false);
        if (fd < 0)
            return;
        if (!may_connect(agi, &peer))
            refuse(fd, &peer, "PLEDGELINE_AGI_ALLOW does not name its address");
        else if (agi->count >= CALLS_MAX)
            refuse(fd, &peer, "too many calls at once");
        else
            add_call(agi, fd);
    }
}

/* ---- the thread ---- */

static void tick(Agi *agi)
{
    int64_t now_ms = clock_elapsed_ms();
    if (now_ms < agi->tick_at_ms)
        return;
    agi->tick_at_ms = now_ms + TICK_MS;
    if (agi->is_deaf)
        listen_up(agi, true);
    for (AgiCall *call = agi->calls; call; call = call->following)
        agi_call_tick(call, now_ms);
    agi_outbox_tick(agi->outbox, now_ms);
}

static void stop_calls(Agi *agi)
{
    if (agi->listener < 0)
        return;
    close(agi->listener);
    agi->listener = -1;
    agi->is_deaf = false;
    agi->leave_at_ms = clock_elapsed_ms() + GRACE_MS;
    for (AgiCall *call = agi->calls; call; call = call->following)
        agi_cut(call);
    agi_outbox_stop(agi->outbox);
}

static bool may_leave(Agi *agi)
{
    if (!atomic_load(&agi->is_stopping))
        return false;
    stop_calls(agi);
    return agi_outbox_is_empty(agi->outbox) || clock_elapsed_ms() >= agi->leave_at_ms;
}

static void take_event(Agi *agi, const struct epoll_event *event)
{
    AgiCall *call = event->data.ptr;
    if (event->data.ptr == &agi->listener) {
        accept_calls(agi);
    } else if (event->data.ptr == &agi->bell) {
        run_wakes(agi);
    } else {
        if (call->fd >= 0 && event->events & EPOLLOUT)
            agi_call_write(call);
        if (call->fd >= 0 && event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            agi_call_read(call);
    }
}

static void *work(void *argument)
{
    Agi *agi = argument;
    struct epoll_event events[EVENTS_MAX];
    while (!may_leave(agi)) {
        bool has_clock = agi->calls || agi->is_deaf || !agi_outbox_is_empty(agi->outbox);
        int count = epoll_wait(agi->poll, events, EVENTS_MAX, has_clock ? TICK_MS : -1);
        for (int i = 0; i < count; i++)
            take_event(agi, &events[i]);
        tick(agi);
        bury(agi);
    }
    return NULL;
}

/* ---- open and close ---- */

static Status listen_on(Agi *agi, Fault *fault)
{
    char printed[64];
    const Address *wanted = &agi->settings.listen;
    address_print(wanted, printed);
    agi->listener = socket(wanted->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_open = agi->listener >= 0 && !setsockopt(agi->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) &&
                   !bind(agi->listener, (const struct sockaddr *)&wanted->socket, wanted->bytes) && !listen(agi->listener, SOMAXCONN);
    if (!is_open)
        return fault_set(fault, STATUS_FATAL, "agi_listen", "cannot listen for FastAGI on %s: %s; choose another PLEDGELINE_AGI", printed, strerror(errno));
    agi->address.bytes = sizeof agi->address.socket;
    getsockname(agi->listener, (struct sockaddr *)&agi->address.socket, &agi->address.bytes);
    return STATUS_OK;
}

static bool watch_own(Agi *agi)
{
    agi->poll = epoll_create1(EPOLL_CLOEXEC);
    agi->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event listener = {.events = EPOLLIN, .data.ptr = &agi->listener}, bell = {.events = EPOLLIN, .data.ptr = &agi->bell};
    return agi->poll >= 0 && agi->bell >= 0 && !epoll_ctl(agi->poll, EPOLL_CTL_ADD, agi->listener, &listener) &&
           !epoll_ctl(agi->poll, EPOLL_CTL_ADD, agi->bell, &bell);
}

static void close_own(Agi *agi)
{
    const int files[] = {agi->listener, agi->poll, agi->bell};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (files[i] >= 0)
            close(files[i]);
    }
    agi_outbox_free(agi->outbox);
    pthread_mutex_destroy(&agi->lock);
    free(agi);
}

Agi *agi_open(const AgiSettings *settings, Intake *intake, Readers *checks, OptoutJournal *journal, Fault *fault)
{
    Agi *agi = calloc(1, sizeof *agi);
    if (!agi)
        abort();
    *agi = (Agi){.settings = *settings, .intake = intake, .checks = checks, .listener = -1, .poll = -1, .bell = -1};
    pthread_mutex_init(&agi->lock, NULL);
    agi->outbox = agi_outbox_new(agi, intake, journal);
    Status status = listen_on(agi, fault);
    if (!status && (!watch_own(agi) || pthread_create(&agi->thread, NULL, work, agi)))
        status = fault_set(fault, STATUS_FATAL, "no_thread", "no thread could be started");
    if (!status)
        return agi;
    close_own(agi);
    return NULL;
}

void agi_address(const Agi *agi, char out[64]) { address_print(&agi->address, out); }

void agi_stop(Agi *agi)
{
    if (!agi)
        return;
    atomic_store(&agi->is_stopping, true);
    ring(agi);
    pthread_join(agi->thread, NULL);
}

void agi_close(Agi *agi)
{
    if (!agi)
        return;
    run_wakes(agi); /* what the line has finished since */
    for (AgiCall *call = agi->calls, *following; call; call = following) {
        following = call->following;
        agi_call_free(call);
    }
    close_own(agi);
}
