/* A message of the Asterisk Manager Interface: lines of "Name: value", ended by an empty one. Pure.
 * https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/AMI-v2-Specification/ */
#pragma once

#include "base/arena.h"
#include "base/status.h"

/* Asterisk reads lines into 1,024 bytes, with their end, and takes 128 of them for an action (main/manager.c). */
enum { AMI_FIELDS_MAX = 128, AMI_LINE_BYTES_MAX = 1022 };

typedef struct AmiField { Slice name, value; } AmiField;

typedef struct AmiMessage {
    AmiField fields[AMI_FIELDS_MAX];
    size_t count;
} AmiMessage;

/* The lines of a message, without the empty one. What is no field, and what is beyond the most that there may be, is left out. */
void ami_parse(Slice lines, AmiMessage *ret);
/* The first value of that name, in any case; empty when there is none. */
Slice ami_value(const AmiMessage *message, const char *name);
/* Whether that value is there and this, in any case. */
bool ami_says(const AmiMessage *message, const char *name, const char *value);

/* An action as it is sent. REJECT "ami_field": a value that would be another line, or that Asterisk has no room for. */
Status ami_print(const AmiField *fields, size_t count, Text *out, Fault *fault);
