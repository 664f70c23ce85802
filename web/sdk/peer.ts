// SPDX-License-Identifier: Apache-2.0
/** One RTCPeerConnection with its sections: four that send, and the slots that receive. */
import type { IceServer, Sending, Source } from './protocol.ts';
import { SOURCES } from './protocol.ts';
import type { FrameSealer } from './seal.ts';

const AUDIO_SLOTS = 16;
const MAIN_STREAMS: readonly { kind: 'audio' | 'video' }[] = [{ kind: 'video' }, { kind: 'audio' }]; // screen, its sound

export interface PeerOptions {
  readonly generation: number;
  readonly ice: readonly IceServer[];
  readonly videoSlots: number;
  readonly sealer?: FrameSealer;
  readonly onState: (state: 'connecting' | 'connected' | 'disconnected' | 'failed') => void;
}

const CAMERA: RTCRtpEncodingParameters[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
];
const ENCODINGS: Readonly<Record<Source, RTCRtpEncodingParameters[]>> = {
  microphone: [{ maxBitrate: 40_000, priority: 'high', networkPriority: 'high' }],
  camera: CAMERA,
  screen: [{ maxBitrate: 2_500_000, maxFramerate: 15 }],
  screen_audio: [{ maxBitrate: 96_000 }],
};

const SEALABLE: ReadonlySet<string> = new Set(['audio/opus', 'video/vp8', 'video/vp9', 'video/av1', 'video/h264', 'video/rtx']);

const LEVELS = /^a=extmap:\d+(\/\w+)? urn:ietf:params:rtp-hdrext:ssrc-audio-level.*\r\n/gm; // RFC 6464

export class Peer {
  readonly generation: number;
  readonly #pc: RTCPeerConnection;
  readonly #sealer: FrameSealer | undefined;
  readonly #sending = new Map<Source, RTCRtpTransceiver>();
  readonly #slots: RTCRtpTransceiver[] = [];
  readonly #streams = new Map<string, MediaStream>();
  #videoSlots = 0;
  /** One negotiation at a time; the next waits for the answer of this one. */
  #turn: Promise<void> = Promise.resolve();
  #answered: (() => void) | undefined;

  constructor(options: PeerOptions) {
    this.generation = options.generation;
    this.#sealer = options.sealer;
    this.#pc = new RTCPeerConnection({
      bundlePolicy: 'max-bundle',
      rtcpMuxPolicy: 'require',
      iceServers: options.ice.map((s) => ({ urls: [...s.urls], username: s.username, credential: s.credential })),
    });
    for (const source of SOURCES) {
      const kind = source === 'microphone' || source === 'screen_audio' ? 'audio' : 'video';
      const transceiver = this.#pc.addTransceiver(kind, { direction: 'sendonly', sendEncodings: ENCODINGS[source] });
      this.#onlySealable(transceiver, kind);
      this.#sealer?.seal(transceiver.sender, source);
      this.#sending.set(source, transceiver);
    }
    for (let i = 0; i < AUDIO_SLOTS; i++) this.#addSlot('audio');
    this.#addVideoSlots(options.videoSlots);
    for (const { kind } of MAIN_STREAMS) this.#addSlot(kind);
    this.#pc.onconnectionstatechange = () => {
      const state = this.#pc.connectionState;
      if (state === 'connecting' || state === 'connected' || state === 'disconnected' || state === 'failed') options.onState(state);
    };
  }

  /** What cannot be sealed is not offered: no RED, no FEC, no codec without a wrapping. */
  #onlySealable(transceiver: RTCRtpTransceiver, kind: 'audio' | 'video'): void {
    if (!this.#sealer) return;
    const can = RTCRtpReceiver.getCapabilities(kind)?.codecs.filter((c) => SEALABLE.has(c.mimeType.toLowerCase())) ?? [];
    transceiver.setCodecPreferences(can);
  }
  #addSlot(kind: 'audio' | 'video'): void {
    const transceiver = this.#pc.addTransceiver(kind, { direction: 'recvonly' });
    this.#onlySealable(transceiver, kind);
    this.#sealer?.open(transceiver.receiver); // before any offer: there is never a frame without it
    this.#slots.push(transceiver);
  }
  #addVideoSlots(count: number): void {
    for (; this.#videoSlots < count; this.#videoSlots++) this.#addSlot('video');
  }

  async send(source: Source, track: MediaStreamTrack | undefined): Promise<void> {
    if (track && source === 'screen' && 'contentHint' in track) track.contentHint = 'detail';
    await this.#sending.get(source)?.sender.replaceTrack(track ?? null);
  }

  /** Makes an offer once the one before is answered; undefined when the connection is closed meanwhile. */
  async offer(iceRestart: boolean, videoSlots: number): Promise<{ sdp: string; send: Sending[] } | undefined> {
    const before = this.#turn;
    let done = (): void => undefined;
    this.#turn = new Promise((resolve) => (done = resolve));
    await before;
    if (this.#pc.signalingState === 'closed') return undefined;
    this.#answered = done;
    this.#addVideoSlots(videoSlots);
    const offer = await this.#pc.createOffer({ iceRestart });
    if (this.#sealer?.strictMetadata) offer.sdp = offer.sdp?.replace(LEVELS, '');
    await this.#pc.setLocalDescription(offer);
    const send: Sending[] = [];
    for (const [source, { mid }] of this.#sending) if (mid !== null) send.push({ mid, source });
    return { sdp: this.#pc.localDescription?.sdp ?? '', send };
  }
  async answer(sdp: string): Promise<void> {
    try {
      await this.#pc.setRemoteDescription({ type: 'answer', sdp });
    } finally {
      this.#answered?.();
    }
  }

  /** What the section of this mid receives; the same object for the life of the section. */
  stream(mid: string): MediaStream | undefined {
    const known = this.#streams.get(mid);
    if (known) return known;
    const slot = this.#slots.find((t) => t.mid === mid);
    if (!slot) return undefined;
    const stream = new MediaStream([slot.receiver.track]);
    this.#streams.set(mid, stream);
    return stream;
  }
  receiver(mid: string): RTCRtpReceiver | undefined {
    return this.#slots.find((t) => t.mid === mid)?.receiver;
  }
  soundSlots(): MediaStreamTrack[] {
    return this.#slots.map((t) => t.receiver.track).filter((track) => track.kind === 'audio');
  }
  stats(): Promise<RTCStatsReport> {
    return this.#pc.getStats();
  }
  close(): void {
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
    this.#answered?.();
  }
}
