// SPDX-License-Identifier: Apache-2.0
/** How one looks and sounds, before anything is sent: picture, level, devices, test sound. */
import type { Device, DeviceKind, DeviceTrouble } from '../sdk/index.ts';
import { choices, keep } from './choices.ts';
import { fill, h, icon, say, set } from './dom.ts';
import type { LocalMedia } from './local.ts';
import { t } from './texts.ts';

const BARS = 28;

export function deviceTrouble(which: 'mic' | 'cam', trouble: DeviceTrouble): string {
  if (trouble === 'insecure') return t('dev.insecure', { address: `https://${location.host}` });
  if (trouble === 'blocked') return t(`dev.blocked.${which}`);
  return t(trouble === 'none' ? `dev.missing.${which}` : `dev.busy.${which}`);
}

/** A select of the devices of one kind; the one in use is chosen. */
export function devicePicker(kind: DeviceKind, devices: readonly Device[], chosen: string, pick: (device: Device) => void): HTMLSelectElement {
  const mine = devices.filter((d) => d.kind === kind);
  const select = h('select', { class: 'field', onchange: () => {
    const device = mine.find((d) => d.id === select.value);
    if (device) pick(device);
  } });
  const options = mine.map((d, i) => h('option', { value: d.id, selected: d.label === chosen && d.label !== '' }, d.label || `${t(kind === 'audioinput' ? 'dev.mic' : kind === 'videoinput' ? 'dev.cam' : 'dev.speaker')} ${i + 1}`));
  if (!options.length) options.push(h('option', { value: '' }, kind === 'audiooutput' ? t('dev.default') : t(kind === 'audioinput' ? 'dev.none.mic' : 'dev.none.cam')));
  fill(select, ...options);
  return select;
}

/** A short three-note sound, made here, on the chosen loudspeaker. */
export async function playTestSound(speakerId: string | undefined): Promise<void> {
  const context = new AudioContext();
  const sinkable = context as AudioContext & { setSinkId?: (id: string) => Promise<void> };
  if (speakerId && sinkable.setSinkId) await sinkable.setSinkId(speakerId).catch(() => undefined);
  [392, 494, 587].forEach((hertz, i) => {
    const at = context.currentTime + 0.05 + i * 0.22;
    const tone = context.createOscillator(), gain = context.createGain();
    tone.frequency.value = hertz;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.25, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.55);
  });
  setTimeout(() => void context.close(), 1500);
}

