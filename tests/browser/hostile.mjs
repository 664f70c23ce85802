// SPDX-License-Identifier: Apache-2.0
// usage: [LONG=1] node tests/browser/hostile.mjs [PATTERN]   sealed rooms under a hostile server and in chaos, three Chromium people. Acceptance rows:
// 60, no (key, KID, counter) twice over reloads, lost sockets and an engine's death; 61, what a server makes up is never shown and what it
// does to the group is said; 62, who was removed opens nothing more. And each codec once. Last line N passed, N failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Checks, chromium, until } from './browser.mjs';
import { Person } from './person.mjs';
import { PRELUDE, spied } from './spy.mjs';
import { startServer } from './server.mjs';

const LONG = process.env.LONG !== undefined; // ./check --long
const RELOADS = LONG ? 50 : 8;
const QUIET_S = LONG ? 30 : 2;
const checks = new Checks();
const server = await startServer();
const one = await chromium();
const COLOURS = { Ana: [200, 30, 30], Ben: [30, 170, 40], Eve: [40, 60, 210], Dan: [210, 190, 30] };
const open = new Set();
const person = (name, codec) => {
  const p = new Person(one, server.origin, { name, colour: COLOURS[name], hertz: 440, before: [spied, PRELUDE, codec] });
  open.add(p);
  return p;
};
/** One check; whoever is in a room at its end goes. */
const check = (what, f) => (new RegExp(process.argv[2] ?? '').test(what) ? checks.is(what, async () => {
  try {
    return await f();
  } finally {
    await Promise.allSettled([...open].map((p) => p.close()));
    open.clear();
  }
}) : undefined);
const pathOf = (l) => l.slice(l.indexOf('/r/'));
const sleep = (ms) => new Promise((go) => setTimeout(go, ms));

async function makeRoom(p) {
  await p.open('/');
  await until('the first page', () => p.eval(() => document.querySelector('#class-sealed:checked') !== null));
  await p.press('Create sealed room');
  await p.join();
  await until('inside', () => p.eval(() => document.querySelector('.pill')?.textContent.startsWith('Sealed')), 8000);
  return pathOf(await p.link());
}
async function meet(names, codec) {
  const people = names.map((n) => person(n, codec));
  const path = await makeRoom(people[0]);
  for (const p of people.slice(1)) {
    await p.open(path);
    await p.join();
  }
  for (const p of people) await p.sees(people.filter((x) => x !== p), 20000);
  return { people, path };
}
const end = (people) => Promise.all(people.map((p) => {
  open.delete(p);
  return p.close();
}));
const order = (p, o) => p.eval((x) => window.order(x), o);
const told = (p, kind) => p.eval((k) => window.told.filter((x) => x.kind === k), kind);
const codeNow = async (p) => (await told(p, 'epoch')).at(-1)?.code;
const oneCode = (people, ms = 12000) => until('one code', async () => {
  const codes = await Promise.all(people.map(codeNow));
  if (new Set(codes).size === 1) return true;
  throw new Error(codes.map((c) => c?.slice(0, 5)).join(' / '));
}, ms);
/** Hears everything that the workers of a person's browser tell, through its reloads. */
async function auditor(p) {
  const page = await p.context.newPage();
  await page.goto(`${server.origin}/healthz`);
  await page.evaluate(() => {
    window.ids = [];
    new BroadcastChannel('spy').onmessage = ({ data }) => { if (data.kind === 'sealed') window.ids.push(data); };
  });
  await p.page.bringToFront(); // what lies behind draws no pictures
  return { take: () => page.evaluate(() => window.ids.splice(0)) };
}

for (const codec of ['video/VP8', 'video/VP9', 'video/AV1', 'video/H264']) {
  await check(`${codec}: sealed, seen, and nothing undecodable`, async () => {
    const { people: [ana, ben] } = await meet(['Ana', 'Ben'], codec);
    const used = await ana.eval(async () => {
      const report = await window.peers.at(-1).getStats(), all = [...report.values()];
      return all.filter((s) => s.type === 'outbound-rtp' && s.kind === 'video' && s.codecId).map((s) => report.get(s.codecId).mimeType);
    });
    if (!used.length || used.some((u) => u.toLowerCase() !== codec.toLowerCase())) throw new Error(`sent ${used.join(', ')}`);
    const at = await ben.eval(() => ({ ...window.counts }));
    await sleep(2000);
    const now = await ben.eval(() => ({ ...window.counts }));
    const [came, shown] = [now.real - at.real, now.passed - at.passed];
    await end([ana, ben]);
    if (came < 60 || came - shown > 2) throw new Error(`${shown} of ${came} frames`); // two may be between the two counts
    return `${shown} of ${came} frames in 2 s`;
  });
}

