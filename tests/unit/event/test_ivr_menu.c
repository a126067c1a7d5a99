/* The menu file: what it says is taken, and what is wrong in it is named with its place. */
#include "../check.h"

#include "event/ivr_menu.h"

#define PROMPTS "\"prompts\": {\"identity\": \"who\", \"opt_out\": \"out\", \"message\": \"tale\"}"

static Status parse(const char *text, Arena *arena, IvrMenus *ret, Fault *fault)
{
    return ivr_menus_parse(slice_of(text), SLICE("1"), arena, ret, fault);
}

static void shortest_menu_has_the_usual_keys_and_times(void **state)
{
    IvrMenus menus;
    assert_int_equal(parse("{\"default\": {" PROMPTS "}}", *state, &menus, NULL), STATUS_OK);
    const IvrMenu *menu = ivr_menu_of(&menus, SLICE("any"));
    assert_slice(menu->prompts[IVR_PROMPT_IDENTITY], "who");
    assert_slice(menu->prompts[IVR_PROMPT_GOODBYE], "");
    assert_int_equal(menu->donate, '1');
    assert_int_equal(menu->opt_out, '9');
    assert_int_equal(menu->timeout_ms, 5000);
    assert_int_equal(menu->repeats, 1);
    assert_int_equal(menu->pause_ms, 0);
}

static void donation_key_is_the_setting_where_the_menu_does_not_say(void **state)
{
    IvrMenus menus;
    assert_int_equal(ivr_menus_parse(SLICE("{\"default\": {" PROMPTS "}}"), SLICE("5"), *state, &menus, NULL), STATUS_OK);
    assert_int_equal(menus.standard.donate, '5');
}

static void campaign_takes_from_the_default_what_it_does_not_say(void **state)
{
    IvrMenus menus;
    assert_int_equal(parse("{\"default\": {\"name\": \"All\", \"pause_ms\": 2000, \"keys\": {\"donate\": \"2\", \"opt_out\": \"*\"}, " PROMPTS "},"
                           " \"campaigns\": {\"w\": {\"name\": \"Winter\", \"prompts\": {\"message\": \"/sounds/w/tale-1\"}, \"timeout_s\": 7, \"repeats\": 0}, \"s\": {}}}",
                           *state, &menus, NULL), STATUS_OK);
    const IvrMenu *winter = ivr_menu_of(&menus, SLICE("w"));
    assert_slice(winter->name, "Winter");
    assert_slice(winter->prompts[IVR_PROMPT_MESSAGE], "/sounds/w/tale-1");
    assert_slice(winter->prompts[IVR_PROMPT_IDENTITY], "who");
    assert_int_equal(winter->pause_ms, 2000);
    assert_int_equal(winter->timeout_ms, 7000);
    assert_int_equal(winter->repeats, 0);
    assert_int_equal(winter->donate, '2');
    assert_int_equal(winter->opt_out, '*');
    assert_slice(ivr_menu_of(&menus, SLICE("s"))->name, "");
}

