/* SPDX-License-Identifier: Apache-2.0
 * The front role alone in a process, with a keeper and an engine that are made up: enough of them to try
 * everything front does with outsiders. usage: front_alone CERTIFICATE_AND_KEY.pem Prints `https PORT plain
 * PORT`, then runs under the filter that the role has in the product. Commands on standard input, one a line,
 * each answered by one line: reload HEX · engine-lost · keeper-lost · admit · health 0|1 · drain · counts ·
 * quit */
#include "app/ipc_messages.h"
#include "app/seat.h"
#include "base/mem.h"
#include "base/read.h"
#include "io/clock.h"
#include "io/sandbox.h"
#include "io/tcp.h"
#include "wire/room_messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

struct mail { /* on its way to front, or from it */
    struct mail *next;
    enum role role; /* the other side */
    uint16_t message;
    uint64_t session;
    size_t n;
    uint8_t body[];
};
static struct {
    struct seat seat;
    void *front;
    struct mail *first, **last;
    uint64_t here[4096];                            /* sessions in the one room */
    unsigned count, gone, left, waiting_n, streams; /* streams: closed by their client */
    uint64_t waiting[64];
    bool keeper_dead;
} t;

static void post(enum role role, uint16_t message, uint64_t session, struct span body)
{
    struct mail *m = mem_new(1, sizeof *m + body.n);
    if (!m) abort();
    *m = (struct mail){.role = role, .message = message, .session = session, .n = body.n};
    if (body.n) memcpy(m->body, body.p, body.n);
    *t.last = m;
    t.last = &m->next;
}

bool seat_knows(const struct seat *s, enum role who, uint16_t index)
{
    (void)s;
    return (who == ROLE_KEEPER || who == ROLE_ENGINE) && index == 0;
}

/* What front says is kept with the message number moved up, and answered in the next turn, as between
 * processes. */
#define FROM_FRONT 0x8000

enum err seat_send(struct seat *s, enum role to, uint16_t index, uint16_t message, uint64_t session,
                   struct span body)
{
    const struct ipc_row *row = ipc_row(message);
    (void)s;
    if (!row || row->to != to || row->from != ROLE_FRONT || body.n > row->max) return ERR_DENIED;
    if (index || (to == ROLE_KEEPER && t.keeper_dead)) return ERR_UNKNOWN;
    post(to, message | FROM_FRONT, session, body);
    return OK;
}

static uint8_t scratch[1 << 20];

static void to_clients(unsigned message, const uint64_t *sessions, unsigned count, struct span body)
{
    static uint8_t ids[sizeof t.here];
    struct writer i = writer_of(MSPAN(ids, sizeof ids)), w = writer_of(MSPAN(scratch, sizeof scratch));
    for (unsigned k = 0; k < count; k++)
        write_u64(&i, sessions[k]);
    struct ipc_to_clients m = {(uint8_t)message, (uint16_t)count, writer_span(&i), body};
    put_ipc_to_clients(&w, &m);
    post(ROLE_ENGINE, IPC_TO_CLIENTS, 0, writer_span(&w));
}

static void enter(uint64_t session, const char *class)
{
    uint8_t bytes[1024];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    struct ipc_join_answer a = {.result = JOIN_ADMITTED};
    put_ipc_join_answer(&w, &a);
    bool late = t.count % 2; /* every second time the engine is quicker than the keeper */
    uint8_t answer_bytes[64];
    size_t answer_n = w.n;
    memcpy(answer_bytes, bytes, answer_n);
    if (!late) post(ROLE_KEEPER, IPC_JOIN_ANSWER, session, writer_span(&w));
    t.here[t.count++] = session;
    w = writer_of(MSPAN(bytes, sizeof bytes));
    write_u64(&w, 0);
    write_u64(&w, t.count); /* member */
    write_u16(&w, 1);
    write_vec32(&w, SPAN_LIT("publish"));
    write_vec32(&w, SPAN_LIT("room"));
    write_vec32(&w, span_str(class));
    write_u8(&w, 0);
    write_u8(&w, 0);
    write_u16(&w, 0); /* members */
    write_u16(&w, 0); /* tracks */
    write_u16(&w, 1); /* ice */
    write_u16(&w, 1);
    write_vec32(&w, SPAN_LIT("turn:192.0.2.1:3478?transport=udp"));
    write_vec32(&w, SPAN_LIT("user"));
    write_vec32(&w, SPAN_LIT("pass\"word"));
    to_clients(ROOM_JOINED, &session, 1, writer_span(&w));
    if (late) post(ROLE_KEEPER, IPC_JOIN_ANSWER, session, SPAN(answer_bytes, answer_n));
}

