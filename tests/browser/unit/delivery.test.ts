// SPDX-License-Identifier: Apache-2.0
// Members of a sealed room (web/worker/delivery.ts with the sealing core) over a delivery service in memory, in simulated time:
// churn, removal, two commits at once, a swapped policy. Needs build/page-core/seal.wasm; without it the tests are skipped.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { base64url, ByteReader, joined, number, utf8, vector } from '../../../web/worker/bytes.ts';
import type { App, Stop } from '../../../web/worker/delivery.ts';
import { Delivery, KIND, openKnock, sealKnock } from '../../../web/worker/delivery.ts';
import type { Link } from '../../../web/worker/group.ts';
import { coreGroups } from '../../../web/worker/group.ts';
import { derSignature, makeSealedRoom, signedPolicy } from '../../../web/worker/policy.ts';
import type { SignatureKey } from '../../../web/worker/identity.ts';
import { SealCore } from '../../../web/worker/seal_core.ts';
import { signatureKey } from '../../../web/worker/seal_group.ts';

declare const ROOT: string;
const LONG = process.env['LONG'] !== undefined; // ./check --long
const wasm = join(ROOT, 'build/page-core/seal.wasm');
const skip = existsSync(wasm) ? false : 'no seal.wasm';
globalThis.crypto ??= webcrypto as Crypto; // Node 18 has it there only when told to
const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

/** The rules of docs/delivery.md, without limits. */
class Service {
  epoch = 0n;
  exists = false;
  next = 1;
  readonly clients = new Map<number, { member: boolean; send: (e: Uint8Array) => unknown }>();
  readonly queue: { readonly to: number; readonly deliver: () => unknown }[] = [];
  readonly knocks = new Map<number, Uint8Array>();
  conflicts = 0;
  constructor(readonly room: string) {}
  say(to: number, kind: number, epoch: bigint, body: Uint8Array): void {
    const e = joined(number(1, 1), vector(utf8(this.room)), number(8, epoch), number(1, kind), vector(body));
    this.queue.push({ to, deliver: () => this.clients.get(to)?.send(e) });
  }
  members(except = 0): number[] {
    return [...this.clients].filter(([n, c]) => c.member && n !== except).map(([n]) => n);
  }
  state(to: number): void {
    this.say(to, KIND.state, this.epoch, joined(number(4, to), vector(new Uint8Array(16).fill(to)), number(1, this.exists ? 1 : 0), vector(...this.members().map((m) => number(4, m)))));
  }
  take(from: number, envelope: Uint8Array): void {
    const r = new ByteReader(envelope);
    r.u8();
    r.vector();
    const epoch = r.u64(), kind = r.u8(), bytes = r.vector(), me = this.clients.get(from);
    if (!me) return;
    if (kind === KIND.hello) return this.state(from);
    if (kind === KIND.create) {
      if (!this.exists) {
        this.exists = me.member = true;
        this.epoch = 0n;
      }
      return this.state(from);
    }
    if (kind === KIND.knock || kind === KIND.resync) {
      this.knocks.set(from, bytes);
      for (const m of this.members(from)) this.say(m, kind, this.epoch, joined(number(4, from), vector(bytes)));
    } else if (kind === KIND.bundle && me.member) {
      if (epoch < this.epoch) {
        this.conflicts++;
        return this.say(from, KIND.conflict, this.epoch, new Uint8Array(0));
      }
      const b = new ByteReader(bytes), commit = b.vector();
      b.vector();
      const added = new ByteReader(b.vector()), removed = b.numbers(), who: number[] = [], welcomes: [number, Uint8Array][] = [];
      while (added.left > 0) {
        const h = added.u32();
        who.push(h);
        welcomes.push([h, added.vector()]);
      }
      const out = joined(number(4, from), vector(commit), vector(...who.map((h) => number(4, h))), vector(...removed.map((h) => number(4, h))));
      for (const m of this.members()) this.say(m, KIND.bundle, this.epoch, out);
      this.epoch++;
      for (const [h, w] of welcomes) {
        const c = this.clients.get(h);
        if (!c) continue;
        c.member = true;
        this.knocks.delete(h);
        this.say(h, KIND.welcome, this.epoch, joined(number(4, from), vector(w)));
        for (const [k, sealed] of this.knocks) this.say(h, KIND.knock, this.epoch, joined(number(4, k), vector(sealed)));
      }
      for (const h of removed) {
        const c = this.clients.get(h);
        if (c) c.member = false;
      }
    } else if (kind === KIND.app || kind === KIND.ready) {
      for (const m of this.members(from)) this.say(m, kind, epoch, kind === KIND.app ? joined(number(4, from), vector(bytes)) : number(4, from));
    }
  }
  leave(n: number): void {
    this.clients.delete(n);
    this.knocks.delete(n);
    for (const m of this.members()) this.say(m, KIND.gone, this.epoch, joined(number(4, n), number(1, 1)));
  }
}

