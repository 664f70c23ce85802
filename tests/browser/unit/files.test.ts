// SPDX-License-Identifier: Apache-2.0
// Files of sealed rooms (web/worker/files.ts) against a store in memory: there and back, lost requests, lies of the server, names.
import assert from 'node:assert/strict';
import { File } from 'node:buffer'; // a global of Node 20 only
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import type { FileHost, FileProgress } from '../../../web/worker/files.ts';
import { cleanName, FileFailed, merkleRoot, paddedSize, readNote, Transfer, writeNote } from '../../../web/worker/files.ts';

globalThis.crypto ??= webcrypto as Crypto;

class Store implements FileHost {
  readonly chunks = new Map<string, Uint8Array>();
  asked: { chunks: number; bytes: number } | undefined;
  fail: (method: string, path: string, n: number) => number | undefined = () => undefined;
  requests = 0;
  dropped = 0;
  waited = 0;
  now = 0;
  async ask(method: string, path: string, body?: Uint8Array | string): Promise<Response> {
    await Promise.resolve();
    this.now += 60;
    const status = this.fail(method, path, ++this.requests);
    if (status === 0) throw new TypeError('network');
    if (status) return new Response(null, { status });
    if (method === 'DELETE') {
      this.dropped++;
      return new Response(null, { status: 204 });
    }
    if (typeof body === 'string') {
      this.asked = JSON.parse(body) as { chunks: number; bytes: number };
      return Response.json({ file: 'x'.repeat(22) }, { status: 201 });
    }
    const chunk = path.split('=')[1] ?? '';
    if (method === 'POST') {
      this.chunks.set(chunk, (body as Uint8Array).slice());
      return new Response(null, { status: 204 });
    }
    const found = this.chunks.get(chunk);
    return found ? new Response(found.slice()) : new Response(null, { status: 409 });
  }
  wait(ms: number): Promise<void> {
    this.waited += ms;
    return Promise.resolve();
  }
  nowMs(): number {
    return this.now;
  }
}
const bytesOf = (n: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: n }, (_, i) => (i * 31 + (i >> 8)) & 255);
const fileOf = (n: number, name = 'plan.pdf'): Blob & { readonly name: string } => new File([bytesOf(n)], name, { type: 'application/pdf' }) as unknown as Blob & { readonly name: string };
async function sent(store: Store, n: number, told: FileProgress[] = []): Promise<ReturnType<typeof readNote>> {
  const note = await new Transfer(store, n, (p) => told.push(p)).send(fileOf(n));
  return readNote(writeNote(note));
}
const why = (p: Promise<unknown>): Promise<string> => p.then(() => 'nothing', (e: unknown) => (e instanceof FileFailed ? e.why : String(e)));

