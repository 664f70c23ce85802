// SPDX-License-Identifier: Apache-2.0
// Starts `incamera serve --dev` for a test, with data that goes with it.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** An address of this machine that is not loopback: Firefox gathers no candidates without one. */
export function ownAddress() {
  for (const list of Object.values(networkInterfaces())) for (const a of list ?? []) if (a.family === 'IPv4' && !a.internal) return a.address;
  return undefined;
}
/** A port that nobody has, for UDP and TCP, from below those that the system lends to connections. */
export async function freePort() {
  for (;;) {
    const port = 12000 + Math.floor(Math.random() * 20000);
    const free = (socket, bind) => new Promise((done) => {
      socket.once('error', () => done(false));
      bind.call(socket, port, '0.0.0.0', () => socket.close(() => done(true)));
    });
    const [tcp, udp] = [createServer(), createSocket('udp4')];
    if (await free(tcp, tcp.listen) && await free(udp, udp.bind)) return port;
  }
}

export async function startServer({ binary = process.env.INCAMERA ?? join(root, 'build/incamera'), args = [] } = {}) {
  const data = mkdtempSync(join(tmpdir(), 'incamera-call-'));
  const [tls, plain, media] = [await freePort(), await freePort(), await freePort()];
  const address = ownAddress() ?? '127.0.0.1';
  const log = [];
  const child = spawn(binary, ['serve', '--dev', '--data', data, '--listen', `127.0.0.1:${tls}`, '--listen-plain', `127.0.0.1:${plain}`, '--media', `${address}:${media}`,
    '--engines', '1', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.on('data', (d) => log.push(...String(d).split('\n').filter(Boolean)));
  await new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`the server was not ready in 15 s\n${log.join('\n')}`)), 15000);
    child.stdout.on('data', (d) => { if (/^ready /m.test(String(d))) { clearTimeout(timer); done(); } });
    child.on('exit', (code) => fail(new Error(`the server ended with ${code}\n${log.join('\n')}`)));
  });
  return {
    origin: `http://localhost:${plain}`, https: `https://127.0.0.1:${tls}`, address, log, data, binary, pid: child.pid,
    /** The pids of a role, by what it was started with. */
    pids(role) {
      return readdirSync('/proc').filter((p) => /^\d+$/.test(p)).filter((p) => {
        try {
          const stat = readFileSync(`/proc/${p}/stat`, 'utf8');
          return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === child.pid && readFileSync(`/proc/${p}/cmdline`, 'utf8').split('\0')[2] === role;
        } catch {
          return false;
        }
      }).map(Number);
    },
    async stop() {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const hard = setTimeout(() => child.kill('SIGKILL'), 8000);
      await gone;
      clearTimeout(hard);
      rmSync(data, { recursive: true, force: true });
    },
  };
}
