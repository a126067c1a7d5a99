/* One table names every member of a campaign; what it does not name is refused, with its place. Two rules of 47 CFR 64.1200(b) are
 * checked here, because a recorded call that breaks them must not be made: it begins by saying who calls (1), and within two seconds of
 * that tells how to opt out (3). */
#include "event/ivr_menu.h"

#include <stdarg.h>
#include <stdio.h>

#include "event/event.h"

enum { PAUSE_MS_MAX = 2000, TIMEOUT_S_MAX = 60, REPEATS_MAX = 9, SOUND_BYTES_MAX = 120 };

typedef struct Reading {
    Slice text;
    const Json *root;
    Arena *arena;
    Fault *fault;
} Reading;

static const char *const prompt_names[IVR_PROMPT_COUNT] = {"identity", "opt_out", "message", "confirmation", "apology", "invalid", "goodbye"};

const char *ivr_prompt_name(IvrPrompt prompt) { return prompt_names[prompt]; }

/* ---- refusals ---- */

static Status refuse(const Reading *reading, const Json *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static Status refuse(const Reading *reading, const Json *at, const char *format, ...)
{
    char what[FAULT_TEXT_BYTES];
    JsonPlace place = json_place_of(reading->text, reading->root, at);
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return fault_set(reading->fault, STATUS_REJECT, "menu_invalid", "line %zu, column %zu: %s", place.line, place.column, what);
}

static Status require_object(const Reading *reading, const Json *value)
{
    return json_is_object(value) ? STATUS_OK : refuse(reading, value, "%s must be an object", value->string ? value->string : "a menu");
}

/* ---- values ---- */

/* Names of sound files go into commands and paths: letters, digits and . _ - / only, and no way up. */
static bool is_sound(Slice name)
{
    for (size_t i = 0; i < name.bytes; i++) {
        char c = name.at[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-/", c);
        if (!is_plain)
            return false;
    }
    return name.bytes >= 1 && name.bytes <= SOUND_BYTES_MAX && name.at[0] != '-' && !slice_holds(name, SLICE(".."));
}

static bool ends_in(Slice name, Slice end)
{
    return name.bytes > end.bytes && !memcmp(name.at + name.bytes - end.bytes, end.at, end.bytes);
}

static Status read_sound(const Reading *reading, const Json *value, Slice *ret)
{
    static const Slice endings[] = {
        SLICE_INIT(".wav"), SLICE_INIT(".gsm"), SLICE_INIT(".ulaw"), SLICE_INIT(".alaw"), SLICE_INIT(".sln"), SLICE_INIT(".mp3"),
    };
    Slice name = json_text(value);
    if (!is_sound(name))
        return refuse(reading, value, "%s must name a sound file: letters, digits and . _ - / only, at most %d bytes", value->string,
                      SOUND_BYTES_MAX);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (ends_in(name, endings[i]))
            return refuse(reading, value, "%s names its sound file without the ending %s: Asterisk chooses it", value->string, endings[i].at);
    }
    *ret = name;
    return STATUS_OK;
}

static Status read_key(const Reading *reading, const Json *value, char *ret)
{
    Slice key = json_text(value);
    if (key.bytes != 1 || !strchr("0123456789*#", key.at[0]))
        return refuse(reading, value, "%s must be one key: 0 to 9, * or #", value->string);
    *ret = key.at[0];
    return STATUS_OK;
}

static Status read_number(const Reading *reading, const Json *value, int32_t least, int32_t most, int32_t scale, int32_t *ret)
{
    double number = json_is_number(value) ? value->valuedouble : -1;
    if (!(number >= least && number <= most) || number != (int32_t)number)
        return refuse(reading, value, "%s must be a whole number from %d to %d", value->string, least, most);
    *ret = (int32_t)number * scale;
    return STATUS_OK;
}

/* ---- members ---- */

typedef Status (*MemberReader)(const Reading *reading, const Json *value, IvrMenu *menu);
typedef struct Member { const char *name; MemberReader read; } Member;

/* "name, prompts and keys" */
static void add_name(Text *list, const char *name, bool is_last)
{
    text_printf(list, "%s%s", !list->bytes ? "" : is_last ? " and " : ", ", name);
}

static Status refuse_member(const Reading *reading, const Json *value, const Member *members)
{
    Text there_are = text_in(reading->arena);
    for (const Member *member = members; member->name; member++)
        add_name(&there_are, member->name, !member[1].name);
    return refuse(reading, value, "there is no member \"%.64s\" here; there are %.*s", value->string, SLICE_ARG(text_slice(&there_are)));
}

static Status refuse_prompt(const Reading *reading, const Json *value)
{
    Text there_are = text_in(reading->arena);
    for (size_t i = 0; i < IVR_PROMPT_COUNT; i++)
        add_name(&there_are, prompt_names[i], i + 1 == IVR_PROMPT_COUNT);
    return refuse(reading, value, "there is no prompt \"%.64s\"; there are %.*s", value->string, SLICE_ARG(text_slice(&there_are)));
}

static Status read_members(const Reading *reading, const Json *object, const Member *members, IvrMenu *menu)
{
    Status status = require_object(reading, object);
    for (const Json *value = object->child; value && !status; value = value->next) {
        const Member *member = members;
        while (member->name && strcmp(member->name, value->string))
            member++;
        status = member->name ? member->read(reading, value, menu) : refuse_member(reading, value, members);
    }
    return status;
}

static Status read_name(const Reading *reading, const Json *value, IvrMenu *menu)
{
    menu->name = json_text(value);
    bool fits = menu->name.bytes >= 1 && menu->name.bytes <= CAMPAIGN_NAME_BYTES_MAX;
    return fits ? STATUS_OK : refuse(reading, value, "name must be a text of at most %d bytes", CAMPAIGN_NAME_BYTES_MAX);
}

static Status read_prompts(const Reading *reading, const Json *prompts, IvrMenu *menu)
{
    Status status = require_object(reading, prompts);
    for (const Json *value = prompts->child; value && !status; value = value->next) {
        size_t prompt = 0;
        while (prompt < IVR_PROMPT_COUNT && strcmp(prompt_names[prompt], value->string))
            prompt++;
        status = prompt < IVR_PROMPT_COUNT ? read_sound(reading, value, &menu->prompts[prompt])
                                           : refuse_prompt(reading, value);
    }
    return status;
}

static Status read_donate(const Reading *reading, const Json *value, IvrMenu *menu)
{
    Status status = read_key(reading, value, &menu->donate);
    if (!status && menu->donate == '9')
        return refuse(reading, value, "donate cannot be 9: wherever an event names that key, it opts out");
    return status;
}

static Status read_opt_out(const Reading *reading, const Json *value, IvrMenu *menu) { return read_key(reading, value, &menu->opt_out); }

static Status read_keys(const Reading *reading, const Json *value, IvrMenu *menu)
{
    static const Member members[] = {{"donate", read_donate}, {"opt_out", read_opt_out}, {NULL, NULL}};
    return read_members(reading, value, members, menu);
}

static Status read_pause(const Reading *reading, const Json *value, IvrMenu *menu)
{
    if (json_is_number(value) && value->valuedouble > PAUSE_MS_MAX)
        return refuse(reading, value, "pause_ms is at most %d: the way to opt out is told within two seconds of the identity (47 CFR 64.1200(b)(3))",
                      PAUSE_MS_MAX);
    return read_number(reading, value, 0, PAUSE_MS_MAX, 1, &menu->pause_ms);
}

static Status read_timeout(const Reading *reading, const Json *value, IvrMenu *menu)
{
    return read_number(reading, value, 1, TIMEOUT_S_MAX, 1000, &menu->timeout_ms);
}

static Status read_repeats(const Reading *reading, const Json *value, IvrMenu *menu)
{
    return read_number(reading, value, 0, REPEATS_MAX, 1, &menu->repeats);
}

static Status check(const Reading *reading, const Json *object, const IvrMenu *menu)
{
    if (slice_empty(menu->prompts[IVR_PROMPT_IDENTITY]))
        return refuse(reading, object, "the prompt identity is missing: a recorded call begins by saying who calls (47 CFR 64.1200(b)(1))");
    if (slice_empty(menu->prompts[IVR_PROMPT_OPT_OUT]))
        return refuse(reading, object, "the prompt opt_out is missing: a recorded call tells how to opt out (47 CFR 64.1200(b)(3))");
    if (slice_empty(menu->prompts[IVR_PROMPT_MESSAGE]))
        return refuse(reading, object, "the prompt message is missing");
    if (menu->donate == menu->opt_out)
        return refuse(reading, object, "donate and opt_out are both the key %c", menu->donate);
    return STATUS_OK;
}

static Status read_menu(const Reading *reading, const Json *object, IvrMenu *menu)
{
    static const Member members[] = {
        {"name", read_name}, {"prompts", read_prompts}, {"keys", read_keys}, {"pause_ms", read_pause}, {"timeout_s", read_timeout},
        {"repeats", read_repeats}, {NULL, NULL},
    };
    Status status = read_members(reading, object, members, menu);
    return status ? status : check(reading, object, menu);
}

/* ---- the file ---- */

/* What a campaign does not say is as in the default; its name is its own. */
static Status read_campaigns(const Reading *reading, const Json *campaigns, IvrMenus *menus)
{
    size_t count = 0;
    Status status = require_object(reading, campaigns);
    json_each(campaign, campaigns) count++;
    menus->campaigns = ARENA_ARRAY(reading->arena, IvrMenuOfCampaign, count);
    for (const Json *campaign = campaigns->child; campaign && !status; campaign = campaign->next) {
        IvrMenuOfCampaign *row = &menus->campaigns[menus->count++];
        *row = (IvrMenuOfCampaign){slice_of(campaign->string), menus->standard};
        row->menu.name = (Slice){0};
        bool is_id = !slice_empty(row->campaign_id) && row->campaign_id.bytes <= CAMPAIGN_ID_BYTES_MAX;
        status = is_id ? read_menu(reading, campaign, &row->menu)
                       : refuse(reading, campaign, "a campaign's id has 1 to %d bytes", CAMPAIGN_ID_BYTES_MAX);
    }
    return status;
}

static Status read_file(const Reading *reading, IvrMenus *menus)
{
    const Json *standard = json_get(reading->root, "default"), *campaigns = json_get(reading->root, "campaigns");
    Status status = require_object(reading, reading->root);
    for (const Json *member = reading->root->child; member && !status; member = member->next) {
        if (member != standard && member != campaigns)
            status = refuse(reading, member, "there is no member \"%.64s\" here: a menu file has default and campaigns", member->string);
    }
    if (!status && !standard)
        status = refuse(reading, reading->root, "default is missing: the menu of calls whose campaign has none of its own");
    status = status ? status : read_menu(reading, standard, &menus->standard);
    return status || !campaigns ? status : read_campaigns(reading, campaigns, menus);
}

Status ivr_menus_parse(Slice text, Slice donation_key, Arena *arena, IvrMenus *ret, Fault *fault)
{
    Reading reading = {.text = text, .arena = arena, .fault = fault};
    Status status = json_parse(text, arena, &reading.root, fault);
    if (status)
        return status;
    IvrMenus menus = {.standard = {.donate = donation_key.bytes ? donation_key.at[0] : '1', .opt_out = '9', .timeout_ms = 5000, .repeats = 1}};
    status = read_file(&reading, &menus);
    if (!status)
        *ret = menus;
    return status;
}

const IvrMenu *ivr_menu_of(const IvrMenus *menus, Slice campaign_id)
{
    for (size_t i = 0; i < menus->count; i++) {
        if (slice_equal(menus->campaigns[i].campaign_id, campaign_id))
            return &menus->campaigns[i].menu;
    }
    return &menus->standard;
}

Slice ivr_menu_name(const IvrMenus *menus, Slice campaign_id)
{
    const IvrMenu *menu = ivr_menu_of(menus, campaign_id);
    return menu == &menus->standard && !slice_empty(campaign_id) ? (Slice){0} : menu->name;
}
