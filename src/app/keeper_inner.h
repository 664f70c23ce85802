/* SPDX-License-Identifier: Apache-2.0
 * The keeper's parts among themselves: its store (keeper_store), who is where (keeper_people), entering and
 * acting (keeper_join), the API (keeper_api, keeper_rooms, keeper_tokens). */
#ifndef APP_KEEPER_INNER_H
#define APP_KEEPER_INNER_H

#include "app/api_table.h"
#include "app/keeper.h"
#include "app/seat.h"
#include "archive/audit.h"
#include "archive/chunk.h"
#include "archive/kms.h"
#include "base/map.h"
#include "base/secret.h"
#include "guest/sqlite.h"
#include "rights/policy.h"
#include "rights/token.h"
#include "wire/json.h"
#include "wire/room_messages.h"

#define ANSWER_MAX     (512u * 1024)
#define ROOM_LIST_MAX  1000 /* rows of one answer */
#define AUDIT_ROWS_MAX 1000
#define GUEST_TTL_S    3600
#define GUEST_STAY_MS  (12 * 3600 * 1000) /* a guest's token opens for an hour; who is in may stay so long */
#define RELAY_TTL_S    3600               /* of a credential that was asked for, */
#define RELAY_STAY_S   (12 * 3600)        /* and of one that came with `joined`: for a long call */
#define RATE_SLOTS     4096

struct room_row_db { /* a room as the store has it */
    char name[65];
    uint8_t of_class, rule;
    uint8_t recording; /* enum recording_rule */
    bool locked;
    uint32_t open, members_max, next_member;
    int64_t created_ms, not_after_ms; /* 0: no end */
    uint8_t policy[KEEPER_POLICY_MAX];
    uint32_t policy_n;
};

struct audit_row {
    const char *who, *verb, *room, *object, *from;
    bool allowed;
    uint16_t rule;
};

enum query {
    Q_BEGIN,
    Q_COMMIT,
    Q_ROLLBACK,
    Q_ROOM_GET,
    Q_ROOM_ADD,
    Q_ROOM_DROP,
    Q_ROOM_LIST,
    Q_ROOM_LOCK,
    Q_ROOM_NEXT,
    Q_BARRED_GET,
    Q_BARRED_ADD,
    Q_BARRED_DROP,
    Q_BARRED_LIST,
    Q_BARRED_CLEAR,
    Q_SUBJECT_ADD,
    Q_SUBJECT_CLEAR,
    Q_SUBJECT_OLD,
    Q_SUBJECT_CAN,
    Q_AUDIT_ADD,
    Q_AUDIT_LIST,
    Q_AUDIT_LEAF,
    Q_AUDIT_NODE,
    Q_AUDIT_NODE_ADD,
    Q_AUDIT_SIZE,
    Q_AUDIT_HEAD,
    Q_AUDIT_HEAD_LAST,
    Q_AUDIT_HEAD_ADD,
    Q_AUDIT_LEAFLESS,
    Q_AUDIT_LEAF_SET,
    Q_RECORDING_ADD,
    Q_RECORDING_KEY,
    Q_RECORDING_END,
    Q_RECORDING_GET,
    Q_RECORDING_LIST,
    Q_RECORDING_OPEN,
    Q_RECORDING_SHRED,
    Q_CONSENT_ADD,
    Q_CONSENT_LIST,
    Q_COUNT
};
struct store {
    struct db *db;
    struct db_query *q[Q_COUNT];
    bool open_transaction;
    const struct crypto *crypto;
    struct merkle_edge trail;      /* of the audit trail, as committed */
    struct merkle_edge trail_next; /* with the rows of the open transaction */
    struct audit_head head;        /* the last that was signed; size 0: none yet */
};

