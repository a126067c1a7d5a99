/* A PBX tells a failed call in three places: the causes of its channels, the status of the dial, and the answer to whoever ordered
 * it. Which of them knows depends on the technology: of a Local pair one half has cause 0 and the other 17. */
#include "ingress/call_ending.h"

#include <stdio.h>

#include "event/sms_class.h"

/* ITU-T Q.850. */
enum {
    CAUSE_UNKNOWN = 0, CAUSE_UNALLOCATED = 1, CAUSE_NORMAL = 16, CAUSE_BUSY = 17, CAUSE_NO_RESPONSE = 18, CAUSE_NO_ANSWER = 19,
    CAUSE_NUMBER_CHANGED = 22, CAUSE_NORMAL_UNSPECIFIED = 31, CAUSE_CONGESTION_FIRST = 34, CAUSE_CONGESTION_LAST = 47, CAUSE_INTERWORKING = 127,
};

static int weight(int32_t cause)
{
    if (cause == CAUSE_UNKNOWN)
        return 0;
    if (cause == CAUSE_NORMAL)
        return 1;
    return cause == CAUSE_NORMAL_UNSPECIFIED || cause == CAUSE_INTERWORKING ? 2 : 3;
}

void call_ending_add_cause(CallEnding *ending, int32_t cause, Slice text)
{
    int more = weight(cause) - weight(ending->cause);
    if (more < 0 || (more == 0 && cause >= ending->cause))
        return;
    ending->cause = cause;
    snprintf(ending->cause_text, sizeof ending->cause_text, "%.*s", SLICE_ARG(text));
}

static const struct DialStatus {
    Slice status, outcome;
} dial_statuses[] = {
    {SLICE_INIT("BUSY"), SLICE_INIT("busy")}, {SLICE_INIT("CANCEL"), SLICE_INIT("no_answer")}, {SLICE_INIT("CHANUNAVAIL"), SLICE_INIT("failed")},
    {SLICE_INIT("CONGESTION"), SLICE_INIT("failed")}, {SLICE_INIT("NOANSWER"), SLICE_INIT("no_answer")},
};

static Slice outcome_of_status(Slice status)
{
    for (size_t i = 0; i < sizeof dial_statuses / sizeof *dial_statuses; i++) {
        if (slice_equal(dial_statuses[i].status, status))
            return dial_statuses[i].outcome;
    }
    return (Slice){0};
}

void call_ending_add_status(CallEnding *ending, Slice status)
{
    bool is_said = *ending->status != 0;
    if (slice_empty(outcome_of_status(status)) || (is_said && slice_compare(status, slice_of(ending->status)) >= 0))
        return;
    snprintf(ending->status, sizeof ending->status, "%.*s", SLICE_ARG(status));
}

static Slice outcome_of_cause(int32_t cause)
{
    if (weight(cause) < 2)
        return (Slice){0};
    if (cause == CAUSE_BUSY)
        return SLICE("busy");
    return cause == CAUSE_NO_RESPONSE || cause == CAUSE_NO_ANSWER ? SLICE("no_answer") : SLICE("failed");
}

/* The cause first: a dial that was rejected has the status NOANSWER. What rang and says nothing was not answered. */
Slice call_ending_outcome(const CallEnding *ending, bool has_rung, bool was_answered)
{
    Slice by_cause = outcome_of_cause(ending->cause), by_status = outcome_of_status(slice_of(ending->status));
    if (was_answered)
        return (Slice){0};
    if (!slice_empty(by_cause))
        return by_cause;
    if (!slice_empty(by_status))
        return by_status;
    return has_rung ? SLICE("no_answer") : SLICE("failed");
}

bool call_ending_is_open(const CallEnding *ending, bool has_rung, bool was_answered)
{
    return !was_answered && !has_rung && !*ending->status && weight(ending->cause) < 2;
}

Slice call_ending_sms_class(const CallEnding *ending, Slice outcome)
{
    bool is_congested = ending->cause >= CAUSE_CONGESTION_FIRST && ending->cause <= CAUSE_CONGESTION_LAST;
    if (ending->cause == CAUSE_UNALLOCATED || ending->cause == CAUSE_NUMBER_CHANGED)
        return slice_of(sms_class_name(SMS_DEAD_NUMBER));
    if (is_congested || !slice_equal(outcome, SLICE("failed")) || !strcmp(ending->status, "CONGESTION"))
        return slice_of(sms_class_name(SMS_TEMP_UNREACHABLE));
    return slice_of(sms_class_name(SMS_CLASS_UNKNOWN));
}
