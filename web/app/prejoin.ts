// SPDX-License-Identifier: Apache-2.0
/** Before joining: who can read the room, what is kept, how one looks and sounds. Nothing is sent from here. */
import type { RoomPolicy } from '../sdk/index.ts';
import { base64urlBytes, utf8 } from '../worker/bytes.ts';
import { keepSealed, keptSealed } from '../worker/kept.ts';
import { guestToken, namedToken, Problem, roomPolicy, SealRefused } from '../sdk/index.ts';
import { call } from './call.ts';
import { choices, keep } from './choices.ts';
import { fill, h, set, shape } from './dom.ts';
import { ended, reasonOf } from './ended.ts';
import { header, show } from './frame.ts';
import { LocalMedia } from './local.ts';
import { MAKER_CAN, makerOf } from './maker.ts';
import { canSealHere, isInvitation, sealerFor } from './offer.ts';
import { preview } from './preview.ts';
import { t } from './texts.ts';
import { limits } from './who.ts';

function tokenOf(fragment: string): string | undefined {
  return /^token=([A-Za-z0-9_.-]+)$/.exec(fragment)?.[1];
}
/** The name a token carries, only to fill in the field: the server alone decides what holds. */
function nameIn(token: string | undefined): string | undefined {
  try {
    const part = token?.split('.')[1];
    if (!part) return undefined;
    const bytes = base64urlBytes(part);
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const name = typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>)['name'] : undefined;
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}

const fact = (name: string, value: string): HTMLElement[] => [h('dt', {}, name), h('dd', {}, value)];
const textOf = (policy: RoomPolicy, name: string): string | undefined => {
  const v = policy.facts[name];
  return typeof v === 'string' && v !== '' ? v : undefined;
};

export function whoCard(policy: RoomPolicy): HTMLElement {
  const c = policy.class;
  const org = textOf(policy, 'organisation') ?? textOf(policy, 'org') ?? '';
  const recording = policy.facts['recording'];
  const rule = textOf(policy, 'join') ?? 'link';
  const days = policy.facts['retention_days'];
  const facts: HTMLElement[] = [];
  if (c === 'governed') {
    const recorded = recording === true || recording === 'required' ? 'yes' : recording === 'allowed' ? 'may' : 'no';
    facts.push(...fact(t('pre.fact.recorded'), t(`pre.fact.recorded.${recorded}`)));
    if (recorded === 'no') facts.push(...fact(t('pre.fact.kept'), t('pre.fact.kept.none')));
    else if (typeof days === 'number') facts.push(...fact(t('pre.fact.days'), t('pre.fact.days.n', { n: days })));
  }
  const joins = rule === 'lobby' ? t('pre.fact.join.lobby') : rule === 'org' ? t('pre.fact.join.org', { org })
    : rule === 'list' ? t('pre.fact.join.list') : t('pre.fact.join.link');
  facts.push(...fact(t('pre.fact.join'), joins));
  facts.push(...fact(t('pre.fact.sees'), t(c === 'governed' ? 'pre.fact.sees.governed' : 'pre.fact.sees.sealed')));
  if (org) facts.push(...fact(t('pre.fact.org'), org));
  return h('section', { class: `who-card c-${c}`, 'aria-labelledby': 'who-first' },
    h('div', { class: 'who-head' }, shape(c, 34),
      h('div', {}, h('p', { class: 'class-name' }, `${t(`class.${c}`)} · ${t('pre.card')}`),
        h('h2', { id: 'who-first' }, t(`pre.${c}.first`, { org })))),
    h('dl', { class: 'facts' }, ...facts),
    c === 'governed' && h('p', { class: 'says' }, t('pre.says')),
    h('details', {}, h('summary', {}, t('pre.limits')),
      h('ul', {}, ...limits(c).map((k) => h('li', {}, t(k, { host: location.host }))))));
}

