/* Who a text is from, and how many a second go out in that name. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct SmsSenders SmsSenders;

/* rows: "[provider:]prefix=sender", separated by commas; prefix '*' is every number. One name alone is "*=name". rate: texts a second
 * of each sender, 0 = as many as come. REJECT "setting_value". */
Status sms_senders_open(const char *rows, int64_t rate, SmsSenders **ret, Fault *fault);
void sms_senders_close(SmsSenders *senders); /* NULL is fine */

/* A row that names the provider wins over one that does not, then the longest prefix. Empty: none fits. */
Slice sms_sender_of(const SmsSenders *senders, const char *provider, Slice phone);

/* Whether a text may go out now in that name; else when it may be tried, of its own for each that is told to wait. Any thread. */
bool sms_sender_may_send(SmsSenders *senders, Slice sender, int64_t *ret_wait_ms);
