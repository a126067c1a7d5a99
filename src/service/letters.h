/* Messages in the spool, as filters name them. */
#pragma once

#include "ports.h"

/* Whether the filter's topic is one of ours, or that of a message which is there: one that was sent to another is a dead letter. */
Status letters_know_topic(const Ports *ports, const SpoolFilter *filter, bool *ret_known, Fault *fault);
