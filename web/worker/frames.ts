// SPDX-License-Identifier: Apache-2.0
/** Frames between the browser's packetisers and the sealing core: seals what is sent, opens what comes. No key, no codec we can
 * wrap, not authentic: nothing passes; there is no state that passes clear. A frame of an epoch that we do not hold yet waits
 * (ROOMS.md section 7: 2 s or 64 frames). Somebody whose frames open no more for 10 s is in another half of a split group. */
import type { Counts } from './messages.ts';
import type { Codec, SealFrames } from './seal_core.ts';
import { SealFailure } from './seal_core.ts';

const HOLD_MS = 2000;
const HOLD_FRAMES = 64;
const SPLIT_MS = 10000;
const QUIET_MS = 2000; // without frames there is no doubt about whose they are
const CODEC: Readonly<Record<string, Codec>> = {
  'audio/opus': 'opus', 'video/vp8': 'vp8', 'video/vp9': 'vp9', 'video/av1': 'av1', 'video/h264': 'h264',
};

export interface Frame {
  data: ArrayBuffer;
  getMetadata(): { mimeType?: string };
}
export interface From {
  readonly leaf: number;
  readonly context: number;
}
export interface FramesHost {
  nowMs(): number;
  nowUs(): bigint;
  /** something authentic of this leaf came */
  heard(leaf: number): void;
}
interface Section {
  out: TransformStreamDefaultController<Frame>;
  readonly from: (from: From) => void;
  readonly wantKey: () => void;
  last: number;
  missed: boolean;
  held: { readonly frame: Frame; readonly at: number }[];
  /** nothing of this section has opened since, and when the last that did not came */
  badSince: number | undefined;
  badAt: number;
}

export class Frames {
  readonly counts: Counts = { sealed: 0, opened: 0, held: 0, dropped: {} };
  #keys: SealFrames | undefined;
  readonly #sections = new Set<Section>();

  constructor(private readonly host: FramesHost) {}

  /** The keys from now on; those before are freed. undefined: nothing passes any more. */
  use(keys: SealFrames | undefined): void {
    this.#keys?.leave();
    this.#keys?.free();
    this.#keys = keys;
    for (const s of this.#sections) s.badSince = undefined;
  }
  get keys(): SealFrames | undefined {
    return this.#keys;
  }
  /** An epoch was entered: what waited for it is opened, in its order. */
  entered(): void {
    for (const s of this.#sections) {
      const waiting = s.held;
      s.held = [];
      for (const { frame } of waiting) this.#receive(s, frame);
    }
  }
  tick(): void {
    this.#keys?.tick(this.host.nowUs());
    const now = this.host.nowMs();
    for (const s of this.#sections) {
      while (s.held[0] && now - s.held[0].at > HOLD_MS) {
        s.held.shift();
        this.#drop(s, 'unknown');
      }
    }
  }
  /** Whether somebody's frames come and do not open any more, as of the other half of a split group. */
  get split(): boolean {
    const now = this.host.nowMs();
    for (const s of this.#sections) {
      if (now - s.badAt > QUIET_MS) s.badSince = undefined;
      else if (s.badSince !== undefined && now - s.badSince >= SPLIT_MS) return true;
    }
    return false;
  }

  /** A transform of what is sent as this context. */
  sender(context: number): Transformer<Frame, Frame> {
    return { transform: (frame, out) => { if (this.#seal(context, frame)) out.enqueue(frame); } };
  }
  /** A transform of what one section receives; from: whose it is now; wantKey: the picture cannot go on without a key frame. */
  receiver(from: (from: From) => void, wantKey: () => void): Transformer<Frame, Frame> {
    let section: Section | undefined;
    return {
      start: (out) => {
        section = { out, from, wantKey, last: -1, missed: false, held: [], badSince: undefined, badAt: 0 };
        this.#sections.add(section);
      },
      transform: (frame, out) => {
        if (!section) return;
        section.out = out;
        this.#receive(section, frame);
      },
      flush: () => { if (section) this.#sections.delete(section); },
    };
  }

  #seal(context: number, frame: Frame): boolean {
    const codec = codecOf(frame);
    if (!this.#keys || !codec || frame.data.byteLength === 0) {
      this.counts.held++;
      return false;
    }
    try {
      frame.data = this.#keys.seal(this.host.nowUs(), context, codec, new Uint8Array(frame.data)).buffer as ArrayBuffer;
    } catch {
      this.counts.held++;
      return false;
    }
    this.counts.sealed++;
    return true;
  }

  #receive(s: Section, frame: Frame): void {
    if (frame.data.byteLength === 0) return;
    const codec = codecOf(frame);
    if (!codec) return this.#drop(s, 'codec');
    const now = this.host.nowMs();
    let opened;
    try {
      opened = this.#keys?.open(this.host.nowUs(), codec, new Uint8Array(frame.data));
    } catch (why) {
      const reason = why instanceof SealFailure ? why.reason : 'other';
      s.badAt = now;
      s.badSince ??= now;
      if (reason !== 'unknown' || s.held.length === HOLD_FRAMES) return this.#drop(s, reason);
      s.held.push({ frame, at: now });
      return;
    }
    if (!opened) return this.#drop(s, 'no key');
    frame.data = opened.frame.buffer as ArrayBuffer;
    this.counts.opened++;
    this.host.heard(opened.leaf);
    s.badSince = undefined;
    const who = opened.leaf * 65536 + opened.context;
    if (who !== s.last && s.last !== -1 && !startsPicture(codec, opened.frame)) {
      // Somebody else's, and nothing to begin with: the last picture of the one before would stand under the new name.
      s.wantKey();
      s.missed = true;
      return;
    }
    if (who !== s.last) s.from(opened);
    s.last = who;
    if (s.missed) s.wantKey();
    s.missed = false;
    s.out.enqueue(frame);
  }
  #drop(s: Section, why: string): void {
    this.counts.dropped[why] = (this.counts.dropped[why] ?? 0) + 1;
    s.missed = true;
  }
}

/** Whether a decoder can begin with this clear frame; sound always can. RFC 6386 section 9.1; VP9 bitstream section 6.2; AV1 section 5.5
 * (a sequence header); H.264 section 7.4.1 (an IDR slice or parameters). */
export function startsPicture(codec: Codec, b: Uint8Array): boolean {
  const first = b[0];
  if (first === undefined) return codec === 'opus';
  switch (codec) {
    case 'opus': return true;
    case 'vp8': return (first & 1) === 0;
    case 'vp9': return (first & 0x30) === 0x30 ? (first & 0x06) === 0 : (first & 0x0c) === 0;
    case 'av1':
      for (let at = 0; at < b.length;) {
        const head = b[at] ?? 0, type = (head >> 3) & 15;
        if (type === 1) return true;
        if (type !== 2 || (head & 2) === 0) return false; // after a temporal delimiter it comes first
        at += 2 + ((head >> 2) & 1);
      }
      return false;
    case 'h264':
      for (let i = 0; i + 3 < Math.min(b.length, 512); i++) {
        if (b[i] !== 0 || b[i + 1] !== 0 || b[i + 2] !== 1) continue;
        const type = (b[i + 3] ?? 0) & 31;
        if (type === 5 || type === 7) return true;
        if (type === 1) return false;
      }
      return false;
  }
}
const codecOf = (frame: Frame): Codec | undefined => CODEC[(frame.getMetadata().mimeType ?? '').toLowerCase()];
