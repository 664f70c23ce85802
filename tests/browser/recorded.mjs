// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/recorded.mjs   three people (two Chromium, one Firefox) in a room that has to be recorded, and in one where a
// moderator has it recorded mid-call: who is asked what, what flows before and after the answer, and what the files then hold.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Checks, chromium, firefox, until } from './browser.mjs';
import { distance, Person } from './person.mjs';
import { startServer } from './server.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const binary = process.env.INCAMERA ?? join(root, 'build/incamera');
const checks = new Checks();
const server = await startServer();
const folder = mkdtempSync(join(tmpdir(), 'incamera-recorded-'));
const [one, two] = [await chromium(), await firefox({ prefs: { 'media.navigator.audio.fake_frequency': 1320 } })];
const ana = new Person(one, server.origin, { name: 'Ana', colour: [200, 30, 30], hertz: 440 });
const ben = new Person(one, server.origin, { name: 'Ben', colour: [30, 170, 40], hertz: 880 });
const eve = new Person(two, server.origin, { name: 'Eve', colour: [40, 60, 210], hertz: 1320, ownTone: true });
const all = [ana, ben, eve];
const others = (p) => all.filter((x) => x !== p);

const incamera = (...words) => execFileSync(binary, [...words, '--data', server.data], { encoding: 'utf8' });
const recordings = () => JSON.parse(incamera('archive', 'list', '--json')).recordings;
const make = (room, recording) => fetch(`${server.origin}/api/v1/rooms`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: room, class: 'governed', policy: { join: 'link', recording } }),
}).then((r) => { if (r.status !== 201) throw new Error(`room: ${r.status}`); return r.json(); });
const ffmpeg = (...words) => execFileSync('ffmpeg', ['-v', 'error', ...words], { maxBuffer: 1 << 28 });
const text = (p, where) => p.eval((w) => [...document.querySelectorAll(w)].filter((x) => x.offsetParent !== null || x.tagName === 'DIALOG').map((x) => x.textContent).join(' '), where);

