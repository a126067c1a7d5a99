/* Events of the mix as the line's handlers get them, and what the line makes of a call's: for figures without a line. */
#pragma once

#include "event/handlers.h"
#include "mix.h"

extern const EventSettings bench_settings;

/* The mix's next event of that handler's topic, parsed; everything in arena. */
void typed_event_next(Mix *mix, const EventHandler *handler, Arena *arena, Event *ret);

/* A call as its store sees it twice: when it was answered, and when it had ended. Derived is fresh. */
typedef struct CallStages { Cdr begun, ended; } CallStages;

/* The mix must be of one call at once; call_stages_next gives each of its calls once. *next is scratch between the calls. */
void call_stages_next(Mix *mix, Event *next, Arena *arena, CallStages *ret);
