/* SPDX-License-Identifier: Apache-2.0
 * HPKE (RFC 9180 appendix A), SFrame (RFC 9605) and the MLS working group's crypto-basics. */
#include "vectors.h"

#include <stdio.h>

#include "seal/hpke.h"
#include "seal/policy.h"
#include "seal/sframe.h"
#include "seal/suite.h"

/* ---- HPKE ---- */

static bool hpke_is(const json_t *root)
{
    const json_t *o = first_of(root);
    return vec_has(o, "kem_id") && vec_has(o, "kdf_id") && vec_has(o, "aead_id") && vec_has(o, "skRm");
}

static bool same(struct span got, struct span want)
{
    return span_equal(got, want);
}

/* DeriveKeyPair(ikm) gives the private and public key of the vector. */
static bool key_pair(struct sheet *s, const json_t *o, uint16_t kem, const char *const names[3])
{
    if (!vec_has(o, names[0])) return true;
    struct secret priv;
    uint8_t pub[HPKE_ENC_MAX];
    size_t n;
    return hpke_derive_key_pair(s->crypto, kem, vec_hex(s, o, names[0]), &priv, pub, &n) == OK &&
           same(secret_span(&priv), vec_hex(s, o, names[1])) && same(SPAN(pub, n), vec_hex(s, o, names[2]));
}

static bool hpke_messages(struct sheet *s, const json_t *o, struct hpke *to, struct hpke *from)
{
    size_t i;
    const json_t *m;
    json_array_foreach(json_object_get(o, "encryptions"), i, m)
    {
        struct span pt = vec_hex(s, m, "pt"), ct = vec_hex(s, m, "ct"), aad = vec_hex(s, m, "aad");
        uint8_t *b = sheet_take(s, pt.n + CRYPTO_TAG_SIZE), *back = sheet_take(s, pt.n);
        to->seq = from->seq = vec_has(m, "sequence") ? vec_u64(m, "sequence") : i;
        if (hpke_seal(to, aad, pt, b) != OK || !same(SPAN(b, pt.n + CRYPTO_TAG_SIZE), ct)) return false;
        if (hpke_open(from, aad, ct, back) != OK || !same(SPAN(back, pt.n), pt)) return false;
        b[i % ct.n] ^= 1;
        from->seq--;
        if (hpke_open(from, aad, SPAN(b, ct.n), back) != ERR_AUTH) return false;
    }
    json_array_foreach(json_object_get(o, "exports"), i, m)
    {
        size_t n = vec_u64(m, "L");
        uint8_t *b = sheet_take(s, n);
        struct span context = vec_hex(s, m, "exporter_context"), want = vec_hex(s, m, "exported_value");
        if (hpke_export(to, context, MSPAN(b, n)) != OK || !same(SPAN(b, n), want)) return false;
        if (hpke_export(from, context, MSPAN(b, n)) != OK || !same(SPAN(b, n), want)) return false;
    }
    return true;
}

