/* Call records that an Asterisk has written into files, as messages of `call-events`: Master.csv of cdr_csv (with or without its optional
 * columns), and the mapping of examples/asterisk/cdr_custom.conf, which also says call, campaign, contact and number. Pure.
 *
 * The rows of one call are one call: those with one linkedid, the halves of a Local pair, whoever is connected to a half, and the attempts of
 * one Dial. Its id is never the name of a channel, which comes again after a restart. The messages have the event ids of whoever followed the call, so
 * what was told of it already stays, and what was missed is filled in. */
#pragma once

#include "base/arena.h"
#include "base/zone.h"

typedef struct CdrFileSettings {
    const Zone *zone;    /* of the times; NULL = UTC */
    Slice campaign_id;   /* of calls that name none */
    Slice country_code;  /* of numbers in national form; empty = a row with such a number is left out */
    void (*tell)(void *context, Slice topic, Slice body);
    /* A row that cannot be read; column counts from 1, 0 = the row as a whole. */
    void (*complain)(void *context, size_t line, size_t column, const char *why);
    void *context;
} CdrFileSettings;

typedef struct CdrFileReport {
    int64_t rows, bad_rows, calls;
    int64_t nameless; /* calls that are left out: no campaign is named */
} CdrFileReport;

void cdr_file_read(Slice csv, const CdrFileSettings *settings, Arena *arena, CdrFileReport *ret);
