/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "app/log.h"
#include "app/vault.h"
#include "io/file.h"

#define HEAD_EVERY   (60 * USEC_S)          /* a head is signed so often while there are new rows */
#define HEAD_WITHIN  (5 * USEC_S)           /* the vault answers, or is asked again */
#define EXPORT_LEAVE (AUDIT_LINE_MAX + 512) /* bytes of an answer kept free for one more line */

/* --- heads --- */

static bool ask_vault(struct keeper *k)
{
    uint8_t body[AUDIT_SIGNED_MAX + 1];
    struct sealing *s = &k->sealing;
    struct writer w = writer_of(MSPAN(body, sizeof body));
    s->head = (struct audit_head){
        .size = k->store.trail.size, .before = k->store.head.size, .at_ms = k->conf.wall().ms};
    if (!k->vault || merkle_root(k->conf.crypto, &k->store.trail, &s->head.root)) return false;
    write_u8(&w, SIGN_AUDIT_HEAD);
    audit_head_signed(&w, &s->head);
    s->since = k->now;
    s->asked = true; /* the answer may come before send returns */
    bool sent = !w.bad && k->conf.send(k->conf.ctx, ROLE_VAULT, 0, IPC_SIGN, 0, writer_span(&w));
    if (!sent) s->asked = false;
    return sent;
}

void audit_turn(struct keeper *k)
{
    if (k->sealing.asked && usec_since(k->now, k->sealing.since) > HEAD_WITHIN) audit_signed(k, SPAN_NONE);
    if (k->sealing.asked || k->now < k->next_head || k->store.head.size == k->store.trail.size) return;
    if (ask_vault(k)) k->next_head = k->now + HEAD_EVERY;
}

void audit_drain(struct keeper *k)
{
    if (!k->sealing.asked && k->store.head.size != k->store.trail.size) (void)ask_vault(k);
}

static void tell_head(struct keeper *k, struct origin to, const struct audit_head *h)
{
    uint8_t bytes[AUDIT_HEAD];
    struct writer b = writer_of(MSPAN(bytes, sizeof bytes)),
                  w = writer_of(MSPAN(k->answer, sizeof k->answer));
    struct question q = {.k = k, .origin = to};
    audit_head_write(&b, h);
    write_str(&w, "{\"size\":");
    write_dec(&w, h->size);
    write_str(&w, ",\"at\":");
    write_dec(&w, (uint64_t)h->at_ms);
    write_str(&w, ",\"root\":\"");
    write_hex(&w, SPAN_OF(h->root.b));
    write_str(&w, "\",\"head\":\"");
    write_hex(&w, writer_span(&b));
    write_str(&w, "\",\"key\":\"");
    write_hex(&w, SPAN_OF(k->audit_key));
    write_str(&w, "\"}");
    api_tell(&q, &w);
}

/* To the second place: the log, which goes where the operator sends it, and the file that the operator named. */
static void publish(struct keeper *k, const struct audit_head *h)
{
    uint8_t bytes[AUDIT_HEAD], line[2 * AUDIT_HEAD + 64];
    struct writer b = writer_of(MSPAN(bytes, sizeof bytes)), w = writer_of(MSPAN(line, sizeof line));
    audit_head_write(&b, h);
    write_hex(&w, writer_span(&b));
    log_event(LOG_INFO, "audit.head", "size=%llu head=%.*s", (unsigned long long)h->size, (int)w.n,
              (const char *)line);
    write_str(&w, "\n");
    if (k->heads < 0 || file_add(k->heads, writer_span(&w)) == OK) return;
    k->counts.heads_lost++;
    log_event(LOG_ERROR, "audit.heads_lost",
              "mend=\"see whether the file named by audit-heads can be written\"");
}