export function preview(media: LocalMedia): { element: HTMLElement; stop: () => void } {
  const video = h('video', { muted: true, playsinline: true, autoplay: true, 'aria-hidden': 'true' });
  video.muted = true;
  const none = h('p', { class: 'preview-none' });
  const micButton = h('button', { class: 'round', type: 'button', onclick: () => void media.setMicrophone(!media.microphoneOn) });
  const camButton = h('button', { class: 'round', type: 'button', onclick: () => void media.setCamera(!media.cameraOn) });
  const bars = Array.from({ length: BARS }, () => h('i', {}));
  const meter = h('div', {
    class: 'meter', role: 'meter', 'aria-label': t('dev.level'), 'aria-valuemin': -60, 'aria-valuemax': 0, 'aria-valuenow': -60,
  }, ...bars);
  const verdict = h('span', { class: 'meter-text' });
  const troubles = h('div', { class: 'troubles' });
  const mics = h('div', { class: 'pick' }), cams = h('div', { class: 'pick' }), speakers = h('div', { class: 'pick' });
  const test = h('button', { class: 'secondary', type: 'button', onclick: () => {
    void playTestSound(media.devices.find((d) => d.kind === 'audiooutput' && d.label === choices().speaker)?.id);
  } }, icon('play', 18), t('dev.test'));

  let picked = '';
  const draw = (): void => {
    const stream = video.srcObject as MediaStream | null;
    if (stream?.getVideoTracks()[0] !== media.camera) video.srcObject = media.camera ? new MediaStream([media.camera]) : null;
    set(video, { hidden: !media.camera });
    say(none, media.camera ? '' : media.asking ? t('dev.ask') : t('dev.cam.isoff'));
    fill(micButton, icon(media.microphoneOn && media.microphone ? 'mic' : 'mic-off'));
    set(micButton, { 'aria-label': t(media.microphoneOn ? 'dev.mic.on' : 'dev.mic.off'), class: media.microphoneOn && media.microphone ? 'round' : 'round off' });
    fill(camButton, icon(media.cameraOn && media.camera ? 'cam' : 'cam-off'));
    set(camButton, { 'aria-label': t(media.cameraOn ? 'dev.cam.on' : 'dev.cam.off'), class: media.cameraOn && media.camera ? 'round' : 'round off' });
    const now = JSON.stringify([media.devices, media.labelOf('microphone'), media.labelOf('camera')]);
    if (now !== picked) {
      picked = now;
      const select = (kind: DeviceKind, chosen: string, label: string, pick: (d: Device) => void): HTMLElement[] => {
        const picker = devicePicker(kind, media.devices, chosen, pick);
        picker.id = `pick-${kind}`;
        return [h('label', { for: picker.id }, label), picker];
      };
      fill(mics, ...select('audioinput', media.labelOf('microphone'), t('dev.mic'), (d) => void media.choose('microphone', d.label)));
      fill(cams, ...select('videoinput', media.labelOf('camera'), t('dev.cam'), (d) => void media.choose('camera', d.label)));
      fill(speakers, ...select('audiooutput', choices().speaker ?? '', t('dev.speaker'), (d) => keep({ speaker: d.label })));
    }
    const shown: HTMLElement[] = [];
    const trouble = (which: 'mic' | 'cam', why: DeviceTrouble, again: () => void): void => {
      shown.push(h('div', { class: 'trouble-box' }, icon('warn', 20), h('p', {}, deviceTrouble(which, why)),
        h('button', { class: 'secondary small', type: 'button', onclick: again }, t('dev.again'))));
    };
    if (media.micTrouble && media.microphoneOn) trouble('mic', media.micTrouble, () => void media.openMicrophone());
    if (media.camTrouble && media.cameraOn) trouble('cam', media.camTrouble, () => void media.openCamera());
    fill(troubles, ...shown);
  };

  let heardAt = performance.now(), loudAt = -Infinity;
  const level = (): void => {
    const now = performance.now();
    const on = media.microphone !== undefined && media.microphoneOn;
    const db = on && media.meter ? media.meter.dbfs() : -100;
    if (db > -60) heardAt = now;
    if (db > -40) loudAt = now;
    const lit = Math.round(Math.max(0, Math.min(1, (db + 60) / 60)) * BARS);
    bars.forEach((bar, i) => bar.classList.toggle('on', i < lit));
    set(meter, { 'aria-valuenow': Math.round(Math.max(-60, Math.min(0, db))) });
    const text = !on ? t('dev.level.muted') : now - loudAt < 4000 ? t('dev.level.works') : now - heardAt > 5000
      ? t('dev.level.none', { device: media.labelOf('microphone') }) : db > -60 ? t('dev.level.quiet') : t('dev.level.listening');
    say(verdict, text);
    set(meter, { 'aria-valuetext': text });
  };
  const timer = setInterval(level, 66);
  const off = media.onChange(draw);
  draw();
  const element = h('section', { class: 'preview', 'aria-label': t('pre.preview') },
    h('div', { class: 'preview-picture' }, video, none, h('div', { class: 'preview-buttons' }, micButton, camButton)),
    h('div', { class: 'level' }, icon('mic', 18), meter, verdict),
    troubles,
    h('div', { class: 'picks' }, mics, cams, speakers, h('div', { class: 'pick pick-test' }, test)));
  return {
    element,
    stop: () => {
      clearInterval(timer);
      off();
      video.srcObject = null;
    },
  };
}
