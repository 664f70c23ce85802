// SPDX-License-Identifier: Apache-2.0
// Frames in the worker of a sealed room (web/worker/frames.ts with the sealing core): what waits for its epoch, what falls, when a
// group counts as split. Needs build/page-core/seal.wasm; without it the tests are skipped.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Frame, From } from '../../../web/worker/frames.ts';
import { Frames, startsPicture } from '../../../web/worker/frames.ts';
import { SealCore } from '../../../web/worker/seal_core.ts';

declare const ROOT: string;
const wasm = join(ROOT, 'build/page-core/seal.wasm');
const skip = existsSync(wasm) ? false : 'no seal.wasm';
const key = (n: number): Uint8Array => new Uint8Array(16).fill(n);

let now = 5_000_000;
interface Side {
  readonly frames: Frames;
  enter(epoch: number, leaf: number): void;
}
async function side(): Promise<Side> {
  const core = await SealCore.load(readFileSync(wasm));
  const frames = new Frames({ nowMs: () => now, nowUs: () => BigInt(now) * 1000n, heard: () => undefined });
  return {
    frames,
    enter(epoch, leaf) {
      if (!frames.keys) frames.use(core.frames());
      frames.keys?.enter(BigInt(now) * 1000n, BigInt(epoch), leaf, false, [key(epoch)]);
      frames.keys?.switch();
      frames.entered();
    },
  };
}
const frame = (bytes: Uint8Array, mimeType = 'audio/opus'): Frame => ({ data: bytes.slice().buffer as ArrayBuffer, getMetadata: () => ({ mimeType }) });
/** A transform as the browser runs it: what it passes on. */
function runner(t: Transformer<Frame, Frame>): (f: Frame) => Uint8Array[] {
  const passed: Uint8Array[] = [];
  const out = { enqueue: (f: Frame) => passed.push(new Uint8Array(f.data)) } as unknown as TransformStreamDefaultController<Frame>;
  void t.start?.(out);
  return (f) => {
    passed.length = 0;
    void t.transform?.(f, out);
    return passed;
  };
}
async function pair(): Promise<{ ana: Side; ben: Side; seal: (n: number) => Uint8Array; open: (b: Uint8Array, mime?: string) => Uint8Array[]; from: From[]; wanted: () => number; late: Uint8Array[] }> {
  const [ana, ben] = [await side(), await side()];
  const send = runner(ana.frames.sender(0));
  const from: From[] = [];
  let keys = 0;
  const receiver = ben.frames.receiver((f) => from.push({ leaf: f.leaf, context: f.context }), () => keys++);
  const late: Uint8Array[] = [];
  const out = { enqueue: (f: Frame) => late.push(new Uint8Array(f.data)) } as unknown as TransformStreamDefaultController<Frame>;
  void receiver.start?.(out);
  return {
    ana, ben, from, late, wanted: () => keys,
    seal: (n) => send(frame(new Uint8Array(20).fill(n)))[0] ?? new Uint8Array(0),
    open: (b, mime) => {
      late.length = 0;
      void receiver.transform?.(frame(b, mime), out);
      return [...late];
    },
  };
}

test('without a key nothing is sent and nothing is shown', { skip }, async () => {
  const { ana, ben, seal, open } = await pair();
  assert.equal(seal(1).length, 0);
  assert.equal(ana.frames.counts.held, 1);
  assert.deepEqual(open(new Uint8Array(40)), []);
  assert.deepEqual(ben.frames.counts.dropped, { 'no key': 1 });
});
test('frames of an epoch that is on its way wait for it, in order, 64 of them and 2 s', { skip }, async () => {
  const { ana, ben, seal, open, from, late } = await pair();
  ana.enter(1, 0);
  ben.enter(1, 1);
  assert.equal(open(seal(7)).length, 1);
  assert.deepEqual(from, [{ leaf: 0, context: 0 }]);
  ana.enter(2, 0);
  const early = Array.from({ length: 70 }, (_, i) => seal(i));
  for (const b of early) assert.deepEqual(open(b), []);
  assert.deepEqual(ben.frames.counts.dropped, { unknown: 6 });
  late.length = 0;
  ben.enter(2, 1);
  assert.deepEqual(late.map((b) => b[0]), Array.from({ length: 64 }, (_, i) => i));
  ana.enter(3, 0);
  assert.deepEqual(open(seal(9)), []);
  now += 2001;
  ben.frames.tick();
  ben.enter(3, 1);
  assert.equal(ben.frames.counts.opened, 65);
  assert.equal(ben.frames.counts.dropped['unknown'], 7);
});
test('what is clear, bent, foreign, empty, repeated or of another codec never comes out', { skip }, async () => {
  const { ana, ben, seal, open, wanted } = await pair();
  ana.enter(1, 0);
  ben.enter(1, 1);
  const good = seal(3);
  assert.equal(open(good).length, 1);
  const bent = seal(4);
  for (let i = 0; i < bent.length; i++) {
    const b = bent.slice();
    b[i] = (b[i] ?? 0) ^ 0x10;
    assert.deepEqual(open(b), [], `byte ${i}`);
  }
  const other = await pair();
  other.ana.frames.use(undefined);
  other.ana.enter(9, 5);
  for (const b of [new Uint8Array(0), new Uint8Array(20).fill(3), good, bent.slice(0, 12), other.seal(1)]) assert.deepEqual(open(b), []);
  assert.deepEqual(open(seal(5), 'audio/red'), []);
  assert.equal(wanted(), 0);
  assert.equal(open(bent).length, 1);
  assert.equal(wanted(), 1, 'a picture goes on from a key frame after a gap');
});
test('a group counts as split when somebody\'s frames open no more for 10 s, and no longer when they do', { skip }, async () => {
  const { ana, ben, seal, open } = await pair();
  ana.enter(1, 0);
  ben.enter(1, 1);
  ana.enter(2, 0);
  const wait = (seconds: number, frames: boolean): void => {
    for (const end = now + seconds * 1000; now < end; now += 100) {
      if (frames) open(seal(1));
      ben.frames.tick();
    }
  };
  wait(9, true);
  assert.equal(ben.frames.split, false);
  wait(4, true);
  assert.equal(ben.frames.split, true);
  wait(3, false);
  assert.equal(ben.frames.split, false, 'nobody sends');
  wait(13, true);
  assert.equal(ben.frames.split, true);
  ben.enter(2, 1);
  open(seal(1));
  assert.equal(ben.frames.split, false);
});
test('a picture begins where a decoder can begin', () => {
  const b = (...x: number[]): Uint8Array => Uint8Array.from(x);
  for (const [codec, key, delta] of [
    ['vp8', b(0x10, 2, 0, 0x9d, 1, 0x2a), b(0x11, 2, 0)], ['vp9', b(0x82, 0x49, 0x83), b(0x86, 0, 0)], ['av1', b(0x12, 0, 0x0a, 10, 0), b(0x12, 0, 0x32, 9)],
    ['h264', b(0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65), b(0, 0, 0, 1, 0x41, 0x9a)],
  ] as const) {
    assert(startsPicture(codec, key), codec);
    assert(!startsPicture(codec, delta) && !startsPicture(codec, b()), codec);
  }
  assert(startsPicture('opus', b(1)));
});
