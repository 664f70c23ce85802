// SPDX-License-Identifier: Apache-2.0
// One of the two in lossy.sh: joins, sees the other, says so, and measures once the link is bad.
// usage: node lossy.mjs ORIGIN OWN-NAME OTHER'S-NAME FOLDER
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, until } from './browser.mjs';
import { Person } from './person.mjs';

const SECONDS = 20, SETTLE = 3, FPS = 15; // the stand-in camera's
const people = { Ana: { name: 'Ana', colour: [200, 30, 30], hertz: 440 }, Ben: { name: 'Ben', colour: [30, 170, 40], hertz: 880 } };
const [origin, own, other, folder] = process.argv.slice(2);

const figures = () => [...window.peers.at(-1).getReceivers()].length === 0 ? null : window.peers.at(-1).getStats().then((stats) => {
  const sum = {};
  stats.forEach((row) => {
    if (row.type !== 'inbound-rtp') return;
    for (const k of ['framesDecoded', 'freezeCount', 'totalFreezesDuration', 'packetsReceived', 'packetsLost', 'retransmittedPacketsReceived',
      'nackCount', 'pliCount', 'concealedSamples', 'totalSamplesReceived']) {
      const name = `${row.kind}.${k}`;
      if (row[k] !== undefined) sum[name] = (sum[name] ?? 0) + row[k];
    }
  });
  return sum;
});
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const browser = await chromium();
let code = 1;
try {
  const me = new Person(browser, origin, people[own]), them = [people[other]];
  await me.open('/r/lossy');
  await me.join();
  const took = await me.sees(them, 20000);
  writeFileSync(join(folder, `${own}.sees`), '');
  await until('the bad link', () => existsSync(join(folder, 'lossy')), 30000);
  await wait(SETTLE * 1000);
  const before = await me.eval(figures);
  await wait(SECONDS * 1000);
  const after = await me.eval(figures);
  const d = (k) => (after[k] ?? 0) - (before[k] ?? 0);
  const frames = d('video.framesDecoded'), frozen = d('video.totalFreezesDuration');
  console.log(`${own}: saw ${other} after ${took} ms; in ${SECONDS} s at 10 % loss each way: ${frames} frames decoded (${(frames / SECONDS).toFixed(1)} a second of ${FPS}), `
    + `${d('video.freezeCount')} freezes of ${frozen.toFixed(2)} s together, ${d('video.packetsReceived')} video packets, ${d('video.packetsLost')} lost for good, `
    + `${d('video.retransmittedPacketsReceived')} by RTX, ${d('video.nackCount')} NACK, ${d('video.pliCount')} PLI; `
    + `sound concealed ${(100 * d('audio.concealedSamples') / Math.max(1, d('audio.totalSamplesReceived'))).toFixed(1)} %`);
  await me.sees(them, 5000); // the right person still
  if (frames < SECONDS * FPS * 0.6) throw new Error('fewer than 60 % of the frames');
  if (frozen > SECONDS * 0.2) throw new Error('frozen for more than a fifth of the time');
  if (d('video.retransmittedPacketsReceived') === 0) throw new Error('nothing was sent again');
  code = 0;
} catch (why) {
  console.log(`FAIL ${own}: ${why.message}`);
} finally {
  await browser.close();
}
console.log(code ? '0 passed, 1 failed' : '1 passed, 0 failed');
process.exit(code);
