/* Rows that Asterisk has written become calls. */
#include "../check.h"

#include "base/json.h"
#include "ingress/cdr_file.h"

enum { TOLD_MAX = 32 };

typedef struct World {
    Arena arena;
    CdrFileSettings settings;
    CdrFileReport report;
    Slice told[TOLD_MAX];
    size_t count, line, column;
} World;

static void tell(void *context, Slice topic, Slice body)
{
    World *world = context;
    assert_slice(topic, "call-events");
    assert_true(world->count < TOLD_MAX);
    world->told[world->count++] = arena_copy(&world->arena, body);
}

static void complain(void *context, size_t line, size_t column, const char *why)
{
    World *world = context;
    assert_non_null(why);
    world->line = line;
    world->column = column;
}

static int world_open(void **state)
{
    static World world;
    world = (World){.settings = {.campaign_id = SLICE("w"), .tell = tell, .complain = complain, .context = &world}};
    *state = &world;
    return 0;
}

static int world_close(void **state)
{
    World *world = *state;
    arena_done(&world->arena);
    return 0;
}

static void read_file(World *world, const char *csv) { cdr_file_read(slice_of(csv), &world->settings, &world->arena, &world->report); }

/* A member of an event; empty when it has none. */
static Slice said(World *world, size_t event, const char *key)
{
    const Json *json = NULL;
    assert_true(event < world->count);
    assert_int_equal(json_parse(world->told[event], &world->arena, &json, NULL), STATUS_OK);
    return json_text(json_get(json, key));
}

/* Columns of Master.csv from the channel on. */
#define ROW(account, channel, start, answer, end, disposition, more) DIALLED(account, channel, "", start, answer, end, disposition, more)
#define DIALLED(account, channel, other, start, answer, end, disposition, more) \
    "\"" account "\",\"12025550100\",\"+12025550123\",\"callees\",\"\"\"Winter Appeal\"\" <12025550100>\",\"" channel "\",\"" other "\",\"Wait\",\"120\"," \
    "\"2026-11-21 " start "\"," answer ",\"2026-11-21 " end "\",2,1,\"" disposition "\",\"DOCUMENTATION\"" more "\n"
#define AT(time) "\"2026-11-21 " time "\""

static void halves_of_a_local_pair_are_one_call_of_the_first(void **state)
{
    World *world = *state;
    read_file(world, ROW("", "Local/s@c-01;2", "17:46:50", AT("17:46:51"), "17:46:56", "ANSWERED", ",\"u1;2\",\"\"")
                     ROW("", "Local/s@c-01;1", "17:46:50", AT("17:46:51"), "17:46:57", "ANSWERED", ",\"u1\",\"\""));
    assert_int_equal(world->report.rows, 2);
    assert_int_equal(world->report.calls, 1);
    assert_int_equal(world->count, 3);
    assert_slice(said(world, 0, "callId"), "u1");
    assert_slice(said(world, 0, "eventId"), "u1/initiated");
    assert_slice(said(world, 0, "phoneNumber"), "+12025550123");
    assert_slice(said(world, 0, "timestamp"), "2026-11-21T17:46:50.999Z");
    assert_slice(said(world, 1, "eventType"), "call_answered");
    assert_slice(said(world, 2, "timestamp"), "2026-11-21T17:46:57.999Z");
    assert_slice(said(world, 2, "outcome"), "");
}

static void pair_of_the_same_name_after_a_restart_is_another_call(void **state)
{
    World *world = *state;
    read_file(world, ROW("", "Local/s@c-01;1", "17:46:50", "", "17:46:56", "BUSY", ",\"u1\",\"\"")
                     ROW("", "Local/s@c-01;1", "18:46:50", "", "18:46:56", "NO ANSWER", ",\"u9\",\"\"")
                     ROW("", "Local/s@c-01;2", "18:46:50", "", "18:46:56", "NO ANSWER", ",\"u9;2\",\"\""));
    assert_int_equal(world->report.calls, 2);
    assert_slice(said(world, 1, "outcome"), "busy");
    assert_slice(said(world, 2, "callId"), "u9");
    assert_slice(said(world, 3, "outcome"), "no_answer");
}

