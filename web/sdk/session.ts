// SPDX-License-Identifier: Apache-2.0
/**
 * The session as a pure function: `step(state, input) → {state, effects}`. No clock, no socket, no browser object:
 * time and chance come in with the inputs, and what has to be done comes out as effects, which `room.ts` carries out.
 */
import type {
  ClientMessage, IceServer, Knock, Member, Recording, RoomClass, RoomInfo, Sending, ServerMessage, Show, Source, Track,
} from './protocol.ts';
import { SOURCES } from './protocol.ts';
import type { RoomEvent } from './events.ts';

export type Phase =
  | 'new' // nothing asked yet
  | 'connecting' // socket opening, or waiting to try again
  | 'joining' // `join` sent
  | 'waiting' // in the lobby
  | 'in'
  | 'closed';
export type MediaPhase = 'none' | 'connecting' | 'up' | 'lost';

export interface Sends {
  readonly on: boolean;
  readonly muted: boolean;
}
export interface Said {
  readonly key: number; // unique in this session, also before the server numbered it
  readonly member: number;
  readonly name: string;
  readonly mine: boolean;
  readonly text: string;
  readonly at: number;
  readonly seq?: number;
  readonly state: 'sending' | 'sent' | 'failed';
}
export interface Closed {
  readonly reason: string;
  readonly title: string;
  readonly by?: number;
  readonly byName?: string;
}
type Asked =
  | { readonly what: 'join' | 'ping' | 'other' }
  | { readonly what: 'offer'; readonly generation: number }
  | { readonly what: 'chat'; readonly key: number };

export interface SessionState {
  readonly phase: Phase;
  /** true once the room was entered: a lost socket is then a reconnection, not a failure to join. */
  readonly entered: boolean;
  readonly socket: 'none' | 'opening' | 'open';
  readonly room: string;
  readonly token: string;
  readonly expect?: RoomClass;
  readonly canSeal: boolean;
  /** attempts since the socket was last good */
  readonly attempt: number;
  readonly retryAt?: number;
  readonly lostAt?: number;
  readonly pingAt?: number;
  readonly silentAt?: number;
  readonly me?: number;
  readonly can: readonly string[];
  readonly info?: RoomInfo;
  readonly recording?: Recording;
  readonly ice: readonly IceServer[];
  readonly members: ReadonlyMap<number, Member>;
  readonly tracks: ReadonlyMap<number, Track>;
  readonly slots: ReadonlyMap<string, number>;
  readonly knocks: readonly Knock[];
  readonly sends: Readonly<Record<Source, Sends>>;
  readonly handUp: boolean;
  readonly view: readonly Show[];
  /** video slots beyond the first nine come in steps of eight */
  readonly videoSlots: number;
  readonly generation: number;
  readonly media: MediaPhase;
  readonly mediaLostAt?: number;
  /** when to try an ICE restart, and when to give the connection up and make a new one */
  readonly iceRestartAt?: number;
  readonly rebuildAt?: number;
  readonly answered: boolean;
  readonly chat: readonly Said[];
  readonly nextId: number;
  readonly nextKey: number;
  readonly asked: ReadonlyMap<number, Asked>;
  readonly closed?: Closed;
}

export type Input =
  | { readonly type: 'enter'; readonly now: number }
  | { readonly type: 'socket_open'; readonly now: number }
  | { readonly type: 'socket_closed'; readonly now: number; readonly chance: number }
  | { readonly type: 'message'; readonly now: number; readonly chance: number; readonly message: ServerMessage }
  | { readonly type: 'nonsense'; readonly now: number }
  | { readonly type: 'offer_made'; readonly now: number; readonly generation: number; readonly sdp: string; readonly send: readonly Sending[] }
  | { readonly type: 'peer_state'; readonly now: number; readonly generation: number; readonly state: 'connecting' | 'connected' | 'disconnected' | 'failed' }
  | { readonly type: 'peer_broken'; readonly now: number; readonly generation: number }
  | { readonly type: 'network_changed'; readonly now: number }
  | { readonly type: 'token'; readonly now: number; readonly token: string }
  | { readonly type: 'tick'; readonly now: number; readonly chance: number }
  | { readonly type: 'send'; readonly now: number; readonly source: Source; readonly on: boolean; readonly muted: boolean }
  | { readonly type: 'view'; readonly now: number; readonly show: readonly Show[] }
  | { readonly type: 'chat'; readonly now: number; readonly text: string }
  | { readonly type: 'hand'; readonly now: number; readonly up: boolean }
  | { readonly type: 'say'; readonly now: number; readonly message: ClientMessage }
  | { readonly type: 'leave'; readonly now: number };