static const char *hpke_case(struct sheet *s, const json_t *o)
{
    static const char *const pairs[][3] = {
        {"ikmE", "skEm", "pkEm"}, {"ikmR", "skRm", "pkRm"}, {"ikmS", "skSm", "pkSm"}};
    struct hpke_with with = {
        .crypto = s->crypto,
        .kem = (uint16_t)vec_u64(o, "kem_id"),
        .kdf = (uint16_t)vec_u64(o, "kdf_id"),
        .aead = (uint16_t)vec_u64(o, "aead_id"),
        .info = vec_hex(s, o, "info"),
        .psk = vec_hex(s, o, "psk"),
        .psk_id = vec_hex(s, o, "psk_id"),
        .ephemeral_ikm = vec_hex(s, o, "ikmE"),
        .sender_priv = vec_hex(s, o, "skSm"),
        .sender_pub = vec_hex(s, o, "pkSm"),
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (!key_pair(s, o, with.kem, pairs[i])) return "derived key pair";
    struct hpke to = {0}, from = {0};
    uint8_t enc[HPKE_ENC_MAX];
    size_t enc_n;
    if (hpke_send(&to, &with, vec_hex(s, o, "pkRm"), enc, &enc_n) != OK) return "sender's setup";
    if (!same(SPAN(enc, enc_n), vec_hex(s, o, "enc"))) return "encapsulation";
    if (hpke_receive(&from, &with, vec_hex(s, o, "skRm"), SPAN(enc, enc_n)) != OK) return "receiver's setup";
    if (!same(secret_span(&to.exporter), vec_hex(s, o, "exporter_secret"))) return "exporter secret";
    if (to.key.n && (!same(secret_span(&to.key), vec_hex(s, o, "key")) ||
                     !same(SPAN_OF(to.base_nonce), vec_hex(s, o, "base_nonce"))))
        return "key schedule";
    bool ok = hpke_messages(s, o, &to, &from);
    hpke_fini(&to);
    hpke_fini(&from);
    return ok ? NULL : "messages or exports";
}

static void hpke_run(struct sheet *s, const json_t *root)
{
    size_t i;
    const json_t *o;
    json_array_foreach(root, i, o)
    {
        char suite[24];
        uint64_t kem = vec_u64(o, "kem_id"), kdf = vec_u64(o, "kdf_id"), aead = vec_u64(o, "aead_id");
        snprintf(suite, sizeof suite, "%u-%u-%u", (unsigned)kem, (unsigned)kdf, (unsigned)aead);
        if (!hpke_supported((uint16_t)kem, (uint16_t)kdf, (uint16_t)aead)) {
            sheet_unsupported(s, suite);
            continue;
        }
        const char *bad = hpke_case(s, o);
        sheet_case(s, suite, !bad, bad);
    }
}

/* ---- crypto-basics ---- */

static bool basics_is(const json_t *root)
{
    const json_t *o = first_of(root);
    return vec_has(o, "ref_hash") && vec_has(o, "expand_with_label") && vec_has(o, "sign_with_label");
}

static struct span text_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return SPAN(json_string_value(v), json_string_length(v));
}

static bool basics_hashes(struct sheet *s, const struct suite *u, const json_t *o)
{
    uint8_t b[SUITE_NH];
    const json_t *v = json_object_get(o, "ref_hash");
    if (suite_ref_hash(u, text_of(v, "label"), vec_hex(s, v, "value"), b) != OK ||
        !same(SPAN_OF(b), vec_hex(s, v, "out")))
        return false;
    v = json_object_get(o, "expand_with_label");
    size_t n = vec_u64(v, "length");
    uint8_t *out = sheet_take(s, n);
    if (suite_expand(u, vec_hex(s, v, "secret"), text_of(v, "label"), vec_hex(s, v, "context"),
                     MSPAN(out, n)) != OK ||
        !same(SPAN(out, n), vec_hex(s, v, "out")))
        return false;
    v = json_object_get(o, "derive_secret");
    struct secret k;
    if (suite_derive(u, vec_hex(s, v, "secret"), text_of(v, "label"), &k) != OK ||
        !same(secret_span(&k), vec_hex(s, v, "out")))
        return false;
    v = json_object_get(o, "derive_tree_secret");
    n = vec_u64(v, "length");
    out = sheet_take(s, n);
    return suite_derive_tree(u, vec_hex(s, v, "secret"), text_of(v, "label"),
                             (uint32_t)vec_u64(v, "generation"), MSPAN(out, n)) == OK &&
           same(SPAN(out, n), vec_hex(s, v, "out"));
}

static bool basics_sign(struct sheet *s, const struct suite *u, const json_t *v)
{
    struct span pub = vec_hex(s, v, "pub"), label = text_of(v, "label"), content = vec_hex(s, v, "content"),
                sig = vec_hex(s, v, "signature");
    uint8_t own[CRYPTO_SIGN_MAX], *bent = sheet_take(s, sig.n);
    size_t n;
    if (suite_verify(u, pub, label, content, sig) != OK) return false;
    memcpy(bent, sig.p, sig.n);
    bent[sig.n / 2] ^= 4;
    if (suite_verify(u, pub, label, content, SPAN(bent, sig.n)) != ERR_AUTH) return false;
    if (suite_verify(u, pub, SPAN_LIT("another"), content, sig) != ERR_AUTH) return false;
    return suite_sign(u, vec_hex(s, v, "priv"), label, content, own, &n) == OK &&
           suite_verify(u, pub, label, content, SPAN(own, n)) == OK;
}

