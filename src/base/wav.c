/* RIFF as in "Multimedia Programming Interface and Data Specifications 1.0" (IBM, Microsoft, 1991). Samples in between are found by a
 * windowed sinc, which lets through what a telephone can carry, up to 4 kHz, and keeps what is above from coming back as noise. */
#include "base/wav.h"

#include <math.h>

enum {
    TELEPHONE_RATE = 8000, RATE_MAX = 96000, HEADER_BYTES = 44, FORMAT_BYTES = 16, PCM = 1, EXTENSIBLE = 0xfffe,
    LOBES = 12, /* of the sinc, on either side */
};

typedef struct Sound {
    uint32_t rate;
    uint16_t channels;
    const uint8_t *samples;
    size_t count; /* of frames */
} Sound;

static uint32_t number_at(const char *at, size_t bytes)
{
    uint32_t number = 0;
    for (size_t i = bytes; i > 0; i--)
        number = number << 8 | (uint8_t)at[i - 1];
    return number;
}

static Status refuse(Fault *fault, const char *what)
{
    return fault_set(fault, STATUS_REJECT, "wav_invalid", "it is no recording that we can read: %s", what);
}

/* ---- reading ---- */

static Status read_format(Slice chunk, Sound *sound, Fault *fault)
{
    if (chunk.bytes < FORMAT_BYTES)
        return refuse(fault, "its format is cut off");
    uint32_t format = number_at(chunk.at, 2), bits = number_at(chunk.at + 14, 2);
    sound->channels = (uint16_t)number_at(chunk.at + 2, 2);
    sound->rate = number_at(chunk.at + 4, 4);
    if ((format != PCM && format != EXTENSIBLE) || bits != 16)
        return refuse(fault, "it is not 16-bit PCM");
    if (sound->channels < 1 || sound->channels > 2)
        return refuse(fault, "it has neither one nor two channels");
    if (sound->rate < TELEPHONE_RATE || sound->rate > RATE_MAX)
        return refuse(fault, "it has fewer than 8,000 or more than 96,000 samples a second");
    return STATUS_OK;
}

/* A program that writes to a pipe cannot know the size beforehand, so one that is too large means: to the end. */
static Status read_sound(Slice file, Sound *sound, Fault *fault)
{
    if (file.bytes < 12 || memcmp(file.at, "RIFF", 4) || memcmp(file.at + 8, "WAVE", 4))
        return refuse(fault, "it is no RIFF WAVE file");
    Status status = STATUS_OK;
    for (size_t at = 12; !status && file.bytes - at >= 8;) {
        const char *name = file.at + at;
        size_t rest = file.bytes - at - 8, said = number_at(name + 4, 4), bytes = said < rest ? said : rest;
        if (!memcmp(name, "fmt ", 4))
            status = read_format((Slice){name + 8, bytes}, sound, fault);
        if (!memcmp(name, "data", 4)) {
            sound->samples = (const uint8_t *)name + 8;
            sound->count = sound->channels ? bytes / 2 / sound->channels : 0;
            break;
        }
        at += 8 + bytes + (bytes & 1 && bytes < rest);
    }
    if (!status && (!sound->rate || !sound->count))
        return refuse(fault, "it holds no sound");
    return status;
}

static int16_t sample_at(const uint8_t *at) { return (int16_t)(uint16_t)(at[0] | at[1] << 8); }

/* As one channel, of numbers. */
static float *one_channel(const Sound *sound, Arena *arena)
{
    float *ret = arena_alloc(arena, sizeof *ret * sound->count);
    for (size_t i = 0; i < sound->count; i++) {
        const uint8_t *at = sound->samples + i * 2 * sound->channels;
        ret[i] = sound->channels == 1 ? sample_at(at) : ((float)sample_at(at) + (float)sample_at(at + 2)) / 2;
    }
    return ret;
}

/* ---- another rate ---- */

/* One row of weights for each place between two samples at which one of ours may lie. */
typedef struct Filter {
    size_t phases, step, taps;
    float *weights;
} Filter;

