/* Known vectors: FIPS 180-4, RFC 4231, RFC 4648. */
#include "../check.h"

#include "base/digest.h"

static Slice hex_of(Arena *arena, const uint8_t *digest) { return digest_hex(arena, digest, DIGEST_BYTES); }

static void sha256_gives_the_known_vectors(void **state)
{
    Arena *arena = *state;
    uint8_t digest[DIGEST_BYTES];
    Slice parts[] = {SLICE("ab"), SLICE(""), SLICE("c")};
    digest_sha256(parts, 3, digest);
    assert_slice(hex_of(arena, digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_of_sha1_gives_the_vector_of_rfc_2202(void **state)
{
    uint8_t digest[DIGEST_SHA1_BYTES];
    digest_hmac_sha1(SLICE("Jefe"), SLICE("what do ya want for nothing?"), digest);
    assert_slice(digest_hex(*state, digest, DIGEST_SHA1_BYTES), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

static void hmac_gives_the_vectors_of_rfc_4231(void **state)
{
    Arena *arena = *state;
    uint8_t digest[DIGEST_BYTES];
    Slice data = SLICE("what do ya want for nothing?");
    digest_hmac_sha256(SLICE("Jefe"), &data, 1, digest);
    assert_slice(hex_of(arena, digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    Slice larger = SLICE("Test Using Larger Than Block-Size Key - Hash Key First");
    digest_hmac_sha256((Slice){long_key, sizeof long_key}, &larger, 1, digest);
    assert_slice(hex_of(arena, digest), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void base64_gives_the_vectors_of_rfc_4648(void **state)
{
    Arena *arena = *state;
    assert_slice(digest_base64(arena, SLICE("")), "");
    assert_slice(digest_base64(arena, SLICE("foob")), "Zm9vYg==");
    assert_slice(digest_base64url(arena, SLICE("\xfb\xff\xfe")), "-__-");
    assert_slice(digest_base64url(arena, SLICE("foob")), "Zm9vYg");
}

static void base64_is_read_back_in_its_one_form_only(void **state)
{
    Arena *arena = *state;
    static const char *const wrong[] = {"Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9v Yg==", "Zm9v\nYg==", "Zm9vY===", "====", "Zm=vYg==", "Zm9vYg-_", "Zm9v*g=="};
    Slice bytes;
    assert_true(digest_of_base64(SLICE("Zm9vYg=="), arena, &bytes));
    assert_slice(bytes, "foob");
    assert_true(digest_of_base64(SLICE("Zm9vYmE="), arena, &bytes));
    assert_slice(bytes, "fooba");
    assert_true(digest_of_base64(SLICE(""), arena, &bytes));
    assert_slice(bytes, "");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(digest_of_base64(slice_of(wrong[i]), arena, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_known_vectors), cmocka_unit_test(hmac_of_sha1_gives_the_vector_of_rfc_2202),
        cmocka_unit_test(hmac_gives_the_vectors_of_rfc_4231),
        cmocka_unit_test(base64_gives_the_vectors_of_rfc_4648), cmocka_unit_test(base64_is_read_back_in_its_one_form_only),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