/* Dialled through one Local pair, whose second half dials the other. Rows come in the order in which channels end. */
#define THROUGH_TWO_PAIRS(id, id_2, id_4) \
    DIALLED("", "Local/1@out-00;2", "Local/1@in-01;1", "17:46:50", AT("17:47:20"), "17:47:26", "ANSWERED", id_2) \
    ROW("", "Local/1@in-01;2", "17:47:10", AT("17:47:20"), "17:47:26", "ANSWERED", id_4) \
    ROW("", "Local/1@out-00;1", "17:46:50", AT("17:47:20"), "17:47:27", "ANSWERED", id)

static void pair_that_a_half_is_connected_to_belongs_to_its_call(void **state)
{
    static const char *const files[] = {
        THROUGH_TWO_PAIRS(",\"u1\"", ",\"u2\"", ",\"u4\""),
        ROW("", "Local/1@in-01;2", "17:47:10", AT("17:47:20"), "17:47:26", "ANSWERED", ",\"u4\"")
        ROW("", "Local/1@out-00;1", "17:46:50", AT("17:47:20"), "17:47:27", "ANSWERED", ",\"u1\"")
        DIALLED("", "Local/1@out-00;2", "Local/1@in-01;1", "17:46:50", AT("17:47:20"), "17:47:26", "ANSWERED", ",\"u2\""),
        ROW("", "Local/1@in-01;2", "17:47:10", AT("17:47:20"), "17:47:26", "ANSWERED", ",\"u4\"")
        DIALLED("", "PJSIP/desk-00", "Local/1@in-01;1", "17:46:50", AT("17:47:20"), "17:47:27", "ANSWERED", ",\"u1\""),
    };
    World *world = *state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        world->count = 0;
        read_file(world, files[i]);
        assert_int_equal(world->report.calls, 1);
        assert_int_equal(world->report.bad_rows, 0);
        assert_int_equal(world->count, 3);
        assert_slice(said(world, 0, "callId"), "u1");
        assert_slice(said(world, 2, "timestamp"), "2026-11-21T17:47:27.999Z");
    }
}

static void call_without_an_id_is_known_by_its_first_channel_and_when_it_began(void **state)
{
    World *world = *state;
    read_file(world, THROUGH_TWO_PAIRS("", "", ""));
    assert_int_equal(world->report.calls, 1);
    Slice id = said(world, 0, "callId");
    assert_true(slice_starts_with(id, SLICE("cdr-")));
    assert_null(memmem(id.at, id.bytes, "Local", 5));
    read_file(world, ROW("", "Local/1@out-00;1", "18:46:50", "", "18:47:27", "BUSY", ""));
    assert_false(slice_equal(said(world, 3, "callId"), id));
}

static void every_known_number_of_columns_is_read(void **state)
{
    static const char *const more[] = {"", ",\"u1\"", ",\"u1\",\"field\"", ",\"peer\",\"u1\",7", ",\"u1\",\"peer\",\"u1\",7", ",\"u1\",\"field\",\"peer\",\"u1\",7"};
    World *world = *state;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        world->count = 0;
        Slice row = SLICE(ROW("", "PJSIP/trunk-01", "17:46:50", "", "17:46:56", "FAILED", ""));
        read_file(world, arena_printf(&world->arena, "%.*s%s\n", (int)row.bytes - 1, row.at, more[i]).at);
        assert_int_equal(world->count, 2);
        assert_slice(said(world, 0, "callId"), i ? "u1" : "cdr-489f88f04c1ec70acee155dd93a4210b");
        assert_slice(said(world, 1, "outcome"), "failed");
    }
}

#define CUSTOM(call, campaign, channel, uniqueid) \
    "\"" call "\",\"" campaign "\",\"contact-1\",\"+12025550199\"," AT("17:46:50") ",\"\"," AT("17:46:56") ",\"6\",\"0\",\"NO ANSWER\",\"" channel "\",\"" uniqueid "\",\"u1\"\n"

