/* Messages in the spool, as filters name them. */
#pragma once

#include "ports.h"

/* REJECT "usage_topic" when the filter's topic is none of ours, and no message is there that was sent to it: a mistyped one would find nothing. */
Status letters_check_topic(const Ports *ports, const SpoolFilter *filter, Fault *fault);
