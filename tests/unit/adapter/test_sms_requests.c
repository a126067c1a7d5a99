/* What providers are asked, to the byte, and what their answers mean. */
#include "sms_site.h"

#include "adapter/sms_pointer.h"

#define REF "0123456789abcdef0123456789abcdef"
#define CALLBACK "https://x.example/v1/sms/receipts/p?ref=" REF

static SmsJob job_with(const char *from, const char *text)
{
    return (SmsJob){.ref = SLICE(REF), .to = SLICE("+972501234567"), .from = slice_of(from), .text = slice_of(text), .callback_url = SLICE(CALLBACK),
                    .now_ms = 1746014400000};
}

static HttpRequest request_of(const SmsProvider *provider, Config *config, const ConfigOverride *settings, const SmsJob *job, Arena *arena)
{
    SmsSite site = site_with(config, "https://x.example", settings);
    HttpRequest request = {0};
    Fault fault;
    assert_int_equal(provider->request(&site, job, arena, &request, &fault), STATUS_OK);
    assert_string_equal(request.method, "POST");
    return request;
}

static void twilio_is_asked_by_a_form(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"TWILIO_ACCOUNT_SID", "AC1"}, {"TWILIO_AUTH_TOKEN", "t"}, {NULL, NULL}};
    SmsJob job = job_with("+12025550100", "100% & more: \xd7\xa9");
    HttpRequest request = request_of(&sms_twilio, &config, settings, &job, *state);
    assert_string_equal(request.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json");
    assert_string_equal(request.headers[0], "Authorization: Basic QUMxOnQ=");
    assert_slice(request.body, "To=%2B972501234567&From=%2B12025550100&Body=100%25%20%26%20more%3A%20%D7%A9"
                               "&StatusCallback=https%3A%2F%2Fx.example%2Fv1%2Fsms%2Freceipts%2Fp%3Fref%3D" REF);
    config_done(&config);
}

static void sender_of_twilio_may_be_a_messaging_service(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"TWILIO_MESSAGING_SERVICE_SID", "MG00000000000000000000000000000001"}, {NULL, NULL}};
    SmsJob job = job_with("", "hello");
    job.callback_url = (Slice){0};
    HttpRequest request = request_of(&sms_twilio, &config, settings, &job, *state);
    assert_slice(request.body, "To=%2B972501234567&MessagingServiceSid=MG00000000000000000000000000000001&Body=hello");
    config_done(&config);
}

static void vonage_is_asked_by_a_form_without_plus(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"VONAGE_API_KEY", "k"}, {"VONAGE_API_SECRET", "s"}, {NULL, NULL}};
    SmsJob job = job_with("Charity", "hello");
    job.is_ucs2 = true;
    HttpRequest request = request_of(&sms_vonage, &config, settings, &job, *state);
    assert_string_equal(request.url, "https://rest.nexmo.com/sms/json");
    assert_slice(request.body, "api_key=k&api_secret=s&to=972501234567&from=Charity&text=hello&type=unicode&client-ref=" REF
                               "&status-report-req=1&callback=https%3A%2F%2Fx.example%2Fv1%2Fsms%2Freceipts%2Fvonage");
    config_done(&config);
}

static void plivo_is_asked_by_json(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"PLIVO_AUTH_ID", "MA"}, {"PLIVO_AUTH_TOKEN", "t"}, {NULL, NULL}};
    SmsJob job = job_with("+12025550100", "a \"b\"\n");
    HttpRequest request = request_of(&sms_plivo, &config, settings, &job, *state);
    assert_string_equal(request.url, "https://api.plivo.com/v1/Account/MA/Message/");
    assert_slice(request.body, "{\"src\":\"+12025550100\",\"dst\":\"+972501234567\",\"text\":\"a \\\"b\\\"\\n\",\"url\":\"" CALLBACK "\",\"method\":\"POST\"}");
    config_done(&config);
}

static void generic_request_is_what_settings_say(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"PLEDGELINE_SMS_HTTP_URL", "https://g.example/send?ref={ref}&to={to}"},
                                       {"PLEDGELINE_SMS_HTTP_BODY", "{\"t\":\"{text}\",\"n\":\"{to}\",\"x\":{\"a\":1}}"},
                                       {"PLEDGELINE_SMS_HTTP_HEADERS", "X-Key: k | Idempotency-Key: {ref}"}, {NULL, NULL}};
    SmsJob job = job_with("Charity", "say \"{ref}\"");
    HttpRequest request = request_of(&sms_generic, &config, settings, &job, *state);
    assert_string_equal(request.url, "https://g.example/send?ref=" REF "&to=%2B972501234567");
    assert_string_equal(request.headers[0], "X-Key: k");
    assert_string_equal(request.headers[1], "Idempotency-Key: " REF);
    assert_null(request.headers[2]);
    assert_slice(request.body, "{\"t\":\"say \\\"{ref}\\\"\",\"n\":\"+972501234567\",\"x\":{\"a\":1}}");
    config_done(&config);
}

