/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an RTP packet: everything read lies inside, and a header written from it reads the same. */
#include <assert.h>

#include "wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct rtp *h, struct span pkt)
{
    struct rtp_ext_out ext[RTP_EXTS_MAX];
    uint8_t room[2048];
    struct rtp back;
    struct rtp_out o = {h->marker, h->pt, h->seq, h->ts, h->ssrc, ext, h->ext_count};
    for (uint8_t i = 0; i < h->ext_count; i++)
        ext[i] = (struct rtp_ext_out){h->ext[i].id, span_part(pkt, h->ext[i].at, h->ext[i].n)};
    size_t n = rtp_write(&o, MSPAN(room, sizeof room));
    if (!n) return; /* more extensions than there is room */
    assert(!rtp_parse(SPAN(room, n), &back));
    assert(back.header_n == n && back.seq == h->seq && back.ts == h->ts && back.ssrc == h->ssrc);
    assert(back.pt == h->pt && back.marker == h->marker && back.ext_count == h->ext_count);
    for (uint8_t i = 0; i < h->ext_count; i++)
        assert(back.ext[i].id == h->ext[i].id &&
               span_equal(span_part(SPAN(room, n), back.ext[i].at, back.ext[i].n), ext[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span pkt = SPAN(data, size);
    struct rtp h;
    (void)pkt_kind(pkt);
    if (rtp_parse(pkt, &h)) return 0;
    assert(h.header_n >= RTP_HEADER && h.header_n <= size && h.ext_count <= RTP_EXTS_MAX);
    for (uint8_t i = 0; i < h.ext_count; i++)
        assert(h.ext[i].id != 0 && (size_t)h.ext[i].at + h.ext[i].n <= h.header_n);
    for (unsigned id = 0; id < 256; id++)
        assert(rtp_ext_value(&h, pkt, (uint8_t)id).n <= 255);
    if (!rtp_padding(pkt, &h)) assert((size_t)h.header_n + h.padding <= size);
    write_again(&h, pkt);
    return 0;
}
