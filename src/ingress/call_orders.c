#include "ingress/call_orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { ORDERS_MAX = 1024, CLOSED_MAX = 1024 };

typedef struct Order {
    STAILQ_ENTRY(Order) behind;
    int64_t at_ms, until_ms;
    char status[DIAL_STATUS_BYTES];
    size_t bytes;
    char uniqueid[];
} Order;

struct CallOrders {
    STAILQ_HEAD(, Order) orders; /* the oldest first */
    size_t count;
    uint64_t closed[CLOSED_MAX]; /* the last calls that were over, by the hash of their ids */
    size_t next_closed;
};

CallOrders *call_orders_new(void)
{
    CallOrders *orders = calloc(1, sizeof *orders);
    if (!orders)
        abort();
    STAILQ_INIT(&orders->orders);
    return orders;
}

static void drop(CallOrders *orders, Order *order)
{
    STAILQ_REMOVE(&orders->orders, order, Order, behind);
    orders->count--;
    free(order);
}

void call_orders_free(CallOrders *orders)
{
    if (!orders)
        return;
    while (!STAILQ_EMPTY(&orders->orders))
        drop(orders, STAILQ_FIRST(&orders->orders));
    free(orders);
}

static bool is_closed(const CallOrders *orders, Slice linkedid)
{
    uint64_t hash = slice_hash(linkedid);
    for (size_t i = 0; i < CLOSED_MAX; i++) {
        if (orders->closed[i] == hash)
            return true;
    }
    return false;
}

void call_orders_keep(CallOrders *orders, const ChannelEvent *event, int64_t until_ms)
{
    if (slice_empty(event->uniqueid) || orders->count == ORDERS_MAX || is_closed(orders, event->uniqueid))
        return;
    Order *order = malloc(sizeof *order + event->uniqueid.bytes);
    if (!order)
        abort();
    *order = (Order){.at_ms = event->at_ms, .until_ms = until_ms, .bytes = event->uniqueid.bytes};
    snprintf(order->status, sizeof order->status, "%.*s", SLICE_ARG(event->status));
    memcpy(order->uniqueid, event->uniqueid.at, event->uniqueid.bytes);
    STAILQ_INSERT_TAIL(&orders->orders, order, behind);
    orders->count++;
}

bool call_orders_take(CallOrders *orders, Slice linkedid, char ret_status[DIAL_STATUS_BYTES])
{
    Order *order;
    STAILQ_FOREACH(order, &orders->orders, behind)
    {
        if (!slice_equal((Slice){order->uniqueid, order->bytes}, linkedid))
            continue;
        memcpy(ret_status, order->status, DIAL_STATUS_BYTES);
        drop(orders, order);
        return true;
    }
    return false;
}

void call_orders_close(CallOrders *orders, Slice linkedid)
{
    orders->closed[orders->next_closed] = slice_hash(linkedid);
    orders->next_closed = (orders->next_closed + 1) % CLOSED_MAX;
}

void call_orders_expire(CallOrders *orders, int64_t now_ms, void (*visit)(void *context, Slice uniqueid, int64_t at_ms), void *context)
{
    Order *order;
    while ((order = STAILQ_FIRST(&orders->orders)) && now_ms >= order->until_ms) {
        visit(context, (Slice){order->uniqueid, order->bytes}, order->at_ms);
        drop(orders, order);
    }
}
