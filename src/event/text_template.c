/* {{name}} -> value, left to right, once. */
#include "event/text_template.h"

static const TemplateVariable *find(Slice name, const TemplateVariable *variables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(slice_of(variables[i].name), name))
            return &variables[i];
    }
    return NULL;
}

Status text_template_fill(Slice template_text, const TemplateVariable *variables, size_t count, Arena *arena,
                          Slice *ret_text, Fault *fault)
{
    Text out = text_in(arena);
    const char *at = template_text.at, *end = at + template_text.bytes;
    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        text_add(&out, (Slice){at, (size_t)((open ? open : end) - at)});
        if (!open)
            break;
        const char *close = memmem(open + 2, (size_t)(end - open - 2), "}}", 2);
        if (!close)
            return fault_set(fault, STATUS_REJECT, "template_open", "the text has {{ without }}");
        Slice name = slice_trim((Slice){open + 2, (size_t)(close - open - 2)}, " ");
        const TemplateVariable *variable = find(name, variables, count);
        if (!variable)
            return fault_set(fault, STATUS_REJECT, "template_unknown", "the text has {{%.*s}}, which has no value",
                             name.bytes > 60 ? 60 : (int)name.bytes, name.at);
        text_add(&out, variable->value);
        at = close + 2;
    }
    *ret_text = text_slice(&out);
    return STATUS_OK;
}
