/* What the two interfaces of Asterisk say, word for word (22.10), as channel events. */
#include "../check.h"

#include "ingress/ami_channels.h"
#include "ingress/ari_channels.h"

#define NOW 1800000000000

static ChannelEvent by_ami(Arena *arena, const char *lines)
{
    static AmiMessage message;
    ami_parse(slice_of(lines), &message);
    return ami_channel_event(&message, NOW, arena);
}

static ChannelEvent by_ari(Arena *arena, const char *text)
{
    const Json *json = NULL;
    Fault fault;
    if (json_parse(slice_of(text), arena, &json, &fault))
        fail_msg("%s", fault.text);
    return ari_channel_event(json, NOW, arena);
}

/* ---- AMI ---- */

#define AMI_CHANNEL(state) \
    "Timestamp: 1795280881.649097\r\nChannel: Local/press9-7@callee-00000007;1\r\nChannelState: 6\r\nChannelStateDesc: " state "\r\n" \
    "Uniqueid: c-press\r\nLinkedid: c-first\r\nChanVariable: PLEDGELINE_CALL_ID=c1\r\nChanVariable: PLEDGELINE_CAMPAIGN_ID=\r\n"

static void ami_channel_is_read_with_its_time_and_variables(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: Newstate\r\nPrivilege: call,all\r\n" AMI_CHANNEL("Up"));
    assert_int_equal(event.kind, CHANNEL_CHANGED);
    assert_slice(event.uniqueid, "c-press");
    assert_slice(event.linkedid, "c-first");
    assert_slice(event.name, "Local/press9-7@callee-00000007;1");
    assert_int_equal(event.state, CHANNEL_UP);
    assert_int_equal(event.at_ms, 1795280881649);
    assert_slice(event.variables[VARIABLE_CALL_ID], "c1");
    assert_true(event.knows_variables);
}

static void ami_without_channelvars_knows_no_variables(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: Newchannel\r\nUniqueid: u1\r\nChannelStateDesc: Down\r\n");
    assert_int_equal(event.kind, CHANNEL_CREATED);
    assert_false(event.knows_variables);
    assert_int_equal(event.at_ms, NOW);
}

static void ami_dial_is_about_who_is_dialled(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: DialEnd\r\nUniqueid: u1\r\nChannel: PJSIP/in\r\nDestUniqueid: u2\r\nDestChannel: PJSIP/out\r\n"
                                        "DestLinkedid: u1\r\nDestChannelStateDesc: Ringing\r\nDestChanVariable: PLEDGELINE_CALL_ID=c1\r\nDialStatus: BUSY\r\n");
    assert_int_equal(event.kind, CHANNEL_DIALLED);
    assert_slice(event.uniqueid, "u2");
    assert_slice(event.dialled_by, "u1");
    assert_slice(event.status, "BUSY");
    assert_int_equal(event.state, CHANNEL_RINGING);
    assert_slice(event.variables[VARIABLE_CALL_ID], "c1");
}

static void ami_key_counts_when_it_ends_and_was_received(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: DTMFEnd\r\n" AMI_CHANNEL("Up") "Digit: *\r\nDurationMs: 280\r\nDirection: Received\r\n");
    assert_int_equal(event.kind, CHANNEL_DIGIT);
    assert_int_equal(event.digit, '*');
    assert_int_equal(by_ami(*state, "Event: DTMFEnd\r\n" AMI_CHANNEL("Up") "Digit: 9\r\nDirection: Sent\r\n").kind, CHANNEL_OTHER);
    assert_int_equal(by_ami(*state, "Event: DTMFBegin\r\n" AMI_CHANNEL("Up") "Digit: 9\r\nDirection: Received\r\n").kind, CHANNEL_OTHER);
}

static void ami_hangup_has_its_cause(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: Hangup\r\n" AMI_CHANNEL("Busy") "Cause: 17\r\nCause-txt: User busy\r\n");
    assert_int_equal(event.kind, CHANNEL_GONE);
    assert_int_equal(event.cause, 17);
    assert_slice(event.cause_text, "User busy");
}

static void ami_originate_says_why_it_failed(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: OriginateResponse\r\nResponse: Failure\r\nReason: 3\r\nUniqueid: u1\r\n");
    assert_int_equal(event.kind, CHANNEL_ORIGINATED);
    assert_true(event.has_failed);
    assert_slice(event.status, "NOANSWER");
    assert_false(by_ami(*state, "Event: OriginateResponse\r\nResponse: Success\r\nReason: 4\r\nUniqueid: u1\r\n").has_failed);
}

static void ami_list_says_how_old_a_channel_is(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: CoreShowChannel\r\nUniqueid: u1\r\nChannelStateDesc: Up\r\nDuration: 01:02:03\r\n");
    assert_int_equal(event.kind, CHANNEL_LISTED);
    assert_int_equal(event.created_ms, NOW - 3723000);
}

static void ami_values_are_unescaped(void **state)
{
    ChannelEvent event = by_ami(*state, "Event: Newstate\r\nUniqueid: u1\r\nChanVariable: PLEDGELINE_CAMPAIGN_NAME=O\\'Neil \\\"A=B\\\" \\\\\r\n");
    assert_slice(event.variables[VARIABLE_CAMPAIGN_NAME], "O'Neil \"A=B\" \\");
}

