// SPDX-License-Identifier: Apache-2.0
// The primitives that the sealing core (seal.wasm) imports, by the audited noble libraries: synchronous, on views of
// the core's memory. Keeps no key. Decides exactly as guest/openssl_crypto.c does: Ed25519 without the cofactor and
// without odd keys, ECDSA with high s allowed, points checked, an all-zero shared secret refused.
// Every function answers a length >= 0, or a negative number of the core's error list.
import { gcm, ctr } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";

const ERR_RANGE = -3;
const ERR_AUTH = -7;
const ERR_CRYPTO = -19;

const HASHES = [sha256, sha384, sha512, sha1] as const;
const X25519 = 0;
const ED25519 = 0;
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const AES_128_GCM = 0;
const AES_256_GCM = 1;

// A P-256 signature that is to be checked later, all of a kind at once (SealCore.later).
export interface Noted {
  key: Uint8Array<ArrayBuffer>;
  message: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

export interface CoreMemory {
  memory: WebAssembly.Memory;
  // While set, signatures under uncompressed P-256 keys are noted here and pass for now.
  noted?: Noted[] | undefined;
}

// What was noted, checked by WebCrypto: fifteen times as fast as noble, but not synchronous.
export async function checkNoted(noted: Noted[]): Promise<boolean> {
  const curve = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const one = async ({ key, message, signature }: Noted): Promise<boolean> => {
    try {
      const imported = await crypto.subtle.importKey("raw", key, curve, false, ["verify"]);
      return await crypto.subtle.verify(curve, imported, signature, message);
    } catch {
      return false; // a point off the curve
    }
  };
  return (await Promise.all(noted.map(one))).every((good) => good);
}

type Numbers = (...numbers: number[]) => number;

function littleEndian(bytes: Uint8Array): bigint {
  let v = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) v = (v << 8n) | BigInt(bytes[i] as number);
  return v;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

// Keys on which libraries disagree: y >= p, and x = 0.
function oddEd25519(key: Uint8Array): boolean {
  const y = littleEndian(key) & ((1n << 255n) - 1n);
  return y >= (1n << 255n) - 20n || y === 1n;
}

// S*B - k*A must encode to the very bytes of R (RFC 8032 section 5.1.7, the form without cofactor).
function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (oddEd25519(key)) return false;
  const s = littleEndian(signature.subarray(32));
  if (s >= ED25519_ORDER) return false;
  const r = signature.subarray(0, 32);
  const a = ed25519.Point.fromBytes(key);
  const hash = sha512.create().update(r).update(key).update(message).digest();
  const k = littleEndian(hash) % ED25519_ORDER;
  const point = ed25519.Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return same(point.toBytes(), r);
}