export type Effect =
  | { readonly type: 'socket_open' }
  | { readonly type: 'socket_close' }
  | { readonly type: 'socket_send'; readonly id: number; readonly message: ClientMessage }
  | { readonly type: 'peer_new'; readonly generation: number; readonly ice: readonly IceServer[]; readonly videoSlots: number }
  | { readonly type: 'peer_offer'; readonly generation: number; readonly iceRestart: boolean; readonly videoSlots: number }
  | { readonly type: 'peer_answer'; readonly generation: number; readonly sdp: string }
  | { readonly type: 'peer_close' }
  | { readonly type: 'token_renew' }
  | { readonly type: 'event'; readonly event: RoomEvent };

export interface Stepped {
  readonly state: SessionState;
  readonly effects: readonly Effect[];
}

export const PING_MS = 8000;
export const SILENT_MS = 6000;
export const FIRST_VIDEO_SLOTS = 9;
export const VIDEO_SLOTS_STEP = 8;
export const VIDEO_SLOTS_MAX = 49;
const ICE_RESTART_AFTER_MS = 2000;
const REBUILD_AFTER_MS = 8000;
const ANSWER_WITHIN_MS = 10000;
const CHAT_MAX = 2000; // messages kept
const off: Sends = { on: false, muted: false };

export function newSession(conf: { room: string; token: string; expect?: RoomClass; canSeal?: boolean }): SessionState {
  return {
    phase: 'new', entered: false, socket: 'none', room: conf.room, token: conf.token, expect: conf.expect,
    canSeal: conf.canSeal ?? false, attempt: 0, can: [], ice: [], members: new Map(), tracks: new Map(), slots: new Map(),
    knocks: [], sends: { microphone: off, camera: off, screen: off, screen_audio: off }, handUp: false, view: [],
    videoSlots: FIRST_VIDEO_SLOTS, generation: 0, media: 'none', answered: false, chat: [],
    nextId: 1, nextKey: 1, asked: new Map(),
  };
}

/** How long to wait before attempt n (0 the first): doubling from a quarter of a second to eight, spread by chance. */
export function backoffMs(attempt: number, chance: number): number {
  return Math.min(250 * 2 ** Math.min(attempt, 5), 8000) * (0.75 + 0.5 * chance);
}

/** When `tick` is wanted next, or undefined. */
export function wakeAt(s: SessionState): number | undefined {
  const times = [s.retryAt, s.pingAt, s.silentAt, s.iceRestartAt, s.rebuildAt].filter((t): t is number => t !== undefined);
  return times.length ? Math.min(...times) : undefined;
}

/** One step under construction: the state so far and the effects so far. */
class Turn {
  state: SessionState;
  readonly effects: Effect[] = [];
  constructor(state: SessionState, readonly now: number) {
    this.state = state;
  }
  set(change: Partial<SessionState>): void {
    this.state = { ...this.state, ...change };
  }
  event(event: RoomEvent): void {
    this.effects.push({ type: 'event', event });
  }
  say(message: ClientMessage, asked: Asked = { what: 'other' }): void {
    const id = this.state.nextId;
    this.set({ nextId: id + 1, asked: new Map(this.state.asked).set(id, asked) });
    this.effects.push({ type: 'socket_send', id, message });
  }
}

function openSocket(t: Turn): void {
  t.set({ phase: 'connecting', socket: 'opening', retryAt: undefined, silentAt: t.now + 10000, asked: new Map() });
  t.effects.push({ type: 'socket_open' });
}

