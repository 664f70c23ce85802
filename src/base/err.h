/* SPDX-License-Identifier: Apache-2.0
 * The one list of errors. 0 is ok; a fallible function returns one of these and leaves its outputs
 * untouched when it is not OK. Errors speak of input and circumstances; bugs are asserts. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_LIST(X)                                                                                          \
    X(OK, "ok")                                                                                              \
    X(ERR_SHORT, "input ends too early")                                                                     \
    X(ERR_FORMAT, "input is malformed")                                                                      \
    X(ERR_RANGE, "a value is out of range")                                                                  \
    X(ERR_LIMIT, "a named limit was reached")                                                                \
    X(ERR_FULL, "a table or buffer is full")                                                                 \
    X(ERR_NOMEM, "out of memory")                                                                            \
    X(ERR_AUTH, "authentication failed")                                                                     \
    X(ERR_REPLAY, "seen before or too old")                                                                  \
    X(ERR_STATE, "not possible in this state")                                                               \
    X(ERR_UNKNOWN, "no such thing")                                                                          \
    X(ERR_EXISTS, "exists already")                                                                          \
    X(ERR_DENIED, "not allowed")                                                                             \
    X(ERR_EXPIRED, "expired")                                                                                \
    X(ERR_UNSUPPORTED, "not supported")                                                                      \
    X(ERR_IGNORED, "ignored on purpose")                                                                     \
    X(ERR_AGAIN, "not now, later")                                                                           \
    X(ERR_CLOSED, "closed by the other side")                                                                \
    X(ERR_IO, "input or output failed")                                                                      \
    X(ERR_CRYPTO, "the cryptographic library failed")

enum err {
#define X(name, text) name,
    ERR_LIST(X)
#undef X
        ERR_COUNT
};

/* The text above for e; "unknown error" outside the list. Borrowed for ever. */
const char *err_text(enum err e);

#endif
