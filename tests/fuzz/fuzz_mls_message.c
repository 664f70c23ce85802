/* SPDX-License-Identifier: Apache-2.0
 * Every structure of MLS from strangers: what reads is written again to the very same bytes; trees that are
 * accepted survive hashing, resolution and the checks at join. */
#include <stdlib.h>

#include "guest/openssl_crypto.h"
#include "seal/blob.h"
#include "seal/leaf.h"
#include "seal/treekem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct span in, struct blob *b)
{
    if (!b->p || !span_equal(blob_span(b), in)) abort();
    blob_drop(b);
}

static void messages(struct span in)
{
    struct mls_message m;
    struct blob b;
    if (mls_message_read(in, &m) == OK) {
        PACK(&b) mls_message_write(&k.w, &m);
        same(in, &b);
    }
}

static void parts(struct span in)
{
    struct mls_commit c;
    struct mls_group_secrets g;
    struct mls_signed s;
    struct mls_proposal p;
    struct blob b;
    if (mls_commit_read(in, &c) == OK) {
        PACK(&b) mls_commit_write(&k.w, &c);
        same(in, &b);
    }
    if (mls_group_secrets_read(in, &g) == OK) {
        PACK(&b) mls_group_secrets_write(&k.w, &g);
        same(in, &b);
    }
    if (mls_signed_read(in, &s) == OK) {
        PACK(&b) mls_signed_write(&k.w, &s);
        same(in, &b);
    }
    if (mls_proposal_read(in, &p) == OK) {
        PACK(&b) mls_proposal_write(&k.w, &p);
        same(in, &b);
    }
    for (uint8_t type = 0; type < 5; type++)
        (void)!mls_inner_read(in, type, &s);
}

static void trees(struct span in)
{
    struct span nodes;
    struct tree t;
    struct suite s;
    struct digest hash;
    struct tree_path path;
    uint16_t list[TREE_NODES_MAX];
    if (mls_tree_read(in, &nodes) != OK || tree_read(&t, nodes) != OK) return;
    if (suite_init(&s, 1, openssl_crypto()) != OK || tree_hash(&t, &s, &hash) != OK) abort();
    (void)!tree_check_parents(&t, &s);
    (void)!tree_check_keys(&t, &s);
    (void)!leaf_check_all(&t, SPAN_NONE);
    for (uint32_t x = 0; x < node_count(t.leaves); x++)
        if (tree_resolution(&t, x, list) > TREE_NODES_MAX) abort();
    for (uint32_t i = 0; i < t.leaves; i++)
        tree_filtered_path(&t, i, &path);
    tree_remove(&t, t.leaves / 2);
    tree_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = SPAN(data, size);
    messages(in);
    parts(in);
    trees(in);
    return 0;
}