function close(t: Turn, closed: Closed): void {
  if (t.state.phase === 'closed') return;
  t.effects.push({ type: 'peer_close' }, { type: 'socket_close' });
  t.set({
    phase: 'closed', socket: 'none', media: 'none', closed, retryAt: undefined, pingAt: undefined, silentAt: undefined,
    iceRestartAt: undefined, rebuildAt: undefined, slots: new Map(),
  });
  t.event({ type: 'closed', closed });
}

function join(t: Turn): void {
  t.set({ phase: 'joining', retryAt: undefined });
  t.say({ type: 'join', token: t.state.token, room: t.state.room }, { what: 'join' });
}

/** A lost socket: try again, sooner at first, later with patience. What was asked and not answered is forgotten,
 * except written messages, which are said again after the next `joined`. */
function lost(t: Turn, chance: number): void {
  const s = t.state;
  if (s.phase === 'closed' || s.phase === 'new') return;
  if (s.lostAt === undefined && s.entered) t.event({ type: 'signalling', state: 'lost' });
  t.set({
    phase: 'connecting', socket: 'none', retryAt: t.now + backoffMs(s.attempt, chance), attempt: s.attempt + 1,
    lostAt: s.lostAt ?? t.now, pingAt: undefined, silentAt: undefined, asked: new Map(),
  });
}

function newPeer(t: Turn): void {
  const generation = t.state.generation + 1;
  t.set({
    generation, media: t.state.media === 'none' ? 'connecting' : 'lost', mediaLostAt: t.state.mediaLostAt ?? t.now,
    slots: new Map(), answered: false, iceRestartAt: undefined, rebuildAt: t.now + ANSWER_WITHIN_MS,
  });
  t.effects.push({ type: 'peer_new', generation, ice: t.state.ice, videoSlots: t.state.videoSlots });
}

/** Says what is on screen, and asks for more slots when it is more than there are. */
function sendView(t: Turn): void {
  const { view, tracks, videoSlots, generation } = t.state;
  const more = Math.ceil(Math.max(0, view.length - FIRST_VIDEO_SLOTS) / VIDEO_SLOTS_STEP) * VIDEO_SLOTS_STEP;
  const slots = Math.min(FIRST_VIDEO_SLOTS + more, VIDEO_SLOTS_MAX);
  if (slots > videoSlots) {
    t.set({ videoSlots: slots });
    t.effects.push({ type: 'peer_offer', generation, iceRestart: false, videoSlots: slots });
  }
  t.say({ type: 'view', show: view.filter((v) => tracks.has(v.track)) });
}

/** The room was entered: what the server says replaces what was known, what this client wants is said again. */
function joined(t: Turn, m: Extract<ServerMessage, { type: 'joined' }>): void {
  const s = t.state;
  const again = s.entered;
  if ((s.expect !== undefined && m.room.class !== s.expect) || (m.room.class !== 'governed' && !s.canSeal)) {
    close(t, { reason: 'promise', title: m.room.class });
    return;
  }
  t.set({
    phase: 'in', entered: true, attempt: 0, lostAt: undefined, me: m.member, can: m.can, info: m.room, recording: undefined, ice: m.ice,
    members: new Map(m.members.map((x) => [x.member, x])), tracks: new Map(m.tracks.map((x) => [x.track, x])),
    pingAt: t.now + PING_MS, silentAt: undefined,
  });
  if (again) t.event({ type: 'signalling', state: 'back' });
  t.event({ type: 'entered', again });
  // A member of the same number means that the server kept our place and our media: nothing to negotiate then.
  if (again && s.me === m.member && s.media === 'up') {
    for (const source of SOURCES) if (s.sends[source].on) t.say({ type: 'track', source, ...s.sends[source] });
  } else {
    newPeer(t);
  }
  if (t.state.handUp) t.say({ type: 'hand', up: true });
  for (const said of t.state.chat) if (said.state === 'sending') t.say({ type: 'chat', text: said.text }, { what: 'chat', key: said.key });
}

function answered(t: Turn, m: Extract<ServerMessage, { type: 'answer' }>, asked: Asked | undefined): void {
  if (asked?.what !== 'offer' || asked.generation !== t.state.generation) return;
  t.effects.push({ type: 'peer_answer', generation: asked.generation, sdp: m.sdp });
  if (t.state.answered) return; // an ICE restart or more slots: what is sent goes on
  t.set({ answered: true, rebuildAt: t.now + REBUILD_AFTER_MS });
  for (const source of SOURCES) {
    const sends = t.state.sends[source];
    if (sends.on) t.say({ type: 'track', source, on: true, muted: sends.muted });
  }
  if (t.state.view.length) sendView(t);
}