/* Sealed files, while their meeting runs: keeper_files.c. */
enum file_query {
    FQ_MAKE,
    FQ_GET,
    FQ_ROOM,
    FQ_ALL,
    FQ_PUT,
    FQ_READ,
    FQ_ROOMS,
    FQ_EMPTY,
    FQ_DEAD,
    FQ_DROP,
    FQ_DEAD_NEXT,
    FQ_DEAD_CHUNKS,
    FQ_DEAD_DONE,
    FQ_COUNT
};
struct files {
    struct db *db;
    struct db_query *q[FQ_COUNT];
    usec next_look;
    char looked[65]; /* rooms up to this one */
    uint64_t made, chunks, refused;
};

enum person_state { PERSON_FREE, PERSON_WAITING, PERSON_IN };
struct person { /* a session in a room, or in its lobby */
    uint8_t state, entry;
    bool moderator, guest;
    uint16_t engine;
    uint32_t room;       /* index of struct place */
    uint32_t number;     /* member, or knock while waiting */
    uint32_t next, prev; /* in the place's list; 0 ends it */
    uint32_t can;
    uint64_t session;
    int64_t since_ms, expires_ms;
    struct verdict verdict; /* kept while waiting */
    char name[129], subject[65];
};
struct place { /* a room with somebody in it */
    char name[65];
    bool used, running; /* an engine has it */
    uint16_t engine;
    uint32_t first, members, waiting, next_knock, next_free;
    bool must_record;     /* its policy says so */
    char record_why[200]; /* why nothing records, in one sentence */
    usec record_retry;
};
struct origin { /* whom an answer goes to: front's question of this number, or keeper_ask */
    uint64_t id;
    bool control;
};
struct pending { /* an answer that waits for the vault's signature */
    bool used;
    uint64_t id;
    struct origin origin;
    uint16_t status;
    uint32_t before_n, unsigned_n, after_n;
    char location[160];
    uint8_t before[1024], text[TOKEN_BYTES_MAX],
        after[512]; /* JSON before the token, what is signed, JSON after */
};
#define AUDIT_ASKERS_MAX 32
struct sealing { /* the head that is being signed */
    bool asked;
    usec since;
    struct audit_head head;
    struct origin asker[AUDIT_ASKERS_MAX]; /* who waits for it */
    unsigned askers;
};
#define RECORDINGS_LIVE_MAX 256
#define READS_WAITING_MAX   64
struct live_recording { /* a recording that has not ended */
    bool used, begun, alarm, ending;
    bool asked; /* somebody waits to hear that it began */
    struct origin asker;
    uint64_t number; /* its row, and the session of its messages */
    uint16_t part;
    char room[65];
    uint8_t id[ARTEFACT_ID];
    int64_t begin_ms;
    char why[200];            /* of the alarm */
    usec since, heard, empty; /* empty: since when nobody is in the room; 0: somebody is */
};
struct read_waiting { /* a question that the archive answers */
    bool used, list;
    struct origin origin;
    usec since;
};
struct rate_slot {
    uint64_t key;
    usec at;
    uint32_t tokens; /* thousandths */
};

struct keeper {
    struct keeper_conf conf;
    struct store store;
    struct files files;
    struct token_keys keys;
    struct secret relay;
    bool vault, archive, draining;
    bool engine_met[SEAT_ENGINES_MAX]; /* it is there, and still says who is with it */
    bool engine_up[SEAT_ENGINES_MAX];  /* it has said so: rooms can go there */
    bool settled;                      /* we know who was here before us: people can come in */
    uint8_t scans;
    uint32_t engine_load[SEAT_ENGINES_MAX];
    struct map by_session, by_room;
    struct person *person; /* [0] is never used */
    uint32_t persons, person_size, person_free;
    struct place *place;
    uint32_t places, place_size, place_free;
    uint32_t inside, waiting;
    struct pending pending[KEEPER_PENDING_MAX];
    uint64_t next_pending; /* never 0: that is the audit head's */
    struct live_recording live[RECORDINGS_LIVE_MAX];
    struct read_waiting reading[READS_WAITING_MAX];
    struct sealing sealing;
    uint8_t audit_key[AUDIT_KEY];
    int heads; /* the file that heads are added to, or -1 */
    usec next_head;
    struct rate_slot rate[RATE_SLOTS];
    uint64_t rate_seed[2];
    struct room_row_db room; /* of the request in hand */
    usec now, next_scan, record_look;
    struct {
        uint64_t joins, refused, acts, asks, audit_failed, kicked, returned, heads, heads_lost;
    } counts;
    uint8_t answer[ANSWER_MAX];
};

