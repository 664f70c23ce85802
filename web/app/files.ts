// SPDX-License-Identifier: Apache-2.0
/** Files in the chat of a sealed room: choosing and dropping them, and a row for each with what happens to it. Nothing opens by itself. */
import type { Room, SharedFile } from '../sdk/index.ts';
import { fill, h, icon, say, set } from './dom.ts';
import { live } from './frame.ts';
import { clockTime, number, t } from './texts.ts';

/** "3.4 MB"; bytes of 1000, as file managers count. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return t('file.bytes', { n: bytes });
  const [unit, by] = bytes < 1e6 ? (['file.kb', 1e3] as const) : (['file.mb', 1e6] as const);
  return t(unit, { n: number(bytes / by, bytes / by < 10 ? 1 : 0) });
}
/** The name with its ending apart, so that the ending is always seen. */
function nameOf(name: string): HTMLElement {
  const dot = name.lastIndexOf('.');
  const [base, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  return h('bdi', { class: 'file-name', title: name }, h('span', {}, base), h('span', { class: 'file-end' }, end));
}

class Row {
  readonly element: HTMLElement;
  readonly #what = h('p', { class: 'file-what' });
  readonly #bar = h('progress', { class: 'file-bar', max: 100, value: 0 });
  readonly #acts = h('div', { class: 'file-acts' });
  #drawn = '';
  #link: string | undefined;
  #saved = false;

  constructor(private readonly room: Room, file: SharedFile) {
    set(this.#bar, { 'aria-label': t('file.progress', { name: file.name }) });
    this.element = h('div', { class: 'said file', role: 'group', 'aria-label': file.name },
      h('p', { class: 'said-head' }, h('b', {}, file.mine ? t('call.you') : file.from), ' ', h('time', {}, clockTime(file.at))),
      h('div', { class: 'file-card' }, icon('file', 24), h('div', { class: 'file-text' }, nameOf(file.name), this.#what, this.#bar), this.#acts));
    this.update(file);
  }
  #button(text: string, label: string, act: () => void, kind = 'secondary small'): HTMLElement {
    return h('button', { class: kind, type: 'button', 'aria-label': label, onclick: act }, text);
  }
  update(file: SharedFile): void {
    const { state, size, done, mine } = file;
    const percent = size ? Math.floor((100 * done) / size) : state === 'done' ? 100 : 0;
    const moving = state === 'moving' || state === 'paused';
    const parts = { done: sizeText(done), size: sizeText(size), n: percent };
    say(this.#what, state === 'moving' ? t(mine ? 'file.sending' : 'file.getting', parts) : state === 'paused' ? t('file.paused', parts) : state === 'checking' ? t('file.checking')
      : state === 'failed' ? t(`file.failed.${file.why ?? 'network'}`) : state === 'done' ? t(mine ? 'file.sent' : 'file.done', parts) : sizeText(size));
    set(this.#bar, { hidden: !moving && state !== 'checking', value: percent });
    this.element.classList.toggle('failed', state === 'failed');
    if (state === this.#drawn) return;
    if (this.#drawn && (state === 'done' || state === 'failed')) live.polite(`${file.name}: ${this.#what.textContent ?? ''}`);
    this.#drawn = state;
    const { name } = file, held = this.#acts.contains(document.activeElement);
    const act = (what: 'pause' | 'go_on' | 'cancel') => (): void => this.room.actOnFile(file.key, what);
    const get = (): void => this.room.getFile(file.key);
    const acts: HTMLElement[] = [];
    if (state === 'offered') acts.push(this.#button(t('file.get'), t('file.get.label', { name }), get, 'primary small'));
    if (state === 'moving') acts.push(this.#button(t('file.pause'), t('file.pause.label', { name }), act('pause')));
    if (state === 'paused') acts.push(this.#button(t('file.goon'), t('file.goon.label', { name }), act('go_on')));
    if (moving) acts.push(this.#button(t('file.cancel'), t('file.cancel.label', { name }), act('cancel')));
    if (state === 'failed' && file.why !== 'large' && file.why !== 'gone') acts.push(this.#button(t('file.again'), t('file.again.label', { name }), get));
    if (state === 'done' && file.blob) {
      this.#link ??= URL.createObjectURL(file.blob);
      const save = h('a', { class: 'secondary small', href: this.#link, download: name, 'aria-label': t('file.save.label', { name }) }, t('file.save'));
      acts.push(save);
      if (!this.#saved) save.click(); // it was asked for
      this.#saved = true;
    }
    fill(this.#acts, ...acts);
    if (held) acts[0]?.focus();
  }
  close(): void {
    if (this.#link) URL.revokeObjectURL(this.#link);
  }
}

export class Files {
  /** The button for the form, or nothing where files are not shared. */
  readonly button: HTMLElement;
  readonly #input = h('input', { type: 'file', multiple: true, class: 'sr', tabindex: -1, 'aria-hidden': 'true' });
  readonly #rows = new Map<number, Row>();
  onNew: ((file: SharedFile, row: HTMLElement) => void) | undefined;

  constructor(private readonly room: Room) {
    this.button = h('button', { class: 'secondary square', type: 'button', 'aria-label': t('file.share'), title: t('file.share'), hidden: true, onclick: () => this.#input.click() }, icon('clip', 20), this.#input);
    this.#input.addEventListener('change', () => {
      for (const file of this.#input.files ?? []) room.sendFile(file);
      this.#input.value = '';
    });
    this.#input.addEventListener('click', (e) => e.stopPropagation());
    room.on('file', ({ file }) => {
      const row = this.#rows.get(file.key);
      if (row) return row.update(file);
      const made = new Row(room, file);
      this.#rows.set(file.key, made);
      this.onNew?.(file, made.element);
    });
  }
  /** Takes what is dropped onto the panel. */
  dropOn(target: HTMLElement): void {
    const takes = (e: DragEvent): boolean => this.room.sharesFiles && (e.dataTransfer?.types.includes('Files') ?? false);
    for (const type of ['dragenter', 'dragover'] as const) {
      target.addEventListener(type, (e) => {
        if (!takes(e)) return;
        e.preventDefault();
        target.classList.add('dropping');
      });
    }
    target.addEventListener('dragleave', (e) => { if (!target.contains(e.relatedTarget as Node | null)) target.classList.remove('dropping'); });
    target.addEventListener('drop', (e) => {
      target.classList.remove('dropping');
      if (!takes(e)) return;
      e.preventDefault();
      for (const file of e.dataTransfer?.files ?? []) this.room.sendFile(file);
    });
  }
  update(): void {
    set(this.button, { hidden: !this.room.sharesFiles });
  }
  get any(): boolean {
    return this.#rows.size > 0;
  }
  close(): void {
    for (const row of this.#rows.values()) row.close();
  }
}
