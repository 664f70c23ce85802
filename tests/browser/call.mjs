// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/call.mjs   two Chromium and one Firefox in a governed room of a real server: who is seen, who is heard,
// chat, mute, share, leave, join, reload, removal, and an engine that is killed. Prints times; last line N passed, N failed.
import { Checks, chromium, firefox, until } from './browser.mjs';
import { Person } from './person.mjs';
import { freePort, ownAddress, startServer } from './server.mjs';

const checks = new Checks();
const server = await startServer({ args: ['--turn', `${ownAddress() ?? '127.0.0.1'}:${await freePort()}`] });
console.log(`# media on ${ownAddress() ?? 'loopback only: Firefox will find no path'}`);
const [one, two] = [await chromium(), await firefox({ prefs: { 'media.navigator.audio.fake_frequency': 1320 } })];
const room = 'browser-call';
const ana = new Person(one, server.origin, { name: 'Ana', colour: [200, 30, 30], hertz: 440 });
const ben = new Person(one, server.origin, { name: 'Ben', colour: [30, 170, 40], hertz: 880 });
const eve = new Person(two, server.origin, { name: 'Eve', colour: [40, 60, 210], hertz: 1320, ownTone: true });
const dan = new Person(one, server.origin, { name: 'Dan', colour: [210, 190, 30], hertz: 1760 });
const all = [ana, ben, eve];
const others = (p) => all.filter((x) => x !== p);

