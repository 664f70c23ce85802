// SPDX-License-Identifier: Apache-2.0
// Acceptance row 59: the sealing core, native and as WebAssembly, in the same MLS groups as ts-mls 1.6.4, suites 0x0001 and 0x0002: each kind of member founds,
// adds each other, welcomes, commits with and without a path, updates, removes; then random operations among mixed members. After
// each epoch everybody has the same number, members, epoch authenticator and exporter value, and messages go both ways.
// usage: tests/interop/run [SEED] [OPERATIONS]     last line N passed, N failed; each suite is a process of its own (SUITE)
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Native, Ts, Wasm, externalSenders, root, text, world } from './members.mjs';

const seed = Number(process.argv[2] ?? crypto.randomInt(1e6));
const operations = Number(process.argv[3] ?? 200);
const program = join(root, 'build/tests/mls_peer'), wasm = readFileSync(join(root, 'build/web/seal.wasm'));
const psk = { id: text('incamera join'), psk: new Uint8Array(crypto.createHash('sha256').update(`psk ${seed}`).digest()) };
let state = seed >>> 0;
const dice = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
};
const pick = (list) => list[dice(list.length)];
let next = 0;
const make = (w, Kind) => new Kind(w, ++next % 1000, `${Kind.name}${next}`);
const KINDS = [Native, Wasm, Ts];

// Everybody in `inside` is at the same place, and in the same way.
const agree = async (inside) => {
  const first = await inside[0].info(), value = await inside[0].export('interop', text('context'), 40);
  assert.equal(first.members, inside.length);
  for (const m of inside.slice(1)) {
    const i = await m.info();
    assert.deepEqual([i.epoch, i.members], [first.epoch, first.members], `${m.name} and ${inside[0].name}`);
    assert.deepEqual(i.authenticator, first.authenticator, `${m.name} and ${inside[0].name}`);
    assert.deepEqual(new Uint8Array(await m.export('interop', text('context'), 40)), new Uint8Array(value), `${m.name}'s exporter`);
  }
};

const hears = async (from, to, words) => {
  const aad = text('aad'), message = await from.say(text(words), aad);
  for (const m of to) {
    if (m === from) continue;
    const got = await m.take(message);
    assert.equal(got.kind, 'application');
    assert.deepEqual([Buffer.from(got.data), Buffer.from(got.aad)], [Buffer.from(words), Buffer.from(aad)], `${m.name} hears ${from.name}`);
  }
};

// One of ours and one of theirs speak, and all hear.
const talk = async (inside) => {
  for (const theirs of [false, true]) {
    const from = inside.filter((m) => (m.kind === 'ts') === theirs);
    if (from.length > 0) await hears(pick(from), inside, `epoch ${(await inside[0].info()).epoch}`);
  }
};

const taken = async (m, message) => {
  try {
    return await m.take(message);
  } catch (e) {
    e.message = `${m.name}: ${e.message}`;
    throw e;
  }
};

// All take a commit; who it removes is out, who it adds joins.
const deliver = async (inside, { commit, welcome }, { joiners = [], gone = [] } = {}) => {
  for (const m of inside) {
    const got = await taken(m, commit);
    assert.equal(got.kind, 'commit', m.name);
    assert.equal(got.removed, gone.includes(m), m.name);
  }
  for (const m of joiners) await m.join(welcome);
  const now = [...inside.filter((m) => !gone.includes(m)), ...joiners];
  await agree(now);
  return now;
};

const adding = async (joiners) => {
  const list = [];
  for (const j of joiners) list.push({ kind: 'add', keyPackage: await j.key() });
  return list;
};

