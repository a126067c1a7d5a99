#include "ingress/cdr_file.h"

#include <search.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/csv_read.h"
#include "base/digest.h"
#include "event/cdr.h"
#include "event/phone.h"
#include "ingress/call_news.h"

/* A row says seconds: its end stands for each, so that a time which was told exactly, and is no later, is the one that stays. */
enum { PAIRS_APART_MS = 2000, DIGEST_SHOWN_BYTES = 16 };

typedef enum CdrColumn {
    COLUMN_CALL, COLUMN_CAMPAIGN, COLUMN_CONTACT, COLUMN_PHONE, COLUMN_CHANNEL, COLUMN_OTHER, COLUMN_START, COLUMN_ANSWER, COLUMN_END,
    COLUMN_DISPOSITION, COLUMN_UNIQUEID, COLUMN_LINKEDID, CDR_COLUMNS,
} CdrColumn;

/* Where they are, counted from 1; 0 = nowhere. cdr_csv adds columns by options of cdr.conf: loguniqueid, loguserfield, newcdrcolumns.
 * https://docs.asterisk.org/Latest_API/API_Documentation/Module_Configuration/cdr/ */
static const struct CdrFormat {
    size_t cells;
    uint8_t at[CDR_COLUMNS];
} formats[] = {
#define MASTER .at[COLUMN_CAMPAIGN] = 1, .at[COLUMN_PHONE] = 3, .at[COLUMN_CHANNEL] = 6, .at[COLUMN_OTHER] = 7, .at[COLUMN_START] = 10, \
               .at[COLUMN_ANSWER] = 11, .at[COLUMN_END] = 12, .at[COLUMN_DISPOSITION] = 15
    {16, MASTER},
    {17, MASTER, .at[COLUMN_UNIQUEID] = 17},
    {18, MASTER, .at[COLUMN_UNIQUEID] = 17},
    {19, MASTER, .at[COLUMN_LINKEDID] = 18},
    {20, MASTER, .at[COLUMN_UNIQUEID] = 17, .at[COLUMN_LINKEDID] = 19},
    {21, MASTER, .at[COLUMN_UNIQUEID] = 17, .at[COLUMN_LINKEDID] = 20},
#undef MASTER
    {13, .at[COLUMN_CALL] = 1, .at[COLUMN_CAMPAIGN] = 2, .at[COLUMN_CONTACT] = 3, .at[COLUMN_PHONE] = 4, .at[COLUMN_START] = 5, .at[COLUMN_ANSWER] = 6,
     .at[COLUMN_END] = 7, .at[COLUMN_DISPOSITION] = 10, .at[COLUMN_CHANNEL] = 11, .at[COLUMN_UNIQUEID] = 12, .at[COLUMN_LINKEDID] = 13},
};

/* The statuses of dials that say the same (call_ending.h). */
static const struct { Slice disposition, status; } dispositions[] = {
    {SLICE_INIT("ANSWERED"), SLICE_INIT("ANSWER")},    {SLICE_INIT("NO ANSWER"), SLICE_INIT("NOANSWER")},  {SLICE_INIT("BUSY"), SLICE_INIT("BUSY")},
    {SLICE_INIT("FAILED"), SLICE_INIT("CHANUNAVAIL")}, {SLICE_INIT("CONGESTION"), SLICE_INIT("CONGESTION")},
};

typedef struct Row {
    Slice cells[CDR_COLUMNS];
    Slice status;
    int64_t start_ms, answer_ms, end_ms;
    struct Row *following; /* of the same call */
} Row;

/* A call as its rows tell it. The key comes first: a tree of them is searched by it. */
typedef struct FileCall {
    Slice key, channel; /* of the row that gave it its key */
    Row *first, *last;
    struct FileCall *joined;    /* the call that this one turned out to be */
    struct FileCall *following;
} FileCall;

/* A Local pair while it lasted. Asterisk counts its pairs from 0 again when it starts, so a name stands for one only at one time. */
typedef struct Pair {
    Slice key;
    FileCall *call;
    int64_t from_ms, until_ms;
} Pair;

typedef struct Reading {
    const CdrFileSettings *settings;
    Arena *arena;
    CdrFileReport *report;
    void *calls, *pairs; /* trees: calls by their id; the last pair of each name */
    FileCall *first, **end;
    size_t line;
} Reading;

/* ---- rows ---- */

static bool complain(const Reading *reading, size_t column, const char *why)
{
    reading->settings->complain(reading->settings->context, reading->line, column, why);
    return false;
}

static const struct CdrFormat *format_of(size_t cells)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (formats[i].cells == cells)
            return &formats[i];
    }
    return NULL;
}

