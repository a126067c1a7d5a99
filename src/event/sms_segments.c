/* A character of one or two units is never cut in two, so a full segment may hold one unit less than there is room for. */
#include "event/sms_segments.h"

#include "base/utf8.h"

/* Room in units: alone, and with the header that joins it to others. */
typedef struct Room { int alone, joined; } Room;

static const Room septets_room = {160, 153}, ucs2_room = {70, 67};

/* What the default alphabet holds beside printable ASCII (TS 23.038, 6.2.1), in order. */
static const uint16_t beyond_ascii[] = {
    0x00a1, 0x00a3, 0x00a4, 0x00a5, 0x00a7, 0x00bf, 0x00c4, 0x00c5, 0x00c6, 0x00c7, 0x00c9, 0x00d1, 0x00d6, 0x00d8, 0x00dc, 0x00df, 0x00e0, 0x00e4,
    0x00e5, 0x00e6, 0x00e8, 0x00e9, 0x00ec, 0x00f1, 0x00f2, 0x00f6, 0x00f8, 0x00f9, 0x00fc, 0x0393, 0x0394, 0x0398, 0x039b, 0x039e, 0x03a0, 0x03a3,
    0x03a6, 0x03a8, 0x03a9,
};

static bool is_beyond_ascii(uint32_t point)
{
    for (size_t i = 0; i < sizeof beyond_ascii / sizeof *beyond_ascii; i++) {
        if (beyond_ascii[i] == point)
            return true;
    }
    return false;
}

static bool is_one_of(uint32_t point, const char *characters) { return point && point < 0x80 && strchr(characters, (int)point); }

/* 2 for the characters behind an escape (TS 23.038, 6.2.1.1), 0 for those that the alphabet does not have. */
static int septets_of(uint32_t point)
{
    enum { EURO_SIGN = 0x20ac };
    if (is_one_of(point, "\f^{}\\[~]|") || point == EURO_SIGN)
        return 2;
    bool is_plain_ascii = point >= ' ' && point <= '~' && point != '`';
    return is_plain_ascii || point == '\n' || point == '\r' || is_beyond_ascii(point);
}

static int code_units_of(uint32_t point) { return point > 0xffff ? 2 : 1; }

static SmsSegments fill_segments(Slice text, int (*units_of)(uint32_t point), Room room)
{
    SmsSegments ret = {.segments = !slice_empty(text)};
    int in_segment = 0;
    while (text.bytes) {
        int units = units_of(utf8_next(&text));
        bool is_full = in_segment + units > room.joined;
        ret.segments += is_full;
        in_segment = is_full ? units : in_segment + units;
        ret.units += units;
    }
    if (ret.segments && ret.units <= room.alone)
        ret.segments = 1;
    return ret;
}

static bool needs_ucs2(Slice text)
{
    while (text.bytes) {
        if (!septets_of(utf8_next(&text)))
            return true;
    }
    return false;
}

SmsSegments sms_segments(Slice text)
{
    bool is_ucs2 = needs_ucs2(text);
    SmsSegments ret = is_ucs2 ? fill_segments(text, code_units_of, ucs2_room) : fill_segments(text, septets_of, septets_room);
    ret.is_ucs2 = is_ucs2;
    return ret;
}
