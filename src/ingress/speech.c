/* A file is known by what it says and how it was made, so a text is spoken once, however often it is called out. It appears under its name
 * only when it is whole. Files that nobody has asked for in a week go: a text has a personal link in it. */
#include "ingress/speech.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/program.h"
#include "base/wav.h"

enum {
    JOBS_MAX = 1000, WORDS_MAX = 32, NAME_BYTES = 16 /* of the digest */, FOLDER_BYTES_MAX = 400,
    KEPT_S = 7 * 24 * 60 * 60, TIDY_EVERY_MS = 60 * 60 * 1000, FILE_BYTES_MAX = 64 * 1024 * 1024,
};

struct Speech {
    SpeechSettings settings;
    char folder[PATH_MAX]; /* absolute: Asterisk works in another one */
    pthread_t thread;
    int64_t tidy_at_ms;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    SpeechJob *first, *last;
    size_t queued;
    bool is_closing;
};

/* ---- the command ---- */

static Slice fill(Slice word, Slice name, Slice value, Arena *arena)
{
    const char *at = memmem(word.at, word.bytes, name.at, name.bytes);
    if (!at)
        return word;
    size_t before = (size_t)(at - word.at), after = word.bytes - before - name.bytes;
    return arena_printf(arena, "%.*s%.*s%.*s", (int)before, word.at, SLICE_ARG(value), (int)after, at + name.bytes);
}

/* Words are separated by blanks, before anything is filled in: what is filled in stays one word. */
static size_t split(const char *command, Slice file, Slice text_file, Arena *arena, char *words[WORDS_MAX + 1])
{
    size_t count = 0;
    for (const char *at = command + strspn(command, " \t"); *at && count < WORDS_MAX; at += strspn(at, " \t")) {
        size_t bytes = strcspn(at, " \t");
        Slice word = fill(fill((Slice){at, bytes}, SLICE("{file}"), file, arena), SLICE("{textfile}"), text_file, arena);
        char *copy = arena_zalloc(arena, word.bytes + 1);
        memcpy(copy, word.at, word.bytes);
        words[count++] = copy;
        at += bytes;
    }
    words[count] = NULL;
    return count;
}

/* ---- files ---- */

static Status cannot(const char *what, const char *path, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "speech_failed", "cannot %s %.150s: %s", what, path, strerror(errno));
}

static Status write_file(const char *path, Slice bytes, mode_t mode, Fault *fault)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    bool is_written = file >= 0 && write(file, bytes.at, bytes.bytes) == (ssize_t)bytes.bytes;
    if (file >= 0)
        close(file);
    return is_written ? STATUS_OK : cannot("write", path, fault);
}

static Status read_file(const char *path, Arena *arena, Slice *ret, Fault *fault)
{
    struct stat info = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 || fstat(file, &info) || info.st_size > FILE_BYTES_MAX) {
        if (file >= 0)
            close(file);
        return fault_set(fault, STATUS_REJECT, "speech_failed", "the command wrote no file that can be read");
    }
    char *bytes = arena_alloc(arena, (size_t)info.st_size + 1);
    ssize_t got = read(file, bytes, (size_t)info.st_size);
    close(file);
    *ret = (Slice){bytes, got > 0 ? (size_t)got : 0};
    return STATUS_OK;
}

static void tidy(Speech *speech)
{
    if (clock_elapsed_ms() < speech->tidy_at_ms)
        return;
    speech->tidy_at_ms = clock_elapsed_ms() + TIDY_EVERY_MS;
    DIR *folder = opendir(speech->folder);
    if (!folder)
        return;
    time_t oldest = time(NULL) - KEPT_S;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct stat info;
        const char *ending = strrchr(entry->d_name, '.');
        bool is_ours = ending && (!strcmp(ending, ".wav") || !strcmp(ending, ".draft") || !strcmp(ending, ".txt"));
        if (is_ours && !fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) && info.st_mtime < oldest)
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
}

/* ---- the thread ---- */

static Status run_command(const Speech *speech, Slice text, const char *draft, const char *text_file, Arena *arena, Fault *fault)
{
    char *words[WORDS_MAX + 1];
    Status status = write_file(text_file, text, 0600, fault);
    if (status)
        return status;
    split(speech->settings.command, slice_of(draft), slice_of(text_file), arena, words);
    return program_run(words, speech->settings.timeout_ms, fault);
}

static Status convert(const char *draft, const char *path, Arena *arena, Fault *fault)
{
    Slice spoken, for_telephone;
    Status status = read_file(draft, arena, &spoken, fault);
    status = status ? status : wav_for_telephone(spoken, arena, &for_telephone, fault);
    status = status ? status : write_file(draft, for_telephone, 0644, fault);
    if (status)
        return status;
    bool is_named = !chmod(draft, 0644) && !rename(draft, path);
    return is_named ? STATUS_OK : cannot("name", path, fault);
}

static Status make_file(const Speech *speech, Slice text, const char *path, Arena *arena, Fault *fault)
{
    const char *draft = arena_printf(arena, "%s.draft", path).at, *text_file = arena_printf(arena, "%s.txt", path).at;
    Status status = run_command(speech, text, draft, text_file, arena, fault);
    status = status ? status : convert(draft, path, arena, fault);
    unlink(text_file);
    if (status)
        unlink(draft);
    return status;
}

