/* Texts as sound files that Asterisk plays: made by a program of the operator's choice, on a thread of its own, and kept for a while. */
#pragma once

#include "base/status.h"
#include "base/arena.h"

typedef struct Speech Speech;

typedef struct SpeechSettings {
    const char *command;   /* words and their arguments; {file} is the WAV file to be written, {textfile} holds the text. No shell is asked */
    const char *sound;     /* a recording that is played instead of any text, as Asterisk names it; "" = texts are spoken */
    const char *folder;    /* where the files are kept, for Asterisk to read */
    int64_t timeout_ms;    /* of the command */
} SpeechSettings;

typedef struct SpeechJob {
    Slice text;            /* borrowed until done is called */
    void (*done)(struct SpeechJob *job, Status status, const Fault *fault); /* on the thread of speech */
    char sound[512];       /* OK: the file's path without its ending */
    struct SpeechJob *following; /* speech's own */
} SpeechJob;

/* REJECT "speech_command", "speech_folder" or "speech_file" says what is wrong with the settings. They are borrowed. */
Speech *speech_open(const SpeechSettings *settings, Fault *fault);
/* Any thread; does not block. RETRY "speech_busy": too many wait already, or it is closing; done will not be called. REJECT
 * "speech_failed": the command failed, or made no sound; RETRY "speech_slow": it took too long, and was ended. */
Status speech_render(Speech *speech, SpeechJob *job, Fault *fault);
/* What is queued is given up: done is called. NULL is fine. */
void speech_close(Speech *speech);
