/* Sockets never block: each step is tried, and what it waits for is polled until the deadline. */
#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

struct Stream {
    int fd;
    SSL *ssl; /* NULL = plain */
    char name[128]; /* "host:port", for faults */
};

static Status lost(const Stream *stream, const char *why, Fault *fault)
{
    return fault_set(fault, STATUS_RETRY, "connection_lost", "%s: %s", stream->name, why);
}

/* OK when the socket is ready for one of the events, or broken, which the next step on it will tell. */
static Status wait_for(const Stream *stream, short events, int64_t deadline_ms, Fault *fault)
{
    for (;;) {
        int64_t left_ms = deadline_ms - clock_elapsed_ms();
        struct pollfd wanted = {.fd = stream->fd, .events = events};
        int ready = left_ms > 0 ? poll(&wanted, 1, left_ms < 60000 ? (int)left_ms : 60000) : 0;
        if (ready > 0)
            return STATUS_OK;
        if (ready < 0 && errno != EINTR)
            return lost(stream, strerror(errno), fault);
        if (clock_elapsed_ms() >= deadline_ms)
            return fault_set(fault, STATUS_RETRY, "timeout", "%s did not answer in time", stream->name);
    }
}

/* ---- connecting ---- */

static Status finish_connect(const Stream *stream, int64_t deadline_ms, Fault *fault)
{
    Status status = wait_for(stream, POLLOUT, deadline_ms, fault);
    if (status)
        return status;
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    return error ? fault_set(fault, STATUS_RETRY, "unreachable", "%s: %s", stream->name, strerror(error)) : STATUS_OK;
}

static Status connect_to(Stream *stream, const struct addrinfo *address, int64_t deadline_ms, Fault *fault)
{
    static const int on = 1;
    stream->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return fault_set(fault, STATUS_RETRY, "unreachable", "%s: no socket: %s", stream->name, strerror(errno));
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(stream->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (connect(stream->fd, address->ai_addr, address->ai_addrlen) == 0)
        return STATUS_OK;
    if (errno != EINPROGRESS)
        return fault_set(fault, STATUS_RETRY, "unreachable", "%s: %s", stream->name, strerror(errno));
    return finish_connect(stream, deadline_ms, fault);
}

/* Each address of the name in turn; those before the last get an equal part of the time. */
static Status connect_to_any(Stream *stream, const struct addrinfo *addresses, int64_t deadline_ms, Fault *fault)
{
    int64_t count = 0;
    for (const struct addrinfo *each = addresses; each; each = each->ai_next)
        count++;
    Status status = STATUS_RETRY;
    for (const struct addrinfo *each = addresses; each && status; each = each->ai_next, count--) {
        int64_t now_ms = clock_elapsed_ms();
        if (stream->fd >= 0)
            close(stream->fd);
        status = connect_to(stream, each, now_ms + (deadline_ms - now_ms) / count, fault);
    }
    return status;
}

static Status resolve_and_connect(Stream *stream, const StreamSettings *settings, int64_t deadline_ms, Fault *fault)
{
    char port[12];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV}, *addresses;
    snprintf(port, sizeof port, "%d", settings->port);
    int failure = getaddrinfo(settings->host, port, &hints, &addresses);
    if (failure)
        return fault_set(fault, STATUS_RETRY, "unreachable", "%s: the name cannot be resolved: %s", stream->name, gai_strerror(failure));
    Status status = connect_to_any(stream, addresses, deadline_ms, fault);
    freeaddrinfo(addresses);
    return status;
}

/* ---- TLS ---- */

static const char *tls_error(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    return reason ? reason : "no reason given";
}

static bool is_address(const char *host)
{
    struct in6_addr room;
    return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1;
}

static bool expect_name(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    char name[256]; /* the macro below takes no const */
    snprintf(name, sizeof name, "%s", host);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static Status make_ssl(Stream *stream, const StreamSettings *settings, Fault *fault)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context)
        return fault_set(fault, STATUS_RETRY, "tls_library", "OpenSSL: %s", tls_error());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    bool is_trusting = settings->ca_file ? SSL_CTX_load_verify_locations(context, settings->ca_file, NULL) == 1
                                         : SSL_CTX_set_default_verify_paths(context) == 1;
    stream->ssl = is_trusting ? SSL_new(context) : NULL;
    SSL_CTX_free(context); /* the SSL holds it */
    if (!is_trusting)
        return fault_set(fault, STATUS_RETRY, "tls_ca", "certificates of authorities cannot be read from %s: %s",
                         settings->ca_file ? settings->ca_file : "the system's folder", tls_error());
    if (!stream->ssl || !expect_name(stream->ssl, settings->host) || !SSL_set_fd(stream->ssl, stream->fd))
        return fault_set(fault, STATUS_RETRY, "tls_library", "OpenSSL: %s", tls_error());
    return STATUS_OK;
}