static void ami_event_that_nobody_follows_is_none(void **state)
{
    assert_int_equal(by_ami(*state, "Event: Newexten\r\nUniqueid: u1\r\n").kind, CHANNEL_OTHER);
    assert_int_equal(by_ami(*state, "Response: Success\r\n").kind, CHANNEL_OTHER);
}

/* ---- ARI ---- */

#define ARI_CHANNEL(more) \
    "{\"id\":\"c-press\",\"name\":\"Local/press9-1@callee-0000000b;1\",\"state\":\"Up\",\"creationtime\":\"2026-11-21T17:08:22.794+0000\"" more "}"
#define ARI_VARIABLES ",\"channelvars\":{\"PLEDGELINE_CALL_ID\":\"c1\",\"PLEDGELINE_PHONE\":\"\",\"CHANNEL(linkedid)\":\"c-first\"}"

static void ari_channel_is_read_with_its_times_and_variables(void **state)
{
    ChannelEvent event = by_ari(*state, "{\"type\":\"ChannelStateChange\",\"timestamp\":\"2026-11-21T19:08:25.110+0200\",\"channel\":" ARI_CHANNEL(ARI_VARIABLES) "}");
    assert_int_equal(event.kind, CHANNEL_CHANGED);
    assert_slice(event.uniqueid, "c-press");
    assert_slice(event.linkedid, "c-first");
    assert_int_equal(event.state, CHANNEL_UP);
    assert_int_equal(event.at_ms, 1795280905110);
    assert_int_equal(event.created_ms, 1795280902794);
    assert_slice(event.variables[VARIABLE_CALL_ID], "c1");
    assert_true(event.knows_variables);
}

static void ari_variable_is_read_when_it_is_set(void **state)
{
    ChannelEvent event = by_ari(*state, "{\"type\":\"ChannelVarset\",\"variable\":\"__PLEDGELINE_CAMPAIGN_ID\",\"value\":\"camp\",\"channel\":" ARI_CHANNEL("") "}");
    assert_slice(event.variables[VARIABLE_CAMPAIGN_ID], "camp");
    assert_false(event.knows_variables);
}

static void ari_dial_is_about_who_is_dialled(void **state)
{
    ChannelEvent event = by_ari(*state, "{\"type\":\"Dial\",\"dialstatus\":\"\",\"caller\":{\"id\":\"u1\"},\"peer\":" ARI_CHANNEL("") "}");
    assert_int_equal(event.kind, CHANNEL_DIALLED);
    assert_slice(event.uniqueid, "c-press");
    assert_slice(event.dialled_by, "u1");
    assert_true(slice_empty(event.status));
}

static void ari_key_and_end_are_read(void **state)
{
    ChannelEvent key = by_ari(*state, "{\"type\":\"ChannelDtmfReceived\",\"digit\":\"9\",\"duration_ms\":200,\"channel\":" ARI_CHANNEL("") "}");
    ChannelEvent end = by_ari(*state, "{\"type\":\"ChannelDestroyed\",\"cause\":16,\"cause_txt\":\"Normal Clearing\",\"channel\":" ARI_CHANNEL("") "}");
    assert_int_equal(key.digit, '9');
    assert_int_equal(end.kind, CHANNEL_GONE);
    assert_int_equal(end.cause, 16);
    assert_slice(end.cause_text, "Normal Clearing");
}

static void ari_event_of_another_shape_is_none_or_empty(void **state)
{
    assert_int_equal(by_ari(*state, "{\"type\":\"DeviceStateChanged\"}").kind, CHANNEL_OTHER);
    assert_int_equal(by_ari(*state, "{\"type\":\"ChannelDtmfReceived\",\"digit\":\"\",\"channel\":{}}").kind, CHANNEL_OTHER);
    assert_int_equal(by_ari(*state, "[]").kind, CHANNEL_OTHER);
    ChannelEvent event = by_ari(*state, "{\"type\":\"ChannelDestroyed\",\"cause\":\"x\",\"timestamp\":7,\"channel\":[1]}");
    assert_true(slice_empty(event.uniqueid) && event.cause == 0 && event.at_ms == NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ami_channel_is_read_with_its_time_and_variables),
        cmocka_unit_test(ami_without_channelvars_knows_no_variables),
        cmocka_unit_test(ami_dial_is_about_who_is_dialled),
        cmocka_unit_test(ami_key_counts_when_it_ends_and_was_received),
        cmocka_unit_test(ami_hangup_has_its_cause),
        cmocka_unit_test(ami_originate_says_why_it_failed),
        cmocka_unit_test(ami_list_says_how_old_a_channel_is),
        cmocka_unit_test(ami_values_are_unescaped),
        cmocka_unit_test(ami_event_that_nobody_follows_is_none),
        cmocka_unit_test(ari_channel_is_read_with_its_times_and_variables),
        cmocka_unit_test(ari_variable_is_read_when_it_is_set),
        cmocka_unit_test(ari_dial_is_about_who_is_dialled),
        cmocka_unit_test(ari_key_and_end_are_read),
        cmocka_unit_test(ari_event_of_another_shape_is_none_or_empty),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
