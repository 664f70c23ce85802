// SPDX-License-Identifier: Apache-2.0
// A stand-in for the server: the page's files, the few HTTP answers, and the room protocol without media. People it makes up
// come and go as a test asks. Used with `fakePeer` (a script for the page), which stands in for the media connection.
import { createServer } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { WebSocketServer } from 'ws';

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
  "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const NAMES = ['Ana Duarte', 'Tobias Brandt', 'Samuel Okafor', 'Lena Fischer', 'Yuki Tanaka', 'Bob Achterberg', 'Priya Raman', 'Jonas Weber', 'Ingrid Sæther',
  'Omar Haddad', 'Clara Neumann', 'Daniel Kovač', 'Ruth Amsel', 'Wei Zhang', 'Elif Yıldız', 'Marc Dubois', 'Hanna Virtanen', 'Luis Ortega', 'Nadia Rahimi', 'Peter Lindqvist',
  'Sofia Rossi', 'Karim Benali', 'Grace Mwangi', 'Tomáš Dvořák'];

export async function fakeServer(page) {
  const rooms = new Map();
  const sockets = new Set();
  const requests = [];
  const state = { policy: {}, can: ['publish', 'subscribe', 'chat'], refuse: undefined, lobby: false };
  const say = (ws, message) => ws.readyState === 1 && ws.send(JSON.stringify(message));

  const http = createServer((q, a) => {
    requests.push(`${q.method} ${q.url}`);
    const url = new URL(q.url, 'http://x');
    const json = (status, body) => a.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' }).end(JSON.stringify(body));
    if (q.method === 'POST') {
      let body = '';
      q.on('data', (d) => (body += d));
      q.on('end', () => {
        const asked = JSON.parse(body || '{}');
        if (url.pathname === '/api/v1/rooms') {
          if (rooms.has(asked.name)) return json(409, { type: 'exists', title: 'There is a room of this name.' });
          rooms.set(asked.name, {});
          return json(201, { name: asked.name });
        }
        if (/\/guest$/.test(url.pathname)) return state.refuse ? json(403, { type: 'denied', title: state.refuse }) : json(201, { token: Buffer.from(asked.name).toString('base64url') });
        return json(404, {});
      });
      return;
    }
    const policy = /^\/api\/v1\/rooms\/([^/]+)\/policy$/.exec(url.pathname);
    if (policy) return policy[1] === 'missing' ? json(404, { title: 'No such room.' }) : json(200, { class: 'governed', name: policy[1], ...state.policy });
    const name = url.pathname === '/' || url.pathname.startsWith('/r/') ? 'index.html' : normalize(url.pathname).slice(1);
    const path = join(page, name);
    if (!path.startsWith(page) || !existsSync(path)) return a.writeHead(404).end();
    a.writeHead(200, { 'content-type': TYPES[name.split('.').pop()] ?? 'text/plain', 'content-security-policy': CSP }).end(readFileSync(path));
  });

  const ws = new WebSocketServer({ server: http, path: '/ws', handleProtocols: (p) => (p.has('incamera.v1') ? 'incamera.v1' : false) });
  const people = []; // made up: {member, name, camera, muted, hand, moderator, screen}
  let next = 100, seq = 0;
  const member = (p) => ({ member: p.member, name: p.name, kind: 'browser', moderator: p.moderator ?? false, hand: p.hand ?? false, since: p.member });
  const tracks = (p) => [
    { track: p.member * 10, member: p.member, source: 'microphone', kind: 'audio', muted: p.muted ?? false, codec: 'opus' },
    ...(p.camera === false ? [] : [{ track: p.member * 10 + 1, member: p.member, source: 'camera', kind: 'video', muted: false, codec: 'VP8' }]),
    ...(p.screen ? [{ track: p.member * 10 + 2, member: p.member, source: 'screen', kind: 'video', muted: false, codec: 'VP8' }] : [])];
  const all = (message) => sockets.forEach((s) => say(s, message));
  const videoMids = (n) => Array.from({ length: n }, (_, i) => String(20 + i + (i >= 9 ? 2 : 0)));
  const assign = (s) => {
    const mids = videoMids(s.videos ?? 9);
    const cameras = people.filter((p) => p.camera !== false).map((p) => p.member * 10 + 1);
    const wanted = s.show?.length ? s.show.filter((t) => cameras.includes(t)) : cameras;
    const held = s.held ?? (s.held = new Map());
    for (const [mid, track] of [...held]) if (!wanted.includes(track)) { held.delete(mid); s.freed = [...(s.freed ?? []), mid]; }
    for (const track of wanted) {
      if ([...held.values()].includes(track)) continue;
      const mid = mids.find((m) => !held.has(m));
      if (mid) held.set(mid, track);
    }
    const screen = people.find((p) => p.screen);
    say(s, { type: 'slots', slots: [...mids.map((mid) => (held.has(mid) ? { mid, track: held.get(mid) } : { mid })), screen ? { mid: '29', track: screen.member * 10 + 2 } : { mid: '29' }] });
  };
  ws.on('connection', (s) => {
    s.on('close', () => sockets.delete(s));
    s.on('message', (data) => {
      const m = JSON.parse(data);
      switch (m.type) {
        case 'join': {
          if (state.lobby) return say(s, { type: 'waiting', id: m.id });
          if (state.closed) return say(s, { type: 'error', id: m.id, code: state.closed, title: 'Closed.' });
          s.me = { member: next++, name: Buffer.from(m.token, 'base64url').toString() || 'Mira Halvorsen', moderator: state.can.includes('moderate') };
          sockets.add(s);
          return say(s, {
            type: 'joined', id: m.id, member: s.me.member, can: state.can, room: { name: m.room, class: 'governed', locked: false, recording: false },
            members: [...people.map(member), { ...member(s.me) }], tracks: people.flatMap(tracks), ice: [],
          });
        }
        case 'offer':
          s.videos = (m.sdp.match(/recv-video/g) ?? []).length - 1;
          say(s, { type: 'answer', id: m.id, sdp: 'fake' });
          return assign(s);
        case 'view': s.show = m.show.map((x) => x.track); say(s, { type: 'ok', id: m.id }); return assign(s);
        case 'chat':
          say(s, { type: 'ok', id: m.id });
          return all({ type: 'said', member: s.me.member, text: m.text, at: Date.now(), seq: ++seq });
        case 'hand': s.me.hand = m.up; say(s, { type: 'ok', id: m.id }); return all({ type: 'member_changed', member: member(s.me) });
        case 'react': say(s, { type: 'ok', id: m.id }); return all({ type: 'reacted', member: s.me.member, emoji: m.emoji });
        case 'lock': say(s, { type: 'ok', id: m.id }); return all({ type: 'locked', locked: m.locked, by: s.me.member });
        case 'kick': {
          const at = people.findIndex((p) => p.member === m.member);
          if (at >= 0) all({ type: 'member_left', member: people.splice(at, 1)[0].member, reason: 'kicked', by: s.me.member });
          return say(s, { type: 'ok', id: m.id });
        }
        case 'mute_member': {
          const p = people.find((x) => x.member === m.member);
          if (p) { p.muted = true; all({ type: 'track_changed', track: tracks(p)[0] }); }
          return say(s, { type: 'ok', id: m.id });
        }
        case 'end': return all({ type: 'closed', reason: 'ended', title: '', by: s.me.member });
        case 'leave': sockets.delete(s); return s.close();
        case 'ping': return say(s, { type: 'pong', id: m.id });
        default: return say(s, { type: 'ok', id: m.id });
      }
    });
  });

  await new Promise((done) => http.listen(0, '127.0.0.1', done));
  return {
    origin: `http://127.0.0.1:${http.address().port}`, state, people, requests, rooms, all,
    assign: () => sockets.forEach(assign),
    join(p) {
      const made = { member: next++, ...p };
      people.push(made);
      all({ type: 'member_joined', member: member(made) });
      for (const track of tracks(made)) all({ type: 'track_on', track });
      sockets.forEach(assign);
      return made;
    },
    leave(p) {
      people.splice(people.indexOf(p), 1);
      all({ type: 'member_left', member: p.member, reason: 'left' });
      sockets.forEach(assign);
    },
    change(p, what) {
      const before = tracks(p);
      Object.assign(p, what);
      all({ type: 'member_changed', member: member(p) });
      const after = tracks(p);
      for (const t of before) if (!after.some((x) => x.track === t.track)) all({ type: 'track_off', track: t.track });
      for (const t of after) all({ type: before.some((x) => x.track === t.track) ? 'track_changed' : 'track_on', track: t });
      sockets.forEach(assign);
    },
    says(p, text, at = Date.now()) {
      all({ type: 'said', member: p.member, text, at, seq: ++seq });
    },
    speaks: (...levels) => all({ type: 'speaking', levels }),
    clear() {
      people.length = 0;
      for (const s of sockets) s.close();
      sockets.clear();
      state.closed = undefined;
      state.lobby = false;
      state.refuse = undefined;
      state.policy = {};
      state.can = ['publish', 'subscribe', 'chat'];
    },
    drop: () => ws.clients.forEach((s) => s.terminate()),
    close: () => new Promise((done) => { ws.clients.forEach((s) => s.terminate()); http.close(done); http.closeAllConnections(); }),
  };
}