static void refuse(uint64_t session, uint16_t status, const char *code)
{
    uint8_t bytes[512];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    struct ipc_join_answer a = {
        .result = JOIN_REFUSED, .status = status, .code = span_str(code), .title = SPAN_LIT("No.")};
    put_ipc_join_answer(&w, &a);
    post(ROLE_KEEPER, IPC_JOIN_ANSWER, session, writer_span(&w));
}

static void keeper_join(uint64_t session, struct span body)
{
    struct ipc_join j;
    if (get_ipc_join(body, &j)) abort();
    if (span_equal(j.token, SPAN_LIT("silent"))) return;
    if (span_equal(j.token, SPAN_LIT("wait"))) {
        uint8_t bytes[64];
        struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
        struct ipc_join_answer a = {.result = JOIN_WAITING};
        put_ipc_join_answer(&w, &a);
        post(ROLE_KEEPER, IPC_JOIN_ANSWER, session, writer_span(&w));
        t.waiting[t.waiting_n++ % COUNT_OF(t.waiting)] = session;
    } else if (span_equal(j.token, SPAN_LIT("good")) || (j.plain_dev && j.token.n == 0)) {
        enter(session, "governed");
    } else if (span_equal(j.token, SPAN_LIT("in-sealed")) || span_equal(j.token, SPAN_LIT("in-direct"))) {
        enter(session, j.token.p[3] == 's' ? "sealed" : "direct");
    } else if (span_equal(j.token, SPAN_LIT("sealed"))) {
        refuse(session, 403, "denied");
    } else {
        refuse(session, 401, "token_invalid");
    }
}

static void keeper_ask(uint64_t question, struct span body)
{
    struct ipc_ask a;
    static uint8_t text[200000];
    struct writer b = writer_of(MSPAN(text, sizeof text)), w = writer_of(MSPAN(scratch, sizeof scratch));
    if (get_ipc_ask(body, &a)) abort();
    if (span_equal(a.room, SPAN_LIT("silent"))) return;
    write_str(&b, "{\"row\":");
    write_dec(&b, a.row);
    write_str(&b, ",\"token\":\"");
    write_bytes(&b, a.token);
    write_str(&b, "\",\"room\":\"");
    write_bytes(&b, a.room);
    write_str(&b, "\",\"bytes\":");
    write_dec(&b, a.body.n);
    write_str(&b, "}");
    struct ipc_told m = {.status = 200, .type = SPAN_LIT("application/json"), .body = writer_span(&b)};
    if (span_equal(a.room, SPAN_LIT("split"))) m.location = SPAN_LIT("/x\r\nSet-Cookie: a=b");
    put_ipc_told(&w, &m);
    post(ROLE_KEEPER, IPC_TOLD, question, writer_span(&w));
}

static void keeper_act(uint64_t session, struct span body)
{
    struct ipc_act a;
    uint8_t bytes[256];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (get_ipc_act(body, &a)) abort();
    struct ipc_act_answer r = {.id = a.id};
    if (a.message == ROOM_KICK)
        r = (struct ipc_act_answer){a.id, SPAN_LIT("no_such_member"), SPAN_LIT("No.")};
    put_ipc_act_answer(&w, &r);
    post(ROLE_KEEPER, IPC_ACT_ANSWER, session, writer_span(&w));
}

static bool holds(struct span s, const char *word)
{
    return memmem(s.p, s.n, word, strlen(word)) != NULL;
}

static void say_error(uint64_t session, uint64_t id, const char *code)
{
    uint8_t bytes[256];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_u8(&w, 1);
    write_u64(&w, id);
    write_vec32(&w, span_str(code));
    write_vec32(&w, SPAN_LIT("No."));
    to_clients(ROOM_ERROR, &session, 1, writer_span(&w));
}

