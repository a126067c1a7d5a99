/* Strict where a number is dialled or texted, generous where it is blocked: a wrong guess there costs nothing. */
#include "event/phone.h"

#include <stdio.h>

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


/* ---- reading digits ---- */

typedef struct Digits {
    char text[40];
    size_t count;
    bool has_plus; /* before the first of them */
} Digits;

/* The UTF-8 character at the start of text, of up to three bytes; *ret_bytes is at least 1. Longer ones are nobody's digits. */
static uint32_t character_at(Slice text, size_t *ret_bytes)
{
    const unsigned char *at = (const unsigned char *)text.at;
    *ret_bytes = 1;
    if (at[0] >= 0xc0 && at[0] < 0xe0 && text.bytes >= 2)
        return *ret_bytes = 2, (uint32_t)(at[0] & 0x1f) << 6 | (at[1] & 0x3f);
    if (at[0] >= 0xe0 && at[0] < 0xf0 && text.bytes >= 3)
        return *ret_bytes = 3, (uint32_t)(at[0] & 0x0f) << 12 | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
    return at[0];
}

/* The value of a decimal digit of any script in the basic plane (Unicode general category Nd), or -1. */
static int digit_value(uint32_t character)
{
    static const uint16_t zeros[] = {0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
                                     0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
                                     0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10};
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
        if (character >= zeros[i] && character < zeros[i] + 10u)
            return (int)(character - zeros[i]);
    }
    return -1;
}

static bool is_plus(uint32_t character) { return character == '+' || character == 0xff0b; }

/* Written within a number: blanks, dashes, brackets, dots, and marks that nobody sees. */
static bool is_separator(uint32_t character)
{
    return (character < 0x80 && character && strchr(" \t-.()/_", (int)character)) || character == 0xa0 || character == 0xad ||
           (character >= 0x2000 && character <= 0x2015) || (character >= 0x202a && character <= 0x202f) ||
           (character >= 0x2060 && character <= 0x2069) || character == 0xfeff || character == 0x3000;
}

/* The next run of digits that may be one number; moves *rest behind it. Digits are apart where `apart` and separators are
 * between them. False at the end. */
static bool take_digits(Slice *rest, bool apart, Digits *ret)
{
    *ret = (Digits){0};
    while (rest->bytes) {
        size_t width;
        uint32_t character = character_at(*rest, &width);
        int value = digit_value(character);
        bool begins_next = is_plus(character) && ret->count;
        bool ends = value < 0 && ret->count && !is_plus(character) && (apart || !is_separator(character));
        if (begins_next || ends)
            return true;
        rest->at += width;
        rest->bytes -= width;
        if (value >= 0 && ret->count < sizeof ret->text)
            ret->text[ret->count++] = (char)('0' + value);
        else if (value < 0)
            ret->has_plus = is_plus(character) || (ret->has_plus && (ret->count || is_separator(character)));
    }
    return ret->count > 0;
}

static bool begins_with(const Digits *digits, Slice prefix)
{
    return digits->count > prefix.bytes && memcmp(digits->text, prefix.at, prefix.bytes) == 0;
}

/* ---- numbers from digits ---- */

typedef struct Candidates {
    Arena *arena;
    Slice country_code;
    Slice *out;
    size_t count;
} Candidates;

static void add_number(Candidates *candidates, Slice digits)
{
    Slice number = arena_printf(candidates->arena, "+%.*s", SLICE_ARG(digits));
    if (!phone_is_e164(number) || candidates->count == PHONE_CANDIDATES_MAX)
        return;
    for (size_t i = 0; i < candidates->count; i++) {
        if (slice_equal(candidates->out[i], number))
            return;
    }
    candidates->out[candidates->count++] = number;
}

/* ITU-T E.164 country codes: how many digits the number's has. */
static size_t country_code_bytes(Slice digits)
{
    static const char two_digits[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 "
                                     "81 82 84 86 90 91 92 93 94 95 98 ";
    if (digits.at[0] == '1' || digits.at[0] == '7')
        return 1;
    char code[4] = {digits.at[0], digits.at[1], ' ', '\0'};
    return strstr(two_digits, code) ? 2 : 3;
}

/* Countries whose numbers begin with a 0 that belongs to them. */
static bool keeps_its_zero(Slice country_code)
{
    static const Slice codes[] = {SLICE_INIT("39"), SLICE_INIT("378"), SLICE_INIT("379"), SLICE_INIT("225"), SLICE_INIT("241"), SLICE_INIT("242")};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (slice_equal(codes[i], country_code))
            return true;
    }
    return false;
}

