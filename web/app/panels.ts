// SPDX-License-Identifier: Apache-2.0
/** What the side panel shows besides chat: who can read, people, how the call runs, settings, keys. */
import type { CallQuality, Member, Room, RoomPolicy } from '../sdk/index.ts';
import { choices, keep } from './choices.ts';
import { fill, h, icon, monogram, set, shape } from './dom.ts';
import { themePicker } from './frame.ts';
import type { Compared } from './compare.ts';
import type { LocalMedia } from './local.ts';
import { ask } from './menu.ts';
import { devicePicker } from './preview.ts';
import { clockTime, number, t } from './texts.ts';
import type { TextKey } from './texts.ts';
import { limits, panelFirst, panelRest } from './who.ts';
import type { Readers } from './who.ts';

const CLASSES = ['direct', 'sealed', 'witnessed', 'governed'] as const;
const head = (text: string, note = ''): HTMLElement => h('div', { class: 'sub-head' }, h('h3', {}, text), note ? h('span', {}, note) : undefined);

function memberLine(m: Member): string {
  return m.kind === 'browser' || m.kind === 'native' ? t('people.guest') : t('people.machine');
}
function memberRow(m: Member, mine: boolean, more: (HTMLElement | undefined)[] = []): HTMLElement {
  const tags = [m.moderator ? h('span', { class: 'tag' }, t('people.moderator')) : undefined, m.hand ? h('span', { class: 'tag' }, icon('hand', 14), t('people.hand')) : undefined];
  return h('li', { class: 'member' }, h('span', { class: 'avatar', 'aria-hidden': 'true' }, monogram(m.name)),
    h('div', { class: 'member-text' }, h('p', { class: 'member-name' }, mine ? t('call.you.name', { name: m.name }) : m.name, ...tags),
      h('p', { class: 'member-how' }, memberLine(m))), ...more);
}

export function whoPanel(room: Room, policy: RoomPolicy, readers: Readers, order: readonly number[], quality: CallQuality | undefined, compared: Compared, again: () => void): HTMLElement {
  const { state } = room;
  const c = readers.class;
  const sealed = room.sealed;
  const n = readers.others.length + 1;
  const rows = sealed
    ? sealed.members.map((m) => h('li', { class: 'member' }, h('span', { class: 'avatar', 'aria-hidden': 'true' }, monogram(m.name)),
      h('div', { class: 'member-text' }, h('p', { class: 'member-name' }, m.leaf === sealed.own ? t('call.you.name', { name: m.name }) : m.name,
        m.moderator && h('span', { class: 'tag' }, t('people.moderator'))), h('p', { class: 'member-how' }, compared.at(m.id) && m.leaf !== sealed.own ? t('people.compared', { time: clockTime(compared.at(m.id) ?? 0) }) : t('people.guest')))))
    : order.flatMap((m) => {
      const member = state.members.get(m);
      return member ? [memberRow(member, m === state.me)] : [];
    });
  const checked: string[] = [];
  if (c === 'governed') {
    checked.push(t('who.checked.class'));
    if (quality?.cipher) checked.push(t('who.checked.transport', { cipher: quality.cipher.replace(/_/g, '-') }));
  }
  if (sealed) checked.push(t('who.checked.policy'), t('who.checked.step', { epoch: sealed.epoch }));
  const groups = sealed?.code.match(/\d{5}/g) ?? [];
  const newcomers = sealed ? compared.newcomers(sealed) : [];
  const answer = (text: TextKey, act: () => void): HTMLElement => h('button', { class: 'secondary small', type: 'button', onclick: () => {
    act();
    again();
  } }, t(text));
  return h('div', { class: 'who' },
    h('ol', { class: `stops c-${c}`, 'aria-label': t('who.stops', { class: t(`class.${c}`) }) },
      ...CLASSES.map((x) => h('li', { class: x === c ? 'here' : '', 'aria-current': x === c ? 'true' : undefined }, h('i', {}), t(`class.${x}`)))),
    h('p', { class: 'who-first' }, panelFirst(readers)),
    h('p', { class: 'who-rest' }, panelRest(readers)),
    sealed && h('section', {}, head(t('who.code'), t('who.code.step', { n, epoch: sealed.epoch })),
      newcomers.length > 0 && h('p', { class: 'notice', role: 'status' }, h('b', {}, t('who.code.new', { a: newcomers.join(', ') })), ' ', t('who.code.new.rest')),
      compared.differs && h('p', { class: 'notice', role: 'status' }, h('b', {}, t('who.code.differs')), ' ', t('who.code.differs.rest')),
      h('p', { class: 'code', 'aria-label': groups.map((g) => [...g].join(' ')).join(', ') }, ...groups.map((g) => h('span', {}, g))),
      h('p', { class: 'who-rest' }, t('who.code.how')),
      n > 1 && h('div', { class: 'row wrap answers' }, answer('who.code.same', () => compared.match(sealed, Date.now())), answer('who.code.other', () => compared.differ()))),
    h('section', {}, head(t('who.members'), t(sealed ? 'who.members.keys' : 'who.members.server')), h('ul', { class: 'members' }, ...rows)),
    h('section', {}, head(t('who.checked')), c === 'governed' ? h('p', { class: 'who-rest' }, t('who.checked.governed')) : undefined,
      h('ul', { class: 'checks' }, ...checked.map((x) => h('li', {}, icon('check', 18), x)))),
    h('section', {}, head(t('pre.limits')), h('ul', { class: 'limits' }, ...limits(policy.class).map((k) => h('li', {}, t(k, { host: location.host }))))));
}