// The imports of module "crypto". `core` is filled in after instantiation, before the first call.
export function nobleCrypto(core: CoreMemory): Record<string, Numbers> {
  const at = (p: number, n: number): Uint8Array => new Uint8Array(core.memory.buffer, p, n);
  // Bytes that outlive a growth of the core's memory: only small ones are copied.
  const spans = (p: number, count: number): Uint8Array[] => {
    const words = new DataView(core.memory.buffer, p, 8 * count);
    const list: Uint8Array[] = [];
    for (let i = 0; i < count; i++) list.push(at(words.getUint32(8 * i, true), words.getUint32(8 * i + 4, true)));
    return list;
  };
  const cipher = (a: number, p: number) => {
    const [key, nonce, aad, text] = spans(p, 4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const make = a === AES_128_GCM || a === AES_256_GCM ? gcm : chacha20poly1305;
    return { box: make(key, nonce, aad), text };
  };
  const guarded =
    (failure: number, run: Numbers): Numbers =>
    (...numbers) => {
      try {
        return run(...numbers);
      } catch {
        return failure;
      }
    };
  return {
    hash: guarded(ERR_CRYPTO, (h, parts, count, out) => {
      const state = (HASHES[h as number] as typeof sha256).create();
      for (const part of spans(parts as number, count as number)) state.update(part);
      const digest = state.digest();
      at(out as number, digest.length).set(digest);
      return digest.length;
    }),
    hmac: guarded(ERR_CRYPTO, (h, key, keyN, parts, count, out) => {
      const state = hmac.create(HASHES[h as number] as typeof sha256, at(key as number, keyN as number));
      for (const part of spans(parts as number, count as number)) state.update(part);
      const digest = state.digest();
      at(out as number, digest.length).set(digest);
      return digest.length;
    }),
    aead_seal: guarded(ERR_CRYPTO, (a, parts, out) => {
      const { box, text } = cipher(a as number, parts as number);
      const sealed = box.encrypt(text);
      at(out as number, sealed.length).set(sealed);
      return sealed.length;
    }),
    aead_open: guarded(ERR_AUTH, (a, parts, out) => {
      const { box, text } = cipher(a as number, parts as number);
      const plain = box.decrypt(text);
      at(out as number, plain.length).set(plain);
      plain.fill(0);
      return plain.length;
    }),
    aes_ctr: guarded(ERR_CRYPTO, (parts, out) => {
      const [key, iv, text] = spans(parts as number, 3) as [Uint8Array, Uint8Array, Uint8Array];
      const result = ctr(key, iv).encrypt(text);
      at(out as number, result.length).set(result);
      return result.length;
    }),
    dh_public: guarded(ERR_RANGE, (d, priv, pub) => {
      const key = at(priv as number, 32);
      const point = d === X25519 ? x25519.getPublicKey(key) : p256.getPublicKey(key, false);
      at(pub as number, point.length).set(point);
      return point.length;
    }),
    dh: guarded(ERR_AUTH, (d, priv, pub, pubN, shared) => {
      const key = at(priv as number, 32);
      const peer = at(pub as number, pubN as number);
      if (d !== X25519 && peer[0] !== 4) return ERR_AUTH;
      if (d !== X25519 && !p256.utils.isValidSecretKey(key)) return ERR_RANGE;
      const secret =
        d === X25519 ? x25519.getSharedSecret(key, peer) : p256.getSharedSecret(key, peer, true).subarray(1);
      if (secret.every((v) => v === 0)) return ERR_AUTH;
      at(shared as number, 32).set(secret);
      secret.fill(0);
      return 32;
    }),
    sign_public: guarded(ERR_RANGE, (s, priv, pub) => {
      const key = at(priv as number, 32);
      const point = s === ED25519 ? ed25519.getPublicKey(key) : p256.getPublicKey(key, false);
      at(pub as number, point.length).set(point);
      return point.length;
    }),
    sign: guarded(ERR_CRYPTO, (s, priv, message, n, out) => {
      const key = at(priv as number, 32);
      const text = at(message as number, n as number);
      const signature = s === ED25519 ? ed25519.sign(text, key) : p256.sign(text, key, { lowS: false });
      at(out as number, 64).set(signature);
      return 64;
    }),
    verify: guarded(ERR_AUTH, (s, parts) => {
      const [key, message, signature] = spans(parts as number, 3) as [Uint8Array, Uint8Array, Uint8Array];
      if (core.noted && s !== ED25519 && key.length === 65 && key[0] === 4) {
        core.noted.push({ key: key.slice(), message: message.slice(), signature: signature.slice() });
        return 0;
      }
      const good =
        s === ED25519
          ? verifyEd25519(key, message, signature)
          : p256.verify(signature, message, key, { lowS: false });
      return good ? 0 : ERR_AUTH;
    }),
    random: guarded(ERR_CRYPTO, (dst, n) => {
      // getRandomValues gives at most 65,536 bytes at a time and refuses shared memory
      for (let done = 0; done < (n as number); done += 65536) {
        const part = new Uint8Array(Math.min(65536, (n as number) - done));
        crypto.getRandomValues(part);
        at((dst as number) + done, part.length).set(part);
        part.fill(0);
      }
      return n as number;
    }),
  };
}
