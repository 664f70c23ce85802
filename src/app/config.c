/* SPDX-License-Identifier: Apache-2.0 */
#include "app/config.h"

#include "app/log.h"
#include "base/buf.h"
#include "io/file.h"
#include "io/process.h"
#include "io/tcp.h"

#include <stdarg.h>
#include <stdio.h>

enum kind { PATH, TEXT, ADDRESS, ADDRESSES, IPS, CIDRS, ORIGINS, COUNT, SWITCH, LEVEL };

#define R(role) (1u << (role))
#define NEEDED_BY_ALL                                                                                        \
    (R(ROLE_FRONT) | R(ROLE_ENGINE) | R(ROLE_KEEPER) | R(ROLE_VAULT) | R(ROLE_ARCHIVE) | R(ROLE_KMS))

/* Order is also the place in config.rank. */
static const struct setting {
    const char *key;
    enum kind kind;
    size_t at;
    unsigned roles; /* which get it */
} settings[] = {
    {"config", PATH, offsetof(struct config, file), 0},
    {"data", PATH, offsetof(struct config, data), R(ROLE_KEEPER) | R(ROLE_VAULT) | R(ROLE_ARCHIVE)},
    {"listen", ADDRESS, offsetof(struct config, listen), R(ROLE_FRONT) | R(ROLE_KEEPER)},
    {"listen-plain", ADDRESS, offsetof(struct config, listen_plain), R(ROLE_FRONT) | R(ROLE_KEEPER)},
    {"media", ADDRESSES, offsetof(struct config, media), 0},
    {"announce", IPS, offsetof(struct config, announce), R(ROLE_ENGINE) | R(ROLE_KEEPER)},
    {"engines", COUNT, offsetof(struct config, engines), R(ROLE_KEEPER) | R(ROLE_FRONT)},
    {"turn", ADDRESS, offsetof(struct config, turn), R(ROLE_ENGINE) | R(ROLE_KEEPER)},
    {"turn-allow-peer", CIDRS, offsetof(struct config, turn_allow_peer), R(ROLE_ENGINE)},
    {"origin", ORIGINS, offsetof(struct config, origin), R(ROLE_FRONT)},
    {"tls-certificate", PATH, offsetof(struct config, tls_certificate), 0},
    {"tls-key", PATH, offsetof(struct config, tls_key), 0},
    {"audit-heads", PATH, offsetof(struct config, audit_heads), R(ROLE_KEEPER)},
    {"kms", TEXT, offsetof(struct config, kms), R(ROLE_VAULT) | R(ROLE_KMS)},
    {"kms-module", PATH, offsetof(struct config, kms_module), R(ROLE_KMS)},
    {"kms-token", TEXT, offsetof(struct config, kms_token), R(ROLE_KMS)},
    {"kms-key", TEXT, offsetof(struct config, kms_key), R(ROLE_KMS)},
    {"kms-pin-file", PATH, offsetof(struct config, kms_pin_file), R(ROLE_KMS)},
    {"kms-folder", PATH, offsetof(struct config, kms_folder), R(ROLE_KMS)},
    {"kms-environment", PATH, offsetof(struct config, kms_environment), R(ROLE_KMS)},
    {"dev", SWITCH, offsetof(struct config, dev), NEEDED_BY_ALL},
    {"log", LEVEL, offsetof(struct config, log), NEEDED_BY_ALL},
};
_Static_assert(COUNT_OF(settings) <= sizeof((struct config *)0)->rank, "a rank for each setting");

