/* Ending a call: each of its channels is hung up, and again while there is no answer, since that changes nothing more. */
#include "adapter/pbx_link.h"

#include <poll.h>

#include "base/clock.h"

/* Two connections: one call that the exchange sits on does not delay the others. Another try has a second at least, or it would only hide
 * why the one before it failed. */
enum { THREADS = 2, PAUSE_MS = 50, TRY_LEAST_MS = 1000 };

/* AMI says no to a wrong secret after a second, which must not look like silence. */
enum { PATIENCE_LEAST_MS = 1500 };

/* One call on its way to its end. */
typedef struct Ending {
    const Pbx *pbx;
    void *link;
    int64_t deadline_ms;
    Arena *arena;
    Fault fault;
} Ending;

static PbxAnswer hang_up_once(Ending *ending, Slice channel)
{
    return ending->pbx->way->hang_up(ending->link, channel, ending->deadline_ms, ending->arena, &ending->fault);
}

static PbxAnswer hang_up(Ending *ending, Slice channel)
{
    PbxAnswer answer;
    if (!pbx_is_channel(channel))
        return PBX_NO_CHANNEL;
    for (;;) {
        answer = hang_up_once(ending, channel);
        bool is_worth_another = answer == PBX_AWAY || answer == PBX_SILENT || answer == PBX_FAILED;
        if (!is_worth_another || clock_elapsed_ms() + PAUSE_MS + TRY_LEAST_MS > ending->deadline_ms)
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    pbx_judge(ending->pbx, answer, &ending->fault);
    return answer;
}

static CallEnd end_of(PbxAnswer answer)
{
    if (answer == PBX_NO_CHANNEL)
        return CALL_WAS_OVER;
    return answer == PBX_DONE ? CALL_HUNG_UP : CALL_UNENDED;
}

/* All of them, also when the first ends the others: what is gone meanwhile is no failure. */
static CallEnd hang_up_all(Ending *ending, const Slice *channels, size_t count)
{
    CallEnd end = CALL_WAS_OVER;
    for (size_t i = 0; i < count; i++) {
        CallEnd one = end_of(hang_up(ending, channels[i]));
        if (one == CALL_UNENDED)
            return CALL_UNENDED;
        end = one == CALL_HUNG_UP ? CALL_HUNG_UP : end;
    }
    return end;
}

/* A call that nobody told of, and whose id is no channel's: its channels may carry its id as a variable. */
static CallEnd search_and_hang_up(Ending *ending, Slice call_id)
{
    Slice channels[CALL_CHANNELS_MAX];
    size_t count = 0;
    PbxAnswer answer = ending->pbx->way->search(ending->link, call_id, ending->deadline_ms, ending->arena, channels, &count, &ending->fault);
    pbx_judge(ending->pbx, answer, &ending->fault);
    return answer == PBX_DONE ? hang_up_all(ending, channels, count) : CALL_UNENDED;
}

static CallEnd end_known_or_strange(Ending *ending, Slice call_id)
{
    Slice channels[CALL_CHANNELS_MAX];
    size_t count = 0;
    ChannelsPlace place = channel_map_find(ending->pbx->channels, call_id, ending->arena, channels, &count);
    if (place == CHANNELS_THERE)
        return hang_up_all(ending, channels, count);
    CallEnd end = hang_up_all(ending, &call_id, 1);
    return end == CALL_WAS_OVER && place == CHANNELS_STRANGE ? search_and_hang_up(ending, call_id) : end;
}

static int64_t patience_ms(const Pbx *pbx)
{
    int64_t patience_ms = breaker_patience_ms(pbx->settings.breaker, CALL_END_DEADLINE_MS);
    return patience_ms > PATIENCE_LEAST_MS ? patience_ms : PATIENCE_LEAST_MS;
}

static CallEnd end_call(void *context, void *link, Slice call_id, int64_t deadline_ms, Arena *arena)
{
    const Pbx *pbx = context;
    Fault ignored;
    if (breaker_enter(pbx->settings.breaker, &ignored))
        return CALL_UNENDED;
    int64_t patience_end_ms = clock_elapsed_ms() + patience_ms(pbx);
    Ending ending = {.pbx = pbx, .link = link, .arena = arena, .deadline_ms = deadline_ms < patience_end_ms ? deadline_ms : patience_end_ms};
    return end_known_or_strange(&ending, call_id);
}

static void *open_link(void *context)
{
    const Pbx *pbx = context;
    return pbx->way->open(pbx->place);
}

CallEnder *pbx_call_ender(Pbx *pbx)
{
    return call_ender_new(&(CallMeans){.context = pbx, .threads = THREADS, .open_link = open_link, .close_link = pbx->way->close,
                                         .end_call = end_call});
}
