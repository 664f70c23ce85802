/* SPDX-License-Identifier: Apache-2.0
 * A member of an MLS group, RFC 9420: create, join by Welcome, propose, commit, open what others sent,
 * export. Sans-IO: messages in and out are bytes of MLSMessage. Owns every secret of the group but the
 * signature key: whoever signs is asked through a draft (prepare, sign, finish), so that a slow HSM can.
 * Group state is a value: a message that is refused leaves it as it was. Own commits are staged and take
 * effect only when the delivery service echoes them. At most TREE_LEAVES_MAX leaves, messages up to
 * MLS_MESSAGE_MAX. What comes from outside (external commits, external senders, somebody's own Add) only
 * where the group's conf takes it. ReInit, branching and X.509 are ERR_UNSUPPORTED. Room rules are not here
 * but in rules.h. Never looks at a clock. */
#ifndef SEAL_GROUP_H
#define SEAL_GROUP_H

#include "base/time.h"
#include "seal/blob.h"
#include "seal/tree.h"

#define GROUP_PROPOSALS_MAX 1024 /* remembered for one epoch */
#define GROUP_PAST_MAX      4    /* past epochs whose late application messages can still be opened */
#define GROUP_RESUME_MAX    16   /* past epochs whose resumption PSK can be used */
#define GROUP_PSKS_MAX      64   /* external PSKs known */
#define GROUP_ID_MAX        256
#define GROUP_PADDING       256 /* application messages grow to a multiple of this */

struct group; /* one member's state */
struct draft; /* something being signed */

struct group_conf {
    const struct crypto *crypto; /* borrowed for the life of the group */
    uint32_t forward;            /* generations a sender may skip; 0: SECRETTREE_FORWARD */
    uint32_t past;               /* past epochs kept, at most GROUP_PAST_MAX */
    uint8_t outside;             /* enum group_outside: what others than members may send, 0: nothing */
};
enum group_outside {
    GROUP_EXTERNAL_COMMITS =
        1, /* whoever has a GroupInfo may enter, and replace a leaf of the same credential */
    GROUP_EXTERNAL_SENDERS = 2, /* proposals of those the GroupContext's external_senders names */
    GROUP_OWN_ADDS = 4          /* an Add that its own key package signs */
};

struct leaf_params { /* of an own leaf; all borrowed */
    struct span identity, signature_key;
    struct span extensions;          /* of the leaf, encoded list */
    const uint16_t *extension_types; /* capabilities beyond the defaults: GroupContext extensions to bear */
    size_t extension_count;          /* at most 16 */
    uint64_t not_before, not_after;  /* seconds since 1970 */
};
struct invitee { /* an own key package and what opens the Welcome it brings; drop after use, it is used once
                  */
    uint16_t suite;
    struct blob message; /* MLSMessage of the KeyPackage, public */
    struct secret init_priv, leaf_priv;
};
void invitee_drop(struct invitee *i);

struct group_psk { /* an external PSK, borrowed */
    struct span id, psk;
};

/* ---- drafts: things that need signatures ---- */

/* Bytes to be signed next by the leaf's signature key (a SignContent: sign as they are), or false: it is
 * finished. */
bool draft_wants(const struct draft *d, struct span *tbs);
/* Takes that signature and goes on. ERR_AUTH when it does not verify under the own key (it may be given
 * again), ERR_STATE when the group went on to another epoch meanwhile. */
enum err draft_give(struct draft *d, struct span signature) MUST_CHECK;
/* All signatures with a key at hand. */
enum err draft_sign(struct draft *d, struct span signature_priv) MUST_CHECK;
/* Results, borrowed until draft_free: the MLSMessage, and of a commit with Adds the Welcome (else empty). */
struct span draft_message(const struct draft *d);
struct span draft_welcome(const struct draft *d);
/* Wipes and frees; an unfinished draft leaves no trace in the group. NULL is fine. */
void draft_free(struct draft *d);

/* A key package of a suite; when finished draft_invitee gives the private keys (once). */
enum err draft_key_package(const struct crypto *c, uint16_t suite, const struct leaf_params *p,
                           struct draft **d) MUST_CHECK;
enum err draft_invitee(struct draft *d, struct invitee *i) MUST_CHECK;

