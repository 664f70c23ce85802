// SPDX-License-Identifier: Apache-2.0
// The dedicated worker of a sealed room: owns the group and the frame keys, and is the only place where they are. Seals what
// is sent, opens what comes. No key yet: nothing passes. Not authentic: nothing passes. There is no state that passes clear.
import { base64url, ByteReader } from './bytes.ts';
import type { App, Epoch } from './delivery.ts';
import { Delivery, OP } from './delivery.ts';
import type { FileNote } from './files.ts';
import { readNote, Transfer, writeNote } from './files.ts';
import type { Frame } from './frames.ts';
import { Frames } from './frames.ts';
import type { Link } from './group.ts';
import { coreGroups } from './group.ts';
import { holdIdentity, ownIdentity } from './identity.ts';
import type { FilePlace, FromWorker, StopReason, ToWorker, TransformFor } from './messages.ts';
import { SealCore, SealFailure } from './seal_core.ts';
import { signatureKey } from './seal_group.ts';

const TICK_MS = 50;
const STRICT_METADATA = 16;
const TEXT_MAX = 8192;
const FILES_KNOWN = 4096;
interface ScriptTransformer {
  readonly readable: ReadableStream<Frame>;
  readonly writable: WritableStream<Frame>;
  readonly options: TransformFor;
  sendKeyFrameRequest?(): Promise<void>;
}
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: { transformer: ScriptTransformer }) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;

let core: SealCore | undefined;
let delivery: Delivery | undefined;
let origin = '';
let stopped = false;
const heard = new Map<number, number>();
const names = new Map<number, string>();
let removedBy: { leaf: number; by: string }[] = [];

const nowMs = (): number => performance.timeOrigin + performance.now();
const nowUs = (): bigint => BigInt(Math.round(performance.now() * 1000));
const say = (message: FromWorker): void => scope.postMessage(message);
const frames = new Frames({ nowMs, nowUs, heard: (leaf) => heard.set(leaf, nowMs()) });
let split = false;

function stop(why: StopReason, by?: string): void {
  if (stopped) return;
  stopped = true;
  frames.use(undefined);
  delivery?.stop();
  say({ type: 'stopped', why, by });
}

function meetingCode(epoch: Epoch, link: Link): string {
  const b = new DataView(epoch.group.export('incamera 1.0 meeting code', link.policyHash, 32).buffer);
  return Array.from({ length: 8 }, (_, i) => String(b.getUint32(4 * i) % 100000).padStart(5, '0')).join(' ');
}

const idOf = (signatureKey: Uint8Array): string => base64url(core?.sha256(signatureKey) ?? signatureKey);
let latest: Epoch | undefined;
let code = '';
function show(numbers: ReadonlyMap<number, number>): void {
  if (!latest) return;
  say({
    type: 'group', own: latest.group.leaf, epoch: Number(latest.group.epoch), code, removedBy,
    members: latest.group.members.map((m) => ({ leaf: m.leaf, name: m.name, id: idOf(m.signatureKey), moderator: m.moderator, member: numbers.get(m.leaf) })),
  });
  removedBy = [];
}
function entered(epoch: Epoch): void {
  if (!core || !delivery) return;
  const { group } = epoch;
  if (epoch.fresh) {
    frames.use(core.frames());
    names.clear();
    heard.clear();
  }
  const key = group.export('SFrame 1.0 Base Key', new Uint8Array(0), 16);
  frames.keys?.enter(nowUs(), group.epoch, group.leaf, epoch.removed, [key]);
  key.fill(0);
  frames.entered();
  if (epoch.opened?.note === 'kick') removedBy.push(...epoch.opened.gone.map((leaf) => ({ leaf, by: names.get(epoch.opened?.sender ?? -1) ?? '' })));
  for (const leaf of epoch.opened?.gone ?? []) heard.delete(leaf);
  names.clear();
  for (const m of group.members) {
    names.set(m.leaf, m.name);
    if (!heard.has(m.leaf)) heard.set(m.leaf, nowMs());
  }
  latest = epoch;
  code = meetingCode(epoch, delivery.link);
  show(epoch.numbers);
}
function said(app: App): void {
  heard.set(app.leaf, nowMs());
  if (app.op === OP.file) return shared(app);
  if (app.op !== OP.text || app.body.length > TEXT_MAX) return;
  const r = new ByteReader(app.body);
  const text = new TextDecoder().decode(r.raw(r.left));
  say({ type: 'said', leaf: app.leaf, name: names.get(app.leaf) ?? '', text, at: app.sentMs });
}

