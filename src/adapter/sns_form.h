/* PublishBatch of SNS: the form, and what the answer says of each message. For sns_sms.c alone.
 * https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html */
#pragma once

#include "base/arena.h"

enum { SNS_BATCH_MAX = 10, SNS_BATCH_BYTES_MAX = 256 * 1024 };

typedef struct SnsMessage {
    const char *subject;
    Slice body;
    Slice action_id, campaign_id; /* attributes; the action id is also what tells a repeat on a FIFO topic */
    Slice group;                  /* messages of one group stay in their order on a FIFO topic */
} SnsMessage;

/* What is counted against SNS_BATCH_BYTES_MAX, and a little more. */
size_t sns_message_bytes(const SnsMessage *message);

Slice sns_batch_form(const char *topic_arn, bool is_fifo, const SnsMessage *messages, size_t count, Arena *arena);

/* Of one message: an id when SNS has it, else a code and words. All are empty when the answer does not speak of it. */
typedef struct SnsResult {
    Slice message_id;
    Slice code, words;
    bool is_senders_fault; /* as it is, it can never be published */
} SnsResult;

void sns_batch_results(Slice answer, size_t count, Arena *arena, SnsResult *results);