static Status render(Speech *speech, SpeechJob *job, Arena *arena, Fault *fault)
{
    uint8_t digest[DIGEST_BYTES];
    const Slice parts[] = {slice_of(speech->settings.command), SLICE("\0"), job->text};
    digest_sha256(parts, sizeof parts / sizeof *parts, digest);
    Slice name = digest_hex(arena, digest, NAME_BYTES);
    const char *path = arena_printf(arena, "%s/%.*s.wav", speech->folder, SLICE_ARG(name)).at;
    snprintf(job->sound, sizeof job->sound, "%.*s/%.*s", FOLDER_BYTES_MAX, speech->folder, SLICE_ARG(name));
    tidy(speech);
    if (!utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW)) /* it is there, and is kept for another week */
        return STATUS_OK;
    return make_file(speech, job->text, path, arena, fault);
}

static SpeechJob *next_job(Speech *speech, bool *ret_is_given_up)
{
    pthread_mutex_lock(&speech->lock);
    while (!speech->first && !speech->is_closing)
        pthread_cond_wait(&speech->changed, &speech->lock);
    SpeechJob *job = speech->first;
    if (job) {
        speech->first = job->following;
        speech->last = speech->first ? speech->last : NULL;
        speech->queued--;
    }
    *ret_is_given_up = speech->is_closing;
    pthread_mutex_unlock(&speech->lock);
    return job;
}

static void *work(void *argument)
{
    Speech *speech = argument;
    Arena arena;
    bool is_given_up;
    arena_init(&arena);
    for (SpeechJob *job; (job = next_job(speech, &is_given_up));) {
        Fault fault = {0};
        Status status = is_given_up ? fault_set(&fault, STATUS_RETRY, "speech_busy", "the server is stopping") : render(speech, job, &arena, &fault);
        job->done(job, status, &fault);
        arena_reset(&arena);
    }
    arena_done(&arena);
    return NULL;
}

/* ---- open and close ---- */

static Status check_command(const char *command, Fault *fault)
{
    Arena arena;
    char *words[WORDS_MAX + 1];
    arena_init(&arena);
    size_t count = split(command, SLICE("x"), SLICE("x"), &arena, words);
    arena_done(&arena);
    if (!count || count == WORDS_MAX || !strstr(command, "{file}") || !strstr(command, "{textfile}"))
        return fault_set(fault, STATUS_REJECT, "speech_command",
                         "PLEDGELINE_SPEECH_COMMAND is \"%.80s\"; it must be a program and its arguments, with {file} and {textfile}", command);
    return STATUS_OK;
}

static Status make_folder(Speech *speech, Fault *fault)
{
    const char *folder = speech->settings.folder;
    bool is_there = (!mkdir(folder, 0755) || errno == EEXIST) && realpath(folder, speech->folder) && !access(speech->folder, W_OK | X_OK);
    bool fits = is_there && strlen(speech->folder) <= FOLDER_BYTES_MAX;
    if (is_there && fits)
        return STATUS_OK;
    return fault_set(fault, STATUS_REJECT, "speech_folder", "cannot keep spoken texts in %.120s: %s", folder,
                     is_there ? "its path is too long" : strerror(errno));
}

static void free_speech(Speech *speech)
{
    pthread_cond_destroy(&speech->changed);
    pthread_mutex_destroy(&speech->lock);
    free(speech);
}

Speech *speech_open(const SpeechSettings *settings, Fault *fault)
{
    Speech *speech = calloc(1, sizeof *speech);
    if (!speech)
        abort();
    speech->settings = *settings;
    pthread_mutex_init(&speech->lock, NULL);
    pthread_cond_init(&speech->changed, NULL);
    Status status = check_command(settings->command, fault);
    status = status ? status : make_folder(speech, fault);
    if (!status && pthread_create(&speech->thread, NULL, work, speech))
        status = fault_set(fault, STATUS_FATAL, "no_thread", "no thread could be started");
    if (!status)
        return speech;
    free_speech(speech);
    return NULL;
}

Status speech_render(Speech *speech, SpeechJob *job, Fault *fault)
{
    if (*speech->settings.sound) {
        snprintf(job->sound, sizeof job->sound, "%s", speech->settings.sound);
        job->done(job, STATUS_OK, fault);
        return STATUS_OK;
    }
    pthread_mutex_lock(&speech->lock);
    bool takes = !speech->is_closing && speech->queued < JOBS_MAX;
    if (takes) {
        job->following = NULL;
        *(speech->last ? &speech->last->following : &speech->first) = job;
        speech->last = job;
        speech->queued++;
        pthread_cond_signal(&speech->changed);
    }
    pthread_mutex_unlock(&speech->lock);
    return takes ? STATUS_OK : fault_set(fault, STATUS_RETRY, "speech_busy", "too many texts wait to be spoken");
}

void speech_close(Speech *speech)
{
    if (!speech)
        return;
    pthread_mutex_lock(&speech->lock);
    speech->is_closing = true;
    pthread_cond_signal(&speech->changed);
    pthread_mutex_unlock(&speech->lock);
    pthread_join(speech->thread, NULL);
    free_speech(speech);
}
