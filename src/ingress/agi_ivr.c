/* agi://host/ivr: a recorded call of a campaign. Arguments: call id, campaign id, contact id, phone number; or the channel's variables. */
#include "base/log.h"
#include "ingress/agi_recorded.h"

static void begin(AgiCall *call)
{
    const AgiSettings *settings = agi_settings(call->agi);
    if (!settings->menus) {
        log_line(LOG_ERROR, "a call asks for its menu, and PLEDGELINE_MENU is not set: it is left to the dialplan",
                 LOG_TEXT("uniqueid", call->values[AGI_UNIQUEID]));
        agi_leave(call);
        return;
    }
    RecordedCall *recorded = ARENA_NEW(&call->arena, RecordedCall);
    Slice campaign_id = slice_empty(call->values[AGI_ARGUMENT_2]) ? call->values[AGI_CAMPAIGN_ID] : call->values[AGI_ARGUMENT_2];
    recorded_init(recorded, call, ivr_menu_of(settings->menus, campaign_id), true, false);
    recorded->reports = true;
    recorded_begin(recorded);
}

static void replied(AgiCall *call, const AgiReply *reply) { recorded_replied(call->state, reply); }

static void ended(AgiCall *call)
{
    if (call->state)
        recorded_ended(call->state);
}

static const AgiValue variables[] = {AGI_CALL_ID, AGI_CAMPAIGN_ID, AGI_CONTACT_ID, AGI_PHONE, AGI_CAMPAIGN_NAME, AGI_LINKEDID, AGI_VALUE_COUNT};

const AgiScript ivr_script = {.name = SLICE_INIT("ivr"), .variables = variables, .begin = begin, .replied = replied, .ended = ended};
