/* SPDX-License-Identifier: Apache-2.0 */
#include "rights/facts.h"

static const char *const verbs[VERB_COUNT] = {
    "none",      "join",  "create", "list",    "show",    "close",  "members",  "kick",
    "mute",      "lock",  "admit",  "end",     "token",   "policy", "guest",    "relay",
    "barred",    "unbar", "audit",  "explain", "openapi", "record", "unrecord", "recordings",
    "recording", "play",  "shred",  "consent", "file",    "fetch",
};
static const char *const cans[] = {"join",  "publish",  "subscribe", "chat",
                                   "share", "moderate", "create",    "admin"};
static const char *const classes[] = {"none", "direct", "sealed", "witnessed", "governed"};

static const char *const recordings[] = {"forbidden", "allowed", "required"};

static unsigned find(const char *const *list, unsigned n, struct span name)
{
    for (unsigned i = 0; i < n; i++)
        if (span_equal(name, span_str(list[i]))) return i;
    return n;
}

enum verb verb_by_name(struct span name)
{
    unsigned i = find(verbs, COUNT_OF(verbs), name);
    return i < COUNT_OF(verbs) ? (enum verb)i : VERB_NONE;
}

const char *verb_name(enum verb v)
{
    return v < VERB_COUNT ? verbs[v] : verbs[0];
}

uint32_t can_by_name(struct span name)
{
    unsigned i = find(cans, COUNT_OF(cans), name);
    return i < COUNT_OF(cans) ? UINT32_C(1) << i : 0;
}

const char *can_name(uint32_t bit)
{
    for (unsigned i = 0; i < COUNT_OF(cans); i++)
        if (bit == UINT32_C(1) << i) return cans[i];
    return NULL;
}

enum room_class room_class_by_name(struct span name)
{
    unsigned i = find(classes, COUNT_OF(classes), name);
    return i < COUNT_OF(classes) ? (enum room_class)i : CLASS_NONE;
}

const char *room_class_name(enum room_class c)
{
    return c < COUNT_OF(classes) ? classes[c] : classes[0];
}

const char *recording_rule_name(unsigned r)
{
    return r < COUNT_OF(recordings) ? recordings[r] : recordings[0];
}

enum err recording_rule_by_name(struct span name, uint8_t *rule)
{
    unsigned i = find(recordings, COUNT_OF(recordings), name);
    if (i == COUNT_OF(recordings)) return ERR_UNKNOWN;
    *rule = (uint8_t)i;
    return OK;
}
