/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/pkcs11.h"

#include "base/mem.h"
#include "base/read.h"

#define CRYPTOKI_GNU 1
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#define NONCE     12
#define TAG       16
#define KEY_BYTES 32
#define SLOTS_MAX 64
#define LABEL     32 /* of a token, padded with spaces */

struct pkcs11 {
    struct pkcs11_conf conf;
    struct ck_function_list *f; /* NULL: not loaded */
    ck_session_handle_t session;
    bool open, pin_refused;
    const char *why;
};

/* What the module's answers mean to us. `again`: the session or the module is of no use any more. */
static const struct meaning {
    ck_rv_t rv;
    enum err e;
    bool again;
    const char *why;
} meanings[] = {
    {CKR_PIN_INCORRECT, ERR_STATE, false, "The token refused the PIN."},
    {CKR_PIN_INVALID, ERR_STATE, false, "The token refused the PIN."},
    {CKR_PIN_LEN_RANGE, ERR_STATE, false, "The token refused the PIN: its length."},
    {CKR_PIN_EXPIRED, ERR_STATE, false, "The token's PIN has expired."},
    {CKR_PIN_LOCKED, ERR_STATE, false, "The token's PIN is locked."},
    {CKR_USER_PIN_NOT_INITIALIZED, ERR_STATE, false, "The token has no PIN yet."},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, ERR_DENIED, false,
     "The key is disabled: the token does not let it be used."},
    {CKR_KEY_TYPE_INCONSISTENT, ERR_DENIED, false, "The key is not for AES."},
    {CKR_KEY_SIZE_RANGE, ERR_DENIED, false, "The key has the wrong size."},
    {CKR_MECHANISM_INVALID, ERR_DENIED, false, "The token can't do AES-GCM with this key."},
    {CKR_MECHANISM_PARAM_INVALID, ERR_DENIED, false, "The token can't do AES-GCM with this key."},
    {CKR_ENCRYPTED_DATA_INVALID, ERR_AUTH, false, "What was wrapped is damaged, or by another key."},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, ERR_AUTH, false, "What was wrapped is damaged, or by another key."},
    {CKR_KEY_HANDLE_INVALID, ERR_UNKNOWN, true, "The token has no key of this label."},
    {CKR_OBJECT_HANDLE_INVALID, ERR_UNKNOWN, true, "The token has no key of this label."},
    {CKR_SESSION_HANDLE_INVALID, ERR_CLOSED, true, "The token ended the session."},
    {CKR_SESSION_CLOSED, ERR_CLOSED, true, "The token ended the session."},
    {CKR_USER_NOT_LOGGED_IN, ERR_CLOSED, true, "The token logged us out."},
    {CKR_CRYPTOKI_NOT_INITIALIZED, ERR_CLOSED, true, "The module lost its state."},
    {CKR_TOKEN_NOT_PRESENT, ERR_CLOSED, true, "The token is not there."},
    {CKR_TOKEN_NOT_RECOGNIZED, ERR_CLOSED, true, "The token is not recognised."},
    {CKR_SLOT_ID_INVALID, ERR_CLOSED, true, "The token is not there."},
    {CKR_DEVICE_REMOVED, ERR_CLOSED, true, "The token was taken away."},
    {CKR_DEVICE_ERROR, ERR_CLOSED, true, "The token reports a fault."},
    {CKR_DEVICE_MEMORY, ERR_CLOSED, true, "The token is out of memory."},
    {CKR_HOST_MEMORY, ERR_NOMEM, false, "The module is out of memory."},
    {CKR_SESSION_COUNT, ERR_CLOSED, true, "The token has no session left for us."},
};

static const struct meaning *meaning_of(ck_rv_t rv)
{
    static const struct meaning other = {CKR_GENERAL_ERROR, ERR_CLOSED, true,
                                         "The token or its module failed."};
    for (size_t i = 0; i < COUNT_OF(meanings); i++)
        if (meanings[i].rv == rv) return &meanings[i];
    return &other;
}

static enum err fault(struct pkcs11 *p, enum err e, const char *why)
{
    p->why = why;
    return e;
}

static enum err fault_of(struct pkcs11 *p, ck_rv_t rv)
{
    const struct meaning *m = meaning_of(rv);
    return fault(p, m->e, m->why);
}

/* --- the session --- */

static void drop(struct pkcs11 *p)
{
    if (!p->f) return;
    if (p->open) (void)p->f->C_CloseSession(p->session); /* the last one: logs out */
    p->open = false;
    (void)p11_kit_module_finalize(p->f);
    p11_kit_module_release(p->f);
    p->f = NULL;
}

static bool labelled(const struct ck_token_info *t, const char *label)
{
    size_t n = strlen(label);
    if (n > LABEL || memcmp(t->label, label, n) != 0) return false;
    for (size_t i = n; i < LABEL; i++)
        if (t->label[i] != ' ') return false;
    return true;
}

