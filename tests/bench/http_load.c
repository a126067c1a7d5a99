/* The load generator, the same for the server and for its ceiling: one thread, keep-alive connections, each sends its next
 * request when the last one is answered. Requests are made beforehand, all different, and only 2xx answers count. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_peer.h"
#include "http_requests.h"
#include "measure.h"

enum { CONNECTIONS_MAX = 256, ANSWER_BYTES_MAX = 128 * 1024 };

typedef struct Peer {
    int socket;
    Slice rest;   /* of the request, still to be sent */
    bool waits_to_send;
    size_t got;
    char answer[ANSWER_BYTES_MAX];
} Peer;

typedef struct Load {
    const Requests *requests;
    size_t next, answered, accepted; /* requests */
    size_t answer_bytes;             /* of the last body */
    int poll;
    Peer *peers;
    size_t peer_count;
} Load;

static void watch(Load *load, Peer *peer, int operation, bool to_send)
{
    struct epoll_event event = {.events = to_send ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(load->poll, operation, peer->socket, &event))
        give_up("epoll does not take a connection");
    peer->waits_to_send = to_send;
}

static void send_rest(Load *load, Peer *peer)
{
    while (peer->rest.bytes) {
        ssize_t sent = send(peer->socket, peer->rest.at, peer->rest.bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            give_up("the server closed a connection while a request was sent");
        if (sent < 0)
            break;
        peer->rest = (Slice){peer->rest.at + sent, peer->rest.bytes - (size_t)sent};
    }
    if (peer->waits_to_send != (peer->rest.bytes > 0))
        watch(load, peer, EPOLL_CTL_MOD, peer->rest.bytes > 0);
}

static void send_next(Load *load, Peer *peer)
{
    if (load->next == load->requests->count)
        return;
    peer->rest = load->requests->items[load->next++];
    peer->got = 0;
    send_rest(load, peer);
}

static void take_answer(Load *load, Peer *peer)
{
    HttpAnswerHead head;
    ssize_t got = recv(peer->socket, peer->answer + peer->got, sizeof peer->answer - peer->got, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        give_up("the server closed a connection, or its answer is longer than expected");
    peer->got += (size_t)got;
    if (!http_answer_head(peer->answer, peer->got, &head) || peer->got < head.bytes)
        return;
    load->answered++;
    load->accepted += head.code >= 200 && head.code < 300;
    load->answer_bytes = head.body_bytes;
    send_next(load, peer);
}

static void run(Load *load)
{
    struct epoll_event events[64];
    for (size_t i = 0; i < load->peer_count; i++)
        send_next(load, &load->peers[i]);
    while (load->answered < load->requests->count) {
        int count = epoll_wait(load->poll, events, 64, 10000);
        if (count <= 0)
            give_up("the server has not answered for ten seconds");
        for (int i = 0; i < count; i++) {
            if (events[i].events & EPOLLOUT)
                send_rest(load, events[i].data.ptr);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                take_answer(load, events[i].data.ptr);
        }
    }
}

static void connect_all(Load *load, uint16_t port)
{
    load->poll = epoll_create1(EPOLL_CLOEXEC);
    load->peers = calloc(load->peer_count, sizeof *load->peers);
    if (load->poll < 0 || !load->peers)
        give_up("no room for the connections");
    for (size_t i = 0; i < load->peer_count; i++) {
        Peer *peer = &load->peers[i];
        peer->socket = http_connect(port);
        fcntl(peer->socket, F_SETFL, O_NONBLOCK);
        watch(load, peer, EPOLL_CTL_ADD, false);
    }
}

static void disconnect_all(Load *load)
{
    for (size_t i = 0; i < load->peer_count; i++)
        close(load->peers[i].socket);
    close(load->poll);
    free(load->peers);
}

/* Requests of `events` events in all, made in parts so that they need little memory. */
int main(int argc, char **argv)
{
    RequestKind kind = (RequestKind)option_number(argc, argv, "kind", REQUEST_PUBLISH_BATCH);
    int64_t requests_left = option_number(argc, argv, "requests", 5000), part_most = option_number(argc, argv, "part", 100000);
    Load load = {.peer_count = (size_t)option_number(argc, argv, "connections", 64)};
    Mix *mix = mix_new((uint64_t)option_number(argc, argv, "seed", 5), MIX_CALLS_AT_ONCE);
    connect_all(&load, (uint16_t)option_number(argc, argv, "port", 0));
    int64_t ns = 0, accepted_events = 0, refused = 0;
    for (; requests_left > 0; requests_left -= part_most) {
        Requests requests;
        requests_make(&requests, mix, kind, (size_t)(requests_left < part_most ? requests_left : part_most));
        load.requests = &requests;
        load.next = load.answered = load.accepted = 0;
        int64_t started_ns = clock_elapsed_ns();
        run(&load);
        ns += clock_elapsed_ns() - started_ns;
        accepted_events += (int64_t)(load.accepted * requests.events_each);
        refused += (int64_t)(requests.count - load.accepted);
        requests_done(&requests);
    }
    report("us", accepted_events ? (double)ns / 1e3 / (double)accepted_events : 0);
    report("refused", (double)refused);
    report("answer_bytes", (double)load.answer_bytes);
    disconnect_all(&load);
    mix_free(mix);
    return 0;
}
