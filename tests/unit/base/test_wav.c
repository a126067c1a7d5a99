/* Recordings for the telephone: what they hold sounds as before, and what is none is refused. */
#include "../check.h"

#include <math.h>

#include "base/wav.h"

enum { HEADER_BYTES = 44 };

static void put(char *at, uint32_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(number >> (8 * i));
}

/* A second of a tone. */
static Slice tone(Arena *arena, uint32_t rate, uint16_t channels, double pitch_hz)
{
    size_t bytes = (size_t)rate * channels * 2;
    char *file = arena_zalloc(arena, HEADER_BYTES + bytes);
    memcpy(file, "RIFF....WAVEfmt ", 16);
    put(file + 4, (uint32_t)(HEADER_BYTES - 8 + bytes), 4);
    put(file + 16, 16, 4);
    put(file + 20, 1, 2);
    put(file + 22, channels, 2);
    put(file + 24, rate, 4);
    put(file + 34, 16, 2);
    memcpy(file + 36, "data", 4);
    put(file + 40, (uint32_t)bytes, 4);
    for (size_t i = 0; i < rate; i++) {
        int16_t sample = (int16_t)lrint(10000 * sin(2 * 3.14159265358979 * pitch_hz * (double)i / rate));
        for (size_t channel = 0; channel < channels; channel++)
            put(file + HEADER_BYTES + (i * channels + channel) * 2, (uint16_t)sample, 2);
    }
    return (Slice){file, HEADER_BYTES + bytes};
}

static int16_t sample_of(Slice file, size_t i)
{
    const unsigned char *at = (const unsigned char *)file.at + HEADER_BYTES + 2 * i;
    return (int16_t)(uint16_t)(at[0] | at[1] << 8);
}

static size_t samples_of(Slice file) { return (file.bytes - HEADER_BYTES) / 2; }

/* How loud it is, and how far it is from that tone, both as the middle of squares, the ends left out. */
static double loudness(Slice file)
{
    double sum = 0;
    for (size_t i = 400; i < samples_of(file) - 400; i++)
        sum += (double)sample_of(file, i) * sample_of(file, i);
    return sqrt(sum / (double)(samples_of(file) - 800));
}

static double distance(Slice file, double pitch_hz)
{
    double sum = 0;
    for (size_t i = 400; i < samples_of(file) - 400; i++) {
        double off = sample_of(file, i) - 10000 * sin(2 * 3.14159265358979 * pitch_hz * (double)i / 8000);
        sum += off * off;
    }
    return sqrt(sum / (double)(samples_of(file) - 800));
}

static const uint32_t rates[] = {8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000};

static void tone_of_any_rate_sounds_as_before(void **state)
{
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        for (uint16_t channels = 1; channels <= 2; channels++) {
            Slice file;
            assert_int_equal(wav_for_telephone(tone(*state, rates[i], channels, 1000), *state, &file, NULL), STATUS_OK);
            assert_in_range(samples_of(file), 7999, 8001);
            if (distance(file, 1000) > 60)
                fail_msg("%u Hz, %d channels: off by %.0f of 7071", rates[i], channels, distance(file, 1000));
        }
    }
}

static void what_no_telephone_carries_does_not_come_back_as_noise(void **state)
{
    for (size_t i = 2; i < sizeof rates / sizeof *rates; i++) {
        Slice file;
        assert_int_equal(wav_for_telephone(tone(*state, rates[i], 1, 5000), *state, &file, NULL), STATUS_OK);
        if (loudness(file) > 100)
            fail_msg("%u Hz: %.0f of 7071 is left of a tone of 5 kHz", rates[i], loudness(file));
    }
}

static void header_is_the_one_that_asterisk_reads(void **state)
{
    Slice file;
    assert_int_equal(wav_for_telephone(tone(*state, 22050, 2, 400), *state, &file, NULL), STATUS_OK);
    static const unsigned char format[] = {16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0};
    assert_memory_equal(file.at + 16, format, sizeof format);
    assert_memory_equal(file.at + 36, "data", 4);
}

static void sizes_that_a_pipe_could_not_know_mean_to_the_end(void **state)
{
    Slice given = tone(*state, 8000, 1, 400), file;
    char *bytes = arena_alloc(*state, given.bytes);
    memcpy(bytes, given.at, given.bytes);
    put(bytes + 4, 0x7ffff024, 4);
    put(bytes + 40, 0x7ffff000, 4);
    assert_int_equal(wav_for_telephone((Slice){bytes, given.bytes}, *state, &file, NULL), STATUS_OK);
    assert_int_equal(samples_of(file), 8000);
}

static void other_chunks_are_passed_over(void **state)
{
    Slice given = tone(*state, 8000, 1, 400), file;
    char *bytes = arena_zalloc(*state, given.bytes + 12);
    memcpy(bytes, given.at, 36);
    memcpy(bytes + 36, "LIST\x03\0\0\0abc", 12);
    memcpy(bytes + 48, given.at + 36, given.bytes - 36);
    assert_int_equal(wav_for_telephone((Slice){bytes, given.bytes + 12}, *state, &file, NULL), STATUS_OK);
    assert_int_equal(samples_of(file), 8000);
}

static void what_is_no_recording_is_refused(void **state)
{
    static const struct { size_t at; uint32_t value; size_t bytes; const char *why; } rows[] = {
        {0, 0, 4, "no RIFF"}, {8, 0, 4, "no RIFF"}, {12, 0, 4, "no sound"}, {20, 7, 2, "not 16-bit"}, {34, 8, 2, "not 16-bit"}, {22, 0, 2, "channels"},
        {22, 3, 2, "channels"}, {24, 7999, 4, "8,000"}, {24, 96001, 4, "8,000"}, {36, 0, 4, "no sound"}, {40, 1, 4, "no sound"}, {16, 4, 4, "cut off"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Fault fault = {0};
        Slice given = tone(*state, 8000, 1, 400), file;
        char *bytes = arena_alloc(*state, given.bytes);
        memcpy(bytes, given.at, given.bytes);
        put(bytes + rows[i].at, rows[i].value, rows[i].bytes);
        assert_int_equal(wav_for_telephone((Slice){bytes, given.bytes}, *state, &file, &fault), STATUS_REJECT);
        if (!strstr(fault.text, rows[i].why))
            fail_msg("row %zu: %s", i, fault.text);
    }
}

static void recording_that_is_cut_off_anywhere_is_read_or_refused(void **state)
{
    Slice given = tone(*state, 22050, 2, 400), file;
    for (size_t bytes = 0; bytes < 60; bytes++) {
        char *copy = arena_alloc(*state, bytes);
        memcpy(copy, given.at, bytes);
        wav_for_telephone((Slice){copy, bytes}, *state, &file, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tone_of_any_rate_sounds_as_before), cmocka_unit_test(what_no_telephone_carries_does_not_come_back_as_noise),
        cmocka_unit_test(header_is_the_one_that_asterisk_reads), cmocka_unit_test(sizes_that_a_pipe_could_not_know_mean_to_the_end),
        cmocka_unit_test(other_chunks_are_passed_over), cmocka_unit_test(what_is_no_recording_is_refused),
        cmocka_unit_test(recording_that_is_cut_off_anywhere_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
