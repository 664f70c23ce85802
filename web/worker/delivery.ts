// SPDX-License-Identifier: Apache-2.0
// A member's side of the blind delivery service (docs/delivery.md; ROOMS.md sections A and 5): who creates, knocks, commits,
// joins and resyncs. No clock, socket or timer of its own: envelopes and `tick` come in with the time, envelopes and events go
// out by the host. Inputs are taken one after another, as joining and unsealing a knock are asynchronous.
import { base64url, ByteReader, FormatError, joined, number, same, utf8, vector } from './bytes.ts';
import type { Group, Groups, KeyPackage, Link, Opened } from './group.ts';
import { keyOfPackage, RuleBroken } from './group.ts';

export const KIND = {
  hello: 1, create: 2, knock: 3, resync: 4, bundle: 5, welcome: 6, conflict: 7, app: 8, ready: 9, state: 10, gone: 11, please: 12, refused: 13,
} as const;
export const OP = { text: 0, file: 5, track: 6 } as const;
const REFUSED = { door: 1, rate: 2, outside: 3, size: 4, full: 5, form: 6, epoch: 7 } as const;

const RANK_MS = 700;
const BATCH_MS = 150;
const BATCH_MAX = 32;
const BETWEEN_MS = 250;
const KNOCK_AGAIN_MS = 6000;
const ECHO_MS = 5000;
const LEFT_QUIET_MS = 800;
const LOST_QUIET_MS = 15000;
const REKEY_LEAST_MS = 60000;
const SEEN_MAX = 1024;
const BEHIND_MS = 1500; // others hold an epoch whose commit never came
const BEHIND_AGAIN_MS = 10000;
const BUSY_MS = 10000;
const BUSY_COMMITS = 3;
const PAD = 256;

export type Stop = 'policy' | 'link' | 'identity' | 'group' | 'replaced' | 'removed' | 'full';
export interface App {
  readonly leaf: number;
  readonly op: number;
  readonly sentMs: number;
  readonly body: Uint8Array;
}
export interface Epoch {
  readonly group: Group;
  /** the first epoch in this group: frames of another group are worth nothing any more */
  readonly fresh: boolean;
  readonly removed: boolean;
  readonly opened?: Opened;
  /** leaf to the number of that member in the server's list, as its owner announced it */
  readonly numbers: ReadonlyMap<number, number>;
}
export interface DeliveryHost {
  send(envelope: Uint8Array): void;
  entered(epoch: Epoch): void;
  /** the group went on: somebody announced itself */
  numbered(numbers: ReadonlyMap<number, number>): void;
  /** everybody holds the newest epoch */
  allReady(): void;
  said(app: App): void;
  linked(link: Link): void;
  /** by: the leaf that removed us */
  stopped(why: Stop, by?: number): void;
  /** when something authentic of this leaf was opened last */
  heardAt(leaf: number): number;
  sha256(data: Uint8Array): Uint8Array;
  door(joinSecret: Uint8Array): Uint8Array;
  random(n: number): Uint8Array;
}
interface Waiting {
  readonly handle: number;
  readonly message: Uint8Array;
  readonly key: Uint8Array;
  readonly again: boolean;
}

const none = new Uint8Array(0);

