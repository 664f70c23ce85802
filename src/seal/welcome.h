/* SPDX-License-Identifier: Apache-2.0
 * The Welcome message, RFC 9420 section 12.4.3.1: opening a joiner's GroupSecrets and then the GroupInfo, and
 * sealing both. Owns the opened bytes in struct welcome_opened until welcome_drop. What they mean is checked
 * by the joiner (group.h). */
#ifndef SEAL_WELCOME_H
#define SEAL_WELCOME_H

#include "seal/blob.h"
#include "seal/schedule.h"

struct welcome_opened {
    struct blob secrets_bytes, info_bytes;
    struct mls_group_secrets secrets; /* points into secrets_bytes */
    struct mls_group_info info;       /* points into info_bytes */
};

/* Finds the entry of this key package and opens it with the init private key. ERR_UNKNOWN: not for us;
 * ERR_AUTH. */
enum err welcome_open_secrets(const struct suite *s, const struct mls_welcome *w, struct span key_package,
                              const struct secret *init_priv, struct welcome_opened *o) MUST_CHECK;
/* Opens the GroupInfo with the joiner secret found before and the psk_secret; form only. */
enum err welcome_open_info(const struct suite *s, const struct mls_welcome *w, const struct secret *psk,
                           struct welcome_opened *o) MUST_CHECK;
/* The group info's signature and confirmation tag hold. */
enum err welcome_check_info(const struct suite *s, const struct mls_group_info *info,
                            struct span signer_key) MUST_CHECK;
void welcome_drop(struct welcome_opened *o);

struct welcome_joiner {
    struct span ref, init_key; /* of the key package */
    bool has_path_secret;
    struct span path_secret;
};
struct welcome_seal {
    const struct secret *joiner, *psk;
    struct span psks; /* list of PreSharedKeyID in use */
    struct span info; /* encoded GroupInfo */
    const struct welcome_joiner *joiners;
    size_t count;
};
/* The whole MLSMessage. */
enum err welcome_write(const struct suite *s, const struct welcome_seal *w, struct blob *message) MUST_CHECK;

#endif
