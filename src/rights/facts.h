/* SPDX-License-Identifier: Apache-2.0
 * Facts: everything a decision depends on, gathered by the keeper, and nothing else. Who asks (as a checked
 * token or the local operator says), what for, about which room, and what the server knows of all three. A
 * fact that is not set speaks against the asker. */
#ifndef RIGHTS_FACTS_H
#define RIGHTS_FACTS_H

#include "base/err.h"
#include "rights/verdict.h"

enum verb {
    VERB_NONE,
    VERB_JOIN,   /* enter a room */
    VERB_CREATE, /* rooms */
    VERB_LIST,
    VERB_SHOW,
    VERB_CLOSE,
    VERB_MEMBERS,
    VERB_KICK,
    VERB_MUTE,
    VERB_LOCK,
    VERB_ADMIT, /* let somebody in from the lobby */
    VERB_END,
    VERB_TOKEN, /* make access tokens */
    VERB_POLICY,
    VERB_GUEST, /* a guest's token */
    VERB_RELAY,
    VERB_BARRED,
    VERB_UNBAR,
    VERB_AUDIT,
    VERB_EXPLAIN,
    VERB_OPENAPI,
    VERB_RECORD,     /* have the server record a room */
    VERB_UNRECORD,   /* end that */
    VERB_RECORDINGS, /* list them */
    VERB_RECORDING,  /* one of them */
    VERB_PLAY,       /* read what was recorded */
    VERB_SHRED,      /* destroy it */
    VERB_CONSENT,    /* say whether one may be recorded */
    VERB_FILE,       /* have a sealed file kept while the meeting runs, or drop it */
    VERB_FETCH,      /* read one */
    VERB_COUNT
};

enum join_rule { RULE_NONE, RULE_LINK, RULE_LOBBY, RULE_TOKEN };

enum recording_rule { RECORDING_FORBIDDEN, RECORDING_ALLOWED, RECORDING_REQUIRED };

struct facts {
    enum verb verb;
    struct {            /* who */
        bool operator_; /* speaks over control.sock: may do what its commands do */
        bool plain_dev; /* came over --dev --listen-plain */
        bool token;     /* a token was given and is good */
        bool expired;   /* a token was given and is past its time */
        bool bad;       /* a token was given and is not good */
        uint32_t can;   /* what the token grants */
        bool all_rooms; /* the token names no single room */
        bool this_room; /* the token names this room */
        bool too_old;   /* the token was made for an earlier room of this name */
        bool guest;     /* it is a guest's token */
        bool barred;    /* kicked from this room */
        bool admitted;  /* a moderator let this one in from the lobby */
        bool rate;      /* asked too often */
    } who;
    struct {        /* the room */
        bool named; /* the request names one */
        bool there;
        bool locked;
        bool over; /* past its policy's not_after */
        enum room_class of_class;
        enum join_rule rule;
        uint32_t
            open; /* what its policy lets everybody do: CAN_PUBLISH | CAN_CHAT | CAN_SHARE | CAN_SUBSCRIBE */
        uint32_t members, members_max;
        enum recording_rule recording;
    } room;
    struct {                      /* what is acted upon */
        bool there;               /* the member, knock or subject exists */
        bool self;                /* it is the asker */
        enum room_class of_class; /* of a room to be made */
        bool exceeds;             /* a token to be made grants more than the asker holds */
    } object;
    bool dev;     /* the server runs with --dev */
    bool audit;   /* the audit row can be stored */
    bool archive; /* the archive and its keys are there */
};

/* "join", …; VERB_NONE for anything else. */
enum verb verb_by_name(struct span name);
const char *verb_name(enum verb v);
/* The request can't be allowed without a token (or the operator). */
bool rights_needs_token(enum verb v);
/* "publish", …: one bit, 0 for anything else. */
uint32_t can_by_name(struct span name);
/* The name of one bit, NULL for none. */
const char *can_name(uint32_t bit);
/* "sealed", …; CLASS_NONE for anything else. */
enum room_class room_class_by_name(struct span name);
const char *room_class_name(enum room_class c);
/* "forbidden", …; by name ERR_UNKNOWN for anything else. */
const char *recording_rule_name(unsigned r);
enum err recording_rule_by_name(struct span name, uint8_t *rule) MUST_CHECK;

#endif
