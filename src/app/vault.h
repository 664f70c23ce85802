/* SPDX-License-Identifier: Apache-2.0
 * The vault: the only holder of the token and audit signing keys. It reads DIR/vault at its start (and makes
 * the keys there, mode 0600, the first time), then has no file system any more. It signs for the keeper, with
 * a key for each purpose, over bytes that begin with that purpose's label; nobody else may ask. Speaks
 * through one function, so that a command can run it inside its own process. */
#ifndef APP_VAULT_H
#define APP_VAULT_H

#include "app/ipc_table.h"
#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "core/crypto.h"

#define VAULT_ASKED_MAX  64           /* questions to the role kms at once */
#define VAULT_KMS_WITHIN (4 * USEC_S) /* no answer by then is told: an alarm within 5 s */

enum sign_purpose { SIGN_TOKEN = 1, SIGN_AUDIT_HEAD, SIGN_POLICY };

struct vault;
struct vault_conf {
    const struct crypto *crypto;
    const char *data; /* DIR; borrowed for vault_new only */
    /* to the keeper (IPC_KEY: to the archive, IPC_KMS_ASK: to the role kms); false when it can't be taken */
    bool (*send)(void *ctx, uint16_t message, uint64_t session, struct span body);
    void *ctx;
    const char *kms; /* the provider that the role kms has; NULL: none, the vault's own key file. Borrowed */
};

/* Reads or makes the keys. ERR_DENIED when a key file is open to others, ERR_FORMAT when one is damaged,
 * ERR_IO … */
enum err vault_new(const struct vault_conf *conf, struct vault **vault) MUST_CHECK;
void vault_free(struct vault *v);
/* A keeper is there: tells it the public keys and the relay's secret. */
void vault_met_keeper(struct vault *v);
/* IPC_SIGN: {u8 purpose; bytes}, answered by IPC_SIGNED {signature} of the same session, empty when refused.
 */
void vault_message(struct vault *v, uint16_t message, uint64_t session, struct span body);
/* IPC_KEY_WANTED of the archive: a new data key, or one opened, answered by IPC_KEY of the same session. */
void vault_key_message(struct vault *v, usec now, uint64_t session, struct span body);
/* IPC_KMS_TOLD of the role kms, to the question of this number. */
void vault_kms_message(struct vault *v, uint64_t number, struct span body);
/* The role kms is gone, with all it was asked. */
void vault_lost_kms(struct vault *v);
/* Answers for a KMS that does not; when it wants to be called again. */
usec vault_turn(struct vault *v, usec now);

#endif
