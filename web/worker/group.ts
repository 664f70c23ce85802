// SPDX-License-Identifier: Apache-2.0
// What the delivery logic needs of MLS (RFC 9420), and the sealing core behind it. Another MLS implementation replaces it by
// another `Groups`. Holds the rules of the room on groups: one policy, guests whose id follows from their key, the link's PSK.
import { ByteReader, joined, number, same, utf8, vector } from './bytes.ts';
import type { SealCore } from './seal_core.ts';
import type { SealGroup, SignatureKey } from './seal_group.ts';
import { SealInvitee, signatureKey } from './seal_group.ts';

export const POLICY_EXTENSION = 0xf1ca;
const REQUIRED_CAPABILITIES = 3;
const LIFETIME_S = 90 * 86400;
const NAME_MAX = 256;

export class RuleBroken extends Error {
  constructor(readonly rule: 'policy' | 'link' | 'identity' | 'group') {
    super(`the group breaks a rule of the room: ${rule}`);
  }
}
export interface GroupMember {
  readonly leaf: number;
  readonly name: string;
  readonly signatureKey: Uint8Array;
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
  /** Opens and, for a commit of others or the own echo, applies. Throws and changes nothing, or throws RuleBroken: stop. */
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
  create(policy: Uint8Array): Group;
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
  constructor(private readonly core: SealCore, private readonly group: SealGroup, private readonly key: SignatureKey, private link: Link,
    private readonly extensions: Uint8Array) {
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
    for (let i = 0; i < slots; i++) {
      try {
        const leaf = this.group.leaf(i);
        all.push({ leaf: i, signatureKey: leaf.signatureKey, name: checkIdentity(this.core, leaf.identity, leaf.signatureKey) });
      } catch (why) {
        if (why instanceof RuleBroken) throw why; // a blank leaf is no member
      }
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
    if (!o.removed && !o.own) {
      for (const leaf of o.added) {
        const l = this.group.incomingLeaf(leaf);
        try {
          checkIdentity(this.core, l.identity, l.signatureKey);
        } catch (why) {
          this.group.refuse();
          throw why;
        }
      }
    }
    this.group.apply();
    this.#members = undefined;
    if (!o.removed && !same(this.group.info().extensions, this.extensions)) throw new RuleBroken('policy');
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

/** A guest's identity (section 3 and A): its name, or RuleBroken. */
function checkIdentity(core: SealCore, identity: Uint8Array, key: Uint8Array): string {
  try {
    const r = new ByteReader(identity);
    const version = r.u8(), kind = r.u8(), name = r.vector(), id = r.vector(), evidence = r.vector();
    r.end();
    const want = core.sha256(joined(utf8('incamera 1.0 guest'), key)).slice(0, 16);
    if (version === 1 && kind === 1 && evidence.length === 0 && name.length <= NAME_MAX && same(id, want)) {
      const shown = text.decode(name);
      // eslint-disable-next-line no-control-regex
      if (!/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u.test(shown)) return shown;
    }
  } catch {
    // said below
  }
  throw new RuleBroken('identity');
}

export function coreGroups(core: SealCore, suite: number, name: string, first: Link, nowMs: () => number): Groups {
  let link = first;
  const key = signatureKey(core, suite);
  const id = core.sha256(joined(utf8('incamera 1.0 guest'), key.open)).slice(0, 16);
  const identity = joined(number(1, 1), number(1, 1), vector(utf8(name)), vector(id), vector());
  const invitee = (): CoreInvitee => {
    const now = BigInt(Math.floor(nowMs() / 1000));
    return new CoreInvitee(SealInvitee.make(core, suite, key, identity, [POLICY_EXTENSION], { notBefore: now - 3600n, notAfter: now + BigInt(LIFETIME_S) }));
  };
  return {
    invitee,
    create(policy) {
      const own = invitee();
      try {
        const extensions = extensionList(policy);
        return new CoreGroup(core, own.own.create(joined(link.roomId, core.random(8)), extensions), key, link, extensions);
      } finally {
        own.free();
      }
    },
    async join(own, welcome) {
      const group = await (own as CoreInvitee).own.join(welcome, [{ id: pskId(link), psk: link.joinSecret }]);
      try {
        const info = group.info();
        if (!same(info.groupId.subarray(0, 32), link.roomId)) throw new RuleBroken('group');
        if (!group.joinedWithPsk(pskId(link))) throw new RuleBroken('link');
        checkExtensions(core, info.extensions, link, nowMs());
        const joinedGroup = new CoreGroup(core, group, key, link, info.extensions);
        void joinedGroup.members.length; // every leaf is checked
        return joinedGroup;
      } catch (why) {
        group.free();
        throw why;
      }
    },
    setLink(next) {
      link = next;
    },
  };
}

/** Exactly required_capabilities and the policy of the link, signed. */
function checkExtensions(core: SealCore, extensions: Uint8Array, link: Link, nowMs: number): void {
  try {
    const r = new ByteReader(extensions);
    let policies = 0;
    while (r.left > 0) {
      const type = r.u16(), data = r.vector();
      if (type === POLICY_EXTENSION) {
        core.policyOpen(data, link.policyHash, nowMs);
        policies++;
      } else if (type !== REQUIRED_CAPABILITIES) throw new RuleBroken('policy');
    }
    if (policies === 1) return;
  } catch {
    // said below
  }
  throw new RuleBroken('policy');
}
