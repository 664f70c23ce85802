// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ClientMessage, Effect, Input, ServerMessage, SessionState, Track } from '../../../web/sdk/index.ts';
import { backoffMs, newSession, readServerMessage, step, wakeAt } from '../../../web/sdk/index.ts';

/** A session with its effects kept, driven by hand. */
class Driver {
  state: SessionState;
  effects: Effect[] = [];
  now = 0;
  constructor(conf: Partial<Parameters<typeof newSession>[0]> = {}) {
    this.state = newSession({ room: 'r', token: 't', ...conf });
  }
  do(input: Record<string, unknown>): Effect[] {
    const { state, effects } = step(this.state, { now: this.now, chance: 0.5, ...input } as unknown as Input);
    this.state = state;
    this.effects = [...effects];
    return this.effects;
  }
  hear(message: ServerMessage): Effect[] {
    return this.do({ type: 'message', message });
  }
  said(): ClientMessage[] {
    return this.effects.flatMap((e) => (e.type === 'socket_send' ? [e.message] : []));
  }
  id(type: string): number {
    return this.effects.flatMap((e) => (e.type === 'socket_send' && e.message.type === type ? [e.id] : []))[0] ?? -1;
  }
  has(type: Effect['type']): boolean {
    return this.effects.some((e) => e.type === type);
  }
  events(): string[] {
    return this.effects.flatMap((e) => (e.type === 'event' ? [e.event.type] : []));
  }
}
const joined = (member = 7, extra: Partial<Extract<ServerMessage, { type: 'joined' }>> = {}): ServerMessage => ({
  type: 'joined', id: 1, member, can: ['publish', 'chat'], room: { name: 'r', class: 'governed', locked: false, recording: false },
  members: [{ member, name: 'me', kind: 'browser', moderator: false, hand: false, since: 1 }], tracks: [], ice: [], ...extra,
});
const camera = (track: number, member: number): Track => ({ track, member, source: 'camera', kind: 'video', muted: false, codec: 'VP8' });

function inside(conf = {}): Driver {
  const d = new Driver(conf);
  d.do({ type: 'enter' });
  d.do({ type: 'socket_open' });
  d.hear(joined());
  d.do({ type: 'offer_made', generation: 1, sdp: 'o', send: [{ mid: '0', source: 'microphone' }] });
  d.hear({ type: 'answer', id: d.id('offer'), sdp: 'a' });
  d.do({ type: 'peer_state', generation: 1, state: 'connected' });
  return d;
}

