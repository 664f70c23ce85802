// SPDX-License-Identifier: Apache-2.0
/** The first page: the line with four stops, a name, a link. */
import type { RoomClass } from '../sdk/index.ts';
import { createRoom, Problem } from '../sdk/index.ts';
import { fill, h, icon, set, shape } from './dom.ts';
import { header, show } from './frame.ts';
import { keepMaker } from './maker.ts';
import { makerIdentity } from '../worker/identity.ts';
import { makeSealedRoom } from '../worker/policy.ts';
import { offeredClasses } from './offer.ts';
import { t } from './texts.ts';

const CLASSES: readonly RoomClass[] = ['direct', 'sealed', 'witnessed', 'governed'];

/** A room's name from what somebody typed: `[a-z0-9-]{1,64}`, or undefined when nothing of it can stand. */
export function roomName(typed: string): string | undefined {
  const name = typed.normalize('NFKD').replace(/\p{M}/gu, '').replace(/ß/g, 'ss').toLowerCase()
    .replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64).replace(/-+$/, '');
  return name || undefined;
}
/** The path of a link to a room of this server, or undefined. A bare name is good enough. */
export function roomLink(typed: string, origin: string): string | undefined {
  const trimmed = typed.trim();
  if (/^[a-z0-9-]{1,64}$/.test(trimmed)) return `/r/${trimmed}`;
  let url: URL;
  try {
    url = new URL(trimmed.includes('://') ? trimmed : `https://${trimmed}`);
  } catch {
    return undefined;
  }
  if (url.host !== new URL(origin).host || !/^\/r\/[A-Za-z0-9_-]{1,64}$/.test(url.pathname)) return undefined;
  return url.pathname + url.hash;
}

function stop(name: RoomClass, chosen: RoomClass, offered: ReadonlySet<RoomClass>, pick: (c: RoomClass) => void): HTMLElement {
  const open = offered.has(name);
  const id = `class-${name}`;
  const reason = name === 'sealed' ? t('class.unoffered') : t('class.unbuilt');
  const input = h('input', {
    type: 'radio', name: 'class', value: name, id, checked: name === chosen, disabled: !open, class: 'sr-input',
    'aria-labelledby': `${id}-name ${id}-title`, 'aria-describedby': `${id}-text ${id}-facts`, onchange: () => pick(name),
  });
  return h('div', { class: `choice c-${name}`, 'data-open': open },
    h('div', { class: 'stop-mark' }, shape(name, 36)),
    input,
    h('label', { class: 'card', for: id },
      h('span', { class: 'card-head' },
        h('span', { class: 'class-name', id: `${id}-name` }, t(`class.${name}`)),
        !open && h('span', { class: 'tag' }, t('class.coming')),
        open && name === 'sealed' && h('span', { class: 'tag' }, t('class.beta')),
        h('span', { class: 'tick' }, icon('check', 16))),
      h('span', { class: 'card-title', id: `${id}-title` }, t(`class.${name}.title`)),
      h('span', { class: 'card-text', id: `${id}-text` }, t(`class.${name}.text`)),
      h('span', { class: 'card-facts', id: `${id}-facts` },
        !open && h('span', { class: 'reason' }, reason),
        h('span', { class: 'fact-name' }, t('class.who')), h('span', { class: 'fact' }, t(`class.${name}.who`)),
        h('span', { class: 'fact-name' }, t('class.kept')), h('span', { class: 'fact' }, t(`class.${name}.kept`)))));
}

/** Makes a sealed room: policy and link are made here, the server gets the policy alone. Answers where it is. */
async function makeSealed(): Promise<string> {
  const made = await makeSealedRoom(Date.now(), makerIdentity);
  const token = await createRoom({ room_id: made.roomId, class: 'sealed', policy: made.policy });
  if (token) keepMaker(made.roomId, token);
  return `/r/${made.roomId}#${made.fragment}`;
}

export function landing(go: (path: string) => void): void {
  const offered = offeredClasses();
  let chosen: RoomClass = offered.has('sealed') ? 'sealed' : 'governed';
  const trouble = h('p', { class: 'trouble', role: 'alert' });
  const name = h('input', { id: 'room-name', class: 'field', placeholder: t('landing.placeholder'), autocomplete: 'off', maxlength: 64, 'aria-describedby': 'room-trouble' });
  trouble.id = 'room-trouble';
  const create = h('button', { class: 'primary', type: 'submit' }, t(`landing.create.${chosen}`));
  const link = h('input', { id: 'room-link', class: 'field', inputmode: 'url', autocomplete: 'off', placeholder: `${location.origin}/r/…`, 'aria-describedby': 'link-trouble' });
  const linkTrouble = h('p', { class: 'trouble', role: 'alert', id: 'link-trouble' });

  const make = async (): Promise<void> => {
    const slug = roomName(name.value || t('landing.placeholder'));
    fill(trouble);
    if (!slug) {
      fill(trouble, t('landing.name.bad'));
      return name.focus();
    }
    set(create, { disabled: true });
    fill(create, t('landing.creating'));
    try {
      if (chosen === 'sealed') return go(await makeSealed());
      const token = await createRoom({ name: slug, class: chosen });
      if (token) keepMaker(slug, token);
      go(`/r/${slug}`);
    } catch (why) {
      const status = why instanceof Problem ? why.status : -1;
      if (status === 409) {
        fill(trouble, t('landing.exists'), ' ', h('a', { href: `/r/${slug}`, onclick: (e) => { e.preventDefault(); go(`/r/${slug}`); } }, t('landing.exists.open', { room: slug })));
      } else if (status === 401 || status === 403) fill(trouble, t('landing.denied'));
      else if (status === 0) fill(trouble, t('landing.unreachable'));
      else fill(trouble, why instanceof Problem && why.title ? why.title : t('landing.failed'));
    }
    set(create, { disabled: false });
    fill(create, t(`landing.create.${chosen}`));
  };
  const open = (): void => {
    const path = roomLink(link.value, location.origin);
    fill(linkTrouble, path ? '' : t('landing.link.bad', { example: `${location.origin}/r/thursday` }));
    if (path) go(path);
    else link.focus();
  };

  const element = h('div', { class: 'page' },
    header(),
    h('main', { class: 'landing' },
      h('h1', {}, t('landing.h1')),
      h('p', { class: 'lead' }, t('landing.lead')),
      h('div', { class: 'line-ends' }, h('span', {}, t('landing.left')), h('span', {}, t('landing.right'))),
      h('fieldset', { class: 'line' }, h('legend', { class: 'sr' }, t('landing.line')),
        ...CLASSES.map((c) => stop(c, chosen, offered, (picked) => {
          chosen = picked;
          fill(create, t(`landing.create.${picked}`));
        }))),
      h('p', { class: 'line-foot' }, t('landing.right')),
      h('div', { class: 'doors' },
        h('form', { class: 'door', onsubmit: (e) => { e.preventDefault(); void make(); } },
          h('label', { for: 'room-name' }, t('landing.name')), h('div', { class: 'row' }, name, create), trouble),
        h('form', { class: 'door', onsubmit: (e) => { e.preventDefault(); open(); } },
          h('label', { for: 'room-link' }, t('landing.join')),
          h('div', { class: 'row' }, link, h('button', { class: 'secondary', type: 'submit' }, t('landing.open'))), linkTrouble))));
  show({ element }, t('app.title'), () => landing(go));
}
