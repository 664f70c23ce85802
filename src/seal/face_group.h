/* SPDX-License-Identifier: Apache-2.0
 * The flat face of seal/group for WebAssembly, beside seal/face: same areas, same answers. Handles are
 * pointers that the page keeps as numbers; face_made gives the one that the last successful call made. One
 * message is open at a time: face_group_open, questions about it, then face_group_apply or face_group_refuse.
 * Inputs and outputs marked <V> are vectors of RFC 9420 section 2.1, numbers are big-endian. The signature
 * key comes with each call that signs and is not kept; state is never saved from here (ROOMS.md section A: it
 * lives and dies with the worker). */
#ifndef SEAL_FACE_GROUP_H
#define SEAL_FACE_GROUP_H

#include "seal/face.h"
#include "seal/group.h"

#define FACE_EXTENSIONS_MAX 16 /* extension types an own leaf says it bears */
#define FACE_COMMIT_MAX     64 /* proposals of one own commit */

FACE void *face_made(void);

/* Out: a fresh private key (32) and its public key, of a suite. */
FACE int32_t face_signature_new(uint32_t suite);
/* In: signature private key (32), identity<V>, extension types<V> (uint16 each), not_before, not_after
 * (uint64). Out: the MLSMessage. Makes an invitee, used once. */
FACE int32_t face_key_package(uint32_t suite, uint32_t n);
FACE void face_invitee_free(struct invitee *own);

/* In: group_id<V>, GroupContext extensions<V>. Makes a group. */
FACE int32_t face_group_create(const struct invitee *own, uint32_t n);
/* In: welcome<V>, then up to FACE_COMMIT_MAX times psk_id<V> psk<V>. Makes a group. */
FACE int32_t face_group_join(const struct invitee *own, uint32_t n);
FACE void face_group_free(struct group *g);
/* In: psk_id<V>, psk<V>. */
FACE int32_t face_group_psk_put(struct group *g, uint32_t n);
FACE int32_t face_group_psk_drop(struct group *g, uint32_t n);
/* Whether the Welcome we joined with named the PSK whose id is in: 1 or 0. */
FACE int32_t face_group_joined_with_psk(const struct group *g, uint32_t n);

/* In: signature private key (32), authenticated_data<V>, then proposals: uint8 type, and for Add
 * key_package<V>, for Remove uint32 leaf, for PreSharedKey psk_id<V>. Out: commit<V>, welcome<V>. Staged
 * until its echo is applied. */
FACE int32_t face_group_commit(struct group *g, uint32_t n);
FACE void face_group_discard(struct group *g);
FACE int32_t face_group_staged(const struct group *g);
/* In: signature private key (32), authenticated_data<V>, plaintext. Out: the message. */
FACE int32_t face_group_say(struct group *g, uint32_t n);

/* In: a message. Out: uint8 kind, own, removed, path; uint64 epoch; uint32 sender; authenticated_data<V>;
 * data<V>; and the leaves that a commit added<V>, gone<V>, updated<V> (uint32 each). */
FACE int32_t face_group_open(struct group *g, uint32_t n);
/* Out: a leaf as it will be after the open commit, as face_group_leaf. */
FACE int32_t face_incoming_leaf(uint32_t leaf);
FACE int32_t face_group_apply(struct group *g);
FACE void face_group_refuse(void);
/* The open message for the other face files; NULL when none is open. */
const struct incoming *face_group_incoming(void);

/* The rules of the room (seal/rules.h). In: policy hash of the link (32), SignedRoomPolicy<V>, psk_id<V>. -ERR_DENIED or
 * what the rule said when one is broken; its name is then at face_rules_broken. On a group just joined or made: */
FACE int32_t face_rules_join(const struct group *g, uint32_t n);
/* On the open commit of another member, before face_group_apply; the caller refuses what breaks a rule. */
FACE int32_t face_rules_commit(const struct group *g, uint32_t n);
/* In: the same. 1 when the policy names this leaf a moderator, else 0. */
FACE int32_t face_rules_moderator(const struct group *g, uint32_t leaf, uint32_t n);
/* Out: the name of the rule that the last of these found broken. */
FACE int32_t face_rules_broken(void);

/* Out: uint64 epoch; uint32 own leaf, members, slots, welcomed_by; uint16 suite; uint8 closed; then
 * group_id<V>, extensions<V>, authenticator<V>, confirmed_hash<V>. */
FACE int32_t face_group_info(const struct group *g);
/* Out: identity<V>, signature_key<V>, uint64 not_before, not_after; -ERR_UNKNOWN when blank. */
FACE int32_t face_group_leaf(const struct group *g, uint32_t leaf);
/* In: label<V>, context<V>. Out: `length` bytes. */
FACE int32_t face_group_export(const struct group *g, uint32_t n, uint32_t length);
/* Forgets past epochs but the last `keep`. */
FACE void face_group_forget(struct group *g, uint32_t keep);

#endif
