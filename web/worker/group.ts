// SPDX-License-Identifier: Apache-2.0
// What the delivery logic needs of MLS (RFC 9420), and the sealing core behind it. Another MLS implementation replaces it by
// another `Groups`. The rules of the room on groups are asked for here and stand in src/seal/rules.c, the same for every client.
import { ByteReader, joined, number, utf8, vector } from './bytes.ts';
import type { SignatureKey } from './identity.ts';
import type { SealCore } from './seal_core.ts';
import type { RoomRules, SealGroup } from './seal_group.ts';
import { SealInvitee } from './seal_group.ts';

export const POLICY_EXTENSION = 0xf1ca;
const REQUIRED_CAPABILITIES = 3;
const LIFETIME_S = 90 * 86400;

/** A Welcome into a group that breaks a rule of the room. */
export class RuleBroken extends Error {
  constructor(readonly rule: 'policy' | 'link' | 'identity' | 'group', told: string) {
    super(`the group breaks a rule of the room: ${told}`);
  }
}
/** A commit that the core takes and the rules of the room refuse; the group is as it was. */
export class CommitRefused extends Error {}
export interface GroupMember {
  readonly leaf: number;
  readonly name: string;
  readonly signatureKey: Uint8Array;
  /** named by the policy */
  readonly moderator: boolean;
}
export interface Opened {
  readonly kind: 'application' | 'proposal' | 'commit';
  readonly own: boolean;
  readonly removed: boolean;
  readonly sender: number;
  readonly data: Uint8Array;
  readonly note: string;
  readonly added: readonly number[];
  readonly gone: readonly number[];
}
export interface Change {
  readonly add: readonly Uint8Array[];
  readonly remove: readonly number[];
  readonly note: string;
}
export interface Group {
  readonly epoch: bigint;
  readonly leaf: number;
  readonly members: readonly GroupMember[];
  commit(change: Change): { commit: Uint8Array; welcome: Uint8Array };
  discard(): void;
  say(plain: Uint8Array): Uint8Array;
  /** Opens and, for a commit of others or the own echo, applies. Throws and changes nothing. */
  receive(message: Uint8Array): Opened;
  /** After a kick: the generation's join secret is a new one. */
  setLink(link: Link): void;
  export(label: string, context: Uint8Array, length: number): Uint8Array;
  free(): void;
}
export interface Link {
  readonly roomId: Uint8Array;
  readonly policyHash: Uint8Array;
  readonly joinSecret: Uint8Array;
  readonly generation: number;
}
export interface KeyPackage {
  readonly message: Uint8Array;
  free(): void;
}
export interface Groups {
  /** A key package for the own identity, for one use. */
  invitee(): KeyPackage;
  create(): Group;
  join(own: KeyPackage, welcome: Uint8Array): Promise<Group>;
  setLink(link: Link): void;
}

const none = new Uint8Array(0);
const text = new TextDecoder('utf-8', { fatal: true });

/** The external PSK's id of section A. */
export function pskId(link: Link): Uint8Array<ArrayBuffer> {
  return joined(utf8('incamera join '), link.roomId, link.generation > 0 ? number(4, link.generation) : none);
}
/** The signature key inside a KeyPackage message (RFC 9420 section 10). */
export function keyOfPackage(message: Uint8Array): Uint8Array {
  const r = new ByteReader(message);
  r.raw(6); // MLS 1.0, mls_key_package, MLS 1.0
  r.u16();
  r.vector(); // init_key
  r.vector(); // encryption_key
  return r.vector();
}
function extensionList(policy: Uint8Array): Uint8Array {
  return joined(
    number(2, REQUIRED_CAPABILITIES), vector(vector(number(2, POLICY_EXTENSION)), vector(), vector(number(2, 1))),
    number(2, POLICY_EXTENSION), vector(policy),
  );
}

class CoreInvitee implements KeyPackage {
  constructor(readonly own: SealInvitee) {}
  get message(): Uint8Array {
    return this.own.message;
  }
  free(): void {
    this.own.free();
  }
}