// ---- every pair of kinds ----
const pair = async (w, A, B) => {
  const a = make(w, A), b = make(w, B), c = make(w, A);
  await a.key();
  await a.create(text('pair'));
  let inside = await deliver([a], await a.commit(await adding([b]), { noPath: true }), { joiners: [b] });
  await talk(inside);
  for (const by of [b, a]) inside = await deliver(inside, await by.commit([])); // with a path
  await talk(inside);
  inside = await deliver(inside, await b.commit([...(await adding([c])), { kind: 'psk' }], { noPath: true }), { joiners: [c] });
  await talk(inside);
  for (const [from, by] of [[a, b], [b, a]]) {
    if (!from.can.propose) continue;
    const message = await from.propose({ kind: 'update' }, true);
    for (const m of inside) if (m !== from) assert.equal((await m.take(message)).kind, 'proposal');
    inside = await deliver(inside, await by.commit([]));
  }
  inside = await deliver(inside, await a.commit([]));
  inside = await deliver(inside, await b.commit([{ kind: 'remove', leaf: (await c.info()).leaf }]), { gone: [c] });
  await talk(inside);
  const { commit } = await a.commit([]);
  await assert.rejects(async () => c.take(commit), `${c.name} was removed and follows`);
  inside = await deliver(inside, { commit });
  for (const m of [a, b, c]) await m.free();
};

// ---- random operations ----
// Members at once: enough for a tree with blanks and unmerged leaves, few enough of ts-mls, which is the slow one.
const SIX = 6, NINE = 9, THEIRS = 3;
const proposalsBefore = async (w, inside, committer) => {
  const touched = new Set([committer]), joiners = [], gone = [];
  for (let n = dice(3); n > 0; n--) {
    const from = pick(inside.filter((m) => m.can.propose && !gone.includes(m)));
    const what = dice(4), on = pick(inside);
    let p;
    if (what < 2 && !touched.has(from)) {
      p = { kind: 'update' };
      touched.add(from);
    } else if (what === 2 && !touched.has(on) && on !== from && inside.length - gone.length > SIX) {
      p = { kind: 'remove', leaf: (await on.info()).leaf };
      touched.add(on);
      gone.push(on);
    } else if (what === 3 && inside.length + joiners.length < NINE) {
      const j = newcomer(w, inside, joiners);
      joiners.push(j);
      p = (await adding([j]))[0];
    } else continue;
    const message = await from.propose(p, dice(2) === 0);
    for (const m of inside) if (m !== from) assert.equal((await m.take(message)).kind, 'proposal');
  }
  return { touched, joiners, gone };
};

const newcomer = (w, inside, joiners) => make(w, pick([...inside, ...joiners].filter((m) => m.kind === 'ts').length < THEIRS ? KINDS : [Native, Wasm]));

const churn = async (w) => {
  let inside = [], out = [];
  const founder = make(w, pick(KINDS));
  await founder.key();
  await founder.create(text('churn'));
  inside.push(founder);
  const all = [Native, Wasm, Ts, Native, Wasm, Ts].map((K) => make(w, K)).slice(1);
  inside = await deliver(inside, await founder.commit(await adding(all)), { joiners: all });
  let adds = 0, removes = 0;
  for (let i = 0; i < operations; i++) {
    try {
      const by = pick(inside);
      const { touched, joiners, gone } = await proposalsBefore(w, inside, by);
      const list = [], options = { inPublic: dice(2) === 0, noPath: dice(2) === 0 };
      if (inside.length + joiners.length < NINE && dice(3) === 0) {
        const fresh = [newcomer(w, inside, joiners)];
        if (dice(3) === 0) fresh.push(newcomer(w, inside, [...joiners, ...fresh]));
        list.push(...(await adding(fresh)));
        joiners.push(...fresh);
      }
      const on = pick(inside);
      if (inside.length - gone.length > SIX && !touched.has(on) && dice(2) === 0) {
        list.push({ kind: 'remove', leaf: (await on.info()).leaf });
        gone.push(on);
      }
      if (dice(3) === 0) list.push({ kind: 'psk' });
      const made = await by.commit(list, options);
      for (const m of out) await assert.rejects(async () => m.take(made.commit), `${m.name} was removed and follows`);
      inside = await deliver(inside, made, { joiners, gone });
      await talk(inside);
      adds += joiners.length, removes += gone.length;
      for (const m of out) await m.free();
      out = gone;
    } catch (e) {
      e.message = `operation ${i}: ${e.message}`;
      throw e;
    }
  }
  for (const m of [...inside, ...out]) await m.free();
  return `${operations} operations, ${adds} added, ${removes} removed`;
};

