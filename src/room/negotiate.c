/* SPDX-License-Identifier: Apache-2.0 */
#include "room/negotiate.h"

#include "base/read.h"
#include "core/peer.h"
#include "room/counter.h"
#include "room/sfu.h"

#define ANSWER_MAX SDP_BYTES_MAX

/* What becomes of one section. */
enum fate { REFUSED, IDLE, TRACK_NEW, TRACK_KEPT, SLOT_NEW, SLOT_KEPT };
struct intent {
    uint8_t fate, source;
    struct track *track;
    struct slot *slot;
    struct slot_codecs codecs; /* of a slot */
};

struct room_scratch {
    struct sdp sdp;
    struct sdp_reply reply[SDP_SECTIONS_MAX];
    struct intent intent[SDP_SECTIONS_MAX];
    uint8_t tables[SDP_ARENA_BYTES];
    uint8_t answer[ANSWER_MAX];
    uint8_t counter[COUNTER_TEXT_MAX];
};

struct room_scratch *room_scratch_new(void)
{
    return mem_new(1, sizeof(struct room_scratch));
}

void room_scratch_free(struct room_scratch *s)
{
    mem_free(s);
}

struct plan {
    struct member *m;
    struct room_scratch *at;
    struct span sources;
    struct refusal *why;
    uint16_t tracks, slots;
    uint32_t used_sources; /* bits */
    bool sends, receives, common;
    uint8_t audio_seen, video_seen; /* sending sections so far, for WHIP's order */
};

static enum err refuse(struct plan *p, const char *code, const char *title)
{
    *p->why = (struct refusal){code, title};
    return ERR_FORMAT;
}

/* ---- who carries what ---- */

static enum source source_of(struct plan *p, const struct sdp_media *s)
{
    struct reader r = reader_of(p->sources);
    uint16_t count = read_u16(&r);
    if (p->m->kind == MEMBER_WHIP || (count == 0 && p->m->kind == MEMBER_NATIVE)) {
        static const enum source audio[] = {SOURCE_MICROPHONE, SOURCE_SCREEN_AUDIO};
        static const enum source video[] = {SOURCE_CAMERA, SOURCE_SCREEN};
        uint8_t *seen = s->kind == SDP_AUDIO ? &p->audio_seen : &p->video_seen;
        if (*seen >= 2) return SOURCE_NONE;
        return s->kind == SDP_AUDIO ? audio[(*seen)++] : video[(*seen)++];
    }
    for (uint16_t i = 0; i < count && !r.bad; i++) {
        struct span mid = read_vec32(&r), source = read_vec32(&r);
        if (!span_equal(mid, s->mid)) continue;
        enum source found = source_by_name(source);
        bool audio = found == SOURCE_MICROPHONE || found == SOURCE_SCREEN_AUDIO;
        return (s->kind == SDP_AUDIO) == audio ? found : SOURCE_NONE;
    }
    return SOURCE_NONE;
}

static struct track *track_with_mid(const struct member *m, struct span mid)
{
    for (uint8_t i = 0; i < m->tracks; i++)
        if (span_equal(mid, SPAN(m->track[i]->mid_text, m->track[i]->mid_n))) return m->track[i];
    return NULL;
}

static struct slot *slot_with_mid(const struct member *m, struct span mid)
{
    for (uint8_t i = 0; i < m->slots; i++)
        if (span_equal(mid, SPAN(m->slot[i]->mid_text, m->slot[i]->mid_n))) return m->slot[i];
    return NULL;
}

/* ---- formats ---- */

static bool supported(const struct sdp_codec *c)
{
    if (!c->mapped) return false;
    switch (c->codec) {
    case CODEC_OPUS:
    case CODEC_VP8:
    case CODEC_AV1:
        return true;
    case CODEC_VP9:
        return c->profile <= 3;
    case CODEC_H264:
        return c->mode <= 1;
    default:
        return false;
    }
}

static void add_codec(struct sdp_reply *r, const struct sdp_codec *c)
{
    if (c && r->codecs < SDP_CODECS_MAX) r->codec[r->codecs++] = c;
}

