/* Collect: which of the calls that were told to end are over. Nothing depends on it: it is counted, for those who answer for how
 * soon a call ends after its person has opted out. */
#include "line/batch.h"

#include "base/metrics.h"

/* A repeat ends nothing: its call was ended, and counted, when it first came. */
static bool ends_a_call(const Decision *decision)
{
    return decision->block_count && !decision->duplicate && !slice_empty(decision->hang_up);
}

Status step_collect(Batch *batch, Fault *fault)
{
    (void)fault;
    const CallsPort *calls = &batch->ports->calls;
    if (!calls->collect)
        return STATUS_OK;
    Slice call_ids[BATCH_MAX];
    size_t messages[BATCH_MAX], count = 0;
    bool ended[BATCH_MAX];
    for (size_t i = 0; i < batch->count; i++) {
        if (!ends_a_call(&batch->decisions[i]))
            continue;
        call_ids[count] = batch->decisions[i].hang_up;
        messages[count++] = i;
    }
    Fault ignored; /* the message is answered for: a call that nobody can tell of is not counted */
    if (!count || calls->collect(calls->self, call_ids, count, batch->settings->hang_up_wait_ms, ended, &ignored))
        return STATUS_OK;
    for (size_t k = 0; k < count; k++) {
        if (!ended[k])
            continue;
        metric_add(METRIC_CALL_TERMINATIONS, 1);
        metric_waited(METRIC_OPTOUT_HUNG_UP, batch_since_press_ms(batch, messages[k]));
    }
    return STATUS_OK;
}
