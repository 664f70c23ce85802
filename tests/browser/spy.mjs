// SPDX-License-Identifier: Apache-2.0
// A hostile server and an auditor, as seen from inside the page: `spied` goes before a page's scripts. Each worker is wrapped where
// frames leave it and enter it, so that a test records what is sealed and rendered, and hands in frames as a server could; and
// what comes over the socket passes `window.tamper` first.

/** Runs in the page: the worker starts with `prelude`; what it tells stands in window.told; window.order(x) goes to it.
 * codec: the only one that this browser offers. */
export function spied(prelude, codec) {
  if (codec) {
    const real = RTCRtpReceiver.getCapabilities.bind(RTCRtpReceiver);
    RTCRtpReceiver.getCapabilities = (kind) => {
      const all = real(kind);
      return kind === 'audio' ? all : { ...all, codecs: all.codecs.filter((c) => [codec, 'video/rtx'].includes(c.mimeType)) };
    };
  }
  const channel = new BroadcastChannel('spy');
  window.told = [];
  window.frames_ = [];
  window.counts = {};
  channel.onmessage = ({ data }) => {
    if (data.kind === 'frame') window.frames_.push(data);
    else if (data.kind === 'count') Object.assign(window.counts, data.counts);
    else if (data.kind !== 'sealed') window.told.push(data);
    if (window.frames_.length > 4000) window.frames_.splice(0, 2000);
  };
  window.order = (data) => channel.postMessage({ ...data, order: true });
  const RealWorker = window.Worker;
  window.Worker = class extends RealWorker {
    constructor(url, options) {
      super(URL.createObjectURL(new Blob([`const early = []; globalThis.onmessage = (e) => early.push(e);
        const real = fetch; globalThis.fetch = (u, ...more) => real(new URL(u, ${JSON.stringify(location.origin)}), ...more);
        ${prelude}
        await import(${JSON.stringify(new URL(url, location.href).href)});
        for (const e of early) globalThis.onmessage(e);`], { type: 'text/javascript' })), options);
    }
  };
  window.sockets = [];
  window.tamper = (data) => [data];
  const RealSocket = window.WebSocket;
  window.WebSocket = class extends RealSocket {
    constructor(...words) {
      super(...words);
      window.sockets.push(this);
    }
    set onmessage(f) {
      const hand = (data) => f({ data });
      super.onmessage = (e) => { for (const data of window.tamper(e.data, hand)) hand(data); };
    }
  };
}

/** In the worker, before its script. Tells: `sealed` {id, clear}: key, KID and counter of each frame sealed and a hash of what was in it;
 * `rendered` {hash}; `fake` {how}: a handed-in frame came out; `epoch`, `doubt`, `stopped`; and counts. Orders: attack {on}: for each third
 * frame that comes, frames as a hostile server makes them; deaf {on}: real frames are kept out; keep {on}: tells the sealed frames that
 * come; inject {frames}: hands these in and tells how many came out. */