void audit_signed(struct keeper *k, struct span signature)
{
    struct sealing *s = &k->sealing;
    if (!s->asked) return;
    bool good = signature.n == AUDIT_SIGNATURE;
    if (good) memcpy(s->head.signature, signature.p, signature.n);
    good = good && trail_keep_head(&k->store, &s->head) == OK;
    if (good) {
        k->counts.heads++;
        publish(k, &s->head);
    } else {
        log_event(LOG_ERROR, "audit.unsigned", "size=%llu", (unsigned long long)s->head.size);
    }
    s->asked = false;
    unsigned askers = s->askers;
    s->askers = 0;
    for (unsigned i = 0; i < askers; i++) {
        struct question q = {.k = k, .origin = s->asker[i]};
        if (good)
            tell_head(k, s->asker[i], &s->head);
        else
            api_unavailable(&q);
    }
}

void audit_head_now(struct question *q)
{
    struct keeper *k = q->k;
    struct sealing *s = &k->sealing;
    if (!api_allowed(q, "") || !api_done(q, OK)) return;
    if (s->askers == AUDIT_ASKERS_MAX) {
        api_problem(q, 503, "unavailable", "Too many ask for a head at once. Try again in a moment.", "");
        return;
    }
    s->asker[s->askers++] = q->origin;
    if (s->asked || ask_vault(k))
        return; /* a head that is on its way covers what was before it was asked for */
    s->askers--;
    api_unavailable(q);
}

/* --- what the API tells --- */

static void entry_of(struct db_query *l, struct audit_entry *a)
{
    *a = (struct audit_entry){(uint64_t)db_get_int(l, 0), db_get_int(l, 1),      db_get_text(l, 2),
                              db_get_text(l, 3),          db_get_text(l, 4),     db_get_text(l, 5),
                              db_get_text(l, 6),          db_get_int(l, 7) != 0, (uint16_t)db_get_int(l, 8)};
}

/* Two numbers of the query; false when refused, which is told. */
static bool asked_numbers(struct question *q, const char *const name[2], const uint64_t otherwise[2],
                          uint64_t value[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if (api_query_number(q->ask->query, name[i], otherwise[i], &value[i])) continue;
        store_rollback(&q->k->store);
        ask_refuse(q->k, &q->a, "");
        api_problem(q, 422, "bad_message", "This is not a number.", name[i]);
        return false;
    }
    return true;
}

void audit_list(struct question *q)
{
    struct keeper *k = q->k;
    struct db_query *l = k->store.q[Q_AUDIT_LIST];
    static const char *const names[2] = {"after", "limit"};
    uint64_t v[2];
    if (!api_allowed(q, "") || !asked_numbers(q, names, (uint64_t[]){0, 100}, v)) return;
    if (v[1] < 1 || v[1] > AUDIT_ROWS_MAX) {
        store_rollback(&k->store);
        ask_refuse(k, &q->a, "");
        api_problem(q, 422, "bad_message", "limit is 1 to 1000.", "limit");
        return;
    }
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    bool row = false;
    unsigned n = 0;
    enum err e = OK;
    write_str(&w, "{\"rows\":[");
    db_int(l, 1, (int64_t)v[0]);
    db_int(l, 2, (int64_t)v[1]);
    while (write_left(&w) > EXPORT_LEAVE && !(e = db_step(l, &row)) && row) {
        struct audit_entry a;
        entry_of(l, &a);
        write_str(&w, n++ ? ",{" : "{");
        audit_json_entry(&w, &a);
        write_str(&w, "}");
    }
    db_done(l);
    write_str(&w, "]}");
    if (api_done(q, e)) api_tell(q, &w);
}

static void export_line(struct writer *w, struct db_query *l, const struct audit_entry *a)
{
    struct merkle_hash leaf = {{0}};
    struct span s = db_get_blob(l, 9);
    if (s.n == sizeof leaf.b) memcpy(leaf.b, s.p, s.n);
    audit_line_entry(w, a, &leaf);
}

