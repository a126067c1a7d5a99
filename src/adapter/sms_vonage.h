/* What the two files about Vonage share. */
#pragma once

#include "adapter/sms_provider.h"

/* Of the Messages API, in answers and in receipts: https://developer.vonage.com/en/api-errors/messages */
extern const SmsCodes vonage_message_codes[];

/* "https://developer.vonage.com/api-errors/messages#1120" -> "1120" */
Slice vonage_code_of_type(Slice type);

Status vonage_read_receipt(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault);
Status vonage_read_message(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault);
