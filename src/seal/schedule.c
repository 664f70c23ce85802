/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/schedule.h"

#include "seal/hpke.h"

#include "seal/blob.h"

void schedule_drop(struct schedule *k)
{
    secret_wipe(k, sizeof *k);
}

struct secret schedule_zero(void)
{
    return (struct secret){.n = SUITE_NH};
}

static enum err expand_secret(const struct suite *s, const struct secret *key, struct span label,
                              struct span context, struct secret *out)
{
    struct secret r = {.n = SUITE_NH};
    enum err e = suite_expand(s, secret_span(key), label, context, MSPAN(r.b, r.n));
    if (e == OK) *out = r;
    secret_drop(&r);
    return e;
}

enum err schedule_joiner(const struct suite *s, const struct secret *init, const struct secret *commit,
                         struct span context, struct secret *joiner)
{
    struct secret x;
    enum err e = suite_extract(s, secret_span(init), secret_span(commit), &x);
    if (e == OK) e = expand_secret(s, &x, SPAN_LIT("joiner"), context, joiner);
    secret_drop(&x);
    return e;
}

enum err schedule_welcome(const struct suite *s, const struct secret *joiner, const struct secret *psk,
                          struct secret *welcome)
{
    struct secret x;
    enum err e = suite_extract(s, secret_span(joiner), secret_span(psk), &x);
    if (e == OK) e = suite_derive(s, secret_span(&x), SPAN_LIT("welcome"), welcome);
    secret_drop(&x);
    return e;
}

enum err schedule_welcome_key(const struct suite *s, const struct secret *welcome,
                              uint8_t key[static SUITE_NK_MAX], uint8_t nonce[static SUITE_NN])
{
    enum err e = suite_expand(s, secret_span(welcome), SPAN_LIT("key"), SPAN_NONE, MSPAN(key, s->nk));
    if (e) return e;
    return suite_expand(s, secret_span(welcome), SPAN_LIT("nonce"), SPAN_NONE, MSPAN(nonce, SUITE_NN));
}

enum err schedule_epoch(const struct suite *s, const struct secret *joiner, const struct secret *psk,
                        struct span context, struct schedule *k)
{
    struct schedule new = {0};
    struct secret x;
    const struct {
        struct span label;
        struct secret *to;
    } rows[] = {
        {SPAN_LIT("sender data"), &new.sender_data},
        {SPAN_LIT("encryption"), &new.encryption},
        {SPAN_LIT("exporter"), &new.exporter},
        {SPAN_LIT("external"), &new.external},
        {SPAN_LIT("confirm"), &new.confirmation},
        {SPAN_LIT("membership"), &new.membership},
        {SPAN_LIT("resumption"), &new.resumption},
        {SPAN_LIT("authentication"), &new.authenticator},
        {SPAN_LIT("init"), &new.init},
    };
    enum err e = suite_extract(s, secret_span(joiner), secret_span(psk), &x);
    if (e == OK) e = expand_secret(s, &x, SPAN_LIT("epoch"), context, &x);
    for (size_t i = 0; i < COUNT_OF(rows) && e == OK; i++)
        e = suite_derive(s, secret_span(&x), rows[i].label, rows[i].to);
    if (e == OK) *k = new;
    secret_drop(&x);
    schedule_drop(&new);
    return e;
}

enum err schedule_psk_fold(const struct suite *s, const struct schedule_psk *one, struct secret *psk_secret)
{
    struct blob label = {0};
    struct secret zero = schedule_zero(), x = {0};
    PACK(&label)
    {
        write_bytes(&k.w, one->id);
        write_u16(&k.w, one->index);
        write_u16(&k.w, one->count);
    }
    if (!label.p) return ERR_NOMEM;
    enum err e = suite_extract(s, secret_span(&zero), one->psk, &x);
    if (e == OK) e = expand_secret(s, &x, SPAN_LIT("derived psk"), blob_span(&label), &x);
    if (e == OK) e = suite_extract(s, secret_span(&x), secret_span(psk_secret), psk_secret);
    secret_drop(&x);
    blob_drop(&label);
    return e;
}

