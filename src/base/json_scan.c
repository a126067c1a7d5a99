/* What cJSON lets pass and we do not: bytes that are not UTF-8, raw control bytes in strings, \u0000 and lone surrogates,
 * numbers like 01 or 1., any byte below 33 as white space, and 1,000 levels of nesting. RFC 8259, RFC 3629. */
#include "base/json_scan.h"

#include "base/bytes.h"
#include "base/json.h"
#include "base/utf8.h"

typedef struct Scan {
    const unsigned char *start, *at, *end;
    int depth;
} Scan;

static Status refuse(const Scan *scan, Fault *fault, const char *code, const char *what)
{
    return fault_set(fault, STATUS_REJECT, code, "the JSON is malformed at byte %zu: %s", (size_t)(scan->at - scan->start), what);
}

/* What ends the plain run of a string: a quote, a backslash, a control byte or one above ASCII. */
static uint64_t special_bytes(uint64_t word)
{
    return bytes_equal(word, '"') | bytes_equal(word, '\\') | bytes_below(word, 0x20) | bytes_above_ascii(word);
}

static bool is_special(unsigned char byte) { return byte == '"' || byte == '\\' || byte < 0x20 || byte >= 0x80; }

static void skip_plain_run(Scan *scan)
{
    for (; scan->end - scan->at >= 8; scan->at += 8) {
        uint64_t special = special_bytes(bytes_load(scan->at));
        if (special) {
            scan->at += bytes_first(special);
            return;
        }
    }
    while (scan->at < scan->end && !is_special(*scan->at))
        scan->at++;
}

static int hex_value(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The code unit of "\uXXXX" at the cursor, -1 when it is not one. */
static int unicode_escape(const unsigned char *at, const unsigned char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static Status scan_escape(Scan *scan, Fault *fault)
{
    if (scan->end - scan->at < 2)
        return refuse(scan, fault, "json_malformed", "the text ends inside a string");
    if (memchr("\"\\/bfnrt", scan->at[1], 8)) {
        scan->at += 2;
        return STATUS_OK;
    }
    int unit = unicode_escape(scan->at, scan->end);
    if (unit < 0)
        return refuse(scan, fault, "json_malformed", "unknown escape in a string");
    if (unit == 0)
        return refuse(scan, fault, "json_utf8", "U+0000 in a string");
    if (unit < 0xd800 || unit > 0xdfff) {
        scan->at += 6;
        return STATUS_OK;
    }
    int low = unit < 0xdc00 ? unicode_escape(scan->at + 6, scan->end) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(scan, fault, "json_utf8", "lone surrogate in a string");
    scan->at += 12;
    return STATUS_OK;
}

static Status scan_string(Scan *scan, Fault *fault)
{
    scan->at++;
    for (skip_plain_run(scan); scan->at < scan->end; skip_plain_run(scan)) {
        unsigned char byte = *scan->at;
        if (byte == '"') {
            scan->at++;
            return STATUS_OK;
        }
        if (byte == '\\') {
            Status status = scan_escape(scan, fault);
            if (status)
                return status;
        } else if (byte < 0x20) {
            return refuse(scan, fault, "json_malformed", "raw control byte in a string");
        } else {
            size_t length = utf8_length(scan->at, scan->end);
            if (!length)
                return refuse(scan, fault, "json_utf8", "invalid UTF-8");
            scan->at += length;
        }
    }
    return refuse(scan, fault, "json_malformed", "the text ends inside a string");
}

static bool skip_digits(Scan *scan)
{
    const unsigned char *before = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > before;
}

static Status scan_number(Scan *scan, Fault *fault)
{
    if (*scan->at == '-')
        scan->at++;
    bool leads_with_zero = scan->at < scan->end && *scan->at == '0';
    const unsigned char *digits = scan->at;
    bool well_formed = skip_digits(scan) && !(leads_with_zero && scan->at - digits > 1);
    if (well_formed && scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        well_formed = skip_digits(scan);
    }
    if (well_formed && scan->at < scan->end && (*scan->at | 0x20) == 'e') {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        well_formed = skip_digits(scan);
    }
    return well_formed ? STATUS_OK : refuse(scan, fault, "json_malformed", "not a number");
}

static Status scan_word(Scan *scan, Fault *fault)
{
    static const Slice words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    Slice rest = {(const char *)scan->at, (size_t)(scan->end - scan->at)};
    for (size_t i = 0; i < 3; i++) {
        if (slice_starts_with(rest, words[i])) {
            scan->at += words[i].bytes;
            return STATUS_OK;
        }
    }
    return refuse(scan, fault, "json_malformed", "unexpected byte");
}

static Status scan_token(Scan *scan, Fault *fault)
{
    unsigned char byte = *scan->at;
    switch (byte) {
    case '"':
        return scan_string(scan, fault);
    case '{':
    case '[':
        if (++scan->depth > JSON_DEPTH_MAX)
            return refuse(scan, fault, "json_depth", "nested deeper than 32 levels");
        scan->at++;
        return STATUS_OK;
    case '}':
    case ']':
        scan->depth--;
        scan->at++;
        return STATUS_OK;
    case ',':
    case ':':
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        scan->at++;
        return STATUS_OK;
    default:
        return byte == '-' || (byte >= '0' && byte <= '9') ? scan_number(scan, fault) : scan_word(scan, fault);
    }
}

Status json_scan(Slice text, size_t *ret_offset, Fault *fault)
{
    const unsigned char *start = (const unsigned char *)text.at;
    Scan scan = {start, start, start + text.bytes, 0};
    while (scan.at < scan.end) {
        Status status = scan_token(&scan, fault);
        if (status) {
            *ret_offset = (size_t)(scan.at - start);
            return status;
        }
    }
    return STATUS_OK;
}
