// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { boxes, focus, grid, pageSize, pair } from '../../../web/app/grid.ts';

const table: [number, number, number, number, number, number, number][] = [
  [1412, 754, 4, 2, 2, 659, 371], [1412, 754, 5, 3, 2, 462, 347], [1412, 754, 7, 3, 3, 432, 243], [1412, 754, 9, 3, 3, 432, 243],
  [1412, 754, 12, 4, 3, 344, 243], [1412, 754, 16, 4, 4, 319, 179], [1412, 754, 25, 5, 5, 251, 141],
  [374, 668, 3, 1, 3, 374, 217], [374, 668, 4, 2, 2, 183, 274], [374, 668, 9, 2, 5, 183, 127], [374, 668, 12, 2, 6, 183, 104],
];
for (const [W, H, n, columns, rows, width, height] of table) {
  test(`${n} people on ${W} × ${H}`, () => {
    const g = grid(W, H, n);
    assert.deepEqual([g.columns, g.rows, g.width, g.height], [columns, rows, width, height]);
  });
}
test('a phone shows twelve of twenty-five, the last says how many more', () => assert.equal(pageSize(374, 668, 25), 12));
test('a wide stage shows all of twenty-five', () => assert.equal(pageSize(1412, 754, 25), 25));

test('tiles never overlap, never leave the stage, and are equal, for 1 to 25 on many stages', () => {
  for (let W = 300; W <= 1900; W += 133) {
    for (let H = 200; H <= 1100; H += 97) {
      for (let n = 1; n <= 25; n++) {
        const g = grid(W, H, n);
        const all = boxes(W, H, n, g);
        assert.equal(all.length, n);
        for (const [i, a] of all.entries()) {
          assert.ok(a.x >= -1 && a.y >= -1 && a.x + a.width <= W + 1 && a.y + a.height <= H + 1, `${W}x${H} ${n}: tile ${i} leaves the stage`);
          for (const b of all.slice(i + 1)) {
            assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y, `${W}x${H} ${n}`);
          }
        }
      }
    }
  }
});
test('no tile of a page is under the least size unless the stage itself is', () => {
  for (let W = 374; W <= 1900; W += 91) {
    for (let H = 400; H <= 1100; H += 83) {
      for (let n = 2; n <= 60; n += 3) {
        const k = pageSize(W, H, n);
        const g = grid(W, H, k);
        if (k > 1) assert.ok(g.width >= (W < 600 ? 140 : 176) && g.height >= (W < 600 ? 92 : 104), `${W}x${H} ${n}`);
      }
    }
  }
});
test('the present grid stays unless another is clearly better', () => {
  const g = grid(1000, 600, 6);
  assert.deepEqual(grid(1000, 600, 6, g), g);
});
test('two people: you are inside the other, lower right', () => {
  for (const [W, H] of [[1412, 754], [374, 668]] as const) {
    const [me, other] = pair(W, H);
    assert.ok(me.x > other.x + other.width / 2 && me.y > other.y + other.height / 2);
    assert.ok(me.x + me.width <= other.x + other.width && me.y + me.height <= other.y + other.height);
  }
});
test('a shared screen and its strip do not overlap', () => {
  for (const [W, H] of [[1412, 754], [374, 668], [800, 300], [700, 900]] as const) {
    for (let n = 0; n < 7; n++) {
      const f = focus(W, H, n);
      assert.ok(f.strip.length <= 4);
      for (const s of f.strip) {
        assert.ok(s.x >= f.main.x + f.main.width || s.y + s.height <= f.main.y, `${W}x${H} ${n}`);
        assert.ok(s.x + s.width <= W && s.y + s.height <= H);
      }
    }
  }
});
