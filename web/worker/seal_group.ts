// SPDX-License-Identifier: Apache-2.0
// One member of an MLS group in the sealing core (src/seal/face_group.h): key packages, joining, commits, messages,
// exports. State lives and dies with the worker. Throws SealFailure; a refused message leaves the group as it was.
import type { SignatureKey } from "./identity.ts";
import { SealCore, SealFailure } from "./seal_core.ts";

interface GroupExports {
  face_made(): number;
  face_signature_new(suite: number): number;
  face_key_package(suite: number, n: number): number;
  face_invitee_free(own: number): void;
  face_group_create(own: number, n: number): number;
  face_group_join(own: number, n: number): number;
  face_group_free(group: number): void;
  face_group_psk_put(group: number, n: number): number;
  face_group_psk_drop(group: number, n: number): number;
  face_group_joined_with_psk(group: number, n: number): number;
  face_group_commit(group: number, n: number): number;
  face_group_discard(group: number): void;
  face_group_staged(group: number): number;
  face_group_say(group: number, n: number): number;
  face_group_open(group: number, n: number): number;
  face_incoming_leaf(leaf: number): number;
  face_group_apply(group: number): number;
  face_group_refuse(): void;
  face_group_info(group: number): number;
  face_group_leaf(group: number, leaf: number): number;
  face_group_export(group: number, n: number, length: number): number;
  face_group_forget(group: number, keep: number): void;
  face_rules_join(group: number, n: number): number;
  face_rules_commit(group: number, n: number): number;
  face_rules_moderator(group: number, leaf: number, n: number): number;
  face_rules_broken(): number;
}

export interface Psk {
  id: Uint8Array;
  psk: Uint8Array;
}

// What the rules of a room are judged by (src/seal/rules.h).
export interface RoomRules {
  policyHash: Uint8Array;
  policy: Uint8Array;
  pskId: Uint8Array;
}

export type Proposal =
  | { kind: "add"; keyPackage: Uint8Array }
  | { kind: "remove"; leaf: number }
  | { kind: "psk"; id: Uint8Array };

export interface Leaf {
  identity: Uint8Array;
  signatureKey: Uint8Array;
  notBefore: bigint;
  notAfter: bigint;
}

export interface Incoming {
  kind: "application" | "proposal" | "commit";
  own: boolean;
  removed: boolean;
  path: boolean;
  epoch: bigint;
  sender: number;
  authenticatedData: Uint8Array;
  data: Uint8Array;
  added: number[];
  gone: number[];
  updated: number[];
}

export interface GroupInfo {
  epoch: bigint;
  ownLeaf: number;
  members: number;
  slots: number;
  welcomedBy: number;
  suite: number;
  closed: boolean;
  groupId: Uint8Array;
  extensions: Uint8Array;
  authenticator: Uint8Array;
  confirmedHash: Uint8Array;
}

const EMPTY = new Uint8Array(0);
const KINDS = ["application", "proposal", "commit"] as const;
const SIZE = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function number(size: keyof typeof SIZE, value: number | bigint): Uint8Array {
  const b = new Uint8Array(SIZE[size]);
  let v = BigInt(value);
  for (let i = b.length - 1; i >= 0; i--, v >>= 8n) b[i] = Number(v & 255n);
  return b;
}

// A vector of RFC 9420 section 2.1.
export function vector(bytes: Uint8Array): Uint8Array {
  const n = bytes.length;
  const head = n < 64 ? number("u8", n) : n < 16384 ? number("u16", 0x4000 | n) : number("u32", 0x80000000 + n);
  return joined([head, bytes]);
}

