// SPDX-License-Identifier: Apache-2.0
/** Microphones, cameras and loudspeakers: opening them, finding them again by label, and why one did not open. */
export type DeviceKind = 'audioinput' | 'videoinput' | 'audiooutput';
export interface Device {
  readonly id: string;
  readonly label: string;
  readonly kind: DeviceKind;
}
export type DeviceTrouble = 'blocked' | 'none' | 'busy' | 'insecure' | 'other';
export interface Opened {
  readonly track?: MediaStreamTrack;
  readonly trouble?: DeviceTrouble;
}
export interface CaptureOptions {
  /** the wanted device's label; another one is taken when it is not there */
  readonly label?: string;
  readonly width?: number;
  readonly height?: number;
  readonly facing?: 'user' | 'environment';
}

export function troubleOf(why: unknown): DeviceTrouble {
  const name = why instanceof Error || why instanceof DOMException ? why.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'blocked';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'none';
  return name === 'NotReadableError' || name === 'AbortError' ? 'busy' : 'other';
}

/** What is plugged in. Labels are empty until the first permission. */
export async function listDevices(): Promise<Device[]> {
  if (!navigator.mediaDevices) return [];
  const all = await navigator.mediaDevices.enumerateDevices();
  return all
    .filter((d) => d.deviceId !== 'communications' && d.deviceId !== '')
    .map((d) => ({ id: d.deviceId, label: d.label, kind: d.kind as DeviceKind }));
}

async function idOf(kind: DeviceKind, label: string | undefined): Promise<string | undefined> {
  if (!label) return undefined;
  return (await listDevices()).find((d) => d.kind === kind && d.label === label)?.id;
}

async function open(constraints: MediaStreamConstraints): Promise<Opened> {
  if (!navigator.mediaDevices) return { trouble: 'insecure' };
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    return { track: stream.getTracks()[0] };
  } catch (why) {
    return { trouble: troubleOf(why) };
  }
}

export async function openMicrophone(options: CaptureOptions = {}): Promise<Opened> {
  const id = await idOf('audioinput', options.label);
  return open({
    audio: { ...(id ? { deviceId: { exact: id } } : {}), echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
}
export async function openCamera(options: CaptureOptions = {}): Promise<Opened> {
  const id = await idOf('videoinput', options.label);
  return open({
    video: {
      ...(id ? { deviceId: { exact: id } } : { facingMode: options.facing ?? 'user' }),
      width: { ideal: options.width ?? 1280 }, height: { ideal: options.height ?? 720 }, frameRate: { ideal: 30, max: 30 },
    },
  });
}
/** The screen and, where the browser gives it, its sound. `trouble` is `blocked` also when the person cancelled. */
export async function openScreen(): Promise<{ video?: MediaStreamTrack; audio?: MediaStreamTrack; trouble?: DeviceTrouble }> {
  if (!navigator.mediaDevices || !('getDisplayMedia' in navigator.mediaDevices)) return { trouble: 'none' };
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: true });
    return { video: stream.getVideoTracks()[0], audio: stream.getAudioTracks()[0] };
  } catch (why) {
    return { trouble: troubleOf(why) };
  }
}

/** A sound level in dBFS of one track, read as often as one likes; `close` frees what it holds. */
export class LevelMeter {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #samples = new Float32Array(1024);
  #source: MediaStreamAudioSourceNode | undefined;
  constructor(track: MediaStreamTrack) {
    this.#analyser.fftSize = this.#samples.length;
    this.listen(track);
  }
  listen(track: MediaStreamTrack): void {
    this.#source?.disconnect();
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
    void this.#context.resume();
  }
  /** −100 (silence) to 0. */
  dbfs(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.max(-100, 10 * Math.log10(sum / this.#samples.length + 1e-10));
  }
  close(): void {
    this.#source?.disconnect();
    void this.#context.close();
  }
}
