/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peer.h"

#include "base/secret.h"

#define NEVER_US (30 * USEC_S) /* a peer that never connected is given up */

enum err peer_init(struct peer *p, const struct peer_conf *conf, const struct peer_remote *remote, usec now)
{
    struct peer fresh = {
        .conf = conf, .born = now, .fingerprint = remote->fingerprint, .role = remote->our_role};
    if (remote->pwd.n < 22 || remote->pwd.n > ICE_TEXT_MAX) return ERR_RANGE; /* RFC 8839 section 5.4 */
    enum err e = ice_init(&fresh.ice, remote->ufrag, &conf->rng);
    if (e) return e;
    e = conf->dtls->open(conf->identity, remote->our_role, &remote->fingerprint, now, &fresh.dtls);
    if (!e) *p = fresh;
    secret_wipe(&fresh, sizeof fresh);
    return e;
}

enum err peer_restart(struct peer *p, const struct peer_remote *remote, usec now)
{
    const struct dtls_fingerprint *f = &remote->fingerprint;
    (void)now;
    if (remote->pwd.n < 22 || remote->pwd.n > ICE_TEXT_MAX) return ERR_RANGE;
    if (f->hash_n != p->fingerprint.hash_n || memcmp(f->hash, p->fingerprint.hash, f->hash_n) != 0 ||
        remote->our_role != p->role || p->end)
        return ERR_STATE;
    return ice_restart(&p->ice, remote->ufrag, &p->conf->rng);
}

void peer_fini(struct peer *p)
{
    if (!p->conf) return;
    p->conf->dtls->close(p->dtls);
    if (p->srtp_ready) srtp_fini(&p->srtp);
    ice_fini(&p->ice);
    secret_wipe(p, sizeof *p);
}

struct span peer_local_ufrag(const struct peer *p)
{
    return SPAN(p->ice.local.ufrag, ICE_UFRAG);
}
struct span peer_local_pwd(const struct peer *p)
{
    return SPAN(p->ice.local.pwd, ICE_PWD);
}
struct span peer_remote_ufrag(const struct peer *p)
{
    return SPAN(p->ice.remote_ufrag, p->ice.remote_ufrag_n);
}

const struct path *peer_path(const struct peer *p)
{
    return ice_path(&p->ice);
}

static void finish(struct peer *p, enum peer_end why, struct peer_in *in)
{
    if (!p->end) p->end = why;
    if (!in) return;
    in->kind = PEER_IN_CLOSED;
    in->end = p->end;
}

static void take_binding(struct peer *p, usec now, const struct path *from, struct mspan pkt,
                         struct peer_in *in, struct out *out)
{
    bool changed = false;
    enum err e = ice_receive(&p->ice, now, from, span_m(pkt), &p->conf->hmac, out, &changed);
    if (e) {
        p->counters.bad_binding += e != ERR_IGNORED;
        return;
    }
    in->path_validated = true;
    if (changed) p->dest = (struct out_dest){0};
    if (p->role == DTLS_CLIENT && p->conf->dtls->state(p->dtls) == DTLS_NEW)
        p->conf->dtls->tick(p->dtls, now, ice_path(&p->ice), &p->dest, out);
}

/* The handshake is done: the keys of both directions. */
static enum err take_keys(struct peer *p)
{
    struct srtp_keys keys;
    enum err e = p->conf->dtls->keys(p->dtls, &keys);
    if (e) return e;
    e = srtp_init(&p->srtp, p->conf->srtp, &keys);
    secret_wipe(&keys, sizeof keys);
    if (!e) p->srtp_ready = p->connected = true;
    return e;
}

static void take_dtls(struct peer *p, usec now, const struct path *from, struct mspan pkt, struct peer_in *in,
                      struct out *out)
{
    struct span data;
    struct out_dest dest = {0};
    enum err e = p->conf->dtls->receive(p->dtls, now, span_m(pkt), from, &dest, out, &data);
    if (e) {
        p->counters.dtls_ignored++;
        return;
    }
    enum dtls_state s = p->conf->dtls->state(p->dtls);
    if (s == DTLS_FAILED) {
        finish(p, PEER_END_HANDSHAKE, in);
    } else if (s == DTLS_CLOSED) {
        finish(p, PEER_END_REMOTE, in);
    } else if (s == DTLS_CONNECTED && !p->connected) {
        if (take_keys(p))
            finish(p, PEER_END_HANDSHAKE, in);
        else
            in->kind = PEER_IN_CONNECTED;
    } else if (data.n) {
        in->kind = PEER_IN_DATA;
        in->data = data;
    }
}

