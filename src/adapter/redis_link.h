/* Shared by the files of this adapter: commands gathered into one write, their answers read in one go. */
#pragma once

#include <hiredis/hiredis.h>

#include "adapter/redis.h"
#include "net/stream.h"

/* Made from redis/NAME.lua when this was built. */
typedef struct RedisScript {
    const char *name;
    Slice text;
    char sha1[41];
} RedisScript;

extern const RedisScript redis_script_effect_claim, redis_script_effect_due, redis_script_effect_enter, redis_script_effect_list,
    redis_script_effect_load, redis_script_effect_move, redis_script_effect_pull_in, redis_script_effect_receive;
extern const RedisScript redis_script_generation_begin, redis_script_generation_compare, redis_script_generation_drop,
    redis_script_generation_swap, redis_script_is_blocked, redis_script_is_whole, redis_script_list_block, redis_script_list_complete,
    redis_script_list_incomplete, redis_script_list_unblock, redis_script_project, redis_script_read, redis_script_record_actions;

enum { REDIS_LEASE_MS = 30 * 1000 }; /* of a recount, from each sign of life */

typedef struct RedisPlace {
    char host[256], user[128], password[512];
    int port, database;
    bool is_tls;
} RedisPlace;

Status redis_parse_url(const char *url, RedisPlace *ret, Fault *fault);

struct Redis {
    RedisPlace place;
    char *ca_file;
    int64_t deadline_ms;
    Breaker *breaker;
    int64_t (*now_ms)(void);

    Stream *stream;        /* NULL = not connected */
    redisReader *reader;
    bool was_used;         /* this connection has answered before */
    bool told_of_memory;   /* that the server hides its memory policy */

    Arena scratch;         /* of the commands at hand */
    Text commands;
    const RedisScript **scripts; /* by command; NULL where it is no script */
    redisReply **replies;
    size_t count, capacity;

    char owner[37];        /* who we are in pledgeline:recount */
    Arena recount_arena;
    Slice recount;         /* "{generation}:{history}:{owner}" of the one we count */
    bool missed_block;     /* a number may have been blocked while we could not say so here */
};

/* ---- commands: begin, add, run; then look at redis->replies ---- */

void redis_begin(Redis *redis);
void redis_add(Redis *redis, const Slice *words, size_t count);
#define REDIS_ADD(redis, ...) \
    redis_add((redis), (const Slice[]){__VA_ARGS__}, sizeof((const Slice[]){__VA_ARGS__}) / sizeof(Slice))
/* Its KEYS are none: the scripts make theirs from what they read. */
void redis_add_script(Redis *redis, const RedisScript *script, const Slice *words, size_t count);

/* The same for a script of many words: `count` of them must follow before anything else is added. */
void redis_open_script(Redis *redis, const RedisScript *script, size_t count);
void redis_add_word(Redis *redis, Slice word);
void redis_add_number_word(Redis *redis, int64_t number);

/* Everything in one write; OK when every command was answered without an error. Whatever was lost on the way may be sent
 * again: all that we send is repeat-safe. */
Status redis_run(Redis *redis, Fault *fault);

static inline Slice redis_text(const redisReply *reply)
{
    bool has_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR;
    return has_text ? (Slice){reply->str, reply->len} : (Slice){0};
}

int64_t redis_number(const redisReply *reply); /* of an integer, or of the digits of a text; else 0 */
Slice redis_print_number(Redis *redis, int64_t number); /* in scratch */
void redis_add_number(Text *out, int64_t number);

/* ---- what the server's errors mean ---- */

/* What an error says of the server. */
typedef enum RedisHealth {
    REDIS_WELL,    /* it is an answer */
    REDIS_REFUSES, /* it is there, and cannot or will not */
    REDIS_REFUSES_ONE, /* as that, and maybe for one key only */
    REDIS_AWAY,    /* ask it again later: the breaker opens */
} RedisHealth;

typedef struct RedisError {
    const char *starts; /* "READONLY" */
    const char *code;
    const char *advice;
    RedisHealth health;
    bool drops;         /* another connection may find another server behind the same name */
} RedisError;

const RedisError *redis_error_of(Slice text); /* never NULL */

/* ---- what others read beside us ---- */

#define REDIS_DONATION_ACTION "donation_action:"
#define REDIS_OPTOUT_ACTION "optout_action:"
enum { REDIS_ACTION_LIFE_S = 24 * 60 * 60 };

/* All in scratch, so after redis_begin. */
Slice redis_key(Redis *redis, const char *prefix, Slice name);
Slice redis_action_key(Redis *redis, const ActionRecord *record);
Slice redis_print_action(Redis *redis, const ActionRecord *record);
Slice redis_print_entry(Redis *redis, const BlockEntry *entry);

/* *ret_found: whether the cache has all of the list, then 1 or 0 for each number. Until the next redis_begin. */
Status redis_find_blocked(Redis *redis, const Slice *phones, size_t count, const redisReply **ret_found, Fault *fault);

/* ---- the verbs ---- */

Status redis_generation_begin(void *self, int64_t now_ms, Fault *fault);
Status redis_generation_add(void *self, const Projection *items, size_t count, Fault *fault);
Status redis_generation_compare(void *self, bool every, bool (*visit)(void *context, Slice campaign_id, Slice counter, int64_t live, int64_t recounted),
                                void *context, Fault *fault);
Status redis_generation_end(void *self, bool keep, Fault *fault);
Status redis_is_whole(void *self, bool *ret_counters, bool *ret_list, Fault *fault);
/* The list is not complete as long as a block was missed here. Before anything that asks for it or goes on after it. */
Status redis_own_up(Redis *redis, Fault *fault);
Status redis_block(void *self, const BlockEntry *entries, size_t count, Fault *fault);
Status redis_unblock(void *self, Slice phone, Fault *fault);
Status redis_is_blocked(void *self, const Slice *phones, size_t count, CacheAnswer *ret, Fault *fault);
Status redis_list_complete(void *self, Fault *fault);
Status redis_list_incomplete(void *self, Fault *fault);
Status redis_remember(void *self, const ActionRecord *records, size_t count, Fault *fault);
