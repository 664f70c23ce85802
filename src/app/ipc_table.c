/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ipc_table.h"

#include "io/ipc.h"

static const struct ipc_row rows[IPC_COUNT] = {
#define X(name, from, to, max) {#name, from, to, max},
    {"IPC_NONE", ROLE_COUNT, ROLE_COUNT, 0}, IPC_TABLE(X)
#undef X
};

const struct ipc_row *ipc_row(unsigned m)
{
    return m > IPC_NONE && m < IPC_COUNT ? &rows[m] : 0;
}

uint32_t ipc_allow(unsigned message, unsigned from, unsigned to)
{
    const struct ipc_row *r = ipc_row(message);
    if (!r || from >= ROLE_COUNT || to >= ROLE_COUNT) return IPC_REFUSED;
    bool may_send = r->from == ROLE_COUNT || r->from == from;
    bool may_get = r->to == ROLE_COUNT || r->to == to;
    return may_send && may_get ? r->max : IPC_REFUSED;
}

const char *role_name(unsigned role)
{
    static const char *const names[ROLE_COUNT] = {"parent", "front",   "engine", "vault",
                                                  "keeper", "archive", "kms"};
    return role < ROLE_COUNT ? names[role] : "nobody";
}
