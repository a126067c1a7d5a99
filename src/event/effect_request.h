/* Effects that somebody else asks for, by a topic. Used by the parsers of this folder. */
#pragma once

#include "event/handlers.h"

/* The fields that both kinds of request share: event->wanted is the effect, without its text. Its action id is the one that the message
 * names, or what the message says, so that a publisher's repeat is the same; with `suffix`, since who asks has an effect of its own
 * under the bare one. */
Status effect_request_parse(const Message *message, const char *suffix, Arena *arena, Event *event, Fault *fault);

/* The wanted effect, finished: PENDING, or CANCELLED where the number is blocked. */
void effect_request_decide(const Event *event, const Facts *facts, const EventSettings *settings, Arena *arena, Decision *ret);
