/* Tokens that others sign, by the example of RFC 7515 (A.1) and by hand; our own signature is looked at by the peers of the black-box suite. */
#include "../check.h"

#include "base/digest.h"
#include "net/jwt.h"

static Slice token_of(const char *header, const char *claims, Slice secret, Arena *arena)
{
    Slice text = arena_printf(arena, "%s.%s", digest_base64url(arena, slice_of(header)).at, digest_base64url(arena, slice_of(claims)).at);
    uint8_t digest[DIGEST_BYTES];
    digest_hmac_sha256(secret, &text, 1, digest);
    return arena_printf(arena, "%.*s.%s", SLICE_ARG(text), digest_base64url(arena, (Slice){(const char *)digest, DIGEST_BYTES}).at);
}

static void example_of_the_rfc_is_believed(void **state)
{
    Arena *arena = *state;
    Slice secret, token = SLICE("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                                "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_true(digest_of_base64url(SLICE("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"), arena, &secret));
    const Json *claims;
    assert_true(jwt_check_hs256(token, secret, 1300819380000, arena, &claims));
    assert_slice(json_text(json_get(claims, "iss")), "joe");
    assert_false(jwt_check_hs256(token, secret, 1300819380000 + 120000, arena, &claims));
}

static void other_algorithms_secrets_and_forms_are_not(void **state)
{
    Arena *arena = *state;
    const Json *claims;
    Slice secret = SLICE("secret");
    assert_true(jwt_check_hs256(token_of("{\"alg\":\"HS256\"}", "{}", secret, arena), secret, 0, arena, &claims));
    const Slice wrong[] = {
        token_of("{\"alg\":\"none\"}", "{}", secret, arena), token_of("{\"alg\":\"RS256\"}", "{}", secret, arena),
        token_of("{\"alg\":\"HS256\"}", "{}", SLICE("another"), arena), token_of("{\"alg\":\"HS256\"}", "[]", secret, arena),
        SLICE(""), SLICE("."), SLICE(".."), SLICE("a.b.c"), SLICE("eyJhbGciOiJub25lIn0.e30."),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(jwt_check_hs256(wrong[i], secret, 0, arena, &claims));
    assert_false(jwt_check_hs256(token_of("{\"alg\":\"HS256\"}", "{}", SLICE(""), arena), SLICE(""), 0, arena, &claims));
}

static void what_is_no_private_key_signs_nothing(void **state)
{
    Slice token;
    Fault fault;
    assert_int_equal(jwt_sign_rs256(SLICE("no key"), SLICE("{}"), *state, &token, &fault), STATUS_REJECT);
    assert_string_equal(fault.code, "jwt_key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_rfc_is_believed),
        cmocka_unit_test(other_algorithms_secrets_and_forms_are_not),
        cmocka_unit_test(what_is_no_private_key_signs_nothing),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