/* RED of the accepted Opus, in governed rooms. */
static const struct sdp_codec *red_of(const struct member *m, const struct sdp_media *s)
{
    for (uint8_t i = 0; i < s->codecs && !room_sealed(m->room); i++)
        if (s->codec[i].codec == CODEC_RED && s->codec[i].mapped) return &s->codec[i];
    return NULL;
}

/* The one format of a published track: the offerer's first that we know, or the one it already has. */
static const struct sdp_codec *choose(const struct sdp_media *s, const struct track *kept)
{
    for (uint8_t i = 0; i < s->codecs; i++) {
        const struct sdp_codec *c = &s->codec[i];
        if (!supported(c)) continue;
        if (!kept || (kept->pt == c->pt && kept->codec.codec == c->codec)) return c;
    }
    return NULL;
}

static void common_formats(const struct member *m, const struct sdp_media *s, struct sdp_reply *r,
                           struct slot_codecs *table)
{
    *table = (struct slot_codecs){0};
    for (uint8_t i = 0; i < s->codecs && table->n < SLOT_CODECS_MAX - 1; i++) {
        const struct sdp_codec *c = &s->codec[i], *rtx = sdp_rtx_of(s, c->pt);
        if (!supported(c)) continue;
        add_codec(r, c);
        add_codec(r, rtx);
        table->feedback |= c->feedback;
        table->row[table->n++] = (struct slot_codec){.codec = c->codec,
                                                     .profile = c->profile,
                                                     .constraints = c->constraints,
                                                     .mode = c->mode,
                                                     .pt = c->pt,
                                                     .rtx_pt = rtx ? rtx->pt : 255};
    }
    const struct sdp_codec *red = s->kind == SDP_AUDIO && table->n ? red_of(m, s) : NULL;
    if (red) {
        add_codec(r, red);
        table->row[table->n++] = (struct slot_codec){.codec = CODEC_RED, .pt = red->pt, .rtx_pt = 255};
    }
}

/* Those the offerer would use in this direction; Firefox offers some for sending only. */
static uint16_t common_extensions(const struct sdp_media *s, uint8_t way)
{
    uint16_t bits = 0;
    for (unsigned e = 0; e < EXT_COUNT; e++)
        if (s->ext[e] && (s->ext_way[e] & way)) bits |= (uint16_t)(1u << e);
    return bits;
}

/* ---- the plan ---- */

static enum err plan_track(struct plan *p, const struct sdp_media *s, struct intent *in, struct sdp_reply *r,
                           enum source source)
{
    const struct sdp_codec *c = choose(s, in->track);
    bool screen = source == SOURCE_SCREEN || source == SOURCE_SCREEN_AUDIO;
    if (in->track && in->track->source != source)
        return refuse(p, "bad_sdp", "A section can't change what it carries.");
    if (!(p->m->can & CAN_PUBLISH) || (screen && !(p->m->can & (CAN_SHARE | CAN_PUBLISH))))
        return refuse(p, "denied", "You may not publish in this room.");
    if (p->used_sources & 1u << source)
        return refuse(p, "unsupported", "Two sections of the offer carry the same source.");
    p->used_sources |= 1u << source;
    p->sends = true;
    if (!c) {
        in->fate = REFUSED;
        return OK;
    }
    if (!in->track && p->m->tracks + p->tracks >= MEMBER_TRACKS_MAX)
        return refuse(p, "unsupported", "The offer has too many sending sections.");
    if (!in->track) p->tracks++;
    p->common = true;
    in->fate = in->track ? TRACK_KEPT : TRACK_NEW;
    in->source = (uint8_t)source;
    r->accepted = true;
    r->direction = SDP_RECV;
    r->exts = common_extensions(s, SDP_SEND);
    r->constant_audio = room_sealed(p->m->room);
    add_codec(r, c);
    add_codec(r, sdp_rtx_of(s, c->pt));
    if (s->kind == SDP_AUDIO) add_codec(r, red_of(p->m, s));
    if (s->simulcast && (r->exts & 1u << EXT_RID))
        r->rids = s->simulcast < TRACK_LAYERS_MAX ? s->simulcast : TRACK_LAYERS_MAX;
    return OK;
}

