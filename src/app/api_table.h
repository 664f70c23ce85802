/* SPDX-License-Identifier: Apache-2.0
 * The HTTP interface /api/v1 as a table: one row a request (method, path, verb that policy is asked about,
 * what it takes and answers). Front matches requests to rows and passes them on as IPC_ASK; the keeper
 * decides and answers; GET /api/v1/openapi.json is written from these rows, so that it can't be wrong about
 * them. Numbers are the wire form between roles. Path parts: {room} and {member} are [A-Za-z0-9_-]{1,64};
 * there is no percent-decoding: any other character matches nothing. */
#ifndef APP_API_TABLE_H
#define APP_API_TABLE_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"
#include "rights/facts.h"

#define API_BODY_MAX  65536          /* bytes of a request's JSON */
#define API_BYTES_MAX (65536 + 1024) /* and of other content: a chunk of a file */
#define API_PART_MAX  64             /* bytes of {room} and {item} */

/*  number           method    path after /api/v1              verb               body   status  what it does
 */
#define API_TABLE(X)                                                                                         \
    X(API_ROOM_CREATE, "POST", "/rooms", VERB_CREATE, API_JSON, 201, "Make a room")                          \
    X(API_ROOM_LIST, "GET", "/rooms", VERB_LIST, API_EMPTY, 200, "List the rooms")                           \
    X(API_ROOM_SHOW, "GET", "/rooms/{room}", VERB_SHOW, API_EMPTY, 200, "One room")                          \
    X(API_ROOM_CLOSE, "DELETE", "/rooms/{room}", VERB_CLOSE, API_EMPTY, 204,                                 \
      "Close a room and end its meeting")                                                                    \
    X(API_MEMBER_LIST, "GET", "/rooms/{room}/members", VERB_MEMBERS, API_EMPTY, 200, "Who is in a room")     \
    X(API_MEMBER_KICK, "DELETE", "/rooms/{room}/members/{item}", VERB_KICK, API_EMPTY, 204,                  \
      "Remove a member; its token no longer opens this room")                                                \
    X(API_TOKEN_MAKE, "POST", "/rooms/{room}/tokens", VERB_TOKEN, API_JSON, 201, "Make an access token")     \
    X(API_POLICY_SHOW, "GET", "/rooms/{room}/policy", VERB_POLICY, API_EMPTY, 200,                           \
      "The room's policy; needs no token")                                                                   \
    X(API_GUEST, "POST", "/rooms/{room}/guest", VERB_GUEST, API_JSON, 201,                                   \
      "A guest's token for a room that is joined by link or lobby; needs no token")                          \
    X(API_RELAY, "POST", "/rooms/{room}/relay", VERB_RELAY, API_EMPTY, 201,                                  \
      "A short-lived relay (TURN) credential")                                                               \
    X(API_BARRED_LIST, "GET", "/rooms/{room}/barred", VERB_BARRED, API_EMPTY, 200,                           \
      "Whose tokens no longer open the room")                                                                \
    X(API_BARRED_DROP, "DELETE", "/rooms/{room}/barred/{item}", VERB_UNBAR, API_EMPTY, 204,                  \
      "Let a subject in again")                                                                              \
    X(API_AUDIT, "GET", "/audit", VERB_AUDIT, API_EMPTY, 200,                                                \
      "The audit trail, oldest first: ?after=SEQ&limit=N")                                                   \
    X(API_AUDIT_HEAD, "GET", "/audit/head", VERB_AUDIT, API_EMPTY, 200,                                      \
      "A signed head over the whole audit trail as it is now")                                               \
    X(API_AUDIT_EXPORT, "GET", "/audit/export", VERB_AUDIT, API_EMPTY, 200,                                  \
      "Entries and heads as JSON Lines: ?after=SEQ&upto=SEQ, a part at a time")                              \
    X(API_AUDIT_PROOF, "GET", "/audit/proof", VERB_AUDIT, API_EMPTY, 200,                                    \
      "That an entry is under the last head (?seq=N), or that an older head is its beginning (?from=SIZE)")  \
    X(API_FILE_MAKE, "POST", "/rooms/{room}/files", VERB_FILE, API_JSON, 201,                                \
      "Announce a sealed file: {\"chunks\":N,\"bytes\":B}; the server can't open it and drops it with the "  \
      "meeting")                                                                                             \
    X(API_FILE_PUT, "POST", "/rooms/{room}/files/{item}", VERB_FILE, API_BYTES, 204,                         \
      "One chunk of it: ?chunk=K")                                                                           \
    X(API_FILE_GET, "GET", "/rooms/{room}/files/{item}", VERB_FETCH, API_EMPTY, 200,                         \
      "One chunk of a file: ?chunk=K")                                                                       \
    X(API_FILE_DROP, "DELETE", "/rooms/{room}/files/{item}", VERB_FILE, API_EMPTY, 204,                      \
      "Drop a file that one sent")                                                                           \
    X(API_RECORD, "POST", "/rooms/{room}/recording", VERB_RECORD, API_EMPTY, 201, "Record the room")         \
    X(API_UNRECORD, "DELETE", "/rooms/{room}/recording", VERB_UNRECORD, API_EMPTY, 204, "End its recording") \
    X(API_RECORDING_LIST, "GET", "/recordings", VERB_RECORDINGS, API_EMPTY, 200,                             \
      "The recordings, newest first: ?before=NUMBER")                                                        \
    X(API_RECORDING_SHOW, "GET", "/recordings/{item}", VERB_RECORDING, API_EMPTY, 200, "One recording")      \
    X(API_RECORDING_READ, "GET", "/recordings/{item}/bytes", VERB_PLAY, API_EMPTY, 200,                      \
      "A part of a file, opened: ?file=NAME&from=BYTE; without file the list of files")                      \
    X(API_RECORDING_CONSENTS, "GET", "/recordings/{item}/consents", VERB_RECORDING, API_EMPTY, 200,          \
      "What its members answered, signed, oldest first: ?after=SEQ")                                         \
    X(API_RECORDING_DROP, "DELETE", "/recordings/{item}", VERB_SHRED, API_EMPTY, 204,                        \
      "Destroy a recording's key and files")                                                                 \
    X(API_EXPLAIN, "POST", "/explain", VERB_EXPLAIN, API_JSON, 200, "Why a verdict is what it is")           \
    X(API_OPENAPI, "GET", "/openapi.json", VERB_OPENAPI, API_EMPTY, 200, "This description; needs no token")

enum api_takes { API_EMPTY, API_JSON, API_BYTES }; /* the body of a request */
enum api_number {
    API_NONE,
#define X(number, method, path, verb, body, status, what) number,
    API_TABLE(X)
#undef X
        API_COUNT
};
struct api_row {
    const char *method, *path;
    enum verb verb;
    enum api_takes body;
    uint16_t status;
    const char *what;
};

/* The row of a number, or NULL. */
const struct api_row *api_row(unsigned number);

struct api_match {
    enum api_number number; /* API_NONE: nothing matches */
    struct span room, item; /* borrowed from the path, or empty */
    const char *allow; /* number is API_NONE but the path is there: methods for `Allow` (405), else NULL */
};
/* Finds the row of a request; path is the whole path without the query, "/api/v1/rooms". */
void api_find(struct span method, struct span path, struct api_match *m);
/* The OpenAPI 3.1 document of the table. Sets w->bad when it does not fit. */
void api_openapi(struct writer *w);

#endif
