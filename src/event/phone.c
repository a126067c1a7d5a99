/* Strict where a number is dialled or texted, generous where it is blocked: a wrong guess there costs nothing. */
#include "event/phone.h"

enum { DIGITS_MIN = 8, DIGITS_MAX = 15 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool phone_is_e164(Slice text)
{
    if (text.bytes < 1 + DIGITS_MIN || text.bytes > 1 + DIGITS_MAX || text.at[0] != '+' || text.at[1] == '0')
        return false;
    for (size_t i = 1; i < text.bytes; i++) {
        if (!is_digit(text.at[i]))
            return false;
    }
    return true;
}

static void add_candidate(const char *digits, size_t count, Arena *arena, Slice *out, size_t *found)
{
    if (*found == PHONE_CANDIDATES_MAX)
        return;
    Slice candidate = arena_printf(arena, "+%.*s", (int)count, digits);
    if (!phone_is_e164(candidate))
        return;
    for (size_t i = 0; i < *found; i++) {
        if (slice_equal(out[i], candidate))
            return;
    }
    out[(*found)++] = candidate;
}

/* Bytes of the UTF-8 digit at text (full-width U+FF10…, Arabic-Indic U+0660…, Persian U+06F0…) and its value; 0 = none. */
static size_t foreign_digit(Slice text, char *ret)
{
    const unsigned char *at = (const unsigned char *)text.at;
    if (text.bytes >= 3 && at[0] == 0xef && at[1] == 0xbc && at[2] >= 0x90 && at[2] <= 0x99)
        return *ret = (char)('0' + at[2] - 0x90), 3;
    if (text.bytes >= 2 && at[0] == 0xd9 && at[1] >= 0xa0 && at[1] <= 0xa9)
        return *ret = (char)('0' + at[1] - 0xa0), 2;
    if (text.bytes >= 2 && at[0] == 0xdb && at[1] >= 0xb0 && at[1] <= 0xb9)
        return *ret = (char)('0' + at[1] - 0xb0), 2;
    return 0;
}

typedef struct Digits {
    char text[40];
    size_t count;
    size_t trunk_zero; /* index of the 0 in "(0)", or SIZE_MAX */
    bool has_plus;     /* before the first of them */
} Digits;

static const Slice FULL_WIDTH_PLUS = SLICE_INIT("\xef\xbc\x8b");

static Digits collect_digits(Slice text)
{
    Digits digits = {.trunk_zero = SIZE_MAX};
    for (size_t i = 0; i < text.bytes && digits.count < sizeof digits.text; i++) {
        char foreign;
        size_t width = foreign_digit((Slice){text.at + i, text.bytes - i}, &foreign);
        if (width) {
            digits.text[digits.count++] = foreign;
            i += width - 1;
        } else if (is_digit(text.at[i])) {
            if (text.at[i] == '0' && i > 0 && i + 1 < text.bytes && text.at[i - 1] == '(' && text.at[i + 1] == ')')
                digits.trunk_zero = digits.count;
            digits.text[digits.count++] = text.at[i];
        } else if (text.at[i] == ';' && digits.count) {
            break; /* tel:+1…;ext=5 (RFC 3966) */
        } else if (!digits.count) {
            digits.has_plus = digits.has_plus || text.at[i] == '+' || slice_starts_with((Slice){text.at + i, text.bytes - i}, FULL_WIDTH_PLUS);
        }
    }
    return digits;
}

static bool begins_with(const Digits *digits, Slice prefix)
{
    return digits->count > prefix.bytes && memcmp(digits->text, prefix.at, prefix.bytes) == 0;
}

/* How many digits in front say that a country code follows. */
static size_t international_prefix(const Digits *digits, Slice country_code)
{
    if (digits->has_plus)
        return 0;
    if (begins_with(digits, SLICE("00")))
        return 2;
    return slice_equal(country_code, SLICE("1")) && digits->count > 11 && begins_with(digits, SLICE("011")) ? 3 : 0;
}

bool phone_names_country(Slice text)
{
    Digits digits = collect_digits(text);
    return digits.has_plus || begins_with(&digits, SLICE("00"));
}

bool phone_is_country_code(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (!is_digit(text.at[i]))
            return false;
    }
    return text.bytes >= 1 && text.bytes <= 3 && text.at[0] != '0';
}

