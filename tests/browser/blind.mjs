// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/blind.mjs   acceptance row 63: the memory of every process of the server and its data folder are searched,
// during a sealed call, for what its members say, show, write and keep secret: nothing. The same search finds the sealed frames, and in a governed
// call the clear ones. What is looked for is taken where it is born: in the worker of the page. Last line N passed, N failed.
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checks, chromium, until } from './browser.mjs';
import { Person } from './person.mjs';
import { startServer } from './server.mjs';
import { spied } from './spy.mjs';

const TEXT = 'The canary sings at noon, 7361 times';
const FILE = 'What the canary wrote down, 4411 times. ';
const FRAMES = 12, NEEDLE = 24, CHUNK = 8 << 20;

const TELL = `const channel = new BroadcastChannel('spy');
const tell = (kind, data) => { if (data.byteLength >= 40) channel.postMessage({ kind, bytes: [...new Uint8Array(data, 8, 24)] }); };`;
/** In the sealing worker: what goes into frames and what comes out, and the keys that are wiped. */
const SEALED = `${TELL}
const fill = Uint8Array.prototype.fill;
Uint8Array.prototype.fill = function (v, ...more) {
  if (v === 0 && this.length === 16 && this.some((x) => x)) channel.postMessage({ kind: 'keys', bytes: [...this] });
  return fill.call(this, v, ...more);
};
const Stream = TransformStream;
globalThis.TransformStream = class extends Stream {
  constructor(t, ...more) {
    super({ ...t, transform(frame, out) {
      const before = frame.data.slice(0), passed = [];
      const done = t.transform(frame, { enqueue: (f) => { passed.push(f); out.enqueue(f); } });
      if (passed.length) {
        const [clear, closed] = before.byteLength < frame.data.byteLength ? [before, frame.data] : [frame.data, before];
        tell('clear', clear); tell('wire', closed);
      }
      return done;
    } }, ...more);
  }
};`;
/** In the page of a governed call, before its scripts: a worker of ours that only looks at what is sent. */
function watched(tell) {
  window.told = [];
  new BroadcastChannel('spy').onmessage = ({ data }) => window.told.push(data);
  const watch = URL.createObjectURL(new Blob([`${tell}
    onrtctransform = ({ transformer: t }) => t.readable.pipeThrough(new TransformStream({ transform(f, c) { tell('clear', f.data); c.enqueue(f); } })).pipeTo(t.writable);`], { type: 'text/javascript' }));
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (...words) {
    const made = add.apply(this, words);
    made.sender.transform = new RTCRtpScriptTransform(new Worker(watch, { type: 'module' }), {});
    return made;
  };
}

/** How many of the needles lie in the readable memory of these processes, which stand still meanwhile. */
function inMemory(pids, needles) {
  const found = new Set();
  let bytes = 0;
  for (const pid of pids) {
    const mem = openSync(`/proc/${pid}/mem`, 'r'), buffer = Buffer.alloc(CHUNK);
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const m = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line);
      if (!m || /\[v(var|syscall)/.test(line)) continue;
      const end = BigInt(`0x${m[2]}`);
      for (let at = BigInt(`0x${m[1]}`); at < end; at += BigInt(CHUNK - 64)) {
        const want = end - at < BigInt(CHUNK) ? Number(end - at) : CHUNK;
        let n = 0;
        try {
          n = readSync(mem, buffer, 0, want, at);
        } catch {
          break; // a guard page
        }
        bytes += n;
        const part = buffer.subarray(0, n);
        needles.forEach((x, i) => { if (!found.has(i) && part.includes(x)) found.add(i); });
      }
    }
    closeSync(mem);
  }
  return { found: found.size, mib: Math.round(bytes / 1048576) };
}
function onDisk(folder, needles) {
  const files = readdirSync(folder, { recursive: true }).map((f) => join(folder, f)).filter((f) => statSync(f).isFile());
  return needles.filter((x) => files.some((f) => readFileSync(f).includes(x))).length;
}