static void campaign_that_is_not_listed_is_not_called_by_the_name_of_the_default(void **state)
{
    IvrMenus menus;
    assert_int_equal(parse("{\"default\": {\"name\": \"All\", " PROMPTS "}, \"campaigns\": {\"w\": {\"name\": \"Winter\"}}}", *state, &menus, NULL), STATUS_OK);
    assert_slice(ivr_menu_name(&menus, SLICE("w")), "Winter");
    assert_slice(ivr_menu_name(&menus, SLICE("none")), "");
    assert_slice(ivr_menu_name(&menus, SLICE("")), "All");
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    static const struct { const char *text, *place, *what; } rows[] = {
        {"[]", "line 1, column 1", "a menu must be an object"},
        {"{}", "line 1, column 1", "default is missing"},
        {"{\n \"defualt\": {}}", "line 2, column 2", "no member \"defualt\""},
        {"{\"default\": {" PROMPTS ",\n  \"repeat\": 1}}", "line 2, column 3",
         "no member \"repeat\" here; there are name, prompts, keys, pause_ms, timeout_s and repeats"},
        {"{\"default\": []}", "line 1, column 2", "default must be an object"},
        {"{\"default\": {\"prompts\": []}}", "line 1, column 14", "prompts must be an object"},
        {"{\"default\": {\"prompts\": {\n\"opt_out\": \"o\", \"message\": \"m\"}}}", "line 1, column 2", "identity is missing"},
        {"{\"default\": {\"prompts\": {\"identity\": \"o\", \"message\": \"m\"}}}", "line 1, column 2", "opt_out is missing"},
        {"{\"default\": {\"prompts\": {\"identity\": \"o\", \"opt_out\": \"m\"}}}", "line 1, column 2", "message is missing"},
        {"{\"default\": {\"prompts\": {\"identity\": \"o\",\n\n   \"identify\": \"m\"}}}", "line 3, column 4",
         "no prompt \"identify\"; there are identity, opt_out, message, confirmation, apology, invalid and goodbye"},
        {"{\"default\": {\"prompts\": {\"identity\": \"\"}}}", "line 1, column 26", "must name a sound file"},
        {"{\"default\": {\"prompts\": {\"identity\": \"a b\"}}}", "line 1, column 26", "must name a sound file"},
        {"{\"default\": {\"prompts\": {\"identity\": \"../a\"}}}", "line 1, column 26", "must name a sound file"},
        {"{\"default\": {\"prompts\": {\"identity\": \"-a\"}}}", "line 1, column 26", "must name a sound file"},
        {"{\"default\": {\"prompts\": {\"identity\": 1}}}", "line 1, column 26", "must name a sound file"},
        {"{\"default\": {\"prompts\": {\"identity\": \"a.wav\"}}}", "line 1, column 26", "without the ending .wav"},
        {"{\"default\": {" PROMPTS ", \"keys\": {\"donate\": \"12\"}}}", "line 1, column 92", "one key"},
        {"{\"default\": {" PROMPTS ", \"keys\": {\"donate\": 1}}}", "line 1, column 92", "one key"},
        {"{\"default\": {" PROMPTS ", \"keys\": {\"donate\": \"9\", \"opt_out\": \"1\"}}}", "line 1, column 92", "cannot be 9"},
        {"{\"default\": {" PROMPTS ", \"keys\": {\"opt_out\": \"1\"}}}", "line 1, column 2", "both the key 1"},
        {"{\"default\": {" PROMPTS ", \"keys\": {\"optout\": \"9\"}}}", "line 1, column 92", "no member \"optout\" here; there are donate and opt_out"},
        {"{\"default\": {" PROMPTS ",\n\"pause_ms\": 2001}}", "line 2, column 1", "within two seconds"},
        {"{\"default\": {" PROMPTS ",\n\"pause_ms\": -1}}", "line 2, column 1", "from 0 to 2000"},
        {"{\"default\": {" PROMPTS ",\n\"pause_ms\": 0.5}}", "line 2, column 1", "whole number"},
        {"{\"default\": {" PROMPTS ",\n\"timeout_s\": 0}}", "line 2, column 1", "from 1 to 60"},
        {"{\"default\": {" PROMPTS ",\n\"repeats\": 10}}", "line 2, column 1", "from 0 to 9"},
        {"{\"default\": {" PROMPTS "},\n\"campaigns\": {\"a\": {},\n\"b\": {\"name\": \"\"}}}", "line 3, column 7", "name must be"},
        {"{\"default\": {" PROMPTS "},\n\"campaigns\": {\"\": {}}}", "line 2, column 15", "1 to 128"},
        {"{\"default\": {" PROMPTS "},\n\"campaigns\": [1]}", "line 2, column 1", "campaigns must be an object"},
        {"{\"default\": {" PROMPTS "},\n\"campaigns\": {\"a\": 1}}", "line 2, column 15", "a must be an object"},
        {"{\"default\": {" PROMPTS "},\n}", "line 2, column 1", "malformed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Fault fault = {0};
        IvrMenus menus;
        assert_int_equal(parse(rows[i].text, *state, &menus, &fault), STATUS_REJECT);
        if (!strstr(fault.text, rows[i].place) || !strstr(fault.text, rows[i].what))
            fail_msg("%s\nfound \"%s\", expected %s, %s", rows[i].text, fault.text, rows[i].place, rows[i].what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortest_menu_has_the_usual_keys_and_times), cmocka_unit_test(donation_key_is_the_setting_where_the_menu_does_not_say),
        cmocka_unit_test(campaign_takes_from_the_default_what_it_does_not_say),
        cmocka_unit_test(campaign_that_is_not_listed_is_not_called_by_the_name_of_the_default), cmocka_unit_test(what_is_wrong_is_named_with_its_place),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
