// SPDX-License-Identifier: Apache-2.0
/** What every screen shares: the head of the page, the place for a screen, the two live regions. */
import { applyTheme, choices, keep } from './choices.ts';
import { h, say } from './dom.ts';
import { chooseLanguage, language, LANGUAGES, t } from './texts.ts';

export interface Screen {
  readonly element: HTMLElement;
  /** Called when another screen takes its place. */
  readonly leave?: () => void;
}

const root = (): HTMLElement => document.getElementById('app') ?? document.body;
let current: Screen | undefined;
let redraw: (() => void) | undefined;

/** Puts a screen on the page and focus on its heading. `again` draws it anew in another language. */
export function show(screen: Screen, title: string, again?: () => void): void {
  current?.leave?.();
  current = screen;
  redraw = again;
  document.title = title === t('app.title') ? title : `${title} · ${t('app.title')}`;
  root().replaceChildren(screen.element);
  scrollTo(0, 0);
  const heading = screen.element.querySelector('h1');
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

export function wordmark(): HTMLElement {
  return h('a', { class: 'wordmark', href: '/', 'aria-label': t('header.home') }, h('span', {}, 'in'), h('b', {}, 'camera'));
}

function picker<T extends string>(label: string, value: T, options: readonly (readonly [T, string])[], pick: (v: T) => void): HTMLElement {
  const select = h('select', {
    'aria-label': label, class: 'quiet', onchange: () => pick(select.value as T),
  }, ...options.map(([v, text]) => h('option', { value: v, selected: v === value }, text)));
  return select;
}
export function themePicker(): HTMLElement {
  return picker(t('theme.label'), choices().theme ?? 'system',
    [['system', t('theme.system')], ['light', t('theme.light')], ['dark', t('theme.dark')]], (theme) => {
      keep({ theme });
      applyTheme();
    });
}
export function languagePicker(): HTMLElement {
  return picker(t('lang.label'), language(), LANGUAGES.map((l) => [l.code, l.name] as const), (code) => {
    void chooseLanguage(code).then(() => redraw?.());
  });
}
export function header(): HTMLElement {
  return h('header', { class: 'head' }, wordmark(), h('span', { class: 'grow' }), languagePicker(), themePicker());
}

/** Says things to screen readers: one polite region, grouped and at most one in three seconds; one assertive. */
class Live {
  readonly #polite = h('div', { class: 'sr', 'aria-live': 'polite' });
  readonly #assertive = h('div', { class: 'sr', role: 'alert' });
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = 0;
  attach(): void {
    document.body.append(this.#polite, this.#assertive);
  }
  polite(text: string): void {
    this.#waiting.push(text);
    this.#timer ??= setTimeout(() => this.#flush(), Math.max(400, this.#last + 3000 - Date.now()));
  }
  #flush(): void {
    this.#timer = undefined;
    this.#last = Date.now();
    say(this.#polite, this.#waiting.splice(0).slice(-4).join(' '));
  }
  alert(text: string): void {
    say(this.#assertive, text);
  }
}
export const live = new Live();
