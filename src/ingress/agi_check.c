/* agi://host/check: may the number in the first argument be called? Sets PLEDGELINE_BLOCKED to 0 where it may, else to 1, also when
 * nobody can say in time; PLEDGELINE_BLOCKED_REASON says why. A call that the list has stopped is recorded as such. */
#include "base/clock.h"
#include "base/metrics.h"
#include "event/phone.h"
#include "ingress/agi_event.h"
#include "ingress/agi_outbox.h"
#include "service/dnc_cache.h"

enum { PATIENCE_MS = 1000, SAY_MS = 5000, REASON_BYTES_MAX = 200, ARENA_BLOCK_BYTES = 4 * 1024 };

typedef enum CheckStep { SAYS_CLEAR, SAYS_REASON, SAYS_BLOCKED, ASKS_WHOSE } CheckStep;

typedef struct Check {
    ReaderJob job;
    AgiWake wake;
    AgiCall *call;
    int64_t until_ms; /* elapsed time */
    bool is_answered; /* whatever the reader still says */
    CheckStep step;   /* the last command */
    DncAnswer result; /* as Asterisk is told */

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
    check->result = result;
    check->step = result == DNC_CLEAR ? SAYS_CLEAR : SAYS_REASON;
    metric_add(metrics[result], 1);
    if (result == DNC_CLEAR)
        set(check->call, SLICE("PLEDGELINE_BLOCKED"), SLICE("0"));
    else
        set(check->call, SLICE("PLEDGELINE_BLOCKED_REASON"), reason);
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
        answer(check, DNC_UNKNOWN, SLICE("no number was given: AGI(agi://host/check,NUMBER)"));
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

/* ---- the record of a call that the list has stopped ---- */

static const AgiValue whose[] = {AGI_CALL_ID, AGI_CAMPAIGN_ID, AGI_CONTACT_ID, AGI_PHONE, AGI_CAMPAIGN_NAME, AGI_LINKEDID, AGI_VALUE_COUNT};

/* As docs/ivr.md has it, but for the argument: it is the number here. */
static CallIdentity identity_of(AgiCall *call)
{
    Slice number = call->values[AGI_ARGUMENT_1];
    for (AgiValue argument = AGI_ARGUMENT_1; argument <= AGI_ARGUMENT_4; argument++)
        call->values[argument] = (Slice){0};
    if (slice_empty(call->values[AGI_PHONE]))
        call->values[AGI_PHONE] = number;
    return call_identity(call, agi_settings(call->agi)->menus);
}

/* Who follows the PBX reports the end, and cannot know why. Whether the call ends is the dialplan's to say, so where nobody follows it
 * nothing is told. A call that is nobody's is not recorded. */
static void record(AgiCall *call)
{
    bool is_anybodys = !slice_empty(call->values[AGI_CALL_ID]) || !slice_empty(call->values[AGI_CAMPAIGN_ID]);
    if (!is_anybodys || !call_feed_follows(agi_settings(call->agi)->feed))
        return;
    CallIdentity identity = identity_of(call);
    Slice body = event_of_outcome(&identity, SLICE("blacklisted"), clock_wall_ms(), &call->arena);
    agi_outbox_post(agi_outbox(call->agi), SLICE("call-events"), body, NULL, NULL);
}

static void replied(AgiCall *call, const AgiReply *reply)
{
    Check *check = call->state;
    if (check->step == SAYS_REASON) {
        check->step = SAYS_BLOCKED;
        set(call, SLICE("PLEDGELINE_BLOCKED"), SLICE("1"));
    } else if (check->step == SAYS_BLOCKED && check->result == DNC_BLOCKED) {
        check->step = ASKS_WHOSE;
        agi_ask_variables(call, whose);
    } else {
        if (check->step == ASKS_WHOSE) {
            agi_take_variables(call, whose, reply);
            record(call);
        }
        agi_leave(call);
    }
}

static void ended(AgiCall *call) { (void)call; }

static const AgiValue nothing[] = {AGI_VALUE_COUNT};

const AgiScript check_script = {
    .name = SLICE_INIT("check"), .variables = nothing, .begin = begin, .replied = replied, .ticked = ticked, .ended = ended,
};
