#include "event/sms_class.h"

static const char *const names[] = {
    [SMS_CLASS_NONE] = "", [SMS_NOT_CAPABLE] = "not_sms_capable", [SMS_OPTED_OUT] = "opted_out",
    [SMS_TEMP_UNREACHABLE] = "temp_unreachable", [SMS_DEAD_NUMBER] = "dead_number", [SMS_FILTERED] = "filtered",
    [SMS_ACCOUNT] = "account", [SMS_CLASS_UNKNOWN] = "unknown",
};

const char *sms_class_name(SmsClass sms_class) { return names[sms_class]; }

SmsClass sms_class_of(Slice name)
{
    for (int i = SMS_NOT_CAPABLE; i <= SMS_CLASS_UNKNOWN; i++) {
        if (slice_equal(name, slice_of(names[i])))
            return (SmsClass)i;
    }
    return SMS_CLASS_NONE;
}
