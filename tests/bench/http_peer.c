#include "http_peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "measure.h"

int http_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (peer < 0 || connect(peer, (const struct sockaddr *)&address, sizeof address))
        give_up("nobody listens on that port");
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return peer;
}

bool http_answer_head(const char *at, size_t bytes, HttpAnswerHead *ret)
{
    static const char length[] = "\r\ncontent-length:";
    const char *end = memmem(at, bytes, "\r\n\r\n", 4);
    if (!end)
        return false;
    *ret = (HttpAnswerHead){.code = (int)strtol(at + sizeof "HTTP/1.1", NULL, 10)};
    for (const char *line = at; line < end; line++) {
        if (*line == '\r' && !strncasecmp(line, length, sizeof length - 1))
            ret->body_bytes = strtoul(line + sizeof length - 1, NULL, 10);
    }
    ret->bytes = (size_t)(end - at) + 4 + ret->body_bytes;
    return true;
}
