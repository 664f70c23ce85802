// SPDX-License-Identifier: Apache-2.0
/** Files of sealed rooms (ROOMS.md section 10): sealed here in chunks of 64 KiB under a key of their own, kept by the server as noise
 * (docs/api.md, Files of sealed rooms), announced to the group with key and root. AES-256-GCM, nonce = 8-byte prefix || uint32 index, AAD =
 * 1 on the last chunk, else 0. Root: Merkle tree of SHA-256 over the sealed chunks, 0x00 before leaves and 0x01 before nodes. Lengths are
 * padded to sixteenths of a power of two. */
import { ByteReader, FormatError, joined, number, utf8, vector } from './bytes.ts';

export const FILE_MAX = 500 * 2 ** 20;
const CHUNK = 65536;
const TAG = 16;
const AT_ONCE = 3;
const TRIES = 6;
const STEP_MIN = 4096;
const NAME_MAX = 160;
const TELL_MS = 100;

/** What the group is told of a file. */
export interface FileNote {
  readonly name: string;
  readonly mime: string;
  readonly size: number;
  readonly key: Uint8Array;
  readonly prefix: Uint8Array;
  readonly root: Uint8Array;
  /** its name at the server */
  readonly blob: string;
}
export type FileState = 'moving' | 'paused' | 'checking' | 'done' | 'failed';
export type FileFault = 'gone' | 'full' | 'large' | 'denied' | 'network' | 'changed' | 'cancelled' | 'alone';
export interface FileProgress {
  readonly state: FileState;
  /** bytes of the file that are through */
  readonly done: number;
  readonly why?: FileFault;
}
export class FileFailed extends Error {
  constructor(readonly why: FileFault) {
    super(why);
  }
}
export interface FileHost {
  /** `fetch` with the room's address and token. */
  ask(method: string, path: string, body?: Uint8Array | string): Promise<Response>;
  wait(ms: number): Promise<void>;
  nowMs(): number;
}

/** A length as the server sees it: the next sixteenth of a power of two. */
export function paddedSize(size: number): number {
  const step = Math.max(STEP_MIN, 2 ** Math.floor(Math.log2(Math.max(size, 1))) / 16);
  return Math.max(step, Math.ceil(size / step) * step);
}
/** A name as it may be shown and saved: no paths, no control or direction marks, its real ending kept. */
export function cleanName(name: string): string {
  const shown = [...name.normalize('NFC').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').replace(/[\\/:*?"<>|]/gu, '_')].map((c) => (/\p{Cs}/u.test(c) ? '_' : c));
  const cut = shown.length <= NAME_MAX ? shown : [...shown.slice(0, NAME_MAX - 41), '…', ...shown.slice(-40)];
  const text = cut.join('').trim().replace(/^\.+/, '');
  return text || 'file';
}

export function writeNote(n: FileNote): Uint8Array {
  return joined(vector(utf8(n.name)), vector(utf8(n.mime)), number(8, n.size), n.key, n.prefix, n.root, vector(utf8(n.blob)));
}
export function readNote(body: Uint8Array): FileNote {
  const r = new ByteReader(body), text = new TextDecoder('utf-8', { fatal: true });
  const note = {
    name: cleanName(text.decode(r.vector())), mime: text.decode(r.vector()), size: Number(r.u64()), key: r.raw(32), prefix: r.raw(8), root: r.raw(32),
    blob: text.decode(r.vector()),
  };
  r.end();
  if (note.size > FILE_MAX || !/^[\w-]{22}$/.test(note.blob)) throw new FormatError('file');
  return note;
}

const sha256 = async (...parts: Uint8Array[]): Promise<Uint8Array> => new Uint8Array(await crypto.subtle.digest('SHA-256', joined(...parts)));
export async function merkleRoot(leaves: readonly Uint8Array[]): Promise<Uint8Array> {
  let level = [...leaves];
  while (level.length > 1) {
    const up: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const a = level[i] as Uint8Array, b = level[i + 1];
      up.push(b ? await sha256(Uint8Array.of(1), a, b) : a);
    }
    level = up;
  }
  return level[0] ?? sha256();
}

/** One file on its way, up or down. */
export class Transfer {
  state: FileState = 'moving';
  #done = 0;
  #told = 0;
  #cancelled = false;
  #paused: Promise<void> | undefined;
  #goOn: (() => void) | undefined;

  constructor(private readonly host: FileHost, readonly size: number, private readonly tell: (p: FileProgress) => void) {}

