// SPDX-License-Identifier: Apache-2.0
/** Who speaks, and who is main in speaker view: timers so that nothing flickers, and speaking never moves a tile. */
import type { Level } from '../sdk/index.ts';

export const ON_MS = 150;
export const OFF_MS = 800;
const HEARD = 60; // −dBov: louder than this is speech
const LEVELS_EVERY_MS = 400; // the server tells at most four times a second; a longer pause ends a run

interface Voice {
  begun: number; // of the present run of speech
  heard: number; // last
  level: number;
  on: boolean;
  total: number; // ms of speech in the last two seconds, roughly
}

export class Speech {
  readonly #voices = new Map<number, Voice>();
  #main: number | undefined;
  #mainSince = 0;

  hear(levels: readonly Level[], now: number): void {
    for (const { member, level } of levels) {
      if (level > HEARD) continue;
      const v = this.#voices.get(member) ?? { begun: now, heard: -Infinity, level, on: false, total: 0 };
      const gap = now - v.heard;
      if (gap > LEVELS_EVERY_MS) v.begun = now;
      v.total = gap > 2000 ? 0 : Math.max(0, v.total - Math.max(0, gap - LEVELS_EVERY_MS)) + Math.min(gap, LEVELS_EVERY_MS);
      v.heard = now;
      v.level = level;
      this.#voices.set(member, v);
    }
    this.tick(now);
  }
  /** True when somebody's mark changed. */
  tick(now: number): boolean {
    let changed = false;
    for (const [member, v] of this.#voices) {
      const on = now - v.heard < OFF_MS && (v.on || v.heard - v.begun >= ON_MS);
      if (on !== v.on) changed = true;
      v.on = on;
      if (!on && now - v.heard > 60000) this.#voices.delete(member);
    }
    return changed;
  }
  speaks(member: number): boolean {
    return this.#voices.get(member)?.on ?? false;
  }
  /** 0 … 1, for the bars beside a name. */
  loudness(member: number): number {
    const v = this.#voices.get(member);
    return v?.on ? Math.min(1, Math.max(0.15, (70 - v.level) / 60)) : 0;
  }
  silentSince(member: number): number {
    return this.#voices.get(member)?.heard ?? -Infinity;
  }
  /** The main of speaker view among those present; silence changes nothing and you are never main. */
  main(present: readonly number[], me: number | undefined, now: number): number | undefined {
    const others = present.filter((m) => m !== me);
    if (this.#main === undefined || !others.includes(this.#main)) {
      this.#main = others.find((m) => this.speaks(m)) ?? others[0];
      this.#mainSince = now;
      return this.#main;
    }
    const silent = now - this.silentSince(this.#main);
    for (const m of others) {
      const v = this.#voices.get(m);
      if (m === this.#main || !v?.on) continue;
      const run = v.heard - v.begun;
      if ((v.total >= 1200 && now - this.#mainSince >= 3000) || (run >= 400 && silent >= 1500)) {
        this.#main = m;
        this.#mainSince = now;
        break;
      }
    }
    return this.#main;
  }
}
