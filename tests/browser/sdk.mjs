// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/sdk.mjs   the SDK as builders have it: made into a package, the guide (docs/sdk.md) checked for types and run as one
// program, the smallest example, and the element in another site's page, with real people on the other side. Last line N passed, N failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Checks, chromium, firefox, until } from './browser.mjs';
import { Person } from './person.mjs';
import { freePort, startServer } from './server.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { build } = createRequire(join(root, 'web/package.json'))('esbuild');
const folder = mkdtempSync(join(tmpdir(), 'incamera-sdk-'));
const pack = join(folder, 'node_modules/incamera');
const checks = new Checks();
const otherPort = await freePort();
const other = `http://localhost:${otherPort}`;
const server = await startServer({ args: ['--origin', other] });
const [one, two] = [await chromium(), await firefox()];

/** A site of its own: these files; everything else, sockets too, goes on to the server behind it, if there is one. */
async function site(port, files, behind) {
  const to = behind && { host: '127.0.0.1', port: Number(new URL(behind).port) };
  const http = createServer((req, res) => {
    const file = files[new URL(req.url, 'http://x').pathname];
    if (file) return res.writeHead(200, { 'Content-Type': file[0] }).end(file[1]);
    if (!to) return res.writeHead(404).end();
    req.pipe(request({ ...to, method: req.method, path: req.url, headers: req.headers }, (r) => {
      res.writeHead(r.statusCode, r.headers);
      r.pipe(res);
    }));
  });
  http.on('upgrade', (req, socket, head) => {
    if (!to) return socket.destroy();
    const up = connect(to.port, to.host, () => {
      up.write(`${req.method} ${req.url} HTTP/1.1\r\n${req.rawHeaders.map((x, i) => (i % 2 ? `${x}\r\n` : `${x}: `)).join('')}\r\n`);
      up.write(head);
      socket.pipe(up).pipe(socket);
    });
    up.on('error', () => socket.destroy());
    socket.on('error', () => up.destroy());
  });
  await new Promise((done) => http.listen(port, '127.0.0.1', done));
  return { origin: `http://localhost:${port}`, close: () => http.closeAllConnections() || http.close() };
}
const page = (script) => ['text/html', `<!doctype html><title>a page</title><body><script type="module" src="${script}"></script>`];
const bundled = async (entry) => (await build({ entryPoints: [entry], bundle: true, format: 'esm', target: 'es2022', write: false, nodePaths: [join(folder, 'node_modules')], logLevel: 'warning' })).outputFiles[0].text;
const makeRoom = (name) => fetch(`${server.origin}/api/v1/rooms`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name, class: 'governed', policy: { join: 'link' } }) });
const COLOUR = [30, 170, 40];
const ben = (browser = one) => new Person(browser, server.origin, { name: 'Ben', colour: COLOUR, hertz: 880 });
const gina = (browser, origin) => new Person(browser, origin, { name: 'Gina', colour: [200, 30, 30], hertz: 440 });
/** The mean colours of the pictures that a strange page shows. */
const colours = (p, deep = false) => p.eval((inside) => [...(inside ? document.querySelector('incamera-room').shadowRoot : document).querySelectorAll('video')].filter((v) => v.videoWidth > 0 && v.currentTime > 0.2).map((v) => {
  const c = document.createElement('canvas'), g = c.getContext('2d');
  [c.width, c.height] = [8, 8];
  g.drawImage(v, 0, 0, 8, 8);
  return [...g.getImageData(4, 2, 1, 1).data].slice(0, 3);
}), deep);
const shows = (p, colour, deep) => until('the picture of the other', async () => {
  const all = await colours(p, deep);
  if (all.some((c) => c.every((v, i) => Math.abs(v - colour[i]) < 45))) return true;
  throw new Error(JSON.stringify(all));
}, 15000);