async function knockKey(link: Link): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey('raw', link.joinSecret as Uint8Array<ArrayBuffer>, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const bits = await crypto.subtle.sign('HMAC', secret, joined(utf8('incamera 1.0 knock'), Uint8Array.of(1)));
  return crypto.subtle.importKey('raw', bits, 'AES-GCM', false, ['encrypt', 'decrypt']);
}
export async function sealKnock(link: Link, message: Uint8Array, nonce: Uint8Array): Promise<Uint8Array> {
  const how = { name: 'AES-GCM', iv: nonce as Uint8Array<ArrayBuffer>, additionalData: link.roomId as Uint8Array<ArrayBuffer> };
  return joined(nonce, new Uint8Array(await crypto.subtle.encrypt(how, await knockKey(link), message as Uint8Array<ArrayBuffer>)));
}
export async function openKnock(link: Link, sealed: Uint8Array): Promise<Uint8Array> {
  const how = { name: 'AES-GCM', iv: sealed.slice(0, 12), additionalData: link.roomId as Uint8Array<ArrayBuffer> };
  return new Uint8Array(await crypto.subtle.decrypt(how, await knockKey(link), sealed.slice(12)));
}
/** The content of an application message: type 1, the struct of section 10, and zeros to the next 256 bytes. */
export function appContent(op: number, sentMs: number, id: Uint8Array, body: Uint8Array): Uint8Array {
  const content = joined(number(1, 1), number(8, Math.floor(sentMs)), id, number(1, op), vector(body));
  return joined(content, new Uint8Array((PAD - (content.length % PAD)) % PAD));
}
export function readApp(leaf: number, content: Uint8Array): App {
  const r = new ByteReader(content);
  if (r.u8() !== 1) throw new FormatError('type');
  const sentMs = Number(r.u64());
  r.raw(16);
  return { leaf, sentMs, op: r.u8(), body: r.vector() };
}

export class Delivery {
  #link: Link;
  #group: Group | undefined;
  #hadGroup = false;
  #handle = 0;
  #resume: Uint8Array = none;
  #member = 0;
  #open = false;
  #stopped = false;
  #asked: 'create' | 'knock' | undefined;
  #knockAt: number | undefined;
  #invitees: KeyPackage[] = [];
  readonly #waiting = new Map<number, Waiting>();
  readonly #seen = new Set<string>();
  readonly #removes = new Set<number>();
  readonly #kicks = new Set<number>();
  readonly #gone = new Map<number, { at: number; quiet: number }>();
  readonly #handles = new Map<number, number>();
  readonly #numbers = new Map<number, number>();
  readonly #ready = new Set<number>();
  #rekey = false;
  #newDoor = false;
  #due: number | undefined;
  #sentAt: number | undefined;
  #committedAt = 0;
  #behind: number | undefined; // since when
  #caughtUp = -BEHIND_AGAIN_MS;
  #own: number[] = []; // when own commits won, lately
  #now = 0;
  #queue: Promise<void> = Promise.resolve();

  /** returning: this identity was in the room before, and may still stand in the group's tree. */
  constructor(private readonly groups: Groups, link: Link, private readonly host: DeliveryHost, returning = false) {
    this.#link = link;
    this.#hadGroup = returning;
  }

