/* The table of routes, each with the parameters of its query. docs/http.md comes from it. */
#include "event/phone.h"
#include "ingress/http_handlers.h"
#include "ingress/http_parameters.h"

/* ---- parameters ---- */

#define TEXT_NAMED(name, help) {name, NULL, NULL, help, 0, 0}
#define TIME_NAMED(name, help) {name, "a date or an RFC 3339 time, like 2024-01-15 or 2024-01-15T10:30:00Z", is_time, help, 0, 0}
#define PHONE_NAMED(name, help) {name, PHONE_FORM, is_phone, help, 0, 0}
#define LIMIT(usual, most) {"limit", "a number from 1 to " #most, NULL, "how many at most; default " #usual, usual, most}
#define CURSOR(fits, help) {"cursor", "the nextCursor of an earlier answer", fits, help, 0, 0}
#define NEXT_PAGE "go on behind this `nextCursor`"
#define END {NULL, NULL, NULL, NULL, 0, 0}

static const Parameter none[] = {END};
static const Parameter blacklist_page[] = {LIMIT(1000, 10000), CURSOR(is_phone, NEXT_PAGE), END};
static const Parameter removal[] = {
    TEXT_NAMED("actor", "who takes the number off; required here or in the body"),
    TEXT_NAMED("reason", "why it may be called again; required here or in the body"), END};
static const Parameter import[] = {
    TEXT_NAMED("actor", "who imports; default `api`"), TEXT_NAMED("reason", "for rows without one; default `imported list`"), END};
static const Parameter action_page[] = {
    TEXT_NAMED("campaignId", "only this campaign"), TEXT_NAMED("callId", "only this call"), PHONE_NAMED("phoneNumber", "only this number"),
    {"actionType", "donation_sms_sent, donation_sms_failed, donation_tts_fallback, optout_blacklist_added or optout_call_terminated",
     is_action_type, "only this type", 0, 0},
    LIMIT(1000, 10000), CURSOR(NULL, NEXT_PAGE), END};
static const Parameter sms_page[] = {
    TEXT_NAMED("campaignId", "only this campaign"), PHONE_NAMED("phoneNumber", "only to this number"),
    {"state", "pending, claimed, sending, sent, failed, cancelled or unknown", is_text_state,
     "only in this state, as the ledger says; default all but cancelled", 0, 0},
    LIMIT(1000, 10000), CURSOR(is_text_cursor, NEXT_PAGE), END};
static const Parameter gift_page[] = {
    TEXT_NAMED("campaignId", "only this campaign"), TEXT_NAMED("callId", "only of this call"), TEXT_NAMED("ref", "only of this link"),
    {"matched", "no", is_no, "no: only those of which nobody knows whose they are", 0, 0},
    {"limit", "a number from 1 to 10000, for CSV to 1000000000", NULL, "how many at most; default 1000, for CSV all", 1000, 1000000000},
    CURSOR(is_position, NEXT_PAGE), END};
static const Parameter record_page[] = {
    TEXT_NAMED("campaignId", "only this campaign"), TEXT_NAMED("outcome", "only this outcome"),
    TIME_NAMED("startDate", "started at or after it; a date is its midnight, UTC"), TIME_NAMED("endDate", "started before it"),
    {"limit", "a number from 1 to 10000, for CSV and NDJSON to 1000000000", NULL, "how many at most; default 1000, for CSV and NDJSON all",
     1000, 1000000000},
    CURSOR(is_record_cursor, NEXT_PAGE), END};
static const Parameter compared[] = {TEXT_NAMED("ids", "up to 50 campaigns, separated by commas; required"), END};
static const Parameter letter_page[] = {
    {"state", "dead or waiting", is_letter_state, "dead letters (default), or messages that wait for their next try", 0, 0},
    TEXT_NAMED("topic", "only this topic"), LIMIT(100, 1000), CURSOR(is_position, NEXT_PAGE), END};

/* ---- routes ---- */

#define LETTERS "`{\"ids\":[17,18]}` or `{\"all\":true}`"