static enum err fault_of(struct config_fault *f, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err fault_of(struct config_fault *f, enum err e, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
    return e;
}

void config_init(struct config *c)
{
    *c = (struct config){0};
    snprintf(c->data, sizeof c->data, "data");
    snprintf(c->listen, sizeof c->listen, "0.0.0.0:8443");
    snprintf(c->media.text[0], CONFIG_TEXT, "0.0.0.0:40000");
    c->media.count = 1;
    snprintf(c->log, sizeof c->log, "info");
    snprintf(c->kms, sizeof c->kms, "file");
}

static bool is_ip(const char *text)
{
    char with_port[CONFIG_TEXT + 8];
    struct path p;
    snprintf(with_port, sizeof with_port, strchr(text, ':') ? "[%s]:1" : "%s:1", text);
    return address_parse(with_port, &p) == OK;
}

static bool is_cidr(const char *text)
{
    char ip[CONFIG_TEXT];
    const char *slash = strchr(text, '/');
    unsigned bits = 0;
    if (!slash || slash == text || (size_t)(slash - text) >= sizeof ip || !slash[1]) return false;
    memcpy(ip, text, (size_t)(slash - text));
    ip[slash - text] = 0;
    for (const char *p = slash + 1; *p; p++) {
        if (*p < '0' || *p > '9' || p - slash > 3) return false;
        bits = bits * 10 + (unsigned)(*p - '0');
    }
    return is_ip(ip) && bits <= (strchr(ip, ':') ? 128 : 32);
}

/* scheme://host[:port], RFC 6454 section 6.2. */
static bool is_origin(const char *text)
{
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : NULL;
    return host && host[0] && !strpbrk(host, "/?#@, ") && strlen(text) < CONFIG_TEXT;
}

static bool is_list(enum kind kind)
{
    return kind == ADDRESSES || kind == IPS || kind == CIDRS || kind == ORIGINS;
}

static enum err set_list(struct config_list *l, enum kind kind, const char *value, const char *key,
                         struct config_fault *f)
{
    struct path p;
    bool good = kind == ADDRESSES ? address_parse(value, &p) == OK
                : kind == IPS     ? is_ip(value)
                : kind == ORIGINS ? is_origin(value)
                                  : is_cidr(value);
    if (!good)
        return fault_of(f, ERR_FORMAT, "%s: expected %s, not \"%s\"", key,
                        kind == ADDRESSES ? "ADDRESS:PORT ([ADDRESS]:PORT for IPv6)"
                        : kind == IPS     ? "an IP address"
                        : kind == ORIGINS ? "an origin like https://example.org"
                                          : "a network like 10.0.0.0/8",
                        value);
    if (l->count == CONFIG_LIST_MAX)
        return fault_of(f, ERR_LIMIT, "%s: at most %d of them", key, CONFIG_LIST_MAX);
    snprintf(l->text[l->count++], CONFIG_TEXT, "%s", value);
    return OK;
}

static enum err set_count(uint32_t *to, const char *value, const char *key, struct config_fault *f)
{
    uint32_t n = 0;
    for (const char *p = value; *p; p++) {
        if (*p < '0' || *p > '9' || n > CONFIG_ENGINES_MAX)
            return fault_of(f, ERR_FORMAT, "%s: expected a number from 1 to %d, not \"%s\"", key,
                            CONFIG_ENGINES_MAX, value);
        n = n * 10 + (uint32_t)(*p - '0');
    }
    if (n == 0 || n > CONFIG_ENGINES_MAX)
        return fault_of(f, ERR_FORMAT, "%s: expected a number from 1 to %d, not \"%s\"", key,
                        CONFIG_ENGINES_MAX, value);
    *to = n;
    return OK;
}

static enum err set_switch(bool *to, const char *value, const char *key, struct config_fault *f)
{
    bool yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    bool no = strcmp(value, "no") == 0 || strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
    if (!yes && !no) return fault_of(f, ERR_FORMAT, "%s: expected yes or no, not \"%s\"", key, value);
    *to = yes;
    return OK;
}

static enum err set_value(struct config *c, const struct setting *s, const char *value,
                          struct config_fault *f)
{
    char *at = (char *)c + s->at;
    struct path p;
    enum log_level level;
    switch (s->kind) {
    case PATH:
        if (!value[0]) return fault_of(f, ERR_FORMAT, "%s: expected a path", s->key);
        snprintf(at, CONFIG_PATH, "%s", value);
        return OK;
    case ADDRESS:
        if (address_parse(value, &p))
            return fault_of(f, ERR_FORMAT, "%s: expected ADDRESS:PORT ([ADDRESS]:PORT for IPv6), not \"%s\"",
                            s->key, value);
        break;
    case ADDRESSES:
    case IPS:
    case CIDRS:
    case ORIGINS:
        return set_list((struct config_list *)(void *)at, s->kind, value, s->key, f);
    case COUNT:
        return set_count((uint32_t *)(void *)at, value, s->key, f);
    case SWITCH:
        return set_switch((bool *)at, value, s->key, f);
    case LEVEL:
        if (!log_level_of(span_str(value), &level))
            return fault_of(f, ERR_FORMAT, "%s: expected debug, info, warn or error, not \"%s\"", s->key,
                            value);
        break;
    case TEXT:
        break;
    }
    snprintf(at, CONFIG_TEXT, "%s", value);
    return OK;
}

enum err config_set(struct config *c, enum config_source from, struct span key, struct span value,
                    struct config_fault *fault)
{
    char text[CONFIG_PATH];
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        const struct setting *s = &settings[i];
        if (!span_equal(key, span_str(s->key))) continue;
        size_t max = s->kind == PATH ? sizeof text : CONFIG_TEXT;
        if (value.n >= max)
            return fault_of(fault, ERR_LIMIT, "%s: longer than %zu characters", s->key, max - 1);
        for (size_t k = 0; k < value.n; k++)
            if (value.p[k] < 0x20 || value.p[k] == 0x7f)
                return fault_of(fault, ERR_FORMAT, "%s: has a control character in it", s->key);
        if (value.n) memcpy(text, value.p, value.n);
        text[value.n] = 0;
        bool list = is_list(s->kind);
        if (list && c->rank[i] < (uint8_t)from)
            ((struct config_list *)(void *)((char *)c + s->at))->count = 0;
        enum err e = set_value(c, s, text, fault);
        if (!e) c->rank[i] = (uint8_t)from;
        return e;
    }
    return fault_of(fault, ERR_UNKNOWN, "there is no setting \"%.*s\"", key.n > 60 ? 60 : (int)key.n,
                    (const char *)key.p);
}

