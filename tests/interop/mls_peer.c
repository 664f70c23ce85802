/* SPDX-License-Identifier: Apache-2.0
 * Members of MLS groups behind lines of text, for tests/interop/mls.mjs: one request a line, words between spaces,
 * bytes in hex ("-" when empty), one answer a line: "ok WORDS" or "no REASON". Members are numbers. Randomness comes
 * from the seed of `start`, so that a run can be repeated. Also tells what a join, a commit and a member cost
 * (`time`, for bench/mls). Not for production: keys out of a seed are no keys. */
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "people.h"

#define PEERS      1024
#define LINE_BYTES (8 << 20)
#define WORDS_MAX  4096
#define WHAT_MAX   1024

static struct person peers[PEERS];
static struct draft *entering[PEERS]; /* external commits that nobody has taken yet */
static uint16_t suite_id;
static char *line;
static size_t line_size;
static char *words[WORDS_MAX];
static size_t word_count;
static struct group_psk shared = {SPAN_NONE, SPAN_NONE}; /* the external PSK everybody knows */

struct answer {
    char *text;
    size_t n, size;
};
static struct answer out;

static void out_text(const char *text)
{
    size_t n = strlen(text);
    if (out.n + n + 2 > out.size) {
        out.size = 2 * (out.n + n + 2);
        out.text = realloc(out.text, out.size);
        if (!out.text) abort();
    }
    if (out.n) out.text[out.n++] = ' ';
    memcpy(out.text + out.n, text, n + 1);
    out.n += n;
}

static void out_number(uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    out_text(text);
}

static void out_hex(struct span s)
{
    static const char digits[] = "0123456789abcdef";
    if (s.n == 0) {
        out_text("-");
        return;
    }
    char *text = malloc(2 * s.n + 1);
    if (!text) abort();
    for (size_t i = 0; i < s.n; i++) {
        text[2 * i] = digits[s.p[i] >> 4];
        text[2 * i + 1] = digits[s.p[i] & 15];
    }
    text[2 * s.n] = 0;
    out_text(text);
    free(text);
}

static uint8_t digit(char c)
{
    if (c >= '0' && c <= '9') return (uint8_t)(c - '0');
    return (uint8_t)(c - 'a' + 10);
}

/* The bytes of word i, decoded in its place. */
static struct span hex(size_t i)
{
    if (i >= word_count || strcmp(words[i], "-") == 0) return SPAN_NONE;
    size_t n = strlen(words[i]) / 2;
    uint8_t *p = (uint8_t *)words[i];
    for (size_t k = 0; k < n; k++)
        p[k] = (uint8_t)(digit(words[i][2 * k]) << 4 | digit(words[i][2 * k + 1]));
    return SPAN(p, n);
}

static const char *word(size_t i)
{
    return i < word_count ? words[i] : "";
}

static uint64_t number(size_t i)
{
    return strtoull(word(i), NULL, 10);
}

static struct person *peer(size_t i)
{
    return &peers[number(i) % PEERS];
}

static struct group_conf conf(void)
{
    return (struct group_conf){.crypto = &people_crypto, .past = 2, .outside = 7};
}

static struct span kept(struct span s)
{
    uint8_t *p = malloc(s.n + 1);
    if (!p) abort();
    if (s.n) memcpy(p, s.p, s.n);
    return SPAN(p, s.n);
}

static enum err do_start(void)
{
    people_start(number(1));
    suite_id = (uint16_t)number(2);
    free((void *)(uintptr_t)shared.id.p);
    free((void *)(uintptr_t)shared.psk.p);
    shared = (struct group_psk){kept(hex(3)), kept(hex(4))};
    return OK;
}

static enum err do_key(void)
{
    struct person *p = peer(1);
    person_leave(p);
    snprintf(p->name, sizeof p->name, "%s", word(2));
    enum err e = person_keys(p, suite_id);
    if (e == OK) out_hex(blob_span(&p->key.message));
    if (e == OK) out_hex(SPAN(p->sign_pub, suite_id == SUITE_P256_AES128 ? 65 : 32));
    return e;
}

static enum err know_psk(struct person *p)
{
    return shared.id.n ? group_psk_put(p->g, &shared) : OK;
}

static enum err do_create(void)
{
    struct person *p = peer(1);
    struct group_conf c = conf();
    enum err e = group_create(&c, &p->key, hex(2), hex(3), &p->g);
    return e ? e : know_psk(p);
}