struct propose {             /* one proposal; by type: */
    uint16_t type;           /* MLS_ADD, MLS_UPDATE, MLS_REMOVE, MLS_PSK, MLS_CONTEXT_EXTENSIONS */
    struct span key_package; /* Add: an MLSMessage */
    uint32_t leaf;           /* Remove */
    struct span psk_id;      /* PSK: external, known to group_psk_put; the nonce is made here */
    struct span extensions;  /* GroupContextExtensions */
};
struct framing {
    bool in_public; /* PublicMessage; else PrivateMessage */
    struct span authenticated_data;
};
/* A proposal for others to commit. An Update makes a new leaf key, which counts once its commit is applied.
 */
enum err draft_proposal(struct group *g, const struct propose *what, const struct framing *f,
                        struct draft **d) MUST_CHECK;

struct commit_how {
    const struct propose
        *proposals; /* by value; those heard before are committed by reference, own Updates left out */
    size_t count;
    bool leave_out_heard; /* only the ones by value */
    bool no_path;         /* leave out the path when the RFC allows it; the default is to have one */
    bool tree_apart;      /* no ratchet_tree extension in the Welcome */
    struct framing framing;
};
/* A commit; finished, it is staged in the group until group_apply of its echo, another's commit, or
 * group_discard. ERR_STATE while one is staged. Proposals that do not hold are refused with the rule's error.
 */
enum err draft_commit(struct group *g, const struct commit_how *how, struct draft **d) MUST_CHECK;
/* An application message. */
enum err draft_application(struct group *g, struct span plain, struct span authenticated_data,
                           struct draft **d) MUST_CHECK;
/* A GroupInfo (MLSMessage) of this epoch, with the tree and external_pub. */
enum err draft_group_info(struct group *g, struct draft **d) MUST_CHECK;

/* ---- from outside (sections 12.1.8, 12.4.3.2) ---- */

struct enter_with {          /* an external commit */
    struct span group_info;  /* MLSMessage with external_pub; who shows it is believed about nothing else */
    struct span tree;        /* as in join_with */
    struct leaf_params leaf; /* the new member's; lifetimes do not count */
    bool replace;            /* removes an own former leaf, of the same credential: */
    uint32_t former;
    const struct group_psk *psks; /* each is proposed */
    size_t psk_count;
    struct span authenticated_data;
};
/* A commit with which somebody enters. When finished, draft_message is for the delivery service; once that
 * has taken it, draft_entered gives the group, in the epoch the commit begins. ERR_UNKNOWN without
 * external_pub or tree, else as group_join. */
enum err draft_enter(const struct group_conf *conf, const struct enter_with *with,
                     struct draft **d) MUST_CHECK;
/* Gives *g, once. */
enum err draft_entered(struct draft *d, struct group **g) MUST_CHECK;

struct outsider { /* who proposes from outside, and to whom; all borrowed */
    uint16_t suite;
    struct span group_id;
    uint64_t epoch;
    bool new_member;           /* its own Add; else an external sender: */
    uint32_t sender;           /* place in external_senders */
    struct span signature_key; /* public; a new member's is the key package's */
    struct span authenticated_data;
};
/* A proposal from outside: Add, Remove or GroupContextExtensions. */
enum err draft_outside(const struct crypto *c, const struct outsider *who, const struct propose *what,
                       struct draft **d) MUST_CHECK;

/* ---- life of a group ---- */

/* A group of one, whose leaf is the key package's (which stays usable no further); extensions: encoded list
 * of the GroupContext. Gives *g. */
enum err group_create(const struct group_conf *conf, const struct invitee *own, struct span group_id,
                      struct span extensions, struct group **g) MUST_CHECK;
struct join_with {
    const struct invitee *own;
    struct span welcome;          /* MLSMessage */
    struct span tree;             /* ratchet_tree extension data when it is not in the Welcome, else empty */
    const struct group_psk *psks; /* those that may be asked for */
    size_t psk_count;
};
/* Joins; everything RFC 9420 section 12.4.3.1 asks is checked. ERR_UNKNOWN: not for this key package, or a
 * PSK that is not known. Gives *g. */