static uint32_t shared_divisor(uint32_t a, uint32_t b) { return b ? shared_divisor(b, a % b) : a; }

static double weight_at(double distance, double scale, double reach)
{
    static const double pi = 3.14159265358979323846;
    double x = pi * distance * scale, window = 0.5 + 0.5 * cos(pi * distance / reach); /* Hann */
    return (x == 0 ? 1 : sin(x) / x) * window;
}

static Filter filter_of(uint32_t rate, Arena *arena)
{
    uint32_t shared = shared_divisor(rate, TELEPHONE_RATE);
    double scale = 0.95 * TELEPHONE_RATE / rate, reach = LOBES / scale;
    Filter filter = {.phases = TELEPHONE_RATE / shared, .step = rate / shared, .taps = 2 * (size_t)ceil(reach)};
    filter.weights = arena_alloc(arena, sizeof *filter.weights * filter.phases * filter.taps);
    for (size_t phase = 0; phase < filter.phases; phase++) {
        float *row = filter.weights + phase * filter.taps;
        double sum = 0, place = (double)phase / (double)filter.phases + (double)(filter.taps / 2 - 1);
        for (size_t i = 0; i < filter.taps; i++) {
            double distance = (double)i - place, weight = fabs(distance) < reach ? weight_at(distance, scale, reach) : 0;
            row[i] = (float)weight;
            sum += weight;
        }
        for (size_t i = 0; i < filter.taps; i++)
            row[i] = (float)(row[i] / sum);
    }
    return filter;
}

static float filtered(const Filter *filter, const float *samples, size_t count, size_t number)
{
    size_t at = number * filter->step, phase = at % filter->phases, whole = at / filter->phases;
    const float *row = filter->weights + phase * filter->taps;
    float sum = 0;
    for (size_t i = 0; i < filter->taps; i++) {
        size_t from = whole + i + 1;
        if (from >= filter->taps / 2 && from - filter->taps / 2 < count)
            sum += row[i] * samples[from - filter->taps / 2];
    }
    return sum;
}

static int16_t clipped(float sample) { return sample > 32767 ? 32767 : sample < -32768 ? -32768 : (int16_t)lrintf(sample); }

/* ---- writing ---- */

static void put(char *at, uint32_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(number >> (8 * i));
}

static char *write_header(size_t count, Arena *arena)
{
    uint32_t data_bytes = (uint32_t)count * 2;
    char *file = arena_alloc(arena, HEADER_BYTES + data_bytes);
    memcpy(file, "RIFF....WAVEfmt ", 16);
    memcpy(file + 36, "data", 4);
    put(file + 4, HEADER_BYTES - 8 + data_bytes, 4);
    put(file + 16, FORMAT_BYTES, 4);
    put(file + 20, PCM, 2);
    put(file + 22, 1, 2);
    put(file + 24, TELEPHONE_RATE, 4);
    put(file + 28, TELEPHONE_RATE * 2, 4);
    put(file + 32, 2, 2);
    put(file + 34, 16, 2);
    put(file + 40, data_bytes, 4);
    return file;
}

Status wav_for_telephone(Slice file, Arena *arena, Slice *ret_file, Fault *fault)
{
    Sound sound = {0};
    Status status = read_sound(file, &sound, fault);
    if (status)
        return status;
    const float *samples = one_channel(&sound, arena);
    bool is_slow = sound.rate == TELEPHONE_RATE;
    Filter filter = is_slow ? (Filter){0} : filter_of(sound.rate, arena);
    size_t count = is_slow ? sound.count : (sound.count - 1) * filter.phases / filter.step + 1;
    char *ret = write_header(count, arena);
    for (size_t i = 0; i < count; i++)
        put(ret + HEADER_BYTES + 2 * i, (uint16_t)clipped(is_slow ? samples[i] : filtered(&filter, samples, sound.count, i)), 2);
    *ret_file = (Slice){ret, HEADER_BYTES + count * 2};
    return STATUS_OK;
}
