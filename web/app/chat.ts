// SPDX-License-Identifier: Apache-2.0
/** The chat panel. It lives as long as the call: what is typed and not sent survives closing it and reconnecting. */
import type { Room, Said } from '../sdk/index.ts';
import { fill, h, icon, say, set } from './dom.ts';
import type { Compared } from './compare.ts';
import { Files } from './files.ts';
import { ask } from './menu.ts';
import { clockTime, t } from './texts.ts';

const TEXT_MAX_BYTES = 4096;
const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/gu;

/** Text with its links, each with the host it leads to shown when the words hide it. */
export function linked(text: string): (Node | string)[] {
  const out: (Node | string)[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    out.push(text.slice(at, match.index));
    let url: URL | undefined;
    try {
      url = new URL(match[0]);
    } catch {
      url = undefined;
    }
    out.push(url ? h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow', title: url.host }, match[0]) : match[0]);
    at = match.index + match[0].length;
  }
  out.push(text.slice(at));
  return out.filter((x) => x !== '');
}

export class Chat {
  readonly element: HTMLElement;
  readonly #room: Room;
  readonly #log = h('div', { class: 'log', role: 'log', tabindex: 0, 'aria-label': t('chat.h2') });
  readonly #note = h('p', { class: 'chat-note' });
  readonly #field = h('textarea', { id: 'chat-field', class: 'field', rows: 2, maxlength: TEXT_MAX_BYTES, 'aria-describedby': 'chat-trouble' });
  readonly #trouble = h('p', { class: 'trouble', id: 'chat-trouble', role: 'alert' });
  readonly #shown = new Map<number, HTMLElement>();
  readonly #sealedSaid: Said[] = [];
  readonly #files: Files;
  #open = false;
  #unread = 0;
  #line: HTMLElement | undefined;
  onUnread: ((n: number) => void) | undefined;

  constructor(room: Room, private readonly compared: Compared, private readonly compare: () => void) {
    this.#room = room;
    this.#files = new Files(room);
    const form = h('form', { class: 'chat-form', onsubmit: (e) => { e.preventDefault(); this.#send(); } },
      this.#note, h('label', { class: 'sr', for: 'chat-field' }, t('chat.field')),
      h('div', { class: 'row' }, this.#files.button, this.#field, h('button', { class: 'primary square', type: 'submit', 'aria-label': t('chat.send') }, icon('send', 20))), this.#trouble);
    set(this.#field, { placeholder: t('chat.field') });
    this.#field.addEventListener('keydown', (e) => {
      if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.#send();
    });
    this.element = h('div', { class: 'chat' }, this.#log, form);
    this.#files.dropOn(this.element);
    this.#files.onNew = (file, row) => {
      const atEnd = this.#atEnd();
      if (!file.mine) this.#news();
      this.#log.append(row);
      this.update();
      if (atEnd || file.mine) this.#log.scrollTop = this.#log.scrollHeight;
    };
    room.on('said', ({ said }) => {
      if (room.state.info?.class !== 'governed') this.#sealedSaid.push(said);
      if (!said.mine) this.#news();
      this.update();
    });
    this.update();
  }
  #news(): void {
    if (!this.#open) this.onUnread?.(++this.#unread);
  }
  #atEnd(): boolean {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
  }
  close(): void {
    this.#files.close();
  }
  focus(): void {
    this.#field.focus();
  }
  opened(open: boolean): void {
    this.#open = open;
    if (!open) {
      this.#line?.remove();
      this.#line = undefined;
    } else {
      this.#unread = 0;
      this.onUnread?.(0);
      this.#log.scrollTop = this.#log.scrollHeight;
    }
  }
  #send(): void {
    const text = this.#field.value.trim();
    if (!text) return;
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > TEXT_MAX_BYTES) {
      fill(this.#trouble, t('chat.long', { n: bytes, max: TEXT_MAX_BYTES }));
      return;
    }
    fill(this.#trouble);
    const send = (): void => {
      this.compared.accept();
      this.#room.say(text);
      this.#field.value = '';
      this.#log.scrollTop = this.#log.scrollHeight;
    };
    const [a] = this.compared.changed;
    if (a === undefined) return send();
    ask(t('key.changed', { a }), t('key.changed.text', { a }), [
      { text: t('key.compare'), kind: 'primary', act: this.compare }, { text: t('key.send'), kind: 'secondary', act: send }]);
  }

  update(): void {
    const { state } = this.#room;
    const n = Math.max(1, state.members.size);
    say(this.#note, state.info?.class === 'governed' || !state.info ? t('chat.note.governed', { n }) : t('chat.note.sealed', { n }));
    const all: readonly Said[] = [...state.chat, ...this.#sealedSaid];
    const atEnd = this.#atEnd();
    this.#files.update();
    const wanted = new Set(all.map((c) => c.key));
    for (const [key, element] of this.#shown) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#shown.delete(key);
    }
    let before: Said | undefined;
    let added = false;
    for (const said of all) {
      if (!this.#shown.has(said.key)) {
        const missing = before?.seq !== undefined && said.seq !== undefined ? said.seq - before.seq - 1 : 0;
        if (missing > 0) this.#log.append(h('p', { class: 'gap' }, t('chat.gap', { n: missing })));
        if (this.#unread > 0 && !this.#line && !said.mine) this.#log.append((this.#line = h('p', { class: 'new-line' }, t('chat.new'))));
        this.#shown.set(said.key, this.#row(said, before));
        this.#log.append(this.#shown.get(said.key) ?? '');
        added = true;
      }
      const row = this.#shown.get(said.key);
      const mark = row?.querySelector('.said-state');
      if (mark) say(mark, said.state === 'sending' ? t('chat.sending') : said.state === 'failed' ? t('chat.failed') : '');
      before = said;
    }
    if (!all.length && !this.#files.any && !this.#log.firstChild) this.#log.append(h('p', { class: 'empty' }, t('chat.empty')));
    else if (all.length || this.#files.any) this.#log.querySelector('.empty')?.remove();
    if (added && atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }
  #row(said: Said, before: Said | undefined): HTMLElement {
    const minute = (s: Said): number => Math.floor(s.at / 60000);
    const grouped = before && before.member === said.member && before.mine === said.mine && minute(before) === minute(said);
    return h('div', { class: grouped ? 'said grouped' : 'said' },
      h('p', { class: grouped ? 'said-head sr' : 'said-head' }, h('b', {}, said.mine ? t('call.you') : said.name), ' ', h('time', {}, clockTime(said.at))),
      h('p', { class: 'said-text', dir: 'auto' }, ...linked(said.text)), h('p', { class: 'said-state' }));
  }
}
