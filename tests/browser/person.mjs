// SPDX-License-Identifier: Apache-2.0
// Somebody in a call: a page with a camera of one colour and a microphone of one tone, so that who is seen and heard is certain.
import { until } from './browser.mjs';

/** Runs in the page before its own scripts. */
export function standIn({ colour, hertz, name, ownTone }) {
  const canvas = (w, h, paint) => {
    const c = document.createElement('canvas');
    [c.width, c.height] = [w, h];
    const g = c.getContext('2d');
    let n = 0;
    const draw = () => paint(g, n++);
    draw();
    setInterval(draw, 66);
    return c.captureStream(15).getVideoTracks()[0];
  };
  const camera = () => canvas(320, 180, (g, n) => {
    g.fillStyle = `rgb(${colour})`;
    g.fillRect(0, 0, 320, 180);
    g.fillStyle = '#888';
    g.fillRect((n * 4) % 300, 160, 20, 12);
  });
  const screen = () => canvas(640, 360, (g, n) => {
    g.fillStyle = 'rgb(200,40,200)';
    g.fillRect(0, 0, 640, 360);
    g.fillStyle = '#fff';
    g.fillRect((n * 6) % 600, 340, 30, 12);
  });
  const tone = () => {
    const a = new AudioContext(), o = a.createOscillator(), gain = a.createGain(), out = a.createMediaStreamDestination();
    o.frequency.value = hertz;
    gain.gain.value = 0.4;
    o.connect(gain).connect(out);
    o.start();
    void a.resume();
    return out.stream.getAudioTracks()[0];
  };
  if (!/^http/.test(location.protocol)) return; // the empty page before
  localStorage.setItem('incamera', JSON.stringify({ ...JSON.parse(localStorage.getItem('incamera') ?? '{}'), name, language: 'en' }));
  // Firefox runs no audio graph on a machine without a sound card: there its own stand-in for a microphone hums.
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (want) => (want.audio && ownTone ? real({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } }) : new MediaStream([want.audio ? tone() : camera()]));
  navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([screen()]);
  const Real = window.RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = class extends Real {
    constructor(conf) {
      super(conf);
      window.peers.push(this);
    }
  };
  /** The pictures on the page: name of the tile, mean colour, frames shown. */
  window.pictures = () => [...document.querySelectorAll('.tile.live:not([hidden])')].map((tile) => {
    const video = tile.querySelector('video');
    const c = document.createElement('canvas');
    [c.width, c.height] = [16, 9];
    const g = c.getContext('2d', { willReadFrequently: true });
    g.drawImage(video, 0, 0, 16, 9);
    const d = g.getImageData(2, 1, 12, 5).data;
    const sum = [0, 0, 0];
    for (let i = 0; i < d.length; i += 4) for (let k = 0; k < 3; k++) sum[k] += d[i + k];
    return { who: tile.getAttribute('aria-label').split(',')[0], colour: sum.map((v) => Math.round(v / (d.length / 4))), frames: video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0 };
  });
  /** The tones in what is received: peak frequencies that stand out. */
  const ears = new Map();
  let context;
  window.tones = () => {
    context ??= new AudioContext();
    void context.resume();
    const peer = window.peers.at(-1);
    const heard = new Set();
    for (const r of peer?.getReceivers() ?? []) {
      if (r.track.kind !== 'audio' || r.track.muted) continue;
      let ear = ears.get(r.track);
      if (!ear) {
        ear = context.createAnalyser();
        ear.fftSize = 2048;
        ear.smoothingTimeConstant = 0;
        context.createMediaStreamSource(new MediaStream([r.track])).connect(ear);
        ears.set(r.track, ear);
      }
      const bins = new Float32Array(ear.frequencyBinCount);
      ear.getFloatFrequencyData(bins);
      let best = 0;
      bins.forEach((v, i) => { if (v > bins[best]) best = i; });
      if (bins[best] > -60) heard.add(Math.round((best * context.sampleRate) / ear.fftSize));
    }
    return [...heard];
  };
  /** How many received sounds grow in energy between two looks. */
  let energies = new Map();
  window.sounds = async () => {
    const now = new Map();
    let grew = 0;
    (await window.peers.at(-1)?.getStats())?.forEach((row) => {
      if (row.type !== 'inbound-rtp' || row.kind !== 'audio') return;
      now.set(row.id, row.totalAudioEnergy ?? 0);
      if ((row.totalAudioEnergy ?? 0) > (energies.get(row.id) ?? 0) + 0.002) grew++;
    });
    const first = energies.size === 0;
    energies = now;
    return first ? -1 : grew;
  };
  window.decoded = async () => {
    let frames = 0;
    (await window.peers.at(-1)?.getStats())?.forEach((row) => { if (row.type === 'inbound-rtp' && row.kind === 'video') frames += row.framesDecoded ?? 0; });
    return frames;
  };
}

const near = (a, b, by) => a.every((v, i) => Math.abs(v - b[i]) <= by);