static int64_t to_utc(const Zone *zone, int64_t local_ms)
{
    if (!zone)
        return local_ms;
    int64_t guess_s = local_ms / 1000 - zone_span(zone, local_ms / 1000).offset_s;
    return local_ms - (int64_t)zone_span(zone, guess_s).offset_s * 1000;
}

/* "2026-11-21 17:46:50" in the zone; or seconds since 1970 with a fraction, as ${CDR(start,u)} has them. */
static bool read_time(const Reading *reading, Slice text, int64_t *ret_ms)
{
    char *end = NULL;
    double seconds = text.bytes > 10 && text.at[10] == '.' ? strtod(arena_copy(reading->arena, text).at, &end) : 0;
    if (end && !*end && seconds > 0 && seconds < 1e11) {
        *ret_ms = (int64_t)(seconds * 1000);
        return true;
    }
    bool is_date = text.bytes == 19 && text.at[10] == ' ';
    int64_t local_ms;
    if (!is_date || !time_parse(arena_printf(reading->arena, "%.10sT%.8sZ", text.at, text.at + 11), &local_ms))
        return false;
    *ret_ms = to_utc(reading->settings->zone, local_ms) + CDR_WITHIN_SECOND_MS;
    return true;
}

static bool read_times(const Reading *reading, const struct CdrFormat *format, Row *row)
{
    bool was_answered = !slice_empty(row->cells[COLUMN_ANSWER]);
    if (!read_time(reading, row->cells[COLUMN_START], &row->start_ms))
        return complain(reading, format->at[COLUMN_START], "the start is no time like 2026-11-21 17:46:50");
    if (was_answered && !read_time(reading, row->cells[COLUMN_ANSWER], &row->answer_ms))
        return complain(reading, format->at[COLUMN_ANSWER], "the answer is no time like 2026-11-21 17:46:50");
    if (!read_time(reading, row->cells[COLUMN_END], &row->end_ms))
        return complain(reading, format->at[COLUMN_END], "the end is no time like 2026-11-21 17:46:50");
    if (row->end_ms < row->start_ms)
        return complain(reading, format->at[COLUMN_END], "the end is before the start");
    return true;
}

static bool read_disposition(const Reading *reading, const struct CdrFormat *format, Row *row)
{
    for (size_t i = 0; i < sizeof dispositions / sizeof *dispositions; i++) {
        if (slice_equal(dispositions[i].disposition, row->cells[COLUMN_DISPOSITION]))
            row->status = dispositions[i].status;
    }
    return !slice_empty(row->status) || complain(reading, format->at[COLUMN_DISPOSITION], "the disposition is none of Asterisk's");
}

/* One that could be of any country is no country's: as +2025550184 a number of Washington would be one of Egypt. Who dials no number at all is
 * an extension of the PBX. */
static bool read_phone(const Reading *reading, const struct CdrFormat *format, const Row *row)
{
    Slice text = row->cells[COLUMN_PHONE], candidates[PHONE_CANDIDATES_MAX];
    bool is_clear = phone_names_country(text) || !slice_empty(reading->settings->country_code);
    return is_clear || !phone_candidates(text, (Slice){0}, reading->arena, candidates) || complain(reading, format->at[COLUMN_PHONE], phone_needs_country);
}

static bool read_row(const Reading *reading, const Slice *cells, size_t count, Row *ret)
{
    const struct CdrFormat *format = format_of(count);
    *ret = (Row){.start_ms = 0};
    if (!format)
        return complain(reading, 0, "it has another number of columns than Asterisk's files: 16 to 21, or 13 of examples/asterisk/cdr_custom.conf");
    for (size_t i = 0; i < CDR_COLUMNS; i++)
        ret->cells[i] = format->at[i] ? cells[format->at[i] - 1] : (Slice){0};
    if (ret->cells[COLUMN_UNIQUEID].bytes > CALL_ID_BYTES_MAX || ret->cells[COLUMN_LINKEDID].bytes > CALL_ID_BYTES_MAX)
        return complain(reading, format->at[COLUMN_UNIQUEID], "the id is too long");
    return read_times(reading, format, ret) && read_disposition(reading, format, ret) && read_phone(reading, format, ret);
}

/* ---- which rows are one call ---- */

static int compare(const void *a, const void *b) { return slice_compare(*(const Slice *)a, *(const Slice *)b); }

static void *find(void *const *root, Slice key)
{
    void *const *node = tfind(&key, root, compare);
    return node ? *node : NULL;
}

static void keep(void **root, void *node)
{
    if (!tsearch(node, root, compare))
        abort();
}

