/* SPDX-License-Identifier: Apache-2.0
 * The configuration: a file of `key = value` lines, then INCAMERA_* of the environment, then flags; the later
 * wins, also for lists. Every fault is one plain line that says what was expected. The parent reads it and
 * hands each role only the keys that the role needs, as the same lines. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "app/ipc_table.h"
#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

#define CONFIG_LIST_MAX    16
#define CONFIG_TEXT        64
#define CONFIG_PATH        1024
#define CONFIG_FAULT       256
#define CONFIG_FILE_MAX    65536
#define CONFIG_ENGINES_MAX 64

struct config_list {
    char text[CONFIG_LIST_MAX][CONFIG_TEXT];
    uint8_t count;
};
struct config {
    char file[CONFIG_PATH]; /* --config */
    char data[CONFIG_PATH]; /* the folder with all state */
    char listen[CONFIG_TEXT], listen_plain[CONFIG_TEXT];
    struct config_list media, announce, turn_allow_peer;
    struct config_list origin; /* other sites that may use the API and open sockets */
    char turn[CONFIG_TEXT];
    char tls_certificate[CONFIG_PATH], tls_key[CONFIG_PATH]; /* PEM; without them a development certificate */
    char audit_heads[CONFIG_PATH]; /* a file, best on another machine's disk, that signed audit heads go to */
    char log[CONFIG_TEXT];
    uint32_t engines; /* 0: one a core */
    bool dev;
    /* the key management system: "file" or "pkcs11", and how the latter is reached */
    char kms[CONFIG_TEXT], kms_token[CONFIG_TEXT], kms_key[CONFIG_TEXT];
    char kms_module[CONFIG_PATH], kms_pin_file[CONFIG_PATH], kms_folder[CONFIG_PATH];
    char kms_environment[CONFIG_PATH]; /* NAME=VALUE for the module, which is given no other */
    uint8_t rank[32];                  /* which source set a key last */
};
struct config_fault {
    char text[CONFIG_FAULT];
};
enum config_source { CONFIG_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_ENV, CONFIG_FROM_FLAG };

void config_init(struct config *c);
/* One setting by its key ("listen-plain"). ERR_UNKNOWN, ERR_FORMAT, ERR_LIMIT with the fault said. */
enum err config_set(struct config *c, enum config_source from, struct span key, struct span value,
                    struct config_fault *fault) MUST_CHECK;
/* A whole file, or a role's part: lines `key = value`, # begins a comment. The fault names the line. */
enum err config_lines(struct config *c, enum config_source from, struct span text,
                      struct config_fault *fault) MUST_CHECK;
/* File (if --config names one), environment and flags together, checked. argv begins after the command.
 * ERR_CLOSED when --help is among the flags. */
enum err config_read(struct config *c, int argc, char **argv, struct config_fault *fault) MUST_CHECK;
/* The customer's key is not in a file of ours: the role `kms` runs. */
bool config_kms_remote(const struct config *c);
/* What a role needs of it, as lines. */
void config_part(struct writer *w, const struct config *c, enum role role);

#endif
