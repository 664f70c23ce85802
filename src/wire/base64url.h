/* SPDX-License-Identifier: Apache-2.0
 * base64url without padding (RFC 4648 section 5), one spelling only: padding, other alphabets, white space
 * and unused bits that are not zero are refused. */
#ifndef WIRE_BASE64URL_H
#define WIRE_BASE64URL_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

/* ERR_FORMAT; ERR_LIMIT when it does not fit. *out is the part of `into` used. */
enum err base64url_read(struct span text, struct mspan into, struct span *out) MUST_CHECK;
void base64url_write(struct writer *w, struct span s);

#endif