/* With its country code. A 0 behind the code is mostly the trunk prefix, which is dialled at home only: "+44 (0)20". */
static void add_international(Candidates *candidates, Slice digits)
{
    if (digits.bytes < DIGITS_MIN)
        return;
    add_number(candidates, digits);
    size_t code = country_code_bytes(digits);
    if (digits.at[code] != '0' || keeps_its_zero((Slice){digits.at, code}))
        return;
    add_number(candidates, arena_printf(candidates->arena, "%.*s%.*s", (int)code, digits.at, (int)(digits.bytes - code - 1), digits.at + code + 1));
}

/* As it is dialled at home, mostly behind a trunk prefix 0 (8 where the country is 7) that is no part of it. */
static void add_national(Candidates *candidates, const Digits *digits)
{
    Slice code = candidates->country_code;
    bool has_trunk = digits->text[0] == '0' || (slice_equal(code, SLICE("7")) && digits->text[0] == '8');
    for (size_t skip = 0; skip <= has_trunk; skip++)
        add_number(candidates, arena_printf(candidates->arena, "%.*s%.*s", SLICE_ARG(code), (int)(digits->count - skip), digits->text + skip));
}

/* Behind the prefix of an international call: 00 in most countries, 011 in country 1, 0011 in Australia. True when it can
 * be nothing else. */
static bool add_prefixed(Candidates *candidates, const Digits *digits)
{
    static const Slice prefixes[] = {SLICE_INIT("00"), SLICE_INIT("0011"), SLICE_INIT("011")};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t skip = prefixes[i].bytes;
        if (begins_with(digits, prefixes[i]))
            add_international(candidates, (Slice){digits->text + skip, digits->count - skip});
    }
    return begins_with(digits, SLICE("00")) || (begins_with(digits, SLICE("011")) && slice_equal(candidates->country_code, SLICE("1")));
}

/* Numbers of country 1 have ten digits. */
static bool is_only_national(const Candidates *candidates, const Digits *digits)
{
    return slice_equal(candidates->country_code, SLICE("1")) && digits->count == 10;
}

static bool names_home_country(const Candidates *candidates, const Digits *digits)
{
    Slice code = candidates->country_code;
    return begins_with(digits, code) && digits->count >= code.bytes + DIGITS_MIN;
}

static void add_digits(Candidates *candidates, const Digits *digits)
{
    Slice all = {digits->text, digits->count};
    if (digits->has_plus) {
        add_international(candidates, all);
        return;
    }
    if (add_prefixed(candidates, digits))
        return;
    if (!is_only_national(candidates, digits))
        add_international(candidates, all);
    if (!slice_empty(candidates->country_code) && (is_only_national(candidates, digits) || !names_home_country(candidates, digits)))
        add_national(candidates, digits);
}

/* ---- numbers from text ---- */

static void add_text(Candidates *candidates, Slice text, bool apart)
{
    enum { ONE_NUMBER_MAX = DIGITS_MAX + 4 }; /* with the prefix of an international call */
    Digits digits;
    for (Slice rest = text; rest.bytes;) {
        const char *start = rest.at;
        if (!take_digits(&rest, apart, &digits))
            return;
        if (digits.count <= ONE_NUMBER_MAX || apart)
            add_digits(candidates, &digits);
        else
            add_text(candidates, (Slice){start, (size_t)(rest.at - start)}, true); /* two in a row */
    }
}

size_t phone_candidates(Slice text, Slice country_code, Arena *arena, Slice out[PHONE_CANDIDATES_MAX])
{
    Candidates candidates = {.arena = arena, .country_code = country_code, .out = out};
    if (phone_is_e164(text))
        add_number(&candidates, (Slice){text.at + 1, text.bytes - 1}); /* as its writer means it: nothing to guess */
    else
        add_text(&candidates, text, false);
    return candidates.count;
}

bool phone_names_country(Slice text)
{
    Digits digits;
    return take_digits(&text, false, &digits) && (digits.has_plus || begins_with(&digits, SLICE("00")));
}

const char phone_needs_country[] = "the number does not name its country: write it with + and the country code, or set PLEDGELINE_COUNTRY_CODE";

