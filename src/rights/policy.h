/* SPDX-License-Identifier: Apache-2.0
 * Policy: the one place that says yes. A table of numbered rules over facts: first every rule that denies,
 * then the rules that allow; what no rule allows is denied. Pure: same facts, same answer, no clock, no
 * store. Numbers are stable: they stand in the audit trail and in `incamera policy explain`. */
#ifndef RIGHTS_POLICY_H
#define RIGHTS_POLICY_H

#include "rights/facts.h"

struct rule_text {
    uint16_t number;
    bool allows, waits; /* waits: neither yes nor no until a moderator decides (lobby) */
    uint16_t status;    /* the HTTP status of a refusal */
    const char *code;   /* the room protocol's error code */
    const char *reason; /* a sentence for a person */
};

/* Decides. Sets allowed, can, rule, room_class and reason of the verdict; the keeper adds room, name, subject
 * and expiry to one that allows. Returns the rule that decided, borrowed for ever. */
const struct rule_text *rights_decide(const struct facts *f, struct verdict *v);
/* The rule of a number, NULL when there is none; rule 0 is the default denial. */
const struct rule_text *rights_rule(unsigned number);
/* What this asker may do in this room once inside. */
uint32_t rights_inside(const struct facts *f);

#endif
