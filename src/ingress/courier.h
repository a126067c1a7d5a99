/* Couriers carry effects that wait in the ledger to a provider of texts, or to a PBX, on a thread of their own: taken and settled
 * on the line's thread, so that whoever answers slowly delays no opt-out. */
#pragma once

#include "ingress/intake.h"

typedef struct Courier Courier;

/* calls: carries calls by ports->speech; else texts by ports->sms, which other couriers may use meanwhile. ports and intake outlive it. NULL
 * and a fault when no thread can be started. */
Courier *courier_open(Intake *intake, const Ports *ports, bool calls, Fault *fault);

/* Takes nothing more, waits for what is underway and writes down what came of it. Before intake_stop. NULL is fine. */
void courier_close(Courier *courier);
