// SPDX-License-Identifier: Apache-2.0
/** What this browser remembers: devices by label, on or off, name, appearance. Nothing of it leaves the browser. */
export interface Choices {
  readonly name?: string;
  readonly microphone?: string;
  readonly camera?: string;
  readonly speaker?: string;
  readonly microphoneOn?: boolean;
  readonly cameraOn?: boolean;
  readonly theme?: 'system' | 'light' | 'dark';
  readonly language?: string;
  readonly direction?: 'ltr' | 'rtl';
  readonly letterKeys?: boolean;
}
const KEY = 'incamera';
let now: Choices | undefined;

export function choices(): Choices {
  if (now) return now;
  let read: unknown;
  try {
    read = JSON.parse(localStorage.getItem(KEY) ?? '{}');
  } catch {
    read = {};
  }
  now = typeof read === 'object' && read !== null ? (read as Choices) : {};
  return now;
}
export function keep(change: Choices): void {
  now = { ...choices(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(now));
  } catch {
    // A browser that stores nothing still works; it only forgets.
  }
}
export function applyTheme(): void {
  const theme = choices().theme ?? 'system';
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}