/* OK: the step that ended with this result may be tried again. */
static Status wait_for_tls(const Stream *stream, int result, int64_t deadline_ms, Fault *fault)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ: return wait_for(stream, POLLIN, deadline_ms, fault);
    case SSL_ERROR_WANT_WRITE: return wait_for(stream, POLLOUT, deadline_ms, fault);
    case SSL_ERROR_ZERO_RETURN: return lost(stream, "closed by the server", fault);
    case SSL_ERROR_SYSCALL: return lost(stream, errno ? strerror(errno) : "cut", fault);
    default: return lost(stream, tls_error(), fault);
    }
}

static Status shake_hands(Stream *stream, int64_t deadline_ms, Fault *fault)
{
    for (;;) {
        ERR_clear_error();
        int result = SSL_connect(stream->ssl);
        if (result == 1)
            return STATUS_OK;
        long verdict = SSL_get_verify_result(stream->ssl);
        if (verdict != X509_V_OK)
            return fault_set(fault, STATUS_RETRY, "tls_refused", "%s: its certificate cannot be trusted: %s", stream->name,
                             X509_verify_cert_error_string(verdict));
        Status status = wait_for_tls(stream, result, deadline_ms, fault);
        if (status)
            return status;
    }
}

static Status start_tls(Stream *stream, const StreamSettings *settings, int64_t deadline_ms, Fault *fault)
{
    Status status = make_ssl(stream, settings, fault);
    return status ? status : shake_hands(stream, deadline_ms, fault);
}

Status stream_open(const StreamSettings *settings, int64_t deadline_ms, Stream **ret, Fault *fault)
{
    Stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        abort();
    stream->fd = -1;
    snprintf(stream->name, sizeof stream->name, "%s:%d", settings->host, settings->port);
    Status status = resolve_and_connect(stream, settings, deadline_ms, fault);
    if (!status && settings->is_tls)
        status = start_tls(stream, settings, deadline_ms, fault);
    if (status)
        stream_close(stream);
    else
        *ret = stream;
    return status;
}

void stream_close(Stream *stream)
{
    if (!stream)
        return;
    SSL_free(stream->ssl);
    if (stream->fd >= 0)
        close(stream->fd);
    free(stream);
}

/* ---- bytes ---- */

static Status write_tls(Stream *stream, Slice bytes, int64_t deadline_ms, size_t *ret_bytes, Fault *fault)
{
    for (;;) {
        ERR_clear_error();
        int written = SSL_write(stream->ssl, bytes.at, bytes.bytes < INT32_MAX ? (int)bytes.bytes : INT32_MAX);
        if (written > 0) {
            *ret_bytes = (size_t)written;
            return STATUS_OK;
        }
        Status status = wait_for_tls(stream, written, deadline_ms, fault);
        if (status)
            return status;
    }
}

static Status write_plain(Stream *stream, Slice bytes, int64_t deadline_ms, size_t *ret_bytes, Fault *fault)
{
    for (;;) {
        ssize_t written = send(stream->fd, bytes.at, bytes.bytes, MSG_NOSIGNAL);
        if (written > 0) {
            *ret_bytes = (size_t)written;
            return STATUS_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return lost(stream, strerror(errno), fault);
        Status status = wait_for(stream, POLLOUT, deadline_ms, fault);
        if (status)
            return status;
    }
}

Status stream_write(Stream *stream, Slice bytes, int64_t deadline_ms, Fault *fault)
{
    while (bytes.bytes) {
        size_t written = 0;
        Status status = stream->ssl ? write_tls(stream, bytes, deadline_ms, &written, fault)
                                    : write_plain(stream, bytes, deadline_ms, &written, fault);
        if (status)
            return status;
        bytes = (Slice){bytes.at + written, bytes.bytes - written};
    }
    return STATUS_OK;
}

static Status read_tls(Stream *stream, char *at, size_t room, int64_t deadline_ms, size_t *ret_bytes, Fault *fault)
{
    for (;;) {
        ERR_clear_error();
        int bytes = SSL_read(stream->ssl, at, room < INT32_MAX ? (int)room : INT32_MAX);
        if (bytes > 0) {
            *ret_bytes = (size_t)bytes;
            return STATUS_OK;
        }
        Status status = wait_for_tls(stream, bytes, deadline_ms, fault);
        if (status)
            return status;
    }
}

Status stream_read(Stream *stream, char *at, size_t room, int64_t deadline_ms, size_t *ret_bytes, Fault *fault)
{
    if (stream->ssl)
        return read_tls(stream, at, room, deadline_ms, ret_bytes, fault);
    for (;;) {
        ssize_t bytes = recv(stream->fd, at, room, 0);
        if (bytes > 0) {
            *ret_bytes = (size_t)bytes;
            return STATUS_OK;
        }
        if (bytes == 0)
            return lost(stream, "closed by the server", fault);
        if (errno != EAGAIN && errno != EINTR)
            return lost(stream, strerror(errno), fault);
        Status status = wait_for(stream, POLLIN, deadline_ms, fault);
        if (status)
            return status;
    }
}
