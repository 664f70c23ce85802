/* SPDX-License-Identifier: Apache-2.0
 * Messages between roles: a table of rows (name, from, to, largest size). io/ipc refuses a message that is
 * not in the table, comes from the wrong role or is too long; the receiver treats bodies as input. Framing on
 * the stream socket: {u32 body length; u16 message; u16 descriptors (0 or 1); u64 session} then the body.
 * `session` names one client's session (given by front, never reused while it runs), 0 where a message
 * concerns none. Bodies: app/ipc_messages.h. */
#ifndef APP_IPC_TABLE_H
#define APP_IPC_TABLE_H

#include <stdint.h>

enum role {
    ROLE_PARENT,
    ROLE_FRONT,
    ROLE_ENGINE,
    ROLE_VAULT,
    ROLE_KEEPER,
    ROLE_ARCHIVE,
    ROLE_KMS,
    ROLE_COUNT
};

/*  name                 from          to           largest body */
#define IPC_TABLE(X)                                                                                         \
    X(IPC_CONFIG, ROLE_PARENT, ROLE_COUNT, 65536) /* to any role: its part of the configuration */           \
    X(IPC_CHANNEL, ROLE_PARENT, ROLE_COUNT, 16)   /* {u8 role; u16 index} + a descriptor: a new neighbour */ \
    X(IPC_SOCKET, ROLE_PARENT, ROLE_COUNT, 128)   /* {u8 use; vec8 text} + a bound descriptor */             \
    X(IPC_START, ROLE_PARENT, ROLE_COUNT, 0)      /* everything was handed over: drop powers and serve */    \
    X(IPC_STOP, ROLE_PARENT, ROLE_COUNT, 1)       /* {u8 drain} */                                           \
    X(IPC_READY, ROLE_COUNT, ROLE_PARENT, 0)                                                                 \
    X(IPC_DRAINED, ROLE_COUNT, ROLE_PARENT, 0)                                                               \
    X(IPC_TLS, ROLE_PARENT, ROLE_FRONT, 65536)    /* certificate chain and key, PEM (reload) */              \
    X(IPC_HEALTH, ROLE_PARENT, ROLE_FRONT, 64)    /* {u8}: 1 while every role is up and nothing drains */    \
    X(IPC_STATS, ROLE_COUNT, ROLE_FRONT, 65536)   /* a role's metrics as exposition text, each second */     \
    X(IPC_ASK, ROLE_FRONT, ROLE_KEEPER, 131072)   /* one API call */                                         \
    X(IPC_TOLD, ROLE_KEEPER, ROLE_FRONT, 1048576) /* its answer */                                           \
    X(IPC_JOIN, ROLE_FRONT, ROLE_KEEPER, 8192)    /* somebody wants into a room */                           \
    X(IPC_JOIN_ANSWER, ROLE_KEEPER, ROLE_FRONT, 1024) /* refused, waiting, or admitted at engine N */        \
    X(IPC_ACT, ROLE_FRONT, ROLE_KEEPER, 1024)         /* a member's act that needs a verdict */              \
    X(IPC_CONSENT, ROLE_FRONT, ROLE_KEEPER, 4096)     /* a member's answer to being recorded */              \
    X(IPC_ACT_ANSWER, ROLE_KEEPER, ROLE_FRONT, 1024)                                                         \
    X(IPC_ADMIT, ROLE_KEEPER, ROLE_ENGINE, 2048)       /* a verdict and the session it lets in */            \
    X(IPC_EXPEL, ROLE_KEEPER, ROLE_ENGINE, 512)        /* end a session at once, with the reason */          \
    X(IPC_ROOM_SET, ROLE_KEEPER, ROLE_ENGINE, 1024)    /* lock, end, mute, recording, consent */             \
    X(IPC_MEMBER, ROLE_ENGINE, ROLE_KEEPER, 512)       /* a member came or went */                           \
    X(IPC_TO_ROOM, ROLE_FRONT, ROLE_ENGINE, 262656)    /* a client's room message */                         \
    X(IPC_GONE, ROLE_FRONT, ROLE_ENGINE, 16)           /* the session's socket is closed */                  \
    X(IPC_LEFT, ROLE_FRONT, ROLE_KEEPER, 16)           /* the same, to the keeper */                         \
    X(IPC_TO_CLIENTS, ROLE_ENGINE, ROLE_FRONT, 393216) /* a room message for these sessions */               \
    X(IPC_FINISH, ROLE_ENGINE, ROLE_FRONT, 16)         /* close the session's socket after what was sent */  \
    X(IPC_ENVELOPE, ROLE_FRONT, ROLE_ENGINE, 1049088)  /* sealed rooms: opaque bytes in */                   \
    X(IPC_ENVELOPES, ROLE_ENGINE, ROLE_FRONT, 1064960) /* and out, to these sessions */                      \
    X(IPC_VAULT_KEYS, ROLE_VAULT, ROLE_KEEPER, 1024)   /* public keys; the relay's secret */                 \
    X(IPC_SIGN, ROLE_KEEPER, ROLE_VAULT, 65536)        /* {u8 purpose; bytes} */                             \
    X(IPC_SIGNED, ROLE_VAULT, ROLE_KEEPER, 512)                                                              \
    X(IPC_RELAY_REVOKE, ROLE_KEEPER, ROLE_ENGINE, 512) /* {u8 revoke or restore; room<u8>; handle<u8>} */    \
    X(IPC_TURN_STREAM, ROLE_FRONT, ROLE_ENGINE,                                                              \
      65536) /* TURN beside HTTPS: opaque stream bytes, both ways */                                         \
    X(IPC_TURN_BACK, ROLE_ENGINE, ROLE_FRONT, 65536)                                                         \
    X(IPC_RELAY_SECRET, ROLE_KEEPER, ROLE_ENGINE, 64) /* the secret of relay credentials, 32 bytes */        \
    X(IPC_KNOCKS, ROLE_KEEPER, ROLE_FRONT, 65536) /* a room message for these sessions, as IPC_TO_CLIENTS */ \
    X(IPC_MEMBERS_ASK, ROLE_KEEPER, ROLE_ENGINE, 0)      /* who is with you? the keeper has begun anew */    \
    X(IPC_MEMBER_IS, ROLE_ENGINE, ROLE_KEEPER, 1024)     /* this one is, and came in so */                   \
    X(IPC_MEMBERS_TOLD, ROLE_ENGINE, ROLE_KEEPER, 0)     /* that was everybody */                            \
    X(IPC_RECORD_ROOM, ROLE_KEEPER, ROLE_ENGINE, 512)    /* record this room, or no longer */                \
    X(IPC_RECORD_BEGIN, ROLE_KEEPER, ROLE_ARCHIVE, 1024) /* session = the recording; or go on with it */     \
    X(IPC_RECORD_END, ROLE_KEEPER, ROLE_ARCHIVE, 0)                                                          \
    X(IPC_RECORD_EVENT, ROLE_KEEPER, ROLE_ARCHIVE, 8192)  /* a line for its timeline */                      \
    X(IPC_RECORD_NOTED, ROLE_ENGINE, ROLE_ARCHIVE, 1024)  /* the same, of what members do */                 \
    X(IPC_RECORD_STATE, ROLE_ARCHIVE, ROLE_KEEPER, 1024)  /* how it is: begun, well, not well, ended */      \
    X(IPC_RECORD_TRACK, ROLE_ENGINE, ROLE_ARCHIVE, 512)   /* a track begins or ends */                       \
    X(IPC_RECORD_FRAME, ROLE_ENGINE, ROLE_ARCHIVE, 65536) /* a part of a frame */                            \
    X(IPC_RECORD_READ, ROLE_KEEPER, ROLE_ARCHIVE, 1024)   /* session = the question: a part of a file */     \
    X(IPC_RECORD_BYTES, ROLE_ARCHIVE, ROLE_KEEPER, 524800)                                                   \
    X(IPC_RECORD_DROP, ROLE_KEEPER, ROLE_ARCHIVE, 64) /* its files go */                                     \
    X(IPC_KEY_WANTED, ROLE_ARCHIVE, ROLE_VAULT, 1024) /* a new data key, or one opened */                    \
    X(IPC_KEY, ROLE_VAULT, ROLE_ARCHIVE, 1024)                                                               \
    X(IPC_KMS_ASK, ROLE_VAULT, ROLE_KMS, 1024) /* wrap or open this; session = the question */               \
    X(IPC_KMS_TOLD, ROLE_KMS, ROLE_VAULT, 1024)

enum ipc_message {
    IPC_NONE,
#define X(name, from, to, max) name,
    IPC_TABLE(X)
#undef X
        IPC_COUNT
};

struct ipc_row {
    const char *name;
    enum role from, to; /* ROLE_COUNT: any role */
    uint32_t max;
};
/* The row of m, or NULL. */
const struct ipc_row *ipc_row(unsigned m);
/* The `allow` function of io/ipc.h over this table. */
uint32_t ipc_allow(unsigned message, unsigned from, unsigned to);
/* "front", …; "nobody" outside the list. */
const char *role_name(unsigned role);

#endif