/* --- keeper --- */
/* The relay's secret to an engine, when both are there. */
void keeper_relay_to(struct keeper *k, uint16_t engine);

/* --- keeper_store --- */
enum err store_open(struct store *s, const char *data, const struct crypto *crypto) MUST_CHECK;
void store_close(struct store *s);
enum err store_begin(struct store *s) MUST_CHECK;
enum err store_commit(struct store *s) MUST_CHECK;
void store_rollback(struct store *s);
/* ERR_UNKNOWN when there is no such room. */
enum err store_room(struct store *s, struct span name, struct room_row_db *room) MUST_CHECK;
bool store_barred(struct store *s, struct span room, struct span subject, enum err *e);
enum err store_room_add(struct store *s, const struct room_row_db *r) MUST_CHECK;
enum err store_room_drop(struct store *s, struct span room) MUST_CHECK;
enum err store_bar(struct store *s, struct span room, struct span subject, struct span name,
                   struct wall now) MUST_CHECK;
enum err store_subject(struct store *s, const struct token *t) MUST_CHECK;
/* What tokens made here granted a subject in a room, together. */
enum err store_granted(struct store *s, struct span room, struct span subject, uint32_t *can) MUST_CHECK;
enum err store_lock(struct store *s, struct span room, bool locked) MUST_CHECK;
enum err store_forget_old(struct store *s, struct wall now) MUST_CHECK;
/* A change with a room and perhaps a subject as its values. */
enum err store_change(struct store *s, enum query q, struct span a, struct span b) MUST_CHECK;

struct question;

/* --- keeper_trail: the audit trail in the store, a Merkle tree (archive/merkle.h) --- */
/* The tree's right edge and the last signed head; rows of older versions get their leaves. ERR_FORMAT when
 * rows are missing. */
enum err trail_open(struct store *s) MUST_CHECK;
/* Adds a row in the open transaction. ERR_LIMIT for a text over AUDIT_TEXT_MAX, ERR_FULL, ERR_IO. */
enum err store_audit(struct store *s, struct wall now, const struct audit_row *a) MUST_CHECK;
/* Whether the rows are what the last head says, as far as kept hashes tell; the whole is checked by export. */
bool trail_whole(struct store *s);
/* Keeps a signed head, which becomes the last one. */
enum err trail_keep_head(struct store *s, const struct audit_head *h) MUST_CHECK;
/* The first head over more than `size` entries. */
enum err trail_head_after(struct store *s, uint64_t size, struct audit_head *h, bool *there) MUST_CHECK;
/* The full subtrees in the store. */
struct merkle_nodes trail_nodes(struct store *s);

/* --- keeper_audit: heads that are signed, and what the API tells of the trail --- */
/* Once a second: has a head signed when there are new rows and the last is old. */
void audit_turn(struct keeper *k);
/* At the end of service: a head over everything. */
void audit_drain(struct keeper *k);
void audit_signed(struct keeper *k, struct span signature);
void audit_list(struct question *q);
void audit_head_now(struct question *q);
void audit_export(struct question *q);
void audit_proof(struct question *q);

/* --- keeper_record: recordings that run, and what the API tells of recordings --- */
/* Finds those that had not ended when the keeper did. */
enum err record_open(struct keeper *k) MUST_CHECK;
/* Begins one; the transaction is open and is ended here. asker, if any, is answered when it runs. ERR_FULL,
 * ERR_CLOSED without an archive. */
