// SPDX-License-Identifier: Apache-2.0
// The sealing core in TypeScript's clothes: loads seal.wasm and gives its flat face (src/seal/face.h) types. Bytes are
// copied in and out; areas that held secrets are wiped after the call. One instance a worker.
import { checkNoted, nobleCrypto, type CoreMemory } from "./crypto_noble.ts";

// enum err of src/base/err.h, in its order
export const ERRORS = [
  "ok", "short", "format", "range", "limit", "full", "nomem", "auth", "replay", "state", "unknown", "exists", "denied",
  "expired", "unsupported", "ignored", "again", "closed", "io", "crypto",
] as const;
export type SealError = (typeof ERRORS)[number];

export class SealFailure extends Error {
  constructor(readonly reason: SealError) {
    super(`the sealing core answered: ${reason}`);
  }
}

// enum wrap_codec
export const CODECS = { opus: 0, vp8: 1, vp9: 2, av1: 3, h264: 4 } as const;
export type Codec = keyof typeof CODECS;

export const KEM = { p256: 0x0010, x25519: 0x0020 } as const;
export type Kem = keyof typeof KEM;

const MODES = ["", "direct", "sealed", "witnessed", "governed"] as const;
const JOIN_RULES = ["", "link", "lobby", "org", "list"] as const;

export interface Policy {
  mode: (typeof MODES)[number];
  joinRule: (typeof JOIN_RULES)[number];
  flags: number;
  allowed: boolean;
  expired: boolean;
  notAfter: number;
  chatRetentionDays: number;
  roomId: Uint8Array;
  ownerKey: Uint8Array;
  /** the MLS suite of the room's groups: the first that the policy names */
  suite: number;
  archive?: {
    name: string;
    scope: number;
    retentionDays: number;
    scheme: number;
    key: Uint8Array;
    jurisdiction: string;
    notice: string;
  };
}

export interface Invitation {
  roomId: Uint8Array;
  policyHash: Uint8Array;
  joinSecret: Uint8Array;
  generation: number;
}

export interface OpenedFrame {
  frame: Uint8Array;
  epoch: bigint;
  kid: bigint;
  counter: bigint;
  context: number;
  leaf: number;
}

interface Exports extends CoreMemory {
  _initialize(): void;
  seal_start(): void;
  face_version(): number;
  face_in(): number;
  face_out(): number;
  face_wipe(n: number): void;
  face_random(n: number): number;
  face_sha256(n: number): number;
  face_hpke_seal(kem: number, infoN: number, aadN: number, ikmN: number, ptN: number): number;
  face_hpke_open(kem: number, infoN: number, aadN: number, sealedN: number): number;
  face_hpke_key_pair(kem: number, ikmN: number): number;
  face_sframe_new(kids: number): number;
  face_sframe_free(room: number): void;
  face_sframe_enter(
    room: number, now: bigint, epoch: bigint, leaf: number, removed: number, perKind: number,
  ): number;
  face_sframe_switch(room: number): void;
  face_sframe_tick(room: number, now: bigint): void;
  face_sframe_wake(room: number): bigint;
  face_sframe_leave(room: number): void;
  face_frame_seal(room: number, now: bigint, context: number, codec: number, n: number): number;
  face_frame_open(room: number, now: bigint, codec: number, n: number): number;
  face_from(): number;
  face_policy_open(policyN: number, nowMs: bigint): number;
  face_invite_open(n: number): number;
  face_invite_write(originN: number): number;
  face_invite_door(): number;
}

const VERSION = 2;
const IN_BYTES = 1 << 20;
const EMPTY = new Uint8Array(0);
const text = new TextDecoder();
const bytesOf = new TextEncoder();

export class SealCore {
  private readonly inAt: number;
  private readonly outAt: number;

  private constructor(
    readonly wasm: Exports,
    private readonly memory: CoreMemory,
  ) {
    this.inAt = wasm.face_in();
    this.outAt = wasm.face_out();
  }

