/* SPDX-License-Identifier: Apache-2.0
 * STUN (RFC 5769) and SRTP (RFC 3711 appendix B, RFC 7714 section 16, whole packets). What the product has
 * not (MKI, AES-192, AES-256 in counter mode, RFC 6904, RFC 9335, SRTCP without encryption) is named as
 * unsupported. */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/srtp.h"
#include "guest/openssl_srtp.h"
#include "wire/stun.h"

static bool same(struct span got, struct span want)
{
    return span_equal(got, want);
}

/* ---- STUN ---- */

static bool stun_is(const json_t *root)
{
    const json_t *o = first_of(root);
    return vec_has(o, "packet") && vec_has(o, "integrity_key_hex");
}

static enum err sha1_mac(void *ctx, struct span key, const struct span *parts, size_t count, uint8_t *out)
{
    const struct crypto *c = ctx;
    return c->hmac(c->ctx, CRYPTO_SHA1, key, parts, count, out);
}

static bool text_is(struct span value, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return !v || same(value, SPAN(json_string_value(v), json_string_length(v)));
}

static bool mapped_is(const struct stun *m, struct span value, const char *want)
{
    uint8_t family, a[16];
    uint16_t port;
    char got[64];
    if (!stun_get_xor_address(m, value, &family, a, &port)) return false;
    if (family == 4) {
        snprintf(got, sizeof got, "%u.%u.%u.%u:%u", a[0], a[1], a[2], a[3], port);
    } else {
        int n = 0;
        for (int i = 0; i < 16; i += 2)
            n += snprintf(got + n, sizeof got - (size_t)n, "%s%x", i ? ":" : "[", a[i] << 8 | a[i + 1]);
        snprintf(got + n, sizeof got - (size_t)n, "]:%u", port);
    }
    return strcmp(got, want) == 0;
}

static bool stun_attributes_hold(const struct stun *m, const json_t *o)
{
    struct stun_cursor c = stun_attributes(m);
    struct stun_attribute a;
    const char *mapped = json_string_value(json_object_get(o, "mapped"));
    bool software = !vec_has(o, "software"), realm = !vec_has(o, "realm"), nonce = !vec_has(o, "nonce"),
         address = !mapped;
    while (stun_next(&c, &a)) {
        software = software || (a.type == STUN_SOFTWARE && text_is(a.value, o, "software"));
        realm = realm || (a.type == STUN_REALM && text_is(a.value, o, "realm"));
        nonce = nonce || (a.type == STUN_NONCE && text_is(a.value, o, "nonce"));
        address = address || (a.type == STUN_XOR_MAPPED_ADDRESS && mapped_is(m, a.value, mapped));
    }
    return software && realm && nonce && address;
}

static bool stun_case(struct sheet *s, const json_t *o)
{
    struct span packet = vec_hex(s, o, "packet"), key = vec_hex(s, o, "integrity_key_hex");
    struct stun_hmac h = {sha1_mac, (void *)(uintptr_t)s->crypto};
    struct stun m;
    uint8_t *bent = sheet_take(s, packet.n);
    if (!stun_looks(packet) || stun_parse(packet, &m) != OK || stun_check(&m, key, &h) != OK) return false;
    if (m.fingerprint_ok != json_is_true(json_object_get(o, "has_fingerprint"))) return false;
    if (!text_is(m.username, o, "username") || !stun_attributes_hold(&m, o)) return false;
    if (vec_has(o, "priority") && m.priority != vec_u64(o, "priority")) return false;
    for (size_t i = 0; i < m.integrity_at; i++) { /* no byte before the integrity may change */
        memcpy(bent, packet.p, packet.n);
        bent[i] ^= 1;
        if (stun_parse(SPAN(bent, packet.n), &m) == OK && stun_check(&m, key, &h) == OK) return false;
        if (stun_parse(packet, &m) != OK) return false;
    }
    return stun_check(&m, SPAN(key.p, key.n - 1), &h) == ERR_AUTH;
}

static void stun_run(struct sheet *s, const json_t *root)
{
    size_t i;
    const json_t *o;
    json_array_foreach(root, i, o)
        sheet_case(s, ANY_SUITE, stun_case(s, o), json_string_value(json_object_get(o, "name")));
}

/* ---- SRTP packets ---- */

static bool packets_is(const json_t *root)
{
    const json_t *o = first_of(root);
    return vec_has(o, "plain") && vec_has(o, "protected") &&
           (vec_has(o, "master_key") || vec_has(o, "session_key"));
}

static enum srtp_profile profile_of(struct sheet *s, const json_t *o)
{
    static const struct {
        const char *name;
        enum srtp_profile profile;
    } names[] = {{"AES_128_CM_HMAC_SHA1_80", SRTP_AES128_CM_SHA1_80},
                 {"AEAD_AES_128_GCM", SRTP_AEAD_AES_128_GCM},
                 {"AEAD_AES_256_GCM", SRTP_AEAD_AES_256_GCM}};
    const char *name = json_string_value(json_object_get(o, "profile"));
    for (size_t i = 0; name && i < COUNT_OF(names); i++)
        if (strcmp(name, names[i].name) == 0) return names[i].profile;
    if (name || vec_hex(s, o, "session_salt").n != 12) return SRTP_NONE;
    return vec_hex(s, o, "session_key").n == 32 ? SRTP_AEAD_AES_256_GCM : SRTP_AEAD_AES_128_GCM;
}

