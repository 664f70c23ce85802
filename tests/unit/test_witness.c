/* SPDX-License-Identifier: Apache-2.0
 * The archive of a witnessed room: delegations that must not hold, one seal from every member, records that
 * chain, receipts. ROOMS.md section A, R1 to R5. */
#include "test.h"

#include "guest/openssl_crypto.h"
#include "seal/witness.h"

static const uint8_t room[32] = {1}, hash_a[32] = {2}, hash_b[32] = {3}, base[4][16] = {{4}, {5}, {6}, {7}};
static const uint8_t owner_priv[32] = {[31] = 3}, archive_priv[32] = {[31] = 5},
                     receipt_priv[32] = {[31] = 7};
static uint8_t policy_bytes[2048], d_bytes[WITNESS_SIZE_MAX], pub_archive[65], pub_receipt[65], seal_pub[65];
static struct policy_signed policy;
static struct secret seal_priv;
static const struct crypto *c;

static struct span public_of(const uint8_t priv[32], uint8_t *pub)
{
    size_t n;
    assert_ok(c->sign_public(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN(priv, 32), pub, &n));
    return SPAN(pub, n);
}

static int setup(void **state)
{
    (void)state;
    c = openssl_crypto();
    uint8_t owner[65], sig[CRYPTO_SIGN_MAX];
    size_t n, sig_n, pub_n;
    struct policy p = {.version = 1,
                       .room_id = SPAN_OF(room),
                       .not_after = 10,
                       .mode = POLICY_WITNESSED,
                       .join_rule = POLICY_LINK,
                       .has_archive = true,
                       .archive = {.name = SPAN_LIT("Records"),
                                   .signature_scheme = POLICY_SCHEME_P256,
                                   .signature_key = public_of(archive_priv, pub_archive),
                                   .scope = POLICY_SCOPE_AUDIO | POLICY_SCOPE_CHAT}};
    assert_ok(policy_encode(&p, POLICY_SCHEME_P256, public_of(owner_priv, owner),
                            MSPAN(policy_bytes, sizeof policy_bytes), &n));
    assert_ok(policy_sign(c, POLICY_SCHEME_P256, SPAN_OF(owner_priv), SPAN(policy_bytes, n), sig, &sig_n));
    assert_ok(policy_append(MSPAN(policy_bytes, sizeof policy_bytes), &n, SPAN(sig, sig_n)));
    assert_ok(policy_decode(SPAN(policy_bytes, n), &policy));
    assert_ok(hpke_derive_key_pair(c, HPKE_KEM_P256, SPAN_LIT("seal"), &seal_priv, seal_pub, &pub_n));
    return 0;
}

static struct witness_delegation delegation(uint8_t hash[static 32])
{
    assert_ok(policy_hash(c, &policy, hash));
    return (struct witness_delegation){.room_id = SPAN_OF(room),
                                       .policy_hash = SPAN(hash, 32),
                                       .kem = HPKE_KEM_P256,
                                       .seal_key = SPAN_OF(seal_pub),
                                       .receipt_key = public_of(receipt_priv, pub_receipt),
                                       .not_before = 1000,
                                       .not_after = 1000 + WITNESS_SPAN_MAX_S};
}

static size_t sign(const uint8_t priv[32], const char *label, uint8_t *bytes, size_t size, size_t n)
{
    struct policy_signer by = {POLICY_SCHEME_P256, SPAN(priv, 32), span_str(label)};
    uint8_t sig[CRYPTO_SIGN_MAX];
    size_t sig_n;
    assert_ok(policy_sign_label(c, &by, SPAN(bytes, n), sig, &sig_n));
    assert_ok(policy_append(MSPAN(bytes, size), &n, SPAN(sig, sig_n)));
    return n;
}