/** The mean colour of a file's last picture, and the loudest tone of its middle. */
function colourOf(path) {
  const raw = ffmpeg('-i', path, '-vf', 'crop=in_w:in_h/2:0:0,scale=1:1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
  return [...raw.subarray(-3)];
}
function toneOf(path) {
  const raw = ffmpeg('-i', path, '-f', 's16le', '-ac', '1', '-ar', '48000', '-');
  const s = new Int16Array(raw.buffer, raw.byteOffset, raw.length >> 1);
  const [from, to] = [s.length >> 2, (3 * s.length) >> 2];
  let rises = 0;
  for (let i = from + 1; i < to; i++) if (s[i - 1] < 0 && s[i] >= 0) rises++;
  return (rises * 48000) / (to - from);
}

await checks.is('a room that has to be recorded says so before anybody joins', async () => {
  await make('must', 'required');
  await Promise.all(all.map((p) => p.open('/r/must')));
  for (const p of all) {
    await until(`${p.name}: the card`, async () => (await text(p, '.who-card')).includes('Yes, from the start'), 8000);
    await until(`${p.name}: the sentence`, async () => (await text(p, '.consent')).startsWith('When you join, you agree that this conversation is recorded'), 3000);
  }
});
await checks.is('three join; each sees and hears each other, and the page says it is recorded', async () => {
  for (const p of all) await p.join();
  await Promise.all(all.map((p) => p.sees(others(p), 20000)));
  await Promise.all(all.map((p) => p.hears(others(p))));
  for (const p of all) await until(`${p.name}: pill`, async () => (await text(p, '.pill')).includes('recorded'), 3000);
});
await checks.is('five seconds later they leave, and the recording ends by itself', async () => {
  await new Promise((done) => setTimeout(done, 5000));
  for (const p of all) await p.press('Leave').catch(() => undefined);
  for (const p of all) {
    await p.eval(() => document.querySelector('dialog .primary')?.click());
    await until(`${p.name} left`, () => p.eval(() => document.querySelector('h1')?.textContent === 'You left the call.'), 5000);
  }
  await until('the end', () => recordings().some((r) => r.room === 'must' && r.end !== null), 20000, 300);
});
await checks.is('every file plays with the right picture and the right tone; the export verifies with three receipts', () => {
  const { id } = recordings().find((r) => r.room === 'must');
  incamera('archive', 'export', id, '--out', join(folder, 'must'));
  const { tracks } = JSON.parse(readFileSync(join(folder, 'must/manifest.json'), 'utf8'));
  const said = [];
  for (const p of all) {
    const own = tracks.filter((x) => x.name === p.name);
    const camera = own.find((x) => x.source === 'camera'), microphone = own.find((x) => x.source === 'microphone');
    if (!camera || !microphone) throw new Error(`${p.name}: ${JSON.stringify(own)}`);
    const colour = colourOf(join(folder, 'must', camera.file)), tone = toneOf(join(folder, 'must', microphone.file));
    if (!distance(colour, p.colour, 40)) throw new Error(`${p.name}: ${colour}`);
    if (Math.abs(tone - p.hertz) > p.hertz * 0.05) throw new Error(`${p.name}: ${tone} Hz`);
    said.push(`${p.name} ${camera.codec} ${camera.frames} pictures, ${Math.round(tone)} Hz`);
  }
  const verified = execFileSync(binary, ['archive', 'verify', join(folder, 'must')], { encoding: 'utf8' });
  if (!verified.includes('3 receipts')) throw new Error(verified);
  const receipts = readFileSync(join(folder, 'must/consents.jsonl'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
  if (!receipts.every((r) => r.agreed && r.text.startsWith('When you join, you agree'))) throw new Error(JSON.stringify(receipts));
  return said.join(', ');
});
await checks.is('the composed film shows all three, each in its place, and all three are heard', () => {
  if (!existsSync(join(dirname(binary), 'incamera-compose'))) return 'not built: FFmpeg’s libraries are not here';
  const { id } = recordings().find((r) => r.room === 'must'), film = join(folder, 'must.webm');
  incamera('archive', 'export', id, '--out', join(folder, 'composed'), '--compose', film);
  const seconds = Number(execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', film], { encoding: 'utf8' }));
  const at = String(seconds - 3); // all were there still
  const cells = ['iw/4:ih/4:iw/8:ih/16', 'iw/4:ih/4:iw*5/8:ih/16', 'iw/4:ih/4:iw*3/8:ih*9/16'].map((crop) =>
    [...ffmpeg('-ss', at, '-i', film, '-frames:v', '1', '-vf', `crop=${crop},format=rgb24,scale=1:1:flags=area`, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-')]);
  for (const p of all) if (!cells.some((c) => distance(c, p.colour, 60))) throw new Error(`${p.name} is not seen: ${JSON.stringify(cells)}`);
  const raw = ffmpeg('-ss', at, '-t', '1', '-i', film, '-f', 's16le', '-ac', '1', '-ar', '48000', '-');
  const s = new Int16Array(raw.buffer, raw.byteOffset, raw.length >> 1);
  const loud = (hertz) => {
    let [re, im] = [0, 0];
    s.forEach((v, i) => { re += v * Math.cos((2 * Math.PI * hertz * i) / 48000); im += v * Math.sin((2 * Math.PI * hertz * i) / 48000); });
    return Math.hypot(re, im) / s.length;
  };
  for (const p of all.filter((x) => !x.ownTone)) if (loud(p.hertz) < 10 * loud(1000)) throw new Error(`${p.name} is not heard`);
  return `${seconds.toFixed(1)} s, ${cells.join(' | ')}`;
});
for (const p of all) await p.close();

await checks.is('where recording is allowed, a moderator begins it from the page; everybody is asked', async () => {
  await ana.open('/');
  await until('the first page', () => ana.eval(() => document.querySelector('#class-governed') !== null));
  await ana.eval(() => document.querySelector('#class-governed').click());
  await until('the name', () => ana.eval(() => document.querySelector('#room-name') !== null));
  await ana.page.type('#room-name', 'May');
  await ana.press('Create governed room');
  await ana.join();
  await Promise.all([ben.open('/r/may'), eve.open('/r/may')]);
  await ben.join();
  await eve.join();
  await Promise.all(all.map((p) => p.sees(others(p), 20000)));
  await ana.press('More');
  await ana.eval(() => [...document.querySelectorAll('.menu button')].find((b) => b.textContent.trim() === 'Record this meeting').click());
  for (const p of all) await until(`${p.name} is asked`, async () => (await text(p, 'dialog.ask')).includes('This meeting is being recorded'), 6000);
});
await checks.is('nobody is seen before the answer; who agrees is seen, who has not answered is not', async () => {
  const frozen = async (p) => {
    const before = await p.eval(() => window.decoded());
    await new Promise((done) => setTimeout(done, 1200));
    return (await p.eval(() => window.decoded())) - before;
  };
  await until('no pictures at Ana', async () => (await frozen(ana)) === 0, 8000, 50);
  await ana.press('Agree');
  await eve.press('Agree');
  await ana.sees([eve]);
  await eve.sees([ana]);
  await until('Ben sees both', async () => (await frozen(ben)) > 10, 8000, 50);
  await until('Ben’s banner', async () => (await text(ben, 'dialog.ask')).includes('Until you agree, nobody hears or sees you'), 3000);
  const waits = await ana.doesNotHear(ben);
  await ben.press('Agree');
  await ana.sees([ben]);
  await eve.sees([ben]);
  await ana.hears([ben]);
  return `Ben silent ${waits} ms`;
});
await checks.is('a dismissed question stays as a banner with its answer', async () => {
  await ana.press('More');
  await ana.eval(() => [...document.querySelectorAll('.menu button')].find((b) => b.textContent.trim() === 'End the recording').click());
  await until('it ended', async () => !(await text(ben, '.pill')).includes('recorded'), 6000);
  await ana.sees([ben, eve]);
  await until('it has ended', () => recordings().every((r) => r.end !== null), 10000, 200);
  await ana.press('More');
  await ana.eval(() => [...document.querySelectorAll('.menu button')].find((b) => b.textContent.trim() === 'Record this meeting').click());
  await until('Ben is asked again', async () => (await text(ben, 'dialog.ask')).includes('This meeting is being recorded'), 6000);
  await ben.page.keyboard.press('Escape');
  await until('the banner', async () => (await text(ben, '.banner')).includes('Nobody hears or sees you until you agree'), 3000);
  await ben.eval(() => [...document.querySelectorAll('.banner button')].find((b) => b.textContent === 'Agree').click());
  await until('answered', async () => !(await text(ben, '.banner')).includes('Nobody hears'), 3000);
});
await checks.is('no page had an error', () => {
  const errors = all.flatMap((p) => p.errors.filter((e) => !/WebSocket connection|can.t establish a connection/i.test(e)).map((e) => `${p.name}: ${e}`));
  if (errors.length) throw new Error(errors.slice(0, 6).join(' | '));
});
if (checks.failed) console.log(server.log.slice(-25).map((l) => `# ${l}`).join('\n'));
await Promise.allSettled([one.close(), two.close()]);
await server.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(checks.done());
