// SPDX-License-Identifier: Apache-2.0
/**
 * The door for sealed rooms. Whoever holds the keys (a worker, never the page) implements `FrameSealer`. The room
 * calls it before any offer is made, for every sender and every receiver, so that no frame ever passes unsealed: there
 * is no pass-through, no "off" and no fallback. Without a sealer a room that is not governed is not entered.
 */
import type { FileProgress } from '../worker/files.ts';
import type { FilePlace } from '../worker/messages.ts';
import type { RoomClass, Source } from './protocol.ts';

export interface SealedMember {
  /** of the group's own tree, not the server's list */
  readonly leaf: number;
  readonly name: string;
  /** who it is: a hash of its signature key, the same after a reload */
  readonly id: string;
  /** named by the room's policy, by its key */
  readonly moderator: boolean;
  /** its number in the server's list, as this member itself announced it to the group */
  readonly member?: number;
}
export interface SealedState {
  readonly members: readonly SealedMember[];
  /** our own leaf */
  readonly own: number;
  readonly epoch: number;
  /** 40 digits in eight groups */
  readonly code: string;
  /** who was removed by whom since the state before */
  readonly removedBy: readonly { readonly leaf: number; readonly by: string }[];
}
/** Frames, for tests and the panel: what was dropped, by reason. */
export interface SealCounts {
  readonly sealed: number;
  readonly opened: number;
  readonly held: number;
  readonly dropped: Readonly<Record<string, number>>;
}
export interface SealerHost {
  /** Sends one envelope (docs/protocol.md, Envelopes) on the room's socket; false when it is not open. */
  sendEnvelope(bytes: Uint8Array): boolean;
  /** The group changed: members, epoch, code. */
  changed(state: SealedState): void;
  /** A written message that a member signed. */
  said(from: { readonly leaf: number; readonly name: string }, text: string, at: number): void;
  /** Whose frames a receiving section carries now, from the authenticated key id. */
  heard(receiver: RTCRtpReceiver, leaf: number, source: Source): void;
  /** Somebody shared a file; `file` numbers it. */
  shared(file: number, from: { readonly leaf: number; readonly name: string }, called: string, size: number, at: number): void;
  /** A file of ours or of others moves; `blob` when one of others is here. */
  moved(file: number, progress: FileProgress, blob?: Blob): void;
  /** Somebody's frames come and open no more: the group may have been split, or is one again. */
  doubted(split: boolean): void;
  /** The promise is broken or the place in the group is lost: the room stops at once. `why` is a short stable word. */
  /** by: the name of who removed us */
  stopped(why: string, by?: string): void;
}
export interface FrameSealer {
  readonly class: Exclude<RoomClass, 'governed'>;
  /** The policy keeps sound levels from the server: the extension is not offered, and all sound is passed on. */
  readonly strictMetadata: boolean;
  /** The invitation to give to others; another one after somebody was removed. */
  readonly link: string;
  /** Called once, before the socket opens. */
  start(host: SealerHost): Promise<void>;
  /** The server let us in (again), under this number. */
  entered(member: number): void;
  /** The socket is lost. */
  lost(): void;
  /** Called when a sending section exists and before the offer; sets the transform for its source. */
  seal(sender: RTCRtpSender, source: Source): void;
  /** Called when a receiving section exists and before the offer. Whose frame it is comes from the key id inside. */
  open(receiver: RTCRtpReceiver): void;
  /** An envelope from the server. */
  receiveEnvelope(bytes: Uint8Array): void;
  /** A written message, signed and sealed by the worker. */
  say(text: string): Promise<void>;
  /** Seals a file, sends it and tells the group; `file` is an odd number of the caller's. */
  sendFile(file: number, blob: File, at: FilePlace): void;
  /** Gets and opens a file that somebody shared. */
  fetchFile(file: number, at: FilePlace): void;
  actOnFile(file: number, act: 'pause' | 'go_on' | 'cancel'): void;
  /** Takes a member out of the group and makes a new link. */
  remove(leaf: number): void;
  counts(): Promise<SealCounts>;
  stop(): void;
}
