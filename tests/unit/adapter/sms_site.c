#include "sms_site.h"

#include <strings.h>

SmsSite site_with(Config *config, const char *public_url, const ConfigOverride *settings)
{
    Fault fault;
    size_t count = 0;
    while (settings[count].env)
        count++;
    if (config_load(config, settings, count, &fault))
        fail_msg("%s", fault.text);
    return (SmsSite){config, slice_of(public_url)};
}

static Slice header_of(const void *request, const char *name)
{
    for (const PostedHeader *header = request; header->name; header++) {
        if (!strcasecmp(header->name, name))
            return slice_of(header->value);
    }
    return (Slice){0};
}

SmsCallback posted(const char *method, const char *path, const char *query, Slice body, const PostedHeader *headers)
{
    return (SmsCallback){.method = slice_of(method), .path = slice_of(path), .query = slice_of(query), .body = body, .header = header_of,
                         .request = headers, .now_ms = 1746014400000};
}
