/* SPDX-License-Identifier: Apache-2.0 */
#include "app/vault.h"

#include "app/config.h"
#include "app/ipc_messages.h"
#include "app/kms_file.h"
#include "app/log.h"
#include "app/seat.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/read.h"
#include "base/secret.h"
#include "base/write.h"
#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "io/file.h"

#include <stdio.h>

#define KEY_BYTES 32

enum { KEY_TOKEN, KEY_AUDIT, KEY_RELAY, KEY_KMS, KEY_COUNT };
static const char *const files[KEY_COUNT] = {"token.key", "audit.key", "relay.secret", "kms.key"};

struct asked { /* of the role kms */
    bool used;
    uint64_t number, session; /* session: the archive's */
    usec since;
    struct secret plain; /* a new key, while it is being wrapped; else empty */
};
struct vault {
    struct vault_conf conf;
    struct asked asked[VAULT_ASKED_MAX];
    uint64_t number; /* of the last question */
    struct secret key[KEY_COUNT];
    uint8_t pub[2][32]; /* of the two signing keys */
    struct kms kms;
    struct kms_file kms_file;
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
    v->kms_file = (struct kms_file){conf->crypto, &v->key[KEY_KMS]};
    kms_file_init(&v->kms, &v->kms_file);
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
    secret_wipe(v->asked, sizeof v->asked);
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

/* --- data keys --- */

/* What a wrapped key is bound to: which artefact, in which space. */
static struct span bound_to(const struct ipc_key_wanted *m, struct mspan into)
{
    struct writer w = writer_of(into);
    write_str(&w, "incamera 1.0 data key\n");
    write_bytes(&w, SPAN_OF(m->id));
    write_vec8(&w, m->space);
    return writer_span(&w);
}

static const char *key_fault(enum err e)
{
    switch (e) {
    case ERR_CLOSED:
        return "The key management system can't be reached.";
    case ERR_AGAIN:
        return "The key management system does not answer.";
    case ERR_UNKNOWN:
        return "The organisation's key is not in the key management system: it was destroyed or has another "
               "name.";
    case ERR_DENIED:
        return "The organisation's key is disabled in the key management system.";
    case ERR_STATE:
        return "The key management system does not let this server in.";
    case ERR_FULL:
        return "Too many keys are asked for at once. Try again in a moment.";
    case ERR_UNSUPPORTED:
        return "This key was wrapped by another key management system than the one configured.";
    case ERR_AUTH:
        return "The key management system does not know this key any more.";
    default:
        return "The key could not be made or opened.";
    }
}

static void answer_key(struct vault *v, uint64_t session, enum err e, const struct secret *plain,
                       struct span sealed)
{
    uint8_t answer[1024];
    struct writer w = writer_of(MSPAN(answer, sizeof answer));
    struct ipc_key k = {.plain = e ? SPAN_NONE : secret_span(plain),
                        .sealed = e ? SPAN_NONE : sealed,
                        .why = e ? span_str(key_fault(e)) : SPAN_NONE};
    put_ipc_key(&w, &k);
    (void)v->conf.send(v->conf.ctx, IPC_KEY, session, writer_span(&w));
    if (e) log_event(LOG_ERROR, "vault.data_key", "why=\"%s\"", err_text(e));
    secret_wipe(answer, sizeof answer);
}

/* A question to the role kms; answered when it answers, when it dies, or after VAULT_KMS_WITHIN. */
static enum err ask_kms(struct vault *v, usec now, uint64_t session, const struct secret *plain,
                        struct span sealed, struct span aad)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    struct asked *q = NULL;
    for (unsigned i = 0; i < VAULT_ASKED_MAX && !q; i++)
        if (!v->asked[i].used) q = &v->asked[i];
    if (!q) return ERR_FULL;
    put_ipc_kms_ask(&w, &(struct ipc_kms_ask){plain != NULL, aad, plain ? secret_span(plain) : sealed});
    *q = (struct asked){.used = true, .number = ++v->number, .session = session, .since = now};
    if (plain) q->plain = *plain;
    enum err e = w.bad ? ERR_FORMAT : OK;
    if (!e && !v->conf.send(v->conf.ctx, IPC_KMS_ASK, q->number, writer_span(&w))) e = ERR_CLOSED;
    secret_wipe(body, sizeof body);
    if (e) secret_wipe(q, sizeof *q);
    return e;
}

void vault_kms_message(struct vault *v, uint64_t number, struct span body)
{
    uint8_t wrapped[KMS_SEALED_MAX + 64];
    struct writer w = writer_of(MSPAN(wrapped, sizeof wrapped));
    struct ipc_kms_told m;
    struct asked *q = NULL;
    for (unsigned i = 0; i < VAULT_ASKED_MAX && !q; i++)
        if (v->asked[i].used && v->asked[i].number == number) q = &v->asked[i];
    if (!q) return; /* answered for already */
    enum err e = get_ipc_kms_told(body, &m);
    if (!e) e = (enum err)m.fault;
    bool wrap = q->plain.n != 0;
    if (!e && !wrap) {
        if (m.bytes.n != KEY_BYTES) e = ERR_FORMAT;
        if (!e) memcpy(q->plain.b, m.bytes.p, KEY_BYTES);
        if (!e) q->plain.n = KEY_BYTES;
    } else if (!e) {
        write_vec8(&w, span_str(v->conf.kms));
        write_bytes(&w, m.bytes);
        e = write_ok(&w);
    }
    answer_key(v, q->session, e, &q->plain, writer_span(&w));
    secret_wipe(q, sizeof *q);
}