let now = 1_000_000;
class Client {
  readonly delivery: Delivery;
  handle = 0;
  stopped: Stop | undefined;
  heard: App[] = [];
  keys = new Map<bigint, string>();
  bytes = 0; // that came
  constructor(core: SealCore, readonly service: Service, link: Link, policy: Uint8Array, readonly name: string, key?: SignatureKey) {
    const self = { suite: 2, name, key: key ?? signatureKey(core, 2) };
    this.delivery = new Delivery(coreGroups(core, self, link, policy, () => Date.now()), link, {
      send: (e) => service.take(this.handle, e),
      entered: ({ group }) => this.keys.set(group.epoch, hex(group.export('SFrame 1.0 Base Key', new Uint8Array(0), 16))),
      numbered: () => undefined,
      allReady: () => undefined,
      said: (a) => this.heard.push(a),
      linked: () => undefined,
      stopped: (why) => (this.stopped = why),
      heardAt: () => 0,
      sha256: (d) => core.sha256(d),
      door: (s) => core.door(s),
      random: (n) => core.random(n),
    }, key !== undefined);
  }
  async enter(): Promise<void> {
    this.handle = this.service.next++;
    const send = (e: Uint8Array): Promise<void> => {
      this.bytes += e.length;
      return this.delivery.receive(now, e);
    };
    this.service.clients.set(this.handle, { member: false, send });
    await this.delivery.entered(now, this.handle);
  }
}
async function run(service: Service, clients: readonly Client[], ms: number): Promise<void> {
  for (const end = now + ms; now < end; now += 50) {
    for (let i = 0; i < 20 && service.queue.length; i++) {
      for (const { deliver } of service.queue.splice(0)) void deliver();
      await Promise.all(clients.map((c) => c.delivery.tick(now)));
    }
    await Promise.all(clients.map((c) => c.delivery.tick(now)));
  }
}
async function room(): Promise<{ core: SealCore; link: Link; policy: Uint8Array; service: Service }> {
  const core = await SealCore.load(readFileSync(wasm));
  const made = await makeSealedRoom(Date.now());
  const link = core.invitationOpen(`https://h/r/${made.roomId}#${made.fragment}`);
  return { core, link, policy: new Uint8Array(Buffer.from(made.policy, 'base64url')), service: new Service(made.roomId) };
}
const agree = (inside: readonly Client[]): void => {
  const first = inside[0]?.delivery.group;
  assert(first);
  for (const c of inside) {
    assert(c.delivery.group, `${c.name} is not in`);
    assert.equal(c.delivery.group.epoch, first.epoch, c.name);
    assert.equal(c.keys.get(first.epoch), inside[0]?.keys.get(first.epoch));
    assert.equal(c.delivery.group.members.length, inside.length);
  }
};