  pause(): void {
    if (this.state !== 'moving') return;
    this.#paused ??= new Promise((go) => (this.#goOn = go));
    this.#say('paused');
  }
  goOn(): void {
    if (this.state !== 'paused') return;
    this.#paused = undefined;
    this.#goOn?.();
    this.#say('moving');
  }
  cancel(): void {
    this.#cancelled = true;
    this.goOn();
  }
  #say(state: FileState, why?: FileFault): void {
    this.state = state;
    this.#told = this.host.nowMs();
    this.tell({ state, done: Math.min(this.#done, this.size), why });
  }
  #moved(bytes: number): void {
    this.#done += bytes;
    if (this.state === 'moving' && this.host.nowMs() - this.#told >= TELL_MS) this.#say('moving');
  }
  async #gate(): Promise<void> {
    await this.#paused;
    if (this.#cancelled) throw new FileFailed('cancelled');
  }
  /** One request, again after a lost network; what the server refuses is final. */
  async #ask(method: string, path: string, body?: Uint8Array | string): Promise<Response> {
    for (let n = 0; ; n++) {
      await this.#gate();
      const answer = await this.host.ask(method, path, body).catch(() => undefined);
      if (answer?.ok) return answer;
      const busy = answer === undefined || answer.status === 429 || answer.status === 503;
      if (!busy || n + 1 === TRIES) throw new FileFailed(faultOf(answer?.status));
      await this.host.wait(Math.min(250 * 2 ** n, 4000));
    }
  }
  /** Runs `one` for 0…n-1, a few at a time; the first that fails ends all. */
  async #each(n: number, one: (i: number) => Promise<void>): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < n; i = next++) {
        await this.#gate();
        await one(i);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, n) }, lane));
  }

  /** Seals and uploads; answers what the group has to know. Throws FileFailed. */
  async send(file: Blob & { readonly name: string }): Promise<FileNote> {
    const padded = paddedSize(file.size), n = Math.ceil(padded / CHUNK);
    if (file.size > FILE_MAX) throw this.#failed(new FileFailed('large'));
    let blob = '';
    try {
      this.#say('moving');
      const made: unknown = await (await this.#ask('POST', '', JSON.stringify({ chunks: n, bytes: padded + n * TAG }))).json();
      blob = String((made as Record<string, unknown>)['file']);
      const secret = crypto.getRandomValues(new Uint8Array(32)), prefix = crypto.getRandomValues(new Uint8Array(8));
      const key = await crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt']);
      const leaves: Uint8Array[] = [];
      await this.#each(n, async (i) => {
        const from = i * CHUNK, plain = new Uint8Array(Math.min(CHUNK, padded - from));
        if (from < file.size) plain.set(new Uint8Array(await file.slice(from, from + CHUNK).arrayBuffer()));
        const sealed = new Uint8Array(await crypto.subtle.encrypt(chunkParams(prefix, i, n), key, plain));
        leaves[i] = await sha256(Uint8Array.of(0), sealed);
        await this.#ask('POST', `/${blob}?chunk=${i}`, sealed);
        this.#moved(plain.length);
      });
      this.#say('checking');
      return { name: cleanName(file.name), mime: file.type, size: file.size, key: secret, prefix, root: await merkleRoot(leaves), blob };
    } catch (why) {
      if (blob) this.host.ask('DELETE', `/${blob}`).catch(() => undefined);
      throw this.#failed(why);
    }
  }
  sent(): void {
    this.#done = this.size;
    this.#say('done');
  }
  /** Downloads and opens; every byte is checked before any is given out. Throws FileFailed. */
  async fetch(note: FileNote): Promise<Blob> {
    const padded = paddedSize(note.size), n = Math.ceil(padded / CHUNK);
    try {
      this.#say('moving');
      const key = await crypto.subtle.importKey('raw', note.key as Uint8Array<ArrayBuffer>, 'AES-GCM', false, ['decrypt']);
      const parts: BlobPart[] = [], leaves: Uint8Array[] = [];
      await this.#each(n, async (i) => {
        const sealed = new Uint8Array(await (await this.#ask('GET', `/${note.blob}?chunk=${i}`)).arrayBuffer());
        leaves[i] = await sha256(Uint8Array.of(0), sealed);
        const plain = await crypto.subtle.decrypt(chunkParams(note.prefix, i, n), key, sealed).catch(() => {
          throw new FileFailed('changed');
        });
        if (plain.byteLength !== Math.min(CHUNK, padded - i * CHUNK)) throw new FileFailed('changed');
        parts[i] = new Blob([plain]); // a blob may rest on the disk; a large file is not held in memory
        this.#moved(plain.byteLength);
      });
      this.#say('checking');
      const root = await merkleRoot(leaves);
      if (!root.every((b, i) => b === note.root[i])) throw new FileFailed('changed');
      const whole = new Blob(parts).slice(0, note.size, 'application/octet-stream');
      this.#done = this.size;
      return whole;
    } catch (why) {
      throw this.#failed(why);
    }
  }
  #failed(why: unknown): FileFailed {
    const fault = why instanceof FileFailed ? why : new FileFailed('network');
    this.#cancelled = true; // the other lanes stop
    this.#say('failed', fault.why);
    return fault;
  }
}

function chunkParams(prefix: Uint8Array, i: number, n: number): AesGcmParams {
  return { name: 'AES-GCM', iv: joined(prefix, number(4, i)), additionalData: Uint8Array.of(i === n - 1 ? 1 : 0) };
}
function faultOf(status: number | undefined): FileFault {
  switch (status) {
    case 404: case 409: return 'gone';
    case 413: return 'large';
    case 401: case 403: return 'denied';
    case 507: return 'full';
    default: return 'network';
  }
}
