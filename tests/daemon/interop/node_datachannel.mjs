// SPDX-License-Identifier: Apache-2.0
// WHIP and WHEP with node-datachannel (libdatachannel): RTP packets in, RTP packets out, each looked at.
// usage: node node_datachannel.mjs PATH-OF-INCAMERA     exit 77 where the packages are not installed
import { end, post, until, within, withServer } from './whip.mjs';

let rtc;
try { rtc = (await import('node-datachannel')).default; } catch { process.exit(77); }
const VIDEO = { ssrc: 0x1ca3e7a1, pt: 96 }, AUDIO = { ssrc: 0x1ca3e7a2, pt: 111 }, PACKETS = 200, SEQ = 65450;

function peer(name) {
  const pc = new rtc.PeerConnection(name, { iceServers: [], bindAddress: '127.0.0.1', disableAutoNegotiation: true });
  const complete = new Promise((done) => pc.onGatheringStateChange((s) => s === 'complete' && done()));
  return { pc, async offer() {
    pc.setLocalDescription('offer');
    await within(5000, 'gathering', complete);
    return pc.localDescription().sdp;
  } };
}

function section(kind, direction, { ssrc, pt }) {
  const m = kind === 'video' ? new rtc.Video('video', direction) : new rtc.Audio('audio', direction);
  if (kind === 'video') m.addVP8Codec(pt); else m.addOpusCodec(pt);
  if (direction === 'SendOnly') m.addSSRC(ssrc, 'incamera', 'stream', kind);
  return m;
}

// One RTP packet: VP8 of one key frame a packet (payload descriptor, frame header of 16x16), or Opus; then its number.
function packet({ ssrc, pt }, n, clock) {
  const video = pt === VIDEO.pt;
  const head = Buffer.alloc(12), body = Buffer.alloc(video ? 200 : 60, n);
  head[0] = 0x80;
  head[1] = pt | (video ? 0x80 : 0);
  head.writeUInt16BE((SEQ + n) & 0xffff, 2);
  head.writeUInt32BE(n * clock >>> 0, 4);
  head.writeUInt32BE(ssrc, 8);
  if (video) Buffer.from([0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 16, 0, 16, 0]).copy(body);
  else body[0] = 0x78;
  body.writeUInt32BE(n, 20);
  return Buffer.concat([head, body]);
}

// What a receiver may rely on: one SSRC and payload type a section, sequence numbers without a gap, whole payloads.
class Watch {
  constructor(pt) { Object.assign(this, { pt, packets: 0, gaps: 0, wrong: [], numbers: [] }); }
  take(m) {
    if (m.length < 12 || (m[1] & 0x7f) >= 72 && (m[1] & 0x7f) < 80) return; // RTCP
    const pt = m[1] & 0x7f, seq = m.readUInt16BE(2), ssrc = m.readUInt32BE(8);
    this.ssrc ??= ssrc;
    if (ssrc !== this.ssrc || pt !== this.pt) { this.wrong.push(`${ssrc.toString(16)}/${pt}`); return; }
    if (this.packets++ && seq !== ((this.seq + 1) & 0xffff)) this.gaps++;
    this.seq = seq;
    let at = 12 + 4 * (m[0] & 15);
    if (m[0] & 16) at += 4 + 4 * m.readUInt16BE(at + 2);
    this.numbers.push(m.readUInt32BE(at + 20));
  }
}

await withServer(async (http) => {
  const one = peer('publisher'), two = peer('viewer');
  const video = one.pc.addTrack(section('video', 'SendOnly', VIDEO)), audio = one.pc.addTrack(section('audio', 'SendOnly', AUDIO));
  const published = await post(http, '/whip/datachannel', await one.offer());
  one.pc.setRemoteDescription(published.sdp, 'answer');
  await until(10000, 'the publisher opens', () => video.isOpen() && audio.isOpen());
  let n = 0;
  const send = () => {
    video.sendMessageBinary(packet(VIDEO, n, 1800));
    audio.sendMessageBinary(packet(AUDIO, n, 960));
    n++;
  };
  const timer = setInterval(send, 20);

  const watched = { video: new Watch(VIDEO.pt), audio: new Watch(AUDIO.pt) };
  for (const kind of ['video', 'audio']) {
    const track = two.pc.addTrack(section(kind, 'RecvOnly', kind === 'video' ? VIDEO : AUDIO));
    track.onMessage((m) => watched[kind].take(m));
    watched[kind].track = track;
  }
  const viewed = await post(http, '/whep/datachannel', await two.offer());
  const ssrcs = Object.fromEntries(viewed.sdp.split(/^(?=m=)/m).slice(1)
    .map((m) => [/^m=(\w+)/.exec(m)[1], Number(/^a=ssrc:(\d+) /m.exec(m)?.[1])]));
  two.pc.setRemoteDescription(viewed.sdp, 'answer');
  try {
    await until(20000, 'packets', () => Object.values(watched).every((w) => w.packets >= PACKETS));
  } finally {
    clearInterval(timer);
    for (const [kind, w] of Object.entries(watched))
      console.log(`${kind}: ${w.packets} packets, SSRC ${w.ssrc?.toString(16)}, PT ${w.pt}, ${w.gaps} gaps, ${w.wrong.length} wrong`);
  }
  for (const [kind, w] of Object.entries(watched)) {
    const steps = w.numbers.slice(1).filter((v, i) => v !== w.numbers[i] + 1).length;
    if (w.gaps || w.wrong.length) throw new Error(`${kind}: ${w.gaps} gaps, wrong ${w.wrong.slice(0, 5)}`);
    if (steps > 1) throw new Error(`${kind}: payloads out of order or lost ${steps} times`);
    if (ssrcs[kind] && ssrcs[kind] !== w.ssrc) throw new Error(`${kind}: the answer says SSRC ${ssrcs[kind]}`);
  }
  await end(viewed);
  await end(published);
  one.pc.close();
  two.pc.close();
});
