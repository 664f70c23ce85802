// SPDX-License-Identifier: Apache-2.0
/** Our own microphone, camera and screen: which are open, which device they came from, and what to do when one goes. */
import type { Device, DeviceTrouble } from '../sdk/index.ts';
import { LevelMeter, listDevices, openCamera, openMicrophone } from '../sdk/index.ts';
import { choices, keep } from './choices.ts';

type Which = 'microphone' | 'camera';
export interface Gone {
  readonly which: Which;
  readonly device: string;
  readonly other?: string;
}

export class LocalMedia {
  microphone: MediaStreamTrack | undefined;
  camera: MediaStreamTrack | undefined;
  microphoneOn = choices().microphoneOn ?? true;
  cameraOn = choices().cameraOn ?? true;
  micTrouble: DeviceTrouble | undefined;
  camTrouble: DeviceTrouble | undefined;
  devices: Device[] = [];
  meter: LevelMeter | undefined;
  asking = true;
  readonly #listeners = new Set<() => void>();
  readonly #gone = new Set<(gone: Gone) => void>();
  #closed = false;
  #heard: MediaStreamTrack | undefined;
  readonly #plugged = (): void => void this.#devicesChanged();

  /** Opens what was on last time; each on its own, so that one refused does not take the other. */
  async start(): Promise<void> {
    navigator.mediaDevices?.addEventListener('devicechange', this.#plugged);
    this.devices = await listDevices();
    await Promise.all([this.microphoneOn ? this.openMicrophone() : undefined, this.cameraOn ? this.openCamera() : undefined]);
    this.asking = false;
    this.devices = await listDevices();
    this.#tell();
  }
  onChange(f: () => void): () => void {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }
  onGone(f: (gone: Gone) => void): void {
    this.#gone.add(f);
  }
  #tell(): void {
    for (const f of [...this.#listeners]) f();
  }

  async openMicrophone(label = choices().microphone): Promise<void> {
    const { track, trouble } = await openMicrophone({ label });
    if (this.#closed) return track?.stop();
    this.microphone?.stop();
    this.microphone = track;
    this.micTrouble = trouble;
    if (track) {
      track.enabled = this.microphoneOn;
      track.onended = () => void this.#lost('microphone', track);
      // The meter hears a copy that stays on while we are muted: it alone can say "you are muted".
      this.#heard?.stop();
      this.#heard = track.clone();
      this.#heard.enabled = true;
      if (this.meter) this.meter.listen(this.#heard);
      else this.meter = new LevelMeter(this.#heard);
    }
    this.#tell();
  }
  async openCamera(label = choices().camera): Promise<void> {
    const { track, trouble } = await openCamera({ label });
    if (this.#closed || !this.cameraOn) return track?.stop();
    this.camera?.stop();
    this.camera = track;
    this.camTrouble = trouble;
    if (track) track.onended = () => void this.#lost('camera', track);
    this.#tell();
  }
  async setMicrophone(on: boolean): Promise<void> {
    this.microphoneOn = on;
    keep({ microphoneOn: on });
    if (this.microphone) this.microphone.enabled = on;
    else if (on) await this.openMicrophone();
    this.#tell();
  }
  /** Off means off: the track is stopped, so that the lamp beside the lens goes out. */
  async setCamera(on: boolean): Promise<void> {
    this.cameraOn = on;
    keep({ cameraOn: on });
    if (on) await this.openCamera();
    else {
      this.camera?.stop();
      this.camera = undefined;
    }
    this.#tell();
  }
  async choose(which: Which, label: string): Promise<void> {
    keep({ [which]: label });
    if (which === 'microphone') await this.openMicrophone(label);
    else if (this.cameraOn) await this.openCamera(label);
  }
  labelOf(which: Which): string {
    return (which === 'microphone' ? this.microphone : this.camera)?.label ?? choices()[which] ?? '';
  }

  async #lost(which: Which, track: MediaStreamTrack): Promise<void> {
    if (this.#closed || this[which] !== track) return;
    const device = track.label;
    this[which] = undefined;
    if (which === 'microphone') await this.openMicrophone(undefined);
    else if (this.cameraOn) await this.openCamera(undefined);
    this.devices = await listDevices();
    const other = which === 'microphone' ? this.microphone : this.camera;
    for (const f of this.#gone) f({ which, device, other: other?.label });
    this.#tell();
  }
  async #devicesChanged(): Promise<void> {
    this.devices = await listDevices();
    const wanted = choices().microphone;
    const here = this.devices.some((d) => d.kind === 'audioinput' && d.label === wanted);
    if (wanted && here && this.microphone && this.microphone.label !== wanted) await this.openMicrophone(wanted);
    this.#tell();
  }
  close(): void {
    this.#closed = true;
    navigator.mediaDevices?.removeEventListener('devicechange', this.#plugged);
    this.microphone?.stop();
    this.#heard?.stop();
    this.camera?.stop();
    this.meter?.close();
  }
}
