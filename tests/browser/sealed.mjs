// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/sealed.mjs   two Chromium and one Firefox in a sealed room of a real server: who is seen and heard, names, code,
// chat, file, join, leave, reload, removal; and a server that swaps the policy. Prints times; last line N passed, N failed.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checks, chromium, firefox, until } from './browser.mjs';
import { Person } from './person.mjs';
import { ownAddress, startServer } from './server.mjs';

const checks = new Checks();
const server = await startServer();
console.log(`# media on ${ownAddress() ?? 'loopback only: Firefox will find no path'}`);
const [one, two] = [await chromium(), await firefox({ prefs: { 'media.navigator.audio.fake_frequency': 1320 } })];
const ana = new Person(one, server.origin, { name: 'Ana', colour: [200, 30, 30], hertz: 440 });
const ben = new Person(one, server.origin, { name: 'Ben', colour: [30, 170, 40], hertz: 880 });
const eve = new Person(two, server.origin, { name: 'Eve', colour: [40, 60, 210], hertz: 1320, ownTone: true });
const dan = new Person(one, server.origin, { name: 'Dan', colour: [210, 190, 30], hertz: 1760 });
const all = [ana, ben, eve];
const others = (p) => all.filter((x) => x !== p);
const pill = (p, want) => until(`${p.name}: pill ${want}`, async () => {
  const is = await p.eval(() => document.querySelector('.pill')?.textContent);
  if (is === want) return true;
  throw new Error(is);
}, 8000);
const codeOf = async (p) => {
  await p.eval(() => { if (!document.querySelector('.code')) document.querySelector('.pill').click(); });
  await until(`${p.name}: code`, () => p.eval(() => document.querySelector('.code')?.textContent.length === 40), 4000);
  const code = await p.eval(() => document.querySelector('.code').textContent);
  await p.eval(() => { document.querySelector('.pill').click(); });
  return code;
};
/** All show the same code; while an epoch is on its way some may be one ahead. */
const oneCode = () => until('one code', async () => {
  const codes = [];
  for (const p of all) codes.push(await codeOf(p));
  if (new Set(codes).size === 1) return true;
  throw new Error(codes.join(' / '));
}, 5000);
let link = '';
const pathOf = (l) => l.slice(l.indexOf('/r/'));

