/* SPDX-License-Identifier: Apache-2.0
 * HTTP/1.1 (RFC 9110, 9112), the server's half: strict reader of a request's head and of chunked bodies,
 * writer of responses. One canonical form (R6): what is ambiguous is refused and the connection closed, never
 * repaired. Refused: bare LF or CR, control characters, folded lines, space before the colon, a missing or
 * doubled Host, length beside chunked, doubled or signed lengths, other transfer codings, targets that are
 * not plain ASCII or hide a slash, a dot segment, a NUL or a second encoding behind '%'. HTTP/1.0 is served
 * once, then closed. Owns nothing, allocates nothing; spans borrow from the head. Every limit stands here
 * (R4). */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

#define HTTP_LINE_MAX      8192  /* bytes of the request line: 414 */
#define HTTP_HEAD_MAX      16384 /* bytes of the whole head: 431 */
#define HTTP_HEADERS_MAX   64    /* 431 */
#define HTTP_HOST_MAX      255
#define HTTP_PARTS_MAX     6   /* segments of a path */
#define HTTP_PART_MAX      128 /* bytes of one segment, decoded */
#define HTTP_CHUNK_EXT_MAX 64  /* bytes of one chunk's extension */
#define HTTP_EXTS_MAX      512 /* bytes of all extensions of a body */
#define HTTP_LENGTH_DIGITS 15

enum http_method {
    HTTP_OTHER, /* well-formed, not one of ours */
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS
};

struct http_header {
    struct span name, value;
};
struct http_path { /* decoded once, split at the slashes */
    uint8_t parts;
    uint8_t length[HTTP_PARTS_MAX];
    char part[HTTP_PARTS_MAX][HTTP_PART_MAX];
};
struct http_head {
    uint8_t method;       /* enum http_method */
    bool http10;          /* HTTP/1.0 */
    bool keep_alive;      /* the connection may be used again */
    bool asterisk;        /* OPTIONS * */
    bool chunked;         /* the body is chunked */
    bool expect_continue; /* wants 100 before it sends the body */
    bool upgrade;         /* Connection: upgrade */
    bool has_length;
    uint64_t length; /* of the body */
    struct span host, query;
    struct http_path path;
    uint8_t headers;
    struct http_header header[HTTP_HEADERS_MAX];
};

/* Looks for the end of the head in what has come so far; *seen is how much was looked at before (0 at first).
 * Returns 0 and the head's length in *n; 100 when more bytes are needed; or the status of the refusal: 400,
 * 414, 431. */
uint16_t http_head_end(struct span in, size_t *seen, size_t *n) MUST_CHECK;
/* Reads a whole head (up to and with its empty line). Returns 0, or the status of the refusal: 400, 413, 414,
 * 417, 431, 501, 505; *h is then unspecified. After a refusal the connection must be closed. */
uint16_t http_head_read(struct span head, struct http_head *h) MUST_CHECK;
/* Decodes and splits the path of a target. ERR_FORMAT, ERR_LIMIT. */
enum err http_path_read(struct span raw, struct http_path *p) MUST_CHECK;
/* The part i of a path as a span; empty when there is none. */
struct span http_part(const struct http_path *p, unsigned i);
/* The value of a header, empty when it is not there or empty; name in lower case. */
struct span http_header_of(const struct http_head *h, const char *name);
/* How many headers have this name. */
unsigned http_header_count(const struct http_head *h, const char *name);
/* True when the comma list in value holds the token; cases do not matter. */
bool http_list_has(struct span value, const char *token);
/* True when value is this media type, with or without parameters. */
bool http_type_is(struct span value, const char *type);
/* Equal but for the case of ASCII letters. */
bool http_same(struct span a, struct span b);
/* The token of `Authorization: Bearer`. OK and empty when there is no such header; ERR_FORMAT. */
enum err http_bearer(const struct http_head *h, struct span *token) MUST_CHECK;
/* True when host (the Host header) names this machine or is an address: what a loopback listener may be
 * called. */
bool http_host_is_local(struct span host);

/* A chunked body on its way. Zeroed at first. */
struct http_chunked {
    uint8_t state;
    uint8_t digits;
    uint64_t left; /* of the chunk */
    uint16_t ext, exts;
};
/* Takes bytes of a chunked body: *used of `in` were consumed, *n body bytes written to out. OK when the body
 * has ended, ERR_AGAIN when more is needed (or out is full), ERR_FORMAT, ERR_LIMIT. */
enum err http_chunked_take(struct http_chunked *c, struct span in, size_t *used, struct mspan out,
                           size_t *n) MUST_CHECK;

/* The response's status line. */
void http_write_status(struct writer *w, uint16_t status);
/* One header; a value with a control character sets w->bad, so that nobody splits a response. */
void http_write_header(struct writer *w, const char *name, struct span value);
void http_write_number(struct writer *w, const char *name, uint64_t value);
void http_write_end(struct writer *w);
/* The reason phrase; "Error" for a status not in the list. Borrowed for ever. */
const char *http_reason(uint16_t status);

#endif