test('a policy made in the page is what the core reads, and names the link', { skip }, async () => {
  const { core, link, policy } = await room();
  const read = core.policyOpen(policy, link.policyHash, Date.now());
  assert.equal(read.mode, 'sealed');
  assert(read.allowed && !read.expired);
  assert.deepEqual(read.roomId, link.roomId);
  const bent = policy.slice();
  bent[50] = (bent[50] ?? 0) ^ 1;
  assert.throws(() => core.policyOpen(bent, link.policyHash, Date.now()));
  assert.equal(hex(derSignature(joined(new Uint8Array(32).fill(0x80), new Uint8Array(31), Uint8Array.of(1)))), `3026022100${'80'.repeat(32)}020101`);
});
test('a knock opens with the link only', { skip }, async () => {
  const { link } = await room();
  const sealed = await sealKnock(link, utf8('package'), new Uint8Array(12));
  assert.deepEqual(await openKnock(link, sealed), utf8('package'));
  await assert.rejects(openKnock({ ...link, joinSecret: new Uint8Array(32) }, sealed));
});
test('random churn: all agree after each change, who was removed is out, kicks replace the link', { skip, timeout: LONG ? 3400000 : 50000 }, async () => {
  let changes = 0, conflicts = 0;
  let seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
  console.log(`SEED=${seed}`);
  const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let g = 0; g < Number(process.env['GROUPS'] ?? (LONG ? 20 : 4)); g++) {
    const { core, link, policy, service } = await room();
    let inside: Client[] = [], born = 0;
    const out: Client[] = [];
    const everyone = (): Client[] => [...inside, ...out];
    const join = async (n: number): Promise<void> => {
      const by = inside[0]?.delivery.link ?? link;
      const fresh = Array.from({ length: n }, () => new Client(core, service, by, policy, `m${born++}`));
      inside.push(...fresh);
      for (const c of fresh) await c.enter();
    };
    await join(1);
    await run(service, everyone(), 500);
    for (let i = 0; i < Number(process.env['STEPS'] ?? (LONG ? 100 : 12)); i++) {
      const what = random(5);
      if ((what < 2 && inside.length < 24) || inside.length < 3) await join(1 + random(3));
      else if (what === 2) {
        const [gone] = inside.splice(random(inside.length), 1);
        assert(gone);
        service.leave(gone.handle);
        gone.delivery.stop();
      } else if (what === 3) {
        const at = 1 + random(inside.length - 1), by = inside[0], gone = inside[at];
        assert(by?.delivery.group && gone?.delivery.group);
        const before = by.delivery.link.generation;
        await by.delivery.kick(now, gone.delivery.group.leaf);
        inside = inside.filter((c) => c !== gone);
        out.push(gone);
        await run(service, everyone(), 2000);
        assert.equal(gone.stopped, 'removed');
        assert(inside.every((c) => c.delivery.link.generation === before + 1));
        assert.equal(new Set(inside.map((c) => hex(c.delivery.link.joinSecret))).size, 1);
      } else if (inside.length > 3) { // a leave and a join at once: two may commit at the same time
        const gone = inside.pop();
        assert(gone);
        service.leave(gone.handle);
        gone.delivery.stop();
        await join(2);
      }
      await run(service, everyone(), 12000);
      agree(inside);
      changes++;
    }
    const epoch = inside[0]?.delivery.group?.epoch ?? 0n;
    for (const c of out) assert(!c.keys.has(epoch) || c.keys.get(epoch) !== inside[0]?.keys.get(epoch));
    await inside[0]?.delivery.say(now, 0, utf8('hello'));
    await run(service, inside, 200);
    for (const c of inside.slice(1)) assert.equal(c.heard.filter((a) => Buffer.from(a.body).toString() === 'hello').length, 1);
    conflicts += service.conflicts;
    for (const c of inside) c.delivery.stop();
  }
  console.log(`${changes} changes, ${conflicts} conflicts`);
});
test('a group under another policy is not joined, though the policy is signed', { skip }, async () => {
  const { core, link, policy, service } = await room();
  const other = await signedPolicy(link.roomId, Date.now(), []);
  const rogue = new Client(core, service, { ...link, policyHash: other.hash }, other.policy, 'rogue');
  await rogue.enter();
  await run(service, [rogue], 500);
  const ana = new Client(core, service, link, policy, 'Ana');
  await ana.enter();
  await run(service, [rogue, ana], 3000);
  assert.equal(ana.stopped, 'policy');
  assert.equal(ana.delivery.group, undefined);
});
test('who comes back with the key of before takes the old place, and no other', { skip }, async () => {
  const { core, link, policy, service } = await room();
  const key = signatureKey(core, 2);
  const ana = new Client(core, service, link, policy, 'Ana');
  await ana.enter();
  await run(service, [ana], 500);
  const ben = new Client(core, service, link, policy, 'Ben', key);
  await ben.enter();
  await run(service, [ana, ben], 3000);
  agree([ana, ben]);
  service.clients.delete(ben.handle); // a reload: nobody says that Ben went
  ben.delivery.stop();
  const again = new Client(core, service, link, policy, 'Ben', key);
  await again.enter();
  await run(service, [ana, again], 3000);
  agree([ana, again]);
  assert.equal(again.delivery.group?.members.filter((m) => Buffer.from(m.signatureKey).equals(key.open)).length, 1);
});
test('a commit that is lost on the way is noticed by what the others send, and caught up', { skip }, async () => {
  const { core, link, policy, service } = await room();
  const people = ['Ana', 'Ben', 'Eve'].map((n) => new Client(core, service, link, policy, n));
  const [ana, ben, eve] = people;
  assert(ana && ben && eve);
  for (const c of [ana, ben]) {
    await c.enter();
    await run(service, [ana, ben], 3000);
  }
  const reach = service.clients.get(ben.handle);
  assert(reach);
  const deliver = reach.send;
  reach.send = (e) => { if (e[2 + (e[1] ?? 0) + 8] !== KIND.bundle) deliver(e); };
  await eve.enter();
  await run(service, people, 1000);
  reach.send = deliver;
  assert(eve.delivery.group && ben.delivery.group && ben.delivery.group.epoch < eve.delivery.group.epoch);
  await run(service, people, 4000);
  agree(people);
});
test('an Add without the join secret is refused by the others, though MLS takes it', { skip }, async () => {
  const { core, link, policy, service } = await room();
  const [ana, ben] = ['Ana', 'Ben'].map((n) => new Client(core, service, link, policy, n));
  assert(ana && ben);
  for (const c of [ana, ben]) {
    await c.enter();
    await run(service, [ana, ben], 3000);
  }
  const epoch = ben.delivery.group?.epoch;
  // Ana knows no join secret of this generation: what she adds comes without the link's PSK or with another one.
  ana.delivery.group?.setLink({ ...link, generation: 7 });
  const eve = new Client(core, service, link, policy, 'Eve');
  await eve.enter();
  for (let i = 0; i < 4 && ben.delivery.group?.epoch === epoch; i++) await run(service, [ana], 1000);
  await run(service, [ben], 200);
  assert.notEqual(ben.delivery.group, ana.delivery.group);
  assert(!ben.delivery.group || ben.delivery.group.epoch === epoch, 'the commit was applied');
});
test('what the server makes up changes nothing', { skip }, async () => {
  const { core, link, policy, service } = await room();
  const ana = new Client(core, service, link, policy, 'Ana');
  await ana.enter();
  await run(service, [ana], 500);
  const before = ana.delivery.group?.epoch;
  for (const kind of [KIND.knock, KIND.app, KIND.ready, KIND.gone, KIND.conflict, 99]) {
    for (const body of [new Uint8Array(0), new Uint8Array(9), joined(number(4, 7), vector(new Uint8Array(300)))]) service.say(ana.handle, kind, 0n, body);
  }
  await ana.delivery.receive(now, new Uint8Array(3));
  await run(service, [ana], 2000);
  assert.equal(ana.stopped, undefined);
  assert.equal(ana.delivery.group?.epoch, before);
  assert.equal(base64url(link.roomId), service.room);
});
test('what a join costs, by the size of the group', { skip, timeout: 400000 }, async () => {
  const sizes = LONG ? [2, 10, 50, 100] : [2, 10];
  const { core, link, policy, service } = await room();
  const inside: Client[] = [];
  for (const size of sizes) {
    while (inside.length < size - 1) {
      const fresh = Array.from({ length: Math.min(24, size - 1 - inside.length) }, (_, i) => new Client(core, service, link, policy, `m${inside.length + i}`));
      for (const c of fresh) await c.enter();
      inside.push(...fresh);
      await run(service, inside, 8000);
    }
    const last = new Client(core, service, link, policy, 'last'), first = inside[0];
    const before = first?.bytes ?? 0;
    await last.enter();
    inside.push(last);
    let ms = 0;
    for (const until = now + 4000; now < until; now += 50) { // as in run, one message at a time
      for (let next = service.queue.shift(); next; next = service.queue.shift()) {
        const begun = performance.now();
        await next.deliver();
        if (next.to === last.handle) ms += performance.now() - begun;
      }
      for (const c of inside) await c.delivery.tick(now);
    }
    agree(inside);
    console.log(`join at ${size}: ${Math.round(ms)} ms of work, ${last.bytes} bytes to the newcomer, ${(first?.bytes ?? 0) - before} to each other member`);
    assert(last.bytes < 1200 * size + 20000);
  }
  for (const c of inside) c.delivery.stop();
});
