/* Lines of AGI, taken apart and put together. */
#include "net/agi.h"

#include <stdio.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- what comes ---- */

static bool read_code(Slice line, int *ret)
{
    if (line.bytes < 4 || !is_digit(line.at[0]) || !is_digit(line.at[1]) || !is_digit(line.at[2]) || !strchr(" -", line.at[3]))
        return false;
    *ret = (line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + (line.at[2] - '0');
    return true;
}

static bool read_result(Slice *rest, long *ret)
{
    static const Slice name = SLICE_INIT("result=");
    long number = 0;
    size_t at = name.bytes;
    if (!slice_starts_with(*rest, name))
        return false;
    bool is_negative = at < rest->bytes && rest->at[at] == '-';
    at += is_negative;
    for (size_t digits = at; at < rest->bytes && is_digit(rest->at[at]) && at - digits < 9;)
        number = number * 10 + (rest->at[at++] - '0');
    *ret = is_negative ? -number : number;
    *rest = (Slice){rest->at + at, rest->bytes - at};
    return rest->bytes == 0 || rest->at[0] == ' '; /* "result=" alone: digits that nobody pressed */
}

/* " (value)" */
static void read_value(Slice rest, AgiReply *reply)
{
    if (rest.bytes < 2 || rest.at[0] != ' ' || rest.at[1] != '(')
        return;
    size_t end = rest.bytes;
    while (end > 2 && rest.at[end - 1] != ')')
        end--;
    reply->has_value = true;
    reply->value = (Slice){rest.at + 2, (end > 2 ? end - 1 : rest.bytes) - 2};
}

static AgiLineKind read_usage_line(Slice line, bool *in_usage, AgiReply *reply)
{
    int code;
    if (!read_code(line, &code) || code != 520 || line.at[3] != ' ')
        return AGI_LINE_PART;
    *in_usage = false;
    *reply = (AgiReply){.code = code};
    return AGI_LINE_REPLY;
}

AgiLineKind agi_read_line(Slice line, bool *in_usage, AgiReply *ret_reply)
{
    AgiReply reply = {0};
    if (*in_usage)
        return read_usage_line(line, in_usage, ret_reply);
    if (slice_equal(line, SLICE("HANGUP")))
        return AGI_LINE_HANGUP;
    if (!read_code(line, &reply.code))
        return AGI_LINE_STRANGE;
    if (reply.code == 520 && line.at[3] == '-')
        return *in_usage = true, AGI_LINE_PART;
    Slice rest = {line.at + 4, line.bytes - 4};
    if (reply.code == 200 && !read_result(&rest, &reply.result))
        return AGI_LINE_STRANGE;
    if (reply.code == 200)
        read_value(rest, &reply);
    *ret_reply = reply;
    return AGI_LINE_REPLY;
}

bool agi_read_environment(Slice line, Slice *ret_name, Slice *ret_value)
{
    const char *colon = line.bytes ? memchr(line.at, ':', line.bytes) : NULL;
    if (!colon || !slice_starts_with(line, SLICE("agi_")))
        return false;
    *ret_name = (Slice){line.at, (size_t)(colon - line.at)};
    *ret_value = (Slice){colon + 1, line.bytes - ret_name->bytes - 1};
    if (ret_value->bytes && ret_value->at[0] == ' ')
        *ret_value = (Slice){ret_value->at + 1, ret_value->bytes - 1};
    return true;
}

/* ---- what goes ---- */

void agi_add(AgiCommand *command, Slice words)
{
    if (command->is_cut || words.bytes > sizeof command->at - command->bytes) {
        command->is_cut = true;
        return;
    }
    if (words.bytes)
        memcpy(command->at + command->bytes, words.at, words.bytes);
    command->bytes += words.bytes;
}

void agi_add_quoted(AgiCommand *command, Slice text)
{
    agi_add_literal(command, "\"");
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '"' || c == '\\')
            agi_add_literal(command, "\\");
        agi_add(command, (unsigned char)c < 0x20 || c == 0x7f ? SLICE(" ") : (Slice){&c, 1});
    }
    agi_add_literal(command, "\"");
}

void agi_add_number(AgiCommand *command, int64_t number)
{
    char printed[24];
    agi_add(command, (Slice){printed, (size_t)snprintf(printed, sizeof printed, "%lld", (long long)number)});
}
