/* Verdict: what is done leaves the spool, what must wait goes there with a time, what can never succeed becomes a dead
 * letter with its reason. Where the broker is the spool, the ingress reports the verdict instead. */
#include "line/batch.h"

/* Others who read the list call whoever is not on it yet. */
static int64_t longest_backoff_ms(const Batch *batch, const Decision *decision)
{
    enum { UNBLOCKED_MS = 1000 };
    int64_t most_ms = batch->settings->backoff_most_ms;
    return decision->unblocked && most_ms > UNBLOCKED_MS ? UNBLOCKED_MS : most_ms;
}

static int64_t backoff_ms(Batch *batch, const Decision *decision, int attempts)
{
    int64_t wait_ms = batch->settings->backoff_first_ms, most_ms = longest_backoff_ms(batch, decision);
    for (int i = 1; i < attempts && wait_ms < most_ms; i++)
        wait_ms *= 2;
    return batch_jitter(batch, wait_ms < most_ms ? wait_ms : most_ms);
}

static SpoolItem item_of(Batch *batch, size_t i)
{
    const Delivery *delivery = batch->deliveries[i];
    const Decision *decision = &batch->decisions[i];
    int attempts = delivery->attempts + 1;
    bool waits = decision->verdict == VERDICT_RETRY && (decision->costs_no_try || attempts < batch->settings->max_attempts);
    return (SpoolItem){
        .id = delivery->spool_id, .state = waits ? SPOOL_WAITING : SPOOL_DEAD, .topic = batch->messages[i].topic,
        .message_id = batch->messages[i].message_id, .body = delivery->body, .received_ms = delivery->received_ms,
        .due_ms = waits ? batch->now_ms + backoff_ms(batch, decision, attempts) : 0, .attempts = attempts,
        .code = slice_of(decision->fault.code), .reason = slice_of(decision->fault.text),
    };
}

static void answer(Delivery *delivery, const Decision *decision)
{
    delivery->verdict = decision->verdict;
    delivery->duplicate = decision->duplicate && decision->verdict == VERDICT_DONE;
    delivery->kept = false;
    delivery->outage = decision->outage && decision->verdict == VERDICT_RETRY;
    delivery->stored = decision->stored && decision->verdict == VERDICT_RETRY;
    delivery->dead_letter = 0;
    if (decision->verdict != VERDICT_DONE)
        delivery->fault = decision->fault;
}

/* An opt-out is acknowledged when the registry has it and not before: others may work on the same number. It is safe here all
 * the same, should its sender give up. */
static void answer_kept(Delivery *delivery, const Decision *decision, const SpoolItem *item)
{
    if (item->state == SPOOL_WAITING) {
        delivery->kept = !decision->unblocked;
        delivery->spool_id = item->id;
        return;
    }
    delivery->verdict = VERDICT_REJECT;
    delivery->dead_letter = item->id;
}

static Status spool_messages(Batch *batch, const size_t *messages, size_t count, Fault *fault)
{
    const SpoolPort *spool = &batch->ports->spool;
    SpoolItem *items = NULL;
    size_t kept[BATCH_MAX], kept_count = 0, done_count = 0;
    int64_t done[BATCH_MAX];
    for (size_t k = 0; k < count; k++) {
        size_t i = messages[k];
        if (batch->deliveries[i]->is_ours)
            continue;
        if (batch->decisions[i].verdict == VERDICT_DONE) {
            if (batch->deliveries[i]->spool_id)
                done[done_count++] = batch->deliveries[i]->spool_id;
            continue;
        }
        if (!items)
            items = ARENA_ARRAY(&batch->arena, SpoolItem, count);
        items[kept_count] = item_of(batch, i);
        kept[kept_count++] = i;
    }
    Status status = kept_count ? spool->keep(spool->self, items, kept_count, fault) : STATUS_OK;
    if (!status && done_count)
        status = spool->settle(spool->self, done, done_count, fault);
    for (size_t i = 0; !status && i < kept_count; i++)
        answer_kept(batch->deliveries[kept[i]], &batch->decisions[kept[i]], &items[i]);
    return status;
}

Status verdict_again(Batch *batch, const size_t *messages, size_t count, Fault *fault)
{
    for (size_t k = 0; k < count; k++)
        answer(batch->deliveries[messages[k]], &batch->decisions[messages[k]]);
    return batch->ports->spool.self ? spool_messages(batch, messages, count, fault) : STATUS_OK;
}

/* What still has to go out keeps its row until it has. */
Status step_verdict(Batch *batch, Fault *fault)
{
    size_t messages[BATCH_MAX], count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (deliver_is_to_come(batch, i))
            answer(batch->deliveries[i], &batch->decisions[i]);
        else
            messages[count++] = i;
    }
    return verdict_again(batch, messages, count, fault);
}
