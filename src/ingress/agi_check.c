/* agi://host/check: may the number in the first argument be called? Sets PLEDGELINE_BLOCKED to 0 where it may, else to 1, also when
 * nobody can say in time; PLEDGELINE_BLOCKED_REASON says why. */
#include "base/clock.h"
#include "base/metrics.h"
#include "event/phone.h"
#include "ingress/agi_call.h"
#include "service/dnc_cache.h"

enum { PATIENCE_MS = 1000, SAY_MS = 5000, REASON_BYTES_MAX = 200, ARENA_BLOCK_BYTES = 4 * 1024 };

typedef struct Check {
    ReaderJob job;
    AgiWake wake;
    AgiCall *call;
    int64_t until_ms; /* elapsed time */
    bool is_answered; /* whatever the reader still says */
    bool is_blocked, knows_reason; /* what Asterisk is told, and was told */

    Arena arena;      /* the reader's, as is what follows, until it wakes us */
    DncAnswer found;
    char reason[REASON_BYTES_MAX];
} Check;

/* ---- on the reader's thread ---- */

static void ask(Check *check, const Ports *ports, Slice phone)
{
    Slice why;
    DncAnswer answer = dnc_ask(ports, phone, &check->arena, &why);
    if (answer == DNC_CLEAR || check->found == DNC_BLOCKED)
        return;
    check->found = answer;
    size_t bytes = why.bytes < sizeof check->reason - 1 ? why.bytes : sizeof check->reason - 1;
    memcpy(check->reason, why.at, bytes);
    check->reason[bytes] = 0;
}

/* A number without its country may be several; it may be called when all of them may. */
static void run(ReaderJob *job, const Ports *ports)
{
    Check *check = (Check *)(void *)((char *)job - offsetof(Check, job));
    Slice number = check->call->values[AGI_ARGUMENT_1], country_code = agi_settings(check->call->agi)->country_code;
    Slice phones[PHONE_CANDIDATES_MAX] = {number};
    size_t count = phone_is_e164(number) ? 1 : phone_candidates(number, country_code, &check->arena, phones);
    check->found = DNC_CLEAR;
    for (size_t i = 0; i < count; i++)
        ask(check, ports, phones[i]);
    if (!count)
        ask(check, ports, number);
    arena_done(&check->arena);
    agi_wake(check->call->agi, &check->wake);
}

/* ---- on ours ---- */

static void set(AgiCall *call, Slice name, Slice value)
{
    AgiCommand command = {0};
    agi_add_literal(&command, "SET VARIABLE ");
    agi_add(&command, name);
    agi_add_literal(&command, " ");
    agi_add_quoted(&command, value);
    agi_say(call, &command, SAY_MS);
}

/* The reason goes first: once PLEDGELINE_BLOCKED is set, all is said. */
static void answer(Check *check, DncAnswer result, Slice reason)
{
    static const Metric metrics[] = {[DNC_CLEAR] = METRIC_AGI_CHECKS_CLEAR, [DNC_BLOCKED] = METRIC_AGI_CHECKS_BLOCKED,
                                     [DNC_UNKNOWN] = METRIC_AGI_CHECKS_UNKNOWN};
    if (check->is_answered)
        return;
    check->is_answered = true;
    check->is_blocked = result != DNC_CLEAR;
    metric_add(metrics[result], 1);
    if (check->is_blocked)
        set(check->call, SLICE("PLEDGELINE_BLOCKED_REASON"), reason);
    else
        set(check->call, SLICE("PLEDGELINE_BLOCKED"), SLICE("0"));
}

static void asked(AgiWake *wake)
{
    Check *check = (Check *)(void *)((char *)wake - offsetof(Check, wake));
    check->call->holds--;
    answer(check, check->found, slice_of(check->reason));
}

static void begin(AgiCall *call)
{
    Check *check = ARENA_NEW(&call->arena, Check);
    call->state = check;
    check->call = call;
    check->job.run = run;
    check->wake.run = asked;
    check->until_ms = clock_elapsed_ms() + PATIENCE_MS;
    if (slice_empty(call->values[AGI_ARGUMENT_1])) {
        answer(check, DNC_BLOCKED, SLICE("no number was given: AGI(agi://host/check,NUMBER)"));
        return;
    }
    arena_init_small(&check->arena, ARENA_BLOCK_BYTES);
    if (readers_do(agi_checks(call->agi), &check->job))
        call->holds++;
    else
        answer(check, DNC_UNKNOWN, SLICE("too many checks at once, so nobody can say"));
}

static void ticked(AgiCall *call, int64_t now_ms)
{
    Check *check = call->state;
    if (now_ms >= check->until_ms)
        answer(check, DNC_UNKNOWN, SLICE("the list was not read in time, so nobody can say"));
}

static void replied(AgiCall *call, const AgiReply *reply)
{
    Check *check = call->state;
    (void)reply;
    if (!check->is_blocked || check->knows_reason) {
        agi_leave(call);
        return;
    }
    check->knows_reason = true;
    set(call, SLICE("PLEDGELINE_BLOCKED"), SLICE("1"));
}

static void ended(AgiCall *call) { (void)call; }

static const AgiValue variables[] = {AGI_VALUE_COUNT};

const AgiScript check_script = {
    .name = SLICE_INIT("check"), .variables = variables, .begin = begin, .replied = replied, .ticked = ticked, .ended = ended,
};
