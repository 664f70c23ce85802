/* SPDX-License-Identifier: Apache-2.0
 * The bodies of the messages between roles: for each a struct, a put (to a writer) and a get (from bytes that
 * are input: every length checked, strings borrowed from the bytes). On failure the struct is untouched. */
#ifndef APP_IPC_MESSAGES_H
#define APP_IPC_MESSAGES_H

#include "base/err.h"
#include "base/time.h"
#include "base/write.h"
#include "rights/verdict.h"

/* How somebody comes into a room. */
enum entry { ENTRY_SOCKET, ENTRY_WHIP, ENTRY_WHEP, ENTRY_NATIVE };

struct ipc_ask {       /* IPC_ASK, session = the number of the question */
    uint16_t row;      /* of the api table (app/api_table.h) */
    struct span token; /* bearer token, or empty */
    struct span from;  /* client address as text, for rate limits and the audit */
    struct span room;  /* {room} of the path, or empty */
    struct span item;  /* second path part, or empty */
    struct span query; /* raw query string */
    struct span body;  /* request body (JSON text), or empty */
    bool trusted;      /* came over control.sock: whoever can open it may do what the command does */
    bool plain_dev;    /* came over --dev --listen-plain */
};
struct ipc_told { /* IPC_TOLD */
    uint16_t status;
    struct span type;     /* content type */
    struct span location; /* or empty */
    struct span body;
};
struct ipc_join {  /* IPC_JOIN, session = the client's session */
    uint8_t entry; /* enum entry */
    bool plain_dev;
    struct span token, room, from;
};
enum join_result { JOIN_ADMITTED, JOIN_WAITING, JOIN_REFUSED };
struct ipc_join_answer { /* IPC_JOIN_ANSWER */
    uint8_t result;      /* enum join_result */
    uint16_t engine;     /* admitted: which engine */
    uint16_t status;     /* refused: the HTTP status it would be */
    struct span code, title;
};
struct ipc_act { /* IPC_ACT, session = who acts */
    uint32_t id;
    uint8_t message; /* enum room_message: ROOM_KICK, ROOM_MUTE_MEMBER, ROOM_LOCK, ROOM_ADMIT, ROOM_END */
    uint32_t member; /* or knock */
    bool flag;       /* locked, admit */
    struct span source;
};
struct ipc_act_answer { /* IPC_ACT_ANSWER: empty code = done */
    uint32_t id;
    struct span code, title;
};
struct ipc_admit { /* IPC_ADMIT, session = who is let in */
    struct verdict verdict;
    uint32_t member; /* its number in the room, given by the keeper, never reused in a meeting */
    uint8_t entry;
};
struct ipc_expel {             /* IPC_EXPEL */
    struct span reason, title; /* of the `closed` message */
    uint32_t by;               /* member, 0 nobody */
};
enum room_set { ROOM_SET_LOCK = 1, ROOM_SET_END, ROOM_SET_MUTE };
struct ipc_room_set { /* IPC_ROOM_SET */
    uint8_t what;
    struct span room;
    uint32_t by, member;
    bool flag;
    struct span source;
};
struct ipc_member { /* IPC_MEMBER */
    bool in;
    struct span room;
    uint32_t member;
    struct span reason;
};
struct ipc_member_is { /* IPC_MEMBER_IS, session = whose */
    struct ipc_admit admitted;
    int64_t since_ms;
};
struct ipc_to_room {  /* IPC_TO_ROOM */
    uint8_t message;  /* enum room_message */
    struct span body; /* its shape's binary form, checked by front; the engine checks again */
};
struct ipc_to_clients { /* IPC_TO_CLIENTS */
    uint8_t message;
    uint16_t count;
    struct span sessions; /* count u64, big-endian */
    struct span body;
};

#define IPC_PUT_GET(name)                                                                                    \
    void put_##name(struct writer *w, const struct name *m);                                                 \
    enum err get_##name(struct span body, struct name *m) MUST_CHECK
IPC_PUT_GET(ipc_ask);
IPC_PUT_GET(ipc_told);
IPC_PUT_GET(ipc_join);
IPC_PUT_GET(ipc_join_answer);
IPC_PUT_GET(ipc_act);
IPC_PUT_GET(ipc_act_answer);
IPC_PUT_GET(ipc_admit);
IPC_PUT_GET(ipc_expel);
IPC_PUT_GET(ipc_room_set);
IPC_PUT_GET(ipc_member);
IPC_PUT_GET(ipc_member_is);
IPC_PUT_GET(ipc_to_room);
IPC_PUT_GET(ipc_to_clients);

#endif
