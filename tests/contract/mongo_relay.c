/* One thread takes connections, and serves them in turn with poll: a client of one thread has few. A request and its answer are
 * each a message with its length in front. */
#include "mongo_relay.h"

#include <arpa/inet.h>
#include <mongoc/mongoc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 16, HEADER_BYTES = 16, OP_MSG = 2013, DOCUMENT_AT = HEADER_BYTES + 5, ROUND_MS = 10 };

typedef struct Pair { int client, server; } Pair;

/* ---- bytes ---- */

static struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = address_of(port);
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(socket_fd, (struct sockaddr *)&address, sizeof address) == 0)
        return socket_fd;
    close(socket_fd);
    return -1;
}

static bool send_all(int to, const void *bytes, size_t count)
{
    return send(to, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

static int32_t number_at(const uint8_t *bytes)
{
    int32_t number;
    memcpy(&number, bytes, sizeof number);
    return number;
}

/* A whole message, to be freed; NULL when the connection is over. */
static uint8_t *take_message(int from)
{
    int32_t bytes;
    if (recv(from, &bytes, sizeof bytes, MSG_WAITALL) != sizeof bytes || bytes < HEADER_BYTES)
        return NULL;
    uint8_t *message = malloc((size_t)bytes);
    memcpy(message, &bytes, sizeof bytes);
    size_t rest = (size_t)bytes - sizeof bytes;
    if (recv(from, message + sizeof bytes, rest, MSG_WAITALL) == (ssize_t)rest)
        return message;
    free(message);
    return NULL;
}

/* ---- answers ---- */

static bool send_answer(int to, const uint8_t *header, const bson_t *document)
{
    size_t bytes = DOCUMENT_AT + document->len;
    uint8_t *message = calloc(1, bytes);
    int32_t total = (int32_t)bytes;
    memcpy(message, header, HEADER_BYTES);
    memcpy(message, &total, sizeof total);
    memcpy(message + DOCUMENT_AT, bson_get_data(document), document->len);
    bool sent = send_all(to, message, bytes);
    free(message);
    return sent;
}

static bool answer_without_majority(int to, const uint8_t *answer)
{
    bson_t said, changed = BSON_INITIALIZER;
    bson_init_static(&said, answer + DOCUMENT_AT, (size_t)(number_at(answer) - DOCUMENT_AT));
    bson_concat(&changed, &said);
    BCON_APPEND(&changed, "writeConcernError", "{", "code", BCON_INT32(64), "errmsg", BCON_UTF8("waiting for replication timed out"), "}");
    bool sent = send_answer(to, answer, &changed);
    bson_destroy(&changed);
    return sent;
}

static bool answer_not_primary(int to, const uint8_t *request)
{
    uint8_t header[HEADER_BYTES];
    bson_t *said = BCON_NEW("ok", BCON_DOUBLE(0), "code", BCON_INT32(10107), "errmsg", BCON_UTF8("not primary"));
    memcpy(header, request, sizeof header);
    memcpy(header + 8, request + 4, 4); /* in answer to */
    bool sent = send_answer(to, header, said);
    bson_destroy(said);
    return sent;
}

static bool pass_answer(const Pair *pair, MongoRelayMode mode)
{
    uint8_t *answer = take_message(pair->server);
    if (!answer)
        return false;
    bool changes = mode == RELAY_NO_MAJORITY && number_at(answer + 12) == OP_MSG;
    bool passed = mode != RELAY_LOSES_ANSWERS &&
                  (changes ? answer_without_majority(pair->client, answer) : send_all(pair->client, answer, (size_t)number_at(answer)));
    free(answer);
    return passed;
}

/* False when the connection is over. */
static bool pass_exchange(MongoRelay *relay, const Pair *pair)
{
    MongoRelayMode mode = relay->mode;
    uint8_t *request = take_message(pair->client);
    if (!request)
        return false;
    bool goes_on = true;
    bool is_work = number_at(request + 12) == OP_MSG;
    if (mode == RELAY_NOT_PRIMARY && is_work)
        goes_on = answer_not_primary(pair->client, request);
    else if (mode != RELAY_IS_SILENT)
        goes_on = send_all(pair->server, request, (size_t)number_at(request)) && pass_answer(pair, mode);
    free(request);
    return goes_on;
}

/* ---- connections ---- */

static void end_pair(Pair *pair)
{
    close(pair->client);
    close(pair->server);
    *pair = (Pair){-1, -1};
}

static void listen_again(MongoRelay *relay)
{
    struct sockaddr_in address = address_of(relay->port);
    socklen_t bytes = sizeof address;
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(relay->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(relay->listener, (struct sockaddr *)&address, sizeof address) || listen(relay->listener, CONNECTIONS_MAX))
        abort();
    getsockname(relay->listener, (struct sockaddr *)&address, &bytes);
    relay->port = ntohs(address.sin_port);
}

static void be_away(MongoRelay *relay, Pair *pairs)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (pairs[i].client >= 0)
            end_pair(&pairs[i]);
    }
    if (relay->listener >= 0)
        close(relay->listener);
    relay->listener = -1;
}

static void take_connection(MongoRelay *relay, Pair *pairs)
{
    int client = accept(relay->listener, NULL, NULL);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (pairs[i].client < 0) {
            pairs[i] = (Pair){client, connect_to(relay->server_port)};
            return;
        }
    }
    close(client);
}

static void run_round(MongoRelay *relay, Pair *pairs)
{
    struct pollfd waits[CONNECTIONS_MAX + 1];
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        waits[i] = (struct pollfd){.fd = pairs[i].client, .events = POLLIN};
    waits[CONNECTIONS_MAX] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
    if (poll(waits, CONNECTIONS_MAX + 1, ROUND_MS) <= 0)
        return;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (waits[i].revents && !pass_exchange(relay, &pairs[i]))
            end_pair(&pairs[i]);
    }
    if (waits[CONNECTIONS_MAX].revents)
        take_connection(relay, pairs);
}

static void *run(void *argument)
{
    MongoRelay *relay = argument;
    Pair pairs[CONNECTIONS_MAX];
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        pairs[i] = (Pair){-1, -1};
    while (!relay->ends) {
        if (relay->mode == RELAY_REFUSES)
            be_away(relay, pairs);
        else if (relay->listener < 0)
            listen_again(relay);
        run_round(relay, pairs);
    }
    be_away(relay, pairs);
    return NULL;
}

void mongo_relay_start(MongoRelay *relay, uint16_t server_port)
{
    *relay = (MongoRelay){.server_port = server_port, .mode = RELAY_PASSES, .listener = -1};
    listen_again(relay);
    pthread_create(&relay->thread, NULL, run, relay);
}

void mongo_relay_stop(MongoRelay *relay)
{
    relay->ends = true;
    pthread_join(relay->thread, NULL);
}
