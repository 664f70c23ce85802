/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command_link.h"

#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "seal/invite.h"
#include "seal/policy.h"
#include "wire/base64url.h"
#include "wire/json.h"

static enum err encode(const struct crypto *c, struct policy *p, struct mspan out, size_t *n)
{
    struct secret owner = {.n = 32};
    uint8_t pub[CRYPTO_PUBLIC_MAX], sig[CRYPTO_SIGN_MAX];
    size_t pub_n = 0, sig_n = 0;
    struct rng rng = clock_rng();
    enum err e = ERR_CRYPTO;
    for (int i = 0; e && i < 8; i++) { /* not every 32 bytes are a P-256 key */
        e = rng_fill(&rng, owner.b, owner.n);
        if (!e) e = c->sign_public(c->ctx, CRYPTO_ECDSA_P256_SHA256, secret_span(&owner), pub, &pub_n);
    }
    if (!e) e = policy_encode(p, POLICY_SCHEME_P256, SPAN(pub, pub_n), out, n);
    if (!e) e = policy_sign(c, POLICY_SCHEME_P256, secret_span(&owner), SPAN(out.p, *n), sig, &sig_n);
    if (!e) e = policy_append(out, n, SPAN(sig, sig_n));
    secret_drop(&owner);
    return e;
}

static void put_cstr(char *dst, size_t size, struct span s)
{
    size_t n = s.n < size ? s.n : size - 1;
    if (n) memcpy(dst, s.p, n);
    dst[n] = 0;
}

enum err link_wish_read(struct span text, struct link_wish *wish, char fault[static 24])
{
    static struct json j;
    struct json_token t;
    uint64_t n = 0;
    *wish = (struct link_wish){false, 2, LINK_DAYS_MAX};
    if (!text.n) return OK;
    json_init(&j, text);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e && !(e = json_next(&j, &t)) && t.kind != JSON_OBJECT_END) {
        put_cstr(fault, 24, t.raw);
        if (json_is(&t, "strict_metadata")) {
            e = json_next(&j, &t);
            if (!e && t.kind != JSON_TRUE && t.kind != JSON_FALSE) e = ERR_RANGE;
            wish->strict_metadata = t.kind == JSON_TRUE;
            continue;
        }
        bool suite = json_is(&t, "mls_suite");
        if (!suite && !json_is(&t, "days")) return ERR_UNKNOWN;
        e = json_expect(&j, JSON_NUMBER, &t);
        if (!e) e = json_uint(&t, suite ? 2 : LINK_DAYS_MAX, &n);
        if (!e && n == 0) e = ERR_RANGE;
        *(suite ? &wish->suite : &wish->days) = (uint16_t)n;
    }
    return e ? e : json_expect(&j, JSON_END, &t);
}

enum err link_make(const struct link_wish *wish, struct made_link *made)
{
    const struct crypto *c = openssl_crypto();
    struct rng rng = clock_rng();
    struct invite invite = {.join_secret = {.n = 32}};
    uint8_t encoded[700], text[160];
    struct policy_signed decoded;
    size_t n = 0;
    if (!c) return ERR_CRYPTO;
    *made = (struct made_link){0};
    enum err e = rng_fill(&rng, invite.room_id, sizeof invite.room_id);
    if (!e) e = rng_fill(&rng, invite.join_secret.b, 32);
    struct policy p = {
        .version = 1,
        .room_id = SPAN_OF(invite.room_id),
        .serial = 1,
        .not_after = (uint64_t)(clock_wall().ms / 1000) + wish->days * UINT64_C(86400),
        .mode = POLICY_SEALED,
        .join_rule = POLICY_LINK,
        .credentials = {{.kind = IDENTITY_GUEST}},
        .credentials_n = 1,
        .mls_suites = {wish->suite},
        .mls_suites_n = 1,
        .sframe_suite = 4,
        .sframe_epoch_bits = 6,
        .sframe_index_bits = 10,
        .flags = (uint8_t)(POLICY_PSK_REQUIRED | (wish->strict_metadata ? POLICY_STRICT_METADATA : 0))};
    if (!e) e = policy_check(&p);
    if (!e) e = encode(c, &p, MSPAN(encoded, sizeof encoded), &n);
    if (!e) e = policy_decode(SPAN(encoded, n), &decoded);
    if (!e) e = policy_hash(c, &decoded, invite.policy_hash);
    if (e) return e;
    struct writer w = writer_of(MSPAN(made->policy, sizeof made->policy));
    base64url_write(&w, SPAN(encoded, n));
    made->policy_n = w.n;
    bool bad = w.bad;
    w = writer_of(MSPAN(text, sizeof text));
    base64url_write(&w, SPAN_OF(invite.room_id));
    put_cstr(made->room, sizeof made->room, writer_span(&w));
    w = writer_of(MSPAN(text, sizeof text));
    write_str(&w, "#1.");
    base64url_write(&w, SPAN_OF(invite.policy_hash));
    write_str(&w, ".");
    base64url_write(&w, secret_span(&invite.join_secret));
    put_cstr(made->fragment, sizeof made->fragment, writer_span(&w));
    secret_wipe(text, sizeof text);
    invite_fini(&invite);
    return bad || w.bad ? ERR_FULL : OK;
}

void link_wipe(struct made_link *made)
{
    secret_wipe(made, sizeof *made);
}
