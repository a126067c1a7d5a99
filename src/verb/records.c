/* What was done: texts, and the audit log that proves it. */
#include <stdio.h>

#include "service/carried_proof.h"
#include "service/list_proof.h"
#include "service/print.h"
#include "verb/desk.h"
#include "verb/functions.h"
#include "verb/output.h"

typedef struct Listing {
    Output *output;
    Arena arena;
    bool is_empty; /* of texts: none was shown yet */
} Listing;

static int finish(Desk *desk, Listing *listing, Status status, const Fault *fault)
{
    output_close(listing->output, status);
    arena_done(&listing->arena);
    desk_close(desk);
    return status ? verb_fail(fault) : EXIT_OK;
}

/* ---- texts ---- */

static const Column columns_of_outbox[] = {
    {"queued", COLUMN_TEXT}, {"phone", COLUMN_TEXT}, {"campaign", COLUMN_TEXT}, {"call", COLUMN_TEXT}, {"status", COLUMN_TEXT},
    {"message", COLUMN_WIDE},
};

static const Column columns_of_ledger[] = {
    {"queued", COLUMN_TEXT}, {"sent", COLUMN_TEXT}, {"phone", COLUMN_TEXT}, {"campaign", COLUMN_TEXT}, {"call", COLUMN_TEXT}, {"kind", COLUMN_TEXT},
    {"status", COLUMN_TEXT}, {"reason", COLUMN_WIDE}, {"provider", COLUMN_TEXT}, {"receipt", COLUMN_TEXT}, {"class", COLUMN_TEXT},
    {"message", COLUMN_WIDE},
};

static void add_row(Listing *listing, const ListedText *text, const Slice *cells)
{
    Text json = text_in(&listing->arena);
    print_text(&json, text);
    listing->is_empty = false;
    output_row(listing->output, cells, text_slice(&json));
}

/* "pending: quiet hours where the number is" */
static Slice status_and_reason(const ListedText *text, Arena *arena)
{
    if (slice_empty(text->effect.reason))
        return text->status;
    return arena_printf(arena, "%.*s: %.*s", SLICE_ARG(text->status), SLICE_ARG(text->effect.reason));
}

static bool list_of_outbox(void *context, const ListedText *text)
{
    Listing *listing = context;
    const Effect *effect = &text->effect;
    arena_reset(&listing->arena);
    const Slice cells[] = {cell_time(&listing->arena, effect->created_ms), effect->phone, effect->campaign_id, effect->call_id,
                           status_and_reason(text, &listing->arena), effect->message};
    add_row(listing, text, cells);
    return true;
}

static bool list_of_ledger(void *context, const ListedText *text)
{
    Listing *listing = context;
    const Effect *effect = &text->effect;
    arena_reset(&listing->arena);
    const Slice cells[] = {cell_time(&listing->arena, effect->created_ms), cell_time(&listing->arena, text->sent_ms), effect->phone,
                           effect->campaign_id, effect->call_id, slice_of(effect_kind_name(effect->kind)), text->status, effect->reason, effect_provider(effect),
                           slice_of(receipt_state_name(effect->receipt)), slice_of(sms_class_name(effect->sms_class)), effect->message};
    add_row(listing, text, cells);
    return true;
}

static bool is_there(void *context, const ListedText *text)
{
    (void)text;
    *(bool *)context = true;
    return false;
}

/* Who asks what became of a press must not read that there was none. */
static Status look_for_cancelled(const Ports *ports, const TextsFilter *filter, Output *output, Fault *fault)
{
    bool found = false;
    TextsFilter cancelled = {.campaign_id = filter->campaign_id, .phone = filter->phone, .state = EFFECT_CANCELLED, .limit = 1};
    Status status = texts_list(ports, &cancelled, is_there, &found, fault);
    if (found)
        output_nothing(output, "no texts but cancelled ones; --state cancelled shows them");
    return status;
}