static void generic_form_is_escaped_as_one(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"PLEDGELINE_SMS_HTTP_URL", "https://g.example"}, {"PLEDGELINE_SMS_HTTP_BODY", "to={to}&text={text}"},
                                       {"PLEDGELINE_SMS_HTTP_CONTENT_TYPE", "application/x-www-form-urlencoded"}, {NULL, NULL}};
    SmsJob job = job_with("Charity", "a&b=c");
    HttpRequest request = request_of(&sms_generic, &config, settings, &job, *state);
    assert_slice(request.body, "to=%2B972501234567&text=a%26b%3Dc");
    config_done(&config);
}

static void generic_text_without_a_sender_goes_out_only_where_no_template_names_one(void **state)
{
    static const struct { const char *setting, *template_text; Status status; } rows[] = {
        {"PLEDGELINE_SMS_HTTP_BODY", "{\"f\":\"{from}\"}", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_HEADERS", "X-From: {from}", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_URL", "https://g.example/{from}", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_BODY", "{\"t\":\"{text}\"}", STATUS_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Config config;
        Fault fault = {0};
        HttpRequest request;
        const ConfigOverride settings[] = {{rows[i].setting, rows[i].template_text}, {NULL, NULL}};
        SmsSite site = site_with(&config, "", settings);
        SmsJob job = job_with("", "{from}");
        assert_int_equal(sms_generic.request(&site, &job, *state, &request, &fault), rows[i].status);
        assert_string_equal(fault.code, rows[i].status ? "no_sender" : "");
        config_done(&config);
    }
}

/* ---- answers ---- */

static SmsReply reply_to(const SmsProvider *provider, long code, const char *body, Arena *arena)
{
    Config config;
    const ConfigOverride settings[] = {{NULL, NULL}};
    SmsSite site = site_with(&config, "", settings);
    HttpAnswer answer = {.code = code, .body = slice_of(body)};
    SmsReply reply = {0};
    if (!sms_reply_to_code(&answer, 1000, arena, &reply))
        provider->answer(&site, &answer, 1000, arena, &reply);
    config_done(&config);
    return reply;
}

static void answers_have_their_result_and_class(void **state)
{
    const struct { const SmsProvider *provider; long code; const char *body; SmsResult result; SmsClass sms_class; } rows[] = {
        {&sms_twilio, 201, "{\"sid\":\"SM1\"}", SMS_ACCEPTED, SMS_CLASS_NONE},
        {&sms_twilio, 201, "{}", SMS_UNKNOWN, SMS_CLASS_NONE},
        {&sms_twilio, 200, "<html>", SMS_UNKNOWN, SMS_CLASS_NONE},
        {&sms_twilio, 400, "{\"code\":21610}", SMS_REFUSED, SMS_OPTED_OUT},
        {&sms_twilio, 400, "{\"code\":21614}", SMS_REFUSED, SMS_NOT_CAPABLE},
        {&sms_twilio, 400, "{\"code\":21211}", SMS_REFUSED, SMS_DEAD_NUMBER},
        {&sms_twilio, 400, "{\"code\":30003}", SMS_UNSENT, SMS_TEMP_UNREACHABLE},
        {&sms_twilio, 400, "{\"code\":99999}", SMS_UNSENT, SMS_CLASS_UNKNOWN},
        {&sms_twilio, 400, "{\"code\":21617}", SMS_REFUSED, SMS_CLASS_NONE},
        {&sms_twilio, 401, "{\"code\":20003}", SMS_AWAY, SMS_ACCOUNT},
        {&sms_twilio, 404, "nothing here", SMS_AWAY, SMS_ACCOUNT},
        {&sms_twilio, 302, "", SMS_AWAY, SMS_ACCOUNT},
        {&sms_twilio, 429, "", SMS_AWAY, SMS_CLASS_NONE},
        {&sms_twilio, 500, "{\"code\":20500}", SMS_UNKNOWN, SMS_CLASS_NONE},
        {&sms_twilio, 502, "", SMS_UNKNOWN, SMS_CLASS_NONE},
        {&sms_twilio, 503, "", SMS_AWAY, SMS_CLASS_NONE},
        {&sms_twilio, 504, "", SMS_UNKNOWN, SMS_CLASS_NONE},
        {&sms_vonage, 200, "{\"messages\":[{\"status\":\"0\",\"message-id\":\"1\"}]}", SMS_ACCEPTED, SMS_CLASS_NONE},
        {&sms_vonage, 200, "{\"messages\":[{\"status\":\"7\"}]}", SMS_REFUSED, SMS_OPTED_OUT},
        {&sms_vonage, 200, "{\"messages\":[{\"status\":\"1\"}]}", SMS_AWAY, SMS_CLASS_NONE},
        {&sms_vonage, 200, "{\"messages\":[{\"status\":\"5\"}]}", SMS_UNSENT, SMS_CLASS_NONE},
        {&sms_vonage, 200, "{\"messages\":[{\"status\":\"9\"}]}", SMS_AWAY, SMS_ACCOUNT},
        {&sms_vonage, 200, "{\"messages\":[{\"status\":\"9\"},{\"status\":\"0\",\"message-id\":\"1\"}]}", SMS_ACCEPTED, SMS_CLASS_NONE},
        {&sms_vonage, 200, "{\"messages\":[]}", SMS_UNKNOWN, SMS_CLASS_NONE},
        {&sms_plivo, 202, "{\"message_uuid\":[\"1\"]}", SMS_ACCEPTED, SMS_CLASS_NONE},
        {&sms_plivo, 400, "{\"error\":\"no\"}", SMS_REFUSED, SMS_CLASS_NONE},
        {&sms_plivo, 401, "", SMS_AWAY, SMS_ACCOUNT},
        {&sms_generic, 202, "{\"id\":\"1\"}", SMS_ACCEPTED, SMS_CLASS_NONE},
        {&sms_generic, 204, "", SMS_UNKNOWN, SMS_CLASS_NONE},
        {&sms_generic, 408, "", SMS_UNSENT, SMS_CLASS_NONE},
        {&sms_generic, 422, "", SMS_REFUSED, SMS_CLASS_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SmsReply reply = reply_to(rows[i].provider, rows[i].code, rows[i].body, *state);
        if (reply.outcome.result != rows[i].result || reply.outcome.sms_class != rows[i].sms_class)
            fail_msg("%s %ld %s: result %d, class %d", rows[i].provider->name, rows[i].code, rows[i].body, reply.outcome.result, reply.outcome.sms_class);
    }
}

static void gateway_whose_answers_have_no_id_says_yes_by_its_code(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"PLEDGELINE_SMS_HTTP_ID_POINTER", ""}, {"PLEDGELINE_SMS_HTTP_SUCCESS", "204"}, {NULL, NULL}};
    SmsSite site = site_with(&config, "", settings);
    SmsReply taken = {0}, other = {0};
    sms_generic.answer(&site, &(HttpAnswer){.code = 204}, 0, *state, &taken);
    sms_generic.answer(&site, &(HttpAnswer){.code = 200}, 0, *state, &other);
    assert_int_equal(taken.outcome.result, SMS_ACCEPTED);
    assert_int_equal(other.outcome.result, SMS_UNKNOWN);
    assert_slice(other.outcome.reason, "the gateway answered 200, which PLEDGELINE_SMS_HTTP_SUCCESS does not name");
    config_done(&config);
}

static void answer_without_an_id_names_where_it_was_looked_for(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"PLEDGELINE_SMS_HTTP_ID_POINTER", "/messages/0/id"}, {NULL, NULL}};
    SmsSite site = site_with(&config, "", settings);
    SmsReply reply = {0};
    sms_generic.answer(&site, &(HttpAnswer){.code = 200, .body = SLICE("{\"id\":\"1\"}")}, 0, *state, &reply);
    assert_int_equal(reply.outcome.result, SMS_UNKNOWN);
    assert_slice(reply.outcome.reason, "its answer has no id at /messages/0/id (PLEDGELINE_SMS_HTTP_ID_POINTER)");
    config_done(&config);
}

