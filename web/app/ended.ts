// SPDX-License-Identifier: Apache-2.0
/** The pages after a call, or instead of one: what happened, what it means, what to do. */
import { fill, h, icon } from './dom.ts';
import { header, live, show } from './frame.ts';
import { clockTime, t } from './texts.ts';
import type { TextKey } from './texts.ts';

export interface Ended {
  readonly reason: string;
  readonly title: string;
  readonly by?: string;
  readonly room: string;
  readonly again: () => void;
  readonly at?: number;
}
type Page = 'kicked' | 'ended' | 'full' | 'locked' | 'expired' | 'replaced' | 'gone' | 'denied' | 'server' | 'unreachable' | 'stopped' | 'policy' | 'newlink' | 'oldlink';

const PAGES: Readonly<Record<string, Page>> = {
  kicked: 'kicked', ended: 'ended', room_closed: 'ended', full: 'full', room_full: 'full', room_locked: 'locked',
  expired: 'expired', token_expired: 'expired', replaced: 'replaced', no_such_room: 'gone', denied: 'denied',
  token_invalid: 'denied', unreachable: 'unreachable', promise: 'stopped', policy: 'policy', link_replaced: 'newlink', link_expired: 'oldlink',
};
export const reasonOf = (status: number): string => (status === 401 || status === 403 ? 'denied' : status === 410 ? 'ended' : 'server');
const AGAIN: ReadonlySet<Page> = new Set(['full', 'locked', 'expired', 'replaced', 'server', 'unreachable']);

function report(e: Ended): string {
  return [`incamera report`, `reason: ${e.reason}`, `time: ${new Date(e.at ?? Date.now()).toISOString()}`, `host: ${location.host}`,
    `browser: ${navigator.userAgent}`].join('\n');
}

export function ended(e: Ended, go: (path: string) => void): void {
  const home = h('a', { class: 'secondary', href: '/', onclick: (ev) => { ev.preventDefault(); go('/'); } }, t('end.home'));
  if (e.reason === 'left') {
    const again = h('button', { class: 'primary', type: 'button', onclick: e.again }, t('end.again'));
    const timer = setTimeout(() => again.remove(), 60000);
    return show({
      element: h('div', { class: 'page' }, header(), h('main', { class: 'end' }, h('h1', {}, t('end.left.h1')),
        h('p', { class: 'lead' }, t('end.left.text')), h('div', { class: 'row' }, again, home))),
      leave: () => clearTimeout(timer),
    }, t('end.left.h1'), () => ended(e, go));
  }
  const page = PAGES[e.reason] ?? 'server';
  const values = { by: e.by ?? t('end.kicked.nobody'), title: e.title || e.reason, host: location.host, time: clockTime(e.at ?? Date.now(), true) };
  const row = (name: TextKey, value: TextKey): HTMLElement => h('div', { class: 'end-row' }, h('dt', {}, t(name)), h('dd', {}, t(value, values)));
  const stopped = page === 'stopped' || page === 'policy';
  const buttons: HTMLElement[] = [];
  if (AGAIN.has(page)) buttons.push(h('button', { class: 'primary', type: 'button', onclick: e.again }, t(page === 'unreachable' ? 'dev.again' : 'end.again')));
  if (stopped || page === 'gone' || page === 'ended') {
    buttons.push(h('button', { class: 'primary', type: 'button', onclick: () => go('/') }, t('end.new')));
  }
  if (stopped || page === 'server') {
    const copy = h('button', { class: 'secondary', type: 'button', onclick: () => {
      void navigator.clipboard?.writeText(report(e)).then(() => fill(copy, icon('check', 18), t('call.copied')));
    } }, icon('copy', 18), t('end.copy'));
    buttons.push(copy);
  }
  if (page !== 'gone' && page !== 'ended') buttons.push(home);
  const heading = t(`end.${page}.h1`);
  live.alert(heading);
  show({
    element: h('div', { class: 'page' }, header(),
      h('main', { class: 'end', 'data-page': page },
        (stopped || page === 'kicked' || page === 'server') && h('div', { class: 'end-mark' }, icon('stop', 40)),
        h('h1', {}, heading),
        stopped && h('p', { class: 'lead' }, t('end.stopped.since', values)),
        h('dl', { class: 'end-rows' }, row('end.happened', `end.${page}.happened`), row('end.means', `end.${page}.means`), row('end.todo', `end.${page}.todo`)),
        h('div', { class: 'row' }, ...buttons),
        (stopped || page === 'server') && h('details', {}, h('summary', {}, t('end.details')), h('pre', {}, report(e))))),
  }, heading, () => ended(e, go));
}