enum err group_join(const struct group_conf *conf, const struct join_with *with, struct group **g) MUST_CHECK;
/* Wipes and frees; NULL is fine. */
void group_free(struct group *g);

enum incoming_kind { INCOMING_APPLICATION, INCOMING_PROPOSAL, INCOMING_COMMIT };
struct incoming { /* a message that was opened; drop it */
    enum incoming_kind kind;
    uint64_t epoch;
    uint8_t from;    /* enum mls_from: a member unless the conf takes others */
    uint32_t sender; /* leaf, of an external commit the new one; place of an external sender */
    bool own;        /* the echo of the own staged commit */
    bool removed;    /* a commit that removes us */
    struct span data, authenticated_data; /* application bytes; borrowed from the incoming itself */
    struct mls_proposal proposal;         /* of a proposal, borrowed likewise */
    struct tree_set added, gone, updated; /* leaves a commit changes */
    bool path;                            /* the commit has an UpdatePath */
    const struct proposals *proposals;    /* of another's commit, for room rules */
    struct incoming_inner *inner;
};
/* Opens a message of this group: decrypts, checks everything the RFC asks, changes nothing but used-up
 * message keys. Application messages and proposals are done then (a proposal is remembered when group_apply
 * is called on it); a commit is a candidate until group_apply. ERR_REPLAY: a past epoch or a used key;
 * ERR_AGAIN: a later epoch than this one. */
enum err group_open(struct group *g, struct span message, struct incoming *in) MUST_CHECK;
/* Makes an opened proposal or commit count. After a commit that removes us the group is closed: ERR_CLOSED
 * for all. ERR_STATE when the group is in another epoch than when it was opened. */
enum err group_apply(struct group *g, struct incoming *in) MUST_CHECK;
void incoming_drop(struct incoming *in);
/* Drops the staged own commit. */
void group_discard(struct group *g);
bool group_staged(const struct group *g);
/* Forgets past epochs but the last `keep`. */
void group_forget(struct group *g, uint32_t keep);

/* Remembers an external PSK (keeps a copy), or replaces it; drops it. */
enum err group_psk_put(struct group *g, const struct group_psk *psk) MUST_CHECK;
void group_psk_drop(struct group *g, struct span id);

/* ---- what it knows ---- */

bool group_closed(const struct group *g);
uint64_t group_epoch(const struct group *g);
uint16_t group_suite(const struct group *g);
uint32_t group_own_leaf(const struct group *g);
uint32_t group_members(const struct group *g);
/* Leaf slots, some blank: leaves are 0 to group_slots - 1. */
uint32_t group_slots(const struct group *g);
/* Borrowed until the group changes. */
struct span group_id(const struct group *g);
struct span group_extensions(const struct group *g);
struct span group_context(const struct group *g);
struct span group_confirmed_hash(const struct group *g);
/* Reads a member's leaf (borrowed until the group changes); false when blank. */
bool group_leaf(const struct group *g, uint32_t leaf, struct mls_leaf *l);
/* The same in the epoch a candidate commit would begin; false also for an own or removing one without that
 * epoch. */
bool incoming_leaf(const struct incoming *in, uint32_t leaf, struct mls_leaf *l);
struct span incoming_extensions(const struct incoming *in);
/* The leaf that signed the GroupInfo with which we came; UINT32_MAX for the creator. */
uint32_t group_welcomed_by(const struct group *g);
/* Whether the Welcome we joined with named this external PSK. */
bool group_joined_with_psk(const struct group *g, struct span psk_id);
/* SUITE_NH bytes: epoch_authenticator. */
struct span group_authenticator(const struct group *g);
/* MLS-Exporter; ERR_CLOSED. */
enum err group_export(const struct group *g, struct span label, struct span context,
                      struct mspan out) MUST_CHECK;
/* ratchet_tree extension data of this epoch. */
enum err group_tree(const struct group *g, struct blob *extension) MUST_CHECK;

/* ---- state ---- */

/* Everything, secrets included: to be encrypted by the caller. Drafts are not part of it. */
enum err group_save(const struct group *g, struct blob *state) MUST_CHECK;
/* ERR_UNSUPPORTED for a version this code does not know. Gives *g. */
enum err group_restore(const struct group_conf *conf, struct span state, struct group **g) MUST_CHECK;

#endif