class Reader {
  private at = 0;
  private readonly view: DataView;
  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  u8(): number {
    return this.view.getUint8(this.at++);
  }
  u16(): number {
    return this.view.getUint16((this.at += 2) - 2);
  }
  u32(): number {
    return this.view.getUint32((this.at += 4) - 4);
  }
  u64(): bigint {
    return this.view.getBigUint64((this.at += 8) - 8);
  }
  vector(): Uint8Array {
    const first = this.view.getUint8(this.at) >> 6;
    const n = first === 0 ? this.u8() : first === 1 ? this.u16() & 0x3fff : this.u32() & 0x3fffffff;
    return this.bytes.slice(this.at, (this.at += n));
  }
  numbers(): number[] {
    const list = this.vector();
    const view = new DataView(list.buffer, list.byteOffset, list.length);
    return Array.from({ length: list.length / 4 }, (_, i) => view.getUint32(4 * i));
  }
}

function groupExports(core: SealCore): GroupExports {
  return core.wasm as unknown as GroupExports;
}

export function signatureKey(core: SealCore, suite: number): SignatureKey {
  const both = core.takeSecret(groupExports(core).face_signature_new(suite), 0);
  return { secret: both.slice(0, 32), open: both.slice(32) };
}

// An own key package and what opens the Welcome it brings; used once, then freed.
export class SealInvitee {
  private constructor(readonly core: SealCore, private pointer: number, readonly message: Uint8Array) {}

  static make(
    core: SealCore, suite: number, key: SignatureKey, identity: Uint8Array, extensionTypes: number[],
    lifetime: { notBefore: bigint; notAfter: bigint },
  ): SealInvitee {
    const types = joined(extensionTypes.map((t) => number("u16", t)));
    const used = core.put(
      key.secret, vector(identity), vector(types), number("u64", lifetime.notBefore), number("u64", lifetime.notAfter),
    );
    const message = core.takeSecret(groupExports(core).face_key_package(suite, used), used);
    return new SealInvitee(core, groupExports(core).face_made(), message);
  }

  // A group of one.
  create(groupId: Uint8Array, extensions: Uint8Array): SealGroup {
    const used = this.core.put(vector(groupId), vector(extensions));
    this.core.take(groupExports(this.core).face_group_create(this.pointer, used));
    return new SealGroup(this.core, groupExports(this.core).face_made());
  }

  // Joins; the signatures of all members are checked together (SealCore.later) before the group is given out.
  async join(welcome: Uint8Array, psks: Psk[]): Promise<SealGroup> {
    return this.core.later(
      () => {
        const used = this.core.put(vector(welcome), ...psks.flatMap((p) => [vector(p.id), vector(p.psk)]));
        const n = groupExports(this.core).face_group_join(this.pointer, used);
        this.core.takeSecret(n, used);
        return new SealGroup(this.core, groupExports(this.core).face_made());
      },
      (group) => group.free(),
    );
  }

  free(): void {
    if (this.pointer !== 0) groupExports(this.core).face_invitee_free(this.pointer);
    this.pointer = 0;
  }
}

export class SealGroup {
  private readonly wasm: GroupExports;

  constructor(private readonly core: SealCore, private pointer: number) {
    this.wasm = groupExports(core);
  }

  private get handle(): number {
    if (this.pointer === 0) throw new SealFailure("closed");
    return this.pointer;
  }

  // Staged until its echo is opened and applied, or discarded.
  commit(key: SignatureKey, proposals: Proposal[], authenticatedData = EMPTY): { commit: Uint8Array; welcome: Uint8Array } {
    const parts = proposals.flatMap((p) =>
      p.kind === "add" ? [number("u8", 1), vector(p.keyPackage)]
      : p.kind === "remove" ? [number("u8", 3), number("u32", p.leaf)]
      : [number("u8", 4), vector(p.id)]);
    const used = this.core.put(key.secret, vector(authenticatedData), ...parts);
    const r = new Reader(this.core.takeSecret(this.wasm.face_group_commit(this.handle, used), used));
    return { commit: r.vector(), welcome: r.vector() };
  }

  discard(): void {
    this.wasm.face_group_discard(this.handle);
  }

  staged(): boolean {
    return this.wasm.face_group_staged(this.handle) !== 0;
  }