const go = await checks.is('a sealed room is made in the page, and three people join it by its link', async () => {
  await ana.open('/');
  await until('the first page', () => ana.eval(() => document.querySelector('#class-sealed:checked') !== null));
  await ana.press('Create sealed room');
  await ana.join();
  await pill(ana, 'Sealed · only you, so far');
  if (await ana.eval(() => location.hash) !== '') throw new Error('the key stands in the address');
  link = await ana.link();
  if (!/\/r\/[\w-]{43}#1\.[\w-]{43}\.[\w-]{43}$/.test(link)) throw new Error('no such link');
  await ben.open(pathOf(link));
  await ben.join();
  const two = await Promise.all([ana.sees([ben]), ben.sees([ana])]);
  await eve.open(pathOf(link));
  await eve.join();
  return `two see each other after ${Math.max(...two)} ms`;
});
if (go) {
  await checks.is('everybody is in the group, by name', async () => {
    for (const p of all) {
      const names = others(p).map((o) => o.name);
      await until(`${p.name}: pill`, () => p.eval((n) => n.every((x) => document.querySelector('.pill').textContent.includes(x)), names), 8000);
    }
  });
  await checks.is('each sees the right picture of each other, and frames grow', async () => {
    const times = await Promise.all(all.map((p) => p.sees(others(p), 20000)));
    return all.map((p, i) => `${p.name} ${times[i]} ms`).join(', ');
  });
  await checks.is('each hears each other', async () => {
    await Promise.all(all.map((p) => p.hears(others(p))));
  });
  await checks.is('all compute one code, and one says that it matches', async () => {
    await oneCode();
    await ana.eval(() => { document.querySelector('.pill').click(); });
    await ana.press('It matches');
    await until('it is kept', () => ana.eval(() => document.querySelectorAll('.member-how').length === 3 && [...document.querySelectorAll('.member-how')].filter((x) => x.textContent.startsWith('Compared with you at')).length === 2), 3000);
    if (await ana.eval(() => document.querySelector('.pill').classList.contains('news'))) throw new Error('news already');
    await ana.page.keyboard.press('Escape');
  });
  await checks.is('chat reaches everybody once', async () => {
    await ana.page.keyboard.press('c');
    await ana.page.type('#chat-field', 'Good morning, all of you');
    await ana.page.keyboard.press('Enter');
    await eve.press('Chat');
    await ben.press('Chat');
    for (const p of all) {
      await until(`${p.name} reads it`, () => p.eval(() => [...document.querySelectorAll('.said-text')].filter((x) => x.textContent === 'Good morning, all of you').length === 1), 5000);
    }
    for (const p of all) await p.page.keyboard.press('Escape');
  });
  await checks.is('a file reaches both, whole, by the bytes; another is cancelled on the way', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'incamera-file-')), path = join(folder, 'minutes of monday.txt.bin');
    const bytes = Buffer.alloc(3_300_000, 'The minutes of Monday, sealed. ');
    writeFileSync(path, bytes);
    await ana.press('Chat');
    const choose = async (...paths) => (await ana.page.$('.chat input[type=file]')).uploadFile(...paths);
    await choose(path);
    const row = (p) => p.eval(() => [...document.querySelectorAll('.file')].map((f) => f.textContent).join(' | '));
    await until('sent', async () => (await row(ana)).includes('shared with everyone here'), 15000);
    const hashes = [];
    for (const p of [ben, eve]) {
      await until(`${p.name} has the offer`, async () => (await row(p)).includes('minutes of monday.txt.bin'), 5000);
      await p.press('Chat');
      await p.eval(() => { // the page's own rules let nobody read what it made but a click
        const real = URL.createObjectURL.bind(URL);
        URL.createObjectURL = (blob) => real((window.made = blob));
      });
      await p.press('Download minutes of monday.txt.bin');
      await until(`${p.name} has it`, () => p.eval(() => document.querySelector('.file a[download]')?.download === 'minutes of monday.txt.bin'), 15000);
      hashes.push(await p.eval(async () => {
        const all = await window.made.arrayBuffer();
        return [...new Uint8Array(await crypto.subtle.digest('SHA-256', all))].map((b) => b.toString(16).padStart(2, '0')).join('');
      }));
    }
    if (hashes.some((x) => x !== createHash('sha256').update(bytes).digest('hex'))) throw new Error('other bytes');
    const large = join(folder, 'large.bin');
    writeFileSync(large, Buffer.alloc(120_000_000));
    await choose(large);
    await ana.press('Pause large.bin');
    await until('paused', async () => (await row(ana)).includes('Paused at'), 5000);
    await ana.press('Cancel large.bin');
    await until('cancelled', async () => (await row(ana)).includes('Cancelled'), 5000);
    if ((await row(ben)).includes('large.bin')) throw new Error('a cancelled file was announced');
    rmSync(folder, { recursive: true });
    for (const p of all) await p.page.keyboard.press('Escape');
  });
  await checks.is('a shared screen reaches both', async () => {
    await ana.press('Share your screen');
    for (const p of [ben, eve]) {
      await until(`${p.name} sees the screen`, async () => (await p.eval(() => window.pictures())).some((x) => x.who === 'Ana shares a screen' && Math.abs(x.colour[0] - 200) < 40 && x.colour[1] < 90), 10000);
    }
    await ana.press('Stop sharing');
  });
  await checks.is('a fourth joins; join click to first remote picture', async () => {
    await dan.open(pathOf(link));
    await dan.join();
    await dan.sees([ana]);
    const first = Date.now() - dan.pressed;
    await dan.sees(all);
    await Promise.all(all.map((p) => p.sees([dan])));
    if (!await ana.eval(() => document.querySelector('.pill').classList.contains('news'))) throw new Error('no mark on the pill');
    await ana.eval(() => { document.querySelector('.pill').click(); });
    await until('who came since', () => ana.eval(() => document.querySelector('.who .notice')?.textContent.startsWith('Dan joined since you compared.')), 3000);
    await ana.page.keyboard.press('Escape');
    return `${first} ms`;
  });
  await checks.is('a moderator removes one: gone for all, out of the group, and the old link opens nothing', async () => {
    await ana.page.keyboard.press('p');
    await ana.press('Remove Dan');
    await until('the question', () => ana.eval(() => document.querySelector('dialog[open]') !== null), 3000);
    await ana.eval(() => { document.querySelector('dialog .stop').click(); });
    await until('Dan is told', () => dan.eval(() => document.querySelector('h1')?.textContent === 'You were removed.'), 4000);
    if (!await dan.eval(() => document.body.innerText.includes('Ana removed you from this room.'))) throw new Error('by whom?');
    for (const p of all) await until(`${p.name}: three in the group`, () => p.eval(() => !/4 people/.test(document.querySelector('.pill').textContent)), 5000);
    await ana.page.keyboard.press('Escape');
    await oneCode();
    const newLink = await ana.link();
    if (!/\.1$/.test(newLink) || newLink === link) throw new Error('the link was not replaced');
    await dan.close();
    await dan.open(pathOf(link));
    await until('Dan: pre-join', () => dan.eval(() => document.querySelector('.pre-form .primary:not([disabled])') !== null), 15000);
    await dan.eval(() => { document.querySelector('.pre-form .primary').click(); });
    await until('Dan is refused', () => dan.eval(() => document.querySelector('h1')?.textContent === 'This link was replaced.'), 8000);
    link = newLink;
    await Promise.all(all.map((p) => p.sees(others(p))));
  });
  await dan.close();
  await checks.is('one reloads: back by the kept link', async () => {
    await eve.close();
    await eve.open(pathOf(link));
    await eve.join();
    await eve.sees([ana, ben]);
    await eve.page.reload({ waitUntil: 'load' });
    await eve.join();
    const ms = await eve.sees([ana, ben]);
    await Promise.all([ana.sees([eve]), ben.sees([eve])]);
    return `${ms} ms`;
  });
  await checks.is('one leaves: out of the group within 2 s, and the others go on', async () => {
    await ben.press('Leave');
    await until('left', () => ben.eval(() => document.querySelector('h1')?.textContent === 'You left the call.'), 4000);
    const ms = await until('out of the group', () => ana.eval(() => !document.querySelector('.pill').textContent.includes('Ben')), 8000, 20);
    await ana.sees([eve]);
    await eve.sees([ana]);
    return `${ms} ms`;
  });
  await checks.is('a server that swaps the policy is refused, and nothing was sent', async () => {
    const fresh = new Person(one, server.origin, { name: 'Pia', colour: [90, 90, 90], hertz: 500 });
    await fresh.open('/');
    await until('the first page', () => fresh.eval(() => document.querySelector('#class-sealed:checked') !== null));
    await fresh.press('Create sealed room');
    await until('pre-join', () => fresh.eval(() => location.pathname.startsWith('/r/')));
    const foreign = await fresh.eval(() => location.pathname);
    await fresh.close();
    const swapped = new Person(one, server.origin, { name: 'Pia', colour: [90, 90, 90], hertz: 500 });
    // The link names another policy than the one that this server has for the room.
    await swapped.open(`${foreign}${link.slice(link.indexOf('#')).replace(/\.1$/, '')}`);
    await until('pre-join', () => swapped.eval(() => document.querySelector('.pre-form .primary:not([disabled])') !== null), 15000);
    await swapped.eval(() => { document.querySelector('.pre-form .primary').click(); });
    await until('refused', () => swapped.eval(() => document.querySelector('main[data-page=policy]') !== null), 8000);
    if (await swapped.eval(() => window.peers.length) !== 0) throw new Error('a connection was made');
    await swapped.close();
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