const Route routes[] = {
    {"POST", "/", ROLE_SERVICE, ROUTE_NOW, sns_api, none, "SNS Query API: Publish, PublishBatch, ListTopics, GetTopicAttributes",
     "form `Action=…&TopicArn=…&Message=…`", "200 XML, as SNS answers; refusals are errors of SNS", true},
    {"POST", "/sns", ROLE_PROVEN, ROUTE_NOW, sns_push, none, "an SNS topic's HTTPS subscription; its signature is the proof",
     "a message as SNS signs it", "200 it is durable, or the subscription confirmed; 400 it is none, 403 not believed, 503 come again", false},
    {"POST", "/sns/raw/{topic}", ROLE_PROVEN, ROUTE_NOW, sns_push_raw, none, "the same with raw message delivery; `PLEDGELINE_SNS_RAW_SECRET` is the proof",
     "the event as JSON", "200 it is durable; 401, 403, 503", false},
    {"POST", "/v1/sms/receipts/{provider}", ROLE_PROVEN, ROUTE_NOW, sms_callback, NULL, "what a provider of texts says of one; its signature is the proof",
     "as the provider posts it", "200 it is durable: `{}`, for Twilio empty TwiML; 400 it is none, 403 not believed, 404 no such provider is set, 503 come again", false},
    {"GET", "/v1/sms/receipts/{provider}", ROLE_PROVEN, ROUTE_NOW, sms_callback, NULL, "the same, for providers that put it into the query", "", "as above", false},
    {"POST", "/v1/sms/inbound/{provider}", ROLE_PROVEN, ROUTE_NOW, sms_callback, NULL, "a person's message, like STOP", "as the provider posts it", "as above", false},
    {"GET", "/v1/sms/inbound/{provider}", ROLE_PROVEN, ROUTE_NOW, sms_callback, NULL, "the same, for providers that put it into the query", "", "as above", false},
    {"POST", "/v1/events", ROLE_SERVICE, ROUTE_NOW, events_of_any_topic, none, "events, each line with its topic",
     "NDJSON `{\"topic\":…,\"message\":{…}}`, 20,000 lines at most", "200 `{accepted,duplicates,rejected,errors}`", false},
    {"POST", "/v1/events/{topic}", ROLE_SERVICE, ROUTE_NOW, events_of_topic, none, "one event, or many, of a topic",
     "the event as JSON; or NDJSON, with `Content-Type: application/x-ndjson`",
     "200 `{verdict,duplicate}`, 202 kept for later, 422 now a dead letter; for NDJSON as `/v1/events`", false},
    {"GET", "/v1/blacklist", ROLE_READER, ROUTE_READ, blacklist_list, blacklist_page, "blocked numbers", "", "200 `{entries,nextCursor}`", false},
    {"POST", "/v1/blacklist", ROLE_SERVICE, ROUTE_CHANGE, blacklist_put, none, "block a number",
     "`{phoneNumber,reason,source,actor,addedAt,metadata}`, of an opt-out `{actionId,pressedAt}`; only the first is required, texts up to 1,000 bytes",
     "201 the entry with `result` `added`, 200 `known` or `repeated`, 422", false},
    {"POST", "/v1/blacklist/check", ROLE_READER, ROUTE_CHECK, blacklist_check, none, "may these numbers be called?",
     "`{phoneNumber}` or `{phoneNumbers:[…]}`, 10,000 at most", "200 `{phoneNumber,blocked,reason}`, with `unknown` where nobody can say now, or `{results:[…]}` of them; 422 no number is named", false},
    {"POST", "/v1/blacklist/import", ROLE_ADMIN, ROUTE_CHANGE, blacklist_import, import, "block the numbers of a list",
     "CSV with a header in any order, or one number a line", "200 `{added,known,rejected,firstBadLine}`", false},
    {"GET", "/v1/blacklist/export", ROLE_READER, ROUTE_READ, blacklist_export, none, "the whole list", "", "200 CSV", false},
    {"GET", "/v1/blacklist/{phoneNumber}", ROLE_READER, ROUTE_READ, blacklist_show, none, "a number's entry and history", "",
     "200 the entry with `history`, 404 the number is clear", false},
    {"DELETE", "/v1/blacklist/{phoneNumber}", ROLE_ADMIN, ROUTE_CHANGE, blacklist_delete, removal, "take a number off the list",
     "none, or `{actor,reason}`", "204, 404 it was not blocked, 422", false},
    {"GET", "/v1/actions", ROLE_READER, ROUTE_READ, actions_list, action_page, "recorded actions", "", "200 `{actions,nextCursor}`", false},
    {"POST", "/v1/actions", ROLE_SERVICE, ROUTE_CHANGE, actions_put, none, "record an action of another system",
     "`{id,actionType,status,phoneNumber}` required, `callId`, `campaignId`, `contactId`, `donationLink`, `timestamp`, … kept",
     "201 the action with `result` `added`, 200 `known`, 422", false},
    {"POST", "/terminate-call", ROLE_SERVICE, ROUTE_CALL, call_terminate, none, "end a call, as the original system's Asterisk Worker does",
     "`{callId}`", "200 `{callId,terminated}`, 404 there is no such call, 503 nobody can say: try again", false},
    {"GET", "/v1/sms", ROLE_READER, ROUTE_READ, sms_list, sms_page, "texts that were asked for, newest first; without those that were cancelled, unless `state` says so", "", "200 `{messages,nextCursor}`", false},
    {"GET", "/v1/cdrs", ROLE_READER, ROUTE_READ, cdrs_list, record_page, "call records, newest first", "",
     "200 `{records,nextCursor}`; with `Accept: text/csv` or `application/x-ndjson` a stream of all", false},
    {"GET", "/v1/cdrs/{callId}", ROLE_READER, ROUTE_READ, cdrs_show, none, "one call record, and what came of it", "",
     "200 the record with `chain`: its texts, clicks on the link, gifts, first and last touch; 404", false},
    {"POST", "/v1/donations", ROLE_PROVEN, ROUTE_NOW, gifts_take, none, "a gift, or its refund, as a donation page tells of it; its signature is the proof",
     "`{donationId,ref,callId,amount,currency,status,timestamp}`, signed as Standard Webhooks are",
     "200 `{donationId,result,matched,campaignId}` with `result` `added`, `known` or `differs`; 202 nobody knows whose it is; 401, 403, 422, 503", false},
    {"GET", "/v1/donations", ROLE_READER, ROUTE_READ, gifts_list, gift_page, "gifts, newest first", "",
     "200 `{donations,nextCursor}`; with `Accept: text/csv` a stream of all", false},
    {"GET", "/d", ROLE_PROVEN, ROUTE_NOW, link_open, NULL, "a personal donation link, its token in `ref`; the token's tag is the proof", "",
     "302 the page of its campaign, 404, 429, 503", false},
    {"GET", "/d/{+token}", ROLE_PROVEN, ROUTE_NOW, link_open, NULL, "the same in the path", "", "as `/d`", false},
    {"GET", "/v1/campaigns", ROLE_READER, ROUTE_READ, campaigns_list, none, "campaigns with their live counters", "",
     "200 `{campaigns,nextCursor}`, always all of them", false},
    {"GET", "/v1/campaigns/compare", ROLE_READER, ROUTE_READ, campaigns_compare, compared, "statistics side by side", "", "200 `{campaigns}`", false},
    {"GET", "/v1/campaigns/{campaignId}/stats", ROLE_READER, ROUTE_READ, campaign_stats, none, "statistics from the records", "",
     "200 the statistics, 404", false},
    {"GET", "/v1/campaigns/{campaignId}/live", ROLE_READER, ROUTE_READ, campaign_live, none, "live counters", "",
     "200 `{campaignId,counters,…,queueDepth,dialingRate}`, 404", false},
    {"POST", "/v1/recount", ROLE_ADMIN, ROUTE_COUNT, counters_recount, none, "put counters right that drifted", "", "200 `{drifts}`", false},
    {"GET", "/v1/stream", ROLE_READER, ROUTE_NOW, live_stream, none, "the live counters whenever they change", "",
     "200 server-sent events: `event: live`, `data: {campaigns}`; many campaigns come in several, all but the last with `more`", false},
    {"GET", "/v1/dlq", ROLE_READER, ROUTE_READ, dlq_list, letter_page, "dead letters, newest first", "", "200 `{messages,nextCursor}`", false},
    {"POST", "/v1/dlq/redrive", ROLE_ADMIN, ROUTE_CHANGE, dlq_redrive, none, "try dead letters again", LETTERS, "200 `{changed}`, 422", false},
    {"POST", "/v1/dlq/drop", ROLE_ADMIN, ROUTE_CHANGE, dlq_drop, none, "delete dead letters", LETTERS, "200 `{changed}`, 422", false},
    {"GET", "/v1/dlq/{id}", ROLE_READER, ROUTE_READ, dlq_show, none, "one dead letter with its body", "", "200 the letter, 404", false},
    {"GET", "/healthz", ROLE_NONE, ROUTE_NOW, health, none, "the process is there", "", "200 `{status}`", false},
    {"GET", "/readyz", ROLE_NONE, ROUTE_NOW, readiness, none, "each dependency by name", "", "200 `{status,dependencies,queued}`, 503 one is down", false},
    {"GET", "/metrics", ROLE_READER, ROUTE_READ, metrics_page, none, "metrics", "", "200 Prometheus text format", false},
    {"GET", "/version", ROLE_NONE, ROUTE_NOW, version_page, none, "the build", "", "200 `{name,version}`", false},
    {NULL, NULL, ROLE_NONE, ROUTE_NOW, NULL, none, NULL, NULL, NULL, false},
};
