/* The do-not-call list by hand. Adding is easy, removing asks who and why. */
#include "service/blacklist.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "event/phone.h"
#include "service/dnc_cache.h"

enum { TEXT_BYTES_MAX = 1000 }; /* a list shows 10,000 entries at a time */

Status blacklist_texts_fit(const BlockEntry *entry, Fault *fault)
{
    const struct { const char *name; Slice text; } texts[] = {
        {"reason", entry->reason}, {"actor", entry->actor}, {"callId", entry->call_id}, {"campaignId", entry->campaign_id},
        {"contactId", entry->contact_id}, {"timestamp", entry->timestamp}, {"actionId", entry->action_id},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].text.bytes > TEXT_BYTES_MAX)
            return fault_set(fault, STATUS_REJECT, "field_too_long", "%s is longer than %d bytes", texts[i].name, TEXT_BYTES_MAX);
    }
    return STATUS_OK;
}

Status blacklist_add(const Ports *ports, Slice phone, Slice source, Slice reason, Slice actor, int64_t now_ms,
                     BlockResult *ret, Fault *fault)
{
    if (!phone_is_e164(phone))
        return fault_set(fault, STATUS_REJECT, "phone_invalid",
                         "the number is not E.164: it must be + and 8 to 15 digits, like +972501234567");
    BlockEntry entry = {.phone = phone, .added_ms = now_ms, .source = source, .reason = reason, .actor = actor};
    Status status = blacklist_texts_fit(&entry, fault);
    return status ? status : dnc_block(ports, &entry, 1, ret, fault);
}

Status blacklist_remove(const Ports *ports, Slice phone, Slice reason, Slice actor, int64_t now_ms, bool *ret_was_blocked,
                        Fault *fault)
{
    if (!phone_is_e164(phone))
        return fault_set(fault, STATUS_REJECT, "phone_invalid",
                         "the number is not E.164: it must be + and 8 to 15 digits, like +972501234567");
    if (slice_empty(actor))
        return fault_set(fault, STATUS_REJECT, "actor_required", "removing a number needs an actor: who takes it off the list");
    if (slice_empty(reason))
        return fault_set(fault, STATUS_REJECT, "reason_required", "removing a number needs a reason: why it may be called again");
    Status status = blacklist_texts_fit(&(BlockEntry){.actor = actor, .reason = reason}, fault);
    return status ? status : dnc_unblock(ports, phone, actor, reason, now_ms, ret_was_blocked, fault);
}

/* ---- import: CSV (RFC 4180) with a header in any order, or one number a line ---- */

enum { CELL_BYTES_MAX = 1000 };

static const int no_header[IMPORT_COLUMN_COUNT] = {0, -1, -1, -1, -1, -1, -1}; /* the number comes first */

void import_reader_init(ImportReader *reader, Slice csv, Slice country_code)
{
    *reader = (ImportReader){.country_code = country_code};
    csv_reader_init(&reader->csv, csv, ",;\t");
    memcpy(reader->columns, no_header, sizeof no_header);
}

