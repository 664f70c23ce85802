// SPDX-License-Identifier: Apache-2.0
/** Which classes can be chosen here: what this page can do, and what the server says it offers. */
import type { FrameSealer, RoomClass } from '../sdk/index.ts';

/** Makes the keeper of a sealed room's keys. Set by the build that carries the sealing worker; without it this page
 * enters governed rooms only. */
type SealerMaker = (room: string, fragment: string, name: string) => Promise<FrameSealer>;
let maker: SealerMaker | undefined;
export function provideSealer(make: SealerMaker): void {
  maker = make;
}
export const sealerMaker = (): SealerMaker | undefined => maker;

export const canSealHere = (): boolean => maker !== undefined && 'RTCRtpScriptTransform' in globalThis;

export async function offeredClasses(): Promise<ReadonlySet<RoomClass>> {
  const offered = new Set<RoomClass>(['governed']);
  if (!canSealHere()) return offered;
  try {
    const answer = await fetch('/api/v1/classes', { credentials: 'omit' });
    const body: unknown = answer.ok ? await answer.json() : undefined;
    const classes = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)['classes'] : undefined;
    if (Array.isArray(classes) && classes.includes('sealed')) offered.add('sealed');
  } catch {
    // A server that does not answer offers nothing more.
  }
  return offered;
}
