/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/audit.h"

#include "base/read.h"
#include "wire/json.h"

static const char label[] = "incamera 1.0 audit head\n";

enum err audit_leaf(const struct crypto *c, const struct audit_entry *a, struct merkle_hash *leaf)
{
    uint8_t b[AUDIT_ENTRY_MAX];
    const struct span text[] = {a->who, a->verb, a->room, a->object, a->from};
    struct writer w = writer_of(MSPAN(b, sizeof b));
    write_u8(&w, 1);
    write_u64(&w, a->seq);
    write_u64(&w, (uint64_t)a->at_ms);
    for (unsigned i = 0; i < COUNT_OF(text); i++) {
        if (text[i].n > AUDIT_TEXT_MAX) return ERR_LIMIT;
        write_vec16(&w, text[i]);
    }
    write_u8(&w, a->allowed);
    write_u16(&w, a->rule);
    return w.bad ? ERR_LIMIT : merkle_leaf(c, writer_span(&w), leaf);
}

static void head_fields(struct writer *w, const struct audit_head *h)
{
    write_u64(w, h->size);
    write_u64(w, h->before);
    write_u64(w, (uint64_t)h->at_ms);
    write_bytes(w, SPAN_OF(h->root.b));
}

void audit_head_signed(struct writer *w, const struct audit_head *h)
{
    write_str(w, label);
    head_fields(w, h);
}

void audit_head_write(struct writer *w, const struct audit_head *h)
{
    write_u8(w, 1);
    head_fields(w, h);
    write_bytes(w, SPAN_OF(h->signature));
}

enum err audit_head_read(struct span bytes, struct audit_head *h)
{
    struct reader r = reader_of(bytes);
    struct audit_head out = {0};
    uint8_t version = read_u8(&r);
    out.size = read_u64(&r);
    out.before = read_u64(&r);
    out.at_ms = (int64_t)read_u64(&r);
    read_copy(&r, out.root.b, sizeof out.root.b);
    read_copy(&r, out.signature, sizeof out.signature);
    if (read_end(&r) || version != 1) return ERR_FORMAT;
    *h = out;
    return OK;
}

enum err audit_head_read_hex(struct span hex, struct audit_head *h)
{
    uint8_t b[AUDIT_HEAD];
    enum err e = read_hex(hex, b, sizeof b);
    return e ? e : audit_head_read(SPAN_OF(b), h);
}

enum err audit_key_read_hex(struct span hex, uint8_t key[AUDIT_KEY])
{
    uint8_t b[AUDIT_KEY];
    enum err e = read_hex(hex, b, sizeof b);
    if (!e) memcpy(key, b, sizeof b);
    return e;
}

enum err audit_head_check(const struct crypto *c, struct span key, const struct audit_head *h)
{
    uint8_t b[AUDIT_SIGNED_MAX];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    audit_head_signed(&w, h);
    return c->verify(c->ctx, CRYPTO_ED25519, key, writer_span(&w), SPAN_OF(h->signature)) ? ERR_AUTH : OK;
}

/* --- the export's lines --- */

static void hex_member(struct writer *w, const char *before, struct span s, const char *after)
{
    write_str(w, before);
    write_hex(w, s);
    write_str(w, after);
}

void audit_line_key(struct writer *w, struct span key)
{
    hex_member(w, "{\"incamera_audit\":1,\"key\":\"", key, "\"}\n");
}

static const char *const texts[] = {"who", "verb", "room", "object", "from"};

void audit_json_entry(struct writer *w, const struct audit_entry *a)
{
    const struct span text[] = {a->who, a->verb, a->room, a->object, a->from};
    write_str(w, "\"seq\":");
    write_dec(w, a->seq);
    write_str(w, ",\"at\":");
    write_dec(w, (uint64_t)a->at_ms);
    for (unsigned i = 0; i < COUNT_OF(texts); i++) {
        write_str(w, ",\"");
        write_str(w, texts[i]);
        write_str(w, "\":");
        json_write_text(w, text[i]);
    }
    write_str(w, a->allowed ? ",\"allowed\":true,\"rule\":" : ",\"allowed\":false,\"rule\":");
    write_dec(w, a->rule);
}