await check('a room of suite 1 with strict metadata: seen and heard, and no sound level is offered', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'incamera-policy-')), file = join(folder, 'sealed.json');
  writeFileSync(file, '{"strict_metadata":true,"mls_suite":1,"days":7}');
  const made = spawnSync(server.binary, ['room', 'create', '--class', 'sealed', '--policy', file, '--data', server.data], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  const path = pathOf(made.stdout.trim());
  const [ana, ben] = [person('Ana'), person('Ben')];
  for (const p of [ana, ben]) {
    await p.open(path);
    await p.join();
  }
  await Promise.all([ana.sees([ben]), ben.sees([ana])]);
  await Promise.all([ana.hears([ben]), ben.hears([ana])]);
  const offered = await ana.eval(() => window.peers.map((p) => p.localDescription.sdp + p.remoteDescription.sdp).join('').match(/ssrc-audio-level|mid\b/g).join());
  if (offered.includes('ssrc-audio-level') || !offered.includes('mid')) throw new Error(offered);
  if ((await told(ana, 'epoch')).at(-1).n !== 2) throw new Error('not two in the group');
  await ana.page.reload({ waitUntil: 'load' }); // the Ed25519 identity is kept too
  await ana.join();
  await ana.sees([ben]);
  await oneCode([ana, ben]);
  if ((await told(ben, 'epoch')).at(-1).n !== 2) throw new Error('a leaf too many');
  await end([ana, ben]);
});
await check('who dies without a word gets nothing more, and is out of the group within 17 s', async () => {
  const { people: [ana, ben] } = await meet(['Ana', 'Ben']);
  const before = (await told(ana, 'epoch')).at(-1).epoch, died = Date.now();
  await ben.eval(() => { for (const s of window.sockets) s.close(); window.WebSocket = class { close() {} }; }); // no way back
  await until('its picture is gone', () => ana.eval(() => !document.querySelector('.tile video') || document.querySelectorAll('.tile').length === 1), 5000).catch(() => undefined);
  const still = await ben.eval(() => window.counts.real);
  await until('out of the group', async () => (await told(ana, 'epoch')).at(-1).epoch > before, 20000);
  const took = Date.now() - died;
  const came = await ben.eval(() => window.counts.real) - still;
  await end([ana, ben]);
  if (took < 14000 || took > 17500) throw new Error(`after ${took} ms`);
  if (came > 5) throw new Error(`${came} frames were forwarded to it`);
  return `${took} ms, ${came} frames after its socket was gone`;
});
await check(`nothing is undecodable for ${QUIET_S} s after each change has settled`, async () => {
  const { people: [ana, ben, eve], path } = await meet(['Ana', 'Ben', 'Eve']);
  const dan = person('Dan');
  const quiet = async (what, all) => {
    for (const p of all) await p.sees(all.filter((x) => x !== p), 15000);
    const count = () => Promise.all(all.map((p) => p.eval(() => ({ ...window.counts }))));
    const before = await count();
    await sleep(QUIET_S * 1000);
    const after = await count();
    after.forEach((c, i) => {
      const came = c.real - before[i].real, shown = c.passed - before[i].passed;
      if (came < QUIET_S * 30 || Math.abs(came - shown) > 2) throw new Error(`${what}: ${all[i].name} opened ${shown} of ${came} frames`);
    });
  };
  await dan.open(path);
  await dan.join();
  await quiet('join', [ana, ben, eve, dan]);
  await eve.page.reload({ waitUntil: 'load' });
  await eve.join();
  await quiet('reload', [ana, ben, eve, dan]);
  await eve.press('Leave');
  await until('out', async () => (await told(ana, 'epoch')).at(-1).n === 3, 8000);
  await quiet('leave', [ana, ben, dan]);
  await ana.press('People');
  await ana.press('Remove Dan');
  await until('the question', () => ana.eval(() => document.querySelector('dialog[open]') !== null), 3000);
  await ana.eval(() => { document.querySelector('dialog .stop').click(); });
  await until('out', async () => (await told(ben, 'epoch')).at(-1).n === 2, 8000);
  await quiet('removal', [ana, ben]);
});
await check('row 60: no key, KID and counter twice, over reloads, lost sockets and the death of the engine', async () => {
  const { people } = await meet(['Ana', 'Ben', 'Eve']);
  const auditors = [];
  for (const p of people) auditors.push(await auditor(p));
  const ids = new Map();
  let frames = 0;
  const take = async () => {
    for (const [i, a] of auditors.entries()) {
      for (const { id, clear } of await a.take()) {
        if (!id) continue;
        frames++;
        if (ids.has(id)) throw new Error(`${id} twice, by ${people[i].name}: ${ids.get(id)}`);
        ids.set(id, `${people[i].name} ${clear}`);
        if (!/^\w+ \d+ \d+$/.test(id)) throw new Error(`not read: ${id}`);
      }
    }
  };
  for (let n = 0; n < RELOADS; n++) {
    const p = people[n % people.length];
    await take();
    if (n % 4 === 3) {
      const before = await p.eval(() => {
        window.sockets.at(-1).close();
        return window.peers.length;
      });
      await until('a new connection', () => p.eval((b) => window.peers.length > b, before), 8000);
    } else {
      await p.page.reload({ waitUntil: 'load' });
      await p.join();
    }
    if (n === Math.floor(RELOADS / 2)) {
      const before = await p.eval(() => window.peers.length);
      for (const pid of server.pids('engine')) process.kill(pid, 'SIGKILL');
      await until('a new connection', () => p.eval((b) => window.peers.length > b, before), 15000);
    }
    await p.sees(people.filter((x) => x !== p), 20000).catch((why) => { throw new Error(`after ${n + 1} disturbances: ${why.message}`); });
  }
  await oneCode(people);
  await take();
  const keys = new Set([...ids.keys()].map((x) => x.split(' ')[0])).size;
  if (frames < RELOADS * 100 || keys < RELOADS / 2) throw new Error(`only ${frames} frames under ${keys} keys`);
  await end(people);
  return `${RELOADS} disturbances, ${frames} frames under ${keys} keys, 0 repeated`;
});