static bool basics_encrypt(struct sheet *s, const struct suite *u, const json_t *v)
{
    struct suite_box to = {vec_hex(s, v, "pub"), text_of(v, "label"), vec_hex(s, v, "context")};
    struct suite_box from = {vec_hex(s, v, "priv"), to.label, to.context};
    struct span ct = vec_hex(s, v, "ciphertext"), pt = vec_hex(s, v, "plaintext");
    uint8_t *back = sheet_take(s, ct.n), *own = sheet_take(s, ct.n), enc[HPKE_ENC_MAX];
    if (ct.n != pt.n + CRYPTO_TAG_SIZE) return false;
    if (suite_decrypt(u, &from, vec_hex(s, v, "kem_output"), ct, back) != OK || !same(SPAN(back, pt.n), pt))
        return false;
    return suite_encrypt(u, &to, pt, enc, own) == OK &&
           suite_decrypt(u, &from, SPAN(enc, u->npk), SPAN(own, ct.n), back) == OK &&
           same(SPAN(back, pt.n), pt);
}

static void basics_run(struct sheet *s, const json_t *root)
{
    size_t i;
    const json_t *o;
    json_array_foreach(root, i, o)
    {
        json_int_t id = (json_int_t)vec_u64(o, "cipher_suite");
        struct suite u;
        if (suite_init(&u, (uint16_t)id, s->crypto) != OK) {
            sheet_unsupported(s, suite_name(id));
            continue;
        }
        bool hashes = basics_hashes(s, &u, o),
             sign = basics_sign(s, &u, json_object_get(o, "sign_with_label")),
             encrypt = basics_encrypt(s, &u, json_object_get(o, "encrypt_with_label"));
        sheet_case(s, suite_name(id), hashes && sign && encrypt,
                   !hashes ? "hashes and secrets"
                   : !sign ? "signature"
                           : "encryption");
    }
}

/* ---- SFrame: an object of arrays, each array's cases of one shape ---- */

enum shape { NO_SHAPE, HEADER, COUNTER_MODE, FRAME };

static enum shape sframe_shape(const json_t *array)
{
    const json_t *o = first_of(array);
    if (vec_has(o, "kid") && vec_has(o, "ctr") && vec_has(o, "encoded")) return HEADER;
    if (vec_has(o, "enc_key") && vec_has(o, "auth_key") && vec_has(o, "nonce")) return COUNTER_MODE;
    if (vec_has(o, "base_key") && vec_has(o, "sframe_key") && vec_has(o, "sframe_salt")) return FRAME;
    return NO_SHAPE;
}

static bool sframe_is(const json_t *root)
{
    const char *key;
    json_t *v;
    if (!json_is_object(root) || json_object_size(root) == 0) return false;
    json_object_foreach((json_t *)(uintptr_t)root, key, v) if (sframe_shape(v) == NO_SHAPE) return false;
    return true;
}

static bool header_case(struct sheet *s, const json_t *o)
{
    struct sframe_header h = {vec_u64(o, "kid"), vec_u64(o, "ctr")}, back;
    struct span want = vec_hex(s, o, "encoded");
    uint8_t b[SFRAME_HEADER_MAX];
    size_t n = sframe_header_write(h, b), m;
    if (!same(SPAN(b, n), want)) return false;
    for (size_t i = 0; i < want.n; i++)
        if (sframe_header_read(SPAN(want.p, i), &back, &m) != ERR_SHORT) return false;
    return sframe_header_read(want, &back, &m) == OK && m == n && back.kid == h.kid && back.ctr == h.ctr;
}

static bool counter_mode_case(struct sheet *s, const json_t *o)
{
    struct sframe_key k = {.crypto = s->crypto, .suite = (uint16_t)vec_u64(o, "cipher_suite")};
    struct span key = vec_hex(s, o, "key"), nonce = vec_hex(s, o, "nonce"), aad = vec_hex(s, o, "aad"),
                pt = vec_hex(s, o, "pt"), ct = vec_hex(s, o, "ct");
    uint8_t *b = sheet_take(s, ct.n + SFRAME_TAG_MAX), *back = sheet_take(s, ct.n);
    if (key.n != sframe_key_size(k.suite) || ct.n != pt.n + sframe_tag_size(k.suite)) return false;
    memcpy(k.key, key.p, key.n);
    if (sframe_aead_seal(&k, nonce, aad, pt, b) != OK || !same(SPAN(b, ct.n), ct)) return false;
    if (sframe_aead_open(&k, nonce, aad, ct, back) != OK || !same(SPAN(back, pt.n), pt)) return false;
    b[ct.n - 1] ^= 1;
    return sframe_aead_open(&k, nonce, aad, SPAN(b, ct.n), back) == ERR_AUTH;
}