static FileCall *call_new(Reading *reading)
{
    FileCall *call = ARENA_NEW(reading->arena, FileCall);
    *reading->end = call;
    reading->end = &call->following;
    reading->report->calls++;
    return call;
}

static FileCall *whole_of(FileCall *call)
{
    while (call->joined)
        call = call->joined;
    return call;
}

static void append(FileCall *call, Row *first, Row *last)
{
    if (call->last)
        call->last->following = first;
    else
        call->first = first;
    call->last = last;
}

static FileCall *join(Reading *reading, FileCall *call, FileCall *other)
{
    if (call == other)
        return call;
    if (other->first)
        append(call, other->first, other->last);
    other->joined = call;
    reading->report->calls--;
    return call;
}

/* What tells a row's channel from every other: a name alone comes again. */
static Slice digest_of(const Reading *reading, const Row *row)
{
    const Slice parts[] = {row->cells[COLUMN_START], SLICE("\n"), row->cells[COLUMN_CHANNEL]};
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(parts, sizeof parts / sizeof *parts, digest);
    return arena_printf(reading->arena, "cdr-%.*s", SLICE_ARG(digest_hex(reading->arena, digest, DIGEST_SHOWN_BYTES)));
}

static Slice own_id(const Reading *reading, const Row *row)
{
    return slice_empty(row->cells[COLUMN_UNIQUEID]) ? digest_of(reading, row) : row->cells[COLUMN_UNIQUEID];
}

/* "Local/s@out-00000003;1" without its half; empty for any other channel. */
static Slice pair_of(Slice channel)
{
    bool is_half = slice_starts_with(channel, SLICE("Local/")) && channel.bytes > 2 && channel.at[channel.bytes - 2] == ';';
    return is_half ? (Slice){channel.at, channel.bytes - 2} : (Slice){0};
}

static bool is_second_half(Slice channel) { return !slice_empty(pair_of(channel)) && channel.at[channel.bytes - 1] == '2'; }

static bool is_at_one_time(const Pair *pair, const Row *row)
{
    return row->start_ms <= pair->until_ms + PAIRS_APART_MS && row->end_ms >= pair->from_ms - PAIRS_APART_MS;
}

static void pair_new(Reading *reading, Slice name, const Row *row, FileCall *call)
{
    Pair *pair = ARENA_NEW(reading->arena, Pair);
    *pair = (Pair){.key = name, .call = call, .from_ms = row->start_ms, .until_ms = row->end_ms};
    keep(&reading->pairs, pair);
}

/* call: what is known of the row's already; NULL = nothing. */
static FileCall *call_of_pair(Reading *reading, Slice name, const Row *row, FileCall *call)
{
    Pair *pair = find(&reading->pairs, name);
    if (pair && is_at_one_time(pair, row)) {
        pair->from_ms = row->start_ms < pair->from_ms ? row->start_ms : pair->from_ms;
        pair->until_ms = row->end_ms > pair->until_ms ? row->end_ms : pair->until_ms;
        FileCall *found = whole_of(pair->call);
        return call ? join(reading, found, call) : found;
    }
    if (pair)
        tdelete(pair, &reading->pairs, compare);
    call = call ? call : call_new(reading);
    pair_new(reading, name, row, call);
    return call;
}

static FileCall *call_of_id(Reading *reading, Slice id, Slice channel)
{
    FileCall *call = find(&reading->calls, id);
    if (call)
        return whole_of(call);
    call = call_new(reading);
    call->key = id;
    call->channel = channel;
    keep(&reading->calls, call);
    return call;
}

/* Of a channel that is no half of a pair. NULL when its id cannot be one. */
static FileCall *call_of_channel(Reading *reading, const Row *row)
{
    Slice id = own_id(reading, row), channel = row->cells[COLUMN_CHANNEL];
    const FileCall *known = find(&reading->calls, id);
    if (known && !slice_equal(known->channel, channel)) {
        complain(reading, 0, "its unique id is another channel's, too: is that column the userfield? Then set loguniqueid in cdr.conf");
        return NULL;
    }
    return call_of_id(reading, id, channel);
}

/* A row has a channel, and the one that it was connected to; the other half of either may have a row of its own. */
static FileCall *call_of(Reading *reading, const Row *row)
{
    if (!slice_empty(row->cells[COLUMN_LINKEDID]))
        return call_of_id(reading, row->cells[COLUMN_LINKEDID], row->cells[COLUMN_CHANNEL]);
    Slice own = pair_of(row->cells[COLUMN_CHANNEL]), other = pair_of(row->cells[COLUMN_OTHER]);
    FileCall *call = slice_empty(own) ? call_of_channel(reading, row) : call_of_pair(reading, own, row, NULL);
    return call && !slice_empty(other) ? call_of_pair(reading, other, row, call) : call;
}