static bool is_column(Slice cell, const char *const *names)
{
    char lowered[32] = "";
    size_t used = 0;
    for (size_t i = 0; i < cell.bytes && used + 1 < sizeof lowered; i++) {
        char c = cell.at[i];
        if (c != '_' && c != ' ' && c != '-')
            lowered[used++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    for (; *names; names++) {
        if (!strcmp(lowered, *names))
            return true;
    }
    return false;
}

static const char *const column_names[IMPORT_COLUMN_COUNT][8] = {
    [IMPORT_PHONE] = {"phonenumber", "phone", "number", "msisdn", "telephone", "mobile"},
    [IMPORT_REASON] = {"reason", "comment"},
    [IMPORT_ADDED] = {"addedat", "date", "added"},
    [IMPORT_SOURCE] = {"source"},
    [IMPORT_CALL] = {"callid"},
    [IMPORT_CAMPAIGN] = {"campaignid"},
    [IMPORT_CONTACT] = {"contactid"},
};

/* A first line that names a phone column is the header; any other is a row already. */
static bool take_header(ImportReader *reader, const Slice *cells, size_t count)
{
    int found[IMPORT_COLUMN_COUNT] = {-1, -1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < count; i++) {
        for (size_t column = 0; column < IMPORT_COLUMN_COUNT; column++) {
            if (found[column] < 0 && is_column(cells[i], column_names[column]))
                found[column] = (int)i;
        }
    }
    if (found[IMPORT_PHONE] < 0)
        return false;
    memcpy(reader->columns, found, sizeof found);
    return true;
}

/* The number is read from the bytes as they are, so that an odd letter anywhere in the line leaves nobody unblocked. What goes
 * on the list beside it is text. */
static void read_row(const ImportReader *reader, const Slice *cells, size_t count, Arena *arena, ImportRow *row)
{
    for (size_t column = 0; column < IMPORT_COLUMN_COUNT; column++) {
        int at = reader->columns[column];
        Slice cell = at >= 0 && (size_t)at < count ? cells[at] : (Slice){0};
        row->cells[column] = column == IMPORT_PHONE ? cell : utf8_plain(cell, CELL_BYTES_MAX, arena);
    }
}

bool import_reader_next(ImportReader *reader, Arena *arena, ImportRow *ret_row)
{
    Slice cells[CSV_CELLS_MAX];
    size_t count;
    for (size_t line = reader->csv.line + 1; csv_read_line(&reader->csv, arena, cells, &count); line = reader->csv.line + 1) {
        bool is_first = !reader->header_read;
        reader->header_read = true;
        if (is_first && take_header(reader, cells, count))
            continue;
        if (count == 1 && (slice_empty(cells[0]) || cells[0].at[0] == '#'))
            continue;
        read_row(reader, cells, count, arena, ret_row);
        ret_row->line = line;
        return true;
    }
    return false;
}

static void note_bad(ImportReport *report, const ImportRow *row, const char *reason)
{
    report->rejected++;
    if (report->first_bad_line)
        return;
    report->first_bad_line = row->line;
    snprintf(report->first_bad_reason, sizeof report->first_bad_reason, "%s", reason);
}

bool blacklist_source_is_known(Slice source)
{
    return slice_equal(source, SLICE("admin_import")) || slice_equal(source, SLICE("compliance")) || slice_equal(source, SLICE("user_optout"));
}

static BlockEntry entry_of(const ImportRow *row, Slice phone, Slice reason, Slice actor, int64_t now_ms)
{
    const Slice *cells = row->cells;
    int64_t added_ms;
    bool has_time = time_parse(cells[IMPORT_ADDED], &added_ms);
    return (BlockEntry){
        .phone = phone, .added_ms = has_time ? added_ms : now_ms, .recorded_ms = now_ms, .actor = actor,
        .source = blacklist_source_is_known(cells[IMPORT_SOURCE]) ? cells[IMPORT_SOURCE] : SLICE("admin_import"),
        .reason = slice_empty(cells[IMPORT_REASON]) ? reason : cells[IMPORT_REASON],
        .call_id = cells[IMPORT_CALL], .campaign_id = cells[IMPORT_CAMPAIGN], .contact_id = cells[IMPORT_CONTACT],
    };
}

/* What a spreadsheet makes of a number that it takes for an amount: "12025550101.0" still has all digits, "1.2025551E+10" has not. */
static Slice without_decimals(Slice cell)
{
    return cell.bytes > 2 && !memcmp(cell.at + cell.bytes - 2, ".0", 2) ? (Slice){cell.at, cell.bytes - 2} : cell;
}

static bool is_rounded(Slice cell)
{
    size_t i = 0;
    while (i < cell.bytes && strchr("+0123456789.,", cell.at[i]) && cell.at[i])
        i++;
    return i && i < cell.bytes && (cell.at[i] == 'E' || cell.at[i] == 'e');
}

/* Entries for every number the row may mean. Without its country a number could be somebody else's, while the one that was
 * meant stays clear: that is for a person to mend. */
static size_t add_entries(const ImportReader *reader, const ImportRow *row, Slice reason, Slice actor, int64_t now_ms, Arena *arena,
                          BlockEntry *out, ImportReport *report)
{
    Slice phones[PHONE_CANDIDATES_MAX], phone = without_decimals(row->cells[IMPORT_PHONE]);
    if (is_rounded(phone)) {
        note_bad(report, row, "a spreadsheet has rounded this number: export its column as text");
        return 0;
    }
    size_t count = phone_candidates(phone, reader->country_code, arena, phones);
    if (!count) { /* it may be written around control characters */
        phone = utf8_plain(phone, CELL_BYTES_MAX, arena);
        count = phone_candidates(phone, reader->country_code, arena, phones);
    }
    bool is_clear = count && (phone_names_country(phone) || !slice_empty(reader->country_code));
    if (!is_clear) {
        note_bad(report, row, count ? phone_needs_country : "no phone number can be read from it");
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = entry_of(row, phones[i], reason, actor, now_ms);
    return count;
}

/* The entries of up to max rows; at most BATCH_MAX. */
static size_t take_entries(ImportReader *reader, size_t max, Slice reason, Slice actor, int64_t now_ms, Arena *arena, BlockEntry *out,
                           ImportReport *report, bool *ret_more)
{
    size_t count = 0;
    ImportRow row;
    *ret_more = true;
    for (size_t rows = 0; rows < max && count + PHONE_CANDIDATES_MAX <= BATCH_MAX; rows++) {
        *ret_more = import_reader_next(reader, arena, &row);
        if (!*ret_more)
            break;
        count += add_entries(reader, &row, reason, actor, now_ms, arena, out + count, report);
    }
    return count;
}

Status blacklist_import_some(const Ports *ports, ImportReader *reader, size_t max, Slice reason, Slice actor, int64_t now_ms,
                             Arena *arena, ImportReport *report, bool *ret_more, Fault *fault)
{
    BlockEntry entries[BATCH_MAX];
    BlockResult results[BATCH_MAX];
    size_t count = take_entries(reader, max, reason, actor, now_ms, arena, entries, report, ret_more);
    Status status = count ? dnc_block(ports, entries, count, results, fault) : STATUS_OK;
    for (size_t i = 0; !status && i < count; i++) {
        report->added += results[i] == BLOCK_ADDED;
        report->known += results[i] != BLOCK_ADDED;
    }
    return status;
}

static Status give_some(const Ports *ports, const BlockEntry *entries, size_t count, ImportReport *report, Fault *fault)
{
    Slice phones[BATCH_MAX];
    CacheAnswer answers[BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        phones[i] = entries[i].phone;
    Status status = ports->live.is_blocked(ports->live.self, phones, count, answers, fault);
    for (size_t i = 0; !status && i < count; i++) {
        report->added += answers[i] != CACHE_BLOCKED;
        report->known += answers[i] == CACHE_BLOCKED;
    }
    return status ? status : dnc_give_cache(ports, entries, count, fault);
}

Status blacklist_give_cache(const Ports *ports, ImportReader *reader, int64_t now_ms, ImportReport *report, Fault *fault)
{
    BlockEntry entries[BATCH_MAX];
    Arena arena = {0};
    bool more = true;
    Status status = ports->live.list_incomplete(ports->live.self, fault);
    while (!status && more) {
        arena_reset(&arena);
        size_t count = take_entries(reader, BATCH_MAX, SLICE("on the list"), (Slice){0}, now_ms, &arena, entries, report, &more);
        status = count ? give_some(ports, entries, count, report, fault) : STATUS_OK;
    }
    arena_done(&arena);
    return status || report->rejected ? status : ports->live.list_complete(ports->live.self, fault);
}

Status blacklist_import_audit(const Ports *ports, Slice name, Slice actor, const ImportReport *report, int64_t now_ms, Fault *fault)
{
    Arena arena;
    arena_init(&arena);
    Text detail = text_in(&arena);
    text_printf(&detail, "{\"added\":%lld,\"known\":%lld,\"rejected\":%lld}", (long long)report->added,
                (long long)report->known, (long long)report->rejected);
    AuditEntry entry = {.at_ms = now_ms, .kind = SLICE("import"), .actor = actor, .reason = name, .detail = text_slice(&detail)};
    Status status = ports->registry.audit_append(ports->registry.self, &entry, fault);
    arena_done(&arena);
    return status;
}
