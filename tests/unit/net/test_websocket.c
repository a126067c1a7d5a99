/* What a server may send, and what ends the connection. The server of these tests speaks over a real connection and says just what
 * the test has written down. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "net/websocket.h"
#include "net/websocket_handshake.h"

enum { MESSAGE_BYTES_MAX = 70000, HEARD_BYTES_MAX = 4096, DEADLINE_MS = 5000 };

typedef struct Server {
    const char *answer; /* instead of agreeing; NULL = agrees */
    Slice frames;       /* what it sends then */
    int listener, port;
    pthread_t thread;
    char heard[HEARD_BYTES_MAX]; /* behind the request, until the client goes */
    size_t heard_bytes;
} Server;

static void send_all(int fd, Slice bytes)
{
    while (bytes.bytes) {
        ssize_t sent = send(fd, bytes.at, bytes.bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes = (Slice){bytes.at + sent, bytes.bytes - (size_t)sent};
    }
}

static void agree(int fd, const char *request)
{
    Arena arena;
    Slice key;
    arena_init(&arena);
    const char *at = strstr(request, "Sec-WebSocket-Key: ") + strlen("Sec-WebSocket-Key: ");
    assert_true(digest_of_base64((Slice){at, 24}, &arena, &key));
    send_all(fd, arena_printf(&arena, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nSec-WebSocket-Accept: %.*s\r\n\r\n",
                              SLICE_ARG(websocket_accept((const uint8_t *)key.at, &arena))));
    arena_done(&arena);
}

static void *serve(void *argument)
{
    Server *server = argument;
    char request[4096];
    size_t used = 0;
    int fd = accept(server->listener, NULL, NULL);
    do {
        ssize_t bytes = recv(fd, request + used, sizeof request - 1 - used, 0);
        used += bytes > 0 ? (size_t)bytes : 0;
        request[used] = 0;
    } while (!strstr(request, "\r\n\r\n"));
    if (server->answer)
        send_all(fd, slice_of(server->answer));
    else
        agree(fd, request);
    send_all(fd, server->frames);
    for (ssize_t bytes = 1; bytes > 0;) {
        bytes = recv(fd, server->heard + server->heard_bytes, sizeof server->heard - server->heard_bytes, 0);
        server->heard_bytes += bytes > 0 ? (size_t)bytes : 0;
    }
    close(fd);
    return NULL;
}

static void server_start(Server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    getsockname(server->listener, (struct sockaddr *)&address, &bytes);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(Server *server)
{
    pthread_join(server->thread, NULL);
    close(server->listener);
}

static Status open_to(const Server *server, WebSocket **ret, Fault *fault)
{
    WebSocketSettings settings = {.stream = {.host = "127.0.0.1", .port = server->port}, .target = SLICE("/events?app=a"),
                                  .authorization = SLICE("Basic YTpi"), .message_bytes_max = MESSAGE_BYTES_MAX};
    return websocket_open(&settings, clock_elapsed_ms() + DEADLINE_MS, ret, fault);
}

/* The first message that these bytes bring. */
static Status read_of(Slice frames, Server *server, char *ret_message, size_t room, Fault *fault)
{
    WebSocket *socket = NULL;
    Slice message = {0};
    *server = (Server){.frames = frames};
    server_start(server);
    assert_int_equal(open_to(server, &socket, fault), STATUS_OK);
    Status status = websocket_read(socket, clock_elapsed_ms() + DEADLINE_MS, &message, fault);
    snprintf(ret_message, room, "%.*s", SLICE_ARG(message));
    websocket_close(socket);
    server_stop(server);
    return status;
}

static void assert_reads(Slice frames, const char *expected)
{
    Server server;
    Fault fault;
    char message[256];
    assert_int_equal(read_of(frames, &server, message, sizeof message, &fault), STATUS_OK);
    assert_string_equal(message, expected);
}

/* And that it is told why: the code of our close frame. */
static void assert_ends(Slice frames, const char *fault_code, int close_code)
{
    Server server;
    Fault fault;
    char message[8];
    assert_int_equal(read_of(frames, &server, message, sizeof message, &fault), STATUS_RETRY);
    assert_string_equal(fault.code, fault_code);
    const uint8_t *frame = (const uint8_t *)server.heard;
    assert_int_equal(server.heard_bytes, 8);
    assert_int_equal(frame[0], 0x88);
    assert_int_equal(frame[1], 0x82); /* masked */
    assert_int_equal((frame[6] ^ frame[2]) << 8 | (frame[7] ^ frame[3]), close_code);
}

/* ---- handshake ---- */

/* The example of RFC 6455 section 1.3. */
static void proof_is_that_of_the_rfc(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena);
    Slice accept = websocket_accept((const uint8_t *)"the sample nonce", &arena);
    assert_true(slice_equal(accept, SLICE("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    arena_done(&arena);
}

static void assert_not_opened(const char *answer, const char *code)
{
    Server server = {.answer = answer};
    WebSocket *socket = NULL;
    Fault fault;
    server_start(&server);
    assert_int_equal(open_to(&server, &socket, &fault), STATUS_RETRY);
    assert_string_equal(fault.code, code);
    server_stop(&server);
}

static void wrong_password_is_told_apart(void **state)
{
    (void)state;
    assert_not_opened("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "websocket_unauthorized");
    assert_not_opened("HTTP/1.1 404 Not Found\r\n\r\n", "websocket_refused");
}

static void answer_without_proof_is_refused(void **state)
{
    (void)state;
    assert_not_opened("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "websocket_protocol");
    assert_not_opened("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                      "websocket_protocol");
    assert_not_opened("SSH-2.0-OpenSSH_9.2\r\n\r\n", "websocket_protocol");
}

/* ---- messages ---- */

static void message_is_read_whole(void **state)
{
    (void)state;
    assert_reads(SLICE("\x81\x05hello"), "hello");
}

static void fragments_are_one_message_with_a_ping_between(void **state)
{
    (void)state;
    assert_reads(SLICE("\x01\x03hel\x89\x02ok\x00\x00\x80\x02lo"), "hello");
}

static void message_before_the_first_read_is_kept(void **state)
{
    (void)state;
    assert_reads(SLICE("\x81\x00\x8a\x00\x81\x02hi"), "hi");
}

static void ping_is_answered_with_its_payload_masked(void **state)
{
    (void)state;
    Server server;
    Fault fault;
    char message[16];
    assert_int_equal(read_of(SLICE("\x89\x02ok\x81\x01x"), &server, message, sizeof message, &fault), STATUS_OK);
    const uint8_t *frame = (const uint8_t *)server.heard;
    assert_int_equal(frame[0], 0x8a);
    assert_int_equal(frame[1], 0x82);
    assert_int_equal(frame[6] ^ frame[2], 'o');
    assert_int_equal(frame[7] ^ frame[3], 'k');
}

static void message_of_65536_bytes_comes_with_the_long_length(void **state)
{
    (void)state;
    enum { BYTES = 65536 };
    char *frame = malloc(10 + BYTES);
    assert_non_null(frame);
    memcpy(frame, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
    memset(frame + 10, 'y', BYTES);
    Server server;
    Fault fault;
    static char message[BYTES + 16];
    assert_int_equal(read_of((Slice){frame, 10 + BYTES}, &server, message, sizeof message, &fault), STATUS_OK);
    assert_int_equal(strspn(message, "y"), BYTES);
    free(frame);
}

static void nothing_in_time_is_no_fault(void **state)
{
    (void)state;
    Server server = {.frames = {"", 0}};
    WebSocket *socket = NULL;
    Slice message;
    Fault fault;
    server_start(&server);
    assert_int_equal(open_to(&server, &socket, &fault), STATUS_OK);
    assert_int_equal(websocket_read(socket, clock_elapsed_ms() + 20, &message, &fault), STATUS_OK);
    assert_true(slice_empty(message));
    websocket_close(socket);
    server_stop(&server);
}

/* ---- hostile ---- */

static void frames_that_the_rfc_forbids_end_the_connection(void **state)
{
    (void)state;
    static const Slice frames[] = {
        SLICE_INIT("\x81\x81mmmmx"),                         /* masked by the server */
        SLICE_INIT("\xc1\x01x"),                             /* a reserved bit */
        SLICE_INIT("\x82\x01x"),                             /* binary */
        SLICE_INIT("\x83\x01x"),                             /* an opcode that has no meaning */
        SLICE_INIT("\x80\x01x"),                             /* the continuation of nothing */
        SLICE_INIT("\x01\x01x\x81\x01y"),                    /* a message within another */
        SLICE_INIT("\x09\x01x"),                             /* a ping in parts */
        SLICE_INIT("\x89\x7e\x00\x7e"),                      /* a ping that is too long */
        SLICE_INIT("\x81\x7e\x00\x05hello"),                 /* a length in two bytes that fits in one */
        SLICE_INIT("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05hello"),
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        assert_ends(frames[i], "websocket_protocol", 1002);
}

static void text_that_is_no_utf8_ends_the_connection(void **state)
{
    (void)state;
    assert_ends(SLICE("\x81\x02\xc3\x28"), "websocket_protocol", 1007);
}

static void length_beyond_the_most_is_refused_before_it_comes(void **state)
{
    (void)state;
    assert_ends(SLICE("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), "websocket_too_long", 1009);
    assert_ends(SLICE("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), "websocket_too_long", 1009);
}

static void fragments_beyond_the_most_are_refused(void **state)
{
    (void)state;
    enum { BYTES = 60000 };
    char *frames = malloc(4 + BYTES + 4);
    assert_non_null(frames);
    memcpy(frames, "\x01\x7e\xea\x60", 4);
    memset(frames + 4, 'y', BYTES);
    memcpy(frames + 4 + BYTES, "\x00\x7e\xea\x60", 4);
    assert_ends((Slice){frames, 4 + BYTES + 4}, "websocket_too_long", 1009);
    free(frames);
}

static void close_of_the_server_says_why(void **state)
{
    (void)state;
    Server server;
    Fault fault;
    char message[16];
    assert_int_equal(read_of(SLICE("\x88\x05\x03\xe9off"), &server, message, sizeof message, &fault), STATUS_RETRY);
    assert_string_equal(fault.code, "websocket_closed");
    assert_non_null(strstr(fault.text, "1001 off"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proof_is_that_of_the_rfc),
        cmocka_unit_test(wrong_password_is_told_apart),
        cmocka_unit_test(answer_without_proof_is_refused),
        cmocka_unit_test(message_is_read_whole),
        cmocka_unit_test(fragments_are_one_message_with_a_ping_between),
        cmocka_unit_test(message_before_the_first_read_is_kept),
        cmocka_unit_test(ping_is_answered_with_its_payload_masked),
        cmocka_unit_test(message_of_65536_bytes_comes_with_the_long_length),
        cmocka_unit_test(nothing_in_time_is_no_fault),
        cmocka_unit_test(frames_that_the_rfc_forbids_end_the_connection),
        cmocka_unit_test(text_that_is_no_utf8_ends_the_connection),
        cmocka_unit_test(length_beyond_the_most_is_refused_before_it_comes),
        cmocka_unit_test(fragments_beyond_the_most_are_refused),
        cmocka_unit_test(close_of_the_server_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