void audit_line_entry(struct writer *w, const struct audit_entry *a, const struct merkle_hash *leaf)
{
    write_str(w, "{");
    audit_json_entry(w, a);
    hex_member(w, ",\"leaf\":\"", SPAN_OF(leaf->b), "\"}\n");
}

void audit_line_head(struct writer *w, const struct audit_head *h)
{
    uint8_t b[AUDIT_HEAD];
    struct writer head = writer_of(MSPAN(b, sizeof b));
    audit_head_write(&head, h);
    hex_member(w, "{\"head\":\"", writer_span(&head), "\"}\n");
}

struct line {     /* what a line said */
    unsigned has; /* bits of the members below, texts first */
    char text[COUNT_OF(texts)][AUDIT_TEXT_MAX + 1];
    uint64_t number[3]; /* seq, at, rule */
    bool allowed;
    struct merkle_hash leaf;
    struct audit_head head;
    uint8_t key[AUDIT_KEY];
    uint64_t version;
    struct merkle_proof path;
};
enum {
    HAS_SEQ = 5,
    HAS_AT,
    HAS_RULE,
    HAS_ALLOWED,
    HAS_LEAF,
    HAS_HEAD,
    HAS_KEY,
    HAS_VERSION,
    HAS_PATH,
    HAS_COUNT
};
#define HAS(n)    (1u << (n))
#define OF_ENTRY  (HAS(HAS_LEAF + 1) - 1)
#define OF_HEAD   HAS(HAS_HEAD)
#define OF_HEADER (HAS(HAS_KEY) | HAS(HAS_VERSION))
#define OF_PROOF  (OF_ENTRY | OF_HEAD | OF_HEADER | HAS(HAS_PATH))

static unsigned member_of(const struct json_token *t)
{
    static const char *const names[] = {"who",  "verb", "room",           "object",  "from",
                                        "seq",  "at",   "rule",           "allowed", "leaf",
                                        "head", "key",  "incamera_audit", "path"};
    unsigned i = 0;
    while (i < HAS_COUNT && !json_is(t, names[i]))
        i++;
    return i;
}

static enum err hex_text(const struct json_token *t, struct line *l, unsigned member)
{
    if (t->kind != JSON_STRING) return ERR_FORMAT;
    if (member == HAS_LEAF) return read_hex(t->raw, l->leaf.b, sizeof l->leaf.b);
    if (member == HAS_KEY) return read_hex(t->raw, l->key, sizeof l->key);
    return audit_head_read_hex(t->raw, &l->head);
}

static enum err take_path(struct json *j, struct merkle_proof *p)
{
    struct json_token t;
    enum err e = json_expect(j, JSON_ARRAY, &t);
    for (p->n = 0; !e; p->n++) {
        e = json_next(j, &t);
        if (e || t.kind == JSON_ARRAY_END) break;
        if (t.kind != JSON_STRING || p->n == MERKLE_PROOF_MAX) return ERR_FORMAT;
        e = read_hex(t.raw, p->hash[p->n].b, MERKLE_HASH);
    }
    return e;
}

static enum err take_value(struct json *j, struct line *l, unsigned member)
{
    struct json_token t;
    if (member < COUNT_OF(texts)) return json_take_text(j, l->text[member], sizeof l->text[member]);
    if (member == HAS_PATH) return take_path(j, &l->path);
    enum err e = json_next(j, &t);
    if (e) return e;
    switch (member) {
    case HAS_SEQ:
    case HAS_AT:
    case HAS_RULE:
        return t.kind == JSON_NUMBER
                   ? json_uint(&t, member == HAS_RULE ? UINT16_MAX : INT64_MAX, &l->number[member - HAS_SEQ])
                   : ERR_FORMAT;
    case HAS_VERSION:
        return t.kind == JSON_NUMBER ? json_uint(&t, 1, &l->version) : ERR_FORMAT;
    case HAS_ALLOWED:
        l->allowed = t.kind == JSON_TRUE;
        return t.kind == JSON_TRUE || t.kind == JSON_FALSE ? OK : ERR_FORMAT;
    default:
        return hex_text(&t, l, member);
    }
}

