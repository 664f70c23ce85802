// SPDX-License-Identifier: Apache-2.0
/** Menus that open from a button, and questions that want an answer. */
import { h } from './dom.ts';

export interface MenuItem {
  readonly text: string;
  readonly act: () => void;
  readonly checked?: boolean;
  readonly danger?: boolean;
  /** small, several beside each other */
  readonly small?: boolean;
  /** a heading between items, not chosen */
  readonly heading?: boolean;
}
let closeOpen: (() => void) | undefined;
export const closeMenu = (): boolean => {
  if (!closeOpen) return false;
  closeOpen();
  return true;
};

/** Opens above or below the button, wherever there is room; arrows walk, Esc closes, focus goes back. */
export function openMenu(button: HTMLElement, items: readonly MenuItem[]): void {
  if (closeMenu()) return;
  const buttons: HTMLButtonElement[] = [];
  const menu = h('div', { class: 'menu', role: 'menu' });
  const close = (): void => {
    menu.remove();
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside, true);
    closeOpen = undefined;
  };
  const outside = (e: Event): void => {
    if (e.target instanceof Node && !menu.contains(e.target) && !button.contains(e.target)) close();
  };
  for (const item of items) {
    if (item.heading) {
      menu.append(h('div', { class: 'menu-heading', role: 'presentation' }, item.text));
      continue;
    }
    const b = h('button', {
      role: item.checked === undefined ? 'menuitem' : 'menuitemradio', type: 'button', tabindex: -1, class: item.danger ? 'danger' : item.small ? 'emoji' : undefined,
      'aria-checked': item.checked === undefined ? undefined : String(item.checked),
      onclick: () => {
        close();
        button.focus();
        item.act();
      },
    }, item.text);
    buttons.push(b);
    menu.append(b);
  }
  menu.addEventListener('keydown', (e) => {
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = e.key === 'ArrowDown' || e.key === 'ArrowRight' ? at + 1 : e.key === 'ArrowUp' || e.key === 'ArrowLeft' ? at - 1 : e.key === 'Home' ? 0 : e.key === 'End' ? buttons.length - 1 : undefined;
    if (to !== undefined) {
      e.preventDefault();
      e.stopPropagation();
      buttons[(to + buttons.length) % buttons.length]?.focus();
    } else if (e.key === 'Escape' || e.key === 'Tab') {
      e.stopPropagation();
      if (e.key === 'Escape') e.preventDefault();
      close();
      button.focus();
    }
  });
  (button.closest('nav, main, header, aside') ?? document.body).append(menu);
  const at = button.getBoundingClientRect(), size = menu.getBoundingClientRect();
  const x = Math.min(Math.max(8, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - 8);
  const above = at.top - size.height - 8;
  menu.style.left = `${x}px`;
  menu.style.top = `${above >= 8 ? above : Math.min(at.bottom + 8, innerHeight - size.height - 8)}px`;
  button.setAttribute('aria-expanded', 'true');
  document.addEventListener('pointerdown', outside, true);
  closeOpen = close;
  (buttons.find((b) => b.getAttribute('aria-checked') === 'true') ?? buttons[0])?.focus();
}

/** Takes a question away that answered itself. */
export function closeAsked(): void {
  document.querySelector<HTMLDialogElement>('dialog.ask[open]')?.close();
}

/** A modal question; the answers come as buttons, the safest first. */
export function ask(title: string, text: string, answers: readonly { text: string; kind: 'primary' | 'secondary' | 'stop'; act?: () => void }[]): void {
  const dialog = h('dialog', { class: 'ask', 'aria-labelledby': 'ask-title' }, h('h2', { id: 'ask-title' }, title), h('p', {}, text),
    h('div', { class: 'row' }, ...answers.map((a) => h('button', {
      class: a.kind, type: 'button', onclick: () => {
        dialog.close();
        a.act?.();
      },
    }, a.text))));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