static void engine_offer(uint64_t session, struct reader *r)
{
    static const char answer[] =
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:srvr\r\n"
        "a=ice-pwd:serverserverserverserver\r\na=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\n";
    static uint8_t body[8192];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    uint64_t id = read_u64(r);
    struct span sdp = read_vec32(r);
    if (holds(sdp, "x-silent")) return;
    if (holds(sdp, "x-codec") || holds(sdp, "x-bad_sdp") || holds(sdp, "x-no_such_track") ||
        holds(sdp, "x-busy")) {
        say_error(session, id,
                  holds(sdp, "x-codec")     ? "codec"
                  : holds(sdp, "x-bad_sdp") ? "bad_sdp"
                  : holds(sdp, "x-busy")    ? "busy"
                                            : "no_such_track");
        return;
    }
    write_u64(&w, id);
    write_vec32(&w, SPAN_LIT(answer));
    to_clients(ROOM_ANSWER, &session, 1, writer_span(&w));
}

static void engine_leave(uint64_t session)
{
    uint8_t bytes[128];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_vec32(&w, SPAN_LIT("left"));
    write_vec32(&w, SPAN_LIT("You left."));
    write_u8(&w, 0);
    to_clients(ROOM_CLOSED, &session, 1, writer_span(&w));
    post(ROLE_ENGINE, IPC_FINISH, session, SPAN_NONE);
}

static void engine_message(uint64_t session, struct span body)
{
    struct ipc_to_room m;
    uint8_t bytes[8192];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (get_ipc_to_room(body, &m)) abort();
    struct reader r = reader_of(m.body);
    if (m.message == ROOM_OFFER) {
        engine_offer(session, &r);
    } else if (m.message == ROOM_CHAT) {
        read_u64(&r);
        write_u64(&w, 1);
        write_vec32(&w, read_vec32(&r));
        write_u64(&w, 2);
        write_u64(&w, 3);
        to_clients(ROOM_CHAT_SAID, t.here, t.count, writer_span(&w));
    } else if (m.message == ROOM_LEAVE) {
        engine_leave(session);
    } else {
        write_u64(&w, read_u64(&r));
        to_clients(ROOM_OK, &session, 1, writer_span(&w));
    }
}

static void engine_envelope(struct span body)
{
    static uint8_t bytes[1200000];
    struct writer i = writer_of(MSPAN(scratch, sizeof scratch)), w = writer_of(MSPAN(bytes, sizeof bytes));
    for (unsigned k = 0; k < t.count; k++)
        write_u64(&i, t.here[k]);
    struct ipc_to_clients m = {0, (uint16_t)t.count, writer_span(&i), body};
    put_ipc_to_clients(&w, &m);
    post(ROLE_ENGINE, IPC_ENVELOPES, 0, writer_span(&w));
}

static void forget(uint64_t session)
{
    for (unsigned i = 0; i < t.count; i++)
        if (t.here[i] == session) t.here[i--] = t.here[--t.count];
}

static void answer(const struct mail *m)
{
    struct span body = SPAN(m->body, m->n);
    switch (m->message & ~FROM_FRONT) {
    case IPC_JOIN:
        keeper_join(m->session, body);
        break;
    case IPC_ASK:
        keeper_ask(m->session, body);
        break;
    case IPC_ACT:
        keeper_act(m->session, body);
        break;
    case IPC_TO_ROOM:
        engine_message(m->session, body);
        break;
    case IPC_ENVELOPE:
        engine_envelope(body);
        break;
    case IPC_TURN_STREAM: /* the relay that is made up: an echo that ends with the word `end` */
        t.streams += m->n == 0;
        if (m->n) post(ROLE_ENGINE, IPC_TURN_BACK, m->session, body);
        if (holds(body, "end")) post(ROLE_ENGINE, IPC_TURN_BACK, m->session, SPAN_NONE);
        break;
    case IPC_GONE:
        t.gone++;
        forget(m->session);
        break;
    case IPC_LEFT:
        t.left++;
        forget(m->session);
        break;
    default:
        abort();
    }
}

static void deliver(void)
{
    struct mail *m = t.first;
    t.first = NULL;
    t.last = &t.first;
    while (m) {
        struct mail *next = m->next;
        if (m->message & FROM_FRONT) {
            answer(m);
        } else {
            struct seat_got got = {m->role, 0, m->message, m->session, SPAN(m->body, m->n)};
            front_work.message(t.front, &got);
        }
        mem_free(m);
        m = next;
    }
}

