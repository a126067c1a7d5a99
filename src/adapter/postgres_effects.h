/* An effect as PostgreSQL has it. Used by postgres_effects.c and postgres_receipts.c only. */
#pragma once

#include "adapter/postgres_store.h"

/* As postgres_read_effect reads them, from the first column on. */
#define EFFECT_COLUMNS \
    "action_id, call_id, campaign_id, contact_id, phone, campaign_name, donation_link, message, created_at, kind, ref, follows," \
    " state, fence, due_at, attempts, message_id, reason, asked_at, provider, sms_class, code, receipt, delivered_at, segments, cost_micros"
enum { EFFECT_COLUMN_COUNT = 26 };

/* How far a receipt is: as ReceiptState. */
#define RECEIPT_RANK(receipt) "array_position(ARRAY['', 'underway', 'undelivered', 'delivered'], " receipt ")"

/* What is not a text or a number of 64 bits in an effect, made so. */
typedef struct EffectWords { Slice kind, state, sms_class, receipt; int64_t attempts, segments; } EffectWords;
EffectWords *postgres_effect_words(const Effect *effects, size_t count, Arena *arena);

/* Its texts live as long as the answer. */
Effect postgres_read_effect(const PGresult *page, int row);

/* Verbs of EffectsPort. */
Status postgres_load_effects(void *self, const Slice *action_ids, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault);
Status postgres_find_effects(void *self, const Slice *refs, size_t count, Arena *arena, Effect *out, bool *ret_found, Fault *fault);
Status postgres_receive(void *self, const Receipt *receipts, size_t count, int64_t now_ms, Arena *arena, Effect *out, ReceiptResult *ret,
                        Fault *fault);
