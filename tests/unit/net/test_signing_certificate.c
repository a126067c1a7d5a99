/* Which certificates are believed, and which signatures. */
#include "signer.h"

#include <unistd.h>

#include "base/clock.h"
#include "net/signing_certificate.h"

#define HOST "sns.us-east-1.amazonaws.com"

static const char *const names[] = {"sns.amazonaws.com", HOST, NULL};

typedef struct World {
    Arena arena;
    Signer authority, leaf;
    char bundle[32];
} World;

static Status read_with(const World *world, Slice pem, SigningCertificate **ret, Fault *fault)
{
    CertificateDemand demand = {.names = names, .ca_bundle = world->bundle, .now_ms = clock_wall_ms()};
    return signing_certificate_read(pem, &demand, ret, fault);
}

static void assert_refused(const World *world, Slice pem, const char *code)
{
    SigningCertificate *certificate = NULL;
    Fault fault;
    assert_int_equal(read_with(world, pem, &certificate, &fault), STATUS_REJECT);
    assert_string_equal(fault.code, code);
}

static void assert_form_refused(World *world, SignerForm form, const char *code)
{
    Signer signer = signer_new(&form);
    assert_refused(world, signer_pem(&signer, &world->arena), code);
    signer_free(&signer);
}

static SigningCertificate *known(World *world)
{
    SigningCertificate *certificate = NULL;
    Fault fault;
    assert_int_equal(read_with(world, signer_pem(&world->leaf, &world->arena), &certificate, &fault), STATUS_OK);
    return certificate;
}

static void signatures_of_both_digests_are_right(void **state)
{
    World *world = *state;
    SigningCertificate *certificate = known(world);
    Slice text = SLICE("Message\nhello\n");
    int64_t now_ms = clock_wall_ms();
    assert_int_equal(signing_certificate_verify(certificate, SIGNATURE_SHA1, text, signer_sign(&world->leaf, EVP_sha1(), text, &world->arena), now_ms, NULL),
                     STATUS_OK);
    assert_int_equal(signing_certificate_verify(certificate, SIGNATURE_SHA256, text, signer_sign(&world->leaf, EVP_sha256(), text, &world->arena), now_ms, NULL),
                     STATUS_OK);
    signing_certificate_free(certificate);
}

static void signature_with_one_digest_is_none_with_the_other(void **state)
{
    World *world = *state;
    SigningCertificate *certificate = known(world);
    Slice text = SLICE("Message\nhello\n");
    int64_t now_ms = clock_wall_ms();
    assert_int_equal(signing_certificate_verify(certificate, SIGNATURE_SHA256, text, signer_sign(&world->leaf, EVP_sha1(), text, &world->arena), now_ms, NULL),
                     STATUS_REJECT);
    assert_int_equal(signing_certificate_verify(certificate, SIGNATURE_SHA1, text, signer_sign(&world->leaf, EVP_sha256(), text, &world->arena), now_ms, NULL),
                     STATUS_REJECT);
    signing_certificate_free(certificate);
}