bool phone_is_country_code(Slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (!is_digit(text.at[i]))
            return false;
    }
    return text.bytes >= 1 && text.bytes <= 3 && text.at[0] != '0';
}

/* What is behind each "phoneNumber", to the end of the value. */
static void add_behind_keys(Candidates *candidates, Slice bytes)
{
    static const char key[] = "phoneNumber";
    const char *end = bytes.at + bytes.bytes;
    for (const char *at = bytes.at; at && at < end;) {
        at = memmem(at, (size_t)(end - at), key, sizeof key - 1);
        if (!at)
            return;
        at += sizeof key - 1;
        while (at < end && *at && strchr("\\\"': \t\r\n=%[{", *at)) /* also behind escapes of a message inside a message */
            at++;
        const char *stop = at;
        while (stop < end && stop - at < 60 && *stop && !strchr("\"\\}\n&", *stop))
            stop++;
        add_text(candidates, (Slice){at, (size_t)(stop - at)}, false);
    }
}

static void add_behind_plus(Candidates *candidates, Slice bytes)
{
    Digits digits;
    while (take_digits(&bytes, false, &digits)) {
        if (digits.has_plus && digits.count <= DIGITS_MAX)
            add_digits(candidates, &digits);
    }
}

size_t phone_salvage(Slice bytes, Slice country_code, Arena *arena, Slice out[PHONE_CANDIDATES_MAX])
{
    Candidates candidates = {.arena = arena, .country_code = country_code, .out = out};
    add_behind_keys(&candidates, bytes);
    if (!candidates.count)
        add_behind_plus(&candidates, bytes);
    return candidates.count;
}

/* ---- two spellings of one phone ---- */

/* Countries with the trunk prefix 0 and without a number that begins with a single 0: Google's libphonenumber 9.0.43, nationalPrefix and
 * the national number patterns; the prefixes stand also in ITU-T's Operational Bulletin 994, "Dialling procedures". Not among
 * them: +39 and its like, whose 0 is dialled from abroad too, +250, whose numbers may begin with 06, and +7 and +36, which have other prefixes. */
static const char trunk_codes[] =
    " 20 27 31 32 33 40 41 43 44 46 49 51 53 54 55 57 58 60 61 62 63 64 66 81 82 84 86 90 91 92 93 94 95 98"
    " 211 212 213 218 231 232 233 234 243 249 251 252 254 255 256 260 261 262 263 264 265 291"
    " 353 355 358 359 370 373 374 377 380 381 382 383 385 386 387 389 421 423"
    " 508 590 591 593 594 595 596 598 686 850 855 856 880 886"
    " 961 962 963 964 966 967 970 971 972 976 977 994 995 996 ";

static bool has_trunk_prefix(Slice country_code)
{
    char word[6];
    snprintf(word, sizeof word, " %.*s ", SLICE_ARG(country_code));
    return strstr(trunk_codes, word) != NULL;
}

/* The country code with '+', and what is behind it. */
static void split(Slice phone, Slice *ret_country, Slice *ret_rest)
{
    size_t code = country_code_bytes((Slice){phone.at + 1, phone.bytes - 1});
    *ret_country = (Slice){phone.at, 1 + code};
    *ret_rest = (Slice){phone.at + 1 + code, phone.bytes - 1 - code};
}

/* Behind "00" is a service, in Japan and Korea for instance, and no trunk prefix. */
bool phone_has_trunk(Slice phone)
{
    Slice country, rest;
    if (!phone_is_e164(phone) || phone.bytes == 1 + DIGITS_MIN)
        return false;
    split(phone, &country, &rest);
    return rest.at[0] == '0' && rest.at[1] != '0' && has_trunk_prefix((Slice){country.at + 1, country.bytes - 1});
}

Slice phone_other_spelling(Slice phone, Arena *arena)
{
    Slice country, rest;
    if (!phone_is_e164(phone))
        return (Slice){0};
    split(phone, &country, &rest);
    if (phone_has_trunk(phone))
        return arena_printf(arena, "%.*s%.*s", SLICE_ARG(country), (int)(rest.bytes - 1), rest.at + 1);
    Slice other = arena_printf(arena, "%.*s0%.*s", SLICE_ARG(country), SLICE_ARG(rest));
    return phone_has_trunk(other) ? other : (Slice){0};
}
