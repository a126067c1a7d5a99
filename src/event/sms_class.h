/* What a provider's answer means, whichever provider and code it is. Each adapter of a provider maps its codes to these. */
#pragma once

#include "base/slice.h"

typedef enum SmsClass {
    SMS_CLASS_NONE,         /* it says nothing of the number: accepted, or not asked */
    SMS_NOT_CAPABLE,        /* a landline, or a number that takes no texts: a voice may reach it */
    SMS_OPTED_OUT,          /* the provider's own list, or the carrier's: on our list, and nothing else is tried */
    SMS_TEMP_UNREACHABLE,   /* off, full or out of reach: again later, then a voice */
    SMS_DEAD_NUMBER,        /* nobody has it: nothing else is tried */
    SMS_FILTERED,           /* a carrier took it for spam: nothing else is tried, and an operator looks */
    SMS_ACCOUNT,            /* our credit, rights or sender: no fault of the text, which waits */
    SMS_CLASS_UNKNOWN,      /* a code that nobody here knows: once more, as temp_unreachable */
} SmsClass;

/* "not_sms_capable" ...; "" for NONE. */
const char *sms_class_name(SmsClass sms_class);
/* NONE for a name that is none. */
SmsClass sms_class_of(Slice name);