  static async load(source: BufferSource | WebAssembly.Module): Promise<SealCore> {
    const core: CoreMemory = { memory: undefined as unknown as WebAssembly.Memory };
    const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(source);
    const instance = await WebAssembly.instantiate(module, { crypto: nobleCrypto(core) });
    const wasm = instance.exports as unknown as Exports;
    core.memory = wasm.memory;
    wasm._initialize();
    wasm.seal_start();
    if (wasm.face_version() !== VERSION) throw new Error("seal.wasm is of another version");
    return new SealCore(wasm, core);
  }

  // Runs something that makes a value without using it yet (joining a group), noting P-256 signatures instead of
  // checking them one by one; then WebCrypto checks them all. When one is bad the value is given to `discard` and the
  // failure is "auth". Nothing may read the value before: `run` is synchronous and only this function holds it.
  async later<T>(run: () => T, discard: (value: T) => void): Promise<T> {
    const noted = (this.memory.noted = []);
    let value: T;
    try {
      value = run();
    } finally {
      this.memory.noted = undefined;
    }
    if (await checkNoted(noted)) return value;
    discard(value);
    throw new SealFailure("auth");
  }

  // Writes the inputs one after another; returns how many bytes they are.
  put(...parts: Uint8Array[]): number {
    const total = parts.reduce((n, p) => n + p.length, 0);
    if (total > IN_BYTES) throw new SealFailure("limit");
    let at = this.inAt;
    const memory = new Uint8Array(this.wasm.memory.buffer);
    for (const part of parts) {
      memory.set(part, at);
      at += part.length;
    }
    return total;
  }

  // A copy of n bytes of output, or the failure that a negative n stands for.
  take(n: number): Uint8Array {
    if (n < 0) throw new SealFailure(ERRORS[-n] ?? "crypto");
    return new Uint8Array(this.wasm.memory.buffer).slice(this.outAt, this.outAt + n);
  }

  // The same, and both areas wiped as far as they were used.
  takeSecret(n: number, used: number): Uint8Array {
    try {
      return this.take(n);
    } finally {
      this.wasm.face_wipe(Math.max(used, n, 0));
    }
  }

  random(n: number): Uint8Array {
    return this.takeSecret(this.wasm.face_random(n), n);
  }

  sha256(data: Uint8Array): Uint8Array {
    const used = this.put(data);
    return this.takeSecret(this.wasm.face_sha256(used), used);
  }

  hpkeKeyPair(kem: Kem, ikm: Uint8Array): { secret: Uint8Array; open: Uint8Array } {
    const used = this.put(ikm);
    const both = this.takeSecret(this.wasm.face_hpke_key_pair(KEM[kem], used), used);
    return { secret: both.slice(0, 32), open: both.slice(32) };
  }

  hpkeSeal(
    kem: Kem, key: Uint8Array, info: Uint8Array, aad: Uint8Array, plain: Uint8Array, ephemeral: Uint8Array = EMPTY,
  ): Uint8Array {
    const used = this.put(key, info, aad, ephemeral, plain);
    const n = this.wasm.face_hpke_seal(KEM[kem], info.length, aad.length, ephemeral.length, plain.length);
    return this.takeSecret(n, used);
  }

  hpkeOpen(kem: Kem, secret: Uint8Array, info: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
    const used = this.put(secret, info, aad, sealed);
    return this.takeSecret(this.wasm.face_hpke_open(KEM[kem], info.length, aad.length, sealed.length), used);
  }

