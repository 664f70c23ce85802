// SPDX-License-Identifier: Apache-2.0
// TLS presentation language with the vectors of RFC 9420 section 2.1: a reader that throws FormatError on anything that
// does not fit exactly, and a writer.
export class FormatError extends Error {}

export class ByteReader {
  #at = 0;
  readonly #view: DataView;
  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  get left(): number {
    return this.bytes.length - this.#at;
  }
  #take(n: number): number {
    if (n > this.left) throw new FormatError('short');
    this.#at += n;
    return this.#at - n;
  }
  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }
  raw(n: number): Uint8Array<ArrayBuffer> {
    const at = this.#take(n);
    return this.bytes.slice(at, at + n) as Uint8Array<ArrayBuffer>;
  }
  vector(): Uint8Array<ArrayBuffer> {
    const first = this.u8();
    const kind = first >> 6;
    let n = first & 63;
    if (kind === 3) throw new FormatError('length');
    for (let i = kind === 1 ? 1 : kind === 2 ? 3 : 0; i > 0; i--) n = n * 256 + this.u8();
    if ((kind === 1 && n < 64) || (kind === 2 && n < 16384)) throw new FormatError('length not shortest');
    return this.raw(n);
  }
  numbers(): number[] {
    const list = new ByteReader(this.vector());
    const all: number[] = [];
    while (list.left > 0) all.push(list.u32());
    return all;
  }
  end(): void {
    if (this.left !== 0) throw new FormatError('more than expected');
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
export function number(size: 1 | 2 | 4 | 8, value: number | bigint): Uint8Array<ArrayBuffer> {
  const b = new Uint8Array(size);
  let v = BigInt(value);
  for (let i = size - 1; i >= 0; i--, v >>= 8n) b[i] = Number(v & 255n);
  return b;
}
export function vector(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = joined(...parts);
  const n = bytes.length;
  const head = n < 64 ? number(1, n) : n < 16384 ? number(2, 0x4000 | n) : number(4, 0x80000000 + n);
  return joined(head, bytes);
}
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}
const encoder = new TextEncoder();
export const utf8 = (s: string): Uint8Array<ArrayBuffer> => encoder.encode(s) as Uint8Array<ArrayBuffer>;
export function base64url(bytes: Uint8Array): string {
  let s = '';
  for (const b of bytes) s += String.fromCharCode(b);
  return btoa(s).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
/** Throws on what is not base64url. */
export function base64urlBytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
}