static void delegations(void **state)
{
    (void)state;
    uint8_t hash[32];
    struct witness_delegation d = delegation(hash), back;
    size_t n;
    assert_ok(witness_delegation_encode(&d, MSPAN(d_bytes, sizeof d_bytes), &n));
    size_t whole = sign(archive_priv, "incamera 1.0 archive seal key", d_bytes, sizeof d_bytes, n);
    assert_ok(witness_delegation_decode(SPAN(d_bytes, whole), &back));
    assert_ok(witness_delegation_verify(c, &back, &policy, NULL));
    struct wall now = {1000 * 1000};
    assert_ok(witness_delegation_verify(c, &back, &policy, &now));
    now.ms -= 1;
    assert_err(ERR_EXPIRED, witness_delegation_verify(c, &back, &policy, &now));
    now.ms = (1000 + WITNESS_SPAN_MAX_S + 1) * INT64_C(1000);
    assert_err(ERR_EXPIRED, witness_delegation_verify(c, &back, &policy, &now));
    for (size_t i = 0; i < whole; i++)
        assert_int_not_equal(witness_delegation_decode(SPAN(d_bytes, i), &back), OK);
    for (size_t i = 0; i < n; i++) { /* no byte of it may change */
        d_bytes[i] ^= 1;
        if (witness_delegation_decode(SPAN(d_bytes, whole), &back) == OK)
            assert_err(ERR_AUTH, witness_delegation_verify(c, &back, &policy, NULL));
        d_bytes[i] ^= 1;
    }
    /* signed by another key, with another label, for another policy */
    whole = sign(receipt_priv, "incamera 1.0 archive seal key", d_bytes, sizeof d_bytes, n);
    assert_ok(witness_delegation_decode(SPAN(d_bytes, whole), &back));
    assert_err(ERR_AUTH, witness_delegation_verify(c, &back, &policy, NULL));
    whole = sign(archive_priv, "incamera 1.0 archive receipt", d_bytes, sizeof d_bytes, n);
    assert_ok(witness_delegation_decode(SPAN(d_bytes, whole), &back));
    assert_err(ERR_AUTH, witness_delegation_verify(c, &back, &policy, NULL));
    d.policy_hash = SPAN_OF(hash_a);
    assert_ok(witness_delegation_encode(&d, MSPAN(d_bytes, sizeof d_bytes), &n));
    whole = sign(archive_priv, "incamera 1.0 archive seal key", d_bytes, sizeof d_bytes, n);
    assert_ok(witness_delegation_decode(SPAN(d_bytes, whole), &back));
    assert_err(ERR_AUTH, witness_delegation_verify(c, &back, &policy, NULL));
    /* longer than seven days, dates turned round, an unknown kem, another size of key */
    d = delegation(hash), d.not_after++;
    assert_err(ERR_RANGE, witness_delegation_encode(&d, MSPAN(d_bytes, sizeof d_bytes), &n));
    d = delegation(hash), d.not_after = d.not_before - 1;
    assert_err(ERR_RANGE, witness_delegation_encode(&d, MSPAN(d_bytes, sizeof d_bytes), &n));
    d = delegation(hash), d.kem = 0x12;
    assert_err(ERR_RANGE, witness_delegation_encode(&d, MSPAN(d_bytes, sizeof d_bytes), &n));
    d = delegation(hash), d.kem = HPKE_KEM_X25519;
    assert_err(ERR_RANGE, witness_delegation_encode(&d, MSPAN(d_bytes, sizeof d_bytes), &n));
}

static struct witness_epoch epoch_of(const uint8_t hash[static 32])
{
    struct witness_epoch e = {.group_id = SPAN_LIT("group"),
                              .policy_hash = SPAN(hash, 32),
                              .epoch = 9,
                              .chat_key = SPAN_LIT("0123456789abcdef"),
                              .roster_hash = SPAN_OF(hash_a),
                              .transcript_hash = SPAN_OF(hash_b)};
    witness_scope(policy.policy.archive.scope, e.in_scope);
    for (int i = 0; i < WITNESS_KINDS; i++)
        if (e.in_scope[i]) e.key[i] = SPAN_OF(base[i]);
    return e;
}