static enum err plan_slot(struct plan *p, const struct sdp_media *s, struct intent *in, struct sdp_reply *r)
{
    if (!(p->m->can & CAN_SUBSCRIBE)) return refuse(p, "denied", "You may not receive in this room.");
    p->receives = true;
    common_formats(p->m, s, r, &in->codecs);
    if (in->codecs.n == 0) {
        in->fate = REFUSED;
        return OK;
    }
    if (!in->slot && p->m->slots + p->slots >= MEMBER_SLOTS_MAX)
        return refuse(p, "unsupported", "The offer has too many receiving sections.");
    if (!in->slot) p->slots++;
    p->common = true;
    in->fate = in->slot ? SLOT_KEPT : SLOT_NEW;
    r->accepted = true;
    r->direction = SDP_SEND;
    r->exts = common_extensions(s, SDP_RECV) & (uint16_t) ~(1u << EXT_RID | 1u << EXT_REPAIRED_RID);
    return OK;
}

static enum err plan_section(struct plan *p, const struct sdp_media *s, struct intent *in,
                             struct sdp_reply *r)
{
    *in = (struct intent){.fate = REFUSED};
    r->offer = s;
    r->accepted = false;
    r->direction = SDP_INACTIVE;
    r->codecs = r->rids = 0;
    r->exts = 0;
    r->ssrc = r->rtx_ssrc = 0;
    r->constant_audio = false;
    r->stream = SPAN_NONE;
    if (s->rejected || (s->kind != SDP_AUDIO && s->kind != SDP_VIDEO)) return OK;
    in->track = track_with_mid(p->m, s->mid);
    in->slot = slot_with_mid(p->m, s->mid);
    if ((in->track && in->track->kind != s->kind) || (in->slot && in->slot->kind != s->kind))
        return refuse(p, "bad_sdp", "A section can't change its kind.");
    enum source source =
        (s->direction & SDP_SEND) && p->m->kind != MEMBER_WHEP ? source_of(p, s) : SOURCE_NONE;
    if (source != SOURCE_NONE && !in->slot) return plan_track(p, s, in, r, source);
    if ((s->direction & SDP_RECV) && p->m->kind != MEMBER_WHIP && !in->track) return plan_slot(p, s, in, r);
    in->fate = IDLE; /* a section kept for later: agreed, silent */
    common_formats(p->m, s, r, &in->codecs);
    r->accepted = r->codecs > 0;
    return OK;
}

/* Sections that were there must be there again, in the same place (RFC 8829 section 5.2.2). */
static enum err plan_all(struct plan *p)
{
    struct sdp *sdp = &p->at->sdp;
    for (uint16_t i = 0; i < sdp->count; i++) {
        enum err e = plan_section(p, &sdp->media[i], &p->at->intent[i], &p->at->reply[i]);
        if (e) return e;
    }
    if (!p->common && !p->m->peer)
        return p->sends || p->receives
                   ? refuse(p, "codec",
                            "There is no codec that both sides know: incamera speaks Opus, VP8, VP9, AV1 and "
                            "H.264.")
                   : refuse(p, "unsupported", "The offer has no section that sends or receives here.");
    return OK;
}

/* ---- the change ---- */

static const struct slot_codecs *keep_codecs(struct member *m, const struct slot_codecs *table)
{
    for (uint8_t i = 0; i < MEMBER_CODEC_TABLES; i++) {
        if (m->codecs[i] && memcmp(m->codecs[i], table, sizeof *table) == 0) return m->codecs[i];
        if (m->codecs[i]) continue;
        m->codecs[i] = mem_new(1, sizeof *table);
        if (m->codecs[i]) *m->codecs[i] = *table;
        return m->codecs[i];
    }
    return m->codecs[MEMBER_CODEC_TABLES - 1]; /* that many different lists: the last serves for the rest */
}

static enum err random32(const struct member *m, uint32_t *v)
{
    do {
        uint8_t b[4];
        if (rng_fill(&m->room->conf->rng, b, sizeof b)) return ERR_IO;
        memcpy(v, b, sizeof *v);
    } while (*v == 0);
    return OK;
}

