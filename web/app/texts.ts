// SPDX-License-Identifier: Apache-2.0
/** The catalogue in use. English is in the page; another language is loaded when it is chosen. */
import { en } from './texts/en.ts';
import type { TextKey } from './texts/en.ts';
import { choices, keep } from './choices.ts';

export type { TextKey };
export interface Language {
  readonly code: string;
  readonly name: string;
  readonly dir: 'ltr' | 'rtl';
}
export const LANGUAGES: readonly Language[] = [
  { code: 'en', name: 'English', dir: 'ltr' },
  { code: 'de', name: 'Deutsch', dir: 'ltr' },
];
let catalogue: Readonly<Record<TextKey, string>> = en;
let code = 'en';

export const language = (): string => code;

/** The text of a key with its places filled in. */
export function t(key: TextKey, values: Readonly<Record<string, string | number>> = {}): string {
  return catalogue[key].replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}
export const number = (n: number, digits = 0): string =>
  new Intl.NumberFormat(code, { maximumFractionDigits: digits, minimumFractionDigits: 0 }).format(n);
export const clockTime = (at: number, seconds = false): string =>
  new Intl.DateTimeFormat(code, { hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}) }).format(at);

async function load(wanted: string): Promise<void> {
  if (wanted === 'de') catalogue = (await import('./texts/de.ts')).de;
  else catalogue = en;
  code = wanted === 'de' ? 'de' : 'en';
}
/** Loads the chosen language, or the browser's, or English; sets the page's language and direction. */
export async function startLanguage(): Promise<void> {
  const asked = new URLSearchParams(location.search).get('lang');
  const wanted = asked ?? choices().language ?? navigator.language.slice(0, 2);
  await load(wanted).catch(() => load('en'));
  document.documentElement.lang = code;
  const dir = new URLSearchParams(location.search).get('dir') ?? choices().direction;
  document.documentElement.dir = dir === 'rtl' ? 'rtl' : (LANGUAGES.find((l) => l.code === code)?.dir ?? 'ltr');
}
export async function chooseLanguage(wanted: string): Promise<void> {
  keep({ language: wanted });
  await startLanguage();
}
