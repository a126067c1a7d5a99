/* A line end in a value would begin a field of somebody else's choice, so nothing that has one is ever sent. */
#include "net/ami_message.h"

#include <strings.h>

static bool is_named(Slice found, const char *name)
{
    return found.bytes == strlen(name) && !strncasecmp(found.at, name, found.bytes);
}

/* The text before the first such byte; *rest goes on behind it. All of it when there is none. */
static Slice cut(Slice *rest, char byte)
{
    const char *at = rest->bytes ? memchr(rest->at, byte, rest->bytes) : NULL;
    Slice before = {rest->at, at ? (size_t)(at - rest->at) : rest->bytes};
    size_t used = before.bytes + (at != NULL);
    *rest = (Slice){rest->at + used, rest->bytes - used};
    return before;
}

void ami_parse(Slice lines, AmiMessage *ret)
{
    ret->count = 0;
    while (lines.bytes && ret->count < AMI_FIELDS_MAX) {
        Slice value = cut(&lines, '\n');
        size_t line_bytes = value.bytes;
        Slice name = cut(&value, ':');
        if (name.bytes && name.bytes < line_bytes)
            ret->fields[ret->count++] = (AmiField){name, slice_trim(value, " \r")};
    }
}

Slice ami_value(const AmiMessage *message, const char *name)
{
    for (size_t i = 0; i < message->count; i++) {
        if (is_named(message->fields[i].name, name))
            return message->fields[i].value;
    }
    return (Slice){0};
}

bool ami_says(const AmiMessage *message, const char *name, const char *value) { return is_named(ami_value(message, name), value); }

static bool is_one_line(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (!text.at[i] || text.at[i] == '\r' || text.at[i] == '\n')
            return false;
    }
    return true;
}

static bool is_name(Slice name) { return name.bytes && is_one_line(name) && !memchr(name.at, ':', name.bytes); }

static Status add_field(const AmiField *field, Text *out, Fault *fault)
{
    if (!is_name(field->name) || !is_one_line(field->value))
        return fault_set(fault, STATUS_REJECT, "ami_field", "%.*s cannot be sent to Asterisk: its value is more than one line",
                         SLICE_ARG(field->name));
    if (field->name.bytes + field->value.bytes + 2 > AMI_LINE_BYTES_MAX)
        return fault_set(fault, STATUS_REJECT, "ami_field", "%.*s cannot be sent to Asterisk: %zu bytes are more than AMI has room for",
                         SLICE_ARG(field->name), field->value.bytes);
    text_add(out, field->name);
    text_add_literal(out, ": ");
    text_add(out, field->value);
    text_add_literal(out, "\r\n");
    return STATUS_OK;
}

Status ami_print(const AmiField *fields, size_t count, Text *out, Fault *fault)
{
    if (count > AMI_FIELDS_MAX)
        return fault_set(fault, STATUS_REJECT, "ami_field", "%zu fields are more than AMI takes", count);
    for (size_t i = 0; i < count; i++) {
        Status status = add_field(&fields[i], out, fault);
        if (status)
            return status;
    }
    text_add_literal(out, "\r\n");
    return STATUS_OK;
}
