// SPDX-License-Identifier: Apache-2.0
// WHIP and WHEP with @roamhq/wrtc, a libwebrtc of 2023: what one publishes another decodes, in colour and in sound.
// usage: node roamhq_wrtc.mjs PATH-OF-INCAMERA     exit 77 where the packages are not installed
import { end, post, until, withServer } from './whip.mjs';

let wrtc;
try { wrtc = (await import('@roamhq/wrtc')).default; } catch { process.exit(77); }
const { RTCPeerConnection, nonstandard: { RTCVideoSource, RTCVideoSink, RTCAudioSource, RTCAudioSink } } = wrtc;
const WIDTH = 320, HEIGHT = 180, [Y, U, V] = [120, 90, 60]; // a green of its own

async function offerOf(pc) {
  await pc.setLocalDescription(await pc.createOffer());
  if (pc.iceGatheringState !== 'complete')
    await new Promise((done) => { pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done(); });
  return pc.localDescription.sdp;
}

function camera(pc) {
  const video = new RTCVideoSource(), audio = new RTCAudioSource(), track = video.createTrack();
  pc.addTransceiver(track, { direction: 'sendonly' });
  pc.addTransceiver(audio.createTrack(), { direction: 'sendonly' });
  const data = new Uint8ClampedArray(WIDTH * HEIGHT * 3 / 2);
  data.fill(Y, 0, WIDTH * HEIGHT);
  data.fill(U, WIDTH * HEIGHT, WIDTH * HEIGHT * 5 / 4);
  data.fill(V, WIDTH * HEIGHT * 5 / 4);
  let n = 0, at = 0;
  const pictures = setInterval(() => {
    data[n++ % WIDTH] ^= 8; // never the same picture twice
    video.onFrame({ width: WIDTH, height: HEIGHT, data });
  }, 50);
  const sounds = setInterval(() => {
    const samples = new Int16Array(480);
    for (let i = 0; i < 480; i++) samples[i] = 12000 * Math.sin(2 * Math.PI * 440 * at++ / 48000);
    audio.onData({ samples, sampleRate: 48000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
  }, 10);
  return () => { clearInterval(pictures); clearInterval(sounds); };
}

await withServer(async (http) => {
  const publisher = new RTCPeerConnection(), viewer = new RTCPeerConnection();
  const stop = camera(publisher);
  const published = await post(http, '/whip/roamhq', await offerOf(publisher));
  await publisher.setRemoteDescription({ type: 'answer', sdp: published.sdp });
  await until(10000, 'the publisher connects', () => publisher.connectionState === 'connected');

  let frames = 0, last = null, loud = 0, sinks = [];
  viewer.ontrack = ({ track }) => {
    const sink = track.kind === 'video' ? new RTCVideoSink(track) : new RTCAudioSink(track);
    sinks.push(sink);
    if (track.kind === 'video') sink.onframe = ({ frame }) => { frames++; last = frame; };
    else sink.ondata = ({ samples }) => { for (const s of samples) loud = Math.max(loud, Math.abs(s)); };
  };
  viewer.addTransceiver('video', { direction: 'recvonly' });
  viewer.addTransceiver('audio', { direction: 'recvonly' });
  const viewed = await post(http, '/whep/roamhq', await offerOf(viewer));
  await viewer.setRemoteDescription({ type: 'answer', sdp: viewed.sdp });
  await until(15000, 'pictures', () => frames >= 60);
  await until(5000, 'sound', () => loud > 2000);
  const { width, height, data } = last, mid = width * (height >> 1) + (width >> 1), plane = width * height;
  const chroma = (height >> 2) * (width >> 1) + (width >> 2);
  const colour = [data[mid], data[plane + chroma], data[plane * 5 / 4 + chroma]];
  if ([Y, U, V].some((want, i) => Math.abs(want - colour[i]) > 12)) throw new Error(`another picture: ${colour}`);
  await end(viewed);
  await end(published);
  stop();
  sinks.forEach((s) => s.stop());
  publisher.close();
  viewer.close();
  console.log(`${frames} pictures of ${width}x${height}, YUV ${colour}; loudest sample ${loud}`);
});
