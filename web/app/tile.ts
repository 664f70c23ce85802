// SPDX-License-Identifier: Apache-2.0
/** One tile: a picture or a monogram, the name, and what is to be known of the person. */
import type { Grade } from '../sdk/index.ts';
import { fill, h, icon, monogram, say, set } from './dom.ts';
import type { Box } from './grid.ts';
import { t } from './texts.ts';

export interface TileState {
  readonly name: string;
  readonly mine: boolean;
  readonly screen: boolean;
  readonly stream?: MediaStream;
  /** false: the camera is off, or its picture is not here yet */
  readonly picture: boolean;
  readonly muted: boolean;
  readonly hand?: number; // place in the queue
  readonly grade: Grade;
  readonly stalled: boolean;
  readonly ring: boolean;
  readonly loud: number; // 0 … 1
}

export class Tile {
  readonly element: HTMLElement;
  readonly #video = h('video', { playsinline: true, autoplay: true, 'aria-hidden': 'true' });
  readonly #mono = h('div', { class: 'mono', 'aria-hidden': 'true' }, h('span', {}));
  readonly #badge = h('div', { class: 'tile-name' });
  readonly #label = h('span', { class: 'tile-label' });
  readonly #mic = h('span', { class: 'tile-mic' }, icon('mic-off', 16));
  readonly #bars = h('span', { class: 'bars', 'aria-hidden': 'true' }, h('i', {}), h('i', {}), h('i', {}));
  readonly #hand = h('div', { class: 'tile-hand' });
  readonly #weak = h('div', { class: 'tile-weak' });
  readonly #react = h('div', { class: 'tile-react' });
  readonly #menu: HTMLButtonElement;
  #shown: MediaStream | undefined;
  #frames = false;
  #reactTimer: ReturnType<typeof setTimeout> | undefined;
  box: Box | undefined;

  constructor(openMenu: (button: HTMLElement) => void) {
    this.#video.muted = true; // sound has elements of its own
    this.#menu = h('button', { class: 'tile-menu', type: 'button', 'aria-haspopup': 'menu', onclick: () => openMenu(this.#menu) }, icon('more', 18));
    this.#badge.append(this.#mic, this.#bars, this.#label);
    this.element = h('div', { class: 'tile', role: 'group' }, this.#video, this.#mono, this.#badge, this.#hand, this.#weak, this.#react, this.#menu);
    this.#video.addEventListener('resize', () => this.#shape());
    // A picture that is moved in the document stops; nobody asked it to.
    this.#video.addEventListener('pause', () => {
      if (this.#video.srcObject && this.#video.isConnected) void this.#video.play().catch(() => undefined);
    });
  }

  #shape(): void {
    const { videoWidth: w, videoHeight: hgt } = this.#video;
    const wide = this.box ? this.box.width >= this.box.height : true;
    this.element.classList.toggle('whole', w > 0 && wide && hgt > w);
  }

  /** A stream of another person never shows the last picture of the one before: it stays hidden until a new one came. */
  #take(stream: MediaStream | undefined): void {
    if (this.#shown === stream) return;
    this.#shown = stream;
    this.#frames = false;
    this.#video.srcObject = stream ?? null;
    if (!stream) return;
    void this.#video.play().catch(() => undefined);
    const seen = (): void => {
      if (this.#shown !== stream) return;
      this.#frames = true;
      this.element.classList.add('live');
    };
    if ('requestVideoFrameCallback' in this.#video) this.#video.requestVideoFrameCallback(seen);
    else (this.#video as HTMLVideoElement).addEventListener('timeupdate', seen, { once: true });
  }

  draw(s: TileState): void {
    this.#take(s.picture ? s.stream : undefined);
    const c = this.element.classList;
    c.toggle('live', s.picture && this.#frames);
    c.toggle('mine', s.mine && !s.screen);
    c.toggle('screen', s.screen);
    c.toggle('ring', s.ring);
    c.toggle('dim', s.stalled || s.grade === 'lost');
    c.toggle('is-muted', s.muted && !s.screen);
    const shown = s.mine && !s.screen ? t('call.you') : s.name;
    say(this.#label, shown);
    say(this.#mono.firstElementChild ?? this.#mono, monogram(s.name));
    set(this.#mic, { hidden: !s.muted || s.screen });
    set(this.#bars, { hidden: !(s.loud > 0) });
    this.#bars.style.setProperty('--loud', s.loud.toFixed(2));
    set(this.#badge, { hidden: s.screen });
    set(this.#hand, { hidden: s.hand === undefined });
    if (s.hand !== undefined) fill(this.#hand, icon('hand', 16), String(s.hand));
    const narrow = (this.box?.width ?? 300) < 220;
    const weak = s.stalled || s.grade === 'lost' ? t('call.reconnecting') : s.grade === 'weak' ? t(narrow ? 'call.weak.short' : 'call.weak') : '';
    set(this.#weak, { hidden: weak === '' });
    say(this.#weak, weak);
    set(this.#menu, { 'aria-label': t('tile.menu', { name: shown }) });
    const parts = [s.mine ? t('call.you.name', { name: s.name }) : s.name];
    if (s.muted && !s.screen) parts.push(t('tile.muted'));
    if (s.grade !== 'good') parts.push(t('tile.weak'));
    if (s.hand !== undefined) parts.push(t('tile.hand', { n: s.hand }));
    set(this.element, { 'aria-label': s.screen ? t('call.shares', { name: s.name }) : parts.join(', ') });
  }
  /** Loudness alone, many times a second, without touching anything else. */
  loud(ring: boolean, loud: number): void {
    this.element.classList.toggle('ring', ring);
    set(this.#bars, { hidden: !(loud > 0) });
    this.#bars.style.setProperty('--loud', loud.toFixed(2));
  }
  react(emoji: string): void {
    say(this.#react, emoji);
    clearTimeout(this.#reactTimer);
    this.#reactTimer = setTimeout(() => say(this.#react, ''), 4000);
  }
  place(box: Box | undefined, extra: string): void {
    this.box = box;
    set(this.element, { hidden: box === undefined, 'data-as': extra || undefined });
    if (!box) return;
    const style = this.element.style;
    style.transform = `translate(${box.x}px, ${box.y}px)`;
    style.width = `${box.width}px`;
    style.height = `${box.height}px`;
    style.setProperty('--mono', `${Math.round(Math.min(box.width, box.height) * 0.36)}px`);
    this.#shape();
  }
  remove(): void {
    this.#video.srcObject = null;
    this.element.remove();
  }
}
