// SPDX-License-Identifier: Apache-2.0
// Makes a sealed room: its id, its signed policy under a fresh owner key (thrown away after), and the link. The same bytes
// as src/app/command_link.c makes. Reading and checking policies is the sealing core's (src/seal/policy.h).
import { base64url, joined, number, utf8, vector } from './bytes.ts';

const ROOM_DAYS = 90;
const P256 = 0x0403;
const LABEL = 'incamera 1.0 RoomPolicy';

export interface MadeRoom {
  readonly roomId: string;
  /** base64url of the SignedRoomPolicy: all that the server gets */
  readonly policy: string;
  /** what stands behind the # of the link; it never leaves this device but by the people's own hands */
  readonly fragment: string;
}

/** r || s as strict DER (RFC 9420 section 5.1.2). */
export function derSignature(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const integer = (part: Uint8Array): Uint8Array<ArrayBuffer> => {
    let at = 0;
    while (at < part.length - 1 && part[at] === 0) at++;
    const cut = part.slice(at);
    const body = (cut[0] ?? 0) >= 0x80 ? joined(Uint8Array.of(0), cut) : joined(cut);
    return joined(Uint8Array.of(2, body.length), body);
  };
  const both = joined(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
  return joined(Uint8Array.of(0x30, both.length), both);
}

/** A room's policy, signed: sealed, by link, for guests; moderators as identity.ts names them. And its hash. */
export async function signedPolicy(roomId: Uint8Array, nowMs: number, moderators: readonly Uint8Array[]): Promise<{ policy: Uint8Array; hash: Uint8Array }> {
  const owner = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  const ownerKey = new Uint8Array(await crypto.subtle.exportKey('raw', owner.publicKey));
  const content = joined(
    number(2, 1), vector(roomId), number(8, 1), number(8, Math.floor(nowMs / 1000) + ROOM_DAYS * 86400),
    number(1, 2), number(1, 1), // sealed, by link
    vector(number(1, 1), vector(), vector()), vector(...moderators.map((m) => vector(m))), // guests
    number(1, 0), number(4, 0), vector(number(2, 2)), // no archive, no chat kept, suite P-256
    number(2, 4), number(1, 6), number(1, 10), number(1, 1), // SFrame suite and layout; the join secret is required
    number(2, P256), vector(ownerKey),
  );
  const signed = joined(vector(utf8(LABEL)), vector(content));
  const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, owner.privateKey, signed));
  return { policy: joined(content, vector(derSignature(raw))), hash: new Uint8Array(await crypto.subtle.digest('SHA-256', content)) };
}

/** moderator: given the room's id, how its policy names who makes it (identity.ts). */
export async function makeSealedRoom(nowMs: number, moderator?: (room: string) => Promise<Uint8Array>): Promise<MadeRoom> {
  const roomId = crypto.getRandomValues(new Uint8Array(32));
  const joinSecret = crypto.getRandomValues(new Uint8Array(32));
  const room = base64url(roomId);
  const { policy, hash } = await signedPolicy(roomId, nowMs, moderator ? [await moderator(room)] : []);
  const fragment = `1.${base64url(hash)}.${base64url(joinSecret)}`;
  joinSecret.fill(0);
  return { roomId: room, policy: base64url(policy), fragment };
}