static void mapping_of_ours_names_call_campaign_contact_and_number(void **state)
{
    World *world = *state;
    read_file(world, CUSTOM("", "", "Local/s@c-01;1", "u1") CUSTOM("call-7", "winter", "Local/s@c-01;2", "u2"));
    assert_int_equal(world->report.calls, 1);
    assert_slice(said(world, 0, "callId"), "call-7");
    assert_slice(said(world, 0, "campaignId"), "winter");
    assert_slice(said(world, 0, "contactId"), "contact-1");
    assert_slice(said(world, 0, "phoneNumber"), "+12025550199");
    assert_slice(said(world, 0, "eventId"), "u1/initiated");
}

static void account_code_is_the_campaign_and_without_any_a_call_is_left_out(void **state)
{
    World *world = *state;
    world->settings.campaign_id = (Slice){0};
    read_file(world, ROW("spring", "PJSIP/a", "17:46:50", "", "17:46:56", "BUSY", ",\"u1\",\"\"")
                     ROW("", "PJSIP/b", "17:46:50", "", "17:46:56", "BUSY", ",\"u2\",\"\""));
    assert_int_equal(world->report.nameless, 1);
    assert_int_equal(world->count, 2);
    assert_slice(said(world, 0, "campaignId"), "spring");
}

static void times_are_those_of_the_zone(void **state)
{
    static const int64_t changes_s[] = {1795000000};
    static const int32_t offsets_s[] = {7200};
    static const Zone zone = {.changes_s = changes_s, .offsets_s = offsets_s, .change_count = 1};
    World *world = *state;
    world->settings.zone = &zone;
    read_file(world, ROW("", "PJSIP/a", "17:46:50", "", "17:46:56", "BUSY", ",\"u1\",\"\""));
    assert_slice(said(world, 0, "timestamp"), "2026-11-21T15:46:50.999Z");
}

static void row_that_cannot_be_read_is_named_and_the_others_are_taken(void **state)
{
    static const struct { const char *row; size_t column; } rows[] = {
        {"a,b,c\n", 0},
        {ROW("", "PJSIP/a", "17:46:5x", "", "17:46:56", "BUSY", ",\"u1\",\"\""), 10},
        {ROW("", "PJSIP/a", "17:46:50", "soon", "17:46:56", "BUSY", ",\"u1\",\"\""), 11},
        {ROW("", "PJSIP/a", "17:46:50", "", "25:00:00", "BUSY", ",\"u1\",\"\""), 12},
        {ROW("", "PJSIP/a", "17:46:50", "", "17:46:49", "BUSY", ",\"u1\",\"\""), 12},
        {ROW("", "PJSIP/a", "17:46:50", "", "17:46:56", "LOST", ",\"u1\",\"\""), 15},
    };
    World *world = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world->count = 0;
        read_file(world, arena_printf(&world->arena, "%s%s", ROW("", "PJSIP/b", "17:46:50", "", "17:46:56", "BUSY", ",\"u2\",\"\""), rows[i].row).at);
        assert_int_equal(world->line, 2);
        assert_int_equal(world->column, rows[i].column);
        assert_int_equal(world->report.bad_rows, 1);
        assert_int_equal(world->count, 2);
    }
}

static void user_field_is_not_taken_for_a_unique_id(void **state)
{
    World *world = *state;
    read_file(world, ROW("", "PJSIP/a", "17:46:50", "", "17:46:56", "BUSY", ",\"donors\"") ROW("", "PJSIP/b", "18:46:50", "", "18:46:56", "BUSY", ",\"donors\""));
    assert_int_equal(world->report.bad_rows, 1);
    assert_int_equal(world->report.calls, 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, world_open, world_close)
    const struct CMUnitTest tests[] = {
        TEST(halves_of_a_local_pair_are_one_call_of_the_first),
        TEST(pair_of_the_same_name_after_a_restart_is_another_call),
        TEST(pair_that_a_half_is_connected_to_belongs_to_its_call),
        TEST(call_without_an_id_is_known_by_its_first_channel_and_when_it_began),
        TEST(every_known_number_of_columns_is_read),
        TEST(mapping_of_ours_names_call_campaign_contact_and_number),
        TEST(account_code_is_the_campaign_and_without_any_a_call_is_left_out),
        TEST(times_are_those_of_the_zone),
        TEST(row_that_cannot_be_read_is_named_and_the_others_are_taken),
        TEST(user_field_is_not_taken_for_a_unique_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