static enum err do_join(void)
{
    struct person *p = peer(1);
    struct group_conf c = conf();
    struct join_with with = {&p->key, hex(2), hex(3), &shared, shared.id.n ? 1 : 0};
    group_free(p->g);
    p->g = NULL;
    enum err e = group_join(&c, &with, &p->g);
    return e ? e : know_psk(p);
}

/* Proposals from word `at`: add KEY_PACKAGE, remove LEAF, update, psk, context EXTENSIONS. */
static size_t proposals(size_t at, struct propose *what)
{
    size_t n = 0;
    while (at < word_count && n < WHAT_MAX) {
        const char *w = word(at++);
        if (strcmp(w, "add") == 0)
            what[n++] = (struct propose){.type = MLS_ADD, .key_package = hex(at++)};
        else if (strcmp(w, "remove") == 0)
            what[n++] = (struct propose){.type = MLS_REMOVE, .leaf = (uint32_t)number(at++)};
        else if (strcmp(w, "context") == 0)
            what[n++] = (struct propose){.type = MLS_CONTEXT_EXTENSIONS, .extensions = hex(at++)};
        else if (strcmp(w, "psk") == 0)
            what[n++] = (struct propose){.type = MLS_PSK, .psk_id = shared.id};
        else
            what[n++] = (struct propose){.type = MLS_UPDATE};
    }
    return n;
}

static enum err do_propose(void)
{
    static struct propose what[WHAT_MAX];
    struct draft *d;
    if (proposals(3, what) != 1) return ERR_FORMAT;
    enum err e = person_propose(peer(1), what, strcmp(word(2), "public") == 0, &d);
    if (e) return e;
    out_hex(draft_message(d));
    draft_free(d);
    return OK;
}

static enum err do_commit(void)
{
    static struct propose what[WHAT_MAX];
    struct draft *d;
    struct commit_how how = {.proposals = what,
                             .no_path = strcmp(word(3), "nopath") == 0,
                             .framing = {.in_public = strcmp(word(2), "public") == 0}};
    how.count = proposals(4, what);
    enum err e = person_commit(peer(1), &how, &d);
    if (e) return e;
    out_hex(draft_message(d));
    out_hex(draft_welcome(d));
    draft_free(d);
    return OK;
}

static enum err do_take(void)
{
    struct person *p = peer(1);
    struct incoming in;
    enum err e = group_open(p->g, hex(2), &in);
    if (e) return e;
    static const char *const kinds[] = {"application", "proposal", "commit"};
    out_text(kinds[in.kind]);
    out_text(in.removed ? "removed" : in.own ? "own" : "other");
    out_number(in.sender);
    out_hex(in.data);
    out_hex(in.authenticated_data);
    e = group_apply(p->g, &in);
    incoming_drop(&in);
    return e;
}

static enum err do_say(void)
{
    struct person *p = peer(1);
    struct draft *d;
    enum err e = draft_application(p->g, hex(2), hex(3), &d);
    if (e) return e;
    e = draft_sign(d, secret_span(&p->sign));
    if (e == OK) out_hex(draft_message(d));
    draft_free(d);
    return e;
}

static enum err do_export(void)
{
    uint8_t value[64];
    size_t n = number(4) <= sizeof value ? number(4) : sizeof value;
    enum err e = group_export(peer(1)->g, hex(2), hex(3), MSPAN(value, n));
    if (e == OK) out_hex(SPAN(value, n));
    return e;
}

static enum err do_info(void)
{
    const struct group *g = peer(1)->g;
    out_number(group_epoch(g));
    out_number(group_own_leaf(g));
    out_number(group_members(g));
    out_hex(group_authenticator(g));
    out_hex(group_confirmed_hash(g));
    return OK;
}

static enum err do_groupinfo(void)
{
    struct person *p = peer(1);
    struct draft *d;
    enum err e = draft_group_info(p->g, &d);
    if (e) return e;
    e = draft_sign(d, secret_span(&p->sign));
    if (e == OK) out_hex(draft_message(d));
    draft_free(d);
    return e;
}

