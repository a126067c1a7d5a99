/* The last resort of an opt-out that the line could not take: a file in the data folder, synced before anybody is told that the call is
 * over. What it holds goes through the line until the line has it, also after a crash; going through it twice changes nothing, because
 * an opt-out is known by its call. */
#pragma once

#include "ingress/intake.h"

typedef struct OptoutJournal OptoutJournal;

typedef struct JournalEntry {
    Slice body;          /* an opt-out event, JSON without line ends; borrowed until stored is called */
    int64_t received_ms;
    void (*stored)(struct JournalEntry *entry); /* once it is durable, on the journal's thread */
    struct JournalEntry *following; /* the journal's own */
} JournalEntry;

/* Whether that folder holds entries that still have to go through the line. */
bool optout_journal_waits(const char *folder);

/* Reads what an earlier process has left, and starts to work through it. FATAL "journal_unusable". */
OptoutJournal *optout_journal_open(const char *folder, Intake *intake, Fault *fault);

/* Never blocks, never refuses: what cannot be written is tried again, and the state says so. Any thread. */
void optout_journal_append(OptoutJournal *journal, JournalEntry *entry);

typedef struct JournalState {
    size_t waiting; /* entries that are not through the line yet */
    bool healthy;   /* the last one could be written */
    Fault fault;    /* why not */
} JournalState;
/* Any thread. */
void optout_journal_state(OptoutJournal *journal, JournalState *ret);

/* Once nobody appends any more, and after intake_stop. What is not through the line stays in the file. NULL is fine. */
void optout_journal_close(OptoutJournal *journal);