static enum err find_token(struct pkcs11 *p, ck_slot_id_t *slot)
{
    ck_slot_id_t slots[SLOTS_MAX];
    unsigned long n = SLOTS_MAX;
    ck_rv_t rv = p->f->C_GetSlotList(1, slots, &n);
    if (rv == CKR_BUFFER_TOO_SMALL) return fault(p, ERR_CLOSED, "The module has more than 64 tokens.");
    if (rv != CKR_OK) return fault_of(p, rv);
    for (unsigned long i = 0; i < n && i < SLOTS_MAX; i++) {
        struct ck_token_info t;
        if (p->f->C_GetTokenInfo(slots[i], &t) != CKR_OK || !labelled(&t, p->conf.token)) continue;
        *slot = slots[i];
        return OK;
    }
    return fault(p, ERR_CLOSED, "The module has no token of this label.");
}

static enum err log_in(struct pkcs11 *p)
{
    uint8_t pin[SECRET_MAX];
    size_t n = p->conf.pin->n;
    memcpy(pin, p->conf.pin->b, sizeof pin); /* the call's argument is not const */
    ck_rv_t rv = p->f->C_Login(p->session, CKU_USER, pin, n);
    secret_wipe(pin, sizeof pin);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) return OK;
    enum err e = fault_of(p, rv);
    p->pin_refused = e == ERR_STATE;
    return e;
}

static enum err connect_token(struct pkcs11 *p)
{
    ck_slot_id_t slot = 0;
    if (p->open) return OK;
    if (p->pin_refused) return ERR_STATE; /* `why` still says so */
    drop(p);
    p->f = p11_kit_module_load(p->conf.module, P11_KIT_MODULE_UNMANAGED);
    if (!p->f) return fault(p, ERR_CLOSED, "The module can't be loaded.");
    ck_rv_t rv = p11_kit_module_initialize(p->f);
    if (rv != CKR_OK) {
        p11_kit_module_release(p->f);
        p->f = NULL;
        return fault(p, ERR_CLOSED, "The module does not start.");
    }
    enum err e = find_token(p, &slot);
    if (!e) {
        rv = p->f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &p->session);
        if (rv != CKR_OK) e = fault_of(p, rv);
        p->open = rv == CKR_OK;
    }
    if (!e) e = log_in(p);
    if (e) drop(p);
    return e;
}

/* --- the key --- */

/* The one key of our label. The session is dropped with a failure that it can't outlive. */
static ck_rv_t search(struct pkcs11 *p, ck_object_handle_t found[2], unsigned long *n)
{
    ck_object_class_t class = CKO_SECRET_KEY;
    ck_key_type_t type = CKK_AES;
    char label[256];
    size_t length = strlen(p->conf.key);
    if (length > sizeof label) length = sizeof label;
    memcpy(label, p->conf.key, length);
    struct ck_attribute want[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}, {CKA_LABEL, label, length}};
    ck_rv_t rv = p->f->C_FindObjectsInit(p->session, want, COUNT_OF(want));
    if (rv != CKR_OK) return rv;
    rv = p->f->C_FindObjects(p->session, found, 2, n);
    ck_rv_t end = p->f->C_FindObjectsFinal(p->session);
    return rv != CKR_OK ? rv : end;
}

/* *rv is what the token said, when the fault was the token's. */
static enum err find_key(struct pkcs11 *p, ck_object_handle_t *key, ck_rv_t *rv)
{
    ck_object_handle_t found[2];
    unsigned long n = 0, bytes = 0;
    *rv = search(p, found, &n);
    if (*rv != CKR_OK) return fault_of(p, *rv);
    if (n == 0) return fault(p, ERR_UNKNOWN, "The token has no key of this label.");
    if (n > 1) return fault(p, ERR_DENIED, "The token has more than one key of this label.");
    struct ck_attribute length = {CKA_VALUE_LEN, &bytes, sizeof bytes};
    *rv = p->f->C_GetAttributeValue(p->session, found[0], &length, 1);
    if (*rv != CKR_OK) return fault_of(p, *rv);
    if (bytes != KEY_BYTES)
        return fault(p, ERR_DENIED, "The key has the wrong size: AES of 256 bits is asked for.");
    *key = found[0];
    return OK;
}

struct job {
    bool seal;
    uint8_t nonce[NONCE];
    struct span aad, in;
    uint8_t *out;
    size_t room, n; /* n: what was written */
};