  // Verified against its signature and the hash from the link, or a failure.
  policyOpen(policy: Uint8Array, hash: Uint8Array, nowMs: number): Policy {
    this.put(policy, hash);
    const out = this.take(this.wasm.face_policy_open(policy.length, BigInt(nowMs)));
    const words = new Uint32Array(out.buffer, out.byteOffset, out.length / 4);
    const word = (i: number): number => words[i] as number;
    const part = (i: number): Uint8Array => policy.slice(word(i), word(i) + word(i + 1));
    const result: Policy = {
      mode: MODES[word(0)] ?? "",
      joinRule: JOIN_RULES[word(1)] ?? "",
      flags: word(2),
      allowed: word(3) === 0,
      expired: word(4) !== 0,
      notAfter: word(5) + word(6) * 2 ** 32,
      chatRetentionDays: word(7),
      roomId: part(8),
      ownerKey: part(10),
      suite: word(24),
    };
    if (word(12) !== 0)
      result.archive = {
        scope: word(13),
        retentionDays: word(14),
        scheme: word(15),
        name: text.decode(part(16)),
        key: part(18),
        jurisdiction: text.decode(part(20)),
        notice: text.decode(part(22)),
      };
    return result;
  }

  invitationOpen(link: string): Invitation {
    const used = this.put(bytesOf.encode(link));
    const b = this.takeSecret(this.wasm.face_invite_open(used), used);
    return {
      roomId: b.slice(0, 32),
      policyHash: b.slice(32, 64),
      joinSecret: b.slice(64, 96),
      generation: new DataView(b.buffer).getUint32(96),
    };
  }

  invitationWrite(origin: string, i: Invitation): string {
    const generation = new Uint8Array(4);
    new DataView(generation.buffer).setUint32(0, i.generation);
    const name = bytesOf.encode(origin);
    const used = this.put(i.roomId, i.policyHash, i.joinSecret, generation, name);
    return text.decode(this.takeSecret(this.wasm.face_invite_write(name.length), used));
  }

  door(joinSecret: Uint8Array): Uint8Array {
    const used = this.put(joinSecret);
    return this.takeSecret(this.wasm.face_invite_door(), used);
  }

  frames(kids = 4096): SealFrames {
    const room = this.wasm.face_sframe_new(kids);
    if (room === 0) throw new SealFailure("nomem");
    return new SealFrames(this, room);
  }
}

// SFrame in a room: see src/seal/sframe_room.h. Times are monotonic microseconds.
export class SealFrames {
  constructor(private readonly core: SealCore, private room: number) {}

  enter(now: bigint, epoch: bigint, leaf: number, removed: boolean, keys: Uint8Array[]): void {
    const used = this.core.put(...keys);
    const perKind = keys.length === 4 ? 1 : 0;
    const n = this.core.wasm.face_sframe_enter(this.room, now, epoch, leaf, removed ? 1 : 0, perKind);
    this.core.wasm.face_wipe(used);
    this.core.take(n);
  }

  switch(): void {
    this.core.wasm.face_sframe_switch(this.room);
  }

  tick(now: bigint): void {
    this.core.wasm.face_sframe_tick(this.room, now);
  }

  // undefined when no tick is needed
  wake(): bigint | undefined {
    const at = BigInt.asUintN(64, this.core.wasm.face_sframe_wake(this.room));
    return at === 2n ** 64n - 1n ? undefined : at;
  }

  leave(): void {
    this.core.wasm.face_sframe_leave(this.room);
  }

  seal(now: bigint, context: number, codec: Codec, frame: Uint8Array): Uint8Array {
    const n = this.core.put(frame);
    return this.core.take(this.core.wasm.face_frame_seal(this.room, now, context, CODECS[codec], n));
  }

  open(now: bigint, codec: Codec, frame: Uint8Array): OpenedFrame {
    const n = this.core.put(frame);
    const clear = this.core.take(this.core.wasm.face_frame_open(this.room, now, CODECS[codec], n));
    const from = new DataView(this.core.wasm.memory.buffer, this.core.wasm.face_from(), 32);
    return {
      frame: clear,
      epoch: from.getBigUint64(0, true),
      kid: from.getBigUint64(8, true),
      counter: from.getBigUint64(16, true),
      context: from.getUint32(24, true),
      leaf: from.getUint32(28, true),
    };
  }

  free(): void {
    if (this.room !== 0) this.core.wasm.face_sframe_free(this.room);
    this.room = 0;
  }
}
