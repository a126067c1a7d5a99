/* How orders to call ended, kept for a moment: the word comes by another way than those about channels, so it may be there before the
 * first channel is, or when the last one is gone. */
#pragma once

#include "ingress/call_ending.h"

typedef struct CallOrders CallOrders;

CallOrders *call_orders_new(void);
void call_orders_free(CallOrders *orders); /* NULL is fine */

/* Of a call whose channels nobody has told of yet. Of one that is over it says nothing new, and is not kept. */
void call_orders_keep(CallOrders *orders, const ChannelEvent *event, int64_t until_ms);
/* The call has a channel. Its status, in *ret_status, when its order is known to have ended; false otherwise. */
bool call_orders_take(CallOrders *orders, Slice linkedid, char ret_status[DIAL_STATUS_BYTES]);
/* The call is over. */
void call_orders_close(CallOrders *orders, Slice linkedid);
/* Those that nobody took in time: there was no channel. */
void call_orders_expire(CallOrders *orders, int64_t now_ms, void (*visit)(void *context, Slice uniqueid, int64_t at_ms), void *context);