enum err record_begin(struct keeper *k, struct span room, const struct origin *asker) MUST_CHECK;
bool record_running(struct keeper *k, struct span room);
/* Somebody came in or went: a line for the timeline; a new engine hears that the room is recorded. */
void record_let_in(struct keeper *k, struct place *at, const struct person *p);
void record_event(struct keeper *k, struct span room, const char *what, const struct person *p);
/* The one of a room, or NULL. */
struct live_recording *record_of(struct keeper *k, struct span room);
void record_hex(const uint8_t id[ARTEFACT_ID], char text[2 * ARTEFACT_ID + 1]);
/* A line for its timeline: JSON members without braces. */
void record_note(struct keeper *k, struct live_recording *l, const char *what, struct span members);
void record_room_empty(struct keeper *k, struct span room);
/* Messages of the archive. */
void record_state(struct keeper *k, uint64_t number, struct span body);
void record_bytes(struct keeper *k, uint64_t session, struct span body);
void record_archive_met(struct keeper *k);
void record_archive_lost(struct keeper *k);
/* Once a second. */
void record_turn(struct keeper *k);
void api_record(struct question *q);
void api_unrecord(struct question *q);
void api_recording_list(struct question *q);
void api_recording_show(struct question *q);
void api_recording_read(struct question *q);
void api_recording_drop(struct question *q);
void api_recording_consents(struct question *q);

/* --- keeper_consent: what a room hears of its recording, and what its members answer --- */
/* The room's recording as it is now, to its engine, which tells the members. */
void record_tell_room(struct keeper *k, struct span room);
/* Why nothing records there (empty: nothing is wrong); told with the next record_tell_room. */
void record_why(struct keeper *k, struct span room, struct span why);
/* Somebody is let in, k->room is the room: begins the recording that its policy requires. */
void record_required(struct keeper *k, struct place *at);
/* Tries again where that failed. */
void record_retry(struct keeper *k);
void consent_message(struct keeper *k, uint64_t session, struct span body);

/* --- keeper_files --- */
enum err files_open(struct files *f, const char *data) MUST_CHECK;
void files_close(struct files *f);
/* Drops the files of rooms in which nobody is any more; now and then. */
void files_turn(struct keeper *k);
void files_room_closed(struct keeper *k, struct span room);
void api_file_make(struct question *q);
void api_file_put(struct question *q);
void api_file_get(struct question *q);
void api_file_drop(struct question *q);

/* --- keeper_people --- */
struct person *people_of(struct keeper *k, uint64_t session);
struct place *place_of(struct keeper *k, struct span room, bool make);
enum err people_add(struct keeper *k, uint64_t session, struct place *at, struct person **p) MUST_CHECK;
void people_drop(struct keeper *k, struct person *p);
struct person *people_member(struct keeper *k, struct place *at, uint32_t number, enum person_state state);
/* Walks a place: first with at = 0, then with what was returned. */
struct person *people_next(struct keeper *k, const struct place *at, const struct person *p);
/* An engine for a place: the one it has, or the least loaded. ERR_UNKNOWN when none is up. */
enum err place_engine(struct keeper *k, struct place *at) MUST_CHECK;
/* The relays of a member of a room end now and its relay credentials are refused, or are good again; with an
 * empty subject those of the whole room. */
void people_relay(struct keeper *k, struct span room, struct span subject, bool revoke);
void people_expel(struct keeper *k, struct person *p, const char *reason, const char *title, uint32_t by);
void people_knocks(struct keeper *k, struct place *at);

/* --- keeper_return: a keeper that begins anew hears from the engines who is in the rooms --- */
/* What an engine says is input: the room is looked up, whoever was removed meanwhile has to go, and nobody may
 * moderate to whom no token for that was given. Heard only until the engine has said that it is all. */