static bool frame_case(struct sheet *s, const json_t *o)
{
    struct sframe_key k;
    uint16_t suite = (uint16_t)vec_u64(o, "cipher_suite");
    uint64_t ctr = vec_u64(o, "ctr");
    struct span meta = vec_hex(s, o, "metadata"), pt = vec_hex(s, o, "pt"), ct = vec_hex(s, o, "ct");
    size_t room = pt.n + SFRAME_OVERHEAD_MAX, n;
    uint8_t *b = sheet_take(s, room), *back = sheet_take(s, ct.n);
    if (sframe_key_derive(&k, s->crypto, suite, vec_hex(s, o, "base_key"), vec_u64(o, "kid")) != OK)
        return false;
    if (!same(SPAN(k.key, sframe_key_size(suite)), vec_hex(s, o, "sframe_key")) ||
        !same(SPAN_OF(k.salt), vec_hex(s, o, "sframe_salt")))
        return false;
    if (sframe_seal(&k, ctr, meta, pt, MSPAN(b, room), &n) != OK || !same(SPAN(b, n), ct)) return false;
    if (sframe_open(&k, ct, meta, MSPAN(back, ct.n), &n) != OK || !same(SPAN(back, n), pt)) return false;
    b[ct.n / 2] ^= 1;
    return sframe_open(&k, SPAN(b, ct.n), meta, MSPAN(back, ct.n), &n) != OK;
}

static void sframe_run(struct sheet *s, const json_t *root)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)root, key, v)
    {
        size_t i;
        const json_t *o;
        enum shape shape = sframe_shape(v);
        json_array_foreach(v, i, o)
        {
            const char *suite =
                shape == HEADER ? ANY_SUITE : suite_name((json_int_t)vec_u64(o, "cipher_suite"));
            if (shape != HEADER && !sframe_suite_known((uint16_t)vec_u64(o, "cipher_suite")))
                sheet_unsupported(s, suite);
            else
                sheet_case(s, suite,
                           shape == HEADER         ? header_case(s, o)
                           : shape == COUNTER_MODE ? counter_mode_case(s, o)
                                                   : frame_case(s, o),
                           key);
        }
    }
}

/* ---- parts of the incamera histories ---- */

static bool policy_fields(struct sheet *s, const struct policy *p, const json_t *o)
{
    const json_t *a = json_object_get(o, "archive"), *m = json_object_get(o, "moderators"),
                 *c = json_object_get(o, "credentials"), *u = json_object_get(o, "mls_suites");
    bool ok = p->version == vec_u64(o, "version") && same(p->room_id, vec_hex(s, o, "room_id")) &&
              p->serial == vec_u64(o, "serial") && p->not_after == vec_u64(o, "not_after") &&
              p->mode == vec_u64(o, "mode") && p->join_rule == vec_u64(o, "join_rule") &&
              p->chat_retention_days == vec_u64(o, "chat_retention_days") &&
              p->sframe_suite == vec_u64(o, "sframe_suite") &&
              p->sframe_epoch_bits == vec_u64(o, "sframe_epoch_bits") &&
              p->sframe_index_bits == vec_u64(o, "sframe_index_bits") && p->flags == vec_u64(o, "flags") &&
              p->moderators_n == json_array_size(m) && p->credentials_n == json_array_size(c) &&
              p->mls_suites_n == json_array_size(u) && p->has_archive == json_is_object(a);
    for (size_t i = 0; ok && i < p->moderators_n; i++)
        ok = same(p->moderators[i], hex_of(s, json_array_get(m, i)));
    for (size_t i = 0; ok && i < p->mls_suites_n; i++)
        ok = p->mls_suites[i] == json_integer_value(json_array_get(u, i));
    for (size_t i = 0; ok && i < p->credentials_n; i++) {
        const json_t *k = json_array_get(c, i);
        ok = p->credentials[i].kind == vec_u64(k, "kind") &&
             same(p->credentials[i].issuer, text_of(k, "issuer")) &&
             same(p->credentials[i].issuer_key_hash, vec_hex(s, k, "issuer_key_hash"));
    }
    const struct policy_archive *b = &p->archive;
    return ok &&
           (!a || (same(b->name, text_of(a, "name")) && same(b->jurisdiction, text_of(a, "jurisdiction")) &&
                   same(b->notice_url, text_of(a, "notice_url")) && b->scope == vec_u64(a, "scope") &&
                   b->retention_days == vec_u64(a, "retention_days") &&
                   b->signature_scheme == vec_u64(a, "signature_scheme") &&
                   same(b->signature_key, vec_hex(s, a, "signature_key"))));
}

