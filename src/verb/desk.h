/* Where a verb works: on the stores itself, or, when a server holds the data folder, through that server. */
#pragma once

#include "net/http_client.h"
#include "verb/verb.h"

typedef struct Desk {
    App app;
    bool is_open;        /* app is */
    bool made_folder;    /* it was not there before */
    HttpClient *client;  /* set when a server does the work */
    Slice server;        /* its base URL */
    Arena *arena;
} Desk;

/* For looking: beside whoever runs. Prints the fault; false = leave with EXIT_FAILED. */
bool desk_open_to_read(Desk *desk, const Invocation *invocation);
/* For changing: the folder when it is free, else its server. */
bool desk_open_to_change(Desk *desk, const Invocation *invocation);
void desk_close(Desk *desk);

/* What a server says that did not do it, as a sentence; names the token's setting where one is missing or wrong. */
Status desk_fault_of_answer(const HttpAnswer *answer, Arena *arena, Fault *fault);
/* One request to the server. A problem document becomes the fault. */
Status desk_ask(Desk *desk, const char *method, Slice path, const char *content_type, Slice body, Slice *ret_body, Fault *fault);