/* "(0)" is dialled at home only; some write it into the number all the same. */
static void add_international(Digits digits, size_t skip, Arena *arena, Slice *out, size_t *found)
{
    add_candidate(digits.text + skip, digits.count - skip, arena, out, found);
    if (digits.trunk_zero == SIZE_MAX || digits.trunk_zero < skip)
        return;
    size_t behind = digits.count - digits.trunk_zero - 1;
    memmove(digits.text + digits.trunk_zero, digits.text + digits.trunk_zero + 1, behind);
    add_candidate(digits.text + skip, digits.count - 1 - skip, arena, out, found);
}

/* At home a number is dialled with a trunk prefix, mostly 0 (8 where the country is 7), that is no part of it; in some
 * countries the 0 is. Numbers of country 1 have ten digits. */
static void add_national(const Digits *digits, Slice country_code, Arena *arena, Slice *out, size_t *found)
{
    bool has_trunk = digits->text[0] == '0' || (slice_equal(country_code, SLICE("7")) && digits->text[0] == '8');
    for (size_t skip = 0; skip <= has_trunk; skip++) {
        Slice whole = arena_printf(arena, "%.*s%.*s", SLICE_ARG(country_code), (int)(digits->count - skip), digits->text + skip);
        add_candidate(whole.at, whole.bytes, arena, out, found);
    }
}

typedef enum Form { FORM_INTERNATIONAL, FORM_NATIONAL, FORM_EITHER } Form;

/* Which form a number is in that has no '+' and no prefix. */
static Form bare_form(const Digits *digits, Slice country_code)
{
    if (slice_empty(country_code))
        return FORM_INTERNATIONAL;
    if (slice_equal(country_code, SLICE("1")) && digits->count == 10)
        return FORM_NATIONAL;
    return begins_with(digits, country_code) && digits->count >= country_code.bytes + DIGITS_MIN ? FORM_INTERNATIONAL : FORM_EITHER;
}

size_t phone_candidates(Slice text, Slice country_code, Arena *arena, Slice out[PHONE_CANDIDATES_MAX])
{
    size_t found = 0;
    Digits digits = collect_digits(text);
    if (!digits.count)
        return 0;
    size_t skip = international_prefix(&digits, country_code);
    Form form = digits.has_plus || skip ? FORM_INTERNATIONAL : bare_form(&digits, country_code);
    if (form != FORM_NATIONAL)
        add_international(digits, skip, arena, out, &found);
    if (form != FORM_INTERNATIONAL)
        add_national(&digits, country_code, arena, out, &found);
    return found;
}

size_t phone_salvage(Slice bytes, Slice country_code, Arena *arena, Slice out[PHONE_CANDIDATES_MAX])
{
    static const char key[] = "phoneNumber";
    size_t found = 0;
    const char *end = bytes.at + bytes.bytes;
    for (const char *at = bytes.at; at && at < end && found < PHONE_CANDIDATES_MAX;) {
        at = memmem(at, (size_t)(end - at), key, sizeof key - 1);
        if (!at)
            break;
        at += sizeof key - 1;
        while (at < end && strchr("\\\"': \t\r\n=%", *at)) /* also behind escapes of a message inside a message */
            at++;
        const char *stop = at;
        while (stop < end && stop - at < 40 && *stop && !strchr("\"\\,}\n&", *stop))
            stop++;
        Slice more[PHONE_CANDIDATES_MAX];
        size_t count = phone_candidates((Slice){at, (size_t)(stop - at)}, country_code, arena, more);
        for (size_t i = 0; i < count && found < PHONE_CANDIDATES_MAX; i++)
            out[found++] = more[i];
    }
    return found;
}