await check('row 61: plain, cut, bent, foreign, replayed and old frames are never shown, and the call goes on', async () => {
  const { people } = await meet(['Ana', 'Ben', 'Eve']);
  const [ana, ben, eve] = people;
  const [from, to] = [[await auditor(ana), await auditor(eve)], await auditor(ben)];
  await sleep(1500);
  await to.take(); // what was sealed before its sender's auditor listened
  await order(ben, { what: 'attack', on: true });
  const sent = new Set(), rendered = [];
  for (let i = 0; i < 3; i++) {
    await sleep(1500);
    await eve.page.reload({ waitUntil: 'load' });
    await eve.join();
    await ben.sees([ana, eve], 15000);
  }
  rendered.push(...(await to.take()).map((x) => x.rendered).filter(Boolean));
  await sleep(300);
  for (const a of from) for (const { clear } of await a.take()) sent.add(clear);
  const { injected } = await ben.eval(() => window.counts), fakes = await told(ben, 'fake');
  await order(ben, { what: 'attack', on: false });
  await ben.sees([ana, eve], 10000);
  const strange = rendered.filter((r) => !sent.has(r));
  await end(people);
  if (fakes.length) throw new Error(`${fakes.length} of ${injected} came out: ${[...new Set(fakes.map((f) => f.how))].join(', ')}`);
  if (injected < 500 || rendered.length < 300) throw new Error(`only ${injected} injected, ${rendered.length} rendered`);
  if (strange.length) throw new Error(`${strange.length} of ${rendered.length} rendered frames were never sent`);
  return `${injected} handed in, 0 came out; ${rendered.length} rendered, all of them sent by a member`;
});
await check('row 61: a server that swaps streams, lies in the descriptor, loses, repeats and delays packets: nobody under another\'s name', async () => {
  const rogue = await startServer({ binary: join(dirname(fileURLToPath(import.meta.url)), '../../build/tests/incamera-rogue') });
  const people = ['Ana', 'Ben', 'Eve'].map((n) => new Person(one, rogue.origin, { name: n, colour: COLOURS[n], hertz: 440, before: [spied, PRELUDE] }));
  for (const p of people) open.add(p);
  const path = await makeRoom(people[0]);
  for (const p of people.slice(1)) {
    await p.open(path);
    await p.join();
  }
  let looked = 0, right = 0;
  const wrong = [], near = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 50);
  for (const stop = Date.now() + (LONG ? 120000 : 18000); Date.now() < stop;) {
    for (const p of people) {
      for (const { who, colour } of await p.eval(() => window.pictures())) {
        const name = who.replace(' (you)', '');
        if (!COLOURS[name]) continue; // not named yet
        looked++;
        if (near(colour, COLOURS[name])) right++;
        else for (const [another, theirs] of Object.entries(COLOURS)) if (another !== name && near(colour, theirs)) wrong.push(`${another} under ${name}`);
      }
    }
    await sleep(150);
  }
  const counts = await Promise.all(people.map((p) => p.eval(() => ({ ...window.counts }))));
  await end(people);
  await rogue.stop();
  if (wrong.length) throw new Error(`${wrong.length} of ${looked}: ${[...new Set(wrong)].join(', ')}`);
  if (right < looked / 3 || counts.some((c) => c.passed < 200)) throw new Error(`${right} of ${looked} right, ${JSON.stringify(counts)}`);
  return `${looked} looks, ${right} right, 0 under another's name`;
});
await check('row 61: commits repeated, delayed behind what follows, and lost: all come to one code again', async () => {
  const { people, path } = await meet(['Ana', 'Ben']);
  const [ana, ben] = people;
  await ben.eval(() => {
    window.hit = { repeated: 0, held: 0, lost: 0 };
    const kindOf = (d) => { const b = new Uint8Array(d); return b[2 + b[1] + 8]; };
    let n = 0;
    window.tamper = (data, hand) => {
      if (typeof data === 'string' || kindOf(data) !== 5) return [data];
      switch (n++ % 3) {
        case 0: window.hit.repeated++; return [data, data];
        case 1: window.hit.held++; setTimeout(() => hand(data), 400); return [];
        default: window.hit.lost++; return [];
      }
    };
  });
  const dan = person('Dan'), eve = person('Eve');
  for (let i = 0; i < 3; i++) {
    for (const p of [dan, eve]) {
      await p.open(path);
      await p.join();
      await oneCode([ana, ben, p], 15000);
    }
    for (const p of [dan, eve]) await p.press('Leave');
    await until('two are left', async () => (await told(ana, 'epoch')).at(-1).n === 2, 12000);
    await end([dan, eve]);
  }
  await oneCode(people, 15000);
  await Promise.all([ana.sees([ben]), ben.sees([ana])]);
  const hit = await ben.eval(() => window.hit);
  await end(people);
  if (!hit.repeated || !hit.held || !hit.lost) throw new Error(JSON.stringify(hit));
  return `${hit.repeated} repeated, ${hit.held} late, ${hit.lost} lost`;
});
await check('row 61: a group split by the server is said, by name of what to do', async () => {
  const { people, path } = await meet(['Ana', 'Ben']);
  const [ana, ben] = people;
  await ben.eval(() => { window.tamper = (data) => (typeof data === 'string' ? [data] : []); }); // no envelope comes through any more
  const dan = person('Dan');
  await dan.open(path);
  await dan.join();
  const ms = await until('Ben is told', () => ben.eval(() => document.querySelector('.banner:not([hidden])')?.textContent.includes('split')), 25000);
  await until('Ana is told', () => ana.eval(() => document.querySelector('.banner:not([hidden])')?.textContent.includes('split')), 25000);
  await end([...people, dan]);
  return `${ms} ms`;
});
await check('row 61: somebody in the server\'s list who is not in the group is said', async () => {
  const ana = person('Ana');
  await makeRoom(ana);
  await ana.eval(() => {
    const s = window.sockets.at(-1);
    s.dispatchEvent(new MessageEvent('message', { data: JSON.stringify({ type: 'member_joined', member: { member: 900, name: '', kind: 'browser', moderator: false, hand: false, since: Date.now() } }) }));
  });
  await until('it is said', () => ana.eval(() => document.querySelector('.banner:not([hidden])')?.textContent.includes('names 1 more')), 20000);
  if (!await ana.eval(() => document.querySelector('.pill').textContent.includes('only you'))) throw new Error('the pill counts a stranger');
  await end([ana]);
});
for (const [what, change] of [['another class', { class: 'governed' }], ['no class', { class: undefined }]]) {
  await check(`row 61: a server that answers with ${what} is left at once, and it is said`, async () => {
    const ana = person('Ana'), ben = person('Ben');
    const path = await makeRoom(ana);
    await ben.open(path);
    await ben.eval((c) => {
      window.tamper = (data) => {
        if (typeof data !== 'string') return [data];
        const m = JSON.parse(data);
        if (m.type === 'joined') m.room = { ...m.room, ...c, class: c.class };
        return [JSON.stringify(m)];
      };
    }, change);
    await until('pre-join', () => ben.eval(() => document.querySelector('.pre-form .primary:not([disabled])') !== null), 15000);
    await ben.eval(() => { document.querySelector('.pre-form .primary').click(); });
    await until('it is said', () => ben.eval(() => ['stopped', 'policy', 'server', 'unreachable'].includes(document.querySelector('main')?.dataset.page ?? '')), 15000);
    if (await ben.eval(() => window.counts.sealed ?? 0)) throw new Error('frames were sent');
    await end([ana, ben]);
  });
}
await check('row 62: who was removed opens no frame of the new epoch, though the server hides the removal and passes everything on', async () => {
  const { people: [ana, ben, dan] } = await meet(['Ana', 'Ben', 'Dan']);
  // The control: frames that Dan's browser never had, from before the removal, open.
  const kept = async (n) => {
    await ben.eval(() => { window.frames_.length = 0; });
    await order(ben, { what: 'keep', on: true });
    await until('frames at Ben', () => ben.eval((k) => window.frames_.length >= k, n), 8000);
    await order(ben, { what: 'keep', on: false });
    return ben.eval((k) => window.frames_.slice(-k).map((f) => ({ b: [...f.b], mime: f.mime, epoch: f.epoch })), n);
  };
  const inject = async (frames) => {
    const before = (await told(dan, 'injected')).length;
    await dan.eval((list) => window.order({ what: 'inject', frames: list.map((f) => ({ b: new Uint8Array(f.b), mime: f.mime })) }), frames);
    await until('handed in', async () => (await told(dan, 'injected')).length > before, 4000);
    return (await told(dan, 'injected')).at(-1);
  };
  await order(dan, { what: 'deaf', on: true });
  await dan.eval(() => { window.tamper = () => []; });
  const control = await inject((await kept(40)).filter((f) => f.mime === 'audio/opus'));
  if (!control.came) throw new Error(`the control opens ${control.came} of ${control.of}`);
  const epochs = (await told(ben, 'epoch')).at(-1).epoch;
  await ana.press('People');
  await ana.press('Remove Dan');
  await until('the question', () => ana.eval(() => document.querySelector('dialog[open]') !== null), 3000);
  const clicked = Date.now();
  await ana.eval(() => { document.querySelector('dialog .stop').click(); });
  await until('Ben is in the new epoch', async () => (await told(ben, 'epoch')).at(-1).epoch > epochs, 5000, 20);
  const took = (await told(ben, 'epoch')).find((e) => e.epoch > epochs).at - clicked;
  await until('Ana too', async () => (await told(ana, 'epoch')).at(-1).epoch > epochs, 5000, 20);
  await sleep(100); // what Ana sealed before she applied it is on its way
  const after = await inject(await kept(80));
  await end([ana, ben, dan]);
  if (after.came) throw new Error(`${after.came} of ${after.of} opened`);
  if (took > 2000) throw new Error(`the new epoch after ${took} ms`);
  return `new epoch after ${took} ms; ${control.came} of ${control.of} before, 0 of ${after.of} after`;
});
if (checks.failed) console.log(server.log.slice(-25).map((l) => `# ${l}`).join('\n'));
await one.close();
await server.stop();
process.exit(checks.done());