enum err schedule_export(const struct suite *s, const struct secret *exporter, struct span label,
                         struct span context, struct mspan out)
{
    struct secret x;
    uint8_t hash[SUITE_NH];
    enum err e = suite_derive(s, secret_span(exporter), label, &x);
    if (e == OK) e = suite_hash(s, &context, 1, hash);
    if (e == OK) e = suite_expand(s, secret_span(&x), SPAN_LIT("exported"), SPAN_OF(hash), out);
    secret_drop(&x);
    return e;
}

enum err schedule_external_pub(const struct suite *s, const struct schedule *k, uint8_t *pub)
{
    struct secret priv;
    enum err e = suite_dh_derive(s, secret_span(&k->external), &priv, pub);
    secret_drop(&priv);
    return e;
}

static enum err external_init(const struct hpke *h, struct secret *init)
{
    struct secret x = {.n = SUITE_NH};
    enum err e = hpke_export(h, SPAN_LIT("MLS 1.0 external init secret"), MSPAN(x.b, x.n));
    if (e == OK) *init = x;
    secret_drop(&x);
    return e;
}

static struct hpke_with external_with(const struct suite *s)
{
    return (struct hpke_with){.crypto = s->crypto, .kem = s->kem_id, .kdf = s->kdf_id, .aead = s->aead_id};
}

enum err schedule_external_make(const struct suite *s, struct span external_pub, uint8_t *kem_output,
                                struct secret *init)
{
    struct hpke_with with = external_with(s);
    struct hpke h = {0};
    uint8_t enc[HPKE_ENC_MAX];
    size_t n = 0;
    if (external_pub.n != s->npk) return ERR_FORMAT;
    enum err e = hpke_send(&h, &with, external_pub, enc, &n);
    if (e == OK) e = external_init(&h, init);
    if (e == OK) memcpy(kem_output, enc, n);
    hpke_fini(&h);
    return e;
}

enum err schedule_external_open(const struct suite *s, const struct schedule *k, struct span kem_output,
                                struct secret *init)
{
    struct hpke_with with = external_with(s);
    struct hpke h = {0};
    struct secret priv = {0};
    uint8_t pub[CRYPTO_PUBLIC_MAX];
    enum err e = suite_dh_derive(s, secret_span(&k->external), &priv, pub);
    if (e == OK) e = hpke_receive(&h, &with, secret_span(&priv), kem_output);
    if (e == OK) e = external_init(&h, init);
    hpke_fini(&h);
    secret_drop(&priv);
    return e;
}

enum err schedule_confirmed(const struct suite *s, const struct digest *interim,
                            const struct mls_signed *commit, struct digest *confirmed)
{
    struct blob in = {0};
    PACK(&in)
    {
        write_u16(&k.w, commit->wire);
        mls_content_write(&k.w, &commit->content);
        write_vecv(&k.w, commit->signature);
    }
    if (!in.p) return ERR_NOMEM;
    struct span parts[] = {digest_span(interim), blob_span(&in)};
    struct digest d = {.n = SUITE_NH};
    enum err e = suite_hash(s, parts, 2, d.b);
    if (e == OK) *confirmed = d;
    blob_drop(&in);
    return e;
}

enum err schedule_interim(const struct suite *s, const struct digest *confirmed, struct span tag,
                          struct digest *interim)
{
    uint8_t b[4 + SUITE_NH];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    write_vecv(&w, tag);
    if (write_ok(&w) != OK) return ERR_FORMAT;
    struct span parts[] = {digest_span(confirmed), writer_span(&w)};
    struct digest d = {.n = SUITE_NH};
    enum err e = suite_hash(s, parts, 2, d.b);
    if (e == OK) *interim = d;
    return e;
}

enum err schedule_confirm(const struct suite *s, const struct schedule *k, const struct digest *confirmed,
                          uint8_t tag[static SUITE_NH])
{
    struct span in = digest_span(confirmed);
    return suite_mac(s, secret_span(&k->confirmation), &in, 1, tag);
}