const checks = new Checks();
const server = await startServer();
const one = await chromium();
const processes = () => [server.pid, ...['front', 'engine', 'vault', 'keeper', 'archive'].flatMap((r) => server.pids(r))];
/** Searches with everything stopped, so that nothing is overwritten between being seen and being looked for. */
function search(lists) {
  const pids = processes();
  for (const p of pids) process.kill(p, 'SIGSTOP');
  try {
    return Object.fromEntries(Object.entries(lists).map(([kind, needles]) => [kind, { of: needles.length, ...inMemory(pids, needles), disk: onDisk(server.data, needles) }]));
  } finally {
    for (const p of pids) process.kill(p, 'SIGCONT');
  }
}
const told = (r) => Object.entries(r).map(([kind, x]) => `${kind} ${x.found + x.disk} of ${x.of}`).join(', ');
const person = (name, colour, hertz, sealed) => new Person(one, server.origin, { name, colour, hertz, before: sealed ? [spied, SEALED] : [watched, TELL] });
const say = async (from, to) => {
  await from.page.keyboard.press('c');
  await from.page.type('#chat-field', TEXT);
  await from.page.keyboard.press('Enter');
  await until('it is read', () => to.eval((t) => document.body.innerText.includes(t), TEXT), 5000);
};
const newest = async (p, kind) => (await p.eval((k, n) => window.told.filter((x) => x.kind === k).slice(-n), kind, FRAMES)).map((x) => Buffer.from(x.bytes));
const seen = (p, wanted) => p.eval((w) => Object.entries(w).every(([k, n]) => window.told.filter((x) => x.kind === k).length >= n), wanted);

await checks.is('a sealed call: neither frames, text, names nor keys are anywhere in the server; the sealed frames are', async () => {
  const [ana, ben] = [person('Canary Ana', [200, 30, 30], 440, true), person('Canary Ben', [30, 170, 40], 880, true)];
  await ana.open('/');
  await until('the first page', () => ana.eval(() => document.querySelector('#class-sealed:checked') !== null));
  await ana.press('Create sealed room');
  await ana.join();
  await until('inside', () => ana.eval(() => document.querySelector('.pill')?.textContent.startsWith('Sealed')), 8000);
  const link = await ana.link(), path = link.slice(link.indexOf('/r/'));
  await ben.open(path);
  await ben.join();
  await Promise.all([ana.sees([ben]), ben.sees([ana]), ana.hears([ben])]);
  await ben.press('Chat');
  await say(ana, ben);
  const folder = mkdtempSync(join(tmpdir(), 'incamera-file-'));
  writeFileSync(join(folder, 'canary.txt'), Buffer.alloc(200_000, FILE));
  await (await ben.page.$('.chat input[type=file]')).uploadFile(join(folder, 'canary.txt'));
  await until('the file is offered', () => ana.eval(() => document.querySelector('.file button')?.click() === undefined && document.querySelector('.file')?.textContent.includes('canary')), 8000);
  await until('and fetched', () => ana.eval(() => document.querySelector('.file a[download]') !== null), 8000);
  rmSync(folder, { recursive: true });
  await until('frames and keys', () => seen(ana, { clear: FRAMES * 4, wire: FRAMES * 4, keys: 2 }), 8000);
  const [, , secret] = path.split('#')[1].split('.'), keys = await newest(ana, 'keys');
  const [clear, closed] = [await newest(ana, 'clear'), await newest(ana, 'wire')];
  if (clear.length < FRAMES || closed.length < FRAMES || clear.some((x) => x.length !== NEEDLE)) throw new Error('too few frames were seen');
  const r = search({
    frames: clear, keys, words: [TEXT, FILE, 'canary.txt', 'Canary Ana', 'Canary Ben', secret].map((x) => Buffer.from(x)).concat(Buffer.from(secret, 'base64url')), 'sealed frames': closed,
  });
  for (const kind of ['frames', 'keys', 'words']) if (r[kind].found + r[kind].disk) throw new Error(told(r));
  if (r['sealed frames'].found < FRAMES / 2) throw new Error(`the search finds nothing: ${told(r)}`);
  await Promise.all([ana.close(), ben.close()]);
  return `${told(r)}; ${processes().length} processes, ${r.frames.mib} MiB`;
});
await checks.is('a governed call: the same search finds frames and names', async () => {
  const [ana, ben] = [person('Canary Ana', [200, 30, 30], 440, false), person('Canary Ben', [30, 170, 40], 880, false)];
  await fetch(`${server.origin}/api/v1/rooms`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'open', class: 'governed', policy: { join: 'link' } }) });
  for (const p of [ana, ben]) {
    await p.open('/r/open');
    await p.join();
  }
  await Promise.all([ana.sees([ben]), ben.sees([ana])]);
  await until('frames', () => seen(ana, { clear: FRAMES * 4 }), 8000);
  const r = search({ frames: await newest(ana, 'clear'), words: ['Canary Ana', 'Canary Ben'].map((x) => Buffer.from(x)) });
  if (r.frames.found < FRAMES / 2 || r.words.found < 2) throw new Error(told(r));
  await Promise.all([ana.close(), ben.close()]);
  return told(r);
});
if (checks.failed) console.log(server.log.slice(-25).map((l) => `# ${l}`).join('\n'));
await one.close();
await server.stop();
process.exit(checks.done());
