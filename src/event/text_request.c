/* A text that somebody asks for by the topic `sms-gateway`, as the original system's donation handler does: a template, the
 * values of its placeholders, and whom it is for. */
#include "event/effect_request.h"
#include "event/text_template.h"

enum { MESSAGE_BYTES_MAX = 4096, VARIABLES_MAX = 32 };

static Status read_variables(const Json *object, Arena *arena, TemplateVariable *variables, size_t *ret_count, Fault *fault)
{
    *ret_count = 0;
    if (object && !json_is_null(object) && !json_is_object(object))
        return fault_set(fault, STATUS_REJECT, "field_type", "templateVariables must be an object of texts");
    json_each(member, object)
    {
        bool is_value = json_is_string(member) || json_is_number(member);
        if (!is_value || *ret_count == VARIABLES_MAX)
            return fault_set(fault, STATUS_REJECT, "field_type", "templateVariables must be an object of at most %d texts", VARIABLES_MAX);
        Slice value = json_is_string(member) ? json_text(member) : arena_printf(arena, "%.15g", member->valuedouble);
        variables[(*ret_count)++] = (TemplateVariable){member->string, value};
    }
    return STATUS_OK;
}

/* Filled here, for good: what the gateway sends has no placeholders, not even from a value. */
static Status fill(const Message *message, Arena *arena, Effect *wanted, Fault *fault)
{
    TemplateVariable variables[VARIABLES_MAX];
    size_t count;
    const Json *given = json_get(message->body, "templateVariables");
    Slice text = json_text(json_get(message->body, "message"));
    if (slice_empty(text) || text.bytes > MESSAGE_BYTES_MAX)
        return fault_set(fault, STATUS_REJECT, "field_missing", "message is missing; it must be a text of at most %d bytes", MESSAGE_BYTES_MAX);
    Status status = read_variables(given, arena, variables, &count, fault);
    status = status ? status : text_template_fill(text, variables, count, arena, &wanted->message, fault);
    if (!status && slice_holds(wanted->message, SLICE("{{")))
        status = fault_set(fault, STATUS_REJECT, "template_open", "a value of templateVariables holds {{");
    wanted->donation_link = json_text(json_get(given, "donationLink"));
    wanted->campaign_name = json_text(json_get(given, "campaignName"));
    return status;
}

static Status text_parse(const Message *message, Arena *arena, Event *event, Fault *fault)
{
    Status status = effect_request_parse(message, "_text", arena, event, fault);
    if (status)
        return status;
    event->wanted->kind = EFFECT_TEXT;
    return fill(message, arena, event->wanted, fault);
}

const EventHandler text_request_handler = {
    .topic = "sms-gateway", .lane = LANE_DONATION, .done = METRIC_EVENTS_DONE_TEXT, .needs_block_state = true, .is_request = true, .parse = text_parse,
    .decide = effect_request_decide,
};
