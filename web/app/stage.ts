// SPDX-License-Identifier: Apache-2.0
/** The stage: who is where and how large. Speaking never moves a tile that is on screen. */
import type { CallQuality, Room, Show, Source, Track } from '../sdk/index.ts';
import { fill, h, icon, set } from './dom.ts';
import type { Box } from './grid.ts';
import { boxes, focus, grid, pageSize, pair } from './grid.ts';
import type { LocalMedia } from './local.ts';
import { openMenu } from './menu.ts';
import { Places } from './places.ts';
import { Speech } from './speech.ts';
import { t } from './texts.ts';
import { Tile } from './tile.ts';

export interface StageHost {
  readonly room: Room;
  readonly media: LocalMedia;
  readonly name: string;
  readonly link: () => string;
  readonly stopSharing: () => void;
  /** A line of the top bar: who shares. */
  readonly sharing: (text: string) => void;
}
type Mode = 'grid' | 'speaker';

const SWAP_AFTER_MS = 2000;
const SWAP_EVERY_MS = 5000;

export class Stage {
  readonly element: HTMLElement;
  readonly #host: StageHost;
  readonly #field = h('div', { class: 'field-of-tiles' });
  readonly #empty: HTMLElement;
  readonly #own: HTMLElement;
  readonly #more: HTMLButtonElement;
  readonly #pages: HTMLElement;
  readonly #tiles = new Map<string, Tile>();
  readonly #places = new Places();
  readonly speech = new Speech();
  readonly #observer: ResizeObserver;
  #quality: CallQuality | undefined;
  #order: number[] = [];
  #visible: number[] = [];
  #mode: Mode = 'grid';
  #pin: number | undefined;
  #meInGrid = false;
  #page = 0;
  #now: { columns: number; rows: number } | undefined;
  #size = { width: 0, height: 0 };
  #swappedAt = 0;
  #speaksSince = new Map<number, number>();
  #asked = false;
  #resizing: ReturnType<typeof setTimeout> | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  onMode: ((mode: Mode) => void) | undefined;