// ---- from outside: native and ts-mls only, the page takes none of it ----
const OUTSIDE = 30;
const outside = async (w) => {
  const groupId = text('outside'), BOTH = [Native, Ts], servers = [new Ts(w, 998, 'server-ts'), new Native(w, 999, 'server-native')];
  for (const s of servers) await s.key();
  const counts = { entered: 0, again: 0, served: 0, own: 0 };
  for (const Founder of BOTH) {
    const founder = make(w, Founder), all = [Ts, Native, Ts].map((K) => make(w, K));
    await founder.key();
    await founder.create(groupId, externalSenders(servers));
    let inside = [founder];
    // the second comes by the GroupInfo of the first epoch, which has no transcript yet
    const second = make(w, pick(BOTH));
    await second.key();
    const first = await second.enter(await founder.groupInfo());
    assert.equal((await taken(founder, first)).kind, 'commit');
    await second.entered();
    inside.push(second);
    await agree(inside);
    inside = await deliver(inside, await founder.commit(await adding(all)), { joiners: all });
    for (let i = 0; i < OUTSIDE; i++) {
      const what = dice(5), by = pick(inside), info = await by.groupInfo(), { epoch } = await by.info();
      const others = inside.filter((m) => m !== by), hear = async (message) => {
        for (const m of inside) assert.equal((await taken(m, message)).kind, 'proposal');
      };
      if (what < 2) {
        const again = what === 1 && inside.length > 2 ? pick(others) : undefined, who = again ?? (inside.length < NINE ? make(w, pick(BOTH)) : undefined);
        if (!who) continue;
        if (!again) await who.key();
        const commit = await who.enter(info, again && (await again.info()).leaf);
        for (const m of inside) if (m !== again) assert.equal((await taken(m, commit)).kind, 'commit');
        await who.entered();
        if (!again) inside.push(who);
        counts[again ? 'again' : 'entered']++;
        await agree(inside);
      } else if (what === 2) {
        const place = dice(2), j = inside.length < NINE ? make(w, pick(BOTH)) : undefined, gone = inside.length > SIX ? [pick(others)] : [];
        for (const p of [...(j ? await adding([j]) : []), ...(gone.length ? [{ kind: 'remove', leaf: (await gone[0].info()).leaf }] : [])])
          await hear(await servers[place].outside(place, groupId, epoch, p, info));
        inside = await deliver(inside, await by.commit([]), { joiners: j ? [j] : [], gone });
        counts.served++;
      } else if (what === 3 && inside.length < NINE) {
        const j = make(w, pick(BOTH)), [p] = await adding([j]);
        await hear(await j.outside('own', groupId, epoch, p, info));
        inside = await deliver(inside, await by.commit([]), { joiners: [j] });
        counts.own++;
      } else inside = await deliver(inside, await by.commit([]));
      await talk(inside);
    }
    for (const m of inside) await m.free();
  }
  return `${counts.entered} entered, ${counts.again} again, ${counts.served} proposals by a server, ${counts.own} own Adds`;
};

let passed = 0, failed = 0;
const row = async (name, run) => {
  const start = Date.now();
  try {
    const note = await run();
    passed++;
    console.log(`ok ${name}${note ? `: ${note}` : ''} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (e) {
    failed++;
    console.log(`not ok ${name}: ${e.stack}`);
  }
};
if (process.env.SUITE) {
  const suite = Number(process.env.SUITE), w = await world(suite, { program, wasm, seed, psk });
  for (const A of KINDS) for (const B of KINDS) if (A !== B) await row(`suite ${suite} ${A.name} founds, ${B.name} joins`, () => pair(w, A, B));
  await row(`suite ${suite} mixed members`, () => churn(w));
  await row(`suite ${suite} external commits and proposals`, () => outside(w));
  w.driver.end();
  process.send([passed, failed], () => process.exit(failed ? 1 : 0));
} else {
  console.log(`seed ${seed}`);
  await Promise.all([1, 2].map((suite) => new Promise((done) => {
    let counts = [0, 1]; // unless it says otherwise
    fork(process.argv[1], [seed, operations], { env: { ...process.env, SUITE: suite } }).on('message', (m) => (counts = m)).on('exit', () => {
      passed += counts[0], failed += counts[1];
      done();
    });
  })));
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