  get group(): Group | undefined {
    return this.#group;
  }
  get link(): Link {
    return this.#link;
  }
  /** The server let this client in as this number: say hello. */
  entered(now: number, member: number): Promise<void> {
    return this.#turn(now, () => {
      const renamed = this.#member !== member && this.#group !== undefined;
      this.#member = member;
      this.#open = true;
      this.#asked = undefined;
      this.#send(KIND.hello, this.#group?.epoch ?? 0n, joined(vector(this.host.door(this.#link.joinSecret)), vector(this.#resume)));
      if (renamed) this.#announce();
    });
  }
  lost(now: number): Promise<void> {
    return this.#turn(now, () => {
      this.#open = false;
    });
  }
  receive(now: number, envelope: Uint8Array): Promise<void> {
    return this.#turn(now, () => this.#receive(envelope));
  }
  /** A written message; false when there is no group to say it to. */
  async say(now: number, op: number, body: Uint8Array): Promise<boolean> {
    let done = false;
    await this.#turn(now, () => {
      done = this.#say(op, body);
    });
    return done;
  }
  kick(now: number, leaf: number): Promise<void> {
    return this.#turn(now, () => {
      if (!this.#group || leaf === this.#group.leaf) return;
      this.#kicks.add(leaf);
      this.#due = now;
      this.#commitIfDue();
    });
  }
  tick(now: number): Promise<void> {
    return this.#turn(now, () => this.#tick());
  }
  stop(): void {
    this.#stopped = true;
    this.#group?.free();
    this.#group = undefined;
    for (const k of this.#invitees) k.free();
    this.#invitees = [];
  }

  #turn(now: number, run: () => void | Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      if (this.#stopped) return;
      this.#now = Math.max(this.#now, now);
      try {
        await run();
      } catch (why) {
        if (why instanceof FormatError) return; // the server's nonsense changes nothing
        if (why instanceof RuleBroken) this.#end(why.rule);
        else throw why;
      }
    });
    return this.#queue;
  }
  #end(why: Stop, by?: number): void {
    this.stop();
    this.host.stopped(why, by);
  }
  #send(kind: number, epoch: bigint, body: Uint8Array): void {
    if (!this.#open) return;
    const room = utf8(base64url(this.#link.roomId));
    this.host.send(joined(number(1, 1), vector(room), number(8, epoch), number(1, kind), vector(body)));
  }
  #say(op: number, body: Uint8Array): boolean {
    if (!this.#group || !this.#open) return false;
    this.#send(KIND.app, this.#group.epoch, this.#group.say(appContent(op, Date.now(), this.host.random(16), body)));
    return true;
  }
  #announce(): void {
    if (this.#group) {
      this.#numbers.set(this.#group.leaf, this.#member);
      this.host.numbered(this.#numbers);
    }
    this.#say(OP.track, joined(number(4, this.#member), number(4, this.#handle)));
  }

  // ---- envelopes ----

  async #receive(envelope: Uint8Array): Promise<void> {
    const r = new ByteReader(envelope);
    if (r.u8() !== 1 || !same(r.vector(), utf8(base64url(this.#link.roomId)))) throw new FormatError('room');
    const epoch = r.u64(), kind = r.u8(), body = new ByteReader(r.vector());
    r.end();
    switch (kind) {
      case KIND.state: return this.#state(body, epoch);
      case KIND.knock:
      case KIND.resync: return this.#knocked(body, kind === KIND.resync);
      case KIND.bundle: return this.#winner(body, epoch);
      case KIND.welcome: return this.#welcome(body);
      case KIND.conflict: return this.#group?.discard();
      case KIND.app:
        this.#others(epoch);
        return this.#app(body);
      case KIND.ready:
        this.#others(epoch);
        return this.#readied(body.u32(), epoch);
      case KIND.gone: return this.#wentAway(body.u32(), body.u8());
      case KIND.please: return this.#pleased();
      case KIND.refused: return this.#refused(body.u8(), body.u8());
      default: throw new FormatError('kind');
    }
  }

  async #state(r: ByteReader, epoch: bigint): Promise<void> {
    this.#handle = r.u32();
    this.#resume = r.vector();
    const exists = r.u8() !== 0, members = r.numbers();
    const inside = members.includes(this.#handle);
    if (!exists) {
      this.#dropGroup();
      this.#asked = 'create';
      this.#send(KIND.create, 0n, none);
    } else if (inside && this.#asked === 'create' && epoch === 0n && !this.#group) {
      this.#asked = undefined;
      this.#enter(this.groups.create(), true, false);
    } else if (inside && this.#group) {
      // Winners since our epoch follow; an own commit that nobody saw is made again.
      if (epoch === this.#group.epoch) this.#group.discard();
      this.#sentAt = undefined;
      if (epoch < this.#group.epoch) await this.#knock();
    } else await this.#knock();
  }
  async #knock(): Promise<void> {
    const again = this.#hadGroup;
    this.#dropGroup();
    this.#asked = 'knock';
    this.#knockAt = this.#now + KNOCK_AGAIN_MS;
    const own = this.groups.invitee();
    this.#invitees.unshift(own);
    while (this.#invitees.length > 2) this.#invitees.pop()?.free();
    this.#send(again ? KIND.resync : KIND.knock, 0n, await sealKnock(this.#link, own.message, this.host.random(12)));
  }
  #dropGroup(): void {
    this.#group?.free();
    this.#group = undefined;
    this.#waiting.clear();
    this.#removes.clear();
    this.#kicks.clear();
    this.#gone.clear();
    this.#handles.clear();
    this.#numbers.clear();
    this.#due = this.#sentAt = this.#behind = undefined;
    this.#newDoor = this.#rekey = false;
  }

  async #knocked(r: ByteReader, again: boolean): Promise<void> {
    const handle = r.u32(), sealed = r.vector();
    let message: Uint8Array;
    let key: Uint8Array;
    try {
      message = await openKnock(this.#link, sealed);
      key = keyOfPackage(message);
    } catch {
      return; // without the link, or without sense
    }
    const name = base64url(this.host.sha256(message));
    if (this.#seen.has(name) || !this.#group) return;
    if (!again && this.#group.members.some((m) => same(m.signatureKey, key))) return; // it is in already
    this.#waiting.set(handle, { handle, message, key, again });
    this.#schedule(BATCH_MS);
  }

  #winner(r: ByteReader, epoch: bigint): Promise<void> | void {
    const from = r.u32(), commit = r.vector(), added = r.numbers(), removed = r.numbers();
    r.end();
    const group = this.#group;
    if (!group || epoch < group.epoch) return;
    if (epoch > group.epoch) return this.#knock();
    let opened: Opened;
    try {
      opened = group.receive(commit);
    } catch {
      return this.#knock(); // a commit that the core or the rules of the room refuse
    }
    if (opened.kind !== 'commit') return this.#knock();
    if (opened.removed) return this.#end('removed', opened.sender);
    this.#sentAt = undefined;
    this.#committedAt = this.#now;
    this.#rekey = false;
    if (opened.own) {
      this.#newDoor = false;
      this.#own.push(this.#now);
    }
    this.#handles.set(opened.sender, from);
    for (const leaf of opened.gone) {
      for (const set of [this.#removes, this.#kicks]) set.delete(leaf);
      for (const map of [this.#gone, this.#handles, this.#numbers]) map.delete(leaf);
    }
    [...opened.added].sort((a, b) => a - b).forEach((leaf, i) => {
      const handle = added[i];
      if (handle !== undefined) this.#handles.set(leaf, handle);
    });
    for (const handle of [...added, ...removed]) {
      const w = this.#waiting.get(handle);
      if (w && this.#seen.size < SEEN_MAX) this.#seen.add(base64url(this.host.sha256(w.message)));
      this.#waiting.delete(handle);
    }
    if (opened.note === 'kick') this.#nextLink(group, opened.own);
    this.#enter(group, false, opened.gone.length > 0, opened);
    if (opened.added.length) this.#announce();
    this.#due = undefined;
    this.#schedule(BETWEEN_MS);
  }
  #nextLink(group: Group, own: boolean): void {
    const generation = this.#link.generation + 1;
    this.#link = { ...this.#link, generation, joinSecret: group.export('incamera 1.0 join secret', number(4, generation), 32) };
    group.setLink(this.#link);
    this.groups.setLink(this.#link);
    this.#waiting.clear(); // who knocked with the old link has to have the new one
    this.#newDoor = own;
    this.host.linked(this.#link);
  }
  async #welcome(r: ByteReader): Promise<void> {
    r.u32();
    const welcome = r.vector();
    if (this.#group) return;
    for (const own of this.#invitees) {
      let group: Group;
      try {
        group = await this.groups.join(own, welcome);
      } catch (why) {
        if (why instanceof RuleBroken) throw why;
        continue;
      }
      for (const k of this.#invitees) k.free();
      this.#invitees = [];
      this.#asked = this.#knockAt = undefined;
      this.#enter(group, true, false);
      return this.#announce();
    }
  }
  #enter(group: Group, fresh: boolean, removed: boolean, opened?: Opened): void {
    this.#group = group;
    this.#hadGroup = true;
    this.#behind = undefined;
    this.#numbers.set(group.leaf, this.#member);
    this.#handles.set(group.leaf, this.#handle);
    this.#ready.clear();
    this.host.entered({ group, fresh, removed, opened, numbers: this.#numbers });
    this.#send(KIND.ready, group.epoch, none);
    this.#readied(this.#handle, group.epoch);
  }
  /** What others send tells which epoch they hold: the commit of a later one that does not come is lost. */
  #others(epoch: bigint): void {
    if (this.#group && epoch > this.#group.epoch) this.#behind ??= this.#now;
  }
  #readied(handle: number, epoch: bigint): void {
    if (!this.#group || epoch !== this.#group.epoch) return;
    this.#ready.add(handle);
    if (this.#ready.size >= this.#group.members.length) this.host.allReady();
  }
  #app(r: ByteReader): void {
    r.u32();
    const message = r.vector();
    if (!this.#group) return;
    let app: App;
    try {
      const opened = this.#group.receive(message);
      if (opened.kind !== 'application') return;
      app = readApp(opened.sender, opened.data);
      if (app.op === OP.track) {
        const b = new ByteReader(app.body);
        this.#numbers.set(app.leaf, b.u32());
        this.#handles.set(app.leaf, b.u32());
        return this.host.numbered(this.#numbers);
      }
    } catch {
      return; // not authentic, seen before, of an epoch that is gone, or without sense
    }
    this.host.said(app);
  }
  #wentAway(handle: number, why: number): void {
    this.#waiting.delete(handle);
    for (const [leaf, h] of this.#handles) {
      if (h !== handle || leaf === this.#group?.leaf) continue;
      const quiet = why === 1 ? LEFT_QUIET_MS : LOST_QUIET_MS;
      this.#gone.set(leaf, { at: this.#now + (why === 1 ? BATCH_MS : 0), quiet });
    }
    this.#tick();
  }
  #pleased(): void {
    if (!this.#group) return;
    if (!this.#work() && this.#now - this.#committedAt >= REKEY_LEAST_MS) this.#rekey = true;
    if (this.#work()) this.#due = Math.min(this.#due ?? Infinity, Math.max(this.#now + BATCH_MS, this.#committedAt + BETWEEN_MS));
  }
  #refused(why: number, kind: number): Promise<void> | void {
    if (why === REFUSED.door) return this.#end('replaced');
    if (kind === KIND.knock || kind === KIND.resync) {
      if (why === REFUSED.full) return this.#end('full');
      this.#knockAt = this.#now + KNOCK_AGAIN_MS;
    } else if (kind === KIND.bundle) {
      this.#group?.discard();
      this.#sentAt = undefined;
      if (why === REFUSED.outside || why === REFUSED.epoch) return this.#knock();
      this.#due = this.#now + 1000 + this.#jitter(2000);
    }
  }

  // ---- commits ----

  #work(): boolean {
    return this.#waiting.size > 0 || this.#removes.size > 0 || this.#kicks.size > 0 || this.#rekey || this.#newDoor;
  }
  #jitter(most: number): number {
    return ((this.host.random(1)[0] ?? 0) * most) / 256;
  }
  /** Our place among those who could commit: nobody elects anybody. Who did much lately comes last, so that the
   * server's limit leaves it a commit for a removal. */
  #rank(group: Group): number {
    this.#own = this.#own.filter((at) => this.#now - at < BUSY_MS);
    if (this.#own.length >= BUSY_COMMITS) return group.members.length - 1;
    const order = group.members.filter((m) => !this.#removes.has(m.leaf) && !this.#kicks.has(m.leaf) && !this.#gone.has(m.leaf))
      .map((m) => ({ leaf: m.leaf, by: base16(this.host.sha256(joined(number(8, group.epoch), number(4, m.leaf)))) }))
      .sort((a, b) => (a.by < b.by ? -1 : 1));
    return Math.max(0, order.findIndex((x) => x.leaf === group.leaf));
  }
  #schedule(after: number): void {
    if (!this.#group || !this.#work()) return;
    const mine = this.#kicks.size > 0 || this.#newDoor;
    const at = Math.max(this.#now + after + (mine ? 0 : this.#rank(this.#group) * RANK_MS), this.#committedAt + BETWEEN_MS);
    this.#due = Math.min(this.#due ?? Infinity, at);
  }
  #tick(): Promise<void> | void {
    if (this.#asked === 'knock' && this.#open && this.#knockAt !== undefined && this.#now >= this.#knockAt) return this.#knock();
    if (this.#group && this.#open && this.#behind !== undefined && this.#now - this.#behind > BEHIND_MS && this.#now - this.#caughtUp > BEHIND_AGAIN_MS) {
      this.#caughtUp = this.#now;
      return this.#knock();
    }
    for (const [leaf, g] of this.#gone) {
      if (this.#now < g.at) continue;
      const quiet = this.#now - this.host.heardAt(leaf);
      if (quiet < g.quiet) {
        g.at = this.#now + g.quiet - quiet;
        continue;
      }
      this.#gone.delete(leaf);
      this.#removes.add(leaf);
      this.#schedule(0);
    }
    if (this.#sentAt !== undefined && this.#now - this.#sentAt > ECHO_MS) { // neither echo nor conflict came back
      this.#group?.discard();
      this.#sentAt = undefined;
      this.#schedule(this.#jitter(500));
    }
    this.#commitIfDue();
  }
  #commitIfDue(): void {
    const group = this.#group;
    if (!group || !this.#open || this.#due === undefined || this.#now < this.#due || this.#sentAt !== undefined) return;
    this.#due = undefined;
    if (!this.#work()) return;
    const members = group.members;
    const removes = new Set([...this.#removes, ...this.#kicks].filter((leaf) => members.some((m) => m.leaf === leaf)));
    const kick = [...this.#kicks].some((leaf) => removes.has(leaf));
    const adds: Waiting[] = [];
    const keys = new Set<string>();
    for (const w of kick ? [] : this.#waiting.values()) {
      if (adds.length === BATCH_MAX || keys.has(base16(w.key))) continue;
      keys.add(base16(w.key));
      const old = members.find((m) => same(m.signatureKey, w.key));
      if (old && (!w.again || old.leaf === group.leaf)) {
        this.#waiting.delete(w.handle);
        continue;
      }
      if (old) removes.add(old.leaf);
      adds.push(w);
    }
    if (!adds.length && !removes.size && !this.#rekey && !this.#newDoor) return;
    let made: { commit: Uint8Array; welcome: Uint8Array };
    try {
      made = group.commit({ add: adds.map((w) => w.message), remove: [...removes], note: kick ? 'kick' : '' });
    } catch {
      // A key package that does not hold spoils the whole: the waiting ones are tried no more, the rest at once.
      group.discard();
      if (!adds.length) return;
      for (const w of adds) this.#waiting.delete(w.handle);
      return this.#schedule(BETWEEN_MS);
    }
    const coming = new Set(adds.map((w) => w.handle));
    const leaving = [...removes].map((leaf) => this.#handles.get(leaf)).filter((h): h is number => h !== undefined && !coming.has(h));
    const doorHash = this.#newDoor ? this.host.sha256(this.host.door(this.#link.joinSecret)) : none;
    this.#sentAt = this.#now;
    this.#send(KIND.bundle, group.epoch, joined(
      vector(made.commit), vector(doorHash), vector(...adds.map((w) => joined(number(4, w.handle), vector(made.welcome)))),
      vector(...leaving.map((h) => number(4, h))),
    ));
  }
}

function base16(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
