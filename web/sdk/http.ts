// SPDX-License-Identifier: Apache-2.0
/** The few HTTP requests a page needs before it has a socket. Errors are `Problem`s with a title a person can act on. */
import type { RoomClass } from './protocol.ts';

export class Problem extends Error {
  constructor(readonly status: number, readonly title: string, readonly type: string, readonly field?: string) {
    super(title);
  }
}
export interface RoomPolicy {
  readonly class: RoomClass;
  readonly name: string;
  /** everything the server said, for facts beyond class and name */
  readonly facts: Readonly<Record<string, unknown>>;
  /** the policy's own bytes: signed in sealed, witnessed and direct rooms; what a consent to being recorded names in governed ones */
  readonly bytes?: Uint8Array;
}

const CLASSES: readonly RoomClass[] = ['direct', 'sealed', 'witnessed', 'governed'];

async function ask(path: string, init: RequestInit, server?: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(path, server ?? location.origin), { ...init, credentials: 'omit', redirect: 'error' });
  } catch {
    throw new Problem(0, '', 'unreachable');
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => undefined);
  const problem = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string | undefined => (typeof problem[name] === 'string' ? problem[name] : undefined);
  throw new Problem(response.status, text('title') ?? '', text('type') ?? 'about:blank', text('field'));
}
const post = (body: unknown, token?: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
  body: JSON.stringify(body),
});

/** Makes a room. Answers the maker's token, which may moderate, where the server gives one. */
export async function createRoom(
  room: { name?: string; room_id?: string; class: RoomClass; policy?: unknown }, token?: string, server?: string,
): Promise<string | undefined> {
  const response = await ask('/api/v1/rooms', post(room, token), server);
  const body: unknown = await response.json().catch(() => undefined);
  const made = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)['token'] : undefined;
  return typeof made === 'string' ? made : undefined;
}
async function tokenFrom(path: string, init: RequestInit, server: string | undefined): Promise<string> {
  const response = await ask(path, init, server);
  const body: unknown = await response.json();
  const token = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)['token'] : undefined;
  if (typeof token !== 'string') throw new Problem(502, '', 'unreadable');
  return token;
}
/** A token with this name and these rights, given by one that may give them: a room's maker takes one to join with. */
export function namedToken(room: string, name: string | undefined, can: readonly string[], bearer: string, server?: string): Promise<string> {
  return tokenFrom(`/api/v1/rooms/${encodeURIComponent(room)}/tokens`, post({ name, can }, bearer), server);
}

export async function roomPolicy(room: string, server?: string): Promise<RoomPolicy> {
  const response = await ask(`/api/v1/rooms/${encodeURIComponent(room)}/policy`, {}, server);
  if (!(response.headers.get('content-type') ?? '').includes('json')) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { class: 'sealed', name: room, facts: {}, bytes };
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Problem(502, '', 'unreadable');
  }
  const facts = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const found = CLASSES.find((c) => c === facts['class']);
  if (!found) throw new Problem(502, '', 'unreadable');
  return { class: found, name: typeof facts['name'] === 'string' ? facts['name'] : room, facts, bytes };
}

/** Begins or ends the recording of a governed room; the token moderates it. */
export async function record(room: string, on: boolean, token: string, server?: string): Promise<void> {
  await ask(`/api/v1/rooms/${encodeURIComponent(room)}/recording`, { method: on ? 'POST' : 'DELETE', headers: { authorization: `Bearer ${token}` } }, server);
}

/** A token for an hour, where the room lets guests in by its link. */
export function guestToken(room: string, name: string | undefined, server?: string): Promise<string> {
  return tokenFrom(`/api/v1/rooms/${encodeURIComponent(room)}/guest`, post({ name }), server);
}
