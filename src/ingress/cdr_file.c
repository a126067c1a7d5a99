#include "ingress/cdr_file.h"

#include <search.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/csv_read.h"
#include "event/event.h"
#include "event/phone.h"
#include "ingress/call_news.h"

/* A row says seconds: its end stands for each, so that a time which was told exactly, and is no later, is the one that stays. */
enum { WITHIN_SECOND_MS = 999, HALVES_APART_MS = 2000 };

typedef enum CdrColumn {
    COLUMN_CALL, COLUMN_CAMPAIGN, COLUMN_CONTACT, COLUMN_PHONE, COLUMN_CHANNEL, COLUMN_START, COLUMN_ANSWER, COLUMN_END, COLUMN_DISPOSITION,
    COLUMN_UNIQUEID, COLUMN_LINKEDID, CDR_COLUMNS,
} CdrColumn;

/* Where they are, counted from 1; 0 = nowhere. cdr_csv adds columns by options of cdr.conf: loguniqueid, loguserfield, newcdrcolumns.
 * https://docs.asterisk.org/Latest_API/API_Documentation/Module_Configuration/cdr/ */
static const struct CdrFormat {
    size_t cells;
    uint8_t at[CDR_COLUMNS];
} formats[] = {
#define MASTER .at[COLUMN_CAMPAIGN] = 1, .at[COLUMN_PHONE] = 3, .at[COLUMN_CHANNEL] = 6, .at[COLUMN_START] = 10, .at[COLUMN_ANSWER] = 11, \
               .at[COLUMN_END] = 12, .at[COLUMN_DISPOSITION] = 15
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

/* A call as its rows tell it. The key comes first: a tree of them is searched by it. */
typedef struct FileCall {
    Slice key;
    Slice channel; /* of its first row */
    CallNews news;
    struct FileCall *following;
} FileCall;

typedef struct Reading {
    const CdrFileSettings *settings;
    Arena *arena;
    CdrFileReport *report;
    void *calls, *halves; /* trees: by linked id; the last Local pair of each name */
    FileCall *first, **end;
    size_t line;
} Reading;

typedef struct Row {
    Slice cells[CDR_COLUMNS];
    Slice status;
    int64_t start_ms, answer_ms, end_ms;
} Row;

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
    *ret_ms = to_utc(reading->settings->zone, local_ms) + WITHIN_SECOND_MS;
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
    return read_times(reading, format, ret) && read_disposition(reading, format, ret);
}

/* ---- which rows are one call ---- */

static int compare(const void *a, const void *b) { return slice_compare(*(const Slice *)a, *(const Slice *)b); }

static FileCall *find(void *const *root, Slice key)
{
    void *const *node = tfind(&key, root, compare);
    return node ? *node : NULL;
}

static FileCall *call_new(Reading *reading, void **root, Slice key)
{
    FileCall *call = ARENA_NEW(reading->arena, FileCall);
    call->key = key;
    if (!tsearch(call, root, compare))
        abort();
    *reading->end = call;
    reading->end = &call->following;
    reading->report->calls++;
    return call;
}

/* "Local/s@out-00000003;1" without its half; empty for any other channel. */
static Slice pair_of(Slice channel)
{
    bool is_half = slice_starts_with(channel, SLICE("Local/")) && channel.bytes > 2 && channel.at[channel.bytes - 2] == ';';
    return is_half ? (Slice){channel.at, channel.bytes - 2} : (Slice){0};
}

static bool is_second_half(Slice channel) { return !slice_empty(pair_of(channel)) && channel.at[channel.bytes - 1] == '2'; }

/* Asterisk counts its pairs from 0 again when it starts, so two of one name are one only when they began together. */
static FileCall *call_of_pair(Reading *reading, Slice pair, int64_t start_ms)
{
    FileCall *call = find(&reading->halves, pair);
    int64_t apart_ms = call ? llabs(call->news.created_ms - start_ms) : 0;
    if (call && apart_ms <= HALVES_APART_MS)
        return call;
    if (call)
        tdelete(call, &reading->halves, compare);
    return call_new(reading, &reading->halves, pair);
}

/* NULL when the row is none. */
static FileCall *call_of(Reading *reading, const Row *row)
{
    Slice linkedid = row->cells[COLUMN_LINKEDID], uniqueid = row->cells[COLUMN_UNIQUEID], channel = row->cells[COLUMN_CHANNEL];
    Slice pair = slice_empty(linkedid) ? pair_of(channel) : (Slice){0}, id = slice_empty(linkedid) ? uniqueid : linkedid;
    if (!slice_empty(pair))
        return call_of_pair(reading, pair, row->start_ms);
    if (slice_empty(id))
        id = arena_printf(reading->arena, "%.*s@%lld", SLICE_ARG(channel), (long long)row->start_ms / 1000);
    FileCall *call = find(&reading->calls, id);
    bool is_strange = call && slice_empty(linkedid) && !slice_equal(call->channel, channel);
    if (is_strange) {
        complain(reading, 0, "its unique id is another channel's, too: is that column the userfield? Then set loguniqueid in cdr.conf");
        return NULL;
    }
    return call ? call : call_new(reading, &reading->calls, id);
}

/* ---- what a row says of its call ---- */

/* Of a Local pair the first half is the call's first channel. */
static Slice linkedid_of(const Row *row)
{
    if (!slice_empty(row->cells[COLUMN_LINKEDID]))
        return row->cells[COLUMN_LINKEDID];
    return is_second_half(row->cells[COLUMN_CHANNEL]) ? (Slice){0} : row->cells[COLUMN_UNIQUEID];
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

static void add_row(const Reading *reading, FileCall *call, const Row *row)
{
    CallNews *news = &call->news;
    keep_text(&call->channel, row->cells[COLUMN_CHANNEL]);
    keep_text(&news->linkedid, linkedid_of(row));
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
    Row row;
    if (count == 1 && slice_empty(cells[0]))
        return;
    reading->report->rows++;
    FileCall *call = read_row(reading, cells, count, &row) ? call_of(reading, &row) : NULL;
    if (call)
        add_row(reading, call, &row);
    else
        reading->report->bad_rows++;
}

/* ---- what is told ---- */

static void tell_call(const Reading *reading, FileCall *call, Arena *arena)
{
    CallNews *news = &call->news;
    keep_text(&news->linkedid, call->key);
    keep_text(&news->call_id, news->linkedid);
    keep_text(&news->variables[VARIABLE_CAMPAIGN_ID], reading->settings->campaign_id);
    if (slice_empty(news->variables[VARIABLE_CAMPAIGN_ID])) {
        reading->report->nameless++;
        return;
    }
    call_news_tell(news, arena, reading->settings->tell, reading->settings->context);
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
    for (FileCall *call = reading.first; call; call = call->following)
        tell_call(&reading, call, &of_one_call);
    arena_done(&of_one_call);
    tdestroy(reading.calls, forget);
    tdestroy(reading.halves, forget);
}