/* What a case needs beyond the product's SRTP, or NULL. */
static const char *srtp_beyond(struct sheet *s, const json_t *o)
{
    if (vec_hex(s, o, "mki").n > 0) return "MKI";
    if (vec_has(o, "encrypted_ext_ids")) return "RFC6904";
    if (vec_has(o, "cryptex")) return "RFC9335";
    if (json_is_false(json_object_get(o, "encrypted"))) return "clear-SRTCP";
    if (profile_of(s, o) == SRTP_NONE) return "cipher";
    return NULL;
}

/* Session keys given as they are: what srtp_init would have derived is put in its place. */
static bool session_init(struct srtp *x, const struct srtp_library *l, enum srtp_profile p, struct span key,
                         struct span salt)
{
    *x = (struct srtp){.library = l, .profile = p};
    struct srtp_cipher **all[] = {&x->send_rtp, &x->send_rtcp, &x->open_rtp, &x->open_rtcp};
    uint8_t *salts[] = {x->salt_send_rtp, x->salt_send_rtcp, x->salt_open_rtp, x->salt_open_rtcp};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (!(*all[i] = l->open(p, key, SPAN_NONE))) return false;
        memcpy(salts[i], salt.p, salt.n);
    }
    return true;
}

static bool master_init(struct sheet *s, struct srtp *x, const struct srtp_library *l, const json_t *o)
{
    struct srtp_keys keys = {.profile = profile_of(s, o)};
    struct span key = vec_hex(s, o, "master_key"), salt = vec_hex(s, o, "master_salt");
    if (key.n + salt.n > SECRET_MAX) return false;
    keys.local.n = (uint8_t)(key.n + salt.n);
    memcpy(keys.local.b, key.p, key.n);
    memcpy(keys.local.b + key.n, salt.p, salt.n);
    keys.remote = keys.local;
    return srtp_init(x, l, &keys) == OK;
}

static size_t header_size(struct span p)
{
    size_t n = 12 + 4 * (size_t)(p.p[0] & 15);
    if (p.p[0] & 0x10 && p.n >= n + 4) n += 4 + 4 * (size_t)(p.p[n + 2] << 8 | p.p[n + 3]);
    return n <= p.n ? n : p.n;
}

static bool rtp_case(struct srtp *x, const json_t *o, struct span plain, struct span want, struct mspan room)
{
    uint64_t roc = vec_u64(o, "roc"), seq = (uint64_t)plain.p[2] << 8 | plain.p[3];
    size_t header = header_size(plain), n;
    if (srtp_seal(x, roc << 16 | seq, SPAN(plain.p, header), SPAN(plain.p + header, plain.n - header), room,
                  &n) != OK ||
        !same(SPAN(room.p, n), want))
        return false;
    if (roc) { /* the receiver knows the roll-over counter from before */
        if (!(x->stream = mem_new(4, sizeof *x->stream))) return false;
        x->stream_count = 1, x->stream_size = 4;
        x->stream[0] =
            (struct srtp_stream){.rtp = true, .roc = (uint32_t)roc, .highest = (uint16_t)(seq - 1)};
        x->stream[0].ssrc = (uint32_t)plain.p[8] << 24 | (uint32_t)plain.p[9] << 16 |
                            (uint32_t)plain.p[10] << 8 | plain.p[11];
    }
    room.p[want.n - 1] ^= 1;
    if (srtp_open(x, MSPAN(room.p, want.n), header, &n) != ERR_AUTH) return false;
    memcpy(room.p, want.p, want.n);
    if (srtp_open(x, MSPAN(room.p, want.n), header, &n) != OK || !same(SPAN(room.p, n), plain)) return false;
    memcpy(room.p, want.p, want.n);
    return srtp_open(x, MSPAN(room.p, want.n), header, &n) == ERR_REPLAY;
}

static bool rtcp_case(struct srtp *x, const json_t *o, struct span plain, struct span want, struct mspan room)
{
    uint32_t index = (uint32_t)vec_u64(o, "srtcp_index");
    size_t n;
    x->send_rtcp_index = index;
    if (srtp_seal_rtcp(x, plain, room, &n) != OK) return false;
    if (!same(SPAN(room.p, n), want)) { /* the counter may name the last index instead of the next */
        x->send_rtcp_index = index - 1;
        if (srtp_seal_rtcp(x, plain, room, &n) != OK || !same(SPAN(room.p, n), want)) return false;
    }
    room.p[9] ^= 1;
    if (srtp_open_rtcp(x, MSPAN(room.p, want.n), &n) != ERR_AUTH) return false;
    memcpy(room.p, want.p, want.n);
    return srtp_open_rtcp(x, MSPAN(room.p, want.n), &n) == OK && same(SPAN(room.p, n), plain);
}

