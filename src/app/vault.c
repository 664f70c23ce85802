/* SPDX-License-Identifier: Apache-2.0 */
#include "app/vault.h"

#include "app/config.h"
#include "app/log.h"
#include "app/seat.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/read.h"
#include "base/secret.h"
#include "base/write.h"
#include "guest/openssl_crypto.h"
#include "io/file.h"

#include <stdio.h>

#define KEY_BYTES 32

enum { KEY_TOKEN, KEY_AUDIT, KEY_RELAY, KEY_COUNT };
static const char *const files[KEY_COUNT] = {"token.key", "audit.key", "relay.secret"};

struct vault {
    struct vault_conf conf;
    struct secret key[KEY_COUNT];
    uint8_t pub[2][32]; /* of the two signing keys */
};

static enum err load(struct vault *v, const char *folder, unsigned which)
{
    char path[CONFIG_PATH + 64];
    struct buf b;
    struct secret *s = &v->key[which];
    snprintf(path, sizeof path, "%s/%s", folder, files[which]);
    buf_init(&b, KEY_BYTES);
    enum err e = file_read(path, &b);
    s->n = KEY_BYTES;
    if (e == ERR_UNKNOWN) {
        e = v->conf.crypto->random(v->conf.crypto->ctx, s->b, KEY_BYTES);
        if (!e) e = file_write(folder, files[which], secret_span(s));
    } else if (!e && b.n != KEY_BYTES) {
        e = ERR_FORMAT;
    } else if (!e && file_open_to_others(path)) {
        e = ERR_DENIED;
    } else if (!e) {
        memcpy(s->b, b.p, KEY_BYTES);
    }
    if (b.p) secret_wipe(b.p, b.n);
    buf_fini(&b);
    if (e) log_event(LOG_ERROR, "vault.key", "file=%s why=\"%s\"", files[which], err_text(e));
    return e;
}

enum err vault_new(const struct vault_conf *conf, struct vault **vault)
{
    char folder[CONFIG_PATH + 16];
    struct vault *v = mem_new(1, sizeof *v);
    if (!v) return ERR_NOMEM;
    v->conf = *conf;
    snprintf(folder, sizeof folder, "%s/vault", conf->data);
    enum err e = file_folder(folder);
    for (unsigned i = 0; i < KEY_COUNT && !e; i++)
        e = load(v, folder, i);
    for (unsigned i = 0; i < 2 && !e; i++) {
        size_t n = 0;
        e = conf->crypto->sign_public(conf->crypto->ctx, CRYPTO_ED25519, secret_span(&v->key[i]), v->pub[i],
                                      &n);
    }
    v->conf.data = NULL;
    if (e) {
        vault_free(v);
        return e;
    }
    *vault = v;
    return OK;
}

void vault_free(struct vault *v)
{
    if (!v) return;
    for (unsigned i = 0; i < KEY_COUNT; i++)
        secret_drop(&v->key[i]);
    mem_free(v);
}

void vault_met_keeper(struct vault *v)
{
    uint8_t body[128];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    write_vec8(&w, SPAN_OF(v->pub[KEY_TOKEN]));
    write_vec8(&w, SPAN_OF(v->pub[KEY_AUDIT]));
    write_vec8(&w, secret_span(&v->key[KEY_RELAY]));
    (void)v->conf.send(v->conf.ctx, IPC_VAULT_KEYS, 0, writer_span(&w));
    secret_wipe(body, sizeof body);
}

/* What a purpose's bytes begin with: a key never signs what another purpose could take for its own. A JWT's
 * header is fixed, so a token begins with its encoding of {"alg":"EdDSA" */
static const struct {
    uint8_t purpose, key;
    const char *begins;
} purposes[] = {
    {SIGN_TOKEN, KEY_TOKEN, "eyJhbGciOiJFZERTQSI"},
    {SIGN_AUDIT_HEAD, KEY_AUDIT, "incamera 1.0 audit head\n"},
    {SIGN_POLICY, KEY_AUDIT, "incamera 1.0 governed policy\n"},
};

void vault_message(struct vault *v, uint16_t message, uint64_t session, struct span body)
{
    uint8_t signature[CRYPTO_SIGN_MAX];
    size_t n = 0;
    if (message != IPC_SIGN || body.n < 2) return;
    struct span bytes = span_part(body, 1, body.n);
    for (unsigned i = 0; i < COUNT_OF(purposes); i++) {
        struct span begins = span_str(purposes[i].begins);
        if (body.p[0] != purposes[i].purpose || !span_equal(span_part(bytes, 0, begins.n), begins)) continue;
        const struct crypto *c = v->conf.crypto;
        if (c->sign(c->ctx, CRYPTO_ED25519, secret_span(&v->key[purposes[i].key]), bytes, signature, &n))
            n = 0;
    }
    (void)v->conf.send(v->conf.ctx, IPC_SIGNED, session, SPAN(signature, n));
}

/* --- the role --- */

struct vault_role {
    struct seat *seat;
    struct vault *vault;
};

static bool send_keeper(void *ctx, uint16_t message, uint64_t session, struct span body)
{
    struct vault_role *r = ctx;
    return seat_send(r->seat, ROLE_KEEPER, 0, message, session, body) == OK;
}

static enum err start(struct seat *s, void **state)
{
    static struct vault_role role;
    struct config c;
    struct config_fault fault;
    enum log_level level;
    config_init(&c);
    enum err e = config_lines(&c, CONFIG_FROM_FILE, s->config, &fault);
    if (e) return e;
    if (log_level_of(span_str(c.log), &level)) log_set_level(level);
    role.seat = s;
    const struct crypto *crypto = openssl_crypto();
    if (!crypto) return ERR_CRYPTO;
    e = vault_new(&(struct vault_conf){crypto, c.data, send_keeper, &role}, &role.vault);
    if (!e) *state = &role;
    return e;
}

static void message(void *state, const struct seat_got *g)
{
    struct vault_role *r = state;
    if (g->from == ROLE_KEEPER) vault_message(r->vault, g->message, g->session, g->body);
}

static void met(void *state, enum role who, uint16_t index)
{
    struct vault_role *r = state;
    (void)index;
    if (who == ROLE_KEEPER) vault_met_keeper(r->vault);
}

static void end(void *state)
{
    struct vault_role *r = state;
    vault_free(r->vault);
}

const struct role_work vault_work = {.start = start, .message = message, .met = met, .end = end};
