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
struct ipc_consent { /* IPC_CONSENT, session = whose; as the client wrote it */
    uint32_t id;
    bool agreed;
    uint64_t at_ms;
    struct span recording, policy, text, key, signature;
};
struct ipc_act_answer { /* IPC_ACT_ANSWER: empty code = done */
    uint32_t id;
    struct span code, title;
};
struct ipc_admit { /* IPC_ADMIT, session = who is let in */
    struct verdict verdict;
    uint32_t member; /* its number in the room, given by the keeper, never reused in a meeting */
    uint8_t entry;
    struct span ice; /* relays of this member, as in struct room_entrant */
};
struct ipc_expel {             /* IPC_EXPEL */
    struct span reason, title; /* of the `closed` message */
    uint32_t by;               /* member, 0 nobody */
};
enum room_set { ROOM_SET_LOCK = 1, ROOM_SET_END, ROOM_SET_MUTE, ROOM_SET_RECORDING, ROOM_SET_CONSENT };
struct ipc_room_set { /* IPC_ROOM_SET */
    uint8_t what;
    struct span room;
    uint32_t by, member;
    bool flag;
    struct span source;
    uint8_t state; /* RECORDING: enum room_recording; flag: required */
    struct span recording, why;
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

/* --- recording: session is the recording's number, given by the keeper --- */
#define RECORD_ID       16
#define RECORD_PART_MAX 60000 /* bytes of a frame in one message */
struct ipc_record_room {      /* IPC_RECORD_ROOM */
    struct span room;
    bool on, anew;    /* anew: the archive knows of no track yet */
    int64_t begin_ms; /* wall clock */
};
struct ipc_record_begin { /* IPC_RECORD_BEGIN */
    uint8_t id[RECORD_ID];
    uint16_t part;      /* from 1; a new one each time the archive begins anew */
    struct span sealed; /* its data key, or empty: a new one is made */
    struct span room;
    int64_t begin_ms;
};
enum record_state { RECORD_BEGUN = 1, RECORD_WELL, RECORD_ALARM, RECORD_ENDED, RECORD_FAILED };
struct ipc_record_state { /* IPC_RECORD_STATE */
    uint8_t state;
    uint64_t bytes;
    struct span sealed; /* BEGUN: the new data key */
    struct span digest; /* ENDED: of the manifest */
    struct span why;    /* ALARM, FAILED: one plain sentence */
};
struct ipc_record_event { /* IPC_RECORD_EVENT */
    uint64_t at_ms;
    struct span what, members; /* JSON members without braces */
};
struct ipc_record_track { /* IPC_RECORD_TRACK */
    bool ends;
    uint32_t track, member;
    uint64_t at_ms;
    uint8_t codec, channels;
    struct span source, name;
};
enum { RECORD_KEY = 1, RECORD_GAP = 2, RECORD_FIRST = 4, RECORD_LAST = 8 };
struct ipc_record_frame { /* IPC_RECORD_FRAME */
    uint32_t track;
    uint64_t at_ms;
    uint8_t flags;
    struct span bytes;
};
struct ipc_record_read { /* IPC_RECORD_READ, session = the question */
    uint8_t id[RECORD_ID];
    struct span sealed, file; /* an empty file: the list of files */
    uint64_t from;
};
struct ipc_record_bytes { /* IPC_RECORD_BYTES */
    uint16_t status;      /* as HTTP has it */
    bool last;            /* nothing follows */
    struct span bytes;    /* or why not */
};
struct ipc_key_wanted { /* IPC_KEY_WANTED, session = the asker's */
    uint8_t id[RECORD_ID];
    struct span space;
    struct span sealed; /* empty: a new one */
};
struct ipc_key { /* IPC_KEY; an empty plain key: refused */
    struct span plain, sealed, why;
};
struct ipc_kms_ask { /* IPC_KMS_ASK */
    bool wrap;
    struct span aad, bytes; /* a plain data key to be wrapped, or a wrapped one to be opened */
};
struct ipc_kms_told {  /* IPC_KMS_TOLD */
    uint8_t fault;     /* enum err of struct kms; then bytes is empty */
    struct span bytes; /* the wrapped key, or the plain one */
};

#define IPC_PUT_GET(name)                                                                                    \
    void put_##name(struct writer *w, const struct name *m);                                                 \
    enum err get_##name(struct span body, struct name *m) MUST_CHECK
IPC_PUT_GET(ipc_ask);
IPC_PUT_GET(ipc_told);
IPC_PUT_GET(ipc_join);
IPC_PUT_GET(ipc_join_answer);
IPC_PUT_GET(ipc_act);
IPC_PUT_GET(ipc_consent);
IPC_PUT_GET(ipc_act_answer);
IPC_PUT_GET(ipc_admit);
IPC_PUT_GET(ipc_expel);
IPC_PUT_GET(ipc_room_set);
IPC_PUT_GET(ipc_member);
IPC_PUT_GET(ipc_member_is);
IPC_PUT_GET(ipc_to_room);
IPC_PUT_GET(ipc_to_clients);
IPC_PUT_GET(ipc_record_room);
IPC_PUT_GET(ipc_record_begin);
IPC_PUT_GET(ipc_record_state);
IPC_PUT_GET(ipc_record_event);
IPC_PUT_GET(ipc_record_track);
IPC_PUT_GET(ipc_record_frame);
IPC_PUT_GET(ipc_record_read);
IPC_PUT_GET(ipc_record_bytes);
IPC_PUT_GET(ipc_key_wanted);
IPC_PUT_GET(ipc_key);
IPC_PUT_GET(ipc_kms_ask);
IPC_PUT_GET(ipc_kms_told);

#endif
