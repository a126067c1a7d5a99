/* The do-not-call list by hand. Adding is easy, removing asks who and why. */
#include "service/blacklist.h"

#include "base/clock.h"
#include "event/phone.h"

Status blacklist_add(const Ports *ports, Slice phone, Slice source, Slice reason, Slice actor, int64_t now_ms,
                     BlockResult *ret, Fault *fault)
{
    if (!phone_is_e164(phone))
        return fault_set(fault, STATUS_REJECT, "phone_invalid",
                         "the number is not E.164: it must be + and 8 to 15 digits, like +972501234567");
    BlockEntry entry = {.phone = phone, .added_ms = now_ms, .source = source, .reason = reason, .actor = actor};
    return ports->registry.block(ports->registry.self, &entry, 1, ret, fault);
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
    return ports->registry.unblock(ports->registry.self, phone, actor, reason, now_ms, ret_was_blocked, fault);
}

/* ---- import: CSV (RFC 4180) with a header in any order, or one number a line ---- */

enum { COLUMNS_MAX = 64 };

void import_reader_init(ImportReader *reader, Slice csv)
{
    if (slice_starts_with(csv, SLICE("\xef\xbb\xbf"))) { /* spreadsheets begin with a byte order mark */
        csv.at += 3;
        csv.bytes -= 3;
    }
    *reader = (ImportReader){.rest = csv, .phone_column = 0, .reason_column = -1, .added_column = -1};
}

static char take(ImportReader *reader)
{
    char c = reader->rest.at[0];
    reader->rest.at++;
    reader->rest.bytes--;
    reader->line += c == '\n';
    return c;
}

static bool next_is(const ImportReader *reader, char c) { return reader->rest.bytes && reader->rest.at[0] == c; }

static void take_quoted(ImportReader *reader, Text *cell)
{
    take(reader);
    while (reader->rest.bytes) {
        char c = take(reader);
        if (c == '"' && !next_is(reader, '"'))
            return;
        if (c == '"')
            take(reader);
        text_add_byte(cell, c);
    }
}

static Slice trimmed(Slice cell)
{
    while (cell.bytes && strchr(" \t'", cell.at[0])) {
        cell.at++;
        cell.bytes--;
    }
    while (cell.bytes && strchr(" \t\r", cell.at[cell.bytes - 1]))
        cell.bytes--;
    return cell;
}

/* One cell; *ret_more is false when it was the line's last. Commas, semicolons and tabs separate. */
static Slice take_cell(ImportReader *reader, Arena *arena, bool *ret_more)
{
    Text cell = text_in(arena);
    if (next_is(reader, '"'))
        take_quoted(reader, &cell);
    while (reader->rest.bytes) {
        char c = take(reader);
        if (c == '\n')
            return *ret_more = false, trimmed(text_slice(&cell));
        if (c == ',' || c == ';' || c == '\t')
            return *ret_more = true, trimmed(text_slice(&cell));
        text_add_byte(&cell, c);
    }
    *ret_more = false;
    return trimmed(text_slice(&cell));
}

static size_t take_line(ImportReader *reader, Arena *arena, Slice cells[COLUMNS_MAX])
{
    size_t count = 0;
    for (bool more = true; more;) {
        Slice cell = take_cell(reader, arena, &more);
        if (count < COLUMNS_MAX)
            cells[count++] = cell;
    }
    return count;
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

/* A first line that names a phone column is the header; any other is a row already. */
static bool take_header(ImportReader *reader, const Slice *cells, size_t count)
{
    static const char *const phone[] = {"phonenumber", "phone", "number", "msisdn", "telephone", "mobile", NULL};
    static const char *const reason[] = {"reason", "comment", NULL}, *const added[] = {"addedat", "date", "added", NULL};
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (!found && is_column(cells[i], phone)) {
            reader->phone_column = (int)i;
            found = true;
        } else if (is_column(cells[i], reason)) {
            reader->reason_column = (int)i;
        } else if (is_column(cells[i], added)) {
            reader->added_column = (int)i;
        }
    }
    if (!found)
        reader->reason_column = reader->added_column = -1;
    return found;
}

static Slice cell_at(const Slice *cells, size_t count, int column)
{
    return column >= 0 && (size_t)column < count ? cells[column] : (Slice){0};
}

bool import_reader_next(ImportReader *reader, Arena *arena, ImportRow *ret_row)
{
    Slice cells[COLUMNS_MAX];
    while (reader->rest.bytes) {
        size_t line = reader->line + 1, count = take_line(reader, arena, cells);
        bool is_first = !reader->header_read;
        reader->header_read = true;
        if (is_first && take_header(reader, cells, count))
            continue;
        if (count == 1 && (slice_empty(cells[0]) || cells[0].at[0] == '#'))
            continue;
        *ret_row = (ImportRow){cell_at(cells, count, reader->phone_column), cell_at(cells, count, reader->reason_column),
                               cell_at(cells, count, reader->added_column), line};
        return true;
    }
    return false;
}

static void note_bad(ImportReport *report, const ImportRow *row)
{
    report->rejected++;
    if (report->first_bad_line)
        return;
    report->first_bad_line = row->line;
    memcpy(report->first_bad_reason, "no phone number can be read from it", 36);
}

/* Entries for every number the row may mean. */
static size_t add_entries(const ImportRow *row, Slice reason, Slice actor, int64_t now_ms, Arena *arena, BlockEntry *out)
{
    Slice phones[PHONE_CANDIDATES_MAX];
    size_t count = phone_candidates(row->phone, arena, phones);
    int64_t added_ms = now_ms;
    if (!time_parse(row->added_at, &added_ms))
        added_ms = now_ms;
    for (size_t i = 0; i < count; i++)
        out[i] = (BlockEntry){.phone = phones[i], .added_ms = added_ms, .source = SLICE("admin_import"), .actor = actor,
                              .reason = slice_empty(row->reason) ? reason : row->reason};
    return count;
}

Status blacklist_import_some(const Ports *ports, ImportReader *reader, size_t max, Slice reason, Slice actor, int64_t now_ms,
                             Arena *arena, ImportReport *report, bool *ret_more, Fault *fault)
{
    BlockEntry entries[BATCH_MAX];
    BlockResult results[BATCH_MAX];
    size_t count = 0;
    ImportRow row;
    *ret_more = true;
    for (size_t rows = 0; rows < max && count + PHONE_CANDIDATES_MAX <= BATCH_MAX; rows++) {
        *ret_more = import_reader_next(reader, arena, &row);
        if (!*ret_more)
            break;
        size_t added = add_entries(&row, reason, actor, now_ms, arena, entries + count);
        if (!added)
            note_bad(report, &row);
        count += added;
    }
    Status status = count ? ports->registry.block(ports->registry.self, entries, count, results, fault) : STATUS_OK;
    for (size_t i = 0; !status && i < count; i++) {
        report->added += results[i] == BLOCK_ADDED;
        report->known += results[i] != BLOCK_ADDED;
    }
    return status;
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
