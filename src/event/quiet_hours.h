/* The hours in which nobody is texted or called who has not just asked for it: 47 CFR 64.1200(c)(1), from 9 p.m. to 8 a.m. at the called
 * party's place. Pure. */
#pragma once

#include "event/phone_zone.h"

enum { QUIET_RULES_MAX = 64 };

typedef struct QuietRule {
    Slice prefix;                 /* digits; empty = all numbers */
    int32_t begin_s, end_s;       /* of the local day, [begin, end), over midnight where begin is later; equal = never quiet */
} QuietRule;

typedef struct QuietHours {
    QuietRule rules[QUIET_RULES_MAX];
    size_t count;
    const PhoneZones *zones;
} QuietHours;

/* "21:00-08:00", or a list by prefix, the longest of which wins: "*=21:00-08:00,+972=20:00-09:00,+44=none". Empty: never quiet. zones is
 * borrowed and may be empty until the first question. */
Status quiet_hours_parse(Slice text, const PhoneZones *zones, QuietHours *ret, Fault *fault);

/* 0 when the person may be reached now, that is in every zone that the number may be in. Else the next moment within 48 h when all of
 * them allow it. Zones all over the world never agree: then the first moment within 48 h that suits the most of them counts, and at
 * such a moment the answer is 0. */
int64_t quiet_hours_end(const QuietHours *hours, Slice phone, int64_t now_ms);
