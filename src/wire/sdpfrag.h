/* SPDX-License-Identifier: Apache-2.0
 * SDP fragments (RFC 8840) as WHIP and WHEP send them in PATCH (RFC 9725 section 4.3): trickled candidates or
 * an ICE restart; and the few lines of whole descriptions that restarts exchange. Strict in form, blind to
 * what it has no use for. Spans borrow from the text. Allocates nothing. */
#ifndef WIRE_SDPFRAG_H
#define WIRE_SDPFRAG_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

#define SDPFRAG_MAX       16384
#define SDPFRAG_LINES_MAX 512
#define SDPFRAG_LINE_MAX  1024

struct sdpfrag {
    struct span ufrag, pwd; /* both, or both empty */
    unsigned candidates;
    bool end; /* no more will come */
};

/* ERR_FORMAT, ERR_LIMIT, ERR_RANGE for credentials of a wrong length (RFC 8839 section 5.4), ERR_EXISTS when
 * sections have different ones. */
enum err sdpfrag_read(struct span text, struct sdpfrag *f) MUST_CHECK;
/* The first ICE credentials of a description; ERR_UNKNOWN when it has none. */
enum err sdp_credentials(struct span sdp, struct span *ufrag, struct span *pwd) MUST_CHECK;
/* Copies a description with all its ICE credentials replaced. ERR_FULL. */
enum err sdp_with_credentials(struct span sdp, struct span ufrag, struct span pwd,
                              struct writer *out) MUST_CHECK;
/* Writes the fragment that answers a restart: options, credentials, first section and candidates of the
 * answer. */
enum err sdpfrag_of_answer(struct span sdp, struct writer *out) MUST_CHECK;

#endif
