// SPDX-License-Identifier: Apache-2.0
/**
 * Who sits where. You are place 0; others are appended in the order in which this device saw them. Who leaves leaves a
 * gap; after two seconds the last one takes it, and nobody else moves. Who comes back under the same name within those
 * two seconds (a reload, another device, a restarted server) takes the same place.
 */
export interface Guest {
  readonly member: number;
  readonly name: string;
}
interface Place {
  readonly name: string;
  member: number | undefined; // undefined: a gap
  since: number;
}
export const GAP_MS = 2000;

export class Places {
  #places: Place[] = [];

  /** The members in their places, gaps left out; `now` decides which gaps are closed. */
  update(me: number, guests: readonly Guest[], now: number): number[] {
    const here = new Map(guests.map((g) => [g.member, g]));
    for (const place of this.#places) {
      if (place.member !== undefined && !here.has(place.member)) {
        place.member = undefined;
        place.since = now;
      }
    }
    const seated = new Set(this.#places.map((p) => p.member));
    for (const guest of guests) {
      if (seated.has(guest.member)) continue;
      const gap = this.#places.find((p) => p.member === undefined && p.name === guest.name);
      if (gap) gap.member = guest.member;
      else this.#places.push({ name: guest.name, member: guest.member, since: now });
    }
    this.#first(me);
    for (;;) {
      const gap = this.#places.findIndex((p) => p.member === undefined && now - p.since >= GAP_MS);
      if (gap < 0) break;
      const last = this.#places.pop();
      if (last && gap < this.#places.length && last.member !== undefined) this.#places[gap] = last;
      else if (last && gap < this.#places.length) this.#places.splice(gap, 1); // the last was a gap itself
    }
    return this.#places.flatMap((p) => (p.member === undefined ? [] : [p.member]));
  }
  #first(me: number): void {
    const at = this.#places.findIndex((p) => p.member === me);
    if (at > 0) this.#places.unshift(...this.#places.splice(at, 1));
  }
  /** When update is due because a gap closes, or undefined. */
  wakeAt(): number | undefined {
    const gaps = this.#places.filter((p) => p.member === undefined).map((p) => p.since + GAP_MS);
    return gaps.length ? Math.min(...gaps) : undefined;
  }
  /** Moves one place forward (towards the first) or back. */
  move(member: number, by: -1 | 1): void {
    const at = this.#places.findIndex((p) => p.member === member);
    const to = at + by;
    const a = this.#places[at], b = this.#places[to];
    if (!a || !b || to < 1 || at < 1) return;
    this.#places[at] = b;
    this.#places[to] = a;
  }
  /** Two members change places: somebody off the first page speaks. */
  swap(one: number, other: number): void {
    const i = this.#places.findIndex((p) => p.member === one), j = this.#places.findIndex((p) => p.member === other);
    const a = this.#places[i], b = this.#places[j];
    if (!a || !b) return;
    this.#places[i] = b;
    this.#places[j] = a;
  }
}
