// SPDX-License-Identifier: Apache-2.0
/** The bar: never hidden; the word is the action, the icon is the state, and off is red ground and a slash. */
import { fill, h, icon, say, set } from './dom.ts';
import type { IconName } from './dom.ts';
import { t } from './texts.ts';

export interface BarState {
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly sharing: boolean;
  readonly hand: boolean;
  readonly captions: boolean;
  readonly panel: string;
  readonly unread: number;
  readonly time: string;
  readonly connection: string;
}
export interface BarActs {
  readonly microphone: () => void;
  readonly camera: () => void;
  readonly microphones: (button: HTMLElement) => void;
  readonly cameras: (button: HTMLElement) => void;
  readonly share: () => void;
  readonly hand: () => void;
  readonly leave: () => void;
  readonly captions: () => void;
  readonly panel: (name: 'people' | 'chat') => void;
  readonly more: (button: HTMLElement) => void;
}

class Control {
  readonly element: HTMLButtonElement;
  readonly #icon = h('span', { class: 'control-icon' });
  readonly #word = h('span', { class: 'control-word' });
  readonly #count = h('span', { class: 'count', hidden: true, 'aria-hidden': 'true' });
  #drawn = '';
  constructor(name: string, act: (button: HTMLElement) => void) {
    this.element = h('button', { class: `control control-${name}`, type: 'button', onclick: () => act(this.element) }, this.#icon, this.#word, this.#count);
  }
  draw(iconName: IconName, word: string, label: string, off = false, count = 0): void {
    if (this.#drawn !== iconName) fill(this.#icon, icon(iconName, 22));
    this.#drawn = iconName;
    say(this.#word, word);
    set(this.element, { 'aria-label': label === word ? undefined : label });
    this.element.classList.toggle('off', off);
    set(this.#count, { hidden: count === 0 });
    say(this.#count, count > 99 ? '99+' : count ? String(count) : '');
  }
}

export class Bar {
  readonly element: HTMLElement;
  readonly #time = h('span', { class: 'time' });
  readonly #connection = h('span', { class: 'connection' });
  readonly #mic: Control;
  readonly #cam: Control;
  readonly #share: Control;
  readonly #hand: Control;
  readonly #captions: Control;
  readonly #people: Control;
  readonly #chat: Control;
  readonly more: Control;

  constructor(acts: BarActs) {
    this.#mic = new Control('mic', acts.microphone);
    this.#cam = new Control('cam', acts.camera);
    this.#share = new Control('share', acts.share);
    this.#hand = new Control('hand', acts.hand);
    this.#captions = new Control('captions', acts.captions);
    this.#people = new Control('people', () => acts.panel('people'));
    this.#chat = new Control('chat', () => acts.panel('chat'));
    this.more = new Control('more', acts.more);
    const leave = new Control('leave', acts.leave);
    leave.draw('leave', t('call.leave'), t('call.leave'));
    this.more.draw('more', t('call.more'), t('call.more'));
    set(this.more.element, { 'aria-haspopup': 'menu', 'aria-expanded': 'false' });
    const chevron = (label: string, act: (b: HTMLElement) => void): HTMLElement => {
      const b = h('button', { class: 'chevron', type: 'button', 'aria-label': label, 'aria-haspopup': 'menu', 'aria-expanded': 'false', onclick: () => act(b) }, icon('down', 16));
      return b;
    };
    this.element = h('nav', { class: 'bar', 'aria-label': t('call.controls') },
      h('div', { class: 'bar-left' }, this.#time, this.#connection),
      h('div', { class: 'bar-middle' },
        h('div', { class: 'split split-mic' }, this.#mic.element, chevron(t('call.mics'), acts.microphones)),
        h('div', { class: 'split split-cam' }, this.#cam.element, chevron(t('call.cams'), acts.cameras)),
        this.#share.element, this.#hand.element, leave.element),
      h('div', { class: 'bar-right' }, this.#captions.element, this.#people.element, this.#chat.element, this.more.element));
  }
  draw(s: BarState): void {
    const phone = innerWidth < 600;
    this.#mic.draw(s.microphone ? 'mic' : 'mic-off', t(s.microphone ? 'call.mute' : 'call.unmute'), t(s.microphone ? 'call.mute.label' : 'call.unmute.label'), !s.microphone);
    const video = t(s.camera ? 'call.stop' : 'call.start');
    this.#cam.draw(s.camera ? 'cam' : 'cam-off', phone ? t('call.video.short') : video, phone ? `${t('call.video.short')}: ${video}` : video, !s.camera);
    this.#share.draw('share', t(s.sharing ? 'call.unshare' : 'call.share'), t(s.sharing ? 'call.unshare' : 'call.share.label'));
    this.#share.element.classList.toggle('active', s.sharing);
    this.#hand.draw('hand', t('call.hand'), t('call.hand'));
    set(this.#hand.element, { 'aria-pressed': String(s.hand) });
    this.#captions.draw('captions', t('call.captions'), t('call.captions'));
    set(this.#captions.element, { 'aria-pressed': String(s.captions) });
    this.#people.draw('people', t('call.people'), t('call.people'));
    set(this.#people.element, { 'aria-expanded': String(s.panel === 'people') });
    this.#chat.draw('chat', t('call.chat'), s.unread ? t('call.chat.unread', { n: s.unread }) : t('call.chat'), false, s.unread);
    set(this.#chat.element, { 'aria-expanded': String(s.panel === 'chat') });
    say(this.#time, s.time);
    say(this.#connection, s.connection);
  }
}
