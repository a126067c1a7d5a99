#include "lines.h"

#include "base/json.h"

void carrier_ndjson(Text *out, const MixEvent *event)
{
    text_printf(out, "{\"topic\":\"%s\",\"message\":", event->topic);
    text_add(out, event->body);
    text_add_byte(out, '}');
}

/* Fields and lengths as in a notification of AWS (a 2048-bit signature is 344 characters of base64). */
void carrier_sns_notification(Text *out, const MixEvent *event)
{
    static const char signature[] = "EXAMPLEpH+DcEwjAPg8O9mY8dReBSwksfg2S7WKQcikcNKWLQjwu6A4VbeS0QHVCkhRS7fUQvi2egU3N858fiTDN6bkkOxYDVrY0Ad8L10Hs3zH";
    text_printf(out, "{\"Type\":\"Notification\",\"MessageId\":\"22b80b92-fdea-4c2c-8f9d-%012x\","
                     "\"TopicArn\":\"arn:aws:sns:us-east-1:123456789012:%s\",\"Message\":",
                (unsigned)slice_hash(event->body), event->topic);
    json_add_string(out, event->body);
    text_printf(out, ",\"Timestamp\":\"2024-12-02T09:00:03.201Z\",\"SignatureVersion\":\"1\",\"Signature\":\"%s%s%s==\","
                     "\"SigningCertURL\":\"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem\","
                     "\"UnsubscribeURL\":\"https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn="
                     "arn:aws:sns:us-east-1:123456789012:%s:c9135db0-26c4-47ec-8998-413945fb5a96\"}",
                signature, signature, signature, event->topic);
}

void lines_make(Lines *lines, Mix *mix, size_t count, CarrierWriter *carrier)
{
    arena_init(&lines->arena);
    lines->items = ARENA_ARRAY(&lines->arena, Slice, count);
    lines->count = count;
    lines->bytes = 0;
    Arena scratch;
    arena_init(&scratch);
    for (size_t i = 0; i < count; i++) {
        MixEvent event = mix_next(mix);
        Text line = text_in(&scratch);
        carrier(&line, &event);
        lines->items[i] = arena_copy(&lines->arena, text_slice(&line));
        lines->bytes += line.bytes;
        arena_reset(&scratch);
    }
    arena_done(&scratch);
}

void lines_done(Lines *lines) { arena_done(&lines->arena); }