static bool wants_rtx(const struct slot_codecs *c)
{
    for (uint8_t i = 0; i < c->n; i++)
        if (c->row[i].rtx_pt != 255) return true;
    return false;
}

static enum err make_slot(struct member *m, const struct sdp_media *s, struct intent *in)
{
    uint32_t first, rtx_first;
    struct slot *slot = mem_new(1, sizeof *slot);
    in->slot = slot;
    if (!slot) return ERR_NOMEM;
    slot->member = m;
    slot->kind = s->kind;
    slot->mid_n = (uint8_t)s->mid.n;
    memcpy(slot->mid_text, s->mid.p, s->mid.n);
    slot->codecs = keep_codecs(m, &in->codecs);
    slot->pt = slot->rtx_pt = slot->red_pt = 255;
    slot->layer = SLOT_NO_LAYER;
    slot->most = SLOT_NO_LIMIT;
    if (!slot->codecs) return ERR_NOMEM;
    if (random32(m, &slot->ssrc) || random32(m, &slot->rtx_ssrc) || random32(m, &first) ||
        random32(m, &rtx_first) || random32(m, &slot->last_ts))
        return ERR_IO;
    if (!wants_rtx(slot->codecs)) slot->rtx_ssrc = 0;
    seqmap_init(&slot->map, (uint16_t)(first & 0x7fff)); /* the first numbers with roll-over counter 0 */
    slot->sent = first & 0x7fff;
    slot->rtx_sent = rtx_first & 0x7fff;
    return OK;
}

/* What a new section needs, still only in the plan. */
static enum err make_all(struct plan *p, usec now)
{
    bool counted = false;
    struct sdp *sdp = &p->at->sdp;
    struct member *m = p->m;
    enum err e = OK;
    for (uint16_t i = 0; i < sdp->count && !e; i++) {
        struct intent *in = &p->at->intent[i];
        counted |= (in->fate == SLOT_NEW || in->fate == SLOT_KEPT) &&
                   (p->at->reply[i].exts & 1u << EXT_TRANSPORT_CC);
        if (in->fate == TRACK_NEW) {
            in->track = track_new(m, &sdp->media[i], p->at->reply[i].codec[0], (enum source)in->source);
            e = in->track ? OK : ERR_NOMEM;
            for (uint8_t k = 1; in->track && k < p->at->reply[i].codecs; k++)
                if (p->at->reply[i].codec[k]->codec == CODEC_RED)
                    in->track->red_pt = p->at->reply[i].codec[k]->pt;
        } else if (in->fate == SLOT_NEW) {
            e = make_slot(m, &sdp->media[i], in);
        }
    }
    if (!e && p->slots) {
        struct slot **slot = mem_resize(m->slot, (size_t)m->slots + p->slots, sizeof *slot);
        if (slot) m->slot = slot;
        e = slot ? OK : ERR_NOMEM;
    }
    if (!e && counted && !m->estimate) {
        m->estimate = mem_new(1, sizeof *m->estimate);
        e = m->estimate ? OK : ERR_NOMEM;
        if (!e) estimate_init(m->estimate, now);
    }
    if (!e && p->tracks && !m->stream) {
        m->stream = mem_new(MEMBER_SSRCS_MAX, sizeof *m->stream);
        e = m->stream ? OK : ERR_NOMEM;
    }
    if (!e && p->tracks && !m->twcc) {
        m->twcc = mem_new(1, sizeof *m->twcc);
        e = m->twcc ? OK : ERR_NOMEM;
        if (!e) twcc_init(m->twcc);
    }
    return e;
}

static void unmake_all(struct plan *p)
{
    for (uint16_t i = 0; i < p->at->sdp.count; i++) {
        struct intent *in = &p->at->intent[i];
        if (in->fate == TRACK_NEW) track_free(in->track);
        if (in->fate == SLOT_NEW) mem_free(in->slot);
        in->track = NULL;
        in->slot = NULL;
    }
}

static struct peer_remote remote_of(const struct sdp_transport *t)
{
    struct peer_remote r = {.ufrag = t->ufrag,
                            .pwd = t->pwd,
                            .fingerprint = {.hash_n = t->fingerprint.n},
                            .our_role = t->setup == SDP_PASSIVE ? DTLS_CLIENT : DTLS_SERVER};
    memcpy(r.fingerprint.hash, t->fingerprint.b, sizeof r.fingerprint.hash);
    return r;
}