static enum err read_line(struct span text, struct line *l)
{
    struct json j;
    struct json_token t = {0};
    json_init(&j, text);
    memset(l, 0, sizeof *l);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        unsigned member = member_of(&t);
        if (member == HAS_COUNT) return ERR_FORMAT;
        l->has |= HAS(member);
        e = take_value(&j, l, member);
    }
    return e ? e : json_expect(&j, JSON_END, &t);
}

/* --- the checker --- */

void audit_check_begin(struct audit_check *k, const struct crypto *c, struct span key,
                       const struct audit_head *keep)
{
    *k = (struct audit_check){.crypto = c, .kept = keep != NULL};
    if (keep) k->keep = *keep;
    if (key.n != AUDIT_KEY) return;
    memcpy(k->key, key.p, AUDIT_KEY);
    k->keyed = k->pinned = true;
}

static enum err wrong(struct audit_check *k, uint64_t bad, const char *why)
{
    k->bad = bad;
    memcpy(k->why, why, strlen(why) < AUDIT_WHY ? strlen(why) + 1 : AUDIT_WHY - 1);
    return ERR_AUTH;
}

static enum err check_header(struct audit_check *k, const struct line *l)
{
    if (l->version != 1) return wrong(k, 0, "This export has a version that this program does not know.");
    if (k->edge.size || k->heads) return wrong(k, k->edge.size + 1, "A second export begins here.");
    if (k->pinned && memcmp(k->key, l->key, AUDIT_KEY) != 0)
        return wrong(k, 0, "The export names another key than the one expected.");
    memcpy(k->key, l->key, AUDIT_KEY);
    k->keyed = true;
    return OK;
}

/* The head kept elsewhere is over just these entries, or it is not. */
static enum err check_kept(struct audit_check *k)
{
    struct merkle_hash root;
    if (!k->kept || k->met || k->keep.size != k->edge.size) return OK;
    if (merkle_root(k->crypto, &k->edge, &root)) return wrong(k, 0, "The hash could not be computed.");
    if (memcmp(root.b, k->keep.root.b, sizeof root.b) != 0)
        return wrong(k, k->heads ? k->last.size + 1 : 1,
                     "The head that was kept elsewhere is over other entries: the trail was written anew.");
    k->met = true;
    return OK;
}

/* Borrows l. */
static struct audit_entry entry_of(const struct line *l)
{
    return (struct audit_entry){
        l->number[0],          (int64_t)l->number[1], span_str(l->text[0]), span_str(l->text[1]),
        span_str(l->text[2]),  span_str(l->text[3]),  span_str(l->text[4]), l->allowed,
        (uint16_t)l->number[2]};
}

static enum err check_entry(struct audit_check *k, const struct line *l)
{
    struct merkle_hash leaf;
    uint64_t seq = k->edge.size + 1;
    struct audit_entry a = entry_of(l);
    if (a.seq != seq) return wrong(k, seq, "An entry is missing, repeated or out of its order.");
    if (audit_leaf(k->crypto, &a, &leaf) || memcmp(leaf.b, l->leaf.b, sizeof leaf.b) != 0)
        return wrong(k, seq, "The entry is not what its hash says: it was changed.");
    if (merkle_append(k->crypto, &k->edge, &leaf, NULL, NULL)) return wrong(k, seq, "The trail is too long.");
    return check_kept(k);
}

static enum err check_head(struct audit_check *k, const struct audit_head *h)
{
    struct merkle_hash root;
    uint64_t from = k->heads ? k->last.size + 1 : 1;
    if (!k->keyed) return wrong(k, 0, "The export does not begin with its key.");
    if (audit_head_check(k->crypto, SPAN_OF(k->key), h))
        return wrong(k, from, "A head's signature is not by the key of this trail.");
    if (h->before != (k->heads ? k->last.size : 0) || h->before >= h->size)
        return wrong(k, from, "A head is missing, repeated or out of its order.");
    if (h->size != k->edge.size)
        return wrong(k, h->size > k->edge.size ? k->edge.size + 1 : from,
                     h->size > k->edge.size ? "Entries that a signed head covers are missing."
                                            : "A head stands at the wrong place.");
    if (merkle_root(k->crypto, &k->edge, &root)) return wrong(k, 0, "The hash could not be computed.");
    if (memcmp(root.b, h->root.b, sizeof root.b) != 0)
        return wrong(k, from, "The signed head is over other entries: from here on something was changed.");
    k->last = *h;
    k->heads++;
    return check_kept(k);
}

