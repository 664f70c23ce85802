// SPDX-License-Identifier: Apache-2.0
// Two peer connections of one page talk through the relay and through nothing else. Prints one line a try.
// usage: relay.mjs chromium|firefox USERNAME PASSWORD URI...
import http from 'node:http';
import puppeteer from 'puppeteer-core';

const [browserName, username, credential, ...uris] = process.argv.slice(2);
const firefox = browserName === 'firefox';
const server = http.createServer((_, answer) => answer.end('<!doctype html><title>relay</title>'));
await new Promise((done) => server.listen(0, '127.0.0.1', done));

const browser = await puppeteer.launch({
  browser: firefox ? 'firefox' : 'chrome',
  executablePath: firefox ? '/usr/bin/firefox-esr' : '/usr/bin/chromium',
  headless: true,
  timeout: 40000,
  args: firefox ? [] : ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  extraPrefsFirefox: {
    'media.navigator.streams.fake': true,
    'media.navigator.permission.disabled': true,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'services.settings.server': 'data:,#remote-settings-dummy/v1',
    'app.normandy.enabled': false,
    'media.gmp-manager.updateEnabled': false,
  },
});
let failed = 0;
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  for (const urls of uris) {
    const result = await page.evaluate(async (ice) => {
      const peers = [0, 1].map(() => new RTCPeerConnection({ iceServers: [ice], iceTransportPolicy: 'relay' }));
      const limit = (promise, what) => Promise.race([promise,
        new Promise((_, no) => setTimeout(() => no(new Error(`${what} took too long`)), 15000))]);
      const candidates = [];
      peers.forEach((p, i) => p.addEventListener('icecandidate', (e) => {
        if (!e.candidate?.candidate) return;
        candidates.push(e.candidate.candidate.split(' ')[7]);
        peers[1 - i].addIceCandidate(e.candidate).catch(() => {});
      }));
      try {
        const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
        stream.getTracks().forEach((t) => peers[0].addTrack(t, stream));
        const channel = peers[0].createDataChannel('echo');
        peers[1].addEventListener('datachannel', (e) => {
          e.channel.onmessage = (m) => e.channel.send(m.data);
        });
        const opened = new Promise((yes) => { channel.onopen = yes; });
        await peers[0].setLocalDescription();
        await peers[1].setRemoteDescription(peers[0].localDescription);
        await peers[1].setLocalDescription();
        await peers[0].setRemoteDescription(peers[1].localDescription);
        await limit(opened, 'connecting');
        const echoed = new Promise((yes) => { channel.onmessage = (m) => yes(m.data); });
        channel.send('x'.repeat(30000));
        const back = await limit(echoed, 'the echo');
        await new Promise((yes) => setTimeout(yes, 2000));
        const stats = [...(await peers[1].getStats()).values()];
        const pair = stats.find((s) => s.type === 'candidate-pair' && (s.selected || s.nominated) && s.state === 'succeeded');
        const end = stats.find((s) => s.id === pair?.localCandidateId);
        const video = stats.find((s) => s.type === 'inbound-rtp' && s.kind === 'video');
        stream.getTracks().forEach((t) => t.stop());
        return { ok: back.length === 30000 && end?.candidateType === 'relay' && candidates.every((c) => c === 'relay') && video?.packetsReceived > 20,
          type: end?.candidateType, relayProtocol: end?.relayProtocol, video: video?.packetsReceived, candidates: candidates.length };
      } catch (error) {
        return { ok: false, error: String(error), candidates };
      } finally {
        peers.forEach((p) => p.close());
      }
    }, { urls, username, credential });
    if (!result.ok) failed++;
    console.log(result.ok ? 'ok  ' : 'FAIL', browserName, urls, JSON.stringify(result));
  }
} finally {
  await browser.close();
  server.close();
}
process.exit(failed ? 1 : 0);