/* ---- what a row says of its call ---- */

/* The call's first channel is no second half, and began first. */
static bool is_before(const Row *row, const Row *other)
{
    Slice channel = row->cells[COLUMN_CHANNEL], other_channel = other->cells[COLUMN_CHANNEL];
    if (is_second_half(channel) != is_second_half(other_channel))
        return is_second_half(other_channel);
    if (row->start_ms != other->start_ms)
        return row->start_ms < other->start_ms;
    return slice_compare(channel, other_channel) < 0;
}

static Slice linkedid_of(const Reading *reading, const FileCall *call)
{
    const Row *first = call->first;
    for (const Row *row = first; row; row = row->following)
        first = is_before(row, first) ? row : first;
    return slice_empty(first->cells[COLUMN_LINKEDID]) ? own_id(reading, first) : first->cells[COLUMN_LINKEDID];
}

/* Empty when it is no number, or one that could be several. */
static Slice phone_of(const Reading *reading, Slice text)
{
    Slice candidates[PHONE_CANDIDATES_MAX];
    if (phone_is_e164(text))
        return text;
    return phone_candidates(text, reading->settings->country_code, reading->arena, candidates) == 1 ? candidates[0] : (Slice){0};
}

static void keep_text(Slice *kept, Slice text) { *kept = slice_empty(*kept) ? text : *kept; }

static void keep_earlier(int64_t *kept, int64_t value) { *kept = value && (!*kept || value < *kept) ? value : *kept; }

static void add_row(const Reading *reading, CallNews *news, const Row *row)
{
    keep_text(&news->call_id, row->cells[COLUMN_CALL]);
    keep_text(&news->variables[VARIABLE_CAMPAIGN_ID], row->cells[COLUMN_CAMPAIGN]);
    keep_text(&news->variables[VARIABLE_CONTACT_ID], row->cells[COLUMN_CONTACT]);
    keep_text(&news->variables[VARIABLE_PHONE], phone_of(reading, row->cells[COLUMN_PHONE]));
    keep_earlier(&news->created_ms, row->start_ms);
    keep_earlier(&news->answered_ms, row->answer_ms);
    news->ended_ms = row->end_ms > news->ended_ms ? row->end_ms : news->ended_ms;
    call_ending_add_status(&news->ending, row->status);
}

static void take_line(Reading *reading, const Slice *cells, size_t count)
{
    Row *row = ARENA_NEW(reading->arena, Row);
    if (count == 1 && slice_empty(cells[0]))
        return;
    reading->report->rows++;
    FileCall *call = read_row(reading, cells, count, row) ? call_of(reading, row) : NULL;
    if (call)
        append(call, row, row);
    else
        reading->report->bad_rows++;
}

/* ---- what is told ---- */

static void tell_call(const Reading *reading, const FileCall *call, Arena *arena)
{
    CallNews news = {.linkedid = linkedid_of(reading, call)};
    for (const Row *row = call->first; row; row = row->following)
        add_row(reading, &news, row);
    keep_text(&news.call_id, news.linkedid);
    keep_text(&news.variables[VARIABLE_CAMPAIGN_ID], reading->settings->campaign_id);
    if (slice_empty(news.variables[VARIABLE_CAMPAIGN_ID])) {
        reading->report->nameless++;
        return;
    }
    call_news_tell(&news, arena, reading->settings->tell, reading->settings->context);
    arena_reset(arena);
}

static void forget(void *call) { (void)call; /* it lives in the arena */ }

void cdr_file_read(Slice csv, const CdrFileSettings *settings, Arena *arena, CdrFileReport *ret)
{
    CsvReader csv_reader;
    Slice cells[CSV_CELLS_MAX];
    size_t count;
    Reading reading = {.settings = settings, .arena = arena, .report = ret, .end = &reading.first, .line = 1};
    *ret = (CdrFileReport){0};
    csv_reader_init(&csv_reader, csv, ",");
    for (; csv_read_line(&csv_reader, arena, cells, &count); reading.line = csv_reader.line + 1)
        take_line(&reading, cells, count);
    Arena of_one_call;
    arena_init(&of_one_call);
    for (const FileCall *call = reading.first; call; call = call->following) {
        if (!call->joined)
            tell_call(&reading, call, &of_one_call);
    }
    arena_done(&of_one_call);
    tdestroy(reading.calls, forget);
    tdestroy(reading.pairs, forget);
}
