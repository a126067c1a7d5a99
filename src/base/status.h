/* How a step ends, and why. A failure is named where it is understood (parser or adapter) and written into the
 * caller's Fault once; it is logged where it ends (the pipeline, a verb), never in between. */
#pragma once

#include <stdbool.h>

typedef enum Status {
    STATUS_OK,     /* done */
    STATUS_REJECT, /* can never succeed: the input is wrong */
    STATUS_RETRY,  /* the world is unwell: the same call may succeed later */
    STATUS_FATAL,  /* we are wrong, or cannot store anything */
} Status;

enum { FAULT_CODE_BYTES = 32, FAULT_TEXT_BYTES = 240 };

typedef struct Fault {
    Status status;
    char code[FAULT_CODE_BYTES]; /* stable word for programs: "phone_invalid" */
    char text[FAULT_TEXT_BYTES]; /* what happened, where, what to do; for people, one line, no phone numbers */
    bool is_of_one; /* of many that were asked together, maybe one is in the way: each is worth a try alone */
} Fault;

/* Fills *fault and returns status, so that a failing function can end with `return fault_set(...)`. fault may be NULL. */
Status fault_set(Fault *fault, Status status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "ok", "reject", "retry", "fatal" */
/* Says in front of what went wrong where it did: "PLEDGELINE_AMI_URL: ". */
Status fault_place(Fault *fault, const char *where);

const char *status_name(Status status);
