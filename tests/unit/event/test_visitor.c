/* People are counted apart from what looks ahead of them. */
#include "../check.h"

#include "event/visitor.h"

#define SENT_MS INT64_C(1736942400000)

static const Slice iphone = SLICE_INIT("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1"
                                       " Mobile/15E148 Safari/604.1");

static Visit visit_of(Slice user_agent) { return (Visit){.user_agent = user_agent, .at_ms = SENT_MS + 60000, .sent_ms = SENT_MS}; }

static void telephones_are_people(void **state)
{
    (void)state;
    static const char *const telephones[] = {
        "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 8.0.0; CUBOT_P20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.110 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/67.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 4.4.2; ForwardRuby Build/KOT49H) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/51.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/440.0]",
        "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10",
    };
    for (size_t i = 0; i < sizeof telephones / sizeof *telephones; i++) {
        Visit visit = visit_of(slice_of(telephones[i]));
        assert_int_equal(visit_kind(&visit), CLICK_HUMAN);
    }
}

static void programs_that_say_their_name_are_none(void **state)
{
    (void)state;
    static const struct { const char *user_agent; ClickKind kind; } rows[] = {
        {"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", CLICK_PREVIEW},
        {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1"
         " Facebot Twitterbot/1.0", CLICK_PREVIEW},
        {"WhatsApp/2.23.20.0 A", CLICK_PREVIEW},
        {"TelegramBot (like TwitterBot)", CLICK_PREVIEW},
        {"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", CLICK_PREVIEW},
        {"Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", CLICK_PREVIEW},
        {"Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", CLICK_PREVIEW},
        {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", CLICK_SCANNER},
        {"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", CLICK_SCANNER},
        {"curl/7.88.1", CLICK_SCANNER},
        {"python-requests/2.31.0", CLICK_SCANNER},
        {"Go-http-client/1.1", CLICK_SCANNER},
        {"", CLICK_SCANNER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Visit visit = visit_of(slice_of(rows[i].user_agent));
        assert_int_equal(visit_kind(&visit), rows[i].kind);
    }
}

static void requests_that_look_ahead_are_previews(void **state)
{
    (void)state;
    Visit visits[5];
    for (size_t i = 0; i < 5; i++)
        visits[i] = visit_of(iphone);
    visits[0].sec_purpose = SLICE("prefetch;prerender");
    visits[1].purpose = SLICE("prefetch");
    visits[2].x_purpose = SLICE("preview");
    visits[3].x_moz = SLICE("prefetch");
    visits[4].is_head = true;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(visit_kind(&visits[i]), CLICK_PREVIEW);
}

static void who_is_faster_than_a_person_is_a_scanner(void **state)
{
    (void)state;
    static const struct { int64_t after_ms; ClickKind kind; } rows[] = {{0, CLICK_SCANNER}, {1999, CLICK_SCANNER}, {2000, CLICK_HUMAN}, {-1, CLICK_HUMAN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Visit visit = {.user_agent = iphone, .at_ms = SENT_MS + rows[i].after_ms, .sent_ms = SENT_MS};
        assert_int_equal(visit_kind(&visit), rows[i].kind);
    }
    Visit unknown = {.user_agent = iphone, .at_ms = 1};
    assert_int_equal(visit_kind(&unknown), CLICK_HUMAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telephones_are_people),
        cmocka_unit_test(programs_that_say_their_name_are_none),
        cmocka_unit_test(requests_that_look_ahead_are_previews),
        cmocka_unit_test(who_is_faster_than_a_person_is_a_scanner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
