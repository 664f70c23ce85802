// SPDX-License-Identifier: Apache-2.0
/** Who made a room may moderate it: its token stays in this tab, and goes with it. */
export const MAKER_CAN = ['join', 'publish', 'subscribe', 'chat', 'share', 'moderate'] as const;
const key = (room: string): string => `incamera.maker.${room}`;

export function keepMaker(room: string, token: string): void {
  try {
    sessionStorage.setItem(key(room), token);
  } catch {
    // Without storage the maker joins as a guest.
  }
}
export function makerOf(room: string): string | undefined {
  try {
    return sessionStorage.getItem(key(room)) ?? undefined;
  } catch {
    return undefined;
  }
}
