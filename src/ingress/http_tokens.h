/* Bearer tokens and their roles. */
#pragma once

#include "ingress/api.h"

typedef struct TokenList TokenList;

/* "reader:abc, admin:xyz" -> list. NULL and a fault when a role is unknown or a token shorter than 8 characters. */
TokenList *tokens_new(const char *text, Fault *fault);
void tokens_free(TokenList *tokens);

const char *role_name(Role role);

/* Whether the header brings a token at all, known or not. */
bool tokens_came(Slice authorization);
/* Of an Authorization header: "Bearer TOKEN", or AWS Signature Version 4, whose access key id is the token. */
Role tokens_role(const TokenList *tokens, Slice authorization);
