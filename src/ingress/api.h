/* The HTTP API: routes, roles, and the ways a request is worked: at once, on a reader's thread, on the thread that is kept
 * for checks, or as a change on the worker's thread in a unit of its own. */
#pragma once

#include <stdatomic.h>

#include "base/breaker.h"
#include "ingress/intake.h"
#include "ingress/optout_journal.h"
#include "ingress/readers.h"
#include "net/http_server.h"

typedef enum Role {
    ROLE_NONE, ROLE_READER, ROLE_SERVICE, ROLE_ADMIN,
    ROLE_PROVEN, /* of a route, never of a token: the request brings a proof of its own, which the handler looks at */
} Role;

typedef struct Api Api;

enum { CALL_PARTS_MAX = 3 };

/* One request on its way. Lives in the request's arena. */
typedef struct Call {
    ReaderJob job;
    Task task;
    Ticket ticket;
    Api *api;
    HttpRequest *request;
    Arena *arena;               /* the request's */
    const struct Route *route;
    Slice parts[CALL_PARTS_MAX]; /* what the {…} of the route's pattern were, decoded */
    void (*finished)(struct Call *call); /* of call_submit */
    void (*change)(struct Call *call, const Ports *ports); /* of call_change */
    void *context;              /* the handler's own */
} Call;

typedef enum RouteKind {
    ROUTE_NOW,    /* answered on the server's thread: must not block; or defers by itself */
    ROUTE_READ,   /* run on a reader's thread with its ports */
    ROUTE_CHECK,  /* as READ, on the thread where no report stands in the way */
    ROUTE_CALL,   /* as READ, by those who may wait for the telephone exchange, with its port alone; 503 where there is none */
    ROUTE_CHANGE, /* run on the worker's thread, between begin and commit; an answer of 400 and above rolls back */
    ROUTE_COUNT,  /* as READ where counters are in a store of their own, so that traffic goes on; else as CHANGE */
} RouteKind;

typedef struct Route {
    const char *method, *pattern; /* "GET", "/v1/cdrs/{callId}"; "{+rest}" is all that follows, as it was sent */
    Role role;
    RouteKind kind;
    void (*run)(Call *call, const Ports *ports); /* ports NULL for ROUTE_NOW */
    const struct Parameter *parameters; /* of the query, ended by a NULL name; NULL = whatever comes: links get things added */
    const char *help, *body, *answer;   /* in Markdown; body "" = none */
    bool speaks_sns; /* refusals are errors as SNS has them, which SDKs parse */
} Route;

/* All routes, ended by a NULL method. */
extern const Route routes[];

typedef struct ApiSettings {
    const char *tokens;  /* "role:token", separated by commas or white space; "" = none are needed */
    Rating rating;
    Slice currency;
    Slice country_code;  /* of numbers in national form */
    bool counts_apart;   /* counters are in a store of their own */
    const struct SnsPushSettings *push;
    const struct LinkSettings *links; /* NULL = no links are opened here */
    Slice link_secret;
    const char *donations_secret; /* of POST /v1/donations; "" = nothing is taken there */
    bool reports_only;   /* GET alone: whoever works for a broker has no spool and no dead letters for what comes by HTTP */
    Readers *calls;      /* of ROUTE_CALL; NULL = no telephony is set */
    Breaker *const *breakers; /* of the stores beyond a network, ended by NULL; NULL = there are none */
    OptoutJournal *journal;   /* of calls; NULL = there is none */
} ApiSettings;

struct Api {
    Intake *intake;
    Readers *readers, *checks;
    ApiSettings settings;
    struct TokenList *tokens;
    struct Streams *streams;
    struct SnsPush *push;
    struct Links *links;                      /* NULL = none are opened here */
    struct WebhookSecrets *donations_secrets; /* NULL = no gifts are taken */
    atomic_int long_answers; /* open now (http_pages.c) */
};

/* Checks the tokens' form. NULL and a fault otherwise. Everything is borrowed until api_close. */
Api *api_open(const ApiSettings *settings, Intake *intake, Readers *readers, Readers *checks, Fault *fault);
/* Ends the streams, and what came from SNS; call before the server is closed. */
void api_stop(Api *api);
/* After the server is closed. */
void api_close(Api *api);

/* The server's handler; context is the Api. */
void api_handle(HttpRequest *request, void *context);

/* ---- answers; code and text as in RFC 9457 ---- */

void answer_json(Call *call, unsigned code, const Text *json);
/* The object that was printed last, with what became of it as its member `result`: 201 when it is new, else 200. */
void answer_stored(Call *call, bool is_new, Slice result, Text *object);
void answer_text(Call *call, unsigned code, const char *content_type, Slice body);
void answer_problem(Call *call, unsigned code, const char *name, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* REJECT 400 (or 404, 409 …: as said), RETRY 503 with Retry-After, FATAL 503. */
void answer_fault(Call *call, unsigned code_of_reject, const Fault *fault);

/* ---- asking for things ---- */

/* The body as one JSON object; answers 400 and returns NULL when it is none. */
const Json *call_body(Call *call);
/* A parameter of the route's table; empty when absent. http_parameters.h reads what is no text. */
Slice call_query(Call *call, const char *name);

/* True for what a sender may take for delivered: done, rejected (a dead letter holds it), or kept for later. */
static inline bool delivery_is_taken(const Delivery *delivery)
{
    return delivery->verdict == VERDICT_DONE || delivery->verdict == VERDICT_REJECT || (delivery->verdict == VERDICT_RETRY && delivery->kept);
}

/* Defers the request and gives its deliveries to the line; finished is called with all verdicts. Answers 503 when there is
 * no room. */
void call_submit(Call *call, Delivery *deliveries, size_t count, void (*finished)(Call *call));
/* The same of a request that was deferred before; from any thread. */
void call_submit_deferred(Call *call, Delivery *deliveries, size_t count, void (*finished)(Call *call));
/* Defers the request, and has run make its change as ROUTE_CHANGE says: for a handler that looks at a proof first. */
void call_change(Call *call, void (*run)(Call *call, const Ports *ports));
