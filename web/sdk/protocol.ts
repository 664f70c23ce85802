// SPDX-License-Identifier: Apache-2.0
/** The room protocol `incamera.v1` (docs/protocol.md) as types, and the one reader of what the server sends. */

export type Source = 'microphone' | 'camera' | 'screen' | 'screen_audio';
export const SOURCES: readonly Source[] = ['microphone', 'camera', 'screen', 'screen_audio'];
export type RoomClass = 'direct' | 'sealed' | 'witnessed' | 'governed';
export type Kind = 'audio' | 'video';

export interface Member {
  readonly member: number;
  readonly name: string;
  /** browser, whip, whep, native or machine */
  readonly kind: string;
  readonly moderator: boolean;
  readonly hand: boolean;
  /** ms since 1970 */
  readonly since: number;
}
export interface Track {
  readonly track: number;
  readonly member: number;
  readonly source: Source;
  readonly kind: Kind;
  readonly muted: boolean;
  readonly codec: string;
}
export interface RoomInfo {
  readonly name: string;
  readonly class: RoomClass;
  readonly locked: boolean;
  readonly recording: boolean;
}
export interface IceServer {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
}
export interface Slot {
  readonly mid: string;
  readonly track?: number;
}
export interface Level {
  readonly member: number;
  /** −dBov: 0 loudest, 127 silence */
  readonly level: number;
}
export interface Show {
  readonly track: number;
  readonly width: number;
  readonly height: number;
}
export interface Knock {
  readonly knock: number;
  readonly name: string;
}
/** Whether the meeting is recorded. `held`: it has to be and can't be now, so nothing is passed on. */
export interface Recording {
  readonly state: 'off' | 'on' | 'held';
  /** the recording's id; empty unless `on` */
  readonly recording: string;
  readonly required: boolean;
  /** one sentence where something is wrong */
  readonly why: string;
}
export interface Sending {
  readonly mid: string;
  readonly source: Source;
}

/** What a client says, without the `id`, which the session gives. */
export type ClientMessage =
  | { readonly type: 'join'; readonly token: string; readonly room: string }
  | { readonly type: 'offer'; readonly sdp: string; readonly send: readonly Sending[] }
  | { readonly type: 'track'; readonly source: Source; readonly on: boolean; readonly muted: boolean }
  | { readonly type: 'view'; readonly show: readonly Show[] }
  | { readonly type: 'chat'; readonly text: string }
  | { readonly type: 'hand'; readonly up: boolean }
  | { readonly type: 'react'; readonly emoji: string }
  | { readonly type: 'leave' }
  | { readonly type: 'ping' }
  | { readonly type: 'kick'; readonly member: number }
  | { readonly type: 'mute_member'; readonly member: number; readonly source: Source }
  | { readonly type: 'lock'; readonly locked: boolean }
  | { readonly type: 'admit'; readonly knock: number; readonly admit: boolean }
  | { readonly type: 'end' }
  | {
      readonly type: 'consent';
      readonly recording: string;
      readonly agreed: boolean;
      readonly at: number;
      readonly policy: string;
      readonly text: string;
      readonly key: string;
      readonly signature: string;
    };