// ---- files: numbered by the page for its own (odd) and here for those of others (even) ----
const notes = new Map<number, FileNote>();
const transfers = new Map<number, Transfer>();
let lastShared = 0;
function shared(app: App): void {
  try {
    const note = readNote(app.body), file = (lastShared += 2);
    if (notes.size >= FILES_KNOWN) return;
    notes.set(file, note);
    say({ type: 'file', file, leaf: app.leaf, name: names.get(app.leaf) ?? '', at: app.sentMs, called: note.name, size: note.size });
  } catch {
    // without sense
  }
}
function transfer(file: number, size: number, at: FilePlace): Transfer {
  const host = {
    nowMs,
    wait: (ms: number) => new Promise<void>((go) => setTimeout(go, ms)),
    ask: (method: string, path: string, body?: Uint8Array | string) => fetch(at.url + path, {
      method, credentials: 'omit', redirect: 'error', body: body as BodyInit | undefined,
      headers: { authorization: `Bearer ${at.token}`, ...(body === undefined ? {} : { 'content-type': typeof body === 'string' ? 'application/json' : 'application/octet-stream' }) },
    }),
  };
  const made = new Transfer(host, size, (p) => say({ type: 'file_state', file, ...p }));
  transfers.get(file)?.cancel();
  transfers.set(file, made);
  return made;
}
async function sendFile(file: number, blob: File, at: FilePlace): Promise<void> {
  const t = transfer(file, blob.size, at);
  const note = await t.send(blob).catch(() => undefined); // the page has heard why
  if (!note) return;
  if (await delivery?.say(nowMs(), OP.file, writeNote(note))) t.sent();
  else say({ type: 'file_state', file, state: 'failed', done: 0, why: 'alone' });
}
async function fetchFile(file: number, at: FilePlace): Promise<void> {
  const note = notes.get(file);
  if (!note) return;
  const blob = await transfer(file, note.size, at).fetch(note).catch(() => undefined);
  if (blob) say({ type: 'file_state', file, state: 'done', done: note.size, blob });
}
function actOn(file: number, act: 'pause' | 'go_on' | 'cancel'): void {
  const t = transfers.get(file);
  if (act === 'pause') t?.pause();
  else if (act === 'go_on') t?.goOn();
  else t?.cancel();
}

async function start(m: Extract<ToWorker, { type: 'start' }>): Promise<void> {
  const made = await SealCore.load(m.wasm);
  const invitation = made.invitationOpen(m.link);
  let policy;
  try {
    policy = made.policyOpen(m.policy, invitation.policyHash, Date.now());
  } catch (why) {
    return say({ type: 'refused', why: why instanceof SealFailure ? 'policy' : 'core' });
  }
  if (policy.mode !== 'sealed' || !policy.allowed || !policy.roomId.every((b, i) => b === invitation.roomId[i])) return say({ type: 'refused', why: 'policy' });
  if (policy.expired) return say({ type: 'refused', why: 'expired' });
  if (policy.joinRule !== 'link') return say({ type: 'refused', why: 'unbuilt' });
  const room = base64url(invitation.roomId);
  if (!(await holdIdentity(room))) return say({ type: 'refused', why: 'elsewhere' });
  const { suite } = policy;
  const { key, returning } = await ownIdentity(room, suite, () => signatureKey(made, suite));
  core = made;
  origin = new URL(m.link).origin;
  const link = (l: Link): string => made.invitationWrite(origin, { ...l });
  delivery = new Delivery(coreGroups(made, { suite, name: m.name, key }, invitation, m.policy, Date.now), invitation, {
    send: (bytes) => say({ type: 'envelope', bytes }),
    entered, said,
    numbered: show,
    allReady: () => frames.keys?.switch(),
    linked: (l) => say({ type: 'link', link: link(l) }),
    stopped: (why, by) => stop(why, by === undefined ? undefined : names.get(by)),
    heardAt: (leaf) => heard.get(leaf) ?? 0,
    sha256: (data) => made.sha256(data),
    door: (secret) => made.door(secret),
    random: (n) => made.random(n),
  }, returning);
  say({ type: 'verified', link: link(invitation), strict: (policy.flags & STRICT_METADATA) !== 0 });
  setInterval(() => {
    frames.tick();
    if (frames.split !== split) say({ type: 'doubt', split: (split = !split) });
    delivery?.tick(nowMs()).catch(broken);
  }, TICK_MS);
}
const broken = (why: unknown): void => {
  console.error('incamera: the sealing worker stopped', why);
  stop('core');
};

scope.onmessage = ({ data }): void => {
  const run = async (): Promise<void> => {
    switch (data.type) {
      case 'start': return start(data);
      case 'entered': return delivery?.entered(nowMs(), data.member);
      case 'lost': return delivery?.lost(nowMs());
      case 'envelope': return delivery?.receive(nowMs(), data.bytes);
      case 'say': return say({ type: 'sent', id: data.id, done: (await delivery?.say(nowMs(), OP.text, new TextEncoder().encode(data.text))) ?? false });
      case 'kick': return delivery?.kick(nowMs(), data.leaf);
      case 'file_send': return void sendFile(data.file, data.blob, data.at);
      case 'file_fetch': return void fetchFile(data.file, data.at);
      case 'file_act': return actOn(data.file, data.act);
      case 'count': return say({ type: 'counts', ...frames.counts });
    }
  };
  run().catch(broken);
};

scope.onrtctransform = ({ transformer }): void => {
  const { options } = transformer;
  const transform = options.side === 'send' ? frames.sender(options.context) : frames.receiver(
    ({ leaf, context }) => say({ type: 'heard', receiver: options.receiver, leaf, context }),
    () => void transformer.sendKeyFrameRequest?.().catch(() => undefined));
  void transformer.readable.pipeThrough(new TransformStream(transform)).pipeTo(transformer.writable).catch(() => undefined);
};
