// SPDX-License-Identifier: Apache-2.0
/** The keyboard of a call. Single letters rest while somebody types, or when they are turned off. */
export interface KeyHost {
  readonly allowed: () => boolean;
  /** Space held or let go; true when it meant talking. */
  readonly talk: (on: boolean) => boolean;
  /** Esc: closes the topmost thing; true when there was one. */
  readonly close: () => boolean;
  /** What F6 walks, in order. */
  readonly parts: () => HTMLElement[];
}

function types(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
/** Nothing that a press of Space would work has focus. */
function idle(): boolean {
  const at = document.activeElement;
  return !at || at === document.body || !at.matches('button, a, input, textarea, select, summary, [role=log]');
}

export class Keys {
  #talking = false;
  readonly #stop = new AbortController();

  constructor(letters: Readonly<Record<string, () => void>>, host: KeyHost) {
    const { signal } = this.#stop;
    addEventListener('keydown', (e) => {
      if (e.defaultPrevented || e.isComposing) return;
      if (e.key === 'Escape' && !document.querySelector('dialog[open]') && host.close()) return e.preventDefault();
      if (e.key === 'F6') {
        e.preventDefault();
        const parts = host.parts();
        const at = parts.findIndex((p) => p === document.activeElement || p.contains(document.activeElement));
        return parts[(at + (e.shiftKey ? parts.length - 1 : 1)) % parts.length]?.focus();
      }
      if (types(e.target) || e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open], .menu')) return;
      if (e.key === ' ' && idle()) {
        e.preventDefault();
        if (!e.repeat && !this.#talking) this.#talking = host.talk(true);
        return;
      }
      const act = letters[e.key.toLowerCase()];
      if (!act || e.repeat || !host.allowed()) return;
      e.preventDefault();
      act();
    }, { signal });
    const letGo = (): void => {
      if (this.#talking) host.talk(false);
      this.#talking = false;
    };
    addEventListener('keyup', (e) => {
      if (e.key === ' ') letGo();
    }, { signal });
    addEventListener('blur', letGo, { signal });
  }
  close(): void {
    this.#stop.abort();
  }
}
