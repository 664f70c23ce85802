/* SPDX-License-Identifier: Apache-2.0
 * io/ipc over the table of messages: what the table forbids never passes, a silent neighbour never blocks,
 * descriptors arrive with their own message, bodies between roles survive the trip and refuse what is not
 * theirs. */
#include "app/ipc_messages.h"
#include "app/ipc_table.h"
#include "io/ipc.h"
#include "io/process.h"
#include "test.h"

#include <unistd.h>

struct end {
    struct ipc_link *link;
    uint16_t message;
    uint64_t session;
    uint32_t count;
    uint8_t body[64];
    size_t n;
    int fd;
    enum err lost;
    bool free_inside;
};
struct pair {
    struct loop *loop;
    struct end a, b;
    int raw; /* the other end's bare socket instead of b */
};

static void got(void *ctx, struct ipc_link *l, const struct ipc_got *g)
{
    struct end *e = ctx;
    e->message = g->message;
    e->session = g->session;
    e->n = g->body.n;
    if (g->body.n <= sizeof e->body && g->body.n) memcpy(e->body, g->body.p, g->body.n);
    if (g->fd >= 0) e->fd = g->fd;
    e->count++;
    if (e->free_inside) {
        ipc_free(l);
        e->link = NULL;
    }
}

static void lost(void *ctx, struct ipc_link *l, enum err why)
{
    struct end *e = ctx;
    e->lost = why;
    ipc_free(l);
    e->link = NULL;
}

static void join(struct pair *p, enum role a, enum role b, bool raw)
{
    int fd[2];
    *p = (struct pair){.loop = loop_new(), .a = {.fd = -1}, .b = {.fd = -1}, .raw = -1};
    assert_ok(ipc_pair(fd));
    struct ipc_conf ca = {p->loop, (uint8_t)a, (uint8_t)b, ipc_allow, got, lost, &p->a};
    struct ipc_conf cb = {p->loop, (uint8_t)b, (uint8_t)a, ipc_allow, got, lost, &p->b};
    assert_ok(ipc_new(&ca, fd[0], &p->a.link));
    if (raw)
        p->raw = fd[1];
    else
        assert_ok(ipc_new(&cb, fd[1], &p->b.link));
}

static void leave(struct pair *p)
{
    ipc_free(p->a.link);
    ipc_free(p->b.link);
    if (p->raw >= 0) close(p->raw);
    loop_free(p->loop);
    assert_int_equal(mem_live(), 0);
}

static void turn(struct pair *p, unsigned times)
{
    while (times--)
        loop_once(p->loop, 0);
}

static void carries_messages_and_descriptors(void **state)
{
    (void)state;
    struct pair p;
    join(&p, ROLE_PARENT, ROLE_FRONT, false);
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    assert_ok(ipc_send(p.a.link, IPC_CONFIG, 0, SPAN_LIT("a=b")));
    assert_ok(ipc_send_fd(p.a.link, IPC_SOCKET, 7, SPAN_LIT("x"), pipe_fd[1]));
    assert_ok(ipc_send(p.a.link, IPC_STOP, UINT64_MAX, SPAN_LIT("\1")));
    turn(&p, 4);
    assert_int_equal(p.b.count, 3);
    assert_int_equal(p.b.message, IPC_STOP);
    assert_true(p.b.session == UINT64_MAX);
    assert_true(p.b.fd >= 0);
    assert_int_equal(write(p.b.fd, "hi", 2), 2);
    char text[2];
    assert_int_equal(read(pipe_fd[0], text, 2), 2);
    close(p.b.fd);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    leave(&p);
}

static void the_table_binds_both_sides(void **state)
{
    (void)state;
    unsigned passed = 0, forbidden = 0;
    for (unsigned m = 0; m <= IPC_COUNT + 1; m++)
        for (unsigned from = 0; from <= ROLE_COUNT; from++)
            for (unsigned to = 0; to <= ROLE_COUNT; to++) {
                const struct ipc_row *r = ipc_row(m);
                bool may = r && from < ROLE_COUNT && to < ROLE_COUNT &&
                           (r->from == ROLE_COUNT || r->from == from) && (r->to == ROLE_COUNT || r->to == to);
                assert_int_equal(ipc_allow(m, from, to) != IPC_REFUSED, may);
                passed += may;
                forbidden += !may;
            }
    print_message("ipc table: %u directions allowed, %u refused\n", passed, forbidden);
    /* what a front may never say to an engine: a verdict */
    struct pair p;
    join(&p, ROLE_FRONT, ROLE_ENGINE, false);
    assert_err(ERR_DENIED, ipc_send(p.a.link, IPC_ADMIT, 1, SPAN_LIT("x")));
    assert_err(ERR_DENIED, ipc_send(p.a.link, IPC_GONE, 1, SPAN_LIT("12345678901234567")));
    assert_err(ERR_DENIED, ipc_send(p.a.link, IPC_NONE, 1, SPAN_NONE));
    assert_err(ERR_DENIED, ipc_send(p.a.link, 60000, 1, SPAN_NONE));
    assert_ok(ipc_send(p.a.link, IPC_GONE, 1, SPAN_NONE));
    leave(&p);
}

static void raw_frame(struct pair *p, uint32_t n, uint16_t message, uint16_t fds)
{
    uint8_t b[32];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    write_u32(&w, n);
    write_u16(&w, message);
    write_u16(&w, fds);
    write_u64(&w, 1);
    assert_int_equal(write(p->raw, b, w.n), (ssize_t)w.n);
}

