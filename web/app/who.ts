// SPDX-License-Identifier: Apache-2.0
/** Who can read the room, in words: pure functions of class, people and what the keys or the server say. */
import type { RoomClass } from '../sdk/index.ts';
import { t } from './texts.ts';
import type { TextKey } from './texts.ts';

export interface Readers {
  readonly class: RoomClass;
  /** names of the others, from the keys in sealed rooms */
  readonly others: readonly string[];
  readonly recording: boolean;
  readonly org?: string;
}

/** The sentence of the pill, without the class. */
export function pillText(r: Readers): string {
  const n = r.others.length + 1;
  if (r.class === 'governed') {
    if (r.recording) return t('pill.governed.recorded', { n });
    return n === 1 ? t('pill.governed.one') : t('pill.governed', { n });
  }
  const [a = '', b = ''] = r.others;
  if (n === 1) return t('pill.alone');
  if (n === 2) return t('pill.two', { a });
  return n === 3 ? t('pill.three', { a, b }) : t('pill.n', { n });
}

export function panelFirst(r: Readers): string {
  const n = r.others.length + 1;
  const family = r.class === 'governed' ? 'governed' : 'sealed';
  return n === 1 ? t(`who.${family}.first.one`) : t(`who.${family}.first`, { n });
}
export function panelRest(r: Readers): string {
  const org = r.org ?? t('who.governed.org');
  if (r.class === 'governed') return t(r.recording ? 'who.governed.rest.recorded' : 'who.governed.rest', { org });
  return t(`who.${r.class}.rest`, { n: r.others.length + 1 });
}
export function limits(room: RoomClass): TextKey[] {
  if (room === 'governed') return ['limit.recording', 'limit.service'];
  const all: TextKey[] = ['limit.recording', 'limit.host', 'limit.met'];
  return room === 'direct' ? all : [...all, 'limit.member'];
}
