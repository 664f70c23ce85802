/* SPDX-License-Identifier: Apache-2.0
 * The role kms: the one process that holds a vendor's module and the way to the organisation's key management system.
 * Answers the vault's questions one after the other, and nobody else's. A call that hangs ends the process after
 * CALL_WITHIN_S, and the parent starts another: the vault has long answered for it by then. See
 * docs/decisions/0045-kms-role.md. */
#include "app/config.h"
#include "app/ipc_messages.h"
#include "app/kms_provider.h"
#include "app/log.h"
#include "app/seat.h"
#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "io/process.h"
#include "io/sandbox.h"

#define CALL_WITHIN_S 20
#define RETRY         (2 * USEC_S)

struct kms_role {
    struct seat *seat;
    struct config config;
    struct kms_provider provider;
    bool told, well; /* told: `well` is what the log said last */
    usec next;       /* when it is looked at again, while it is not well */
};

static void note(struct kms_role *r, enum err e)
{
    bool well = e == OK || e == ERR_AUTH || e == ERR_FORMAT; /* those are about one wrapped key */
    r->next = clock_now() + RETRY;
    if (r->told && r->well == well) return;
    r->told = true;
    r->well = well;
    if (well)
        log_event(LOG_INFO, "kms.well", "provider=%s", r->config.kms);
    else
        log_event(LOG_ERROR, "kms.fault", "provider=%s why=\"%s\"", r->config.kms,
                  kms_provider_why(&r->provider));
}

static enum err start(struct seat *s, void **state)
{
    static struct kms_role role;
    struct kms_role *r = &role;
    struct config_fault fault;
    enum log_level level;
    config_init(&r->config);
    enum err e = config_lines(&r->config, CONFIG_FROM_FILE, s->config, &fault);
    if (e) return e;
    if (log_level_of(span_str(r->config.log), &level)) log_set_level(level);
    r->seat = s;
    const struct crypto *crypto = openssl_crypto();
    if (!crypto) return ERR_CRYPTO;
    e = kms_provider_open(&r->provider, &r->config, crypto);
    if (e) {
        log_event(LOG_ERROR, "kms.fault", "provider=%s why=\"%s\"", r->config.kms,
                  kms_provider_why(&r->provider));
        return e;
    }
    if (r->config.kms_folder[0]) sandbox_keep_folder(r->config.kms_folder);
    *state = r;
    return OK;
}

static void message(void *state, const struct seat_got *g)
{
    struct kms_role *r = state;
    struct kms *k = &r->provider.kms;
    struct ipc_kms_ask m;
    uint8_t sealed[KMS_SEALED_MAX], body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body)), s = writer_of(MSPAN(sealed, sizeof sealed));
    struct secret plain = {0};
    if (g->from != ROLE_VAULT || g->message != IPC_KMS_ASK || get_ipc_kms_ask(g->body, &m)) return;
    enum err e = m.bytes.n == 0 || (m.wrap && m.bytes.n > SECRET_MAX) ? ERR_FORMAT : OK;
    process_end_within(CALL_WITHIN_S);
    if (!e && m.wrap) {
        memcpy(plain.b, m.bytes.p, m.bytes.n);
        plain.n = (uint8_t)m.bytes.n;
        e = k->wrap(k->ctx, &plain, m.aad, &s);
    } else if (!e) {
        e = k->unwrap(k->ctx, m.bytes, m.aad, &plain);
    }
    process_end_within(0);
    put_ipc_kms_told(&w, &(struct ipc_kms_told){(uint8_t)e, e        ? SPAN_NONE
                                                            : m.wrap ? writer_span(&s)
                                                                     : secret_span(&plain)});
    (void)!seat_send(r->seat, ROLE_VAULT, 0, IPC_KMS_TOLD, g->session, writer_span(&w));
    secret_drop(&plain);
    secret_wipe(body, sizeof body);
    note(r, e);
}

/* Until it is well it is looked at every two seconds, so that the log says what is wrong before anybody records. */
static usec turn(void *state, usec now)
{
    struct kms_role *r = state;
    if (r->told && r->well) return USEC_NEVER;
    if (now < r->next) return r->next;
    process_end_within(CALL_WITHIN_S);
    enum err e = kms_provider_check(&r->provider);
    process_end_within(0);
    note(r, e);
    return r->well ? USEC_NEVER : r->next;
}

static void end(void *state)
{
    struct kms_role *r = state;
    kms_provider_close(&r->provider);
}

const struct role_work kms_work = {.start = start, .message = message, .turn = turn, .end = end};