const JOIN_RETRY = new Set(['busy', 'unavailable', 'too_many']);

function refused(t: Turn, m: Extract<ServerMessage, { type: 'error' }>, asked: Asked | undefined, chance: number): void {
  if (asked?.what === 'join') {
    if (m.code === 'already_joined') return;
    if (m.code === 'token_expired') {
      t.effects.push({ type: 'token_renew' });
    } else if (JOIN_RETRY.has(m.code)) {
      t.set({ retryAt: t.now + backoffMs(t.state.attempt + 1, chance), attempt: t.state.attempt + 1 });
    } else {
      close(t, { reason: m.code, title: m.title });
    }
    return;
  }
  if (asked?.what === 'offer') {
    if (asked.generation === t.state.generation) t.set({ rebuildAt: t.now + backoffMs(2, chance) });
  } else if (asked?.what === 'chat') {
    t.set({ chat: t.state.chat.map((c) => (c.key === asked.key ? { ...c, state: 'failed' as const } : c)) });
  }
  if (asked?.what !== 'ping') t.event({ type: 'refused', code: m.code, title: m.title });
}

function said(t: Turn, m: Extract<ServerMessage, { type: 'said' }>): void {
  const s = t.state;
  const entry: Said = {
    key: s.nextKey, member: m.member, name: s.members.get(m.member)?.name ?? '', mine: m.member === s.me, text: m.text,
    at: m.at, seq: m.seq, state: 'sent',
  };
  // Our own message comes back numbered: it takes the place of the one that was waiting.
  const own = entry.mine ? s.chat.findIndex((c) => c.mine && c.seq === undefined && c.text === m.text) : -1;
  const chat = own >= 0 ? s.chat.filter((_, i) => i !== own) : s.chat;
  t.set({ nextKey: s.nextKey + 1, chat: [...chat, entry].slice(-CHAT_MAX) });
  t.event({ type: 'said', said: entry });
}

function memberLeft(t: Turn, m: Extract<ServerMessage, { type: 'member_left' }>): void {
  const member = t.state.members.get(m.member);
  if (!member) return;
  const members = new Map(t.state.members);
  members.delete(m.member);
  const tracks = new Map([...t.state.tracks].filter(([, track]) => track.member !== m.member));
  const by = m.by === undefined ? undefined : t.state.members.get(m.by);
  t.set({ members, tracks });
  t.event({ type: 'member_left', member, reason: m.reason, by });
}

function slotsChanged(t: Turn, m: Extract<ServerMessage, { type: 'slots' }>): void {
  const slots = new Map(t.state.slots);
  for (const { mid, track } of m.slots) {
    if (track === undefined) slots.delete(mid);
    else slots.set(mid, track);
  }
  t.set({ slots });
}