static void seals(void **state)
{
    (void)state;
    uint8_t hash[32], context[2][WITNESS_SIZE_MAX], seal[2][WITNESS_SIZE_MAX], ikm[32],
        plain[WITNESS_SIZE_MAX];
    struct witness_delegation d = delegation(hash);
    struct witness_epoch e = epoch_of(hash), back;
    size_t n, m[2];
    assert_true(e.in_scope[0] && !e.in_scope[1] && !e.in_scope[2] && e.in_scope[3]);
    for (int i = 0; i < 2; i++) {
        assert_ok(witness_ephemeral_context(&d, &e, MSPAN(context[i], sizeof context[i]), &n));
        struct span part = SPAN(context[i], n); /* stands for the exporter */
        assert_ok(c->hash(c->ctx, CRYPTO_SHA256, &part, 1, ikm));
        assert_ok(witness_seal(c, &d, &e, SPAN_OF(ikm), MSPAN(seal[i], sizeof seal[i]), &m[i]));
    }
    assert_int_equal(m[0], m[1]);
    assert_memory_equal(seal[0], seal[1], m[0]);
    struct witness_opening o = {secret_span(&seal_priv), e.group_id, e.policy_hash, 9};
    assert_ok(witness_open(c, &d, &o, SPAN(seal[0], m[0]), MSPAN(plain, sizeof plain), &back));
    assert_true(span_equal(back.key[3], e.key[3]) && span_equal(back.chat_key, e.chat_key) &&
                !back.in_scope[1]);
    for (size_t i = 0; i < m[0]; i += 3) {
        seal[0][i] ^= 1;
        assert_int_not_equal(witness_open(c, &d, &o, SPAN(seal[0], m[0]), MSPAN(plain, sizeof plain), &back),
                             OK);
        seal[0][i] ^= 1;
    }
    o.epoch = 10; /* filed under another epoch */
    assert_err(ERR_AUTH, witness_open(c, &d, &o, SPAN(seal[0], m[0]), MSPAN(plain, sizeof plain), &back));
    o.epoch = 9, o.policy_hash = SPAN_OF(hash_b);
    assert_err(ERR_AUTH, witness_open(c, &d, &o, SPAN(seal[0], m[0]), MSPAN(plain, sizeof plain), &back));
    /* another W has another ephemeral */
    e.transcript_hash = SPAN_OF(hash_a);
    assert_ok(witness_ephemeral_context(&d, &e, MSPAN(context[1], sizeof context[1]), &n));
    assert_memory_not_equal(context[0], context[1], n);
    assert_err(ERR_FULL, witness_seal(c, &d, &e, SPAN_OF(ikm), MSPAN(seal[1], m[1] - 1), &n));
    e.key[1] = SPAN_OF(base[1]); /* a key out of scope */
    assert_err(ERR_RANGE, witness_seal(c, &d, &e, SPAN_OF(ikm), MSPAN(seal[1], sizeof seal[1]), &n));
}

static size_t record(const struct suite *s, struct span priv, uint64_t seq, const uint8_t prev[32],
                     uint8_t *b)
{
    struct witness_record r = {.group_id = SPAN_LIT("group"),
                               .epoch = 9,
                               .leaf = 4,
                               .seq = seq,
                               .prev = SPAN(prev, 32),
                               .type = WITNESS_CHAT,
                               .body = SPAN_LIT("hello")};
    size_t n;
    assert_ok(witness_record_encode(&r, MSPAN(b, 512), &n));
    assert_ok(witness_record_sign(s, priv, MSPAN(b, 512), &n));
    return n;
}

