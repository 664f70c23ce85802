// SPDX-License-Identifier: Apache-2.0
// What a member costs in the native core, in seal.wasm and in ts-mls, on the same Welcomes, one after another in one run (bench/mls):
//   join    the whole join of a tree that has lived: every second leaf has committed, so every parent is there
//   commit  an empty commit with a path in that tree
//   first   the same in a tree of fresh leaves, where every leaf is encrypted to
//   memory  what a joined member keeps: bytes in use (native), growth of the linear memory over sixteen (wasm), of heap
//           and buffers after a collection over four or one (ts-mls)
// Times are the median of five, or one when one takes more than a second.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Native, Ts, Wasm, root, text, world } from './members.mjs';

const suites = [], sizes = [];
for (const argv = process.argv.slice(2); argv.length > 0;) {
  const word = argv.shift();
  if (word === '--suite') suites.push(Number(argv.shift()));
  else sizes.push(Number(word));
}
if (suites.length === 0) suites.push(1, 2);
if (sizes.length === 0) sizes.push(10, 100, 500, 1000);
const KINDS = [Native, Wasm, Ts];
const KEPT = 16; // states kept at once to tell one's size
const NONE = new Uint8Array(0);
const add = async (m) => ({ kind: 'add', keyPackage: await m.key() });

// Milliseconds of run(m): the median of five, or one. The native core tells its own time: pipe and hex are not part of it.
const timed = async (w, m, run, undo) => {
  const all = [], ask = w.driver.ask.bind(w.driver);
  let inside = 0;
  if (m.kind === 'native')
    w.driver.ask = async (...words) => {
      const [ms, ...rest] = await ask('time', ...words);
      inside += Number(ms);
      return rest;
    };
  for (let i = 0; i < 5 && (i === 0 || all[0] < 1000); i++) {
    inside = 0;
    const start = performance.now();
    await run();
    all.push(m.kind === 'native' ? inside : performance.now() - start);
    await undo();
  }
  w.driver.ask = ask;
  return all.sort((a, b) => a - b)[Math.floor(all.length / 2)];
};

const used = async (m, w) => {
  if (m.kind === 'native') return Number((await w.driver.ask('memory'))[0]);
  if (m.kind === 'wasm') return w.core.wasm.memory.buffer.byteLength;
  globalThis.gc();
  await new Promise((go) => setTimeout(go, 20));
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

// Joins, and stays joined. The key package is used again and again, which only a measurement may do.
const joinCost = async (w, m, welcome) => {
  const invitee = m.own, kept = [], before = await used(m, w);
  if (m.kind === 'wasm') m.own = { join: (...a) => invitee.join(...a), free() {} };
  const leave = async () => {
    if (m.kind === 'wasm') m.free();
  };
  const ms = await timed(w, m, () => m.join(welcome), leave);
  if (m.kind === 'native') return { ms, bytes: (await used(m, w)) - before };
  const n = m.kind === 'wasm' ? KEPT : ms < 1000 ? 4 : 1;
  m.state = undefined;
  const empty = await used(m, w);
  for (let i = 0; i < n; i++) {
    await m.join(welcome);
    kept.push(m.group ?? m.state);
  }
  const bytes = ((await used(m, w)) - empty) / n;
  for (const g of m.kind === 'wasm' ? kept.slice(0, -1) : []) g.free();
  if (m.kind === 'wasm') invitee.free();
  return { ms, bytes };
};

const dropped = async (w, m) => {
  if (m.kind === 'native') await w.driver.ask('discard', m.id);
  else if (m.kind === 'wasm') m.group.discard();
  else m.staged = undefined;
};
const commitCost = (w, m) => timed(w, m, () => m.commit([]), () => dropped(w, m));

const rows = [];
const lived = async (w, row, kinds, welcome) => {
  for (const m of kinds) {
    const { ms, bytes } = await joinCost(w, m, welcome);
    row.join[m.kind] = ms, row.memory[m.kind] = bytes;
    row.commit[m.kind] = await commitCost(w, m);
  }
};

// One native member adds all at once; one of each kind then makes the first commit.
const fresh = async (w, row, size, ids) => {
  const founder = new Native(w, ids.next++, 'founder'), list = [], kinds = KINDS.map((K) => new K(w, ids.next++, K.name));
  await founder.key();
  await founder.create(text('fresh'));
  for (let i = 0; i < size - 1 - kinds.length; i++) {
    const nobody = new Native(w, ids.spare, `f${i}`);
    list.push(await add(nobody));
  }
  for (const m of kinds) list.push(await add(m));
  const { welcome } = await founder.commit(list, { noPath: true });
  for (const m of kinds) {
    await m.join(welcome);
    row.first[m.kind] = await commitCost(w, m);
    await m.free();
  }
  await founder.free();
};

const NOTHING = { id: NONE, psk: NONE };
for (const suite of suites) {
  const w = await world(suite, { program: join(root, 'build/tests/mls_peer'), wasm: readFileSync(join(root, 'build/web/seal.wasm')), seed: 1, psk: NOTHING });
  const ids = { next: 2, spare: 1 };
  let last = new Native(w, ids.next++, 'm0'), members = 1;
  await last.key();
  await last.create(text('lived'));
  for (const size of sizes) {
    // two at a time; the second of them adds the next two, with a path
    const extra = KINDS.length;
    while (members + extra < size) {
      const n = Math.min(2, size - extra - members), other = new Native(w, ids.spare, `m${members}`), now = new Native(w, ids.next === 900 ? (ids.next = 2) : ids.next++, `n${members}`);
      const list = n === 2 ? [await add(other), await add(now)] : [await add(now)];
      const { welcome } = await last.commit(list);
      await now.join(welcome);
      await last.free();
      last = now, members += n;
    }
    const kinds = KINDS.map((K) => new K(w, ids.next++, K.name)), list = [];
    for (const m of kinds) list.push(await add(m));
    const { welcome } = await last.commit(list);
    members += list.length;
    const row = { suite, size: members, join: {}, commit: {}, first: {}, memory: {} };
    await lived(w, row, kinds, welcome);
    await last.free();
    last = kinds[0];
    for (const m of kinds.slice(1)) await m.free();
    await fresh(w, row, members, ids);
    rows.push(row);
  }
  w.driver.end();
}

const ms = (v) => (v >= 100 ? v.toFixed(0) : v.toFixed(1));
const kb = (v) => `${(v / 1024).toFixed(0)} KB`;
const times = (a, b) => `${a / b >= 10 ? (a / b).toFixed(0) : (a / b).toFixed(1)}`;
const cell = (c, show) => `${show(c.native)} / ${show(c.wasm)} / ${show(c.ts)} (1 : ${times(c.wasm, c.native)} : ${times(c.ts, c.native)})`;
console.log('| suite | members | join ms | commit ms | first commit ms | memory of a member |\n|---|---|---|---|---|---|');
for (const r of rows) console.log(`| ${r.suite} | ${r.size} | ${cell(r.join, ms)} | ${cell(r.commit, ms)} | ${cell(r.first, ms)} | ${cell(r.memory, kb)} |`);
console.log('\nnative / wasm / ts-mls (ratio to native)');
process.exit(0);