/** Runs in the page before its own scripts: cameras, microphones and the media connection are drawn, not captured. */
export function fakePeer() {
  const draw = (seed, portrait) => {
    const c = document.createElement('canvas');
    [c.width, c.height] = portrait ? [180, 320] : [320, 180];
    const g = c.getContext('2d');
    const W = c.width, H = c.height, pick = (list) => list[seed % list.length];
    const wall = pick([['#9c9890', '#8b867e'], ['#cdb9a3', '#bda68d'], ['#8d9aa8', '#7d8b99'], ['#a9b79f', '#97a68d'], ['#c3a697', '#b39384']]);
    const grad = g.createLinearGradient(0, 0, W, H);
    grad.addColorStop(0, wall[0]);
    grad.addColorStop(1, wall[1]);
    const paint = () => {
      g.fillStyle = grad;
      g.fillRect(0, 0, W, H);
      const x = W / 2, y = H * 0.42, r = Math.min(W, H) * 0.2;
      g.fillStyle = pick(['#6b5b85', '#b08c46', '#a04a3c', '#53707c', '#7a4a44', '#4b6b58']);
      g.beginPath(); g.ellipse(x, H * 1.08, r * 2, r * 1.75, 0, 0, 7); g.fill();
      g.fillStyle = pick(['#e3b48f', '#9a6242', '#eec8a4', '#c98f66', '#6d4632']);
      g.fillRect(x - r * 0.35, y, r * 0.7, r * 1.6);
      g.beginPath(); g.ellipse(x, y, r * 0.85, r * 1.08, 0, 0, 7); g.fill();
      g.fillStyle = pick(['#4a3226', '#7a3226', '#c79c58', '#8a5a32', '#2c2320', '#76706c']);
      g.beginPath(); g.ellipse(x, y - r * 0.62, r * 0.95, r * 0.62, 0, Math.PI, 0); g.fill();
      g.fillStyle = '#3a2a22';
      for (const s of [-1, 1]) { g.beginPath(); g.ellipse(x + s * r * 0.34, y, r * 0.08, r * 0.1, 0, 0, 7); g.fill(); }
      g.strokeStyle = '#6d3d30'; g.lineWidth = r * 0.07; g.beginPath(); g.arc(x, y + r * 0.36, r * 0.3, 0.25, Math.PI - 0.25); g.stroke();
    };
    paint();
    const stream = c.captureStream(2);
    setInterval(paint, 700);
    return stream.getVideoTracks()[0];
  };
  const slide = () => {
    const c = document.createElement('canvas');
    [c.width, c.height] = [1280, 720];
    const g = c.getContext('2d');
    const paint = () => {
      g.fillStyle = '#fff'; g.fillRect(0, 0, 1280, 720);
      g.fillStyle = '#1c1b18'; g.font = '700 46px sans-serif'; g.fillText('Renewals move to the second half', 80, 120);
      g.font = '30px sans-serif'; g.fillText('Contracts up for renewal, by quarter', 80, 174);
      [84, 106, 171, 198].forEach((v, i) => { g.fillStyle = i < 2 ? '#d3ccbd' : '#23211d'; g.fillRect(120 + i * 280, 640 - v * 2, 150, v * 2); g.fillStyle = '#1c1b18'; g.fillText(String(v), 165 + i * 280, 620 - v * 2); });
    };
    paint();
    setInterval(paint, 700);
    return c.captureStream(2).getVideoTracks()[0];
  };
  const sound = () => {
    const a = new AudioContext(), o = a.createOscillator(), d = a.createMediaStreamDestination(), gain = a.createGain();
    o.frequency.value = 220; gain.gain.value = 0.2; o.connect(gain).connect(d); o.start();
    return d.stream.getAudioTracks()[0];
  };
  const label = (track, name) => { Object.defineProperty(track, 'label', { value: name }); return track; };
  const trouble = () => window.fakeTrouble;
  navigator.mediaDevices.getUserMedia = async (want) => {
    const t = trouble();
    if (t) throw new DOMException('no', t);
    return new MediaStream([want.audio ? label(sound(), 'Jabra Evolve2 65') : label(draw(3), 'Logitech Brio')]);
  };
  navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([slide()]);
  const device = (kind, name) => ({ kind, label: name, deviceId: name, groupId: '' });
  navigator.mediaDevices.enumerateDevices = async () => (trouble() === 'NotFoundError' ? [] : [device('audioinput', 'Jabra Evolve2 65'), device('audioinput', 'Built-in microphone'),
    device('videoinput', 'Logitech Brio'), device('audiooutput', 'Jabra Evolve2 65'), device('audiooutput', 'Built-in speakers')]);
  window.RTCPeerConnection = class extends EventTarget {
    connectionState = 'new'; signalingState = 'stable'; localDescription = null; #all = []; #n = 0;
    constructor() { super(); window.fakePeers = [...(window.fakePeers ?? []), this]; }
    addTransceiver(kind, o) {
      const mid = this.#n++, self = this;
      const video = mid >= 20 && kind === 'video';
      let track;
      const t = { kind, direction: o.direction, mid: null, wanted: String(mid), sender: { track: null, replaceTrack: async (x) => { t.sender.track = x; } },
        receiver: { get track() { return (track ??= kind === 'audio' ? sound() : video ? (mid === 29 ? slide() : draw(mid, mid === 23)) : draw(0)); } } };
      if (kind === 'audio') track = { kind: 'audio', enabled: true, onunmute: null, stop() {} };
      self.#all.push(t);
      return t;
    }
    async createOffer() { return { type: 'offer', sdp: this.#all.filter((t) => t.direction === 'recvonly').map((t) => `recv-${t.kind}`).join('\n') }; }
    async setLocalDescription(d) { this.localDescription = d; for (const t of this.#all) t.mid = t.wanted; }
    async setRemoteDescription() { this.go('connected'); }
    go(state) { this.connectionState = state; this.onconnectionstatechange?.(); }
    async getStats() { return new Map(); }
    close() { this.signalingState = 'closed'; }
  };
  const Real = window.MediaStream;
  window.MediaStream = class extends Real { constructor(x) { super(Array.isArray(x) ? x.filter((t) => t instanceof MediaStreamTrack) : x); } };
}
