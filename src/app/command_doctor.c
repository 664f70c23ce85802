/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "app/kms_provider.h"
#include "app/page_files.h"

#include "core/crypto.h"
#include "guest/openssl_certificate.h"
#include "guest/openssl_crypto.h"
#include "guest/sqlite.h"
#include "io/addresses.h"
#include "io/file.h"
#include "io/ipc.h"
#include "io/process.h"
#include "base/write.h"
#include "wire/json.h"

#include <stdio.h>

#define DOCTOR_USAGE  "incamera doctor [--config FILE] [--data DIR] [--json]"
#define VERSION_USAGE "incamera version [--json]"
#define DISK_LOW      (UINT64_C(1) << 30)

enum finding { FINE, ODD, BAD };
struct report {
    struct writer w; /* the findings as JSON */
    unsigned count, odd, bad;
    bool json;
};

static void found(struct report *r, enum finding f, const char *what, const char *mend)
{
    static const char *const names[] = {"ok", "warning", "error"};
    r->odd += f == ODD;
    r->bad += f == BAD;
    if (!r->json) {
        say("%-8s %s%s%s\n", names[f], what, f == FINE ? "" : "\n         ", f == FINE ? "" : mend);
        return;
    }
    write_str(&r->w, r->count++ ? ",{\"finding\":" : "{\"finding\":");
    json_write_str(&r->w, names[f]);
    write_str(&r->w, ",\"what\":");
    json_write_str(&r->w, what);
    write_str(&r->w, ",\"mend\":");
    json_write_str(&r->w, f == FINE ? "" : mend);
    write_str(&r->w, "}");
}

static void look_at_data(struct report *r, const struct words *w)
{
    char text[CONFIG_PATH + 128], path[CONFIG_PATH + 64];
    static const char *const secrets[] = {"vault/token.key", "vault/audit.key", "vault/relay.secret",
                                          "dev-certificate.pem", "keeper.db"};
    int fd;
    if (ipc_connect(w->data, "control.sock", &fd) == OK) {
        process_close(fd);
        found(r, FINE, "a server runs on this data folder and answers", "");
    } else {
        enum err e = file_lock(w->data, "lock", &fd);
        if (e == OK) process_close(fd);
        if (e == ERR_EXISTS)
            found(r, BAD, "the data folder is locked but nobody answers",
                  "end the process that holds it, or restart the server");
        else if (e == ERR_UNKNOWN)
            found(r, FINE, "the data folder is not there yet; `incamera serve` makes it", "");
        else if (e)
            found(r, BAD, "the data folder can't be used",
                  "give it to the user that runs incamera, mode 0700");
        else
            found(r, FINE, "the data folder can be used; no server runs on it", "");
    }
    for (unsigned i = 0; i < COUNT_OF(secrets); i++) {
        snprintf(path, sizeof path, "%s/%s", w->data, secrets[i]);
        snprintf(text, sizeof text, "%.900s can be read by others", path);
        if (file_open_to_others(path))
            found(r, BAD, text, i == 4 ? "make the data folder mode 0700" : "chmod 600 it");
    }
    uint64_t space = file_free_bytes(w->data);
    snprintf(text, sizeof text, "%llu MiB free in the data folder", (unsigned long long)(space >> 20));
    if (space)
        found(r, space < DISK_LOW ? ODD : FINE, text, "the audit trail and recordings need room; free some");
}

static void look_at_machine(struct report *r)
{
    struct addresses v4, v6;
    char text[128];
    addresses_list(4, &v4);
    addresses_list(6, &v6);
    snprintf(text, sizeof text, "%u IPv4 and %u IPv6 addresses beside loopback, %u cores", v4.outward,
             v6.outward, process_cores());
    found(r, v4.outward + v6.outward ? FINE : ODD, text,
          "others can't reach this machine; name --announce if it is behind a router");
    found(r, openssl_crypto() ? FINE : BAD, certificate_library(),
          "install OpenSSL 3.0 with its default provider");
}

static void look_at_kms(struct report *r, const struct config *c)
{
    char text[512];
    struct kms_provider p;
    if (!config_kms_remote(c)) {
        found(r, ODD, "recordings are under a key file on this machine (kms = file): for one machine only",
              "name the organisation's key management system: docs/operators.md, Keys");
        return;
    }
    process_end_within(30); /* a module that hangs */
    enum err e = kms_provider_open(&p, c, openssl_crypto());
    if (!e) e = kms_provider_check(&p);
    process_end_within(0);
    snprintf(text, sizeof text, "key management: %s, token \"%s\", key \"%s\"%s%s", c->kms, c->kms_token,
             c->kms_key, e ? ": " : " can be used", e ? kms_provider_why(&p) : "");
    found(r, e ? BAD : FINE, text,
          "without it no recording begins and none opens; see docs/operators.md, Keys");
    kms_provider_close(&p);
}

static void look_at_config(struct report *r, const char *file)
{
    static struct config c;
    struct config_fault fault = {""};
    char flag[] = "--config", *args[2] = {flag, NULL};
    static char path[CONFIG_PATH];
    snprintf(path, sizeof path, "%s", file ? file : "");
    args[1] = path;
    enum err e = config_read(&c, file ? 2 : 0, args, &fault);
    found(r, e ? BAD : FINE, e ? fault.text : "the configuration can be read",
          "correct the setting that is named");
    if (!e && c.turn_allow_peer.count)
        found(r, ODD, "the relay may reach networks named by turn-allow-peer",
              "leave this to tests and benches");
    if (!e && openssl_crypto()) look_at_kms(r, &c);
    if (!e && c.dev) found(r, ODD, "dev is on: anybody may make rooms", "never so on a machine others reach");
}

int command_doctor(int argc, char **argv)
{
    static const char *const names[] = {"--config", NULL};
    static uint8_t text[16384];
    struct words w;
    int code = words_read(&w, argc, argv, names, DOCTOR_USAGE);
    if (code >= 0) return code;
    if (w.count) return complain(2, "expected: " DOCTOR_USAGE);
    struct report r = {.w = writer_of(MSPAN(text, sizeof text)), .json = w.json};
    look_at_config(&r, words_option(&w, "--config"));
    look_at_data(&r, &w);
    look_at_machine(&r);
    if (r.json)
        say("{\"errors\":%u,\"warnings\":%u,\"findings\":[%.*s]}\n", r.bad, r.odd, (int)r.w.n,
            (const char *)text);
    else
        say("%u errors, %u warnings\n", r.bad, r.odd);
    return r.bad ? 1 : 0;
}

int command_version(int argc, char **argv)
{
    struct words w;
    int code = words_read(&w, argc, argv, NULL, VERSION_USAGE);
    if (code >= 0) return code;
    if (w.count) return complain(2, "expected: " VERSION_USAGE);
    const char *compiler = __VERSION__;
    if (w.json)
        say("{\"version\":\"%s\",\"compiler\":\"%s\",\"openssl\":\"%s\",\"sqlite\":\"%s\",\"page\":\"%s\"}\n",
            INCAMERA_VERSION, compiler, certificate_library(), db_library(), page_hash);
    else
        say("incamera %s\nbuilt with %s\n%s\nSQLite %s\npage %s\n", INCAMERA_VERSION, compiler,
            certificate_library(), db_library(), page_hash);
    return 0;
}
