/* SPDX-License-Identifier: Apache-2.0 */
#include "app/kms_provider.h"

#include "base/buf.h"
#include "guest/pkcs11.h"
#include "io/file.h"
#include "io/process.h"

static enum err read_pin(struct kms_provider *p, const char *path)
{
    struct buf b;
    buf_init(&b, SECRET_MAX + 2);
    enum err e = file_open_to_others(path) ? ERR_DENIED : file_read(path, &b);
    size_t n = b.n;
    while (!e && n && (b.p[n - 1] == '\n' || b.p[n - 1] == '\r'))
        n--;
    if (!e && (n == 0 || n > SECRET_MAX)) e = ERR_FORMAT;
    if (!e) {
        memcpy(p->pin.b, b.p, n);
        p->pin.n = (uint8_t)n;
    }
    if (b.p) secret_wipe(b.p, b.n);
    buf_fini(&b);
    return e;
}

enum err kms_provider_open(struct kms_provider *p, const struct config *c, const struct crypto *crypto)
{
    *p = (struct kms_provider){.why = "This provider is not known."};
    if (strcmp(c->kms, "pkcs11") != 0) return ERR_UNSUPPORTED;
    enum err e = read_pin(p, c->kms_pin_file);
    p->why =
        "The file kms-pin-file can't be read, is open to others, or holds no PIN of at most 64 characters.";
    if (e) return e;
    p->why = "kms-environment: expected NAME=VALUE.";
    if (c->kms_environment[0]) e = process_env_set(c->kms_environment);
    if (e) return e;
    struct pkcs11_conf conf = {c->kms_module, c->kms_token, c->kms_key, &p->pin, crypto->random, crypto->ctx};
    p->why = "There is no memory left.";
    e = pkcs11_new(&conf, &p->pkcs11);
    if (e) return e;
    p->why = NULL;
    pkcs11_kms(p->pkcs11, &p->kms);
    return OK;
}

void kms_provider_close(struct kms_provider *p)
{
    pkcs11_free(p->pkcs11);
    p->pkcs11 = NULL;
    secret_drop(&p->pin);
}

enum err kms_provider_check(struct kms_provider *p)
{
    return pkcs11_check(p->pkcs11);
}

const char *kms_provider_why(const struct kms_provider *p)
{
    return p->why ? p->why : pkcs11_why(p->pkcs11);
}
