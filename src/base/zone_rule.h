/* The rule of a zone for the years that its file does not list: a TZ string of POSIX.1 with the two extensions of RFC 8536, 3.3.1. */
#pragma once

#include "base/zone.h"

/* "IST-2IDT,M3.4.4/26,M10.5.0". False when it is anything else. */
bool zone_rule_parse(Slice text, ZoneRule *ret);

ZoneSpan zone_rule_span(const ZoneRule *rule, int64_t unix_s);