/* Entries after+1 to upto, as many as fit, with the heads between them. The first part begins with the key. */
void audit_export(struct question *q)
{
    struct keeper *k = q->k;
    struct db_query *l = k->store.q[Q_AUDIT_LIST];
    static const char *const names[2] = {"after", "upto"};
    uint64_t v[2];
    struct audit_head head = {0};
    bool row = false, more = false;
    if (!api_allowed(q, "") || !asked_numbers(q, names, (uint64_t[]){0, k->store.trail.size}, v)) return;
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    if (!v[0]) audit_line_key(&w, SPAN_OF(k->audit_key));
    enum err e = trail_head_after(&k->store, v[0], &head, &more);
    db_int(l, 1, (int64_t)v[0]);
    db_int(l, 2, INT64_MAX);
    while (!e && write_left(&w) > EXPORT_LEAVE && !(e = db_step(l, &row)) && row) {
        struct audit_entry a;
        entry_of(l, &a);
        if (a.seq > v[1]) break;
        export_line(&w, l, &a);
        if (!more || head.size != a.seq) continue;
        audit_line_head(&w, &head);
        e = trail_head_after(&k->store, head.size, &head, &more);
    }
    db_done(l);
    if (w.bad) e = ERR_LIMIT;
    if (api_done(q, e)) api_answer(k, q->origin, 200, "application/jsonl", "", writer_span(&w));
}

static void put_proof(struct writer *w, const struct merkle_proof *p)
{
    write_str(w, ",\"path\":[");
    for (unsigned i = 0; i < p->n; i++) {
        write_str(w, i ? ",\"" : "\"");
        write_hex(w, SPAN_OF(p->hash[i].b));
        write_str(w, "\"");
    }
    write_str(w, "]}");
}

static enum err put_entry_proof(struct keeper *k, uint64_t seq, const struct audit_head *head,
                                const struct merkle_proof *path, struct writer *w)
{
    struct db_query *l = k->store.q[Q_AUDIT_LIST];
    struct audit_proof p = {.head = *head, .path = *path};
    bool row = false;
    memcpy(p.key, k->audit_key, sizeof p.key);
    db_int(l, 1, (int64_t)seq - 1);
    db_int(l, 2, 1);
    enum err e = db_step(l, &row);
    if (!e && !row) e = ERR_UNKNOWN;
    struct span leaf = e ? SPAN_NONE : db_get_blob(l, 9);
    if (leaf.n == sizeof p.leaf.b) memcpy(p.leaf.b, leaf.p, leaf.n);
    if (!e) {
        entry_of(l, &p.entry);
        audit_proof_write(w, &p);
    }
    db_done(l);
    return e;
}

void audit_proof(struct question *q)
{
    struct keeper *k = q->k;
    static const char *const names[2] = {"seq", "from"};
    struct merkle_nodes nodes = trail_nodes(&k->store);
    struct audit_head head = k->store.head;
    struct merkle_proof p = {0};
    uint8_t bytes[AUDIT_HEAD];
    uint64_t v[2];
    if (!api_allowed(q, "") || !asked_numbers(q, names, (uint64_t[]){0, 0}, v)) return;
    if (!v[0] && !v[1]) v[0] = head.size; /* the last entry that can be proved */
    enum err e = v[0] ? merkle_prove_entry(k->conf.crypto, &nodes, v[0] - 1, head.size, &p)
                      : merkle_prove_growth(k->conf.crypto, &nodes, v[1], head.size, &p);
    if (e == ERR_RANGE) {
        if (!api_done(q, OK)) return;
        api_problem(q, 422, "bad_message",
                    "Expected seq, an entry under the last head, or from, the size of an older head.",
                    v[0] ? "seq" : "from");
        return;
    }
    struct writer b = writer_of(MSPAN(bytes, sizeof bytes)),
                  w = writer_of(MSPAN(k->answer, sizeof k->answer));
    if (!e && v[0]) {
        e = put_entry_proof(k, v[0], &head, &p, &w);
    } else {
        audit_head_write(&b, &head);
        write_str(&w, "{\"from\":");
        write_dec(&w, v[1]);
        write_str(&w, ",\"head\":\"");
        write_hex(&w, writer_span(&b));
        write_str(&w, "\"");
        put_proof(&w, &p);
    }
    if (api_done(q, e)) api_tell(q, &w);
}
