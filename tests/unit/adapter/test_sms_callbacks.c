/* Signatures of providers, by their own published examples, and what their callbacks say. An example that is no text of theirs is malformed
 * once its signature is believed. */
#include "sms_site.h"

#include "base/digest.h"

#define REF "0123456789abcdef0123456789abcdef"

static const PostedHeader no_headers[] = {{NULL, NULL}};

static void assert_code(Status status, const Fault *fault, const char *code)
{
    assert_int_equal(status, STATUS_REJECT);
    assert_string_equal(fault->code, code);
}

/* ---- Twilio: examples of its helper libraries' tests and of its security page ---- */

static const ConfigOverride twilio[] = {{"TWILIO_AUTH_TOKEN", "12345"}, {NULL, NULL}};

#define TWILIO_FORM "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"

static Status read_twilio(Arena *arena, const char *query, const char *body, const char *signature, Fault *fault)
{
    Config config;
    SmsSite site = site_with(&config, "https://mycompany.com", twilio);
    const PostedHeader headers[] = {{"X-Twilio-Signature", signature}, {NULL, NULL}};
    SmsCallback callback = posted("POST", "/myapp.php", query, slice_of(body), headers);
    SmsCallbackRead read = {0};
    Status status = sms_twilio.read_receipt(&site, &callback, arena, &read, fault);
    config_done(&config);
    return status;
}