static void promise_drop(struct member *m)
{
    if (m->promised) secret_wipe(m->promised, sizeof *m->promised);
    mem_free(m->promised);
    m->promised = NULL;
}

/* Opens the peer, or restarts its ICE when the offer has other credentials. */
static enum err connect_peer(struct plan *p, usec now, bool *opened)
{
    struct member *m = p->m;
    struct peer_remote remote = remote_of(&p->at->sdp.transport);
    *opened = false;
    if (m->peer) {
        if (span_equal(peer_remote_ufrag(m->peer), remote.ufrag)) return OK;
        remote.our_role = m->peer->role; /* actpass again: the roles stay */
        return peer_restart(m->peer, &remote, now);
    }
    struct peer *peer = mem_new(1, sizeof *peer);
    if (!peer) return ERR_NOMEM;
    enum err e = peer_init(peer, m->room->conf->peer, &remote, now);
    if (e) {
        mem_free(peer);
        return e;
    }
    if (m->promised) peer->ice.local = *m->promised; /* the counter-offer named them */
    promise_drop(m);
    m->peer = peer;
    *opened = true;
    return OK;
}

static void add_stream(struct member *m, uint32_t ssrc, uint8_t track, bool rtx)
{
    for (uint8_t i = 0; i < m->streams; i++)
        if (m->stream[i].ssrc == ssrc) return;
    if (ssrc && m->streams < MEMBER_SSRCS_MAX)
        m->stream[m->streams++] = (struct stream_in){.ssrc = ssrc, .track = track, .rtx = rtx};
}

/* SSRCs that the offer declares: those of a section without simulcast. */
static void declare(struct member *m, const struct sdp_media *s, uint8_t index)
{
    struct track *t = m->track[index];
    if (t->layers > 1 || s->ssrcs == 0) return;
    uint32_t main = s->fid[0] ? s->fid[0] : s->ssrc[0];
    t->layer[0].ssrc = main;
    t->layer[0].rtx_ssrc = s->fid[1];
    add_stream(m, main, index, false);
    add_stream(m, s->fid[1], index, true);
}

static void mark_screens(struct member *m, bool fresh)
{
    struct slot *last[2] = {NULL, NULL};
    unsigned count[2] = {0, 0};
    if (!fresh || m->kind == MEMBER_WHEP || m->kind == MEMBER_WHIP) return;
    for (uint8_t i = 0; i < m->slots; i++) {
        unsigned k = m->slot[i]->kind == SDP_VIDEO;
        last[k] = m->slot[i];
        count[k]++;
    }
    for (unsigned k = 0; k < 2; k++)
        if (count[k] > 1) last[k]->for_screen = true;
}

static void commit(struct plan *p)
{
    struct member *m = p->m;
    bool fresh = m->slots == 0;
    for (uint16_t i = 0; i < p->at->sdp.count; i++) {
        const struct sdp_media *s = &p->at->sdp.media[i];
        struct intent *in = &p->at->intent[i];
        struct sdp_reply *r = &p->at->reply[i];
        for (unsigned e = 0; e < EXT_COUNT && r->accepted; e++)
            if (r->exts & 1u << e) {
                (r->direction == SDP_SEND ? m->ext_out : m->ext_in)[e] = s->ext[e];
                m->two_byte |= r->direction == SDP_SEND && s->ext[e] > 14;
            }
        if (in->track) in->track->idle = in->fate != TRACK_NEW && in->fate != TRACK_KEPT;
        if (in->fate == TRACK_NEW) {
            m->track[m->tracks] = in->track;
            declare(m, s, m->tracks++);
            m->wants_remb |= (r->codec[0]->feedback & SDP_REMB) && !s->ext[EXT_TRANSPORT_CC];
        }
        if (in->fate == SLOT_NEW) m->slot[m->slots++] = in->slot;
        if (in->slot) in->slot->closed = in->fate != SLOT_KEPT && in->fate != SLOT_NEW;
        if (in->slot && r->accepted && r->direction == SDP_SEND) {
            r->ssrc = in->slot->ssrc;
            r->rtx_ssrc = in->slot->rtx_ssrc;
        }
    }
    mark_screens(m, fresh);
}

