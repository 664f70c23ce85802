// SPDX-License-Identifier: Apache-2.0
/** What this device knows about who is who in a sealed room: with whom the meeting code was compared, who came since, and whose key is another
 * one than before under the same name. Local, and gone with the page. */
import type { SealedState } from '../sdk/index.ts';

export class Compared {
  #ids: ReadonlySet<string> | undefined;
  #at = 0;
  /** somebody had another code */
  differs = false;
  readonly #known = new Map<string, string>(); // name → the key it had here
  readonly #changed = new Set<string>();

  /** Takes in the group as it is now; answers the names that come back under another key. */
  see(sealed: SealedState): string[] {
    const fresh: string[] = [];
    for (const m of sealed.members) {
      if (m.leaf === sealed.own) continue;
      const before = this.#known.get(m.name);
      if (before !== undefined && before !== m.id && !sealed.members.some((x) => x.id === before)) {
        this.#changed.add(m.name);
        fresh.push(m.name);
      }
      if (before === undefined || !sealed.members.some((x) => x.id === before)) this.#known.set(m.name, m.id);
    }
    return fresh;
  }
  /** Whose key changed and was not answered yet. */
  get changed(): readonly string[] {
    return [...this.#changed];
  }
  accept(): void {
    this.#changed.clear();
  }
  match(sealed: SealedState, now: number): void {
    this.#ids = new Set(sealed.members.map((m) => m.id));
    this.#at = now;
    this.differs = false;
    this.#changed.clear();
  }
  differ(): void {
    this.#ids = undefined;
    this.differs = true;
  }
  /** When the code was compared in a group with this member. */
  at(id: string): number | undefined {
    return this.#ids?.has(id) ? this.#at : undefined;
  }
  newcomers(sealed: SealedState): string[] {
    return this.#ids ? sealed.members.filter((m) => !this.#ids?.has(m.id)).map((m) => m.name) : [];
  }
}
