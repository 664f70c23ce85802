/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/welcome.h"

void welcome_drop(struct welcome_opened *o)
{
    blob_drop(&o->secrets_bytes);
    blob_drop(&o->info_bytes);
    *o = (struct welcome_opened){0};
}

static bool find_own(const struct mls_welcome *w, struct span ref, struct mls_welcome_secret *found)
{
    struct reader r = reader_of(w->secrets);
    while (mls_welcome_secret_next(&r, found))
        if (span_equal(found->ref, ref)) return true;
    return false;
}

enum err welcome_open_secrets(const struct suite *s, const struct mls_welcome *w, struct span key_package,
                              const struct secret *init_priv, struct welcome_opened *o)
{
    uint8_t ref[SUITE_NH];
    struct mls_welcome_secret own;
    if (w->suite != s->id) return ERR_UNSUPPORTED;
    enum err e = suite_key_package_ref(s, key_package, ref);
    if (e) return e;
    if (!find_own(w, SPAN_OF(ref), &own)) return ERR_UNKNOWN;
    if (own.box.ciphertext.n < CRYPTO_TAG_SIZE) return ERR_FORMAT;
    struct suite_box box = {secret_span(init_priv), SPAN_LIT("Welcome"), w->group_info};
    struct blob plain = {0};
    if ((e = blob_new(&plain, own.box.ciphertext.n - CRYPTO_TAG_SIZE))) return e;
    e = suite_decrypt(s, &box, own.box.kem_output, own.box.ciphertext, plain.p);
    struct mls_group_secrets secrets;
    if (e == OK) e = mls_group_secrets_read(blob_span(&plain), &secrets);
    if (e == OK && secrets.joiner_secret.n != SUITE_NH) e = ERR_FORMAT;
    if (e) {
        blob_drop(&plain);
        return e;
    }
    *o = (struct welcome_opened){.secrets_bytes = plain, .secrets = secrets};
    return OK;
}

static enum err info_key(const struct suite *s, const struct secret *joiner, const struct secret *psk,
                         uint8_t *key, uint8_t *nonce)
{
    struct secret welcome;
    enum err e = schedule_welcome(s, joiner, psk, &welcome);
    if (e == OK) e = schedule_welcome_key(s, &welcome, key, nonce);
    secret_drop(&welcome);
    return e;
}

enum err welcome_open_info(const struct suite *s, const struct mls_welcome *w, const struct secret *psk,
                           struct welcome_opened *o)
{
    struct secret joiner = {.n = SUITE_NH};
    uint8_t key[SUITE_NK_MAX], nonce[SUITE_NN];
    struct blob plain = {0};
    if (w->group_info.n < CRYPTO_TAG_SIZE) return ERR_FORMAT;
    memcpy(joiner.b, o->secrets.joiner_secret.p, SUITE_NH);
    enum err e = info_key(s, &joiner, psk, key, nonce);
    if (e == OK) e = blob_new(&plain, w->group_info.n - CRYPTO_TAG_SIZE);
    if (e == OK)
        e = s->crypto->aead_open(s->crypto->ctx, s->aead, SPAN(key, s->nk), SPAN_OF(nonce), SPAN_NONE,
                                 w->group_info, plain.p);
    if (e == OK) e = mls_group_info_read(blob_span(&plain), &o->info);
    secret_drop(&joiner);
    secret_wipe(key, sizeof key);
    if (e)
        blob_drop(&plain);
    else
        o->info_bytes = plain;
    return e;
}

enum err welcome_check_info(const struct suite *s, const struct mls_group_info *info, struct span signer_key)
{
    return suite_verify(s, signer_key, SPAN_LIT("GroupInfoTBS"), info->tbs, info->signature);
}

static enum err secrets_seal(const struct suite *s, const struct welcome_seal *w,
                             const struct welcome_joiner *j, struct span sealed_info, struct writer *out)
{
    struct mls_group_secrets g = {secret_span(w->joiner), j->has_path_secret, j->path_secret, w->psks};
    struct blob plain = {0}, ct = {0};
    uint8_t kem[CRYPTO_PUBLIC_MAX] = {0};
    PACK(&plain) mls_group_secrets_write(&k.w, &g);
    enum err e = plain.p ? blob_new(&ct, plain.n + CRYPTO_TAG_SIZE) : ERR_NOMEM;
    if (e == OK && out->p) {
        struct suite_box box = {j->init_key, SPAN_LIT("Welcome"), sealed_info};
        e = suite_encrypt(s, &box, blob_span(&plain), kem, ct.p);
    }
    if (e == OK) {
        write_vecv(out, j->ref);
        write_vecv(out, SPAN(kem, s->npk));
        write_vecv(out, blob_span(&ct));
    }
    blob_drop(&plain);
    blob_drop(&ct);
    return e;
}

enum err welcome_write(const struct suite *s, const struct welcome_seal *w, struct blob *message)
{
    uint8_t key[SUITE_NK_MAX], nonce[SUITE_NN];
    struct blob info = {0}, list = {0}, out = {0};
    enum err e = info_key(s, w->joiner, w->psk, key, nonce);
    if (e == OK) e = blob_new(&info, w->info.n + CRYPTO_TAG_SIZE);
    if (e == OK)
        e = s->crypto->aead_seal(s->crypto->ctx, s->aead, SPAN(key, s->nk), SPAN_OF(nonce), SPAN_NONE,
                                 w->info, info.p);
    if (e == OK) {
        PACK(&list)
        for (size_t i = 0; i < w->count && e == OK; i++)
            e = secrets_seal(s, w, &w->joiners[i], blob_span(&info), &k.w);
        if (!list.p) e = ERR_NOMEM;
    }
    if (e == OK) {
        struct mls_message m = {.wire = MLS_WELCOME, .welcome = {s->id, blob_span(&list), blob_span(&info)}};
        PACK(&out) mls_message_write(&k.w, &m);
        if (!out.p) e = ERR_NOMEM;
    }
    if (e == OK && out.n > MLS_MESSAGE_MAX) e = ERR_LIMIT;
    if (e)
        blob_drop(&out);
    else
        *message = out;
    secret_wipe(key, sizeof key);
    blob_drop(&info);
    blob_drop(&list);
    return e;
}
