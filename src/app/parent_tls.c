/* SPDX-License-Identifier: Apache-2.0 */
#include "app/parent_inner.h"

#include "base/secret.h"
#include "guest/openssl_certificate.h"
#include "io/addresses.h"
#include "io/file.h"

#include <stdio.h>

#define DEV_FILE "dev-certificate.pem"
#define DEV_DAYS 90
#define DEV_NEAR 7 /* days before its end: make a new one */

static enum err make(const struct config *c, struct buf *pem)
{
    const char *names[40];
    unsigned n = 0;
    struct addresses v4, v6;
    char host[64];
    names[n++] = "localhost";
    addresses_list(4, &v4);
    addresses_list(6, &v6);
    for (unsigned i = 0; i < v4.count && n < 18; i++)
        names[n++] = v4.text[i];
    for (unsigned i = 0; i < v6.count && n < 30; i++)
        names[n++] = v6.text[i];
    for (unsigned i = 0; i < c->announce.count && n < 38; i++)
        names[n++] = c->announce.text[i];
    const char *colon = strrchr(c->listen, ':');
    size_t length = colon ? (size_t)(colon - c->listen) : 0;
    if (length && length < sizeof host && c->listen[0] != '[') { /* an address that is not up yet */
        memcpy(host, c->listen, length);
        host[length] = 0;
        names[n++] = host;
    }
    enum err e = certificate_make(names, n, DEV_DAYS, pem);
    return e ? e : file_write(c->data, DEV_FILE, buf_span(pem));
}

static enum err read_part(const char *path, const char *key, struct buf *pem, struct config_fault *f)
{
    enum err e = file_read(path, pem);
    if (e) snprintf(f->text, sizeof f->text, "%s: can't read %.150s: %s", key, path, err_text(e));
    return e;
}

enum err parent_tls(const struct config *c, struct buf *pem, struct config_fault *fault)
{
    char path[CONFIG_PATH + 32];
    int days;
    if (c->tls_certificate[0]) {
        enum err e = read_part(c->tls_certificate, "tls-certificate", pem, fault);
        if (!e) e = buf_add(pem, SPAN_LIT("\n"));
        if (!e) e = read_part(c->tls_key, "tls-key", pem, fault);
        if (!e && (e = certificate_days(buf_span(pem), &days)))
            snprintf(fault->text, sizeof fault->text, "tls-certificate: %.150s holds no certificate",
                     c->tls_certificate);
        return e;
    }
    if (!c->dev) {
        snprintf(fault->text, sizeof fault->text,
                 "tls-certificate and tls-key are missing; name them, or use --dev to try things out");
        return ERR_STATE;
    }
    snprintf(path, sizeof path, "%s/" DEV_FILE, c->data);
    enum err e = file_read(path, pem);
    if (e == OK && certificate_days(buf_span(pem), &days) == OK && days > DEV_NEAR) return OK;
    if (pem->p) secret_wipe(pem->p, pem->n);
    pem->n = 0;
    e = make(c, pem);
    if (e)
        snprintf(fault->text, sizeof fault->text, "can't make a development certificate in %.120s: %s",
                 c->data, err_text(e));
    return e;
}