/* People get a short table where texts go to our outbox: no provider says anything of those. */
static Status list_texts(const Invocation *invocation, const Ports *ports, TextsFilter *filter, Listing *listing, Fault *fault)
{
    bool is_short = ports->sms.list && filter->state == TEXTS_OF_ALL_STATES && invocation->output == OUTPUT_TABLE;
    listing->output = is_short ? output_open(invocation, columns_of_outbox, sizeof columns_of_outbox / sizeof *columns_of_outbox, "no texts")
                               : output_open(invocation, columns_of_ledger, sizeof columns_of_ledger / sizeof *columns_of_ledger, "no texts");
    filter->limit = output_limit(listing->output, filter->limit);
    Status status = texts_list(ports, filter, is_short ? list_of_outbox : list_of_ledger, listing, fault);
    bool may_hide_some = !status && listing->is_empty && filter->state == TEXTS_OF_ALL_STATES;
    return may_hide_some ? look_for_cancelled(ports, filter, listing->output, fault) : status;
}

int sms_list_verb(const Invocation *invocation)
{
    Fault fault;
    TextsFilter filter = {.campaign_id = invocation_option_slice(invocation, "campaign")};
    if (!texts_read_state(invocation_option_slice(invocation, "state"), &filter.state))
        return verb_usage("--state is pending, claimed, sending, sent, failed, cancelled or unknown");
    if (invocation_phone(invocation, "phone", &filter.phone, &fault) || invocation_number(invocation, "limit", 20, &filter.limit, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Listing listing = {.is_empty = true};
    Status status = list_texts(invocation, &desk.app.ports, &filter, &listing, &fault);
    return finish(&desk, &listing, status, &fault);
}

/* ---- audit ---- */

static const Column audit_columns[] = {
    {"seq", COLUMN_NUMBER}, {"at", COLUMN_TEXT}, {"kind", COLUMN_TEXT}, {"subject", COLUMN_TEXT}, {"actor", COLUMN_TEXT},
    {"reason", COLUMN_WIDE}, {"action", COLUMN_TEXT},
};

static bool list_entry(void *context, const AuditEntry *entry)
{
    Listing *listing = context;
    arena_reset(&listing->arena);
    const Slice cells[] = {cell_number(&listing->arena, entry->seq), cell_time(&listing->arena, entry->at_ms), entry->kind,
                           entry->subject, entry->actor, entry->reason, entry->action_id};
    Text json = text_in(&listing->arena);
    print_audit_entry(&json, entry);
    output_row(listing->output, cells, text_slice(&json));
    return true;
}

int audit_show_verb(const Invocation *invocation)
{
    Fault fault;
    Slice phone;
    if (invocation_phone(invocation, "phone", &phone, &fault))
        return verb_fail(&fault);
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    const char *nothing = slice_empty(phone) ? "the audit log is empty"
                                             : arena_printf(invocation->arena, "the audit log has nothing about %.*s", SLICE_ARG(phone)).at;
    Listing listing = {.output = output_open(invocation, audit_columns, sizeof audit_columns / sizeof *audit_columns, nothing)};
    const RegistryPort *registry = &desk.app.ports.registry;
    Status status = registry->audit(registry->self, 1, phone, list_entry, &listing, &fault);
    return finish(&desk, &listing, status, &fault);
}

typedef struct Verification {
    AuditCheck check;
    ListProof *list;
    CarriedProof carried;
    int wrong;
    Progress progress;
} Verification;

static void report_wrong(void *context, const Fault *fault)
{
    Verification *verification = context;
    enum { SHOWN_MAX = 20 };
    progress_done(&verification->progress);
    if (verification->wrong++ < SHOWN_MAX)
        printf("%s\n", fault->text);
}

static bool verify_entry(void *context, const AuditEntry *entry)
{
    Verification *verification = context;
    Fault fault;
    if (audit_check_next(&verification->check, entry, &fault))
        report_wrong(verification, &fault);
    if (carried_proof_add(&verification->carried, entry, &fault))
        report_wrong(verification, &fault);
    list_proof_add(verification->list, entry);
    progress_show(&verification->progress, verification->check.entries);
    return true;
}

/* The chain cannot show that its end was cut off; the head, kept apart, does. */
static void verify_head(Verification *verification, int64_t entries, const uint8_t *head)
{
    Fault fault;
    int64_t last = verification->check.next_seq - 1;
    if (last < entries)
        fault_set(&fault, STATUS_REJECT, "audit_cut", "entry %lld is missing: the log ends with entry %lld of %lld", (long long)last + 1,
                  (long long)last, (long long)entries);
    else if (last > entries || !digest_equal(head, verification->check.head, DIGEST_BYTES))
        fault_set(&fault, STATUS_REJECT, "audit_head", "the log does not end as it was left: entry %lld is not the one recorded as the last",
                  (long long)last);
    else
        return;
    report_wrong(verification, &fault);
}

static Status verify(const RegistryPort *registry, Verification *verification, Fault *fault)
{
    int64_t entries = 0;
    uint8_t head[DIGEST_BYTES] = {0};
    audit_check_init(&verification->check);
    Status status = registry->audit_head(registry->self, &entries, head, fault);
    progress_init(&verification->progress, "verifying", entries);
    status = status ? status : registry->audit(registry->self, 1, (Slice){0}, verify_entry, verification, fault);
    if (!status)
        verify_head(verification, entries, head);
    status = status ? status : list_proof_check(verification->list, registry, report_wrong, verification, fault);
    progress_done(&verification->progress);
    return status;
}

static Slice head_of(const AuditCheck *check, Arena *arena) { return digest_hex(arena, check->head, DIGEST_BYTES); }

static void show_text(const Verification *verification, Arena *arena)
{
    printf("%lld entries, unbroken, and the do-not-call list is as they say; head %.*s\n", (long long)verification->check.entries,
           SLICE_ARG(head_of(&verification->check, arena)));
    for (size_t i = 0; i < verification->carried.count; i++) {
        const CarriedChain *chain = &verification->carried.chains[i];
        printf("%lld of them came from the chain %s: its entries %lld to %lld%s; head %.*s\n", (long long)chain->check.entries, chain->name,
               (long long)chain->first_seq, (long long)chain->check.next_seq - 1, chain->gaps ? ", without those that had come from here" : "",
               SLICE_ARG(head_of(&chain->check, arena)));
    }
}

static void show_json(const Verification *verification, Arena *arena)
{
    printf("{\"ok\":true,\"entries\":%lld,\"head\":\"%.*s\",\"carried\":[", (long long)verification->check.entries,
           SLICE_ARG(head_of(&verification->check, arena)));
    for (size_t i = 0; i < verification->carried.count; i++) {
        const CarriedChain *chain = &verification->carried.chains[i];
        printf("%s{\"chain\":\"%s\",\"entries\":%lld,\"first\":%lld,\"last\":%lld,\"gaps\":%lld,\"head\":\"%.*s\"}", i ? "," : "",
               chain->name, (long long)chain->check.entries, (long long)chain->first_seq, (long long)chain->check.next_seq - 1,
               (long long)chain->gaps, SLICE_ARG(head_of(&chain->check, arena)));
    }
    printf("]}\n");
}

int audit_verify_verb(const Invocation *invocation)
{
    Desk desk;
    if (!desk_open_to_read(&desk, invocation))
        return EXIT_FAILED;
    Verification verification = {.list = list_proof_new()};
    Fault fault;
    const Ports *ports = &desk.app.ports;
    Status status = ports->unit.begin(ports->unit.self, &fault); /* chain, head and list in one view */
    status = status ? status : verify(&ports->registry, &verification, &fault);
    ports->unit.rollback(ports->unit.self);
    list_proof_free(verification.list);
    desk_close(&desk);
    if (!status && !verification.wrong)
        (invocation->output == OUTPUT_JSON ? show_json : show_text)(&verification, invocation->arena);
    carried_proof_done(&verification.carried);
    if (status)
        return verb_fail(&fault);
    if (verification.wrong) {
        verb_note("the audit log or the do-not-call list was tampered with or damaged; findings: %d", verification.wrong);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}