export function peoplePanel(room: Room, order: readonly number[]): HTMLElement {
  const { state } = room;
  const moderates = state.can.includes('moderate');
  const all = [...order, ...[...state.members.keys()].filter((m) => !order.includes(m))];
  const remove = (m: Member): void => ask(t('people.remove.h2', { name: m.name }), t('people.remove.text'), [
    { text: t('people.cancel'), kind: 'secondary' }, { text: t('people.remove.short'), kind: 'stop', act: () => room.kick(m.member) }]);
  const rows = all.flatMap((number) => {
    const m = state.members.get(number);
    if (!m) return [];
    const mine = number === state.me;
    const open = [...state.tracks.values()].some((x) => x.member === number && x.source === 'microphone' && !x.muted);
    return [memberRow(m, mine, (moderates || room.mayRemove) && !mine ? [h('span', { class: 'member-acts' },
      moderates && h('button', { class: 'secondary small', type: 'button', disabled: !open, 'aria-label': t('people.mute', { name: m.name }), onclick: () => room.askMute(number, 'microphone') }, t('people.mute.short')),
      room.mayRemove && h('button', { class: 'secondary small', type: 'button', 'aria-label': t('people.remove', { name: m.name }), onclick: () => remove(m) }, t('people.remove.short')))] : [])];
  });
  const others = all.filter((m) => m !== state.me);
  return h('div', { class: 'people' },
    state.knocks.length ? h('section', {}, head(t('people.lobby'), String(state.knocks.length)), h('ul', { class: 'members' },
      ...state.knocks.map((k) => h('li', { class: 'member' }, h('span', { class: 'avatar', 'aria-hidden': 'true' }, monogram(k.name)),
        h('div', { class: 'member-text' }, h('p', { class: 'member-name' }, k.name)),
        h('span', { class: 'member-acts' },
          h('button', { class: 'primary small', type: 'button', 'aria-label': t('people.admit.label', { name: k.name }), onclick: () => room.admit(k.knock, true) }, t('people.admit')),
          h('button', { class: 'secondary small', type: 'button', 'aria-label': t('people.refuse.label', { name: k.name }), onclick: () => room.admit(k.knock, false) }, t('people.refuse'))))))) : undefined,
    h('section', {}, head(t('who.members'), String(all.length)), h('ul', { class: 'members' }, ...rows)),
    state.info?.locked ? h('p', { class: 'notice' }, t('people.locked')) : undefined,
    moderates ? h('div', { class: 'row wrap' },
      h('button', { class: 'secondary', type: 'button', disabled: !others.length, onclick: () => { for (const m of others) room.askMute(m, 'microphone'); } }, t('people.muteall')),
      h('button', { class: 'secondary', type: 'button', onclick: () => room.lock(!state.info?.locked) }, t(state.info?.locked ? 'menu.unlock' : 'menu.lock'))) : undefined);
}

const rate = (kbps: number): string => (kbps >= 1000 ? t('stats.mbps', { n: number(kbps / 1000, 1) }) : t('stats.kbps', { n: number(kbps) }));