static void twilios_example_is_believed(void **state)
{
    Fault fault;
    assert_code(read_twilio(*state, "foo=1&bar=2", TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", &fault), &fault, "callback_malformed");
}

static void twilios_example_with_repeated_fields_is_believed(void **state)
{
    Fault fault;
    Status status = read_twilio(*state, "foo=1&bar=2", "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
                                &fault);
    assert_code(status, &fault, "callback_malformed");
}

static void whatever_is_changed_of_it_is_forged(void **state)
{
    const struct { const char *query, *body, *signature; } changed[] = {
        {"foo=1&bar=3", TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        {"foo=1&bar=2", TWILIO_FORM "&More=1", "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        {"foo=1&bar=2", TWILIO_FORM "%00", "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        {"foo=1&bar=2", TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B9="},
        {"foo=1&bar=2", TWILIO_FORM, ""},
    };
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        Fault fault;
        assert_code(read_twilio(*state, changed[i].query, changed[i].body, changed[i].signature, &fault), &fault, "forged");
    }
}

static void receipt_of_twilio_carries_class_and_code(void **state)
{
    Arena *arena = *state;
    Config config;
    SmsSite site = site_with(&config, "https://x.example", twilio);
    Slice body = SLICE("ErrorCode=30006&MessageSid=SM1&MessageStatus=undelivered");
    Slice text = SLICE("https://x.example/v1/sms/receipts/twilio?ref=" REF "ErrorCode30006MessageSidSM1MessageStatusundelivered");
    uint8_t digest[DIGEST_SHA1_BYTES];
    digest_hmac_sha1(SLICE("12345"), text, digest);
    const PostedHeader headers[] = {{"X-Twilio-Signature", digest_base64(arena, (Slice){(const char *)digest, sizeof digest}).at}, {NULL, NULL}};
    SmsCallback callback = posted("POST", "/v1/sms/receipts/twilio", "ref=" REF, body, headers);
    SmsCallbackRead read = {0};
    Fault fault;
    assert_int_equal(sms_twilio.read_receipt(&site, &callback, arena, &read, &fault), STATUS_OK);
    assert_int_equal(read.receipt_count, 1);
    assert_slice(read.receipts->ref, REF);
    assert_slice(read.receipts->code, "30006");
    assert_int_equal(read.receipts->state, RECEIPT_UNDELIVERED);
    assert_int_equal(read.receipts->sms_class, SMS_NOT_CAPABLE);
    config_done(&config);
}

/* ---- Vonage: examples of its client libraries' tests ---- */

static Status read_vonage(Arena *arena, const char *secret, Slice body, SmsCallbackRead *ret, Fault *fault)
{
    Config config;
    const ConfigOverride settings[] = {{"VONAGE_SIGNATURE_SECRET", secret}, {NULL, NULL}};
    SmsSite site = site_with(&config, "https://x.example", settings);
    SmsCallback callback = posted("POST", "/v1/sms/inbound/vonage", "", body, no_headers);
    *ret = (SmsCallbackRead){0};
    Status status = sms_vonage.read_message(&site, &callback, arena, ret, fault);
    config_done(&config);
    return status;
}

#define VONAGE_TEXT "message-timestamp=2013-11-21+15%3A27%3A30&messageId=020000001B0FE827&msisdn=14843472194&text=Test+again" \
                    "&timestamp=1385047698&to=13239877404&type=text&sig="
#define VONAGE_SIG "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330"

static void vonages_example_is_a_message(void **state)
{
    SmsCallbackRead read;
    Fault fault;
    assert_int_equal(read_vonage(*state, "my_secret_key_for_testing", SLICE(VONAGE_TEXT VONAGE_SIG), &read, &fault), STATUS_OK);
    assert_int_equal(read.message_count, 1);
    assert_slice(read.messages->from, "+14843472194");
    assert_slice(read.messages->text, "Test again");
    assert_slice(read.messages->id, "020000001B0FE827");
    assert_true(read.messages->at_ms == 1385047650000);
}

static void signature_by_another_method_or_secret_is_forged(void **state)
{
    SmsCallbackRead read;
    Fault fault;
    const Slice md5 = SLICE(VONAGE_TEXT "d2e7b1dc968737c5998ad624e02f90b7");
    assert_code(read_vonage(*state, "my_secret_key_for_testing", md5, &read, &fault), &fault, "forged");
    assert_code(read_vonage(*state, "another_secret", SLICE(VONAGE_TEXT VONAGE_SIG), &read, &fault), &fault, "forged");
    assert_code(read_vonage(*state, "", SLICE(VONAGE_TEXT VONAGE_SIG), &read, &fault), &fault, "forged");
}

/* ---- Plivo: examples of its SDKs' tests ---- */

#define PLIVO_PATH "/api/v1/validate_signature03.xml/"
#define PLIVO_FORM "Direction=outbound&From=19792014278&ALegUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36&CallStatus=in-progress&BillRate=0.002" \
                   "&ParentAuthID=MANWVLYTK4ZWU1YTY4QA&To=sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com" \
                   "&ALegRequestUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36&CallUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36" \
                   "&RequestUUID=3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36" \
                   "&SIP-H-To=%3Csip:PlivoSignature382029104058171078704104@52.9.11.55;transport%3Dudp%3E;tag%3D1" \
                   "&SessionStart=2020-04-08+11:34:33.238707&Event=StartApp"

static const ConfigOverride plivo[] = {{"PLIVO_AUTH_TOKEN", "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"}, {NULL, NULL}};

static Status read_plivo(Arena *arena, const char *method, const char *query, Slice body, const char *signature, Fault *fault)
{
    Config config;
    SmsSite site = site_with(&config, "https://plivobin.non-prod.plivops.com", plivo);
    const PostedHeader headers[] = {{"X-Plivo-Signature-V3-Nonce", "31627761595286130198"}, {"X-Plivo-Signature-V3", signature}, {NULL, NULL}};
    SmsCallback callback = posted(method, PLIVO_PATH, query, body, headers);
    SmsCallbackRead read = {0};
    Status status = sms_plivo.read_receipt(&site, &callback, arena, &read, fault);
    config_done(&config);
    return status;
}

static void plivos_example_of_a_form_is_believed(void **state)
{
    Fault fault;
    Status status = read_plivo(*state, "POST", "a=b&c=d", SLICE(PLIVO_FORM), "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c=", &fault);
    assert_code(status, &fault, "callback_malformed");
}

static void plivos_example_is_believed_among_others(void **state)
{
    Fault fault;
    Status status = read_plivo(*state, "POST", "a=b&c=d", SLICE(PLIVO_FORM), "abc=, k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c=", &fault);
    assert_code(status, &fault, "callback_malformed");
}

static void plivos_example_of_a_query_is_believed(void **state)
{
    Fault fault;
    Status status = read_plivo(*state, "GET", "a=b&c=d&" PLIVO_FORM, (Slice){0}, "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ=", &fault);
    assert_code(status, &fault, "callback_malformed");
}

static void plivos_example_for_another_url_or_form_is_forged(void **state)
{
    static const char signature[] = "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c=";
    Fault fault;
    assert_code(read_plivo(*state, "POST", "a=b&c=e", SLICE(PLIVO_FORM), signature, &fault), &fault, "forged");
    assert_code(read_plivo(*state, "POST", "a=b&c=d", SLICE(PLIVO_FORM "&x=y"), signature, &fault), &fault, "forged");
}

static void plivos_example_of_version_2_is_believed(void **state)
{
    Config config;
    const ConfigOverride settings[] = {{"PLIVO_AUTH_TOKEN", "my_auth_token"}, {NULL, NULL}};
    SmsSite site = site_with(&config, "https://answer.url", settings);
    const PostedHeader headers[] = {{"X-Plivo-Signature-V2-Nonce", "12345"},
                                    {"X-Plivo-Signature-V2", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="}, {NULL, NULL}};
    SmsCallback callback = posted("POST", "", "ref=" REF, SLICE("MessageUUID=1&Status=delivered"), headers);
    SmsCallbackRead read = {0};
    Fault fault;
    assert_int_equal(sms_plivo.read_receipt(&site, &callback, *state, &read, &fault), STATUS_OK);
    assert_int_equal(read.receipts->state, RECEIPT_DELIVERED);
    config_done(&config);
}

/* ---- messages ---- */

static SmsInbound message_of(Arena *arena, SmsInbound message, Slice body)
{
    SmsCallback callback = posted("POST", "/v1/sms/inbound/generic", "", body, no_headers);
    SmsCallbackRead read = {0};
    Fault fault;
    assert_int_equal(sms_take_message(&read, &callback, message, arena, &fault), STATUS_OK);
    return read.message_count ? *read.messages : (SmsInbound){0};
}

static Slice sender_of(Arena *arena, const char *from)
{
    return message_of(arena, (SmsInbound){.id = SLICE("m"), .from = slice_of(from), .text = SLICE("STOP")}, SLICE("x")).from;
}

static void sender_in_any_spelling_is_handed_on(void **state)
{
    static const char *const spellings[] = {"+12025550141", "12025550141", "2025550141", "+1 202 555 0141", "(202) 555-0143", "whatsapp:+12025550145", "0012025550146", "5550146", "AMAZON", "+12", "12"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        assert_slice(sender_of(*state, spellings[i]), spellings[i]);
}

static void number_of_a_provider_that_writes_no_plus_gets_one(void **state)
{
    assert_slice(sms_with_plus(SLICE("12025550141"), *state), "+12025550141");
    static const char *const others[] = {"+12025550141", "33733", "Charity", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_slice(sms_with_plus(slice_of(others[i]), *state), others[i]);
}

static void number_that_may_read_as_another_one_is_no_id(void **state)
{
    assert_slice(sms_json_word(&(Json){.type = cJSON_Number, .valuedouble = 9007199254740991}, *state), "9007199254740991");
    assert_slice(sms_json_word(&(Json){.type = cJSON_Number, .valuedouble = 9007199254740992}, *state), "");
}

static void short_code_is_left_out(void **state)
{
    static const char *const codes[] = {"911", "33733", "123456"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(sender_of(*state, codes[i]).bytes, 0);
}

static void message_without_an_id_has_one_of_what_was_posted(void **state)
{
    SmsInbound message = {.from = SLICE("+12025550141"), .text = SLICE("STOP")};
    Slice id = message_of(*state, message, SLICE("x")).id;
    assert_true(id.bytes > 0);
    assert_true(slice_equal(id, message_of(*state, message, SLICE("x")).id));
    assert_false(slice_equal(id, message_of(*state, message, SLICE("y")).id));
}

static void text_that_is_too_long_is_cut_between_characters(void **state)
{
    char text[9000];
    memset(text, 'a', sizeof text);
    memcpy(text, "STOP\n", 5);
    memcpy(text + 8191, "\xc3\xa9", 2);
    Slice cut = message_of(*state, (SmsInbound){.id = SLICE("m"), .from = SLICE("+12025550141"), .text = {text, sizeof text}}, SLICE("x")).text;
    assert_int_equal(cut.bytes, 8191);
    assert_memory_equal(cut.at, text, 8191);
}

static void message_of_nobody_that_says_nothing_is_malformed(void **state)
{
    SmsCallback callback = posted("POST", "/v1/sms/inbound/generic", "", SLICE("{}"), no_headers);
    SmsCallbackRead read = {0};
    Fault fault;
    assert_code(sms_take_message(&read, &callback, (SmsInbound){.id = SLICE("m")}, *state, &fault), &fault, "callback_malformed");
}

/* ---- classes ---- */

static SmsClass class_of_delivery(Arena *arena, const char *code)
{
    Config config;
    const ConfigOverride settings[] = {{"VONAGE_SIGNATURE_SECRET", "secret"}, {NULL, NULL}};
    SmsSite site = site_with(&config, "", settings);
    Slice text = arena_printf(arena, "&client-ref=" REF "&err-code=%s&status=failed", code);
    uint8_t digest[DIGEST_BYTES];
    digest_hmac_sha256(SLICE("secret"), &text, 1, digest);
    Slice query = arena_printf(arena, "%.*s&sig=%.*s", SLICE_ARG(text), SLICE_ARG(digest_hex(arena, digest, DIGEST_BYTES)));
    SmsCallback callback = posted("GET", "/v1/sms/receipts/vonage", query.at, (Slice){0}, no_headers);
    SmsCallbackRead read = {0};
    Fault fault;
    assert_int_equal(sms_vonage.read_receipt(&site, &callback, arena, &read, &fault), STATUS_OK);
    config_done(&config);
    return read.receipts->sms_class;
}

static void codes_of_vonage_have_their_class(void **state)
{
    const struct { const char *code; SmsClass sms_class; } rows[] = {
        {"1", SMS_CLASS_UNKNOWN}, {"2", SMS_TEMP_UNREACHABLE}, {"3", SMS_DEAD_NUMBER}, {"4", SMS_OPTED_OUT}, {"6", SMS_FILTERED},
        {"7", SMS_TEMP_UNREACHABLE}, {"9", SMS_OPTED_OUT}, {"12", SMS_DEAD_NUMBER}, {"14", SMS_FILTERED}, {"15", SMS_ACCOUNT}, {"4711", SMS_CLASS_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(class_of_delivery(*state, rows[i].code), rows[i].sms_class);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twilios_example_is_believed),
        cmocka_unit_test(twilios_example_with_repeated_fields_is_believed),
        cmocka_unit_test(whatever_is_changed_of_it_is_forged),
        cmocka_unit_test(receipt_of_twilio_carries_class_and_code),
        cmocka_unit_test(vonages_example_is_a_message),
        cmocka_unit_test(signature_by_another_method_or_secret_is_forged),
        cmocka_unit_test(plivos_example_of_a_form_is_believed),
        cmocka_unit_test(plivos_example_is_believed_among_others),
        cmocka_unit_test(plivos_example_of_a_query_is_believed),
        cmocka_unit_test(plivos_example_for_another_url_or_form_is_forged),
        cmocka_unit_test(plivos_example_of_version_2_is_believed),
        cmocka_unit_test(sender_in_any_spelling_is_handed_on), cmocka_unit_test(number_of_a_provider_that_writes_no_plus_gets_one),
        cmocka_unit_test(number_that_may_read_as_another_one_is_no_id),
        cmocka_unit_test(short_code_is_left_out),
        cmocka_unit_test(message_without_an_id_has_one_of_what_was_posted),
        cmocka_unit_test(text_that_is_too_long_is_cut_between_characters),
        cmocka_unit_test(message_of_nobody_that_says_nothing_is_malformed),
        cmocka_unit_test(codes_of_vonage_have_their_class),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
