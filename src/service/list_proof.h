/* Whether the do-not-call list is what its history says: each number is on it exactly when the last entry about it in the
 * audit log put it there, and says there since when, by whom and why it is what the entry says that put it there. */
#pragma once

#include "ports.h"

typedef struct ListProof ListProof;

ListProof *list_proof_new(void);
void list_proof_free(ListProof *proof);

/* The entries of the audit log, in their order. Keeps about 150 bytes a number. */
void list_proof_add(ListProof *proof, const AuditEntry *entry);

/* Calls wrong for each number where list and log differ, with a sentence about it. In the view that the entries came from. */
Status list_proof_check(ListProof *proof, const RegistryPort *registry, void (*wrong)(void *context, const Fault *finding),
                        void *context, Fault *fault);
