/* Request smuggling lives on heads that two readers understand differently: whatever says two things at once is refused,
 * and the connection with it. RFC 9112 sections 5.1, 6.1 to 6.3, 3.2. */
#include "net/http_head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

typedef struct Counting {
    int lengths, codings, hosts;
    const char *length, *coding;
    bool odd_name;
} Counting;

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    Counting *counting = context;
    const char *text = value ? value : "";
    counting->odd_name |= !*name || name[strcspn(name, " \t")];
    if (!strcasecmp(name, "Content-Length")) {
        counting->lengths++;
        counting->length = text;
    } else if (!strcasecmp(name, "Transfer-Encoding")) {
        counting->codings++;
        counting->coding = text;
    } else if (!strcasecmp(name, "Host")) {
        counting->hosts++;
    }
    return MHD_YES;
}

/* Digits only; -1 when it is anything else. */
static int64_t length_of(const char *text)
{
    enum { DIGITS_MAX = 15 };
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > DIGITS_MAX || text[digits])
        return -1;
    int64_t length = 0;
    for (; *text; text++)
        length = length * 10 + (*text - '0');
    return length;
}

static const char *wrong_with(const Counting *counting, const char *version)
{
    if (counting->lengths > 1)
        return "Content-Length comes more than once";
    if (counting->lengths && counting->codings)
        return "Content-Length and Transfer-Encoding contradict each other";
    if (counting->codings > 1 || (counting->coding && strcasecmp(counting->coding, "chunked")))
        return "Transfer-Encoding must be chunked";
    if (counting->length && length_of(counting->length) < 0)
        return "Content-Length is not a number";
    if (counting->hosts != 1 && !strcmp(version, "HTTP/1.1"))
        return "Host must come exactly once";
    if (counting->odd_name)
        return "a header name holds a blank";
    return NULL;
}

HttpHead http_head_read(struct MHD_Connection *connection, const char *version)
{
    Counting counting = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &counting);
    return (HttpHead){wrong_with(&counting, version), counting.length ? length_of(counting.length) : -1};
}