export function statsPanel(room: Room, q: CallQuality | undefined): HTMLElement {
  if (!q) return h('div', { class: 'stats' }, h('p', { class: 'empty' }, t('stats.wait')));
  const { state } = room;
  const line = (name: string, value: string): HTMLElement => h('div', { class: 'stat' }, h('dt', {}, name), h('dd', {}, value));
  const path: TextKey = q.path === 'relay' ? 'stats.path.relay' : q.path === 'tcp' ? 'stats.path.tcp' : 'stats.path.udp';
  const received = q.received.filter((r) => r.kbps > 0.5 || r.frozen).map((r) => {
    const what = r.source === 'camera' && r.width ? t('stats.picture', { w: r.width, h: r.height ?? 0, f: number(r.framesPerSecond ?? 0) })
      : r.source === 'screen' && r.width ? t('stats.screen', { w: r.width, h: r.height ?? 0 }) : t('stats.sound');
    const loss = r.lossPercent >= 0.5 ? ` · ${t('stats.percent', { n: number(r.lossPercent, 1) })}` : '';
    return line(state.members.get(r.member)?.name ?? '', `${what} · ${rate(r.kbps)}${loss}${r.frozen ? ` · ${t('stats.frozen')}` : ''}`);
  });
  const sent = q.sent.map((s) => {
    const what = s.width ? t('stats.picture', { w: s.width, h: s.height ?? 0, f: number(s.framesPerSecond ?? 0) }) : t('stats.sound');
    const why = s.limitedBy === 'cpu' ? t('stats.limit.cpu') : s.limitedBy === 'bandwidth' ? t('stats.limit.bandwidth') : '';
    return line(what, rate(s.kbps) + (why ? ` · ${why}` : ''));
  });
  return h('div', { class: 'stats' },
    head(t('stats.you')), h('dl', {}, line(t('stats.grade'), t(`stats.grade.${q.grade}`)),
      line(t('stats.delay'), q.roundTripMs === undefined ? '–' : t('stats.ms', { n: number(q.roundTripMs) })),
      line(t('stats.loss.in'), t('stats.percent', { n: number(q.lossPercent, 1) })), line(t('stats.loss.out'), t('stats.percent', { n: number(q.sendLossPercent, 1) })),
      line(t('stats.in'), rate(q.receiveKbps)), line(t('stats.out'), rate(q.sendKbps)), line(t('stats.path'), t(path))),
    received.length ? head(t('stats.people')) : undefined, received.length ? h('dl', {}, ...received) : undefined,
    sent.length ? head(t('stats.sent')) : undefined, sent.length ? h('dl', {}, ...sent) : undefined);
}

export function settingsPanel(room: Room, media: LocalMedia): HTMLElement {
  const pick = (label: string, picker: HTMLSelectElement, id: string): HTMLElement => {
    picker.id = id;
    return h('div', { class: 'pick' }, h('label', { for: id }, label), picker);
  };
  const letters = h('input', { type: 'checkbox', id: 'letter-keys', checked: choices().letterKeys !== false, onchange: () => keep({ letterKeys: letters.checked }) });
  return h('div', { class: 'settings' },
    pick(t('dev.mic'), devicePicker('audioinput', media.devices, media.labelOf('microphone'), (d) => void media.choose('microphone', d.label)), 'set-mic'),
    pick(t('dev.cam'), devicePicker('videoinput', media.devices, media.labelOf('camera'), (d) => void media.choose('camera', d.label)), 'set-cam'),
    pick(t('dev.speaker'), devicePicker('audiooutput', media.devices, choices().speaker ?? '', (d) => {
      keep({ speaker: d.label });
      void room.useSpeaker(d.id);
    }), 'set-speaker'),
    h('div', { class: 'pick' }, h('span', { class: 'pick-label' }, t('theme.label')), themePicker()),
    h('div', { class: 'check' }, letters, h('div', {}, h('label', { for: 'letter-keys' }, t('set.keys')), h('p', { class: 'who-rest' }, t('set.keys.text')))));
}

export function keysPanel(): HTMLElement {
  const rows: [string, TextKey][] = [['M', 'keys.m'], ['V', 'keys.v'], ['S', 'keys.s'], ['H', 'keys.h'], ['C', 'keys.c'], ['P', 'keys.p'],
    ['W', 'keys.w'], ['G', 'keys.g'], ['L', 'keys.l'], ['F', 'keys.f'], ['?', 'keys.q'], [t('keys.spacekey'), 'keys.space'], ['F6', 'keys.f6'],
    [t('keys.arrowkeys'), 'keys.arrows'], ['Esc', 'keys.esc']];
  return h('dl', { class: 'keys' }, ...rows.map(([key, what]) => h('div', { class: 'stat' }, h('dt', {}, h('kbd', {}, key)), h('dd', {}, t(what)))));
}

/** The pill: shape, class, sentence. Always there. */
export function pill(open: () => void): { element: HTMLButtonElement; draw: (c: Readers['class'], text: string, recording: boolean) => void } {
  const element = h('button', { class: 'pill', type: 'button', 'aria-expanded': 'false', onclick: open });
  return {
    element,
    draw: (c, text, recording) => {
      const drawn = `${c}|${text}|${String(recording)}`;
      if (element.dataset['drawn'] === drawn) return;
      element.dataset['drawn'] = drawn;
      set(element, { class: `pill c-${c}`, title: t('pill.open') });
      fill(element, shape(c, 24), h('span', { class: 'pill-text' }, recording ? h('span', { class: 'rec' }) : undefined, h('b', {}, t(`class.${c}`)), ` · ${text}`));
    },
  };
}