static void blanks_in_the_list_of_codes_say_nothing(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"PLEDGELINE_SMS_HTTP_SUCCESS", " 200, 201 ,202"}, {NULL, NULL}};
    SmsSite site = site_with(&config, "", settings);
    for (long code = 200; code <= 202; code++) {
        SmsReply reply = {0};
        sms_generic.answer(&site, &(HttpAnswer){.code = code, .body = SLICE("{\"id\":\"1\"}")}, 0, *state, &reply);
        assert_int_equal(reply.outcome.result, SMS_ACCEPTED);
    }
    config_done(&config);
}

/* ---- what is refused at the start ---- */

static void generic_setting_that_spoils_every_text_is_refused_at_the_start(void **state)
{
    (void)state;
    static const struct { const char *setting, *value; Status status; } rows[] = {
        {"PLEDGELINE_SMS_HTTP_ID_POINTER", "id", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_ID_POINTER", "", STATUS_OK},
        {"PLEDGELINE_SMS_HTTP_SUCCESS", "2xx", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_SUCCESS", "200 201", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_SUCCESS", "", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_SUCCESS", "200, 201", STATUS_OK},
        {"PLEDGELINE_SMS_HTTP_HEADERS", "X-Key: k | Authorization Bearer", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_HEADERS", "Authorization Bearer: k", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_HEADERS", ": k", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_HEADERS", "a:1|b:1|c:1|d:1|e:1|f:1|g:1|h:1|i:1|j:1|k:1|l:1|m:1|n:1|o:1|p:1|q:1", STATUS_REJECT},
        {"PLEDGELINE_SMS_HTTP_HEADERS", "X-Key: k\nX-Other:o |", STATUS_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Config config;
        Fault fault = {0};
        const ConfigOverride settings[] = {{"PLEDGELINE_SMS_HTTP_URL", "https://g.example"}, {"PLEDGELINE_SMS_HTTP_BODY", "{\"t\":\"{text}\",\"n\":\"{to}\"}"},
                                           {rows[i].setting, rows[i].value}, {NULL, NULL}};
        SmsSite site = site_with(&config, "", settings);
        if (sms_generic.check(&site, &fault) != rows[i].status)
            fail_msg("%s = \"%s\": %s", rows[i].setting, rows[i].value, fault.text);
        assert_string_equal(fault.code, rows[i].status ? "setting_value" : "");
        assert_true(!rows[i].status || strstr(fault.text, rows[i].setting));
        config_done(&config);
    }
}

static void only_what_is_said_of_the_account_parks_a_provider(void **state)
{
    assert_true(reply_to(&sms_twilio, 401, "{\"code\":20003}", *state).parks);
    assert_false(reply_to(&sms_twilio, 400, "{\"code\":21408}", *state).parks);
    assert_true(reply_to(&sms_plivo, 402, "", *state).parks);
    assert_false(reply_to(&sms_twilio, 429, "", *state).parks);
}

static void pointer_finds_texts_and_numbers(void **state)
{
    Arena *arena = *state;
    const Json *value;
    Fault fault;
    Slice json = SLICE("{\"a\":[{\"id\":17},{\"id\":\"x\"}],\"b/c\":\"slash\",\"\":\"empty\"}");
    assert_int_equal(json_parse(json, arena, &value, &fault), STATUS_OK);
    const struct { const char *pointer, *found; } rows[] = {
        {"/a/0/id", "17"}, {"/a/1/id", "x"}, {"/b~1c", "slash"}, {"/", "empty"}, {"/a/2/id", ""}, {"/a/x", ""}, {"a", ""}, {"", ""}, {"/a/0/id/more", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_slice(sms_pointer_text(value, slice_of(rows[i].pointer), arena), rows[i].found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twilio_is_asked_by_a_form),
        cmocka_unit_test(sender_of_twilio_may_be_a_messaging_service),
        cmocka_unit_test(vonage_is_asked_by_a_form_without_plus),
        cmocka_unit_test(plivo_is_asked_by_json),
        cmocka_unit_test(generic_request_is_what_settings_say),
        cmocka_unit_test(generic_form_is_escaped_as_one),
        cmocka_unit_test(generic_text_without_a_sender_goes_out_only_where_no_template_names_one),
        cmocka_unit_test(answers_have_their_result_and_class),
        cmocka_unit_test(gateway_whose_answers_have_no_id_says_yes_by_its_code),
        cmocka_unit_test(answer_without_an_id_names_where_it_was_looked_for),
        cmocka_unit_test(blanks_in_the_list_of_codes_say_nothing),
        cmocka_unit_test(generic_setting_that_spoils_every_text_is_refused_at_the_start),
        cmocka_unit_test(only_what_is_said_of_the_account_parks_a_provider),
        cmocka_unit_test(pointer_finds_texts_and_numbers),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
