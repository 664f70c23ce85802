// SPDX-License-Identifier: Apache-2.0
/**
 * The door for sealed rooms. Whoever holds the keys (a worker, never the page) implements `FrameSealer`. The room
 * calls it before any offer is made, for every sender and every receiver, so that no frame ever passes unsealed: there
 * is no pass-through, no "off" and no fallback. Without a sealer a room that is not governed is not entered.
 */
import type { RoomClass, Source } from './protocol.ts';

export interface SealedMember {
  /** of the group's own tree, not the server's list */
  readonly leaf: number;
  readonly name: string;
  /** one sentence on how the name was checked */
  readonly checked: string;
}
export interface SealedState {
  readonly members: readonly SealedMember[];
  readonly epoch: number;
  /** 40 digits in eight groups */
  readonly code: string;
}
export interface SealerHost {
  /** Sends one envelope (docs/protocol.md, Envelopes) on the room's socket; false when it is not open. */
  sendEnvelope(bytes: Uint8Array): boolean;
  /** The group changed: members, epoch, code. */
  changed(state: SealedState): void;
  /** A written message that a member signed. */
  said(from: SealedMember, text: string, at: number): void;
  /** The promise is broken: the room stops at once and says why. */
  stopped(what: string, means: string, todo: string): void;
}
export interface FrameSealer {
  readonly class: Exclude<RoomClass, 'governed'>;
  /** Called once, before the socket opens. */
  start(host: SealerHost): Promise<void>;
  /** Called when a sending section exists and before the offer; sets the transform for its source. */
  seal(sender: RTCRtpSender, source: Source): void;
  /** Called when a receiving section exists and before the offer. Whose frame it is comes from the key id inside. */
  open(receiver: RTCRtpReceiver): void;
  /** An envelope from the server. */
  receiveEnvelope(bytes: Uint8Array): void;
  /** A written message, signed and sealed by the worker. */
  say(text: string): Promise<void>;
  stop(): void;
}