static void a_hostile_neighbour_is_cut_off(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        uint16_t message, fds;
        enum err why;
    } bad[] = {
        {0, IPC_ADMIT, 0, ERR_DENIED},
        {0, 0, 0, ERR_DENIED},
        {0, 65535, 0, ERR_DENIED},
        {17, IPC_GONE, 0, ERR_LIMIT},
        {0xffffffff, IPC_GONE, 0, ERR_LIMIT},
        {0, IPC_GONE, 1, ERR_FORMAT},
        {0, IPC_GONE, 2, ERR_FORMAT},
        {0, IPC_TOLD, 0, ERR_DENIED},
        {0, IPC_START, 0, ERR_DENIED},
        {0, IPC_CONFIG, 0, ERR_DENIED},
    };
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        struct pair p;
        join(&p, ROLE_ENGINE, ROLE_FRONT, true);
        uint64_t before = ipc_refused();
        raw_frame(&p, bad[i].n, bad[i].message, bad[i].fds);
        turn(&p, 3);
        assert_int_equal(p.a.lost, bad[i].why);
        assert_int_equal(p.a.count, 0);
        assert_int_equal(ipc_refused(), before + 1);
        leave(&p);
    }
}

static void frames_may_come_in_pieces(void **state)
{
    (void)state;
    struct pair p;
    join(&p, ROLE_ENGINE, ROLE_FRONT, true);
    uint8_t b[IPC_HEADER + 3] = {0, 0, 0, 3, 0, IPC_GONE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 'a', 'b', 'c'};
    for (unsigned i = 0; i < sizeof b; i++) {
        assert_int_equal(p.a.count, 0);
        assert_int_equal(write(p.raw, b + i, 1), 1);
        turn(&p, 1);
    }
    assert_int_equal(p.a.count, 1);
    assert_int_equal(p.a.session, 9);
    assert_memory_equal(p.a.body, "abc", 3);
    leave(&p);
}

static void a_neighbour_that_does_not_read_is_reported(void **state)
{
    (void)state;
    struct pair p;
    join(&p, ROLE_FRONT, ROLE_KEEPER, true);
    static uint8_t body[131072];
    unsigned sent = 0;
    enum err e;
    while (!(e = ipc_send(p.a.link, IPC_ASK, sent, SPAN_OF(body))) && sent < 1000)
        sent++;
    assert_err(ERR_FULL, e);
    print_message("ipc: %u KiB queued before ERR_FULL\n", sent * 128);
    assert_true(sent >= IPC_QUEUE_MAX / sizeof body && sent < 200);
    close(p.raw);
    p.raw = -1;
    turn(&p, 3);
    assert_int_equal(p.a.lost, ERR_CLOSED);
    leave(&p);
}

static void a_burst_arrives_whole_and_in_order(void **state)
{
    (void)state;
    struct pair p;
    join(&p, ROLE_FRONT, ROLE_KEEPER, false);
    static uint8_t body[100000];
    for (uint64_t i = 1; i <= 100; i++)
        assert_ok(ipc_send(p.a.link, IPC_ASK, i, SPAN(body, (i * 7919) % sizeof body)));
    assert_false(ipc_idle(p.a.link));
    for (unsigned i = 0; i < 2000 && p.b.count < 100; i++)
        turn(&p, 1);
    assert_int_equal(p.b.count, 100);
    assert_int_equal(p.b.session, 100);
    assert_true(ipc_idle(p.a.link));
    leave(&p);
}

static void a_link_may_be_freed_inside_its_call(void **state)
{
    (void)state;
    struct pair p;
    join(&p, ROLE_FRONT, ROLE_KEEPER, false);
    p.b.free_inside = true;
    assert_ok(ipc_send(p.a.link, IPC_LEFT, 1, SPAN_NONE));
    assert_ok(ipc_send(p.a.link, IPC_LEFT, 2, SPAN_NONE));
    turn(&p, 3);
    assert_int_equal(p.b.count, 1);
    assert_int_equal(p.a.lost, ERR_CLOSED);
    leave(&p);
}

static void bodies(void **state)
{
    (void)state;
    uint8_t room[2048];
    struct writer w = writer_of(MSPAN(room, sizeof room));
    struct ipc_admit in = {.verdict = {.allowed = true,
                                       .room_class = CLASS_GOVERNED,
                                       .can = 7,
                                       .rule = 3,
                                       .expires = {1234567890123},
                                       .room = "a-room",
                                       .name = "Ana",
                                       .subject = "s1"},
                           .member = 5,
                           .entry = ENTRY_WHIP},
                     out;
    put_ipc_admit(&w, &in);
    assert_ok(get_ipc_admit(writer_span(&w), &out));
    assert_memory_equal(&in.verdict, &out.verdict, sizeof in.verdict);
    assert_int_equal(out.member, 5);
    for (size_t n = 0; n < w.n; n++) /* every shorter body is refused, and so is a longer one */
        assert_int_not_equal(get_ipc_admit(SPAN(room, n), &out), OK);
    assert_int_not_equal(get_ipc_admit(SPAN(room, w.n + 1), &out), OK);
    w = writer_of(MSPAN(room, sizeof room));
    struct ipc_to_clients c = {ROOM_SET_END, 2, SPAN_LIT("0000000000000001"), SPAN_LIT("xy")}, back;
    put_ipc_to_clients(&w, &c);
    assert_ok(get_ipc_to_clients(writer_span(&w), &back));
    assert_true(span_equal(back.sessions, c.sessions) && span_equal(back.body, c.body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_messages_and_descriptors),
        cmocka_unit_test(the_table_binds_both_sides),
        cmocka_unit_test(a_hostile_neighbour_is_cut_off),
        cmocka_unit_test(frames_may_come_in_pieces),
        cmocka_unit_test(a_neighbour_that_does_not_read_is_reported),
        cmocka_unit_test(a_burst_arrives_whole_and_in_order),
        cmocka_unit_test(a_link_may_be_freed_inside_its_call),
        cmocka_unit_test(bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