  say(key: SignatureKey, plain: Uint8Array, authenticatedData = EMPTY): Uint8Array {
    const used = this.core.put(key.secret, vector(authenticatedData), plain);
    return this.core.takeSecret(this.wasm.face_group_say(this.handle, used), used);
  }

  // Opens one message; until the next open, apply() makes a commit or proposal count and refuse() drops it.
  open(message: Uint8Array): Incoming {
    const used = this.core.put(message);
    const r = new Reader(this.core.takeSecret(this.wasm.face_group_open(this.handle, used), used));
    return {
      kind: KINDS[r.u8()] ?? "application",
      own: r.u8() !== 0,
      removed: r.u8() !== 0,
      path: r.u8() !== 0,
      epoch: r.u64(),
      sender: r.u32(),
      authenticatedData: r.vector(),
      data: r.vector(),
      added: r.numbers(),
      gone: r.numbers(),
      updated: r.numbers(),
    };
  }

  apply(): void {
    this.core.take(this.wasm.face_group_apply(this.handle));
  }

  refuse(): void {
    this.wasm.face_group_refuse();
  }

  private leafOf(n: number): Leaf {
    const r = new Reader(this.core.take(n));
    return { identity: r.vector(), signatureKey: r.vector(), notBefore: r.u64(), notAfter: r.u64() };
  }

  leaf(leaf: number): Leaf {
    return this.leafOf(this.wasm.face_group_leaf(this.handle, leaf));
  }

  // A leaf as it will be after the open commit.
  incomingLeaf(leaf: number): Leaf {
    return this.leafOf(this.wasm.face_incoming_leaf(leaf));
  }

  putPsk(psk: Psk): void {
    const used = this.core.put(vector(psk.id), vector(psk.psk));
    this.core.takeSecret(this.wasm.face_group_psk_put(this.handle, used), used);
  }

  dropPsk(id: Uint8Array): void {
    this.core.take(this.wasm.face_group_psk_drop(this.handle, this.core.put(vector(id))));
  }

  joinedWithPsk(id: Uint8Array): boolean {
    return this.wasm.face_group_joined_with_psk(this.handle, this.core.put(vector(id))) === 1;
  }

  info(): GroupInfo {
    const r = new Reader(this.core.take(this.wasm.face_group_info(this.handle)));
    return {
      epoch: r.u64(),
      ownLeaf: r.u32(),
      members: r.u32(),
      slots: r.u32(),
      welcomedBy: r.u32(),
      suite: r.u16(),
      closed: r.u8() !== 0,
      groupId: r.vector(),
      extensions: r.vector(),
      authenticator: r.vector(),
      confirmedHash: r.vector(),
    };
  }

  export(label: string, context: Uint8Array, length: number): Uint8Array {
    const used = this.core.put(vector(new TextEncoder().encode(label)), vector(context));
    return this.core.takeSecret(this.wasm.face_group_export(this.handle, used, length), used);
  }

  private rules(room: RoomRules, ask: (used: number) => number): string {
    const n = ask(this.core.put(room.policyHash, vector(room.policy), vector(room.pskId)));
    return n === 0 ? "" : new TextDecoder().decode(this.core.take(this.wasm.face_rules_broken()));
  }
  // The rule that a group just joined or made breaks, or "".
  brokenAtJoin(room: RoomRules): string {
    return this.rules(room, (used) => this.wasm.face_rules_join(this.handle, used));
  }
  // The rule that the open commit breaks, or "".
  brokenByCommit(room: RoomRules): string {
    return this.rules(room, (used) => this.wasm.face_rules_commit(this.handle, used));
  }
  moderates(room: RoomRules, leaf: number): boolean {
    const used = this.core.put(room.policyHash, vector(room.policy), vector(room.pskId));
    return this.wasm.face_rules_moderator(this.handle, leaf, used) === 1;
  }

  forget(keep: number): void {
    this.wasm.face_group_forget(this.handle, keep);
  }

  free(): void {
    if (this.pointer !== 0) this.wasm.face_group_free(this.pointer);
    this.pointer = 0;
  }
}
