/* SPDX-License-Identifier: Apache-2.0
 * Offers: no input crashes the parser; what it takes keeps its limits and can be answered. */
#include <stdlib.h>

#include "wire/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t tables[SDP_ARENA_BYTES], bytes[SDP_BYTES_MAX];
static struct sdp_reply reply[SDP_SECTIONS_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = arena_of(MSPAN(tables, sizeof tables));
    struct sdp sdp;
    const char *why = NULL;
    struct span ufrag, pwd;
    (void)!sdp_parse_fragment(SPAN(data, size), &ufrag, &pwd);
    if (sdp_parse(SPAN(data, size), &a, &sdp, &why)) {
        if (!why) abort();
        return 0;
    }
    for (uint16_t i = 0; i < sdp.count; i++) {
        const struct sdp_media *m = &sdp.media[i];
        if (m->codecs > SDP_CODECS_MAX || m->rids > SDP_RIDS_MAX || m->ssrcs > SDP_SSRCS_MAX ||
            m->mid.n > SDP_MID_MAX)
            abort();
        reply[i] = (struct sdp_reply){.offer = m,
                                      .accepted = !m->rejected,
                                      .direction = SDP_BOTH,
                                      .exts = 0xffff,
                                      .rids = m->rids,
                                      .stream = m->mid,
                                      .ssrc = 1,
                                      .rtx_ssrc = 2};
        for (uint8_t k = 0; k < m->codecs; k++)
            reply[i].codec[reply[i].codecs++] = &m->codec[k];
    }
    struct sdp_local local = {.setup = SDP_ACTIVE};
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    sdp_write_answer(&w, &sdp, reply, &local);
    return 0;
}