export const PRELUDE = `
const channel = new BroadcastChannel('spy');
const tell = (m) => channel.postMessage(m);
const hash = (b) => { let a = 0x811c9dc5, c = 0x1000193; for (const x of b) { a = Math.imul(a ^ x, 0x01000193) >>> 0; c = (Math.imul(c, 31) + x) >>> 0; } return a.toString(16) + c.toString(16) + b.length; };
let lastKey = '', epoch = 0, attack = false, deaf = false, keep = false;
const keyOf = new Map(), old = [], counts = { sealed: 0, real: 0, passed: 0, injected: 0 };
const fill = Uint8Array.prototype.fill;
Uint8Array.prototype.fill = function (v, ...more) {
  if (v === 0 && this.length === 16 && this.some((x) => x)) lastKey = hash(this);
  return fill.call(this, v, ...more);
};
const post = globalThis.postMessage;
globalThis.postMessage = (m, ...more) => {
  if (m.type === 'group') {
    if (m.epoch !== epoch || !keyOf.has(epoch)) keyOf.set(m.epoch, lastKey);
    epoch = m.epoch;
    tell({ kind: 'epoch', epoch, code: m.code, at: Date.now(), n: m.members.length });
  }
  if (m.type === 'doubt' || m.type === 'stopped') tell({ ...m, kind: m.type });
  return post.call(globalThis, m, ...more);
};
setInterval(() => tell({ kind: 'count', counts }), 200);
/** Where the SFrame begins in a wrapped frame (ROOMS.md section 8), found again without our code. */
function sframeAt(b, mime) {
  if (mime === 'audio/opus' || mime === 'video/vp9') return 0;
  if (mime === 'video/vp8') return b[0] & 1 ? 1 : 10;
  if (mime === 'video/h264') {
    for (let i = 0, at = -1; i + 3 < b.length && i < 400; i++) {
      if (b[i] || b[i + 1] || b[i + 2] !== 1) continue;
      at = i + 3;
      if ((b[at] & 31) === 5 || (b[at] & 31) === 1) return at + 3;
    }
    return -1;
  }
  for (let at = 0; at < b.length;) { // AV1
    const type = b[at] >> 3 & 15, ext = b[at] >> 2 & 1, sized = b[at] >> 1 & 1;
    let n = 0, i = at + 1 + ext;
    if (!sized) return -1;
    for (let k = 0; ; k++) { n += (b[i] & 127) * 2 ** (7 * k); if (!(b[i++] & 128)) break; }
    if (type === 6) return i;
    at = i + n;
  }
  return -1;
}
/** [kid, counter] of RFC 9605 section 4.3. */
function header(b, at) {
  const c = b[at]; let i = at + 1;
  const number = (n) => { let v = 0n; for (; n > 0; n--) v = v << 8n | BigInt(b[i++]); return v; };
  const kid = c & 128 ? number((c >> 4 & 7) + 1) : BigInt(c >> 4 & 7);
  const ctr = c & 8 ? number((c & 7) + 1) : BigInt(c & 7);
  return [kid, ctr];
}
const bytes = (f) => new Uint8Array(f.data);
const mimeOf = (f) => (f.getMetadata().mimeType ?? '').toLowerCase();
const receivers = [];
function hostile(t, frame, recent) {
  const mime = mimeOf(frame), now = bytes(frame), made = [];
  const fake = (how, b) => made.push([how, { data: b.slice().buffer, getMetadata: () => ({ mimeType: mime }) }]);
  const bent = now.slice(); bent[Math.floor(Math.random() * bent.length)] ^= 1 << Math.floor(Math.random() * 8);
  fake('cut', now.slice(0, now.length - 1 - Math.floor(Math.random() * 20)));
  fake('random', crypto.getRandomValues(new Uint8Array(60)));
  const at = sframeAt(now, mime);
  if (at >= 0) { const foreign = now.slice(); foreign[at + 1] ^= 0x41; fake('foreign', foreign); }
  for (const [how, list] of [['replayed', recent.sealed], ['plain', recent.clear], ['old epoch', old.filter((o) => o.mime === mime && o.epoch < epoch - 1).map((o) => o.b)]])
    if (list.length) fake(how, list[Math.floor(Math.random() * list.length)]);
  for (const [how, f] of made) {
    counts.injected++;
    t.transform(f, { enqueue: () => tell({ kind: 'fake', how }) });
  }
  // a bent frame goes in the place of nothing: the true one follows
  counts.injected++;
  t.transform({ data: bent.buffer, getMetadata: () => ({ mimeType: mime }) }, { enqueue: () => tell({ kind: 'fake', how: 'bent' }) });
}
channel.addEventListener('message', ({ data: o }) => {
  if (!o.order) return;
  if (o.what === 'attack') attack = o.on;
  if (o.what === 'deaf') deaf = o.on;
  if (o.what === 'keep') keep = o.on;
  if (o.what === 'inject') {
    let came = 0;
    for (const { b, mime } of o.frames) receivers[0]?.transform({ data: b.slice().buffer, getMetadata: () => ({ mimeType: mime }) }, { enqueue: () => came++ });
    tell({ kind: 'injected', came, of: o.frames.length });
  }
});
const Stream = TransformStream;
globalThis.TransformStream = class extends Stream {
  constructor(t, ...more) {
    const receives = 'start' in t, recent = { sealed: [], clear: [] };
    let n = 0;
    if (receives) receivers.push(t);
    super({ ...t, transform(frame, out) {
      const before = bytes(frame).slice(), mime = mimeOf(frame), passed = [];
      if (receives && deaf) { if (keep) tell({ kind: 'frame', b: before, mime, epoch }); return; }
      if (receives) {
        counts.real++;
        if (keep) tell({ kind: 'frame', b: before, mime, epoch });
        if (attack && ++n % 3 === 0) hostile(t, frame, recent);
      }
      const done = t.transform(frame, { enqueue: (f) => passed.push(f) });
      for (const f of passed) {
        const after = bytes(f);
        if (receives) {
          counts.passed++;
          tell({ kind: 'sealed', rendered: hash(after) });
          if (recent.sealed.push(before) > 30) recent.sealed.shift();
          if (recent.clear.push(after.slice()) > 30) recent.clear.shift();
          if (before.length < 4000 && old.push({ epoch, mime, b: before }) > 600) old.splice(100, 300);
        } else {
          counts.sealed++;
          const at = sframeAt(after, mime);
          const [kid, ctr] = at < 0 ? [-1n, -1n] : header(after, at);
          const full = epoch - ((epoch - Number(kid & 63n)) % 64 + 64) % 64;
          tell({ kind: 'sealed', id: at < 0 ? 'unparsed' : (keyOf.get(full) ?? 'unknown key') + ' ' + kid + ' ' + ctr, clear: hash(before) });
        }
        out.enqueue(f); // after it was told: a page that goes away takes the last frames with it
      }
      return done;
    } }, ...more);
  }
};`;
