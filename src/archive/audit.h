/* SPDX-License-Identifier: Apache-2.0
 * The audit trail as something an outsider can check: the bytes of an entry, the signed head over a tree of
 * them (archive/merkle.h), the export (JSON Lines) and the checker that reads one, line by line, in memory that
 * does not grow. The checker needs the public key and nothing else; a head that was kept elsewhere shows it a
 * trail that was cut or written anew by whoever holds the signing key. Format: docs/audit.md. */
#ifndef ARCHIVE_AUDIT_H
#define ARCHIVE_AUDIT_H

#include "archive/merkle.h"
#include "base/write.h"

#define AUDIT_KEY        32 /* Ed25519, RFC 8032 */
#define AUDIT_SIGNATURE  64
#define AUDIT_TEXT_MAX   256 /* bytes of each text of an entry */
#define AUDIT_ENTRY_MAX  (5 * (AUDIT_TEXT_MAX + 2) + 32)
#define AUDIT_SIGNED_MAX 96  /* bytes that are signed for a head */
#define AUDIT_HEAD       121 /* bytes of a head with its signature */
#define AUDIT_LINE_MAX   12288
#define AUDIT_WHY        160

struct audit_entry { /* texts are borrowed UTF-8 */
    uint64_t seq;    /* from 1, without a gap */
    int64_t at_ms;
    struct span who, verb, room, object, from;
    bool allowed;
    uint16_t rule; /* of docs/policy rules; 100 and above: refused before a rule was asked */
};
struct audit_head {
    uint64_t size;   /* entries 1 to size are in it */
    uint64_t before; /* size of the head before this one, 0 for the first: none can be left out */
    int64_t at_ms;
    struct merkle_hash root;
    uint8_t signature[AUDIT_SIGNATURE];
};

/* The leaf of an entry. ERR_LIMIT for a text that is too long. */
enum err audit_leaf(const struct crypto *c, const struct audit_entry *a, struct merkle_hash *leaf) MUST_CHECK;
/* The bytes that are signed: label, size, size before, time, root. */
void audit_head_signed(struct writer *w, const struct audit_head *h);
/* The head with its signature, and back. ERR_FORMAT. */
void audit_head_write(struct writer *w, const struct audit_head *h);
enum err audit_head_read(struct span bytes, struct audit_head *h) MUST_CHECK;
/* From lower-case hex. ERR_FORMAT. */
enum err audit_head_read_hex(struct span hex, struct audit_head *h) MUST_CHECK;
enum err audit_key_read_hex(struct span hex, uint8_t key[AUDIT_KEY]) MUST_CHECK;
/* OK or ERR_AUTH. */
enum err audit_head_check(const struct crypto *c, struct span key, const struct audit_head *h) MUST_CHECK;

/* Lines of an export, each with its newline. */
void audit_line_key(struct writer *w, struct span key);
void audit_line_entry(struct writer *w, const struct audit_entry *a, const struct merkle_hash *leaf);
void audit_line_head(struct writer *w, const struct audit_head *h);
/* The members of an entry as JSON, without braces: lists show the same. */
void audit_json_entry(struct writer *w, const struct audit_entry *a);

struct audit_check {
    const struct crypto *crypto;
    uint8_t key[AUDIT_KEY];
    bool keyed;  /* the key is known: pinned, or the export's own */
    bool pinned; /* by the caller */
    bool kept;   /* there is a head that was kept elsewhere … */
    bool met;    /* … and the trail has come by it */
    struct merkle_edge edge;
    struct audit_head last, keep;
    uint64_t heads;
    uint64_t bad;        /* the first bad entry, 0 when it is no entry */
    char why[AUDIT_WHY]; /* one plain sentence once a call failed */
};
/* key: the public key to expect, or empty to take the export's. keep: a head kept elsewhere, or NULL. */
void audit_check_begin(struct audit_check *k, const struct crypto *c, struct span key,
                       const struct audit_head *keep);
/* One line without its newline. ERR_AUTH or ERR_FORMAT: what is wrong stands in `bad` and `why`. */
enum err audit_check_line(struct audit_check *k, struct span line) MUST_CHECK;
/* After the last line: everything is under a signed head, and a head kept elsewhere was met. */
enum err audit_check_end(struct audit_check *k) MUST_CHECK;

/* That one entry is in the trail: everything a checker needs, as one JSON object. */
struct audit_proof {
    uint8_t key[AUDIT_KEY];
    struct audit_entry entry;
    struct merkle_hash leaf;
    struct audit_head head;
    struct merkle_proof path;
};
void audit_proof_write(struct writer *w, const struct audit_proof *p);
/* key: the public key to expect, or empty to take the proof's own. `keep` holds the entry's texts, 5 * AUDIT_TEXT_MAX.
 * ERR_AUTH, ERR_FORMAT. */
enum err audit_proof_check(const struct crypto *c, struct span text, struct span key, struct audit_proof *p,
                           struct mspan keep) MUST_CHECK;

#endif