test('enter, join, offer, answer, then what is sent is said', () => {
  const d = new Driver();
  assert.ok(d.do({ type: 'enter' }).some((e) => e.type === 'socket_open'));
  d.do({ type: 'send', source: 'microphone', on: true, muted: true });
  d.do({ type: 'socket_open' });
  assert.deepEqual(d.said(), [{ type: 'join', token: 't', room: 'r' }]);
  d.hear(joined());
  assert.ok(d.has('peer_new'));
  assert.deepEqual(d.events(), ['entered']);
  d.do({ type: 'offer_made', generation: 1, sdp: 'o', send: [] });
  assert.equal(d.said()[0]?.type, 'offer');
  d.hear({ type: 'answer', id: d.id('offer'), sdp: 'a' });
  assert.ok(d.has('peer_answer'));
  assert.deepEqual(d.said(), [{ type: 'track', source: 'microphone', on: true, muted: true }]);
});
test('a class other than the expected one ends the session before any media', () => {
  const d = new Driver({ expect: 'sealed', canSeal: true });
  d.do({ type: 'enter' });
  d.do({ type: 'socket_open' });
  d.hear(joined());
  assert.equal(d.state.phase, 'closed');
  assert.equal(d.state.closed?.reason, 'promise');
  assert.ok(!d.has('peer_new'));
});
test('a sealed room is not entered without a sealer', () => {
  const d = new Driver();
  d.do({ type: 'enter' });
  d.do({ type: 'socket_open' });
  d.hear(joined(7, { room: { name: 'r', class: 'sealed', locked: false, recording: false } }));
  assert.equal(d.state.closed?.reason, 'promise');
});
test('a lost socket: back-off, rejoin with the same token, media goes on when the server kept the place', () => {
  const d = inside();
  d.do({ type: 'send', source: 'microphone', on: true, muted: false });
  d.now = 1000;
  d.do({ type: 'socket_closed' });
  assert.equal(d.state.phase, 'connecting');
  assert.equal(d.state.media, 'up');
  assert.ok(!d.has('peer_close'));
  d.now = wakeAt(d.state) ?? 0;
  assert.ok(d.now - 1000 <= 400);
  d.do({ type: 'tick' });
  assert.ok(d.has('socket_open'));
  d.do({ type: 'socket_open' });
  assert.deepEqual(d.said(), [{ type: 'join', token: 't', room: 'r' }]);
  d.hear(joined(7));
  assert.ok(!d.has('peer_new'));
  assert.deepEqual(d.said(), [{ type: 'track', source: 'microphone', on: true, muted: false }]);
});
test('a lost socket and a new place: a new peer, the same mute state', () => {
  const d = inside();
  d.do({ type: 'send', source: 'microphone', on: true, muted: true });
  d.do({ type: 'socket_closed' });
  d.now = wakeAt(d.state) ?? 0;
  d.do({ type: 'tick' });
  d.do({ type: 'socket_open' });
  d.hear(joined(8));
  assert.ok(d.has('peer_new'));
  d.do({ type: 'offer_made', generation: 2, sdp: 'o', send: [] });
  d.hear({ type: 'answer', id: d.id('offer'), sdp: 'a' });
  assert.deepEqual(d.said(), [{ type: 'track', source: 'microphone', on: true, muted: true }]);
});
test('restart: join again on the same socket, a new peer, back within the first tries while the engine starts', () => {
  const d = inside();
  d.hear({ type: 'restart', reason: 'engine' });
  assert.deepEqual(d.said().map((m) => m.type), ['join']);
  assert.ok(!d.has('socket_open') && !d.has('socket_close'));
  let tries = 0;
  while (tries < 3) {
    d.hear({ type: 'error', id: d.id('join'), code: 'unavailable', title: '' });
    d.now = wakeAt(d.state) ?? 0;
    d.do({ type: 'tick' });
    assert.deepEqual(d.said().map((m) => m.type), ['join']);
    tries++;
  }
  assert.ok(d.now < 5000, `${d.now} ms`);
  d.hear(joined(9));
  assert.ok(d.has('peer_new'));
});
test('nothing typed is lost: a message said while away is sent after the next joined', () => {
  const d = inside();
  d.do({ type: 'socket_closed' });
  d.do({ type: 'chat', text: 'hello' });
  assert.deepEqual(d.said(), []);
  assert.equal(d.state.chat[0]?.state, 'sending');
  d.now = wakeAt(d.state) ?? 0;
  d.do({ type: 'tick' });
  d.do({ type: 'socket_open' });
  d.hear(joined(7));
  assert.deepEqual(d.said().filter((m) => m.type === 'chat'), [{ type: 'chat', text: 'hello' }]);
  d.hear({ type: 'said', member: 7, text: 'hello', at: 5, seq: 1 });
  assert.equal(d.state.chat.length, 1);
  assert.equal(d.state.chat[0]?.state, 'sent');
});
test('a refused message is marked, not lost', () => {
  const d = inside();
  d.do({ type: 'chat', text: 'hello' });
  d.hear({ type: 'error', id: d.id('chat'), code: 'too_many', title: 'Wait.' });
  assert.equal(d.state.chat[0]?.state, 'failed');
  assert.deepEqual(d.events(), ['refused']);
});
test('a silent server is noticed by its missing pong', () => {
  const d = inside();
  d.now = d.state.pingAt ?? 0;
  d.do({ type: 'tick' });
  assert.deepEqual(d.said().map((m) => m.type), ['ping']);
  d.now += 6001;
  d.do({ type: 'tick' });
  assert.ok(d.has('socket_close'));
  assert.equal(d.state.phase, 'connecting');
});
test('any message counts as a sign of life', () => {
  const d = inside();
  d.now = d.state.pingAt ?? 0;
  d.do({ type: 'tick' });
  d.hear({ type: 'speaking', levels: [] });
  assert.equal(d.state.silentAt, undefined);
});
test('lost media: ICE restart after two seconds, everything anew after eight', () => {
  const d = inside();
  d.now = 20000;
  d.do({ type: 'peer_state', generation: 1, state: 'disconnected' });
  assert.deepEqual(d.events(), ['media']);
  d.now = 22000;
  d.do({ type: 'tick' });
  assert.ok(d.effects.some((e) => e.type === 'peer_offer' && e.iceRestart));
  d.now = 28000;
  d.do({ type: 'tick' });
  assert.equal(d.state.phase, 'connecting');
});
test('media that comes back says how long it was away', () => {
  const d = inside();
  d.now = 20000;
  d.do({ type: 'peer_state', generation: 1, state: 'disconnected' });
  d.now = 23000;
  d.do({ type: 'peer_state', generation: 1, state: 'connected' });
  const event = d.effects[0];
  assert.ok(event?.type === 'event' && event.event.type === 'media' && event.event.awayMs === 3000);
});
test('the state of an old peer changes nothing', () => {
  const d = inside();
  d.do({ type: 'peer_state', generation: 0, state: 'failed' });
  assert.equal(d.state.media, 'up');
});
test('a change of network: an ICE restart at once and a ping', () => {
  const d = inside();
  d.do({ type: 'network_changed' });
  d.do({ type: 'tick' });
  assert.ok(d.effects.some((e) => e.type === 'peer_offer' && e.iceRestart));
  assert.ok(d.said().some((m) => m.type === 'ping'));
});
test('more than nine pictures: eight more slots by one renegotiation, said once', () => {
  const d = inside();
  const show = Array.from({ length: 12 }, (_, i) => ({ track: i, width: 200, height: 100 }));
  for (const { track } of show) d.hear({ type: 'track_on', track: camera(track, 100 + track) });
  d.do({ type: 'view', show });
  assert.ok(d.effects.some((e) => e.type === 'peer_offer' && e.videoSlots === 17 && !e.iceRestart));
  assert.equal(d.said().filter((m) => m.type === 'view').length, 1);
  d.do({ type: 'view', show });
  assert.equal(d.effects.length, 0);
});
test('slots are what the server last said of each', () => {
  const d = inside();
  d.hear({ type: 'slots', slots: [{ mid: '20', track: 5 }, { mid: '21', track: 6 }] });
  d.hear({ type: 'slots', slots: [{ mid: '20' }] });
  assert.deepEqual([...d.state.slots], [['21', 6]]);
});
test('who leaves takes the tracks along', () => {
  const d = inside();
  d.hear({ type: 'member_joined', member: { member: 9, name: 'Ana', kind: 'browser', moderator: false, hand: false, since: 2 } });
  d.hear({ type: 'track_on', track: camera(3, 9) });
  d.hear({ type: 'member_left', member: 9, reason: 'left' });
  assert.equal(d.state.tracks.size, 0);
  assert.deepEqual(d.events(), ['member_left']);
});
test('kicked: closed for good, no way back', () => {
  const d = inside();
  d.hear({ type: 'closed', reason: 'kicked', title: '', by: 7 });
  assert.equal(d.state.phase, 'closed');
  assert.equal(d.state.closed?.byName, 'me');
  assert.ok(d.has('peer_close') && d.has('socket_close'));
  assert.deepEqual(d.do({ type: 'tick' }), []);
  assert.equal(wakeAt(d.state), undefined);
});
test('a server that drains is only a lost socket', () => {
  const d = inside();
  d.hear({ type: 'closed', reason: 'draining', title: '' });
  assert.equal(d.state.phase, 'connecting');
});
test('an expired token asks for a new one', () => {
  const d = new Driver();
  d.do({ type: 'enter' });
  d.do({ type: 'socket_open' });
  d.hear({ type: 'error', id: d.id('join'), code: 'token_expired', title: '' });
  assert.ok(d.has('token_renew'));
  d.do({ type: 'token', token: 'new' });
  assert.deepEqual(d.said(), [{ type: 'join', token: 'new', room: 'r' }]);
});
test('a refused join closes with its reason', () => {
  const d = new Driver();
  d.do({ type: 'enter' });
  d.do({ type: 'socket_open' });
  d.hear({ type: 'error', id: d.id('join'), code: 'room_locked', title: '' });
  assert.equal(d.state.closed?.reason, 'room_locked');
});
test('leave says so and closes', () => {
  const d = inside();
  d.do({ type: 'leave' });
  assert.deepEqual(d.said(), [{ type: 'leave' }]);
  assert.equal(d.state.closed?.reason, 'left');
});
test('back-off doubles from a quarter of a second to eight', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9].map((n) => backoffMs(n, 0.5)), [250, 500, 1000, 2000, 4000, 8000, 8000]);
});
test('the reader takes every message of the protocol and nothing else', () => {
  assert.equal(typeof readServerMessage('{"type":"ok","id":3}'), 'object');
  assert.equal(typeof readServerMessage('{"type":"slots","slots":[{"mid":"3"},{"mid":"4","track":9}]}'), 'object');
  assert.equal(readServerMessage('{"type":"weather"}'), 'unknown');
  assert.equal(readServerMessage('{"type":"joined","id":1}'), 'nonsense');
  for (const bad of ['', '[]', 'null', '{"type":"ok"}', '{"type":"toString"}', '{"type":"ok","id":-1}', '{"type":"slots","slots":[{"track":1}]}',
    '{"type":"joined","id":1}', '{"type":"track_on","track":{"track":1,"member":1,"source":"nose","kind":"video","muted":false,"codec":""}}']) {
    assert(['unknown', 'nonsense'].includes(readServerMessage(bad) as string), bad);
  }
});
test('a thousand random inputs leave a state that can still be left', () => {
  let seed = 99;
  const chance = (n: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
  for (let run = 0; run < 50; run++) {
    const d = new Driver();
    d.do({ type: 'enter' });
    for (let i = 0; i < 200; i++) {
      d.now += chance(4000);
      const inputs: (() => void)[] = [
        () => d.do({ type: 'socket_open' }), () => d.do({ type: 'socket_closed' }), () => d.hear(joined(1 + chance(3))),
        () => d.do({ type: 'tick' }), () => d.hear({ type: 'restart', reason: 'x' }), () => d.do({ type: 'network_changed' }),
        () => d.do({ type: 'peer_state', generation: d.state.generation, state: (['connecting', 'connected', 'disconnected', 'failed'] as const)[chance(4)] }),
        () => d.do({ type: 'offer_made', generation: d.state.generation, sdp: 'o', send: [] }), () => d.do({ type: 'chat', text: 'x' }),
        () => d.hear({ type: 'answer', id: chance(30), sdp: 'a' }), () => d.hear({ type: 'error', id: chance(30), code: 'busy', title: '' }),
        () => d.do({ type: 'peer_broken', generation: d.state.generation }),
      ];
      inputs[chance(inputs.length)]?.();
      const wake = wakeAt(d.state);
      assert.ok(d.state.phase === 'in' || d.state.phase === 'joining' || d.state.phase === 'waiting' || d.state.phase === 'closed' || wake !== undefined, 'nothing would ever happen again');
    }
    d.do({ type: 'leave' });
    assert.equal(d.state.phase, 'closed');
  }
});
test('pictures wanted before the first answer also get their slots', () => {
  const d = new Driver();
  d.do({ type: 'enter' });
  d.do({ type: 'socket_open' });
  const tracks = Array.from({ length: 12 }, (_, i) => camera(i, 100 + i));
  d.hear(joined(7, { tracks }));
  d.do({ type: 'view', show: tracks.map(({ track }) => ({ track, width: 200, height: 100 })) });
  d.do({ type: 'offer_made', generation: 1, sdp: 'o', send: [] });
  d.hear({ type: 'answer', id: d.id('offer'), sdp: 'a' });
  assert.ok(d.effects.some((e) => e.type === 'peer_offer' && e.videoSlots === 17));
});
