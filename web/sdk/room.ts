// SPDX-License-Identifier: Apache-2.0
/** The I/O shell around the session: socket, peer connection, devices, timers. Decides nothing; `session.ts` does. */
import { ConsentKey } from './consent.ts';
import { cleanName } from '../worker/files.ts';
import type { FilePlace } from '../worker/messages.ts';
import type { EventOf, RoomEvent, SharedFile } from './events.ts';
import { Emitter } from './events.ts';
import { record } from './http.ts';
import type { ClientMessage, IceServer, RoomClass, Sending, Show, Source } from './protocol.ts';
import { readServerMessage } from './protocol.ts';
import type { FrameSealer, SealedMember, SealedState } from './seal.ts';
import type { Member } from './protocol.ts';
import type { Effect, Input, SessionState } from './session.ts';
import { newSession, step, wakeAt } from './session.ts';
import { Peer } from './peer.ts';
import { Playback } from './playback.ts';
import type { CallQuality } from './stats.ts';
import { Quality } from './stats.ts';

const STRANGER_MS = 10000; // who joins is in the group long before

export interface RoomOptions {
  /** The room's name (governed) or id. */
  readonly room: string;
  readonly token: string;
  /** The server's address; the page's own by default. */
  readonly server?: string;
  /** The class this device expects. Another one in the server's answer ends the session before any media. */
  readonly expect?: RoomClass;
  /** The policy's bytes (`roomPolicy`): an answer to being recorded names them. */
  readonly policy?: Uint8Array;
  /** Who holds the keys of a sealed, witnessed or direct room. */
  readonly sealer?: FrameSealer;
  /** Called when the token expired; gives a new one. */
  readonly renewToken?: () => Promise<string>;
  /** Plays what is heard (true by default). Without it, take the streams yourself. */
  readonly playSound?: boolean;
}

const clean = (source: Source): 'audio' | 'video' => (source === 'microphone' || source === 'screen_audio' ? 'audio' : 'video');