await checks.is('the package: types, module, worker and core', () => {
  const made = spawnSync(process.execPath, [join(root, 'web/package.mjs'), pack, join(root, 'build/page-core/seal.wasm')], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stdout + made.stderr);
  return ['index.js', 'sealer.js', 'seal.wasm'].map((f) => `${f} ${statSync(join(pack, f)).size} (${gzipSync(readFileSync(join(pack, f))).length} compressed)`).join(', ');
});
const guide = join(folder, 'guide.ts');
const blocks = [...readFileSync(join(root, 'docs/sdk.md'), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map((m) => m[1]);
await checks.is('the guide: its program holds its types', () => {
  const lines = blocks.join('\n').split('\n');
  writeFileSync(guide, [...lines.filter((l) => l.startsWith('import ')), ...lines.filter((l) => !l.startsWith('import ')), 'Object.assign(window, { room, enterSealed });'].join('\n'));
  const ran = spawnSync(join(root, 'web/node_modules/.bin/tsc'), ['--noEmit', '--strict', '--noUncheckedIndexedAccess', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom,dom.iterable', guide], { encoding: 'utf8', cwd: folder });
  if (ran.status !== 0) throw new Error(ran.stdout.slice(0, 1500));
  return `${blocks.length} blocks`;
});
const files = {
  '/guide/': page('/guide.js'), '/guide.js': ['text/javascript', await bundled(guide)],
  '/sealer.js': ['text/javascript', readFileSync(join(pack, 'sealer.js'))], '/seal.wasm': ['application/wasm', readFileSync(join(pack, 'seal.wasm'))],
  '/example/': page('/example.js'), '/example.js': ['text/javascript', await bundled(join(root, 'web/example/main.ts'))],
};
const own = await site(await freePort(), files, server.origin);
for (const [browser, name] of [[one, 'Chromium'], [two, 'Firefox']]) {
  await checks.is(`the guide in ${name}: picture, words, hand, and leaving`, async () => {
    await makeRoom('guide');
    const [b, g] = [ben(), gina(browser, own.origin)];
    await b.open('/r/guide');
    await b.join();
    await g.open('/guide/');
    await shows(g, COLOUR);
    await until('Ben sees the hand and the muted microphone', () => b.eval(() => /Gina/.test(document.body.innerText)), 8000);
    await b.press('Chat');
    await until('the words', () => b.eval(() => document.querySelector('.said-text')?.textContent === 'Hello from the guide'), 8000);
    await b.page.type('#chat-field', 'Hello back');
    await b.page.keyboard.press('Enter');
    await until('the answer', () => g.eval(() => document.body.innerText.includes('Ben: Hello back')), 8000);
    await until('figures in the title', () => g.eval(() => /^(good|fair|poor), \d+ ms, (udp|tcp|relay)$/.test(document.title)), 8000);
    await g.eval(() => window.room.leave());
    await until('it says so', () => g.eval(() => document.body.innerText.includes('Left: left')), 5000);
    await Promise.all([b.close(), g.close()]);
  });
}
await checks.is('the guide enters a sealed room, and is refused by a link with another promise', async () => {
  const b = ben(), g = gina(one, own.origin);
  await b.open('/');
  await until('the first page', () => b.eval(() => document.querySelector('#class-sealed:checked') !== null));
  await b.press('Create sealed room');
  await b.join();
  const link = await b.link();
  await makeRoom('guide');
  await g.open('/guide/');
  await until('the guide runs', () => g.eval(() => window.enterSealed !== undefined), 8000);
  const refused = await g.eval(async (l) => (await window.enterSealed(l.replace(/#1\.(....)/, '#1.AAAA'), 'Gina')) === undefined && document.body.innerText.includes('does not hold: policy'), link);
  if (!refused) throw new Error('another promise was taken');
  await g.eval(async (l) => { window.sealed = await window.enterSealed(l, 'Gina'); }, link);
  await until('both are in the group', () => g.eval(() => window.sealed.sealed?.members.map((m) => m.name).sort().join() === 'Ben,Gina' && window.sealed.sealed.code.length === 47), 10000);
  await until('Ben knows', () => b.eval(() => document.querySelector('.pill').textContent === 'Sealed · only you and Gina'), 8000);
  await Promise.all([b.close(), g.close()]);
});
await checks.is('the smallest example', async () => {
  await makeRoom('example');
  const [b, g] = [ben(), gina(one, own.origin)];
  await b.open('/r/example');
  await b.join();
  await g.open('/example/?room=example&name=Gina');
  await shows(g, COLOUR);
  await b.sees([g]);
  await g.eval(() => [...document.querySelectorAll('button')].find((x) => x.textContent === 'Mute').click());
  await until('Ben sees it muted', () => b.eval(() => [...document.querySelectorAll('.tile')].some((t) => /Gina/.test(t.textContent) && t.querySelector('.icon-mic-off'))), 8000);
  await Promise.all([b.close(), g.close()]);
});
await checks.is('the element in another site\'s page', async () => {
  await makeRoom('thursday');
  const html = `<!doctype html><title>elsewhere</title><body style="margin:0"><script>addEventListener('entered', () => (document.title = 'entered')); addEventListener('left', (e) => (document.title = 'left ' + e.detail));</script>
    <script type="module" src="${server.origin}/assets/incamera-room.js"></script><incamera-room style="height:480px" server="${server.origin}" room="thursday" name="Gina"></incamera-room>`;
  const elsewhere = await site(otherPort, { '/': ['text/html', html] });
  const [b, g] = [ben(), gina(one, elsewhere.origin)];
  await b.open('/r/thursday');
  await b.join();
  await g.open('/');
  await until('entered', () => g.eval(() => document.title === 'entered'), 10000);
  await shows(g, COLOUR, true);
  await b.sees([g]);
  await until('who can read it', () => g.eval(() => document.querySelector('incamera-room').shadowRoot.querySelector('.who').textContent === 'Governed · 2 people and this service'), 4000);
  await g.eval(() => document.querySelector('incamera-room').mute(true));
  await until('Ben sees it muted', () => b.eval(() => [...document.querySelectorAll('.tile')].some((t) => /Gina/.test(t.textContent) && t.querySelector('.icon-mic-off'))), 8000);
  await g.eval(() => document.querySelector('incamera-room').leave());
  await until('left', () => g.eval(() => document.title === 'left left'), 5000);
  await Promise.all([b.close(), g.close()]);
  elsewhere.close();
});
if (checks.failed) console.log(server.log.slice(-15).map((l) => `# ${l}`).join('\n'));
await Promise.allSettled([one.close(), two.close()]);
own.close();
await server.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(checks.done());