export type ServerMessage =
  | {
      readonly type: 'joined';
      readonly id: number;
      readonly member: number;
      readonly can: readonly string[];
      readonly room: RoomInfo;
      readonly members: readonly Member[];
      readonly tracks: readonly Track[];
      readonly ice: readonly IceServer[];
    }
  | { readonly type: 'ok'; readonly id: number }
  | { readonly type: 'error'; readonly id?: number; readonly code: string; readonly title: string }
  | { readonly type: 'answer'; readonly id: number; readonly sdp: string }
  | { readonly type: 'member_joined'; readonly member: Member }
  | { readonly type: 'member_changed'; readonly member: Member }
  | { readonly type: 'member_left'; readonly member: number; readonly reason: string; readonly by?: number }
  | { readonly type: 'track_on'; readonly track: Track }
  | { readonly type: 'track_changed'; readonly track: Track }
  | { readonly type: 'track_off'; readonly track: number }
  | { readonly type: 'slots'; readonly slots: readonly Slot[] }
  | { readonly type: 'said'; readonly member: number; readonly text: string; readonly at: number; readonly seq: number }
  | { readonly type: 'reacted'; readonly member: number; readonly emoji: string }
  | { readonly type: 'speaking'; readonly levels: readonly Level[] }
  | { readonly type: 'asked'; readonly what: string; readonly source: string; readonly by: number }
  | { readonly type: 'locked'; readonly locked: boolean; readonly by: number }
  | { readonly type: 'waiting'; readonly id: number }
  | { readonly type: 'knocks'; readonly knocks: readonly Knock[] }
  | { readonly type: 'restart'; readonly reason: string }
  | { readonly type: 'closed'; readonly reason: string; readonly title: string; readonly by?: number }
  | { readonly type: 'pong'; readonly id: number }
  | ({ readonly type: 'recording' } & Recording);

type Check = (v: unknown) => boolean;
const uint: Check = (v) => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;
const text: Check = (v) => typeof v === 'string';
const bool: Check = (v) => typeof v === 'boolean';
const maybe = (c: Check): Check => (v) => v === undefined || c(v);
const list = (c: Check): Check => (v) => Array.isArray(v) && v.every(c);
const one = (...words: string[]): Check => (v) => typeof v === 'string' && words.includes(v);
const shape = (fields: Readonly<Record<string, Check>>): Check => (v) =>
  typeof v === 'object' && v !== null && !Array.isArray(v) &&
  Object.entries(fields).every(([name, check]) => check((v as Record<string, unknown>)[name]));

const member = shape({ member: uint, name: text, kind: text, moderator: bool, hand: bool, since: uint });
const track = shape({
  track: uint, member: uint, source: one(...SOURCES), kind: one('audio', 'video'), muted: bool, codec: text,
});
const room = shape({
  name: text, class: one('direct', 'sealed', 'witnessed', 'governed'), locked: bool, recording: bool,
});

const rows: Readonly<Record<ServerMessage['type'], Check>> = {
  joined: shape({
    id: uint, member: uint, can: list(text), room, members: list(member), tracks: list(track),
    ice: list(shape({ urls: list(text), username: text, credential: text })),
  }),
  ok: shape({ id: uint }),
  error: shape({ id: maybe(uint), code: text, title: text }),
  answer: shape({ id: uint, sdp: text }),
  member_joined: shape({ member }),
  member_changed: shape({ member }),
  member_left: shape({ member: uint, reason: text, by: maybe(uint) }),
  track_on: shape({ track }),
  track_changed: shape({ track }),
  track_off: shape({ track: uint }),
  slots: shape({ slots: list(shape({ mid: text, track: maybe(uint) })) }),
  said: shape({ member: uint, text, at: uint, seq: uint }),
  reacted: shape({ member: uint, emoji: text }),
  speaking: shape({ levels: list(shape({ member: uint, level: uint })) }),
  asked: shape({ what: text, source: text, by: uint }),
  locked: shape({ locked: bool, by: uint }),
  waiting: shape({ id: uint }),
  knocks: shape({ knocks: list(shape({ knock: uint, name: text })) }),
  restart: shape({ reason: text }),
  closed: shape({ reason: text, title: text, by: maybe(uint) }),
  pong: shape({ id: uint }),
  recording: shape({ state: one('off', 'on', 'held'), recording: text, required: bool, why: text }),
};

/** The message in a text frame; 'unknown' when this SDK knows no such type, 'nonsense' when a known one does not have its form. */
export function readServerMessage(frame: string): ServerMessage | 'unknown' | 'nonsense' {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return 'nonsense';
  }
  if (typeof value !== 'object' || value === null) return 'nonsense';
  const type = (value as Record<string, unknown>)['type'];
  if (typeof type !== 'string') return 'nonsense';
  if (!Object.hasOwn(rows, type)) return 'unknown';
  return rows[type as ServerMessage['type']](value) ? (value as ServerMessage) : 'nonsense';
}
