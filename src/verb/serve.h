/* `pledgeline serve`, and the service behind it. */
#pragma once

#include <signal.h>

#include "app.h"
#include "ingress/api.h"
#include "ingress/call_feed.h"
#include "ingress/caretaker.h"
#include "ingress/courier.h"
#include "ingress/links.h"
#include "verb/serve_agi.h"

/* Serves until SIGTERM or SIGINT; returns the process's exit code. */
int serve_run(const Config *config);

/* ---- what a worker for queues has in common with it ---- */

/* One reader is kept for the pre-dial check, and one for donation links: no report can stand before them, however long or many they
 * are. */
enum { REPORT_READERS = 2, CHECK_READER = REPORT_READERS, LINK_READER, READERS };

/* How many may wait for the end of a call that they asked for by HTTP; others wait for them. */
enum { HANG_UP_READERS = 4 };

/* A slow provider holds up those texts that one courier has in hand; calls are few, and the exchange answers at once. */
enum { TEXT_COURIERS = 4, COURIERS = TEXT_COURIERS + 1 };

typedef struct Service {
    const Config *config;
    bool is_worker;           /* its broker is the spool, and its HTTP is for looking only */
    Breaker *const *breakers; /* for readyz, ended by NULL */

    App app;
    App readers[READERS];
    size_t reader_count;
    App care;
    Caretaker *caretaker;
    Pipeline *line;
    Intake *intake;
    Courier *couriers[COURIERS];
    size_t courier_count;
    CallFeed *feed;           /* of a PBX; NULL where none is set */
    Breaker **watched;        /* those of the stores, and the feed's */
    Readers *reports, *checks;
    Ports telephony;          /* the port of calls alone, for those who end one for somebody else */
    Readers *hang_ups;
    Readers *lookups;   /* of links; NULL where none are opened here, as clicks */
    ClickQueue *clicks;
    Api *api;
    HttpServer *http;
    AgiService agi;
} Service;

/* Names of the environment that were meant as settings and are none. */
void service_warn_of_strays(void);
/* Whether HTTP may be spoken with these settings at all. */
Status service_check_http(const Config *config, Fault *fault);
/* The stores, and the line with its worker. What is open after a failure, too, is closed by service_close. */
Status service_open_line(Service *service, Fault *fault);
/* Reports, checks and the HTTP server. */
Status service_open_http(Service *service, Fault *fault);
void service_close(Service *service);

/* SIGTERM and SIGINT, blocked for every thread that is started from now on. */
void service_block_signals(sigset_t *ret_signals);
/* Waits for the first one; a second does not wait for anything. */
void service_wait_for_signal(const sigset_t *signals);