export class Room {
  readonly #events = new Emitter();
  readonly #options: RoomOptions;
  readonly #now: () => number;
  readonly #playback: Playback;
  readonly #local = new Map<Source, MediaStreamTrack>();
  readonly #quality = new Quality();
  readonly #consentKey = new ConsentKey();
  #state: SessionState;
  #sealed: SealedState | undefined;
  #split = false;
  readonly #strangers = new Map<number, number>(); // in the server's list and not in the group, since
  readonly #files = new Map<number, SharedFile>();
  readonly #outgoing = new Map<number, File>(); // until they are sent
  #lastFile = -1;
  #shown: { of: SessionState; by: SealedState | undefined; state: SessionState } | undefined;
  #stopped: { reason: string; byName?: string } | undefined;
  #lastKey = 0;
  /** whose frames each receiving section carries, by the keys */
  readonly #heard = new Map<RTCRtpReceiver, { leaf: number; source: Source }>();
  #socket: WebSocket | undefined;
  #peer: Peer | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #streams = new Map<string, MediaStream>();
  #stopListening: (() => void) | undefined;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#now = (): number => Math.round(performance.timeOrigin + performance.now());
    this.#state = newSession({ room: options.room, token: options.token, expect: options.expect, canSeal: options.sealer !== undefined });
    this.#playback = new Playback(() => this.#events.emit({ type: 'sound_held' }));
  }

  /** In a sealed room the members' names are those of the group's own keys; the server knows none. */
  get state(): SessionState {
    return this.#options.sealer ? this.#named() : this.#state;
  }
  /** Members, epoch and code from the group's own keys; undefined in governed rooms. */
  get sealed(): SealedState | undefined {
    return this.#sealed;
  }
  on<T extends RoomEvent['type']>(type: T, handler: (event: EventOf<T>) => void): () => void {
    return this.#events.on(type, handler);
  }

  /** Connects and joins. What happens is told by events; `entered` or `closed` comes first. */
  async enter(): Promise<void> {
    await this.#options.sealer?.start({
      sendEnvelope: (bytes) => {
        if (this.#socket?.readyState !== WebSocket.OPEN) return false;
        this.#socket.send(bytes as Uint8Array<ArrayBuffer>);
        return true;
      },
      changed: (state) => this.#regrouped(state),
      said: (from, text, at) => this.#heardSaying(from, text, at, false),
      heard: (receiver, leaf, source) => {
        this.#heard.set(receiver, { leaf, source });
        this.#route();
      },
      shared: (key, from, name, size, at) => this.#file({ key, mine: false, from: from.name, name, size, at, state: 'offered', done: 0 }),
      moved: (key, { state, done, why }, blob) => {
        const file = this.#files.get(key);
        if (file) this.#file({ ...file, state, done, why, blob: blob ?? file.blob });
      },
      doubted: (split) => {
        this.#split = split;
        this.#events.emit({ type: 'changed' });
      },
      stopped: (why, byName) => {
        if (this.#state.phase === 'closed') return;
        const reason = { removed: 'kicked', full: 'full', replaced: 'link_replaced' }[why] ?? 'promise';
        this.#stopped = { reason, byName };
        this.#input({ type: 'leave', now: this.#now() });
      },
    });
    const changed = (): void => this.#input({ type: 'network_changed', now: this.#now() });
    const woke = (): void => {
      if (document.visibilityState === 'visible') this.#tick();
    };
    addEventListener('online', changed);
    document.addEventListener('visibilitychange', woke);
    const connection = (navigator as { connection?: EventTarget }).connection;
    connection?.addEventListener('change', changed);
    this.#stopListening = (): void => {
      removeEventListener('online', changed);
      document.removeEventListener('visibilitychange', woke);
      connection?.removeEventListener('change', changed);
    };
    this.#input({ type: 'enter', now: this.#now() });
  }

  leave(): void {
    this.#input({ type: 'leave', now: this.#now() });
  }

  /** Sends this track as `source` (undefined stops it). The track stays the caller's: the room never stops it. */
  async publish(source: Source, track: MediaStreamTrack | undefined, muted = false): Promise<void> {
    if (track && track.kind !== clean(source)) throw new TypeError(`${source} wants ${clean(source)}`);
    if (track) this.#local.set(source, track);
    else this.#local.delete(source);
    if (track && clean(source) === 'audio') track.enabled = !muted;
    await this.#peer?.send(source, track);
    this.#input({ type: 'send', now: this.#now(), source, on: track !== undefined, muted: track !== undefined && muted });
    this.#events.emit({ type: 'local', source });
  }
  /** Mutes what is sent as `source`: the track is disabled here and the server told, so nothing passes either way. */
  mute(source: Source, muted: boolean): void {
    const track = this.#local.get(source);
    if (!track) return;
    track.enabled = !muted;
    this.#input({ type: 'send', now: this.#now(), source, on: true, muted });
    this.#events.emit({ type: 'local', source });
  }
  /** What is sent as `source` now. */
  local(source: Source): MediaStreamTrack | undefined {
    return this.#local.get(source);
  }

  /** What this member sends as `source`, while a slot carries it. */
  stream(member: number, source: Source): MediaStream | undefined {
    return this.#streams.get(`${member} ${source}`);
  }
  /** Which video tracks are on screen, most wanted first, in device pixels. */
  show(tracks: readonly Show[]): void {
    this.#input({ type: 'view', now: this.#now(), show: tracks });
  }
  say(text: string): void {
    const { sealer } = this.#options;
    if (sealer) {
      sealer.say(text).then(() => {
        const own = this.#sealed?.members.find((m) => m.leaf === this.#sealed?.own);
        if (own) this.#heardSaying(own, text, Date.now(), true);
      }, () => this.#events.emit({ type: 'refused', code: 'not_in_group', title: '' }));
    } else this.#input({ type: 'chat', now: this.#now(), text });
  }
  /** Whether files can be shared here: in sealed rooms, by those who may write. */
  get sharesFiles(): boolean {
    return this.#options.sealer !== undefined && this.#state.can.includes('chat');
  }
  /** Files of this session, own ones and others', oldest first. */
  get files(): readonly SharedFile[] {
    return [...this.#files.values()];
  }
  /** Seals a file and shares it with the group; follow it by `file` events. */
  sendFile(blob: File): void {
    const key = (this.#lastFile += 2);
    this.#outgoing.set(key, blob);
    this.#file({ key, mine: true, from: '', name: cleanName(blob.name), size: blob.size, at: this.#now(), state: 'moving', done: 0 });
    this.#options.sealer?.sendFile(key, blob, this.#filePlace());
  }
  /** Gets a file that was offered, or tries again what failed. */
  getFile(key: number): void {
    const blob = this.#outgoing.get(key);
    if (blob) this.#options.sealer?.sendFile(key, blob, this.#filePlace());
    else this.#options.sealer?.fetchFile(key, this.#filePlace());
  }
  actOnFile(key: number, act: 'pause' | 'go_on' | 'cancel'): void {
    this.#options.sealer?.actOnFile(key, act);
  }
  #filePlace(): FilePlace {
    const url = new URL(`/api/v1/rooms/${encodeURIComponent(this.#state.room)}/files`, this.#options.server ?? location.origin);
    return { url: url.href, token: this.#state.token };
  }
  #file(file: SharedFile): void {
    this.#files.set(file.key, file);
    if (file.mine && file.state === 'done') this.#outgoing.delete(file.key);
    this.#events.emit({ type: 'file', file });
  }
  raiseHand(up: boolean): void {
    this.#input({ type: 'hand', now: this.#now(), up });
  }
  react(emoji: string): void {
    this.#say({ type: 'react', emoji });
  }
  /** What does not fit in a sealed room: `split`, somebody's frames open no more; `strangers`, the server lists people whom
   * the group does not have. Ask each second. */
  get doubts(): { readonly split: boolean; readonly strangers: number } {
    const inside = new Set(this.#sealed?.members.map((m) => m.member));
    for (const m of this.#strangers.keys()) if (inside.has(m) || !this.#state.members.has(m)) this.#strangers.delete(m);
    const now = this.#now();
    let strangers = 0;
    for (const m of this.#sealed ? this.#state.members.keys() : []) {
      if (inside.has(m)) continue;
      const since = this.#strangers.get(m) ?? now;
      this.#strangers.set(m, since);
      if (now - since >= STRANGER_MS) strangers++;
    }
    return { split: this.#split, strangers };
  }
  /** Whether we may remove others: a sealed room's policy says so of our key, or, where it names nobody, the server's grant. */
  get mayRemove(): boolean {
    const members = this.#sealed?.members ?? [];
    if (members.some((m) => m.moderator)) return members.some((m) => m.moderator && m.leaf === this.#sealed?.own);
    return this.#state.can.includes('moderate');
  }
  kick(member: number): void {
    const leaf = this.#sealed?.members.find((m) => m.member === member)?.leaf;
    if (leaf !== undefined) this.#options.sealer?.remove(leaf);
    if (leaf === undefined || this.#state.can.includes('moderate')) this.#say({ type: 'kick', member });
  }
  askMute(member: number, source: Source): void {
    this.#say({ type: 'mute_member', member, source });
  }
  lock(locked: boolean): void {
    this.#say({ type: 'lock', locked });
  }
  admit(knock: number, admit: boolean): void {
    this.#say({ type: 'admit', knock, admit });
  }
  /** Ends the meeting for everyone. */
  end(): void {
    this.#say({ type: 'end' });
  }
  /** Answers the recording that runs: `text` is the sentence that was shown. Nothing of ours is passed on before a yes. */
  async consent(agreed: boolean, text: string): Promise<void> {
    const { recording, me, room } = this.#state;
    if (!recording?.recording || me === undefined) return;
    const at = this.#now();
    const facts = { recording: recording.recording, room, member: me, policy: this.#options.policy ?? new Uint8Array(0), agreed, at, text };
    const signed = await this.#consentKey.sign(facts);
    if (this.#state.me === me) this.#say({ type: 'consent', recording: facts.recording, agreed, at, text, ...signed });
  }
  /** Begins or ends the recording of this room (right: moderate). Rejects with a Problem. */
  async record(on: boolean): Promise<void> {
    await record(this.#state.room, on, this.#state.token, this.#options.server);
  }
  /** Tries at once what would be tried later. */
  tryNow(): void {
    this.#input({ type: 'network_changed', now: this.#now() });
  }
  /** Call from a click when `sound_held` came. */
  async startSound(): Promise<void> {
    await this.#playback.start();
  }
  /** Plays on this loudspeaker from now on, where the browser can. */
  async useSpeaker(deviceId: string): Promise<void> {
    await this.#playback.useSpeaker(deviceId);
  }
  /** Loss, delay, path and rates since the last call; ask at most once a second. */
  async quality(): Promise<CallQuality | undefined> {
    const report = await this.#peer?.stats();
    return report && this.#quality.next(report, this.#state, this.#now());
  }

  #heardSaying(from: Pick<SealedMember, 'leaf' | 'name' | 'member'>, text: string, at: number, mine: boolean): void {
    this.#events.emit({ type: 'said', said: { key: --this.#lastKey, member: from.member ?? -1, name: from.name, mine, text, at, state: 'sent' } });
  }
  #named(): SessionState {
    if (this.#shown?.of === this.#state && this.#shown.by === this.#sealed) return this.#shown.state;
    const known = new Map(this.#sealed?.members.map((m) => [m.member, m]));
    const members = new Map([...this.#state.members].map(([n, m]) => [n, { ...m, name: known.get(n)?.name ?? '…', moderator: known.get(n)?.moderator ?? false }]));
    this.#shown = { of: this.#state, by: this.#sealed, state: { ...this.#state, members } };
    return this.#shown.state;
  }
  /** The group's members changed: notices come from here, never from the server's list. */
  #regrouped(state: SealedState): void {
    const before = this.#sealed;
    this.#sealed = state;
    const as = (m: SealedMember): Member => this.#named().members.get(m.member ?? -1) ??
      { member: m.member ?? -1, name: m.name, kind: 'browser', moderator: false, hand: false, since: 0 };
    const key = (m: SealedMember): string => m.id; // a reload is the same person
    const was = new Set(before?.members.map(key)), is = new Set(state.members.map(key));
    for (const m of before ? state.members : []) if (!was.has(key(m))) this.#events.emit({ type: 'member_joined', member: as(m) });
    for (const m of before?.members ?? []) {
      if (is.has(key(m))) continue;
      const by = state.removedBy.find((x) => x.leaf === m.leaf)?.by;
      this.#events.emit({ type: 'member_left', member: { ...as(m), name: m.name }, reason: by === undefined ? 'left' : 'kicked',
        by: by === undefined ? undefined : { ...as(m), name: by } });
    }
    this.#route();
    this.#events.emit({ type: 'changed' });
  }
  #say(message: ClientMessage): void {
    this.#input({ type: 'say', now: this.#now(), message });
  }
  #tick(): void {
    this.#input({ type: 'tick', now: this.#now(), chance: Math.random() });
  }

  #input(input: Input): void {
    const before = this.#state;
    const stepped = step(before, input);
    this.#state = stepped.state;
    for (const effect of stepped.effects) this.#carryOut(effect);
    if (before.slots !== this.#state.slots || before.tracks !== this.#state.tracks) this.#route();
    clearTimeout(this.#timer);
    const at = wakeAt(this.#state);
    if (at !== undefined) this.#timer = setTimeout(() => this.#tick(), Math.max(0, at - this.#now()) + 1);
    if (before !== this.#state) this.#events.emit({ type: 'changed' });
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'socket_open': return this.#openSocket();
      case 'socket_close': return this.#closeSocket();
      case 'socket_send':
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ ...effect.message, id: effect.id }));
        return;
      case 'peer_new': return this.#newPeer(effect);
      case 'peer_offer': void this.#offer(effect.generation, effect.iceRestart, effect.videoSlots); return;
      case 'peer_answer':
        if (this.#peer?.generation === effect.generation) {
          this.#peer.answer(effect.sdp).catch((why: unknown) => this.#broken(effect.generation, why));
        }
        return;
      case 'peer_close':
        this.#peer?.close();
        this.#peer = undefined;
        this.#playback.stop();
        this.#stopListening?.();
        this.#options.sealer?.stop();
        return;
      case 'token_renew':
        this.#options.renewToken?.().then(
          (token) => this.#input({ type: 'token', now: this.#now(), token }),
          () => this.#events.emit({ type: 'refused', code: 'token_expired', title: '' }),
        );
        return;
      case 'event':
        if (this.#options.sealer && !this.#forSealed(effect.event)) return;
        if (effect.event.type === 'asked' && effect.event.what === 'mute') this.mute(effect.event.source, true);
        return this.#events.emit(effect.event);
    }
  }

  /** Whether an event of the server's session is told on in a sealed room; and what the worker has to know of it. */
  #forSealed(event: RoomEvent): boolean {
    const { sealer } = this.#options;
    if (event.type === 'entered' && this.#state.me !== undefined) sealer?.entered(this.#state.me);
    if (event.type === 'signalling' && event.state === 'lost') sealer?.lost();
    if (event.type === 'closed') { // names are known inside only
      const byName = this.#sealed?.members.find((m) => m.member === event.closed.by)?.name;
      this.#events.emit({ type: 'closed', closed: { ...event.closed, byName, ...this.#stopped } });
      return false;
    }
    return event.type !== 'member_joined' && event.type !== 'member_left' && event.type !== 'said';
  }

  /** Where relays are, one more is beside HTTPS: the way out of networks that let nothing else pass. */
  #relays(ice: readonly IceServer[]): readonly IceServer[] {
    const { protocol, hostname, port } = new URL(this.#options.server ?? location.href);
    if (protocol !== 'https:') return ice;
    return ice.map((s) => ({ ...s, urls: [...s.urls, `turns:${hostname}:${port || 443}?transport=tcp`] }));
  }
  #openSocket(): void {
    const url = new URL('/ws', this.#options.server ?? location.href);
    url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
    url.hash = '';
    const socket = new WebSocket(url, 'incamera.v1');
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const mine = (): boolean => this.#socket === socket;
    socket.onopen = () => mine() && this.#input({ type: 'socket_open', now: this.#now() });
    socket.onclose = () => {
      if (mine()) this.#input({ type: 'socket_closed', now: this.#now(), chance: Math.random() });
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (!mine()) return;
      if (typeof event.data !== 'string') return this.#options.sealer?.receiveEnvelope(new Uint8Array(event.data));
      const message = readServerMessage(event.data);
      if (message === 'nonsense') this.#input({ type: 'nonsense', now: this.#now() });
      else if (message !== 'unknown') this.#input({ type: 'message', now: this.#now(), chance: Math.random(), message });
    };
  }
  #closeSocket(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    // Let a `leave` that was just written go out first.
    if (socket) setTimeout(() => socket.close(), 0);
  }

  #newPeer(effect: Extract<Effect, { type: 'peer_new' }>): void {
    this.#peer?.close();
    const { generation } = effect;
    const peer = new Peer({
      generation, ice: this.#relays(effect.ice), videoSlots: effect.videoSlots, sealer: this.#options.sealer,
      onState: (state) => this.#input({ type: 'peer_state', now: this.#now(), generation, state }),
    });
    this.#peer = peer;
    if (this.#options.playSound !== false) this.#playback.take(peer.soundSlots());
    void this.#firstOffer(peer);
  }
  async #firstOffer(peer: Peer): Promise<void> {
    await Promise.all([...this.#local].map(([source, track]) => peer.send(source, track)));
    await this.#offer(peer.generation, false, this.#state.videoSlots);
  }
  async #offer(generation: number, iceRestart: boolean, videoSlots: number): Promise<void> {
    const peer = this.#peer;
    if (peer?.generation !== generation) return;
    try {
      const made: { sdp: string; send: Sending[] } | undefined = await peer.offer(iceRestart, videoSlots);
      if (made) this.#input({ type: 'offer_made', now: this.#now(), generation, ...made });
    } catch (why) {
      this.#broken(generation, why);
    }
  }
  #broken(generation: number, why: unknown): void {
    if (this.#peer?.generation !== generation) return;
    console.warn('incamera: the browser refused the negotiation', why);
    this.#input({ type: 'peer_broken', now: this.#now(), generation });
  }

  /** Slots say which section carries which track; the page asks by member and source. */
  #route(): void {
    const streams = new Map<string, MediaStream>();
    if (this.#options.sealer) {
      for (const mid of this.#state.slots.keys()) {
        const receiver = this.#peer?.receiver(mid), from = receiver && this.#heard.get(receiver);
        const member = from && this.#sealed?.members.find((m) => m.leaf === from.leaf)?.member;
        const stream = this.#peer?.stream(mid);
        if (member !== undefined && stream) streams.set(`${member} ${from?.source}`, stream);
      }
    } else for (const [mid, number] of this.#state.slots) {
      const track = this.#state.tracks.get(number);
      const stream = track && this.#peer?.stream(mid);
      if (track && stream) streams.set(`${track.member} ${track.source}`, stream);
    }
    this.#streams = streams;
    this.#events.emit({ type: 'streams' });
  }
}