/* ---- the answer ---- */

static void fingerprint_text(const struct member *m, char text[static 128])
{
    static const char digits[] = "0123456789ABCDEF";
    const struct peer_conf *c = m->room->conf->peer;
    uint8_t hash[32];
    size_t n = 8;
    c->dtls->fingerprint(c->identity, hash);
    memcpy(text, "sha-256 ", 8);
    for (size_t i = 0; i < sizeof hash; i++) {
        if (i) text[n++] = ':';
        text[n++] = digits[hash[i] >> 4];
        text[n++] = digits[hash[i] & 15];
    }
    text[n] = 0;
}

/* One stream for one sound and one picture (their lips belong together), else one for each slot. */
static void name_streams(struct plan *p)
{
    uint16_t kinds[2] = {0, 0};
    for (uint16_t i = 0; i < p->at->sdp.count; i++)
        if (p->at->reply[i].direction == SDP_SEND) kinds[p->at->sdp.media[i].kind == SDP_VIDEO]++;
    bool one = p->m->kind == MEMBER_WHEP && kinds[0] <= 1 && kinds[1] <= 1;
    for (uint16_t i = 0; i < p->at->sdp.count; i++)
        p->at->reply[i].stream = one ? SPAN_LIT("incamera") : p->at->sdp.media[i].mid;
}

static struct span write_description(struct plan *p, struct span ufrag, struct span pwd, enum sdp_setup setup)
{
    struct member *m = p->m;
    const struct room_conf *conf = m->room->conf;
    struct sdp_candidate candidate[ROOM_ADDRESSES_MAX * 2];
    char fingerprint[128];
    struct sdp_local local = {.ufrag = ufrag,
                              .pwd = pwd,
                              .setup = (uint8_t)setup,
                              .candidate = candidate,
                              .session_id = m->answer_id,
                              .version = m->answer_version++};
    for (int tcp = 0; tcp < 2; tcp++)
        for (uint8_t i = 0; i < conf->address_count; i++) {
            const struct room_address *a = &conf->address[i];
            if (tcp ? a->tcp : a->udp)
                candidate[local.candidates++] = (struct sdp_candidate){a->ip, a->port, tcp != 0};
        }
    fingerprint_text(m, fingerprint);
    local.fingerprint = span_str(fingerprint);
    name_streams(p);
    struct writer w = writer_of(MSPAN(p->at->answer, sizeof p->at->answer));
    sdp_write_answer(&w, &p->at->sdp, p->at->reply, &local);
    return writer_span(&w);
}

static struct span write_answer(struct plan *p)
{
    const struct peer *peer = p->m->peer;
    return write_description(p, peer_local_ufrag(peer), peer_local_pwd(peer),
                             peer->role == DTLS_CLIENT ? SDP_ACTIVE : SDP_PASSIVE);
}

/* WHEP: a first offer whose sections can take nothing of what is live. */
static bool nothing_fits(const struct plan *p)
{
    const struct member *m = p->m;
    bool live = false;
    if (m->kind != MEMBER_WHEP || m->peer) return false;
    for (const struct track *t = m->room->track_first; t; t = t->next) {
        if (!slots_may_have(m, t)) continue;
        live = true;
        for (uint16_t i = 0; i < p->at->sdp.count; i++)
            if (p->at->intent[i].fate == SLOT_NEW && p->at->sdp.media[i].kind == t->kind &&
                slot_codec_for(&p->at->intent[i].codecs, &t->codec))
                return false;
    }
    return live;
}

