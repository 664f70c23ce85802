/* SPDX-License-Identifier: Apache-2.0
 * app/ipc_messages: what a neighbour sends is input. First byte: which message. Whatever is taken is written
 * again and must be the same bytes. */
#include "app/ipc_messages.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM_BYTES (1u << 20)
#define AGAIN(name)                                                                                          \
    static void again_##name(struct span body, struct writer *w, bool *taken)                                \
    {                                                                                                        \
        struct name m;                                                                                       \
        *taken = get_##name(body, &m) == OK;                                                                 \
        if (*taken) put_##name(w, &m);                                                                       \
    }
AGAIN(ipc_ask)
AGAIN(ipc_told)
AGAIN(ipc_join)
AGAIN(ipc_join_answer)
AGAIN(ipc_act)
AGAIN(ipc_act_answer)
AGAIN(ipc_admit)
AGAIN(ipc_expel)
AGAIN(ipc_room_set)
AGAIN(ipc_member)
AGAIN(ipc_member_is)
AGAIN(ipc_to_room)
AGAIN(ipc_to_clients)
AGAIN(ipc_kms_told)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[ROOM_BYTES];
    static void (*const all[])(struct span, struct writer *, bool *) = {
        again_ipc_ask,        again_ipc_told,       again_ipc_join,      again_ipc_join_answer,
        again_ipc_act,        again_ipc_act_answer, again_ipc_admit,     again_ipc_expel,
        again_ipc_room_set,   again_ipc_member,     again_ipc_member_is, again_ipc_to_room,
        again_ipc_to_clients, again_ipc_kms_told};
    bool taken;
    if (size == 0 || size > ROOM_BYTES) return 0;
    struct writer w = writer_of(MSPAN(text, sizeof text));
    struct span body = SPAN(data + 1, size - 1);
    all[data[0] % COUNT_OF(all)](body, &w, &taken);
    if (taken && (w.bad || !span_equal(writer_span(&w), body))) abort();
    return 0;
}
