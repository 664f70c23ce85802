/* SPDX-License-Identifier: Apache-2.0
 * TURN on the wire: one pass over a STUN message that keeps what a relay needs, writers for its answers,
 * ChannelData, and the length of the first frame in a stream. RFC 8489 sections 5 and 14, RFC 8656 sections
 * 12 and 18, RFC 8656 section 12.5 for streams. Spans of a message borrow its bytes. Never checks integrity:
 * it says where it stands. */
#ifndef WIRE_TURN_H
#define WIRE_TURN_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

#define TURN_COOKIE       0x2112A442u
#define TURN_HEADER       20
#define TURN_ID           12
#define TURN_MAC          20   /* MESSAGE-INTEGRITY */
#define TURN_FRAME_MAX    2048 /* bytes of a message or ChannelData in a stream */
#define TURN_PEERS_MAX    16   /* XOR-PEER-ADDRESS in one message */
#define TURN_UNKNOWN_MAX  8    /* unknown attributes that an answer lists */
#define TURN_CHANNEL_HEAD 4
#define TURN_CHANNEL_MIN  0x4000
#define TURN_CHANNEL_MAX  0x7FFF /* of RFC 5766: its clients pick any; RFC 8656's pick up to 0x4FFF */

enum turn_class { TURN_REQUEST, TURN_INDICATION, TURN_SUCCESS, TURN_ERROR };
enum turn_method {
    TURN_BINDING = 1,
    TURN_ALLOCATE = 3,
    TURN_REFRESH = 4,
    TURN_SEND = 6,
    TURN_DATA = 7,
    TURN_CREATE_PERMISSION = 8,
    TURN_CHANNEL_BIND = 9,
    TURN_CONNECT = 10, /* RFC 6062: known only to be refused */
    TURN_CONNECTION_BIND = 11,
};
enum turn_attribute {
    TURN_A_USERNAME = 0x0006,
    TURN_A_INTEGRITY = 0x0008,
    TURN_A_ERROR_CODE = 0x0009,
    TURN_A_UNKNOWN = 0x000A,
    TURN_A_CHANNEL_NUMBER = 0x000C,
    TURN_A_LIFETIME = 0x000D,
    TURN_A_XOR_PEER = 0x0012,
    TURN_A_DATA = 0x0013,
    TURN_A_REALM = 0x0014,
    TURN_A_NONCE = 0x0015,
    TURN_A_XOR_RELAYED = 0x0016,
    TURN_A_FAMILY = 0x0017,
    TURN_A_EVEN_PORT = 0x0018,
    TURN_A_TRANSPORT = 0x0019,
    TURN_A_DONT_FRAGMENT = 0x001A,
    TURN_A_XOR_MAPPED = 0x0020,
    TURN_A_RESERVATION = 0x0022,
    TURN_A_ADDITIONAL_FAMILY = 0x8000,
    TURN_A_ADDRESS_ERROR = 0x8001,
};

struct turn_addr {  /* IPv4 in the first four bytes, the rest 0, as in struct path */
    uint8_t family; /* 4 or 6 */
    uint8_t pad;
    uint16_t port;
    uint8_t addr[16];
};

struct turn_msg {
    enum turn_class class;
    uint16_t method;
    uint8_t id[TURN_ID];
    bool has_username, has_realm, has_nonce, has_data, has_lifetime, has_channel, has_transport, has_family,
        has_additional, even_port, even_pair,
        reservation; /* even_pair: EVEN-PORT wants the next port kept as well */
    bool peers_over; /* more than TURN_PEERS_MAX */
    bool malformed;  /* an attribute of ours has a wrong length or an unknown family: answer 400 */
    uint8_t transport, family, additional; /* of families: 4, 6, or 0 for a number that is neither */
    uint16_t channel;
    uint32_t lifetime_s;
    struct span username, realm, nonce, data;
    struct span integrity; /* 20 bytes; empty without the attribute */
    size_t integrity_at;   /* bytes of the message before that attribute */
    struct turn_addr peer[TURN_PEERS_MAX];
    uint16_t peer_count;
    uint16_t unknown[TURN_UNKNOWN_MAX];
    uint16_t
        unknown_count; /* comprehension-required ones that we do not know, at most TURN_UNKNOWN_MAX kept */
};

/* Reads a whole message. ERR_SHORT or ERR_FORMAT when it is not STUN or its attributes do not fit its length.
 * What follows MESSAGE-INTEGRITY is ignored; of a repeated attribute the first counts (XOR-PEER-ADDRESS may
 * repeat). */
enum err turn_parse(struct span pkt, struct turn_msg *m) MUST_CHECK;
/* Reads ChannelData; data is borrowed. In a datagram bytes after the data are ignored as padding. */
enum err turn_parse_channel(struct span pkt, uint16_t *channel, struct span *data) MUST_CHECK;
/* Bytes of the first frame of a stream, with its padding. ERR_SHORT when more must come, ERR_FORMAT when it
 * can be none or is longer than TURN_FRAME_MAX: then the connection is of no use any more. */
enum err turn_frame(struct span stream, size_t *n) MUST_CHECK;

/* Begins a message; the length is 0 until turn_finish. */
void turn_begin(struct writer *w, enum turn_class class, uint16_t method, const uint8_t id[static TURN_ID]);
void turn_put(struct writer *w, uint16_t attribute, struct span value);
void turn_put_u32(struct writer *w, uint16_t attribute, uint32_t value);
/* An XOR-…-ADDRESS. */
void turn_put_addr(struct writer *w, uint16_t attribute, const struct turn_addr *a,
                   const uint8_t id[static TURN_ID]);
/* ERROR-CODE with an empty reason: answers to strangers must be small. */
void turn_put_error(struct writer *w, uint16_t code);
/* ADDRESS-ERROR-CODE: no relay of this family. */
void turn_put_address_error(struct writer *w, uint8_t family, uint16_t code);
/* UNKNOWN-ATTRIBUTES of m. */
void turn_put_unknown(struct writer *w, const struct turn_msg *m);
/* Sets the length to what has been written and `more` bytes that follow. */
void turn_finish(struct writer *w, size_t more);

#endif