static struct span trim(struct span s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

enum err config_lines(struct config *c, enum config_source from, struct span text, struct config_fault *fault)
{
    unsigned line = 0;
    for (size_t at = 0; at < text.n; at++) {
        size_t begin = at;
        while (at < text.n && text.p[at] != '\n')
            at++;
        line++;
        struct span s = trim(span_part(text, begin, at - begin));
        if (s.n == 0 || s.p[0] == '#') continue;
        const uint8_t *equals = memchr(s.p, '=', s.n);
        if (!equals) return fault_of(fault, ERR_FORMAT, "line %u: expected KEY = VALUE", line);
        size_t k = (size_t)(equals - s.p);
        struct config_fault inner;
        enum err e = config_set(c, from, trim(span_part(s, 0, k)), trim(span_part(s, k + 1, s.n)), &inner);
        if (e) return fault_of(fault, e, "line %u: %.200s", line, inner.text);
    }
    return OK;
}

static enum err read_file(struct config *c, struct config_fault *fault)
{
    struct buf b;
    struct config_fault inner;
    buf_init(&b, CONFIG_FILE_MAX);
    enum err e = file_read(c->file, &b);
    if (e)
        e = fault_of(fault, e, "can't read the configuration file %.150s: %s", c->file, err_text(e));
    else if ((e = config_lines(c, CONFIG_FROM_FILE, buf_span(&b), &inner)))
        fault_of(fault, e, "%.100s: %.140s", c->file, inner.text);
    buf_fini(&b);
    return e;
}

/* INCAMERA_LISTEN_PLAIN=… is listen-plain; lists are separated by commas or spaces. */
static enum err read_env(struct config *c, struct config_fault *fault)
{
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        char name[64] = "INCAMERA_";
        size_t n = 9;
        for (const char *p = settings[i].key; *p; p++)
            name[n++] = *p == '-' ? '_' : (char)(*p - 'a' + 'A');
        name[n] = 0;
        const char *value = process_env(name);
        if (!value) continue;
        bool list = is_list(settings[i].kind);
        size_t length = strlen(value), begin = 0;
        for (size_t at = 0; at <= length; at++) {
            bool cut = at == length || (list && (value[at] == ',' || value[at] == ' '));
            if (!cut) continue;
            struct config_fault inner;
            enum err e = at == begin && list ? OK
                                             : config_set(c, CONFIG_FROM_ENV, span_str(settings[i].key),
                                                          SPAN(value + begin, at - begin), &inner);
            if (e) return fault_of(fault, e, "environment %s: %.180s", name, inner.text);
            begin = at + 1;
        }
    }
    return OK;
}

/* --key value, --key=value; --dev alone. With `only`, just that key, and faults of others are left for later.
 */
