/* Whose a gift is: from the link that a donation page names, or the call, to the campaign. */
#pragma once

#include "ports.h"

/* Fills in ref, call_id, campaign_id and contact_id where they can be known; else the gift stays as it is. Texts live in arena. */
Status gift_find_origin(const Ports *ports, Slice link_secret, Gift *gift, Arena *arena, Fault *fault);