function message(t: Turn, m: ServerMessage, chance: number): void {
  const id = 'id' in m ? m.id : undefined;
  const asked = id === undefined ? undefined : t.state.asked.get(id);
  if (asked && id !== undefined) {
    const rest = new Map(t.state.asked);
    rest.delete(id);
    t.set({ asked: rest });
  }
  switch (m.type) {
    case 'joined': return joined(t, m);
    case 'waiting': t.set({ phase: 'waiting', attempt: 0, pingAt: t.now + PING_MS }); return t.event({ type: 'waiting' });
    case 'answer': return answered(t, m, asked);
    case 'error': return refused(t, m, asked, chance);
    case 'ok':
      if (asked?.what === 'chat') {
        t.set({ chat: t.state.chat.map((c) => (c.key === asked.key ? { ...c, state: 'sent' as const } : c)) });
      }
      return;
    case 'pong': return;
    case 'member_joined':
      t.set({ members: new Map(t.state.members).set(m.member.member, m.member) });
      return t.event({ type: 'member_joined', member: m.member });
    case 'member_changed': {
      const before = t.state.members.get(m.member.member);
      t.set({ members: new Map(t.state.members).set(m.member.member, m.member) });
      if (m.member.member === t.state.me) t.set({ handUp: m.member.hand });
      return t.event({ type: 'member_changed', member: m.member, before });
    }
    case 'member_left': return memberLeft(t, m);
    case 'track_on':
    case 'track_changed':
      t.set({ tracks: new Map(t.state.tracks).set(m.track.track, m.track) });
      return t.event({ type: m.type, track: m.track });
    case 'track_off': {
      const track = t.state.tracks.get(m.track);
      const tracks = new Map(t.state.tracks);
      tracks.delete(m.track);
      t.set({ tracks });
      return track && t.event({ type: 'track_off', track });
    }
    case 'slots': return slotsChanged(t, m);
    case 'said': return said(t, m);
    case 'reacted': return t.event({ type: 'reacted', member: m.member, emoji: m.emoji });
    case 'speaking': return t.event({ type: 'speaking', levels: m.levels });
    case 'asked': {
      const source = SOURCES.find((x) => x === m.source);
      return source && t.event({ type: 'asked', what: m.what, source, by: t.state.members.get(m.by) });
    }
    case 'locked':
      if (t.state.info) t.set({ info: { ...t.state.info, locked: m.locked } });
      return t.event({ type: 'locked', locked: m.locked, by: t.state.members.get(m.by) });
    case 'recording':
      t.set({ recording: { state: m.state, recording: m.recording, required: m.required, why: m.why } });
      if (t.state.info) t.set({ info: { ...t.state.info, recording: m.state === 'on' } });
      return t.event({ type: 'recording', recording: m });
    case 'knocks': t.set({ knocks: m.knocks }); return t.event({ type: 'knocks', knocks: m.knocks });
    case 'restart': // the engine died; this socket lives
      t.set({ media: t.state.media === 'none' ? 'none' : 'lost', mediaLostAt: t.state.mediaLostAt ?? t.now });
      t.event({ type: 'media', state: 'lost' });
      return join(t);
    case 'closed':
      if (m.reason === 'draining') {
        t.effects.push({ type: 'socket_close' });
        return lost(t, chance);
      }
      return close(t, { reason: m.reason, title: m.title, by: m.by, byName: m.by === undefined ? undefined : t.state.members.get(m.by)?.name });
  }
}

function peerState(t: Turn, state: 'connecting' | 'connected' | 'disconnected' | 'failed'): void {
  const s = t.state;
  if (state === 'connected') {
    const away = s.media === 'lost' && s.mediaLostAt !== undefined ? t.now - s.mediaLostAt : 0;
    t.set({ media: 'up', mediaLostAt: undefined, iceRestartAt: undefined, rebuildAt: undefined });
    if (s.media !== 'up') t.event({ type: 'media', state: 'up', awayMs: away });
  } else if (state !== 'connecting' && s.media === 'up') {
    t.set({
      media: 'lost', mediaLostAt: t.now, rebuildAt: t.now + REBUILD_AFTER_MS,
      iceRestartAt: state === 'failed' ? t.now : t.now + ICE_RESTART_AFTER_MS,
    });
    t.event({ type: 'media', state: 'lost' });
  } else if (state === 'failed') {
    t.set({ rebuildAt: Math.min(s.rebuildAt ?? Infinity, t.now + 500) });
  }
}

function tick(t: Turn, chance: number): void {
  const due = (at: number | undefined): boolean => at !== undefined && at <= t.now;
  if (due(t.state.silentAt)) {
    t.effects.push({ type: 'socket_close' });
    t.set({ silentAt: undefined });
    lost(t, chance);
  }
  if (due(t.state.retryAt)) {
    if (t.state.socket === 'open') join(t);
    else openSocket(t);
  }
  if (due(t.state.pingAt) && t.state.socket === 'open') {
    t.set({ pingAt: t.now + PING_MS, silentAt: t.state.silentAt ?? t.now + SILENT_MS });
    t.say({ type: 'ping' }, { what: 'ping' });
  }
  const inRoom = t.state.phase === 'in' && t.state.socket === 'open';
  if (due(t.state.rebuildAt)) {
    t.set({ rebuildAt: undefined });
    // Without a socket there is nobody to offer to; the next `joined` makes a new connection anyway. With one, join
    // again: an engine takes one transport a member.
    if (inRoom && t.state.media !== 'up') {
      t.effects.push({ type: 'socket_close' });
      lost(t, chance);
    }
  } else if (due(t.state.iceRestartAt)) {
    t.set({ iceRestartAt: undefined });
    if (inRoom) t.effects.push({ type: 'peer_offer', generation: t.state.generation, iceRestart: true, videoSlots: t.state.videoSlots });
  }
}

