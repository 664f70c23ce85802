// SPDX-License-Identifier: Apache-2.0
// Speed of the sealing core in a browser's worker: serves one page under the product's CSP, starts the browser
// headless on it, prints what the worker measured (seal and open: 1000 frames of 1200 bytes). In ./check --long.
// usage: node browser.mjs SEAL.WASM chromium|firefox-esr
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const [wasmFile, browser] = process.argv.slice(2);
const esbuild = createRequire(join(root, 'web/package.json'))('esbuild');

const worker = `
import { SealCore } from './seal_core.ts';
const core = await SealCore.load(await (await fetch('/seal.wasm')).arrayBuffer());
const a = core.frames(64), b = core.frames(64), key = core.random(16), clear = core.random(1200), lines = [];
a.enter(0n, 1n, 3, false, [key]);
b.enter(0n, 1n, 4, false, [key]);
for (let round = 0; round < 5; round++) {
  const wires = [];
  const t0 = performance.now();
  for (let i = 0; i < 1000; i++) wires.push(a.seal(0n, 1, 'vp9', clear));
  const t1 = performance.now();
  for (const wire of wires) b.open(0n, 'vp9', wire);
  lines.push('seal ' + (t1 - t0).toFixed(1) + ' ms, open ' + (performance.now() - t1).toFixed(1) + ' ms');
}
const per = (name, n, run) => {
  const t = performance.now();
  for (let i = 0; i < n; i++) run();
  lines.push(name + ' ' + ((performance.now() - t) / n).toFixed(2) + ' ms each');
};
const text = new TextEncoder().encode('x');
for (const kem of ['x25519', 'p256']) {
  const pair = core.hpkeKeyPair(kem, core.random(32)), sealed = core.hpkeSeal(kem, pair.open, text, text, clear);
  per('hpke seal ' + kem, 50, () => core.hpkeSeal(kem, pair.open, text, text, clear));
  per('hpke open ' + kem, 50, () => core.hpkeOpen(kem, pair.secret, text, text, sealed));
}
const kept = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
const t = performance.now();
for (let i = 0; i < 1000; i++) await crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, kept, clear);
lines.push('WebCrypto 1000 x 1200 B ' + (performance.now() - t).toFixed(1) + ' ms');
await fetch('/result', { method: 'POST', body: lines.join('\\n') });
`;
const built = await esbuild.build({
  stdin: { contents: worker, resolveDir: join(root, 'web/worker') }, bundle: true, format: 'esm', write: false, target: 'es2022', minify: true,
});
const files = {
  '/': ['text/html', '<!doctype html><title>seal</title><script type="module" src="/page.js"></script>'],
  '/page.js': ['text/javascript', "new Worker('/worker.js', { type: 'module' }).onerror = (e) => fetch('/result', { method: 'POST', body: 'error ' + e.message });"],
  '/worker.js': ['text/javascript', built.outputFiles[0].contents],
  '/seal.wasm': ['application/wasm', readFileSync(wasmFile)],
};
const csp = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";

const profile = mkdtempSync(join(tmpdir(), 'seal-browser-'));
let child;
const done = new Promise((resolve) => {
  const server = http.createServer((request, response) => {
    if (request.method === 'POST') {
      let body = '';
      request.on('data', (part) => (body += part)).on('end', () => (response.end(), server.close(), resolve(body)));
      return;
    }
    const file = files[request.url];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': file[0], 'Content-Security-Policy': csp }).end(file[1]);
  });
  server.listen(0, '127.0.0.1', () => {
    const url = `http://127.0.0.1:${server.address().port}/`;
    const args = browser.startsWith('firefox')
      ? ['--headless', '--no-remote', '--profile', profile, url]
      : ['--headless=new', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`, url];
    child = spawn(browser, args, { stdio: 'ignore' });
  });
});
const timeout = new Promise((resolve) => setTimeout(resolve, 60000, 'nothing came within 60 s'));
console.log(await Promise.race([done, timeout]));
child.kill('SIGKILL');
setTimeout(() => (rmSync(profile, { recursive: true, force: true, maxRetries: 5 }), process.exit(0)), 500);