static usec turn(void *ctx, usec now)
{
    (void)ctx;
    deliver();
    usec until = front_work.turn(t.front, now);
    return t.first ? now : until;
}

static void certificate(struct span pem)
{
    front_work.message(t.front, &(struct seat_got){ROLE_PARENT, 0, IPC_TLS, 0, pem});
}

static size_t read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    size_t n = f ? fread(scratch, 1, sizeof scratch, f) : 0;
    if (f) fclose(f);
    return n;
}

static void reload(const char *hex)
{
    size_t n = 0;
    unsigned byte;
    for (; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        scratch[n] = (uint8_t)byte;
    certificate(SPAN(scratch, n));
}

static void engine_lost(void)
{
    t.count = 0;
    front_work.lost(t.front, ROLE_ENGINE, 0);
}

static void command(char *line)
{
    char *argument = strchr(line, ' ');
    if (argument) *argument++ = 0;
    if (strcmp(line, "reload") == 0 && argument) reload(argument);
    if (strcmp(line, "engine-lost") == 0) engine_lost();
    if (strcmp(line, "keeper-lost") == 0) {
        t.keeper_dead = true;
        front_work.lost(t.front, ROLE_KEEPER, 0);
    }
    if (strcmp(line, "admit") == 0 && t.waiting_n)
        enter(t.waiting[--t.waiting_n % COUNT_OF(t.waiting)], "governed");
    if (strcmp(line, "health") == 0 && argument) {
        uint8_t up = argument[0] == '1';
        front_work.message(t.front, &(struct seat_got){ROLE_PARENT, 0, IPC_HEALTH, 0, SPAN(&up, 1)});
    }
    if (strcmp(line, "drain") == 0) front_work.drain(t.front);
    if (strcmp(line, "quit") == 0) loop_stop(t.seat.loop);
    printf("gone %u left %u here %u streams %u drained %d\n", t.gone, t.left, t.count, t.streams,
           front_work.drained(t.front));
    fflush(stdout);
}

static void standard_input(void *ctx, unsigned events, usec now)
{
    static char line[16384];
    (void)ctx;
    (void)events;
    (void)now;
    if (!fgets(line, sizeof line, stdin)) {
        loop_stop(t.seat.loop);
        return;
    }
    line[strcspn(line, "\n")] = 0;
    command(line);
}

static int listener(enum socket_use use)
{
    struct path at;
    struct sockaddr_in bound;
    socklen_t n = sizeof bound;
    int fd;
    if (address_parse("127.0.0.1:0", &at) || tcp_listen(&at, &fd)) exit(1);
    if (getsockname(fd, (struct sockaddr *)&bound, &n)) exit(1);
    t.seat.socket[t.seat.sockets++] = (struct seat_socket){.use = use, .fd = fd};
    return ntohs(bound.sin_port);
}

int main(int argc, char **argv)
{
    uint32_t watch;
    struct rlimit files = {8192, 8192};
    if (argc != 2) return 2;
    setrlimit(RLIMIT_NOFILE, &files);
    setvbuf(stdin, NULL, _IONBF, 0);
    t.last = &t.first;
    t.seat.role = ROLE_FRONT;
    t.seat.loop = loop_new();
    t.seat.config = SPAN_LIT("origin = https://friend.example\nlog = info\n");
    int https = listener(SOCKET_HTTPS), plain = listener(SOCKET_PLAIN);
    if (front_work.start(&t.seat, &t.front)) return 1;
    size_t n = read_file(argv[1]);
    if (sandbox_enter("front")) return 1;
    certificate(SPAN(scratch, n));
    if (loop_add(t.seat.loop, 0, LOOP_READ, standard_input, NULL, &watch)) return 1;
    printf("https %d plain %d\n", https, plain);
    fflush(stdout);
    loop_run(t.seat.loop, turn, NULL);
    front_work.end(t.front);
    while (t.first) {
        struct mail *m = t.first;
        t.first = m->next;
        mem_free(m);
    }
    loop_free(t.seat.loop);
    return mem_live() ? 1 : 0;
}
