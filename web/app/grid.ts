// SPDX-License-Identifier: Apache-2.0
/** Where tiles go: pure functions of the stage's size and how many people there are. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
  readonly gap: number;
}
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
const clamp = (v: number, low: number, high: number): number => Math.min(Math.max(v, low), high);
export const PAGE_MAX = 25;

/** The best columns × rows for n equal tiles; `now` keeps the present one unless another is clearly better. */
export function grid(W: number, H: number, n: number, now?: { columns: number; rows: number }): Grid {
  const gap = W < 600 ? 8 : 12;
  const widest = 16 / 9;
  const narrowest = n === 1 ? (W >= H ? 4 / 3 : 9 / 16) : W >= H ? 4 / 3 : 2 / 3;
  const least = W < 600 ? 140 : 176;
  let best: Grid = { columns: 1, rows: n, width: 0, height: 0, gap };
  let bestScore = -1;
  for (let c = 1; c <= n; c++) {
    const r = Math.ceil(n / c);
    if (Math.ceil(n / r) !== c) continue;
    const cw = (W - (c - 1) * gap) / c;
    const ch = (H - (r - 1) * gap) / r;
    if (cw <= 0 || ch <= 0) continue;
    const a = clamp(cw / ch, narrowest, widest);
    const w = Math.min(cw, ch * a);
    const h = w / a;
    const score = h * Math.sqrt(w * h) * (1 - 0.02 * (c * r - n)) * (w < least ? 0.5 : 1) *
      (now && c === now.columns && r === now.rows ? 1.08 : 1);
    if (score > bestScore) {
      bestScore = score;
      best = { columns: c, rows: r, width: Math.floor(w + 1e-6), height: Math.floor(h + 1e-6), gap };
    }
  }
  return best;
}

/** How many of n tiles fit on one page without falling under the least size. */
export function pageSize(W: number, H: number, n: number): number {
  const leastWidth = W < 600 ? 140 : 176;
  const leastHeight = W < 600 ? 92 : 104;
  for (let k = Math.min(n, PAGE_MAX); k > 1; k--) {
    const g = grid(W, H, k);
    if (g.width >= leastWidth && g.height >= leastHeight) return k;
  }
  return 1;
}

/** The boxes of n tiles: rows centred in the stage, the last row too. */
export function boxes(W: number, H: number, n: number, g: Grid): Box[] {
  const top = Math.floor((H - g.rows * g.height - (g.rows - 1) * g.gap) / 2);
  const out: Box[] = [];
  for (let i = 0; i < n; i++) {
    const row = Math.floor(i / g.columns);
    const inRow = Math.min(g.columns, n - row * g.columns);
    const left = Math.floor((W - inRow * g.width - (inRow - 1) * g.gap) / 2);
    out.push({
      x: left + (i - row * g.columns) * (g.width + g.gap), y: top + row * (g.height + g.gap), width: g.width, height: g.height,
    });
  }
  return out;
}

/** Two people: the other fills the stage, you sit in its lower right corner. Answers [you, the other]. */
export function pair(W: number, H: number): [Box, Box] {
  const portrait = W < H;
  const a = clamp(W / H, portrait ? 9 / 16 : 4 / 3, 16 / 9);
  const width = Math.floor(Math.min(W, H * a));
  const height = Math.floor(width / a);
  const other: Box = { x: Math.floor((W - width) / 2), y: Math.floor((H - height) / 2), width, height };
  const w = W < 600 ? 104 : Math.floor(W * 0.17);
  const h = Math.floor(portrait ? w * 4 / 3 : w * 9 / 16);
  const edge = W < 600 ? 8 : 12;
  return [{ x: other.x + width - w - edge, y: other.y + height - h - edge, width: w, height: h }, other];
}

export interface Focus {
  readonly main: Box;
  readonly strip: Box[];
}
/** A main tile or shared screen with a strip of at most four (wide: at the right; portrait: on top). */
export function focus(W: number, H: number, others: number): Focus {
  const gap = W < 600 ? 8 : 12;
  if (others === 0) return { main: { x: 0, y: 0, width: W, height: H }, strip: [] };
  if (W >= H) {
    const low = H < 320;
    const n = Math.min(others, low ? 2 : 4);
    const width = Math.floor(low ? W * 0.17 : Math.min(212, W * 0.24));
    const height = Math.floor(Math.min(width * 0.75, (H - (n - 1) * gap) / n));
    const strip = Array.from({ length: n }, (_, i) => ({ x: W - width, y: i * (height + gap), width, height }));
    return { main: { x: 0, y: 0, width: W - width - gap, height: H }, strip };
  }
  const n = Math.min(others, W < 420 ? 3 : 4);
  const width = Math.floor((W - (n - 1) * gap) / n);
  const height = Math.floor(width * 0.75);
  const left = 0;
  const strip = Array.from({ length: n }, (_, i) => ({ x: left + i * (width + gap), y: 0, width, height }));
  return { main: { x: 0, y: height + gap, width: W, height: H - height - gap }, strip };
}
