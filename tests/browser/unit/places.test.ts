// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { Places } from '../../../web/app/places.ts';
import { Speech } from '../../../web/app/speech.ts';

const people = (...numbers: number[]): { member: number; name: string }[] => numbers.map((member) => ({ member, name: `n${member}` }));

test('you are first, others in the order in which they were seen', () => {
  assert.deepEqual(new Places().update(3, people(1, 2, 3, 4), 0), [3, 1, 2, 4]);
});
test('who leaves leaves a gap for two seconds; then the last one takes it and nobody else moves', () => {
  const p = new Places();
  p.update(1, people(1, 2, 3, 4, 5), 0);
  assert.deepEqual(p.update(1, people(1, 3, 4, 5), 1000), [1, 3, 4, 5]);
  assert.equal(p.wakeAt(), 3000);
  assert.deepEqual(p.update(1, people(1, 3, 4, 5), 3000), [1, 5, 3, 4]);
});
test('who comes back under the same name within two seconds keeps the place', () => {
  const p = new Places();
  p.update(1, people(1, 2, 3, 4), 0);
  p.update(1, people(1, 3, 4), 100);
  assert.deepEqual(p.update(1, [...people(1, 3, 4), { member: 9, name: 'n2' }], 900), [1, 9, 3, 4]);
});
test('everybody leaves at once', () => {
  const p = new Places();
  p.update(1, people(1, 2, 3, 4), 0);
  p.update(1, people(1), 10);
  assert.deepEqual(p.update(1, people(1), 5000), [1]);
});
test('a thousand joins and leaves: each is there once, and a leave moves at most one', () => {
  const p = new Places();
  let seed = 7, now = 0, next = 2, here = [1];
  let before = p.update(1, people(...here), now);
  for (let i = 0; i < 1000; i++) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    const join = here.length < 2 || (here.length < 25 && seed % 2 === 0);
    if (join) here = [...here, next++];
    else here = here.filter((_, k) => k === 0 || k !== 1 + (seed >> 8) % (here.length - 1));
    now += 100;
    p.update(1, people(...here), now);
    now += 2500;
    const order = p.update(1, people(...here), now);
    assert.deepEqual([...order].sort((a, b) => a - b), [...here].sort((a, b) => a - b));
    const moved = order.filter((m, k) => before.includes(m) && before[k] !== m);
    assert.ok(moved.length <= 1, `${before.join()} → ${order.join()}`);
    before = order;
  }
});
test('speaking: on after 150 ms, off after 800 ms', () => {
  const s = new Speech();
  const at = (now: number, ...members: number[]): void => s.hear(members.map((member) => ({ member, level: 20 })), now);
  at(0, 1);
  assert.equal(s.speaks(1), false);
  at(250, 1);
  assert.equal(s.speaks(1), true);
  s.tick(1000);
  assert.equal(s.speaks(1), true);
  s.tick(1051);
  assert.equal(s.speaks(1), false);
});
test('speaker view: a cough changes nothing, a sentence does, silence never, you never', () => {
  const s = new Speech();
  const hear = (from: number, to: number, member: number): void => {
    for (let now = from; now <= to; now += 250) s.hear([{ member, level: 20 }], now);
  };
  assert.equal(s.main([1, 2, 3], 1, 0), 2);
  hear(4000, 4250, 3);
  assert.equal(s.main([1, 2, 3], 1, 4250), 2);
  s.tick(6000);
  hear(10000, 11500, 3);
  assert.equal(s.main([1, 2, 3], 1, 11500), 3);
  s.tick(60000);
  assert.equal(s.main([1, 2, 3], 1, 60000), 3);
  hear(70000, 73000, 1);
  assert.equal(s.main([1, 2, 3], 1, 73000), 3);
  assert.equal(s.main([1, 2], 1, 74000), 2);
});
