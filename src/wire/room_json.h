/* SPDX-License-Identifier: Apache-2.0
 * Room messages between their two forms: the JSON text clients speak and the binary form of shape.h that
 * roles speak. One codec for every row of room_messages: members in any order, none unknown, none missing,
 * none twice, each within its row's limits. What was checked is what is forwarded (R6): the binary form is
 * written from the parsed values, and JSON to clients from the binary form. Allocates nothing; needs about 60
 * KiB of stack. */
#ifndef WIRE_ROOM_JSON_H
#define WIRE_ROOM_JSON_H

#include "wire/room_messages.h"
#include "base/write.h"

struct room_read {    /* what could be read of a client's message, also when it is refused */
    unsigned message; /* enum room_message, 0 when the type is unknown */
    bool has_id;
    uint32_t id;
    const char *field; /* which member was wrong, NULL when it was none of the row's */
};

/* Reads one JSON text from a client into its binary form at the end of `out`. On failure nothing is written
 * and *got says as much as is known. ERR_LIMIT when the text is longer than its row allows; ERR_UNKNOWN for a
 * type or member that is not in the table; ERR_SHORT for a missing member; ERR_EXISTS for a doubled one;
 * ERR_RANGE for a value out of its limits; ERR_FORMAT; ERR_FULL when out has no room. */
enum err room_json_read(struct span text, struct room_read *got, struct writer *out) MUST_CHECK;
/* Writes message m with this binary body as JSON. ERR_UNKNOWN, ERR_FORMAT when the body is not of its shape,
 * ERR_FULL. */
enum err room_json_write(unsigned m, struct span body, struct writer *out) MUST_CHECK;

#endif