static void count_failure(struct peer *p, enum err e)
{
    if (e == ERR_REPLAY)
        p->counters.replayed++;
    else if (e == ERR_AUTH || e == ERR_SHORT)
        p->counters.bad_tag++;
    else
        p->counters.junk++;
}

static void take_media(struct peer *p, enum pkt_kind kind, struct mspan pkt, struct peer_in *in)
{
    size_t n = 0;
    enum err e;
    if (!p->srtp_ready) {
        p->counters.not_ready++;
        return;
    }
    if (kind == PKT_RTCP) {
        e = srtp_open_rtcp(&p->srtp, pkt, &n);
    } else {
        e = rtp_parse(span_m(pkt), &in->rtp);
        if (!e) e = srtp_open(&p->srtp, pkt, in->rtp.header_n, &n);
        if (!e) e = rtp_padding(SPAN(pkt.p, n), &in->rtp);
    }
    if (e) {
        count_failure(p, e);
        return;
    }
    in->kind = kind == PKT_RTCP ? PEER_IN_RTCP : PEER_IN_RTP;
    in->pkt = MSPAN(pkt.p, n);
}

enum err peer_receive(struct peer *p, usec now, const struct path *from, struct mspan pkt, struct peer_in *in,
                      struct out *out)
{
    in->kind = PEER_IN_NOTHING;
    in->path_validated = false;
    in->end = p->end;
    if (p->end) return OK;
    enum pkt_kind kind = pkt_kind(span_m(pkt));
    if (kind == PKT_STUN) {
        take_binding(p, now, from, pkt, in, out);
        return OK;
    }
    if (!ice_knows(&p->ice, now, from)) {
        p->counters.unknown_path++;
        return OK;
    }
    if (kind == PKT_DTLS)
        take_dtls(p, now, from, pkt, in, out);
    else if (kind == PKT_RTP || kind == PKT_RTCP)
        take_media(p, kind, pkt, in);
    else
        p->counters.junk++;
    return OK;
}

bool peer_ready(const struct peer *p, usec now)
{
    return p->srtp_ready && !p->end && ice_path(&p->ice) && now < ice_expiry(&p->ice);
}

enum err peer_seal_rtp(struct peer *p, struct out *out, struct span header, struct span payload,
                       uint64_t index)
{
    const struct path *to = ice_path(&p->ice);
    size_t n = 0;
    if (!p->srtp_ready || p->end || !to) return ERR_STATE;
    uint8_t *room = out_reserve(out, to, &p->dest);
    if (!room) return ERR_FULL;
    enum err e = srtp_seal(&p->srtp, index, header, payload, MSPAN(room, OUT_PKT_MAX), &n);
    out_commit(out, e ? 0 : n);
    return e;
}

enum err peer_seal_rtcp(struct peer *p, struct out *out, struct span rtcp)
{
    const struct path *to = ice_path(&p->ice);
    size_t n = 0;
    if (!p->srtp_ready || p->end || !to) return ERR_STATE;
    uint8_t *room = out_reserve(out, to, &p->dest);
    if (!room) return ERR_FULL;
    enum err e = srtp_seal_rtcp(&p->srtp, rtcp, MSPAN(room, OUT_PKT_MAX), &n);
    out_commit(out, e ? 0 : n);
    return e;
}

enum err peer_send_data(struct peer *p, struct out *out, struct span data)
{
    const struct path *to = ice_path(&p->ice);
    if (!p->connected || p->end || !to) return ERR_STATE;
    return p->conf->dtls->send(p->dtls, data, to, &p->dest, out);
}

void peer_tick(struct peer *p, usec now, struct out *out, enum peer_end *ended)
{
    const struct path *to = ice_path(&p->ice);
    if (!p->end && to) p->conf->dtls->tick(p->dtls, now, to, &p->dest, out);
    if (p->conf->dtls->state(p->dtls) == DTLS_FAILED) finish(p, PEER_END_HANDSHAKE, NULL);
    if (to && now >= ice_expiry(&p->ice)) finish(p, PEER_END_CONSENT, NULL);
    if (!p->connected && usec_since(now, p->born) >= NEVER_US) finish(p, PEER_END_NEVER, NULL);
    *ended = p->end;
}

usec peer_wake(const struct peer *p)
{
    if (p->end) return USEC_NEVER;
    usec at = usec_min(p->conf->dtls->wake(p->dtls), ice_expiry(&p->ice));
    return p->connected ? at : usec_min(at, p->born + NEVER_US);
}

void peer_close(struct peer *p, struct out *out)
{
    const struct path *to = ice_path(&p->ice);
    if (!p->end && to) p->conf->dtls->finish(p->dtls, to, &p->dest, out);
    finish(p, PEER_END_LOCAL, NULL);
}
