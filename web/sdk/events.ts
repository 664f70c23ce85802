// SPDX-License-Identifier: Apache-2.0
/** What a room tells the page, and the small emitter that tells it. */
import type { Knock, Level, Member, Recording, Source, Track } from './protocol.ts';
import type { FileFault, FileState } from '../worker/files.ts';
import type { Closed, Said } from './session.ts';

/** A file that a member shares in a sealed room. */
export interface SharedFile {
  readonly key: number;
  readonly mine: boolean;
  /** who shares it, from the keys */
  readonly from: string;
  /** cleaned: no paths, no control characters, its real ending kept */
  readonly name: string;
  /** bytes */
  readonly size: number;
  readonly at: number;
  /** `offered`: of others, not fetched yet */
  readonly state: 'offered' | FileState;
  readonly done: number;
  readonly why?: FileFault;
  /** the file of others, whole and checked, when `done` */
  readonly blob?: Blob;
}

export type RoomEvent =
  /** The room was entered; `again` after a reconnection. */
  | { readonly type: 'entered'; readonly again: boolean }
  | { readonly type: 'waiting' }
  | { readonly type: 'closed'; readonly closed: Closed }
  | { readonly type: 'member_joined'; readonly member: Member }
  | { readonly type: 'member_changed'; readonly member: Member; readonly before?: Member }
  | { readonly type: 'member_left'; readonly member: Member; readonly reason: string; readonly by?: Member }
  | { readonly type: 'track_on'; readonly track: Track }
  | { readonly type: 'track_changed'; readonly track: Track }
  | { readonly type: 'track_off'; readonly track: Track }
  | { readonly type: 'said'; readonly said: Said }
  /** A file was shared, or moves (sealed rooms). */
  | { readonly type: 'file'; readonly file: SharedFile }
  | { readonly type: 'reacted'; readonly member: number; readonly emoji: string }
  | { readonly type: 'speaking'; readonly levels: readonly Level[] }
  /** A moderator asks us to stop a source; the SDK has muted it already. */
  | { readonly type: 'asked'; readonly what: string; readonly source: Source; readonly by?: Member }
  | { readonly type: 'locked'; readonly locked: boolean; readonly by?: Member }
  /** Recording began, ended or is in trouble. While it is `on`, nothing of ours is passed on before `room.consent(true, …)`. */
  | { readonly type: 'recording'; readonly recording: Recording }
  | { readonly type: 'knocks'; readonly knocks: readonly Knock[] }
  /** The server did not do what was asked; `title` says what to do. */
  | { readonly type: 'refused'; readonly code: string; readonly title: string }
  /** The socket: media may go on while it is lost. */
  | { readonly type: 'signalling'; readonly state: 'lost' | 'back' }
  /** Our own media connection. */
  | { readonly type: 'media'; readonly state: 'up' | 'lost'; readonly awayMs?: number }
  /** Which stream belongs to whom changed: ask `room.stream(member, source)`. */
  | { readonly type: 'streams' }
  /** Our own devices: what is sent of a source changed, or the browser refused. */
  | { readonly type: 'local'; readonly source: Source }
  | { readonly type: 'device_gone'; readonly source: Source; readonly label: string; readonly now: string }
  /** The browser holds back the sound until somebody presses a button: call `room.startSound()` then. */
  | { readonly type: 'sound_held' }
  /** Anything of the state changed; sent last after each step. */
  | { readonly type: 'changed' };

export type EventOf<T extends RoomEvent['type']> = Extract<RoomEvent, { type: T }>;
type Handler = (event: RoomEvent) => void;

export class Emitter {
  readonly #handlers = new Map<RoomEvent['type'], Set<Handler>>();
  /** Calls `handler` for each event of this type; the answer takes it away again. */
  on<T extends RoomEvent['type']>(type: T, handler: (event: EventOf<T>) => void): () => void {
    const set = this.#handlers.get(type) ?? new Set<Handler>();
    this.#handlers.set(type, set.add(handler as Handler));
    return () => set.delete(handler as Handler);
  }
  emit(event: RoomEvent): void {
    for (const handler of [...(this.#handlers.get(event.type) ?? [])]) handler(event);
  }
}