static void no_single_bit_of_a_signature_may_be_another(void **state)
{
    World *world = *state;
    SigningCertificate *certificate = known(world);
    Slice text = SLICE("Message\nhello\n"), right = signer_sign(&world->leaf, EVP_sha256(), text, &world->arena);
    for (size_t bit = 0; bit < right.bytes * 8; bit += 7) {
        char wrong[512];
        memcpy(wrong, right.at, right.bytes);
        wrong[bit / 8] = (char)(wrong[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(signing_certificate_verify(certificate, SIGNATURE_SHA256, text, (Slice){wrong, right.bytes}, clock_wall_ms(), NULL), STATUS_REJECT);
    }
    signing_certificate_free(certificate);
}

static void signature_of_another_length_is_wrong(void **state)
{
    World *world = *state;
    SigningCertificate *certificate = known(world);
    Slice text = SLICE("Message\nhello\n"), right = signer_sign(&world->leaf, EVP_sha256(), text, &world->arena);
    const Slice wrong[] = {{0}, SLICE_INIT("x"), {right.at, right.bytes - 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(signing_certificate_verify(certificate, SIGNATURE_SHA256, text, wrong[i], clock_wall_ms(), NULL), STATUS_REJECT);
    signing_certificate_free(certificate);
}

static void certificate_that_has_expired_since_vouches_no_more(void **state)
{
    World *world = *state;
    SigningCertificate *certificate = known(world);
    Slice text = SLICE("Message\nhello\n"), right = signer_sign(&world->leaf, EVP_sha256(), text, &world->arena);
    Fault fault;
    int64_t in_a_year_ms = clock_wall_ms() + (int64_t)366 * 24 * 60 * 60 * 1000;
    assert_int_equal(signing_certificate_verify(certificate, SIGNATURE_SHA256, text, right, in_a_year_ms, &fault), STATUS_REJECT);
    assert_string_equal(fault.code, "certificate_date");
    signing_certificate_free(certificate);
}

static void certificates_that_are_not_for_this_are_refused(void **state)
{
    World *world = *state;
    const Signer *authority = &world->authority;
    assert_form_refused(world, (SignerForm){HOST, authority, 2048, -9, -1, false}, "certificate_date");
    assert_form_refused(world, (SignerForm){HOST, authority, 2048, 1, 9, false}, "certificate_date");
    assert_form_refused(world, (SignerForm){"sns.us-west-2.amazonaws.com", authority, 2048, -1, 9, false}, "certificate_name");
    assert_form_refused(world, (SignerForm){"*.amazonaws.com", authority, 2048, -1, 9, false}, "certificate_name");
    assert_form_refused(world, (SignerForm){HOST ".example.org", authority, 2048, -1, 9, false}, "certificate_name");
    assert_form_refused(world, (SignerForm){HOST, authority, 0, -1, 9, false}, "certificate_key");
    assert_form_refused(world, (SignerForm){HOST, authority, 1024, -1, 9, false}, "certificate_key");
    assert_form_refused(world, (SignerForm){HOST, authority, 4104, -1, 9, false}, "certificate_key");
    assert_form_refused(world, (SignerForm){HOST, NULL, 2048, -1, 9, false}, "certificate_chain");
    assert_form_refused(world, (SignerForm){HOST, authority, 2048, -1, 9, true}, "certificate_chain");
}

static void files_that_hold_no_certificate_are_refused(void **state)
{
    World *world = *state;
    Slice pem = signer_pem(&world->leaf, &world->arena);
    Text many = text_in(&world->arena);
    for (int i = 0; i < 6; i++)
        text_add(&many, pem);
    const Slice wrong[] = {{"", 0}, SLICE_INIT("<html>no</html>"), {pem.at, pem.bytes / 2}, text_slice(&many),
                           SLICE_INIT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(world, wrong[i], "certificate_malformed");
}

static Slice chain_of(World *world, const Signer *between, SignerForm leaf)
{
    Text pem = text_in(&world->arena);
    leaf.issuer = between;
    Signer signer = signer_new(&leaf);
    text_add(&pem, signer_pem(&signer, &world->arena));
    text_add(&pem, signer_pem(between, &world->arena));
    signer_free(&signer);
    return text_slice(&pem);
}

static void chain_in_the_file_must_lead_to_an_authority(void **state)
{
    World *world = *state;
    SigningCertificate *certificate = NULL;
    SignerForm leaf = {HOST, NULL, 2048, -1, 9, false};
    Signer between = signer_new(&(SignerForm){"Between", &world->authority, 2048, -1, 9, true});
    Signer stranger = signer_new(&(SignerForm){"Stranger", NULL, 2048, -1, 9, true});
    assert_int_equal(read_with(world, chain_of(world, &between, leaf), &certificate, NULL), STATUS_OK);
    assert_refused(world, chain_of(world, &stranger, leaf), "certificate_chain");
    signing_certificate_free(certificate);
    signer_free(&between);
    signer_free(&stranger);
}

static int setup(void **state)
{
    static World world;
    arena_init(&world.arena);
    world.authority = signer_new(&(SignerForm){"Tests' own authority", NULL, 2048, -1, 90, true});
    world.leaf = signer_new(&(SignerForm){HOST, &world.authority, 2048, -1, 90, false});
    signer_write(&world.authority, world.bundle);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    World *world = *state;
    unlink(world->bundle);
    signer_free(&world->leaf);
    signer_free(&world->authority);
    arena_done(&world->arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_both_digests_are_right), cmocka_unit_test(signature_with_one_digest_is_none_with_the_other),
        cmocka_unit_test(no_single_bit_of_a_signature_may_be_another), cmocka_unit_test(signature_of_another_length_is_wrong),
        cmocka_unit_test(certificate_that_has_expired_since_vouches_no_more), cmocka_unit_test(certificates_that_are_not_for_this_are_refused),
        cmocka_unit_test(files_that_hold_no_certificate_are_refused), cmocka_unit_test(chain_in_the_file_must_lead_to_an_authority),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