static void give_up(struct vault *v, struct asked *q, enum err e)
{
    answer_key(v, q->session, e, &q->plain, SPAN_NONE);
    secret_wipe(q, sizeof *q);
}

void vault_lost_kms(struct vault *v)
{
    for (unsigned i = 0; i < VAULT_ASKED_MAX; i++)
        if (v->asked[i].used) give_up(v, &v->asked[i], ERR_CLOSED);
}

usec vault_turn(struct vault *v, usec now)
{
    usec until = USEC_NEVER;
    for (unsigned i = 0; i < VAULT_ASKED_MAX; i++) {
        struct asked *q = &v->asked[i];
        if (!q->used) continue;
        if (usec_since(now, q->since) >= VAULT_KMS_WITHIN)
            give_up(v, q, ERR_AGAIN);
        else
            until = usec_min(until, q->since + VAULT_KMS_WITHIN);
    }
    return until;
}

/* A wrapped key begins with its provider's name, so that another provider's is told apart from a damaged one. */
static enum err make_key(struct vault *v, struct span aad, struct secret *plain, struct writer *sealed)
{
    write_vec8(sealed, span_str(v->kms.name));
    enum err e = v->kms.wrap(v->kms.ctx, plain, aad, sealed);
    return e ? e : write_ok(sealed);
}

void vault_key_message(struct vault *v, usec now, uint64_t session, struct span body)
{
    uint8_t aad[320], wrapped[KMS_SEALED_MAX + 64];
    struct ipc_key_wanted m;
    struct secret plain = {0};
    struct writer sealed = writer_of(MSPAN(wrapped, sizeof wrapped));
    if (get_ipc_key_wanted(body, &m)) return;
    struct span bound = bound_to(&m, MSPAN(aad, sizeof aad));
    struct reader r = reader_of(m.sealed);
    struct span provider = read_vec8(&r), rest = read_bytes(&r, read_left(&r));
    const struct crypto *c = v->conf.crypto;
    bool fresh = m.sealed.n == 0, asked = false;
    enum err e = OK;
    if (fresh) {
        plain.n = KEY_BYTES;
        e = c->random(c->ctx, plain.b, KEY_BYTES);
        asked = !e && v->conf.kms;
        if (asked)
            e = ask_kms(v, now, session, &plain, SPAN_NONE, bound);
        else if (!e)
            e = make_key(v, bound, &plain, &sealed);
    } else if (r.bad) {
        e = ERR_FORMAT;
    } else if (span_equal(provider, span_str(v->kms.name))) { /* also those from before the KMS came */
        e = v->kms.unwrap(v->kms.ctx, rest, bound, &plain);
    } else if (v->conf.kms && span_equal(provider, span_str(v->conf.kms))) {
        asked = true;
        e = ask_kms(v, now, session, NULL, rest, bound);
    } else {
        e = ERR_UNSUPPORTED;
    }
    if (e || !asked) answer_key(v, session, e, &plain, writer_span(&sealed));
    secret_drop(&plain);
}

/* --- the role --- */

struct vault_role {
    struct seat *seat;
    struct vault *vault;
    struct config config;
};

static bool send_on(void *ctx, uint16_t message, uint64_t session, struct span body)
{
    struct vault_role *r = ctx;
    enum role to = message == IPC_KEY ? ROLE_ARCHIVE : message == IPC_KMS_ASK ? ROLE_KMS : ROLE_KEEPER;
    return seat_send(r->seat, to, 0, message, session, body) == OK;
}

static enum err start(struct seat *s, void **state)
{
    static struct vault_role role;
    struct config *c = &role.config;
    struct config_fault fault;
    enum log_level level;
    config_init(c);
    enum err e = config_lines(c, CONFIG_FROM_FILE, s->config, &fault);
    if (e) return e;
    if (log_level_of(span_str(c->log), &level)) log_set_level(level);
    role.seat = s;
    const struct crypto *crypto = openssl_crypto();
    if (!crypto) return ERR_CRYPTO;
    e = vault_new(&(struct vault_conf){crypto, c->data, send_on, &role, config_kms_remote(c) ? c->kms : NULL},
                  &role.vault);
    if (!e) *state = &role;
    return e;
}

static void message(void *state, const struct seat_got *g)
{
    struct vault_role *r = state;
    if (g->from == ROLE_KEEPER) vault_message(r->vault, g->message, g->session, g->body);
    if (g->from == ROLE_ARCHIVE && g->message == IPC_KEY_WANTED)
        vault_key_message(r->vault, clock_now(), g->session, g->body);
    if (g->from == ROLE_KMS && g->message == IPC_KMS_TOLD) vault_kms_message(r->vault, g->session, g->body);
}

static void met(void *state, enum role who, uint16_t index)
{
    struct vault_role *r = state;
    (void)index;
    if (who == ROLE_KEEPER) vault_met_keeper(r->vault);
}

static void lost(void *state, enum role who, uint16_t index)
{
    struct vault_role *r = state;
    (void)index;
    if (who == ROLE_KMS) vault_lost_kms(r->vault);
}

static usec turn(void *state, usec now)
{
    return vault_turn(((struct vault_role *)state)->vault, now);
}

static void end(void *state)
{
    struct vault_role *r = state;
    vault_free(r->vault);
}

const struct role_work vault_work = {
    .start = start, .message = message, .met = met, .lost = lost, .turn = turn, .end = end};