function view(t: Turn, show: readonly Show[]): void {
  const s = t.state;
  const same = show.length === s.view.length && show.every((v, i) => {
    const o = s.view[i];
    return o !== undefined && o.track === v.track && o.width === v.width && o.height === v.height;
  });
  if (same) return;
  t.set({ view: show });
  if (s.phase !== 'in' || !s.answered) return;
  sendView(t);
}

function want(t: Turn, input: Extract<Input, { type: 'send' }>): void {
  const sends: Sends = { on: input.on, muted: input.muted };
  const before = t.state.sends[input.source];
  if (before.on === sends.on && before.muted === sends.muted) return;
  t.set({ sends: { ...t.state.sends, [input.source]: sends } });
  if (t.state.phase === 'in' && t.state.answered) t.say({ type: 'track', source: input.source, ...sends });
}

function write(t: Turn, text: string): void {
  const s = t.state;
  const key = s.nextKey;
  const entry: Said = {
    key, member: s.me ?? 0, name: s.members.get(s.me ?? 0)?.name ?? '', mine: true, text, at: t.now, state: 'sending',
  };
  t.set({ nextKey: key + 1, chat: [...s.chat, entry].slice(-CHAT_MAX) });
  if (s.phase === 'in') t.say({ type: 'chat', text }, { what: 'chat', key });
}

export function step(state: SessionState, input: Input): Stepped {
  const t = new Turn(state, input.now);
  if (state.phase === 'closed') return { state, effects: [] };
  switch (input.type) {
    case 'enter': if (state.phase === 'new') openSocket(t); break;
    case 'socket_open':
      if (state.socket === 'opening') {
        t.set({ socket: 'open', silentAt: t.now + 10000 });
        join(t);
      }
      break;
    case 'socket_closed': if (state.socket !== 'none') lost(t, input.chance); break;
    case 'message':
      if (state.socket !== 'open') break;
      t.set({ silentAt: undefined });
      message(t, input.message, input.chance);
      break;
    case 'nonsense': // inside it changes nothing; as the answer to who we are and what this room is, it ends the attempt
      if (state.phase !== 'in') close(t, { reason: 'nonsense', title: 'its answer has no sense for this page' });
      break;
    case 'offer_made':
      if (input.generation === state.generation && state.phase === 'in') {
        t.say({ type: 'offer', sdp: input.sdp, send: input.send }, { what: 'offer', generation: input.generation });
      }
      break;
    case 'peer_state': if (input.generation === state.generation) peerState(t, input.state); break;
    case 'peer_broken': if (input.generation === state.generation) t.set({ rebuildAt: t.now + 500 }); break;
    case 'network_changed':
      if (state.socket === 'open') t.set({ pingAt: t.now, silentAt: t.now + 3000 });
      else if (state.retryAt !== undefined) t.set({ retryAt: t.now });
      if (state.phase === 'in' && state.answered) t.set({ iceRestartAt: t.now });
      break;
    case 'token': t.set({ token: input.token }); if (state.socket === 'open') join(t); break;
    case 'tick': tick(t, input.chance); break;
    case 'send': want(t, input); break;
    case 'view': view(t, input.show); break;
    case 'chat': write(t, input.text); break;
    case 'hand':
      t.set({ handUp: input.up });
      if (state.phase === 'in') t.say({ type: 'hand', up: input.up });
      break;
    case 'say': if (state.phase === 'in') t.say(input.message); break;
    case 'leave':
      if (state.socket === 'open') t.say({ type: 'leave' });
      close(t, { reason: 'left', title: '' });
      break;
  }
  return { state: t.state, effects: t.effects };
}
