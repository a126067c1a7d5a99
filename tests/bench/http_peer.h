/* The client's side of HTTP/1.1 on loopback, as little of it as a load generator needs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A connected socket; ends the program when nobody listens. */
int http_connect(uint16_t port);

typedef struct HttpAnswerHead {
    int code;
    size_t bytes;      /* of the whole answer, head and body */
    size_t body_bytes;
} HttpAnswerHead;

/* False while the head is not whole. */
bool http_answer_head(const char *at, size_t bytes, HttpAnswerHead *ret);