static enum err read_flags(struct config *c, int argc, char **argv, const char *only,
                           struct config_fault *fault)
{
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) return ERR_CLOSED;
        if (strncmp(a, "--", 2) != 0 || !a[2])
            return fault_of(fault, ERR_FORMAT, "expected a flag like --listen ADDRESS:PORT, not \"%.80s\"",
                            a);
        const char *equals = strchr(a, '=');
        struct span key = equals ? SPAN(a + 2, (size_t)(equals - a - 2)) : span_str(a + 2);
        struct span value;
        if (equals)
            value = span_str(equals + 1);
        else if (span_equal(key, SPAN_LIT("dev")))
            value = SPAN_LIT("yes");
        else if (i + 1 < argc)
            value = span_str(argv[++i]);
        else
            return fault_of(fault, ERR_FORMAT, "--%.60s wants a value", a + 2);
        if (only && !span_equal(key, span_str(only))) continue;
        struct config_fault inner;
        enum err e = config_set(c, CONFIG_FROM_FLAG, key, value, &inner);
        if (e) return fault_of(fault, e, e == ERR_UNKNOWN ? "%.200s" : "--%.200s", inner.text);
    }
    return OK;
}

bool config_kms_remote(const struct config *c)
{
    return strcmp(c->kms, "file") != 0;
}

static enum err check_kms(const struct config *c, struct config_fault *fault)
{
    if (!config_kms_remote(c)) return OK;
    if (strcmp(c->kms, "pkcs11") != 0)
        return fault_of(fault, ERR_FORMAT, "kms: expected file or pkcs11, not \"%s\"", c->kms);
    if (!c->kms_module[0] || !c->kms_token[0] || !c->kms_key[0] || !c->kms_pin_file[0])
        return fault_of(fault, ERR_STATE,
                        "kms = pkcs11 wants kms-module, kms-token, kms-key and kms-pin-file");
    if (file_open_to_others(c->kms_pin_file))
        return fault_of(fault, ERR_DENIED, "kms-pin-file: %.150s can be read by others; chmod 600 it",
                        c->kms_pin_file);
    return OK;
}

static enum err check(const struct config *c, struct config_fault *fault)
{
    if (c->listen_plain[0] && !c->dev)
        return fault_of(fault, ERR_STATE,
                        "listen-plain: only a development server (--dev) may listen without TLS");
    if (!c->tls_certificate[0] != !c->tls_key[0])
        return fault_of(fault, ERR_STATE, "tls-certificate and tls-key go together");
    if (c->tls_key[0] && file_open_to_others(c->tls_key))
        return fault_of(fault, ERR_DENIED, "tls-key: %.150s can be read by others; chmod 600 it", c->tls_key);
    return check_kms(c, fault);
}

enum err config_read(struct config *c, int argc, char **argv, struct config_fault *fault)
{
    config_init(c);
    const char *file = process_env("INCAMERA_CONFIG");
    enum err e = file ? config_set(c, CONFIG_FROM_ENV, SPAN_LIT("config"), span_str(file), fault) : OK;
    if (!e) e = read_flags(c, argc, argv, "config", fault);
    if (!e && c->file[0]) e = read_file(c, fault);
    if (!e) e = read_env(c, fault);
    if (!e) e = read_flags(c, argc, argv, NULL, fault);
    return e ? e : check(c, fault);
}

static void put_line(struct writer *w, const char *key, const char *value)
{
    write_str(w, key);
    write_str(w, "=");
    write_str(w, value);
    write_str(w, "\n");
}

void config_part(struct writer *w, const struct config *c, enum role role)
{
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        const struct setting *s = &settings[i];
        const char *at = (const char *)c + s->at;
        if (!(s->roles & R(role))) continue;
        if (s->kind == SWITCH) {
            put_line(w, s->key, *(const bool *)at ? "yes" : "no");
        } else if (s->kind == COUNT) {
            char n[12];
            uint32_t v = *(const uint32_t *)(const void *)at;
            snprintf(n, sizeof n, "%u", v ? v : 1);
            put_line(w, s->key, n);
        } else if (is_list(s->kind)) {
            const struct config_list *l = (const struct config_list *)(const void *)at;
            for (unsigned k = 0; k < l->count; k++)
                put_line(w, s->key, l->text[k]);
        } else if (at[0]) {
            put_line(w, s->key, at);
        }
    }
}
