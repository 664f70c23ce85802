// SPDX-License-Identifier: Apache-2.0
/** A guest's identity in one room (ROOMS.md sections A and 3): a signature key of its own for each room, kept so that a reload is
 * the same person and a moderator stays one; and the lock that lets one tab of a browser be that person at a time. */
import { base64urlBytes, joined, number, utf8, vector } from './bytes.ts';
import { keepSealed, keptSealed } from './kept.ts';

export interface SignatureKey {
  /** 32 bytes */
  readonly secret: Uint8Array;
  readonly open: Uint8Array;
}
const SECRET = 32;
const LOCK_MS = 3000; // a page that reloads lets go of its own
const nameOf = (suite: number): string => `identity ${suite}`;

/** The key kept for this room and suite; returning: it was here before. */
export async function ownIdentity(room: string, suite: number, fresh: () => SignatureKey): Promise<{ key: SignatureKey; returning: boolean }> {
  const kept = await keptSealed(room, nameOf(suite));
  if (kept && kept.length > SECRET) return { key: { secret: kept.slice(0, SECRET), open: kept.slice(SECRET) }, returning: true };
  const key = fresh();
  await keepIdentity(room, suite, key);
  return { key, returning: false };
}
async function keepIdentity(room: string, suite: number, key: SignatureKey): Promise<void> {
  const both = joined(key.secret, key.open);
  await keepSealed(room, nameOf(suite), both);
  both.fill(0);
}

const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

/** The identity of who makes a room of suite 2, kept for it before anybody joins; answers how a policy names it as moderator:
 * SHA-256 of {uint8 kind; issuer<V>; id<V>}. */
export async function makerIdentity(room: string): Promise<Uint8Array> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const open = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const { d } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const secret = base64urlBytes(d ?? '');
  await keepIdentity(room, 2, { secret, open });
  secret.fill(0);
  const id = (await sha256(joined(utf8('incamera 1.0 guest'), open))).slice(0, 16);
  return sha256(joined(number(1, 1), vector(), vector(id)));
}

/** Holds this room's identity for the life of the worker; false when another tab has it. */
export function holdIdentity(room: string): Promise<boolean> {
  const { locks } = globalThis.navigator ?? {};
  if (!locks) return Promise.resolve(true); // an old browser, or Node: whoever opens two tabs is replaced by the server's rules
  return new Promise((resolve) => {
    locks.request(`incamera identity ${room}`, { signal: AbortSignal.timeout(LOCK_MS) }, () => {
      resolve(true);
      return new Promise(() => undefined); // until the worker ends
    }).catch(() => resolve(false));
  });
}