bool policy_holds(struct sheet *s, const json_t *history)
{
    if (!vec_has(history, "room_policy_extension")) return true;
    struct span whole = vec_hex(s, history, "room_policy_extension"),
                bare = vec_hex(s, history, "room_policy_encoded");
    struct policy_signed p;
    uint8_t hash[POLICY_HASH_SIZE], *b = sheet_take(s, POLICY_SIZE_MAX), *bent = sheet_take(s, whole.n);
    size_t n;
    if (policy_decode(whole, &p) != OK ||
        !policy_fields(s, &p.policy, json_object_get(history, "room_policy")) ||
        !same(p.owner_key, vec_hex(s, history, "owner_key")) || policy_verify(s->crypto, &p) != OK)
        return false;
    if (policy_hash(s->crypto, &p, hash) != OK ||
        !same(SPAN_OF(hash), vec_hex(s, history, "room_policy_hash")))
        return false;
    if (policy_encode(&p.policy, p.signature_scheme, p.owner_key, MSPAN(b, POLICY_SIZE_MAX), &n) != OK ||
        !same(SPAN(b, n), p.content) || (bare.n && !same(SPAN(b, bare.n < n ? bare.n : n), bare)) ||
        policy_append(MSPAN(b, POLICY_SIZE_MAX), &n, p.signature) != OK || !same(SPAN(b, n), whole))
        return false;
    for (size_t i = 0; i < p.content.n; i += 7) { /* no byte of it may change */
        memcpy(bent, whole.p, whole.n);
        bent[i] ^= 1;
        if (policy_decode(SPAN(bent, whole.n), &p) == OK && policy_verify(s->crypto, &p) == OK) return false;
    }
    return true;
}

bool sframe_samples_hold(struct sheet *s, const json_t *samples, struct span base_key)
{
    size_t i;
    const json_t *o;
    json_array_foreach(samples, i, o)
    {
        struct sframe_key k;
        uint64_t kid = vec_u64(o, "kid");
        struct sframe_kid part = sframe_kid_split(SFRAME_LAYOUT_ROOM, kid);
        struct span pt = vec_hex(s, o, "plaintext"), ct = vec_hex(s, o, "ciphertext");
        uint8_t *b = sheet_take(s, pt.n + SFRAME_OVERHEAD_MAX);
        size_t n;
        if (part.leaf != vec_u64(o, "leaf") || part.context != vec_u64(o, "context")) return false;
        if (sframe_key_derive(&k, s->crypto, SFRAME_SUITE_ROOM, base_key, kid) != OK ||
            !same(SPAN(k.key, sframe_key_size(k.suite)), vec_hex(s, o, "sframe_key")) ||
            !same(SPAN_OF(k.salt), vec_hex(s, o, "sframe_salt")))
            return false;
        if (sframe_seal(&k, vec_u64(o, "ctr"), SPAN_NONE, pt, MSPAN(b, pt.n + SFRAME_OVERHEAD_MAX), &n) !=
                OK ||
            !same(SPAN(b, n), ct) || sframe_open(&k, ct, SPAN_NONE, MSPAN(b, pt.n), &n) != OK ||
            !same(SPAN(b, n), pt))
            return false;
    }
    return true;
}

const struct format vectors_seal[] = {
    {"sframe", sframe_is, sframe_run},
    {"hpke", hpke_is, hpke_run},
    {"crypto-basics", basics_is, basics_run},
    {0},
};
