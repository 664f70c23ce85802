// SPDX-License-Identifier: Apache-2.0
// What both interop tests need: a development server of its own, and WHIP and WHEP by fetch.
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../../browser/server.mjs';

/** Rejects with `what` when the promise takes longer. */
export function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`${what}: not within ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until test() holds. */
export async function until(ms, what, test) {
  const end = Date.now() + ms;
  while (!test()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((go) => setTimeout(go, 20));
  }
}

/** Starts the server, gives its plain address to body(), and stops it. Exits the process with the outcome. */
export async function withServer(body) {
  const data = mkdtempSync(join(tmpdir(), 'incamera-interop-'));
  const [plain, tls, media] = [await freePort(), await freePort(), await freePort()];
  const log = join(data, 'log');
  const server = spawn(process.argv[2], ['serve', '--dev', '--data', join(data, 'd'), '--listen', `127.0.0.1:${tls}`,
    '--listen-plain', `127.0.0.1:${plain}`, '--media', `127.0.0.1:${media}`],
  { stdio: ['ignore', 'pipe', openSync(log, 'w')] });
  let code = 1;
  try {
    const ready = new Promise((yes, no) => {
      server.stdout.on('data', (text) => { if (/^ready /m.test(text)) yes(); });
      server.on('exit', (status) => no(new Error(`the server ended: ${status}`)));
    });
    await within(10000, 'ready', ready);
    await within(45000, 'the call', body(`http://127.0.0.1:${plain}`));
    code = 0;
    console.log('1 passed, 0 failed');
  } catch (error) {
    console.log(`FAIL ${error.stack}\n${readFileSync(log, 'utf8').slice(-3000)}\n0 passed, 1 failed`);
  } finally {
    server.kill('SIGTERM');
    await within(5000, 'drain', new Promise((done) => { server.on('exit', done); })).catch(() => server.kill('SIGKILL'));
    rmSync(data, { recursive: true, force: true });
  }
  process.exit(code); // native peers keep threads of their own
}

/** POSTs an offer; the answer, the session's address and its tag. */
export async function post(http, path, offer) {
  const a = await fetch(http + path, { method: 'POST', body: offer, headers: { 'Content-Type': 'application/sdp' } });
  const sdp = await a.text();
  if (a.status !== 201) throw new Error(`${path}: ${a.status} ${sdp}\n${offer}`);
  return { sdp, location: new URL(a.headers.get('location'), http).href, etag: a.headers.get('etag') };
}

export async function end({ location }) {
  const first = (await fetch(location, { method: 'DELETE' })).status;
  const second = (await fetch(location, { method: 'DELETE' })).status;
  if (first !== 200 || second !== 404) throw new Error(`DELETE: ${first}, again: ${second}`);
}
