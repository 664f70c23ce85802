/* SPDX-License-Identifier: Apache-2.0
 * The flat face of the sealing core, natively: lengths that lie, and one round of everything the page's
 * worker calls (which runs against the WebAssembly build in tests/wasm too). */
#include "test.h"

#include "guest/openssl_crypto.h"
#include "seal/face.h"
#include "seal/hpke.h"
#include "seal/wrap.h"

static void put(size_t at, const void *bytes, size_t n)
{
    memcpy(face_in() + at, bytes, n);
}

static void frames(void **state)
{
    (void)state;
    struct sframe_room *a = face_sframe_new(8), *b = face_sframe_new(8);
    assert_non_null(a);
    assert_non_null(b);
    put(0, "0123456789abcdef", 16);
    assert_int_equal(face_sframe_enter(a, 0, 4, 1, 0, 0), 0);
    assert_int_equal(face_sframe_enter(b, 0, 4, 2, 0, 0), 0);
    for (uint32_t codec = 0; codec < WRAP_CODECS; codec++) {
        put(0, "a clear frame", 13);
        int32_t n = face_frame_seal(a, 0, 1, codec, 13);
        assert_true(n > 13);
        memcpy(face_in(), face_out(), (size_t)n);
        assert_int_equal(face_frame_open(b, 0, codec, (uint32_t)n), 13);
        assert_memory_equal(face_out(), "a clear frame", 13);
        assert_int_equal(face_from()->leaf, 1);
        assert_int_equal(face_from()->ctr, codec);
        assert_int_equal(face_frame_open(b, 0, codec, (uint32_t)n), -ERR_REPLAY);
    }
    assert_int_equal(face_frame_seal(a, 0, 1, WRAP_CODECS, 13), -ERR_RANGE);
    assert_int_equal(face_frame_open(a, 0, WRAP_CODECS, 13), -ERR_RANGE);
    assert_int_equal(face_frame_seal(a, 0, 1, 0, FACE_IN_BYTES + 1), -ERR_LIMIT);
    assert_int_equal(face_frame_open(a, 0, 0, FACE_IN_BYTES + 1), -ERR_LIMIT);
    assert_int_equal(face_frame_seal(a, 0, 1, 0, 0), -ERR_IGNORED);
    /* the largest frame fits, escaped and wrapped */
    memset(face_in(), 0, FACE_IN_BYTES);
    assert_true(face_frame_seal(a, 0, 1, WRAP_H264, FACE_IN_BYTES) > FACE_IN_BYTES);
    face_sframe_leave(b);
    assert_int_equal(face_frame_open(b, 0, 0, 40), -ERR_UNKNOWN);
    assert_true(face_sframe_wake(b) == USEC_NEVER);
    face_sframe_free(a);
    face_sframe_free(b);
    assert_null(face_sframe_new(0));
    assert_null(face_sframe_new(SFRAME_SENDERS_MAX + 1));
}

static void hpke(void **state)
{
    (void)state;
    put(0, "keying material of the receiver.", 32);
    assert_int_equal(face_hpke_key_pair(HPKE_KEM_P256, 32), 32 + 65);
    uint8_t priv[32], pub[65], sealed[65 + 4 + 16];
    memcpy(priv, face_out(), 32);
    memcpy(pub, face_out() + 32, 65);
    put(0, pub, 65);
    put(65, "infoaadtext", 11);
    assert_int_equal(face_hpke_seal(HPKE_KEM_P256, 4, 3, 0, 4), sizeof sealed);
    memcpy(sealed, face_out(), sizeof sealed);
    put(0, priv, 32);
    put(32, "infoaad", 7);
    put(39, sealed, sizeof sealed);
    assert_int_equal(face_hpke_open(HPKE_KEM_P256, 4, 3, sizeof sealed), 4);
    assert_memory_equal(face_out(), "text", 4);
    assert_int_equal(face_hpke_open(HPKE_KEM_P256, 4, 3, 80), -ERR_SHORT);
    assert_int_equal(face_hpke_open(HPKE_KEM_P256, 3, 4, sizeof sealed), -ERR_AUTH);
    assert_int_equal(face_hpke_open(HPKE_KEM_P256, UINT32_MAX, UINT32_MAX, UINT32_MAX), -ERR_LIMIT);
    assert_int_equal(face_hpke_seal(0x12, 1, 1, 0, 1), -ERR_UNSUPPORTED);
    face_wipe(UINT32_MAX);
    for (size_t i = 0; i < FACE_OUT_BYTES; i += 997)
        assert_int_equal(face_out()[i], 0);
}

static void lengths_that_lie(void **state)
{
    (void)state;
    assert_int_equal(face_version(), FACE_VERSION);
    assert_int_equal(face_sha256(FACE_IN_BYTES + 1), -ERR_LIMIT);
    assert_int_equal(face_sha256(3), 32);
    assert_int_equal(face_random(FACE_OUT_BYTES + 1), -ERR_LIMIT);
    assert_int_equal(face_random(9), 9);
    assert_int_equal(face_policy_open(FACE_IN_BYTES, 0), -ERR_LIMIT);
    assert_int_equal(face_policy_open(UINT32_MAX, 0), -ERR_LIMIT);
    assert_true(face_policy_open(100, 0) < 0);
    assert_int_equal(face_invite_open(UINT32_MAX), -ERR_LIMIT);
    assert_int_equal(face_invite_open(50), -ERR_FORMAT);
    assert_int_equal(face_invite_write(UINT32_MAX), -ERR_LIMIT);
    assert_int_equal(face_invite_write(5000), -ERR_FULL);
    int32_t n = face_invite_write(0);
    assert_true(n > 100);
    memcpy(face_in(), face_out(), (size_t)n);
    assert_true(face_invite_open((uint32_t)n) == 100 || face_invite_open((uint32_t)n) < 0);
    assert_int_equal(face_invite_door(), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(hpke),
        cmocka_unit_test(lengths_that_lie),
    };
    face_start(openssl_crypto());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
