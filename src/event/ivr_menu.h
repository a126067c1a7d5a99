/* The menu file: which recordings a campaign's calls play, and which keys mean what. Pure. */
#pragma once

#include "base/json.h"

typedef enum IvrPrompt {
    IVR_PROMPT_IDENTITY, IVR_PROMPT_OPT_OUT, IVR_PROMPT_MESSAGE, IVR_PROMPT_CONFIRMATION, IVR_PROMPT_APOLOGY, IVR_PROMPT_INVALID,
    IVR_PROMPT_GOODBYE, IVR_PROMPT_COUNT,
} IvrPrompt;

/* What one campaign's calls do. */
typedef struct IvrMenu {
    Slice name;                       /* of the campaign, in texts; empty = the call says it */
    Slice prompts[IVR_PROMPT_COUNT];  /* sound files as Asterisk names them, without ending; empty = nothing is played */
    char donate, opt_out;             /* keys */
    int32_t pause_ms;                 /* between identity and the offer to opt out; at most 2,000 */
    int32_t timeout_ms;               /* how long a key is waited for */
    int32_t repeats;                  /* of opt-out offer and message, when nobody presses anything */
} IvrMenu;

typedef struct IvrMenuOfCampaign { Slice campaign_id; IvrMenu menu; } IvrMenuOfCampaign;

typedef struct IvrMenus {
    IvrMenu standard;                 /* of every campaign that has none of its own */
    IvrMenuOfCampaign *campaigns;
    size_t count;
} IvrMenus;

const char *ivr_prompt_name(IvrPrompt prompt);

/* The text of a menu file; what *ret points to lives in arena. donation_key: what asks for a donation where the file does not say.
 * REJECT "menu_invalid" says line and column, and what is wrong there. */
Status ivr_menus_parse(Slice text, Slice donation_key, Arena *arena, IvrMenus *ret, Fault *fault);

const IvrMenu *ivr_menu_of(const IvrMenus *menus, Slice campaign_id);
/* What texts call it; empty = by its id. The default names calls of no campaign, and never a campaign that the file does not list. */
Slice ivr_menu_name(const IvrMenus *menus, Slice campaign_id);