export async function prejoin(room: string, fragment: string, go: (path: string) => void): Promise<void> {
  show({ element: h('div', { class: 'page' }, header(), h('main', { class: 'loading' }, h('h1', { class: 'small' }, t('pre.loading')))) }, room);
  let policy: RoomPolicy;
  try {
    policy = await roomPolicy(room);
  } catch (why) {
    const status = why instanceof Problem ? why.status : -1;
    const reason = status === 404 ? 'no_such_room' : status === 0 ? 'unreachable' : reasonOf(status);
    return ended({ reason, title: why instanceof Problem ? why.title : '', room, again: () => void prejoin(room, fragment, go) }, go);
  }
  const sealed = policy.class === 'sealed';
  const invitation = !sealed ? '' : isInvitation(fragment) ? fragment : new TextDecoder().decode(await keptSealed(room, 'link'));
  const given = tokenOf(fragment);
  const media = new LocalMedia();
  const name = h('input', {
    id: 'name', class: 'field', autocomplete: 'name', maxlength: 64, value: nameIn(given) ?? choices().name ?? '',
    'aria-describedby': 'name-trouble', readonly: given !== undefined && nameIn(given) !== undefined,
  });
  const trouble = h('p', { class: 'trouble', id: 'name-trouble', role: 'alert' });
  const recording = policy.facts['recording'];
  const recorded = recording === true || recording === 'required';
  const able = policy.class === 'governed' || (sealed && canSealHere() && invitation !== '');
  const joinText = t(recorded || policy.class === 'witnessed' ? 'pre.agree' : 'pre.join');
  const join = h('button', { class: 'primary', type: 'submit', disabled: !able }, joinText);
  let entering = false;

  const enter = async (): Promise<void> => {
    const wanted = name.value.trim();
    if (!wanted) {
      fill(trouble, t('pre.name.missing'));
      return name.focus();
    }
    fill(trouble);
    set(join, { disabled: true });
    fill(join, t('pre.joining'));
    keep({ name: wanted });
    const ask = (): Promise<string> => {
      const maker = makerOf(room);
      const shown = sealed ? undefined : wanted; // the server of a sealed room knows no names
      return maker ? namedToken(room, shown, MAKER_CAN, maker).catch(() => guestToken(room, shown)) : guestToken(room, shown);
    };
    const again = (): void => void prejoin(room, fragment, go);
    try {
      const sealer = sealed ? await sealerFor(room, invitation, wanted, policy.bytes ?? new Uint8Array(0)) : undefined;
      if (sealed) await keepSealed(room, 'link', utf8(invitation));
      const token = given ?? (await ask());
      entering = true;
      return await call({ room, name: wanted, token, renew: given ? undefined : ask, policy, sealer, media, again, go });
    } catch (why) {
      if (why instanceof SealRefused && (why.why === 'elsewhere' || why.why === 'unbuilt')) {
        fill(trouble, t(`pre.${why.why}`));
        set(join, { disabled: false });
        return fill(join, joinText);
      }
      if (why instanceof SealRefused) return ended({ reason: why.why === 'expired' ? 'link_expired' : 'policy', title: why.why, room, again, at: Date.now() }, go);
      const problem = why instanceof Problem ? why : undefined;
      fill(trouble, problem?.status === 0 ? t('landing.unreachable') : problem?.title || t('end.denied.happened'));
    }
    set(join, { disabled: false });
    fill(join, joinText);
  };

  const title = sealed ? t('room.sealed') : policy.name;
  const look = preview(media);
  const element = h('div', { class: 'page' }, header(),
    h('main', { class: 'pre' },
      h('div', { class: 'pre-title' }, h('h1', {}, title), h('p', { class: 'sub' }, t('pre.sub'))),
      whoCard(policy),
      look.element,
      h('form', { class: 'pre-form', onsubmit: (e) => { e.preventDefault(); if (able) void enter(); } },
        h('label', { for: 'name' }, t('pre.name')), name, trouble,
        h('p', { class: 'consent' }, !able ? t(sealed ? (canSealHere() ? 'pre.nolink' : 'pre.cannot.seal') : 'pre.class.unbuilt')
          : policy.class === 'governed' ? t(recorded ? 'pre.consent.recorded' : recording === 'allowed' ? 'pre.consent.governed' : 'pre.consent.never') : t('pre.sealed.first')),
        h('div', { class: 'row' }, join, h('button', { class: 'secondary', type: 'button', onclick: () => go('/') }, t('pre.dont'))))));
  show({
    element,
    leave: () => {
      look.stop();
      if (!entering) media.close();
    },
  }, title, () => {
    media.close();
    void prejoin(room, fragment, go);
  });
  await media.start();
}
