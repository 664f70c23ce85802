/* SPDX-License-Identifier: Apache-2.0
 * The archive's seat: its folder and messages, in its own process. */
#include "app/archive.h"
#include "app/config.h"
#include "app/log.h"
#include "app/seat.h"
#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/sandbox.h"

#include <stdio.h>

struct archive_role {
    struct seat *seat;
    struct archive *archive;
    struct config config;
    char folder[CONFIG_PATH + 16];
};

static bool send_on(void *ctx, enum role to, uint16_t message, uint64_t session, struct span body)
{
    struct archive_role *r = ctx;
    return seat_send(r->seat, to, 0, message, session, body) == OK;
}

static enum err start(struct seat *s, void **state)
{
    static struct archive_role role;
    struct archive_role *r = &role;
    struct config_fault fault;
    enum log_level level;
    config_init(&r->config);
    enum err e = config_lines(&r->config, CONFIG_FROM_FILE, s->config, &fault);
    if (!e && log_level_of(span_str(r->config.log), &level)) log_set_level(level);
    if (!e && !openssl_crypto()) e = ERR_CRYPTO;
    r->seat = s;
    snprintf(r->folder, sizeof r->folder, "%.*s/archive", CONFIG_PATH, r->config.data);
    if (!e) e = file_folder(r->folder);
    struct archive_conf conf = {openssl_crypto(), r->folder, send_on, r};
    if (!e) e = archive_new(&conf, &r->archive);
    if (e) return e;
    sandbox_keep_folder(r->folder);
    *state = r;
    return OK;
}

static void message(void *state, const struct seat_got *g)
{
    struct archive_role *r = state;
    archive_message(r->archive, clock_now(), g->from, g->index, g->message, g->session, g->body);
}
static void lost(void *state, enum role who, uint16_t index)
{
    archive_lost(((struct archive_role *)state)->archive, who, index);
}
static usec turn(void *state, usec now)
{
    return archive_turn(((struct archive_role *)state)->archive, now);
}
static void stats(void *state, struct writer *w)
{
    archive_stats(((struct archive_role *)state)->archive, w);
}
static bool drained(const void *state)
{
    return archive_idle(((const struct archive_role *)state)->archive);
}
static void end(void *state)
{
    archive_free(((struct archive_role *)state)->archive);
}

const struct role_work archive_work = {.start = start,
                                       .message = message,
                                       .lost = lost,
                                       .turn = turn,
                                       .stats = stats,
                                       .drained = drained,
                                       .end = end};