export class Person {
  /** before: what runs in the page before its scripts, with its argument; the page's own rules for scripts are off then. */
  constructor(browser, origin, { name, colour, hertz, ownTone = false, before }) {
    Object.assign(this, { browser, origin, name, colour, hertz, ownTone, before });
  }
  async open(path) {
    this.context = await this.browser.createBrowserContext();
    this.page = await this.context.newPage();
    await this.page.setViewport({ width: 1100, height: 760 });
    this.errors = [];
    this.page.on('pageerror', (why) => this.errors.push(why.message));
    this.page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warn') this.errors.push(m.text()); });
    await this.page.evaluateOnNewDocument(standIn, { name: this.name, colour: this.colour, hertz: this.hertz, ownTone: this.ownTone });
    if (this.before) {
      await this.page.setBypassCSP(true);
      await this.page.evaluateOnNewDocument(...this.before);
    }
    await this.page.goto(this.origin + path, { waitUntil: 'load' });
  }
  eval(f, ...a) {
    return this.page.evaluate(f, ...a);
  }
  async press(text) {
    await until(`${this.name}: button ${text}`, () => this.eval((t) => {
      const b = [...document.querySelectorAll('button, a.secondary')].find((x) => x.offsetParent !== null && !x.disabled && (x.getAttribute('aria-label') ?? x.textContent).trim().startsWith(t));
      b?.click();
      return b !== undefined;
    }, text), 8000);
  }
  /** The link of the room, as the person inside would copy it. */
  async link() {
    await this.eval(() => {
      window.copied = '';
      Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (t) => { window.copied = t; } } });
      [...document.querySelectorAll('button')].find((b) => b.getAttribute('aria-label') === 'More' || b.textContent === 'More').click();
    });
    await until(`${this.name}: the link copied`, () => this.eval(() => {
      [...document.querySelectorAll('[role=menuitem], [role=menu] button')].find((b) => b.textContent.trim() === 'Copy link')?.click();
      return window.copied !== '';
    }), 5000, 30);
    return this.eval(() => window.copied);
  }
  /** From the pre-join page into the call; answers when the button was pressed. */
  async join() {
    await until(`${this.name}: pre-join`, () => this.eval(() => document.querySelector('.preview video:not([hidden])') !== null && document.querySelector('.pre-form .primary:not([disabled])') !== null), 15000);
    await this.eval(() => { document.querySelector('.pre-form .primary').click(); });
    this.pressed = Date.now();
    await until(`${this.name}: in the call`, () => this.eval(() => document.querySelector('.call') !== null || (document.querySelector('.end, .trouble:not(:empty)')?.textContent ?? false)), 15000, 30);
    const stuck = await this.eval(() => (document.querySelector('.call') ? '' : document.body.innerText.slice(0, 300)));
    if (stuck) throw new Error(`${this.name} is not in the call: ${stuck}`);
  }
  /** Waits until each of the others is seen in the right tile, in the right colour, and frames grow. */
  async sees(others, ms = 15000) {
    const seen = async () => {
      const pictures = await this.eval(() => window.pictures());
      return others.every((o) => pictures.some((p) => p.who === o.name && near(p.colour, o.colour, 40))) || pictures;
    };
    const took = await until(`${this.name} sees ${others.map((o) => o.name).join(', ')}`, async () => {
      const r = await seen();
      if (r === true) return true;
      throw new Error(JSON.stringify(r));
    }, ms, 60);
    const before = await this.eval(() => window.decoded());
    await until(`${this.name}: frames grow`, async () => (await this.eval(() => window.decoded())) > before, 5000, 60);
    return took;
  }
  async hears(others, ms = 12000, among = others.length) {
    if (this.ownTone) return until(`${this.name} hears ${among}`, async () => (await this.eval(() => window.sounds())) === among, ms, 400);
    return until(`${this.name} hears ${others.map((o) => `${o.name} (${o.hertz} Hz)`).join(', ')}`, async () => {
      const tones = await this.eval(() => window.tones());
      if (others.every((o) => tones.some((t) => Math.abs(t - o.hertz) < 40))) return true;
      throw new Error(JSON.stringify(tones));
    }, ms, 120);
  }
  async doesNotHear(other, ms = 8000, among = 0) {
    if (this.ownTone) return until(`${this.name} hears only ${among}`, async () => (await this.eval(() => window.sounds())) === among, ms, 400);
    return until(`${this.name} hears ${other.name} no more`, async () => !(await this.eval(() => window.tones())).some((t) => Math.abs(t - other.hertz) < 40), ms, 120);
  }
  /** The order of the tiles. */
  tiles() {
    return this.eval(() => [...document.querySelectorAll('.field-of-tiles .tile:not(.tile-more):not(.screen)')].map((x) => x.getAttribute('aria-label').split(',')[0]));
  }
  async close() {
    await this.context?.close();
  }
}
export const distance = near;
