// SPDX-License-Identifier: Apache-2.0
/** Plays the sound slots, one audio element each, and says when the browser holds the sound back. */
export class Playback {
  #elements: HTMLAudioElement[] = [];
  #speaker = '';
  #held = false;
  constructor(readonly held: () => void) {}

  take(tracks: readonly MediaStreamTrack[]): void {
    this.stop();
    this.#elements = tracks.map((track) => {
      const element = new Audio();
      element.srcObject = new MediaStream([track]);
      if (this.#speaker && 'setSinkId' in element) element.setSinkId(this.#speaker).catch(() => undefined);
      // A slot is silent until somebody speaks in it: playing is tried when its first packet came.
      track.onunmute = (): void => this.#play(element);
      return element;
    });
    for (const element of this.#elements) this.#play(element);
  }
  #play(element: HTMLAudioElement): void {
    element.play().then(() => undefined, (why: unknown) => {
      if (why instanceof DOMException && why.name === 'NotAllowedError' && !this.#held) {
        this.#held = true;
        this.held();
      }
    });
  }
  async start(): Promise<void> {
    this.#held = false;
    await Promise.allSettled(this.#elements.map((element) => element.play()));
  }
  async useSpeaker(deviceId: string): Promise<void> {
    this.#speaker = deviceId;
    await Promise.all(this.#elements.map((element) => ('setSinkId' in element ? element.setSinkId(deviceId) : undefined)));
  }
  stop(): void {
    for (const element of this.#elements) {
      element.pause();
      element.srcObject = null;
    }
    this.#elements = [];
  }
}
