// SPDX-License-Identifier: Apache-2.0
/** Which classes can be chosen here: what this page was built with, and what this browser can do. */
import type { FrameSealer, RoomClass } from '../sdk/index.ts';
import { workerSealer } from '../sdk/index.ts';

/** Addresses of the sealing worker and core; empty in a build without them (web/build.mjs), which then enters governed rooms only. */
declare const SEALER_FILES: { readonly worker: string; readonly core: string };

export const canSealHere = (): boolean => SEALER_FILES.core !== '' && 'RTCRtpScriptTransform' in globalThis && 'subtle' in crypto;

/** Starts the keeper of a sealed room's keys; SealRefused when the policy is not the link's. */
export function sealerFor(room: string, fragment: string, name: string, policy: Uint8Array): Promise<FrameSealer> {
  return workerSealer({ ...SEALER_FILES, link: `${location.origin}/r/${room}#${fragment}`, policy, name });
}
export const isInvitation = (fragment: string): boolean => /^1\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}(\.[1-9][0-9]*)?$/.test(fragment);

export function offeredClasses(): ReadonlySet<RoomClass> {
  return new Set<RoomClass>(canSealHere() ? ['governed', 'sealed'] : ['governed']);
}