enum err audit_check_line(struct audit_check *k, struct span line)
{
    struct line l;
    if (k->why[0]) return ERR_AUTH;
    enum err e = read_line(line, &l);
    if (!e && l.has == OF_HEADER) return check_header(k, &l);
    if (!e && l.has == OF_ENTRY) return check_entry(k, &l);
    if (!e && l.has == OF_HEAD) return check_head(k, &l.head);
    (void)wrong(k, k->edge.size + 1, "This line is neither an entry nor a head.");
    return ERR_FORMAT;
}

enum err audit_check_end(struct audit_check *k)
{
    if (k->why[0]) return ERR_AUTH;
    if (!k->keyed) return wrong(k, 0, "The export does not begin with its key.");
    if (k->edge.size && (!k->heads || k->last.size != k->edge.size))
        return wrong(k, k->heads ? k->last.size + 1 : 1, "No signed head covers the entries from here on.");
    if (k->kept && audit_head_check(k->crypto, SPAN_OF(k->key), &k->keep))
        return wrong(k, 0, "The head that was kept elsewhere is not signed by this trail's key.");
    if (k->kept && !k->met)
        return wrong(k, k->edge.size + 1,
                     "The trail ends before the head that was kept elsewhere: it was cut.");
    return OK;
}

/* --- one entry alone --- */

void audit_proof_write(struct writer *w, const struct audit_proof *p)
{
    uint8_t b[AUDIT_HEAD];
    struct writer head = writer_of(MSPAN(b, sizeof b));
    audit_head_write(&head, &p->head);
    hex_member(w, "{\"incamera_audit\":1,\"key\":\"", SPAN_OF(p->key), "\",");
    audit_json_entry(w, &p->entry);
    hex_member(w, ",\"leaf\":\"", SPAN_OF(p->leaf.b), "\"");
    hex_member(w, ",\"head\":\"", writer_span(&head), "\",\"path\":[");
    for (unsigned i = 0; i < p->path.n; i++)
        hex_member(w, i ? ",\"" : "\"", SPAN_OF(p->path.hash[i].b), "\"");
    write_str(w, "]}");
}

enum err audit_proof_check(const struct crypto *c, struct span text, struct span key, struct audit_proof *p,
                           struct mspan keep)
{
    struct line l;
    struct writer w = writer_of(keep);
    enum err e = read_line(text, &l);
    if (e || l.has != OF_PROOF || l.version != 1) return ERR_FORMAT;
    struct audit_proof got = {.entry = entry_of(&l), .leaf = l.leaf, .head = l.head, .path = l.path};
    struct merkle_hash leaf;
    memcpy(got.key, l.key, sizeof got.key);
    if (key.n && !span_equal(key, SPAN_OF(got.key))) return ERR_AUTH;
    if (got.entry.seq == 0) return ERR_FORMAT;
    e = audit_head_check(c, SPAN_OF(got.key), &got.head);
    if (!e) e = audit_leaf(c, &got.entry, &leaf);
    if (!e && memcmp(leaf.b, got.leaf.b, sizeof leaf.b) != 0) e = ERR_AUTH;
    if (!e) e = merkle_check_entry(c, &got.path, got.entry.seq - 1, got.head.size, &leaf, &got.head.root);
    struct span *const kept[] = {&got.entry.who, &got.entry.verb, &got.entry.room, &got.entry.object,
                                 &got.entry.from};
    for (unsigned i = 0; i < COUNT_OF(kept); i++) { /* the texts outlive the line that was read */
        size_t at = w.n;
        write_bytes(&w, *kept[i]);
        if (!w.bad) *kept[i] = SPAN(keep.p + at, w.n - at);
    }
    if (!e && w.bad) e = ERR_LIMIT;
    if (!e) *p = got;
    return e;
}
