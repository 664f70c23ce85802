// SPDX-License-Identifier: Apache-2.0
// What the page and the sealing worker say to each other. Keys never cross.
import type { FileProgress } from './files.ts';

export type ToWorker =
  | { readonly type: 'start'; readonly wasm: ArrayBuffer; readonly link: string; readonly policy: Uint8Array; readonly name: string }
  | { readonly type: 'entered'; readonly member: number }
  | { readonly type: 'lost' }
  | { readonly type: 'envelope'; readonly bytes: Uint8Array }
  | { readonly type: 'say'; readonly id: number; readonly text: string }
  | { readonly type: 'kick'; readonly leaf: number }
  | { readonly type: 'file_send'; readonly file: number; readonly blob: File; readonly at: FilePlace }
  | { readonly type: 'file_fetch'; readonly file: number; readonly at: FilePlace }
  | { readonly type: 'file_act'; readonly file: number; readonly act: 'pause' | 'go_on' | 'cancel' }
  | { readonly type: 'count' };
/** Where the server takes files of this room, and by which right. */
export interface FilePlace {
  readonly url: string;
  readonly token: string;
}

export type StopReason = 'policy' | 'link' | 'identity' | 'group' | 'replaced' | 'removed' | 'full' | 'expired' | 'core' | 'elsewhere' | 'unbuilt';
export interface ShownMember {
  readonly leaf: number;
  readonly name: string;
  /** who it is: from its signature key */
  readonly id: string;
  /** named by the room's policy */
  readonly moderator: boolean;
  /** in the server's list, as this member itself announced it */
  readonly member?: number;
}
export interface Counts {
  sealed: number;
  opened: number;
  /** nothing sent, as there was no key yet or the codec cannot be sealed */
  held: number;
  /** what came and did not hold, by reason */
  dropped: Record<string, number>;
}
export type FromWorker =
  | { readonly type: 'verified'; readonly link: string; readonly strict: boolean }
  | { readonly type: 'refused'; readonly why: StopReason }
  | { readonly type: 'envelope'; readonly bytes: Uint8Array }
  | { readonly type: 'group'; readonly members: readonly ShownMember[]; readonly own: number; readonly epoch: number; readonly code: string;
      readonly removedBy: readonly { readonly leaf: number; readonly by: string }[] }
  | { readonly type: 'said'; readonly leaf: number; readonly name: string; readonly text: string; readonly at: number }
  /** somebody shared a file; `file` numbers it from now on */
  | { readonly type: 'file'; readonly file: number; readonly leaf: number; readonly name: string; readonly at: number; readonly called: string; readonly size: number }
  | ({ readonly type: 'file_state'; readonly file: number; readonly blob?: Blob } & FileProgress)
  | { readonly type: 'sent'; readonly id: number; readonly done: boolean }
  | { readonly type: 'link'; readonly link: string }
  | { readonly type: 'heard'; readonly receiver: number; readonly leaf: number; readonly context: number }
  | { readonly type: 'doubt'; readonly split: boolean }
  | { readonly type: 'stopped'; readonly why: StopReason; readonly by?: string }
  | ({ readonly type: 'counts' } & Counts);

/** How a transform says what it is for. */
export type TransformFor = { readonly side: 'send'; readonly context: number } | { readonly side: 'receive'; readonly receiver: number };
export const CONTEXTS = { microphone: 0, camera: 1, screen: 2, screen_audio: 3 } as const;