static void packets_run(struct sheet *s, const json_t *root)
{
    struct srtp_library l = openssl_srtp(s->crypto);
    size_t i;
    const json_t *o;
    json_array_foreach(root, i, o)
    {
        const char *beyond = srtp_beyond(s, o), *name = json_string_value(json_object_get(o, "profile"));
        struct span plain = vec_hex(s, o, "plain"), want = vec_hex(s, o, "protected");
        char suite[48];
        if (!name) name = profile_of(s, o) == SRTP_AEAD_AES_256_GCM ? "AEAD_AES_256_GCM" : "AEAD_AES_128_GCM";
        snprintf(suite, sizeof suite, beyond ? "%s+%s" : "%s", name, beyond);
        if (beyond) {
            sheet_unsupported(s, suite);
            continue;
        }
        struct srtp x = {0};
        size_t room_n = want.n + plain.n + 64;
        struct mspan room = MSPAN(sheet_take(s, room_n), room_n);
        bool ok = plain.n >= 12 && (vec_has(o, "master_key")
                                        ? master_init(s, &x, &l, o)
                                        : session_init(&x, &l, profile_of(s, o), vec_hex(s, o, "session_key"),
                                                       vec_hex(s, o, "session_salt")));
        if (ok)
            ok = vec_has(o, "srtcp_index") ? rtcp_case(&x, o, plain, want, room)
                                           : rtp_case(&x, o, plain, want, room);
        sheet_case(s, suite, ok, json_string_value(json_object_get(o, "name")));
        if (x.library) srtp_fini(&x);
    }
}

/* ---- RFC 3711 appendix B: keystream and key derivation ---- */

static bool appendix_is(const json_t *root)
{
    return vec_has(json_object_get(root, "B2"), "keystream_blocks") &&
           vec_has(json_object_get(root, "B3"), "master_key");
}

static bool keystream(struct sheet *s, const struct srtp_library *l, const json_t *o)
{
    uint8_t auth[20] = {0}, zero[16] = {0}, out[16];
    struct srtp_cipher *c = l->open(SRTP_AES128_CM_SHA1_80, vec_hex(s, o, "session_key"), SPAN_OF(auth));
    struct span salt = vec_hex(s, o, "session_salt");
    const char *block;
    json_t *want;
    bool ok = c != NULL && salt.n == 14;
    json_object_foreach(json_object_get(o, "keystream_blocks"), block, want)
    {
        unsigned long at = strtoul(block, NULL, 0);
        uint8_t iv[16] = {0};
        memcpy(iv, salt.p, salt.n);
        iv[14] = (uint8_t)(at >> 8), iv[15] = (uint8_t)at;
        ok = ok && l->count(c, iv, SPAN_OF(zero), out) == OK && same(SPAN_OF(out), hex_of(s, want));
    }
    if (c) l->close(c);
    return ok;
}

/* The derived keys are inside the library's contexts: they show in the salt, a keystream and a tag. */
static bool derivation(struct sheet *s, const struct srtp_library *l, const json_t *o)
{
    struct srtp x = {0};
    struct srtp_keys keys = {.profile = SRTP_AES128_CM_SHA1_80};
    struct span key = vec_hex(s, o, "master_key"), salt = vec_hex(s, o, "master_salt"),
                auth = vec_hex(s, o, "auth_key_94"), part = SPAN_LIT("any text");
    if (key.n != 16 || salt.n != 14 || auth.n < 20) return false;
    keys.local.n = 30;
    memcpy(keys.local.b, key.p, 16);
    memcpy(keys.local.b + 16, salt.p, 14);
    keys.remote = keys.local;
    if (srtp_init(&x, l, &keys) != OK) return false;
    uint8_t iv[16] = {3}, zero[16] = {0}, a[16], b[16], tag[20], want[20];
    bool ok = same(SPAN(x.salt_send_rtp, 14), vec_hex(s, o, "cipher_salt")) &&
              l->count(x.send_rtp, iv, SPAN_OF(zero), a) == OK &&
              s->crypto->aes_ctr(s->crypto->ctx, vec_hex(s, o, "cipher_key"), SPAN_OF(iv), SPAN_OF(zero),
                                 b) == OK &&
              same(SPAN_OF(a), SPAN_OF(b)) && l->mac(x.send_rtp, part, SPAN_NONE, tag) == OK &&
              s->crypto->hmac(s->crypto->ctx, CRYPTO_SHA1, SPAN(auth.p, 20), &part, 1, want) == OK &&
              same(SPAN_OF(tag), SPAN_OF(want));
    srtp_fini(&x);
    return ok;
}

static void appendix_run(struct sheet *s, const json_t *root)
{
    struct srtp_library l = openssl_srtp(s->crypto);
    sheet_case(s, ANY_SUITE, keystream(s, &l, json_object_get(root, "B2")), "keystream");
    sheet_case(s, ANY_SUITE, derivation(s, &l, json_object_get(root, "B3")), "key derivation");
}

const struct format vectors_wire[] = {
    {"stun", stun_is, stun_run},
    {"srtp packets", packets_is, packets_run},
    {"RFC 3711 appendix B", appendix_is, appendix_run},
    {0},
};