const go = await checks.is('a room is created from the page and three people join it', async () => {
  await ana.open('/');
  await until('the first page', () => ana.eval(() => document.querySelector('#class-governed') !== null));
  await ana.eval(() => document.querySelector('#class-governed').click());
  await until('the room\'s name', () => ana.eval(() => document.querySelector('#room-name') !== null));
  await ana.page.type('#room-name', 'Browser call');
  await ana.press('Create governed room');
  await ana.join();
  await Promise.all([ben.open(`/r/${room}`), eve.open(`/r/${room}`)]);
  await ben.join();
  await eve.join();
});
if (go) {
  await checks.is('each sees the right picture of each other, and frames grow', async () => {
    const times = await Promise.all(all.map((p) => p.sees(others(p), 20000)));
    for (const p of all) if (await p.eval(() => window.peers.at(-1).getConfiguration().iceServers.length) !== 1) throw new Error(`${p.name} knows no relay`);
    return all.map((p, i) => `${p.name} ${times[i]} ms`).join(', ');
  });
  await checks.is('each hears each other', async () => {
    await Promise.all(all.map((p) => p.hears(others(p))));
  });
  await checks.is('who can read the room is said, and counts right', async () => {
    for (const p of all) await until(`${p.name}: pill`, () => p.eval(() => document.querySelector('.pill').textContent === 'Governed · 3 people and this service'), 3000);
  });
  await checks.is('chat reaches everybody once', async () => {
    await ana.page.keyboard.press('c');
    await ana.page.type('#chat-field', 'Good morning, all of you');
    await ana.page.keyboard.press('Enter');
    await until('Ben is told', () => ben.eval(() => document.querySelector('.control-chat .count:not([hidden])')?.textContent === '1'), 4000);
    await eve.press('Chat');
    for (const p of [ana, eve]) {
      await until(`${p.name} reads it`, () => p.eval(() => [...document.querySelectorAll('.said-text')].filter((x) => x.textContent === 'Good morning, all of you').length === 1), 4000);
    }
    await ana.page.keyboard.press('Escape');
  });
  await checks.is('mute: heard no more, shown on the tile, and back', async () => {
    await ben.press('Mute microphone');
    await Promise.all([ana.doesNotHear(ben), eve.doesNotHear(ben, 8000, 1)]);
    for (const p of [ana, eve]) await until(`${p.name} sees the mark`, () => p.eval(() => [...document.querySelectorAll('.tile')].some((x) => x.getAttribute('aria-label')?.startsWith('Ben, muted'))), 3000);
    await ben.press('Unmute microphone');
    await Promise.all([ana.hears([ben]), eve.hears([ben], 12000, 2)]);
  });
  await checks.is('camera off and on', async () => {
    await eve.press('Stop video');
    await until('gone', async () => !(await ana.eval(() => window.pictures())).some((x) => x.who === 'Eve'), 5000);
    await eve.press('Start video');
    await ana.sees([eve]);
  });
  await checks.is('a shared screen reaches both, and goes again', async () => {
    await ana.press('Share your screen');
    for (const p of [ben, eve]) {
      await until(`${p.name} sees the screen`, async () => (await p.eval(() => window.pictures())).some((x) => x.who === 'Ana shares a screen' && Math.abs(x.colour[0] - 200) < 40 && x.colour[1] < 90 && Math.abs(x.colour[2] - 200) < 40), 10000);
    }
    await ana.press('Stop sharing');
    for (const p of [ben, eve]) await until(`${p.name}: gone`, () => p.eval(() => document.querySelector('.tile.screen') === null), 5000);
  });
  await checks.is('a fourth joins; join click to first remote picture', async () => {
    await dan.open(`/r/${room}`);
    await dan.join();
    await dan.sees([ana]);
    const first = Date.now() - dan.pressed;
    await dan.sees(all);
    await Promise.all(all.map((p) => p.sees([dan])));
    return `${first} ms`;
  });
  await checks.is('one reloads: back, in the same place', async () => {
    const before = await ana.tiles();
    await ben.page.reload({ waitUntil: 'load' });
    await ben.join();
    const times = await Promise.all([ben.sees([ana, eve, dan]), ana.sees([ben], 2500), eve.sees([ben], 2500)]);
    const after = await ana.tiles();
    if (before.join() !== after.join()) throw new Error(`${before.join(' ')} → ${after.join(' ')}`);
    return `Ben sees all after ${times[0]} ms; is seen by Ana after ${times[1]} ms, by Eve after ${times[2]} ms`;
  });
  await checks.is('a moderator removes one: gone at once, and the same access does not come back', async () => {
    await ana.page.keyboard.press('p');
    await ana.press('Remove Dan');
    await until('the question', () => ana.eval(() => document.querySelector('dialog[open]') !== null), 3000);
    await ana.eval(() => { document.querySelector('dialog .stop').click(); });
    await until('Dan is told', () => dan.eval(() => document.querySelector('h1')?.textContent === 'You were removed.'), 4000);
    await until('the tile goes', async () => !(await eve.tiles()).includes('Dan'), 4000);
    await ana.page.keyboard.press('Escape');
  });
  await dan.close();
  await checks.is('an engine is killed: the call is back by itself within 5 s', async () => {
    const [engine] = server.pids('engine');
    if (!engine) throw new Error('no engine found');
    const before = await Promise.all(all.map((p) => p.eval(() => window.peers.length)));
    process.kill(engine, 'SIGKILL');
    const start = Date.now();
    await Promise.all(all.map((p, i) => until(`${p.name} starts anew`, () => p.eval((n) => window.peers.length > n, before[i]), 8000, 50)));
    await Promise.all(all.map((p) => p.sees(others(p), 8000)));
    const ms = Date.now() - start;
    await Promise.all(all.map((p) => p.hears(others(p))));
    if (ms > 5000) throw new Error(`${ms} ms`);
    return `${ms} ms to everybody's picture`;
  });
  await checks.is('one leaves, and the others go on', async () => {
    await ben.press('Leave');
    await until('left', () => ben.eval(() => document.querySelector('h1')?.textContent === 'You left the call.'), 4000);
    await until('the tile goes', async () => !(await ana.tiles()).includes('Ben'), 5000);
    await ana.sees([eve]);
    await eve.sees([ana]);
  });
  await checks.is('no page had an error', () => {
    const errors = all.flatMap((p) => p.errors.filter((e) => !/WebSocket connection|can.t establish a connection/i.test(e)).map((e) => `${p.name}: ${e}`));
    if (errors.length) throw new Error(errors.slice(0, 6).join(' | '));
  });
} else console.log(all.map((p) => `# ${p.name}: ${(p.errors ?? []).join(' | ')}`).join('\n'));
if (checks.failed) console.log(server.log.slice(-25).map((l) => `# ${l}`).join('\n'));
await Promise.allSettled([one.close(), two.close()]);
await server.stop();
process.exit(checks.done());
