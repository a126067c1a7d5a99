#include "ingress/channel_event.h"

const Slice call_variable_names[CALL_VARIABLES] = {
    [VARIABLE_CALL_ID] = SLICE_INIT("PLEDGELINE_CALL_ID"),
    [VARIABLE_CAMPAIGN_ID] = SLICE_INIT("PLEDGELINE_CAMPAIGN_ID"),
    [VARIABLE_CONTACT_ID] = SLICE_INIT("PLEDGELINE_CONTACT_ID"),
    [VARIABLE_PHONE] = SLICE_INIT("PLEDGELINE_PHONE"),
    [VARIABLE_CAMPAIGN_NAME] = SLICE_INIT("PLEDGELINE_CAMPAIGN_NAME"),
};

CallVariable call_variable_of(Slice name)
{
    while (name.bytes && name.at[0] == '_')
        name = (Slice){name.at + 1, name.bytes - 1};
    size_t variable = 0;
    while (variable < CALL_VARIABLES && !slice_equal(call_variable_names[variable], name))
        variable++;
    return (CallVariable)variable;
}

ChannelState channel_state_of(Slice name)
{
    static const struct { Slice name; ChannelState state; } rows[] = {
        {SLICE_INIT("Dialing"), CHANNEL_DIALING}, {SLICE_INIT("Dialing Offhook"), CHANNEL_DIALING}, {SLICE_INIT("Ringing"), CHANNEL_RINGING},
        {SLICE_INIT("Busy"), CHANNEL_BUSY}, {SLICE_INIT("Up"), CHANNEL_UP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (slice_equal(rows[i].name, name))
            return rows[i].state;
    }
    return CHANNEL_IDLE;
}
