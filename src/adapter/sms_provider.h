/* A provider of texts: what is asked of it, what its answers mean, and what it posts to us later. One file each, and a row in
 * sms_gateway.c, which does the rest: threads, rates, breakers, and who is asked next. Nothing here blocks or logs but `ask`. */
#pragma once

#include "base/config.h"
#include "net/aws.h"
#include "net/http_client.h"
#include "net/http_form.h"
#include "ports.h"

/* What is the same for every text. */
typedef struct SmsSite {
    const Config *config;
    Slice public_url; /* without '/' at its end; empty = providers cannot reach us */
} SmsSite;

/* A text on its way. */
typedef struct SmsJob {
    Slice ref;          /* of the effect */
    Slice to;           /* E.164 */
    Slice from;         /* of PLEDGELINE_SMS_FROM; empty = it names none for this number */
    Slice text;         /* no placeholder left in it */
    bool is_ucs2;       /* it has characters that GSM 03.38 lacks */
    Slice callback_url; /* where to say what became of it; empty = nowhere */
    int64_t now_ms;
} SmsJob;

typedef struct SmsReply {
    SmsOutcome outcome;
    bool is_throttled;  /* AWAY because we asked too much of it: waited for, nobody else is asked */
    bool parks;         /* AWAY because of our account as a whole: the next text would hear the same */
} SmsReply;

/* A connection to all of them; belongs to one thread. */
typedef struct SmsConnection {
    HttpClient *http;
    AwsClient *aws;   /* NULL unless AWS is one of them */
    AwsSettings aws_settings;
} SmsConnection;

typedef enum SmsFault {
    SMS_OF_TEXT,     /* or its number, or its sender */
    SMS_OF_ACCOUNT,  /* as a whole: no text goes out */
    SMS_OF_PROVIDER, /* its own trouble: the text is asked for again, and nothing is said of its number */
} SmsFault;

/* Codes of a provider that mean the same to us. */
typedef struct SmsCodes {
    const char *codes;  /* separated by blanks */
    SmsClass sms_class; /* NONE: refused for good, for what the text is */
    SmsFault fault;
} SmsCodes;

typedef struct SmsProvider {
    const char *name;
    const char *const *needs; /* environment names of settings that must be set, ended by NULL */
    bool needs_sender;        /* it has none of its own */
    bool signs_url;           /* what it posts is proved only with PLEDGELINE_PUBLIC_URL */
    Status (*check)(const SmsSite *site, Fault *fault); /* what else settings may have wrong; NULL = nothing */
    /* Fills in method, URL, content type, headers and body, in arena. REJECT: no request can be made of it. */
    Status (*request)(const SmsSite *site, const SmsJob *job, Arena *arena, HttpRequest *ret, Fault *fault);
    /* There is an answer, and it is none of those that sms_reply_to_code() knows. */
    void (*answer)(const SmsSite *site, const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret);
    /* In place of request and answer, for whoever has a client of its own. */
    void (*ask)(const SmsSite *site, SmsConnection *connection, const SmsJob *job, AwsDeadline deadline, Arena *arena, SmsReply *ret);
    /* As SmsPort.read_callback, of one kind each. */
    Status (*read_receipt)(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault);
    Status (*read_message)(const SmsSite *site, const SmsCallback *callback, Arena *arena, SmsCallbackRead *ret, Fault *fault);
} SmsProvider;

extern const SmsProvider sms_twilio, sms_vonage, sms_plivo, sms_aws, sms_generic;

/* Whether or not it is in use; NULL when there is none of that name. */
const SmsProvider *sms_provider_named(Slice name);

/* Whether a template of the generic provider has the placeholder, which is written with its braces. */
bool sms_generic_fills(const Config *config, const char *placeholder);

/* PLEDGELINE_SMS_FROM names none for this number, and the provider has none of its own. */
Status sms_no_sender(Fault *fault);

/* ---- answers ---- */

/* id empty: its answer says yes and nothing else, so nobody can say. */
SmsReply sms_accepted(Slice id);

/* It certainly does not have it, and says why by a code of its table: REFUSED, or UNSENT where another try may help, or AWAY where it is
 * our account. A code that is not in the table is UNSENT and UNKNOWN. */
SmsReply sms_refused(const SmsCodes *table, Slice code, Slice words, Arena *arena);

SmsReply sms_throttled(const HttpAnswer *answer, int64_t now_ms, Arena *arena);

/* What a provider's refusal means that has no code of its own: by HTTP's alone. */
SmsReply sms_refused_by_http(const HttpAnswer *answer, Arena *arena);

/* True for codes of HTTP that mean the same with everybody: 429, 3xx and 5xx. */
bool sms_reply_to_code(const HttpAnswer *answer, int64_t now_ms, Arena *arena, SmsReply *ret);

/* Whether `word` is one of the words, which are separated by blanks. */
bool sms_has_word(const char *words, Slice word);

/* Tables end with NULL codes. The row that has the code, or NULL. */
const SmsCodes *sms_codes_find(const SmsCodes *table, Slice code);
/* UNKNOWN for one that is not in the table. */
SmsClass sms_class_of_code(const SmsCodes *table, Slice code);

/* ---- callbacks ---- */

Status sms_forged(Fault *fault, const char *why);
Status sms_malformed(Fault *fault, const char *why);

/* The URL that the provider asked for, whatever host a proxy in front of us says. */
Slice sms_callback_url(const SmsSite *site, const SmsCallback *callback, Arena *arena);

/* The form that was posted, or the query of a GET, in *ret. */
Status sms_callback_form(const SmsCallback *callback, Arena *arena, Form *ret, Fault *fault);
/* The value of a parameter of the query; empty when there is none. */
Slice sms_callback_query(const SmsCallback *callback, const char *name, Arena *arena);

/* What a provider calls the states of a text; words that are not in it say nothing. */
typedef struct SmsStates {
    const char *words; /* separated by blanks; NULL ends the table */
    ReceiptState state;
} SmsStates;

/* Fills in the state that `word` says, and the class of what is undelivered by its code. */
void sms_judge_receipt(Receipt *receipt, Slice word, const SmsStates *states, const SmsCodes *codes);

/* One receipt; one whose ref is none of ours says nothing, and neither does a state of NONE. */
void sms_take_receipt(SmsCallbackRead *ret, Receipt receipt, Arena *arena);

/* One message. The line finds the number in whatever spelling the sender is written, or keeps it all for people: only a short code is left out,
 * which is nobody's who could be blocked. REJECT "callback_malformed" when it has neither sender nor text. */
Status sms_take_message(SmsCallbackRead *ret, const SmsCallback *callback, SmsInbound message, Arena *arena, Fault *fault);

/* Its text, also where it is a number: providers write some as they like. */
Slice sms_json_word(const Json *value, Arena *arena);

/* "12025550123" -> "+12025550123", for providers that write numbers so; whatever else it is stays. */
Slice sms_with_plus(Slice number, Arena *arena);

/* Compares texts of any length without telling by time where the difference is. */
bool sms_same_secret(Slice given, Slice wanted);
