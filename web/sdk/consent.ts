// SPDX-License-Identifier: Apache-2.0
/** A member's answer to being recorded, as a receipt that can be checked years later (docs/recording.md): signed by a key of
 * this session, which nobody can take out of the browser. */

export interface ConsentFacts {
  readonly recording: string;
  readonly room: string;
  readonly member: number;
  /** the policy's bytes as they were fetched */
  readonly policy: Uint8Array;
  readonly agreed: boolean;
  /** ms since 1970 */
  readonly at: number;
  /** the sentence that was shown */
  readonly text: string;
}
export interface SignedConsent {
  readonly policy: string;
  readonly key: string;
  readonly signature: string;
}

const LABEL = 'incamera 1.0 consent';
const utf8 = new TextEncoder();
const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

function vector(bytes: Uint8Array, lengthBytes: 1 | 2): number[] {
  if (bytes.length >= 256 ** lengthBytes) throw new RangeError('too long to sign');
  return lengthBytes === 1 ? [bytes.length, ...bytes] : [bytes.length >> 8, bytes.length & 255, ...bytes];
}
function number(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * (bytes - 1 - i))) % 256);
}

/** The bytes that are signed. */
export function consentBytes(facts: ConsentFacts, policyDigest: Uint8Array): Uint8Array {
  const recording = facts.recording.match(/../g)?.map((pair) => parseInt(pair, 16)) ?? [];
  if (recording.length !== 16) throw new RangeError('a recording has 16 bytes');
  return Uint8Array.from([
    ...vector(utf8.encode(LABEL), 1), ...recording, ...vector(utf8.encode(facts.room), 1), ...number(facts.member, 4),
    ...policyDigest, facts.agreed ? 1 : 0, ...number(facts.at, 8), ...vector(utf8.encode(facts.text), 2),
  ]);
}

export class ConsentKey {
  #pair: Promise<CryptoKeyPair> | undefined;

  async sign(facts: ConsentFacts): Promise<SignedConsent> {
    this.#pair ??= crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const pair = await this.#pair;
    const policy = new Uint8Array(await crypto.subtle.digest('SHA-256', facts.policy as Uint8Array<ArrayBuffer>));
    const bytes = consentBytes(facts, policy) as Uint8Array<ArrayBuffer>;
    const [key, signature] = await Promise.all([
      crypto.subtle.exportKey('raw', pair.publicKey), crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, bytes)]);
    return { policy: hex(policy), key: base64url(new Uint8Array(key)), signature: base64url(new Uint8Array(signature)) };
  }
}
