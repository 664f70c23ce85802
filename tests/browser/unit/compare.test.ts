// SPDX-License-Identifier: Apache-2.0
// What a device remembers of comparing a sealed room's code (web/app/compare.ts).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compared } from '../../../web/app/compare.ts';

const group = (...members: [string, string][]) => ({
  own: 0, epoch: 1, code: '', removedBy: [], members: members.map(([name, id], leaf) => ({ leaf, name, id, moderator: false })),
});

test('who joined after the code was compared is named until it is compared again', () => {
  const c = new Compared(), two = group(['Ana', 'a'], ['Ben', 'b']), three = group(['Ana', 'a'], ['Ben', 'b'], ['Eve', 'e']);
  assert.deepEqual(c.newcomers(three), []);
  c.match(two, 1000);
  assert.equal(c.at('b'), 1000);
  assert.deepEqual(c.newcomers(two), []);
  assert.deepEqual(c.newcomers(three), ['Eve']);
  assert.equal(c.at('e'), undefined);
  c.match(three, 2000);
  assert.deepEqual(c.newcomers(three), []);
  c.differ();
  assert(c.differs && c.at('b') === undefined);
  c.match(three, 3000);
  assert(!c.differs);
});
test('a name that comes back under another key is said; a reload, a second device and a namesake beside it are not', () => {
  const c = new Compared();
  assert.deepEqual(c.see(group(['Ana', 'a'], ['Ben', 'b'])), []);
  assert.deepEqual(c.see(group(['Ana', 'a'])), []);
  assert.deepEqual(c.see(group(['Ana', 'a'], ['Ben', 'b'])), [], 'a reload');
  assert.deepEqual(c.see(group(['Ana', 'a'], ['Ben', 'b'], ['Ben', 'b2'])), [], 'both are listed');
  assert.deepEqual(c.see(group(['Ana', 'a'], ['Ben', 'x'])), ['Ben']);
  assert.deepEqual(c.see(group(['Ana', 'a'], ['Ben', 'x'])), [], 'once');
  assert.deepEqual(c.changed, ['Ben']);
  c.accept();
  assert.deepEqual(c.changed, []);
  assert.deepEqual(c.see(group(['Ana', 'a2'], ['Ben', 'x'])), [], 'we ourselves');
});