static void records(void **state)
{
    (void)state;
    struct suite s;
    struct secret priv;
    struct witness_record r;
    struct witness_chain chain = {0};
    uint8_t pub[65], b[512], zero[32] = {0}, prev[32];
    assert_ok(suite_init(&s, SUITE_P256_AES128, c));
    assert_ok(suite_sign_new(&s, &priv, pub));
    for (uint64_t seq = 0; seq < 3; seq++) {
        size_t n = record(&s, secret_span(&priv), seq, seq ? prev : zero, b);
        assert_ok(witness_record_decode(SPAN(b, n), &r));
        assert_ok(witness_record_verify(&s, SPAN_OF(pub), &r));
        assert_ok(witness_chain_add(c, &chain, &r, SPAN(b, n)));
        assert_err(ERR_REPLAY, witness_chain_add(c, &chain, &r, SPAN(b, n)));
        struct span whole = SPAN(b, n);
        assert_ok(c->hash(c->ctx, CRYPTO_SHA256, &whole, 1, prev));
        b[n - 1] ^= 1;
        if (witness_record_decode(SPAN(b, n), &r) == OK)
            assert_err(ERR_AUTH, witness_record_verify(&s, SPAN_OF(pub), &r));
        for (size_t i = 0; i < n; i++)
            assert_int_not_equal(witness_record_decode(SPAN(b, i), &r), OK);
    }
    assert_false(chain.broken);
    size_t n = record(&s, secret_span(&priv), 4, prev, b); /* 3 is missing */
    assert_ok(witness_record_decode(SPAN(b, n), &r));
    assert_err(ERR_STATE, witness_chain_add(c, &chain, &r, SPAN(b, n)));
    assert_true(chain.broken && chain.next == 5);
    n = record(&s, secret_span(&priv), 5, zero, b); /* right number, wrong past */
    chain.broken = false;
    assert_ok(witness_record_decode(SPAN(b, n), &r));
    assert_err(ERR_STATE, witness_chain_add(c, &chain, &r, SPAN(b, n)));
    assert_true(chain.broken);
}

static void receipts(void **state)
{
    (void)state;
    uint8_t hash[32], rows[2 * WITNESS_ROW_SIZE], leaves[WITNESS_LEAF_SIZE], b[1024];
    struct witness_delegation d = delegation(hash);
    struct witness_row row = {70, 900, 17, 888, hash_a}, got;
    witness_row_write(rows, &row);
    row.kid = 134;
    witness_row_write(rows + WITNESS_ROW_SIZE, &row);
    witness_leaf_write(leaves, 3, 12);
    struct witness_receipt r = {.group_id = SPAN_LIT("group"),
                                .policy_hash = SPAN_OF(hash),
                                .epoch = 9,
                                .seal_hash = SPAN_OF(hash_b),
                                .counter = 5,
                                .disk_ok = true,
                                .rows = SPAN_OF(rows),
                                .leaves = SPAN_OF(leaves)},
                           back;
    size_t n, at = 0;
    assert_ok(witness_receipt_encode(&r, MSPAN(b, sizeof b), &n));
    size_t whole = sign(receipt_priv, "incamera 1.0 archive receipt", b, sizeof b, n);
    assert_ok(witness_receipt_decode(SPAN(b, whole), &back));
    assert_ok(witness_receipt_verify(c, &d, POLICY_SCHEME_P256, &back));
    assert_true(back.disk_ok && !back.opened && back.counter == 5);
    assert_true(witness_receipt_row(&back, &at, &got) && got.kid == 70 && got.drawn == 888);
    assert_true(witness_receipt_row(&back, &at, &got) && got.kid == 134);
    assert_memory_equal(got.drawn_hash, hash_a, 32);
    assert_false(witness_receipt_row(&back, &at, &got));
    uint32_t leaf;
    uint64_t seq;
    at = 0;
    assert_true(witness_receipt_leaf(&back, &at, &leaf, &seq) && leaf == 3 && seq == 12);
    assert_false(witness_receipt_leaf(&back, &at, &leaf, &seq));
    for (size_t i = 0; i < n; i += 3) {
        b[i] ^= 1;
        if (witness_receipt_decode(SPAN(b, whole), &back) == OK)
            assert_err(ERR_AUTH, witness_receipt_verify(c, &d, POLICY_SCHEME_P256, &back));
        b[i] ^= 1;
    }
    r.rows.n--;
    assert_err(ERR_FORMAT, witness_receipt_encode(&r, MSPAN(b, sizeof b), &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delegations),
        cmocka_unit_test(seals),
        cmocka_unit_test(records),
        cmocka_unit_test(receipts),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