/* Offers what is live instead; nothing of the member changes but the credentials it is promised. */
static enum err counter_offer(struct plan *p, struct span *offer)
{
    struct member *m = p->m;
    struct room_scratch *at = p->at;
    struct writer w = writer_of(MSPAN(at->counter, sizeof at->counter));
    struct arena arena = arena_of(MSPAN(at->tables, sizeof at->tables));
    const char *title = "";
    struct ice_credentials *c = mem_new(1, sizeof *c);
    if (!c) return refuse(p, "busy", "The server has no memory for this now; try again.");
    *p = (struct plan){.m = m, .at = at, .why = p->why};
    enum err e = counter_text(m, &w) && !w.bad ? OK : ERR_LIMIT;
    if (!e) e = sdp_parse(writer_span(&w), &arena, &at->sdp, &title);
    if (!e) e = plan_all(p);
    if (!e) e = ice_credentials_new(c, &m->room->conf->rng);
    if (e) {
        mem_free(c);
        return refuse(p, "codec", "The offer has no format of what is live here.");
    }
    m->promised = c;
    *offer = write_description(p, SPAN(c->ufrag, ICE_UFRAG), SPAN(c->pwd, ICE_PWD), SDP_ACTPASS);
    return OK;
}

/* WHEP (the draft, section 4.2): a first offer wants something to watch, the track it named or any. */
static bool nothing_live(const struct member *m)
{
    if (m->kind != MEMBER_WHEP || m->peer) return false;
    if (!m->has_view) return m->room->tracks == 0;
    for (uint16_t i = 0; i < m->views; i++)
        if (room_track(m->room, m->view[i].track)) return false;
    return true;
}

enum err negotiate(struct member *m, struct span text, struct span sources, usec now,
                   struct negotiated *result, struct refusal *why)
{
    *result = (struct negotiated){0};
    struct plan p = {.m = m, .at = m->room->conf->scratch, .sources = sources, .why = why};
    struct arena arena = arena_of(MSPAN(p.at->tables, sizeof p.at->tables));
    const char *title = "";
    enum err e = sdp_parse(text, &arena, &p.at->sdp, &title);
    if (e) return refuse(&p, "bad_sdp", title);
    e = plan_all(&p);
    if ((!e || strcmp(why->code, "codec") == 0) && nothing_fits(&p)) {
        if (m->promised) return refuse(&p, "codec", "The answer takes no format of what is live here.");
        result->counter = true;
        return counter_offer(&p, &result->sdp);
    }
    if (e) return e;
    if (nothing_live(m)) return refuse(&p, "no_such_track", "Nothing is live here now; try again later.");
    if (m->peer && m->peer->fingerprint.hash_n &&
        (m->peer->fingerprint.hash_n != p.at->sdp.transport.fingerprint.n ||
         memcmp(m->peer->fingerprint.hash, p.at->sdp.transport.fingerprint.b, m->peer->fingerprint.hash_n) !=
             0))
        return refuse(&p, "bad_sdp", "The offer has another certificate than the connection; join again.");
    e = make_all(&p, now);
    if (!e) e = connect_peer(&p, now, &result->opened);
    if (e) {
        unmake_all(&p);
        *why = e == ERR_NOMEM ? (struct refusal){"busy", "The server has no memory for this now; try again."}
                              : (struct refusal){"bad_sdp", "The transport of the offer can't be used."};
        return e;
    }
    commit(&p);
    result->sdp = write_answer(&p);
    return OK;
}

enum err negotiate_restart(struct member *m, struct span fragment, usec now, struct span *answer,
                           struct refusal *why)
{
    struct peer_remote remote = {0};
    *why = (struct refusal){"bad_sdp", "The fragment is not an ICE restart."};
    if (!m->peer || sdp_parse_fragment(fragment, &remote.ufrag, &remote.pwd)) return ERR_FORMAT;
    if (!span_equal(peer_remote_ufrag(m->peer), remote.ufrag)) {
        remote.fingerprint = m->peer->fingerprint;
        remote.our_role = m->peer->role;
        enum err e = peer_restart(m->peer, &remote, now);
        if (e) return e;
    }
    struct room_scratch *at = m->room->conf->scratch;
    struct writer w = writer_of(MSPAN(at->answer, sizeof at->answer));
    write_str(&w, "a=ice-lite\r\na=ice-ufrag:");
    write_bytes(&w, peer_local_ufrag(m->peer));
    write_str(&w, "\r\na=ice-pwd:");
    write_bytes(&w, peer_local_pwd(m->peer));
    write_str(&w, "\r\n");
    *answer = writer_span(&w);
    return OK;
}
