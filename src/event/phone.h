/* Phone numbers: E.164 (ITU-T), '+' and 8 to 15 digits, ASCII only. Pure. */
#pragma once

#include "base/arena.h"

/* For sentences that say what a number must be. */
#define PHONE_FORM "+ and 8 to 15 digits, like +972501234567"

enum { PHONE_BYTES_MAX = 16, PHONE_CANDIDATES_MAX = 16 };

/* True for '+', a first digit of 1 to 9, and 8 to 15 digits in all. */
bool phone_is_e164(Slice text);

/* Every E.164 number that the text may mean: separators, extensions, SIP and tel URIs, digits of other scripts, prefixes of
 * international calls and a missing '+' are taken into account, and what can be read in two ways gives both, also when two
 * numbers are in one text. country_code: digits like "972", for numbers in national form; empty when nobody knows it. For
 * the do-not-call list only, where blocking too much is harmless. Returns how many went to out. */
size_t phone_candidates(Slice text, Slice country_code, Arena *arena, Slice out[PHONE_CANDIDATES_MAX]);

/* Whether the text says its country: it begins with '+' or "00", separators and "tel:" aside. */
bool phone_names_country(Slice text);
/* What people are told where it does not, and PLEDGELINE_COUNTRY_CODE is empty. */
extern const char phone_needs_country[];

/* True for 1 to 3 digits, the first not 0. */
bool phone_is_country_code(Slice text);

/* Whether this E.164 number has the trunk prefix 0 of its country behind the country code, which whoever dials from abroad leaves out:
 * "+9720501234567". Never where a 0 belongs to the number, as in Italy. */
bool phone_has_trunk(Slice phone);

/* The other spelling of the same phone: without that 0, or with it. Empty where there is none. */
Slice phone_other_spelling(Slice phone, Arena *arena);

/* Looks for phone numbers in bytes that nobody can read otherwise: behind a "phoneNumber" key, or else behind a '+'. */
size_t phone_salvage(Slice bytes, Slice country_code, Arena *arena, Slice out[PHONE_CANDIDATES_MAX]);