test('there and back, of every size, and the server sees padded lengths', async () => {
  for (const n of [0, 1, 65535, 65536, 65537, 300000]) {
    const store = new Store(), told: FileProgress[] = [];
    const note = await sent(store, n, told);
    const back = await new Transfer(store, n, () => undefined).fetch(note);
    assert.deepEqual(new Uint8Array(await back.arrayBuffer()), bytesOf(n), `${n}`);
    assert.equal(back.type, 'application/octet-stream');
    const stored = [...store.chunks.values()].reduce((sum, c) => sum + c.length, 0);
    assert.equal(stored, store.asked?.bytes);
    assert.equal(store.chunks.size, store.asked?.chunks);
    assert.equal(stored, paddedSize(n) + 16 * store.chunks.size);
    assert.equal(told.at(-1)?.state, 'checking');
    assert.equal(note.name, 'plan.pdf');
  }
  assert.deepEqual([0, 1, 4096, 4097, 100000, 2 ** 20, 2 ** 20 + 1].map(paddedSize), [4096, 4096, 4096, 8192, 102400, 2 ** 20, 2 ** 20 + 65536]);
});
test('a lost request is made again, a refused one ends it, and what was stored goes', async () => {
  const store = new Store();
  store.fail = (_m, _p, n) => (n % 3 === 0 ? 0 : n % 7 === 0 ? 503 : undefined);
  const note = await sent(store, 400000);
  assert(store.waited > 0);
  assert.equal((await new Transfer(store, 400000, () => undefined).fetch(note)).size, 400000);
  for (const [status, fault] of [[404, 'gone'], [403, 'denied'], [507, 'full'], [413, 'large'], [0, 'network']] as const) {
    const bad = new Store(), told: FileProgress[] = [];
    bad.fail = (m, p) => (m === 'POST' && p.includes('chunk=2') ? status : undefined);
    assert.equal(await why(sent(bad, 400000, told)), fault);
    assert.equal(told.at(-1)?.why, fault);
    assert.equal(told.at(-1)?.state, 'failed');
    assert.equal(bad.dropped, 1);
  }
});
test('what the server changes, swaps, cuts or leaves out is found, and nothing is given out', async () => {
  const store = new Store(), note = await sent(store, 200000);
  const tampered = async (change: (s: Map<string, Uint8Array>) => void): Promise<string> => {
    const other = new Store();
    for (const [k, v] of store.chunks) other.chunks.set(k, v.slice());
    change(other.chunks);
    return why(new Transfer(other, note.size, () => undefined).fetch(note));
  };
  const a = store.chunks.get('0') as Uint8Array, b = store.chunks.get('1') as Uint8Array;
  assert.equal(await tampered(() => undefined), 'nothing');
  assert.equal(await tampered((c) => { (c.get('1') as Uint8Array)[500]! ^= 1; }), 'changed');
  assert.equal(await tampered((c) => { c.set('0', b); c.set('1', a); }), 'changed');
  assert.equal(await tampered((c) => { c.set('1', a); }), 'changed');
  assert.equal(await tampered((c) => { c.set('2', b.slice(0, 100)); }), 'changed');
  assert.equal(await tampered((c) => { c.delete('3'); }), 'gone');
  assert.equal(await why(new Transfer(store, note.size, () => undefined).fetch({ ...note, root: new Uint8Array(32) })), 'changed');
  assert.equal(await why(new Transfer(store, note.size, () => undefined).fetch({ ...note, size: 140000 })), 'changed');
});
test('pause holds, go on goes on, cancel ends and removes', async () => {
  const store = new Store(), told: FileProgress[] = [];
  const t = new Transfer(store, 700000, (p) => {
    told.push(p);
    if (told.length === 2) t.pause();
  });
  const note = t.send(fileOf(700000));
  for (let i = 0; i < 300; i++) await Promise.resolve();
  await new Promise((go) => setTimeout(go, 50));
  const before = store.requests;
  await new Promise((go) => setTimeout(go, 50));
  assert.equal(t.state, 'paused');
  assert.equal(store.requests, before, 'nothing moves');
  t.goOn();
  assert.equal((await note).size, 700000);
  const other = new Transfer(store, 700000, (p) => { if (p.done > 100000) other.cancel(); });
  assert.equal(await why(other.send(fileOf(700000))), 'cancelled');
  assert.equal(store.dropped, 1);
});
test('names are cleaned and keep their ending; a note without sense is refused', async () => {
  assert.equal(cleanName('..\\..\\etc/passwd'), '_.._etc_passwd');
  assert.equal(cleanName('photo\u202egpj.exe'), 'photogpj.exe');
  assert.equal(cleanName('a\u0000b\nc.txt'), 'abc.txt');
  assert.equal(cleanName('\u200b'), 'file');
  const long = cleanName(`${'x'.repeat(400)}.tar.gz`);
  assert(long.length <= 161 && long.endsWith('.tar.gz') && long.includes('…'));
  const note = writeNote({ name: 'a', mime: '', size: 1, key: new Uint8Array(32), prefix: new Uint8Array(8), root: new Uint8Array(32), blob: 'y'.repeat(22) });
  for (let n = 0; n < note.length; n++) assert.throws(() => readNote(note.slice(0, n)));
  assert.throws(() => readNote(writeNote({ ...readNote(note), blob: '../../../etc/passwd/../x' })));
  assert.throws(() => readNote(writeNote({ ...readNote(note), size: 2 ** 40 })));
  const leaf = new Uint8Array(32).fill(1);
  assert.deepEqual(await merkleRoot([leaf]), leaf);
});