static enum err run_once(struct pkcs11 *p, struct job *j, ck_rv_t *rv)
{
    ck_object_handle_t key = 0;
    uint8_t aad[512], in[KMS_SEALED_MAX];
    unsigned long n = j->room;
    *rv = CKR_OK;
    enum err e = connect_token(p);
    if (!e) e = find_key(p, &key, rv);
    if (e) return e;
    if (j->aad.n > sizeof aad || j->in.n > sizeof in) return ERR_LIMIT;
    if (j->aad.n) memcpy(aad, j->aad.p, j->aad.n); /* the call's arguments are not const */
    memcpy(in, j->in.p, j->in.n);
    struct ck_gcm_params gcm = {.iv_ptr = j->nonce,
                                .iv_len = NONCE,
                                .iv_bits = 8 * NONCE,
                                .aad_ptr = aad,
                                .aad_len = j->aad.n,
                                .tag_bits = 8 * TAG};
    struct ck_mechanism how = {CKM_AES_GCM, &gcm, sizeof gcm};
    *rv = j->seal ? p->f->C_EncryptInit(p->session, &how, key) : p->f->C_DecryptInit(p->session, &how, key);
    bool begun = *rv == CKR_OK;
    if (begun)
        *rv = j->seal ? p->f->C_Encrypt(p->session, in, j->in.n, j->out, &n)
                      : p->f->C_Decrypt(p->session, in, j->in.n, j->out, &n);
    secret_wipe(in, sizeof in);
    if (*rv == CKR_OK) {
        j->n = n;
        p->why = "";
        return OK;
    }
    /* tokens say "general" of a tag that is wrong; the key was found and could be used until then */
    if (begun && !j->seal &&
        (*rv == CKR_GENERAL_ERROR || *rv == CKR_FUNCTION_FAILED || *rv == CKR_DATA_INVALID)) {
        *rv = CKR_ENCRYPTED_DATA_INVALID;
        drop(p); /* or it was the session after all: the next call begins with a new one */
    }
    return fault_of(p, *rv);
}

static enum err run(struct pkcs11 *p, struct job *j)
{
    ck_rv_t rv = CKR_OK;
    enum err e = run_once(p, j, &rv);
    if (!e || rv == CKR_OK || !meaning_of(rv)->again) return e;
    drop(p);
    e = run_once(p, j, &rv);
    if (e && rv != CKR_OK && meaning_of(rv)->again) drop(p);
    return e;
}

/* --- the contract --- */

static enum err wrap(void *ctx, const struct secret *plain, struct span aad, struct writer *sealed)
{
    struct pkcs11 *p = ctx;
    uint8_t out[SECRET_MAX + TAG];
    struct job j = {.seal = true, .aad = aad, .in = secret_span(plain), .out = out, .room = sizeof out};
    enum err e = p->conf.random(p->conf.random_ctx, j.nonce, NONCE);
    if (!e) e = run(p, &j);
    if (e) return e;
    if (j.n != (size_t)plain->n + TAG)
        return fault(p, ERR_CLOSED, "The token gave something else than AES-GCM's output.");
    write_bytes(sealed, SPAN_OF(j.nonce));
    write_bytes(sealed, SPAN(out, j.n));
    return write_ok(sealed);
}

static enum err unwrap(void *ctx, struct span sealed, struct span aad, struct secret *plain)
{
    struct pkcs11 *p = ctx;
    uint8_t out[SECRET_MAX + TAG];
    struct reader r = reader_of(sealed);
    struct job j = {.aad = aad, .out = out, .room = sizeof out};
    read_copy(&r, j.nonce, NONCE);
    j.in = read_bytes(&r, read_left(&r));
    if (r.bad || j.in.n <= TAG || j.in.n > SECRET_MAX + TAG) return ERR_FORMAT;
    enum err e = run(p, &j);
    if (!e && j.n != j.in.n - TAG) e = ERR_AUTH;
    if (!e) {
        memcpy(plain->b, out, j.n);
        plain->n = (uint8_t)j.n;
    }
    secret_wipe(out, sizeof out);
    return e;
}

enum err pkcs11_new(const struct pkcs11_conf *conf, struct pkcs11 **out)
{
    struct pkcs11 *p = mem_new(1, sizeof *p);
    if (!p) return ERR_NOMEM;
    p->conf = *conf;
    p->why = "";
    *out = p;
    return OK;
}

void pkcs11_free(struct pkcs11 *p)
{
    if (!p) return;
    drop(p);
    mem_free(p);
}

void pkcs11_kms(struct pkcs11 *p, struct kms *k)
{
    *k = (struct kms){"pkcs11", p, wrap, unwrap};
}

enum err pkcs11_check(struct pkcs11 *p)
{
    ck_object_handle_t key = 0;
    ck_rv_t rv = CKR_OK;
    enum err e = connect_token(p);
    if (!e) e = find_key(p, &key, &rv);
    if (e && rv != CKR_OK && meaning_of(rv)->again) drop(p);
    if (!e) p->why = "";
    return e;
}

const char *pkcs11_why(const struct pkcs11 *p)
{
    return p->why;
}