  constructor(host: StageHost) {
    this.#host = host;
    this.#empty = this.#emptyPlace();
    this.#own = h('div', { class: 'own-share', hidden: true }, icon('share', 34), h('p', { class: 'own-title' }, t('call.yours')),
      h('p', {}, t('call.yours.text')), h('button', { class: 'primary', type: 'button', onclick: host.stopSharing }, t('call.unshare')));
    this.#more = h('button', { class: 'tile tile-more', type: 'button', hidden: true, onclick: () => this.turn(1) });
    this.#pages = h('div', { class: 'pages', hidden: true });
    this.#field.append(this.#empty, this.#own, this.#more);
    this.element = h('main', { class: 'stage', id: 'stage', tabindex: -1, 'aria-label': t('call.stage') }, this.#field, this.#pages);
    this.element.addEventListener('keydown', (e) => this.#walk(e));
    this.#observer = new ResizeObserver(() => this.#resized());
    this.#observer.observe(this.#field);
    this.#timer = setInterval(() => this.#beat(), 100);
  }

  get order(): readonly number[] {
    return this.#order;
  }
  get mode(): Mode {
    return this.#mode;
  }
  setMode(mode: Mode): void {
    this.#mode = mode;
    this.#pin = undefined;
    this.onMode?.(mode);
    this.update();
  }
  turn(by: number): void {
    this.#page += by;
    this.update();
  }
  react(member: number, emoji: string): void {
    this.#tiles.get(`${member} camera`)?.react(emoji);
  }
  quality(q: CallQuality): void {
    this.#quality = q;
    this.update();
  }
  close(): void {
    clearInterval(this.#timer);
    this.#observer.disconnect();
    for (const tile of this.#tiles.values()) tile.remove();
  }

  #emptyPlace(): HTMLElement {
    const copy = h('button', { class: 'primary', type: 'button', onclick: () => {
      void navigator.clipboard?.writeText(this.#host.link()).then(() => {
        fill(copy, icon('check', 18), t('call.copied'));
        setTimeout(() => fill(copy, icon('copy', 18), t('call.alone.copy')), 3000);
      });
    } }, icon('copy', 18), t('call.alone.copy'));
    return h('div', { class: 'alone', hidden: true }, h('p', { class: 'alone-first' }, t('call.alone')),
      h('p', { class: 'alone-link' }, this.#host.link()), copy, h('p', { class: 'alone-note' }, t('call.alone.note')));
  }

  #resized(): void {
    const { width, height } = this.#field.getBoundingClientRect();
    if (Math.floor(width) === this.#size.width && Math.floor(height) === this.#size.height) return;
    const first = this.#size.width === 0;
    this.#size = { width: Math.floor(width), height: Math.floor(height) };
    // While a window is dragged tiles follow without motion; a panel that opens is one change, and glides.
    if (first || this.#resizing !== undefined) this.#field.classList.add('still');
    clearTimeout(this.#resizing);
    this.#resizing = setTimeout(() => {
      this.#resizing = undefined;
      this.#field.classList.remove('still');
    }, 300);
    this.update();
  }

  /** Soon, once, however often it is asked for. */
  update(): void {
    if (this.#asked) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      this.#layout();
    });
  }

  #beat(): void {
    const now = Date.now();
    const changed = this.speech.tick(now);
    const ringed = this.#order.length >= 3;
    for (const member of this.#order) {
      this.#tiles.get(`${member} camera`)?.loud(ringed && this.speech.speaks(member), this.speech.loudness(member));
      if (!this.speech.speaks(member)) this.#speaksSince.delete(member);
      else if (!this.#speaksSince.has(member)) this.#speaksSince.set(member, now);
    }
    const gap = this.#places.wakeAt();
    if ((gap !== undefined && gap <= now) || (changed && this.#mode === 'speaker') || this.#bringIn(now)) this.update();
  }

  /** Who speaks off this page for two seconds takes the place of the one silent longest; one swap in five seconds. */
  #bringIn(now: number): boolean {
    const { state } = this.#host.room;
    if (this.#visible.length >= this.#order.length || now - this.#swappedAt < SWAP_EVERY_MS || this.#page !== 0) return false;
    const speaker = this.#order.find((m) => !this.#visible.includes(m) && now - (this.#speaksSince.get(m) ?? now) >= SWAP_AFTER_MS);
    if (speaker === undefined) return false;
    const able = this.#visible.filter((m) => m !== state.me && m !== this.#pin && !state.members.get(m)?.hand);
    const silent = able.sort((a, b) => this.speech.silentSince(a) - this.speech.silentSince(b))[0];
    if (silent === undefined) return false;
    this.#swappedAt = now;
    this.#places.swap(speaker, silent);
    return true;
  }

  #tile(key: string, member: number, source: Source): Tile {
    const known = this.#tiles.get(key);
    if (known) return known;
    const tile = new Tile((button) => this.#tileMenu(button, member, source));
    this.#tiles.set(key, tile);
    this.#field.append(tile.element);
    return tile;
  }

  #tileMenu(button: HTMLElement, member: number, source: Source): void {
    const { room } = this.#host;
    const items: { text: string; act: () => void }[] = [];
    const pinned = this.#pin === member;
    items.push({ text: t(pinned ? 'tile.unpin' : 'tile.pin'), act: () => { this.#pin = pinned ? undefined : member; this.update(); } });
    if (member !== room.state.me && source === 'camera') {
      items.push({ text: t('tile.forward'), act: () => { this.#places.move(member, -1); this.update(); } });
      items.push({ text: t('tile.back'), act: () => { this.#places.move(member, 1); this.update(); } });
    }
    if (member === room.state.me && !this.#meInGrid) items.push({ text: t('tile.ingrid'), act: () => { this.#meInGrid = true; this.update(); } });
    openMenu(button, items);
  }

  /** The shared screens, newest first. */
  #screens(): Track[] {
    const { tracks } = this.#host.room.state;
    return [...tracks.values()].filter((x) => x.source === 'screen').sort((a, b) => b.track - a.track);
  }

  #layout(): void {
    const { room, media } = this.#host;
    const { state } = room;
    const me = state.me;
    if (me === undefined) return;
    const now = Date.now();
    const seated = [...state.members.values()].filter((m) => m.kind !== 'whep').sort((a, b) => a.since - b.since || a.member - b.member);
    this.#order = this.#places.update(me, seated, now);
    const screens = this.#screens();
    const ownScreen = room.local('screen') !== undefined;
    const theirs = screens.filter((s) => s.member !== me);
    const placed = this.#arrange(this.#size.width, this.#size.height, theirs, ownScreen, now);
    const sharer = theirs[0] ? state.members.get(theirs[0].member)?.name : undefined;
    this.#host.sharing(ownScreen ? t('call.yours') : sharer ? t('call.shares', { name: sharer }) : '');

    const hands = [...state.members.values()].filter((m) => m.hand).map((m) => m.member);
    const wanted = new Set<string>();
    for (const member of this.#order) {
      const key = `${member} camera`;
      wanted.add(key);
      this.#drawMember(key, member, placed, hands, media);
    }
    for (const screen of theirs) {
      const key = `${screen.member} screen`;
      wanted.add(key);
      const tile = this.#tile(key, screen.member, 'screen');
      const box = placed.get(key);
      tile.place(box, box ? 'screen' : '');
      const stream = box && room.stream(screen.member, 'screen');
      tile.draw({
        name: state.members.get(screen.member)?.name ?? '', mine: false, screen: true, stream, picture: stream !== undefined,
        muted: false, grade: this.#gradeOf(screen.member, 'screen'), stalled: this.#stalled(screen.member, 'screen'), ring: false, loud: 0,
      });
    }
    for (const [key, tile] of this.#tiles) {
      if (wanted.has(key)) continue;
      tile.remove();
      this.#tiles.delete(key);
    }
    this.#reorder();
    this.#report(placed, theirs);
  }

  /** The order in the document is the order of the places, so that Tab and screen readers walk as the eye does. */
  #reorder(): void {
    const wanted = [...this.#tiles].sort(([a], [b]) => this.#rank(a) - this.#rank(b)).map(([, tile]) => tile.element);
    const present = [...this.#field.children].filter((e) => e.classList.contains('tile') && e !== this.#more);
    if (wanted.every((e, i) => e === present[i])) return;
    // Moving an element in the document stops its picture for a moment: only those that are wrong move.
    wanted.forEach((e, i) => {
      const at = [...this.#field.children].filter((x) => x.classList.contains('tile') && x !== this.#more)[i];
      if (at !== e) this.#field.insertBefore(e, at ?? null);
    });
  }
  #rank(key: string): number {
    const [member, source] = key.split(' ');
    return source === 'screen' ? -1 : this.#order.indexOf(Number(member));
  }

  #gradeOf(member: number, source: Source): CallQuality['grade'] {
    return this.#quality?.received.find((r) => r.member === member && r.source === source)?.grade ?? 'good';
  }
  #stalled(member: number, source: Source): boolean {
    return (this.#quality?.received.find((r) => r.member === member && r.source === source)?.stalledMs ?? 0) >= 8000;
  }

  #drawMember(key: string, member: number, placed: ReadonlyMap<string, Box>, hands: readonly number[], media: LocalMedia): void {
    const { room } = this.#host;
    const { state } = room;
    const mine = member === state.me;
    const tile = this.#tile(key, member, 'camera');
    const box = placed.get(key);
    tile.place(box, placed.get(`${member} corner`) ? 'corner' : '');
    const tracks = [...state.tracks.values()].filter((x) => x.member === member);
    const camera = tracks.find((x) => x.source === 'camera');
    const microphone = tracks.find((x) => x.source === 'microphone');
    const own = mine && media.camera ? this.#ownStream(media.camera) : undefined;
    const stream = mine ? own : room.stream(member, 'camera');
    const hand = hands.indexOf(member);
    tile.draw({
      name: state.members.get(member)?.name ?? '', mine, screen: false, stream,
      picture: stream !== undefined && (mine || (camera !== undefined && !camera.muted)),
      muted: mine ? !media.microphoneOn || !media.microphone : !microphone || microphone.muted,
      hand: hand < 0 ? undefined : hand + 1, grade: mine ? 'good' : this.#gradeOf(member, 'camera'),
      stalled: !mine && this.#stalled(member, 'camera'), ring: this.#order.length >= 3 && this.speech.speaks(member), loud: this.speech.loudness(member),
    });
  }
  #ownPicture: MediaStream | undefined;
  #ownStream(track: MediaStreamTrack): MediaStream {
    if (this.#ownPicture?.getVideoTracks()[0] !== track) this.#ownPicture = new MediaStream([track]);
    return this.#ownPicture;
  }

  /** Boxes by tile key; `N corner` marks you in the corner of a call of two. */
  #arrange(W: number, H: number, screens: readonly Track[], ownScreen: boolean, now: number): Map<string, Box> {
    const placed = new Map<string, Box>();
    const me = this.#host.room.state.me ?? -1;
    const key = (member: number): string => `${member} camera`;
    set(this.#more, { hidden: true });
    set(this.#pages, { hidden: true });
    set(this.#own, { hidden: !ownScreen });
    set(this.#empty, { hidden: true });
    if (W < 40 || H < 40) return placed;
    const order = this.#order;
    this.#visible = [...order];
    const main = screens[0];
    const speaking = this.#pin ?? (this.#mode === 'speaker' ? this.speech.main(order, me, now) : undefined);
    if (main || ownScreen || (speaking !== undefined && order.length > 1 && order.includes(speaking))) {
      const rest = order.filter((m) => main !== undefined || ownScreen || m !== speaking);
      const second = screens[1] ? [`${screens[1].member} screen`] : [];
      // The strip: the other screen, who speaks, then the places in their order; you last.
      const last = rest.filter((m) => m !== me).concat(rest.includes(me) ? [me] : []);
      const f = focus(W, H, second.length + last.length);
      const strip = [...second, ...last.map(key)].slice(0, f.strip.length);
      strip.forEach((k, i) => {
        const box = f.strip[i];
        if (box) placed.set(k, box);
      });
      if (main) placed.set(`${main.member} screen`, f.main);
      else if (ownScreen) this.#box(this.#own, f.main);
      else if (speaking !== undefined) placed.set(key(speaking), f.main);
      this.#visible = order.filter((m) => placed.has(key(m)));
      return placed;
    }
    if (order.length === 1) {
      const alone = Math.min(H * 0.5, H - 230);
      set(this.#empty, { hidden: false });
      if (alone > 100) {
        const g = grid(W, alone, 1);
        const box = boxes(W, alone, 1, g)[0];
        if (box) placed.set(key(me), box);
        this.#empty.style.top = `${Math.round(alone + 20)}px`;
      } else this.#empty.style.top = '8px';
      return placed;
    }
    if (order.length === 2 && !this.#meInGrid) {
      const [corner, other] = pair(W, H);
      const them = order.find((m) => m !== me);
      if (them !== undefined) placed.set(key(them), other);
      placed.set(key(me), corner);
      placed.set(`${me} corner`, corner);
      return placed;
    }
    return this.#pageOf(W, H, placed, key);
  }

  #pageOf(W: number, H: number, placed: Map<string, Box>, key: (m: number) => string): Map<string, Box> {
    const order = this.#order;
    const fits = pageSize(W, H, order.length);
    const paged = fits < order.length;
    const perPage = paged ? fits - 1 : fits;
    const pages = paged ? Math.ceil(order.length / perPage) : 1;
    this.#page = Math.min(Math.max(0, this.#page), pages - 1);
    const from = this.#page * perPage;
    const here = order.slice(from, from + perPage);
    const rest = order.length - from - here.length;
    const n = paged ? fits : order.length;
    const g = grid(W, H, n, this.#now);
    this.#now = { columns: g.columns, rows: g.rows };
    const places = boxes(W, H, here.length + (rest > 0 ? 1 : 0), g);
    here.forEach((m, i) => {
      const box = places[i];
      if (box) placed.set(key(m), box);
    });
    this.#visible = here;
    const last = places[here.length];
    if (rest > 0 && last) {
      set(this.#more, { hidden: false, 'aria-label': t('call.more.people.label', { n: rest }) });
      this.#box(this.#more, last);
      fill(this.#more, h('span', {}, t('call.more.people', { n: rest })));
    }
    if (pages > 1) {
      set(this.#pages, { hidden: false });
      fill(this.#pages,
        h('button', { class: 'quiet', type: 'button', disabled: this.#page === 0, onclick: () => this.turn(-1) }, t('call.previous')),
        h('span', {}, t('call.pages', { n: this.#page + 1, m: pages })),
        h('button', { class: 'quiet', type: 'button', disabled: this.#page === pages - 1, onclick: () => this.turn(1) }, t('call.next')));
    }
    return placed;
  }
  #box(element: HTMLElement, box: Box): void {
    element.style.transform = `translate(${box.x}px, ${box.y}px)`;
    element.style.width = `${box.width}px`;
    element.style.height = `${box.height}px`;
  }

  /** Tells the server which pictures are on screen and how large, the largest first. */
  #report(placed: ReadonlyMap<string, Box>, screens: readonly Track[]): void {
    const { state } = this.#host.room;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const show: Show[] = [];
    const add = (track: Track | undefined, box: Box | undefined): void => {
      if (track && box) show.push({ track: track.track, width: Math.round(box.width * ratio), height: Math.round(box.height * ratio) });
    };
    for (const screen of screens) add(screen, placed.get(`${screen.member} screen`));
    for (const member of this.#visible) {
      if (member === state.me) continue;
      const camera = [...state.tracks.values()].find((x) => x.member === member && x.source === 'camera');
      add(camera, placed.get(`${member} camera`));
    }
    show.sort((a, b) => b.width * b.height - a.width * a.height || a.track - b.track);
    this.#host.room.show(show);
  }

  /** Arrows walk the tiles; Enter opens the menu of the one that has focus. */
  #walk(e: KeyboardEvent): void {
    if (!['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].includes(e.key)) return;
    const buttons = [...this.#field.querySelectorAll<HTMLButtonElement>('.tile:not([hidden]) .tile-menu')];
    const at = buttons.findIndex((b) => b === document.activeElement);
    const columns = this.#now?.columns ?? 1;
    const rtl = document.documentElement.dir === 'rtl' ? -1 : 1;
    const by = e.key === 'ArrowLeft' ? -rtl : e.key === 'ArrowRight' ? rtl : e.key === 'ArrowUp' ? -columns : columns;
    const to = buttons[at < 0 ? 0 : Math.min(Math.max(0, at + by), buttons.length - 1)];
    if (!to) return;
    e.preventDefault();
    to.focus();
  }
}
