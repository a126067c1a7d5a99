/* What Asterisk says to a FastAGI server, and what it is told (docs.asterisk.org: Asterisk Gateway Interface; res_agi). Lines of text: first
 * the environment, "agi_name: value" until an empty line, then a reply for each command, and the bare line HANGUP once the call is over.
 * One command at a time: the next is read when the last one is done. Keys that are pressed between two commands are lost. Pure. */
#pragma once

#include "base/arena.h"

enum { AGI_LINE_BYTES_MAX = 4096 + 64 /* GET FULL VARIABLE gives up to 4,096 */, AGI_COMMAND_BYTES_MAX = 2000 /* Asterisk reads 2,048 */ };

typedef enum AgiLineKind {
    AGI_LINE_REPLY,
    AGI_LINE_PART,    /* of a reply that goes on (520 with the usage of a command) */
    AGI_LINE_HANGUP,  /* the call is over; commands that need it answer 511 from now on */
    AGI_LINE_STRANGE, /* nothing of the protocol */
} AgiLineKind;

typedef struct AgiReply {
    int code;        /* 200; 510 unknown command, 511 the channel is dead, 520 wrong usage */
    long result;     /* of 200: what the command gives; a key is its ASCII code, -1 a failure or the end of the call */
    bool has_value;
    Slice value;     /* in parentheses: of a variable */
} AgiReply;

/* A line without its line end. in_usage: kept by the caller from line to line, false at first. */
AgiLineKind agi_read_line(Slice line, bool *in_usage, AgiReply *ret_reply);

/* "agi_name: value"; false for anything else. */
bool agi_read_environment(Slice line, Slice *ret_name, Slice *ret_value);

/* A command that grows in its own room. What does not fit is left out, and shows in is_cut. */
typedef struct AgiCommand {
    char at[AGI_COMMAND_BYTES_MAX];
    size_t bytes;
    bool is_cut;
} AgiCommand;

/* As it is: words of ours. */
void agi_add(AgiCommand *command, Slice words);
/* In quotation marks, whatever is in it: it stays one argument of one command. Control characters become blanks. */
void agi_add_quoted(AgiCommand *command, Slice text);
void agi_add_number(AgiCommand *command, int64_t number);
#define agi_add_literal(command, literal) agi_add((command), SLICE(literal))