/* enter ID GROUP_INFO [replace LEAF]: the commit; entered ID once it was taken. */
static enum err do_enter(void)
{
    static const uint16_t types[] = {0xf1ca, 0xf1cb};
    struct person *p = peer(1);
    struct draft **d = &entering[number(1) % PEERS];
    struct group_conf c = conf();
    struct enter_with with = {
        .group_info = hex(2),
        .leaf = {.identity = span_str(p->name),
                 .signature_key = SPAN(p->sign_pub, suite_id == SUITE_P256_AES128 ? 65 : 32),
                 .extension_types = types,
                 .extension_count = 2},
        .replace = strcmp(word(3), "replace") == 0,
        .former = (uint32_t)number(4),
        .psks = &shared,
        .psk_count = shared.id.n ? 1 : 0};
    draft_free(*d);
    *d = NULL;
    enum err e = draft_enter(&c, &with, d);
    if (e == OK) e = draft_sign(*d, secret_span(&p->sign));
    if (e == OK) out_hex(draft_message(*d));
    return e;
}

static enum err do_entered(void)
{
    struct person *p = peer(1);
    struct draft **d = &entering[number(1) % PEERS];
    if (!*d) return ERR_STATE;
    group_free(p->g);
    p->g = NULL;
    enum err e = draft_entered(*d, &p->g);
    draft_free(*d);
    *d = NULL;
    return e;
}

/* outside ID own|PLACE GROUP_ID EPOCH PROPOSAL: signed with ID's key. */
static enum err do_outside(void)
{
    static struct propose what[WHAT_MAX];
    struct person *p = peer(1);
    struct draft *d;
    struct outsider who = {.suite = suite_id,
                           .group_id = hex(3),
                           .epoch = number(4),
                           .new_member = strcmp(word(2), "own") == 0,
                           .sender = (uint32_t)number(2),
                           .signature_key = SPAN(p->sign_pub, suite_id == SUITE_P256_AES128 ? 65 : 32)};
    if (proposals(5, what) != 1) return ERR_FORMAT;
    enum err e = draft_outside(&people_crypto, &who, what, &d);
    if (e) return e;
    e = draft_sign(d, secret_span(&p->sign));
    if (e == OK) out_hex(draft_message(d));
    draft_free(d);
    return e;
}

static enum err do_leave(void)
{
    person_leave(peer(1));
    return OK;
}

static enum err do_discard(void)
{
    group_discard(peer(1)->g);
    return OK;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static enum err do_memory(void)
{
    out_number(mallinfo2().uordblks);
    return OK;
}

static const struct verb {
    const char *name;
    enum err (*run)(void);
} verbs[] = {{"start", do_start},     {"key", do_key},
             {"create", do_create},   {"join", do_join},
             {"propose", do_propose}, {"commit", do_commit},
             {"take", do_take},       {"say", do_say},
             {"export", do_export},   {"info", do_info},
             {"leave", do_leave},     {"discard", do_discard},
             {"memory", do_memory},   {"groupinfo", do_groupinfo},
             {"enter", do_enter},     {"entered", do_entered},
             {"outside", do_outside}};

/* A request behind `time` is answered with its milliseconds first. */
static void answer(void)
{
    bool timed = strcmp(word(0), "time") == 0;
    char text[32];
    if (timed) memmove(words, words + 1, --word_count * sizeof *words);
    enum err e = ERR_UNSUPPORTED;
    out.n = 0;
    double start = now_ms();
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(word(0), verbs[i].name) == 0) e = verbs[i].run();
    snprintf(text, sizeof text, "%.3f", now_ms() - start);
    if (e)
        printf("no %s\n", err_text(e));
    else
        printf("ok%s%s%s%s\n", timed ? " " : "", timed ? text : "", out.n ? " " : "", out.n ? out.text : "");
    fflush(stdout);
}

int main(void)
{
    line_size = LINE_BYTES;
    line = malloc(line_size);
    if (!line) return 1;
    ssize_t n;
    while ((n = getline(&line, &line_size, stdin)) > 0) {
        word_count = 0;
        for (char *save = NULL, *w = strtok_r(line, " \n", &save); w && word_count < WORDS_MAX;
             w = strtok_r(NULL, " \n", &save))
            words[word_count++] = w;
        answer();
    }
    for (size_t i = 0; i < PEERS; i++) {
        draft_free(entering[i]);
        person_leave(&peers[i]);
    }
    free(line);
    free(out.text);
    free((void *)(uintptr_t)shared.id.p);
    free((void *)(uintptr_t)shared.psk.p);
    return 0;
}