void return_member(struct keeper *k, uint16_t engine, uint64_t session, struct span body);
void return_told(struct keeper *k, uint16_t engine);
/* Once a second: an engine that never says so is waited for no longer. */
void return_scan(struct keeper *k);

/* --- keeper_join: asking, entering, acting --- */
#define PLAIN_LABEL_MAX 32
struct asking {
    struct facts facts;
    struct token token; /* when facts.who.token */
    char room[65], who[80], from[64];
    char label[PLAIN_LABEL_MAX + 1]; /* plain development listener: what the bearer called itself */
    const struct rule_text *rule;
    struct verdict verdict;
};
/* Gathers the facts about who asks and about the room; the room itself, when it is there, is k->room. */
void ask_begin(struct keeper *k, struct asking *a, enum verb verb, struct span token, struct span room,
               struct span from);
/* Decides and writes the audit row. True: allowed, the transaction is open and the caller changes what it
 * came to change and ends it. False: refused and written. */
/* What is known of somebody inside who acts. */
void act_facts(struct keeper *k, struct asking *a, const struct person *actor, const struct place *at);
void act_answer(struct keeper *k, uint64_t session, uint32_t id, const char *code, const char *title);
bool ask_decide(struct keeper *k, struct asking *a, const char *object);
/* Writes the row of a request that is refused for its form or for what it meets. */
void ask_refuse(struct keeper *k, struct asking *a, const char *object);
void join_message(struct keeper *k, uint64_t session, struct span body);
void act_message(struct keeper *k, uint64_t session, struct span body);
bool ask_rate(struct keeper *k, struct span from, uint32_t per_minute, uint32_t burst);
void room_end(struct keeper *k, struct span room, const char *reason, const char *title, uint32_t by);
/* 22 characters nobody can guess. */
enum err random_handle(struct keeper *k, char text[23]) MUST_CHECK;
/* A new governed room with the defaults of this server, not yet stored. */
void room_defaults(const struct keeper *k, struct span name, struct room_row_db *r);

/* --- keeper_api --- */
struct question { /* one API call */
    struct keeper *k;
    struct origin origin;
    const struct ipc_ask *ask;
    struct asking a;
};
void api_message(struct keeper *k, struct origin origin, const struct ipc_ask *ask);
void api_answer(struct keeper *k, struct origin origin, uint16_t status, const char *type,
                const char *location, struct span body);
void api_problem(struct question *q, uint16_t status, const char *code, const char *title, const char *field);
void api_refused(struct question *q);
/* Asks policy and writes the row; false: refused and told. */
bool api_allowed(struct question *q, const char *object);
/* Ends an allowed act that changed the store; false when it could not be, which is told. */
bool api_done(struct question *q, enum err e);
/* 200 with this JSON. */
void api_tell(struct question *q, struct writer *w);
/* SHA-256 of a governed room's policy as the API gives it. */
enum err policy_digest(struct keeper *k, const struct room_row_db *r, uint8_t digest[32]) MUST_CHECK;
/* The value of a query parameter as a number; `otherwise` when it is not there. False when it is none. */
bool api_query_number(struct span query, const char *name, uint64_t otherwise, uint64_t *v);
/* The transaction could not be ended. */
void api_unavailable(struct question *q);
void api_room_create(struct question *q);
void api_token_make(struct question *q);
void api_guest(struct question *q);
void api_relay(struct question *q);
/* The relays of one who comes in, as struct room_entrant has them; nothing where there are none. */
void tokens_relays(struct keeper *k, const struct verdict *v, struct writer *w);
/* Sends what is to be signed to the vault; the answer follows as before + token + after. Call it after the
 * commit. */
void token_issue(struct question *q, const struct token *t, struct span before, struct span after,
                 const char *location);
void token_signed(struct keeper *k, uint64_t id, struct span signature);

#endif