class CoreGroup implements Group {
  #members: GroupMember[] | undefined;
  #note = ''; // of the own staged commit: its echo is not opened again
  constructor(private readonly group: SealGroup, private readonly key: SignatureKey, private link: Link, private readonly policy: Uint8Array) {
    this.setLink(link);
  }
  get epoch(): bigint {
    return this.group.info().epoch;
  }
  get leaf(): number {
    return this.group.info().ownLeaf;
  }
  get members(): readonly GroupMember[] {
    if (this.#members) return this.#members;
    const all: GroupMember[] = [];
    const { slots } = this.group.info();
    const rules = rulesOf(this.link, this.policy);
    for (let i = 0; i < slots; i++) {
      let leaf;
      try {
        leaf = this.group.leaf(i);
      } catch {
        continue; // a blank leaf is no member
      }
      all.push({ leaf: i, signatureKey: leaf.signatureKey, name: nameIn(leaf.identity), moderator: this.group.moderates(rules, i) });
    }
    return (this.#members = all);
  }
  commit(change: Change): { commit: Uint8Array; welcome: Uint8Array } {
    this.#note = change.note;
    return this.group.commit(this.key, [
      ...change.remove.map((leaf) => ({ kind: 'remove' as const, leaf })),
      ...change.add.map((keyPackage) => ({ kind: 'add' as const, keyPackage })),
      ...(change.add.length ? [{ kind: 'psk' as const, id: pskId(this.link) }] : []),
    ], utf8(change.note));
  }
  discard(): void {
    if (this.group.staged()) this.group.discard();
  }
  say(plain: Uint8Array): Uint8Array {
    return this.group.say(this.key, plain);
  }
  receive(message: Uint8Array): Opened {
    const o = this.group.open(message);
    const opened: Opened = {
      kind: o.kind, own: o.own, removed: o.removed, sender: o.sender, data: o.data, added: o.added, gone: o.gone,
      note: o.own ? this.#note : text.decode(o.authenticatedData),
    };
    if (o.kind === 'proposal') this.group.refuse(); // members commit by value only
    if (o.kind !== 'commit') return opened;
    const broken = o.removed || o.own ? '' : this.group.brokenByCommit(rulesOf(this.link, this.policy));
    if (broken) {
      this.group.refuse();
      throw new CommitRefused(broken);
    }
    this.group.apply();
    this.#members = undefined;
    return opened;
  }
  setLink(link: Link): void {
    this.link = link;
    this.group.putPsk({ id: pskId(link), psk: link.joinSecret });
  }
  export(label: string, context: Uint8Array, length: number): Uint8Array {
    return this.group.export(label, context, length);
  }
  free(): void {
    this.group.free();
  }
}

const rulesOf = (link: Link, policy: Uint8Array): RoomRules => ({ policyHash: link.policyHash, policy, pskId: pskId(link) });

/** The display name of an identity that the rules let in (ROOMS.md section 3). */
function nameIn(identity: Uint8Array): string {
  const r = new ByteReader(identity);
  r.raw(2);
  return text.decode(r.vector());
}
/** A guest's id: 16 bytes that follow from its key (ROOMS.md section A). */
function guestId(core: SealCore, open: Uint8Array): Uint8Array {
  return core.sha256(joined(utf8('incamera 1.0 guest'), open)).slice(0, 16);
}
const RULE_KIND: readonly (readonly [RegExp, RuleBroken['rule']])[] = [
  [/policy|suite|extensions/, 'policy'], [/leaf/, 'identity'], [/another room/, 'group'], [/./, 'link'],
];
function checkJoined(group: SealGroup, rules: RoomRules): void {
  const broken = group.brokenAtJoin(rules);
  if (!broken) return;
  throw new RuleBroken(RULE_KIND.find(([words]) => words.test(broken))?.[1] ?? 'group', broken);
}

export interface Self {
  readonly suite: number;
  readonly name: string;
  readonly key: SignatureKey;
}
/** policy: the SignedRoomPolicy of the link, verified. */
export function coreGroups(core: SealCore, self: Self, first: Link, policy: Uint8Array, nowMs: () => number): Groups {
  let link = first;
  const { key } = self;
  const identity = joined(number(1, 1), number(1, 1), vector(utf8(self.name)), vector(guestId(core, key.open)), vector());
  const invitee = (): CoreInvitee => {
    const now = BigInt(Math.floor(nowMs() / 1000));
    return new CoreInvitee(SealInvitee.make(core, self.suite, key, identity, [POLICY_EXTENSION], { notBefore: now - 3600n, notAfter: now + BigInt(LIFETIME_S) }));
  };
  const checked = (group: SealGroup): Group => {
    try {
      checkJoined(group, rulesOf(link, policy));
      return new CoreGroup(group, key, link, policy);
    } catch (why) {
      group.free();
      throw why;
    }
  };
  return {
    invitee,
    create() {
      const own = invitee();
      try {
        return checked(own.own.create(joined(link.roomId, core.random(8)), extensionList(policy)));
      } finally {
        own.free();
      }
    },
    async join(own, welcome) {
      return checked(await (own as CoreInvitee).own.join(welcome, [{ id: pskId(link), psk: link.joinSecret }]));
    },
    setLink(next) {
      link = next;
    },
  };
}
