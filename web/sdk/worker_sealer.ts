// SPDX-License-Identifier: Apache-2.0
/** The page's side of the sealing worker (`web/worker/sealer.ts`): starts it, has the policy checked against the link, hands
 * on envelopes and frames. Holds no key. */
import type { FilePlace, FromWorker, StopReason, ToWorker, TransformFor } from '../worker/messages.ts';
import { CONTEXTS } from '../worker/messages.ts';
import type { Source } from './protocol.ts';
import type { FrameSealer, SealCounts, SealerHost } from './seal.ts';

export class SealRefused extends Error {
  constructor(readonly why: StopReason) {
    super(`the room's promise does not hold: ${why}`);
  }
}
export interface WorkerSealerOptions {
  /** addresses of the worker's script and of the sealing core, of one build */
  readonly worker: string;
  readonly core: string;
  /** the whole invitation, fragment and all */
  readonly link: string;
  /** the signed policy as the server gave it; checked against the link before anything else */
  readonly policy: Uint8Array;
  readonly name: string;
}
type Transform = new (worker: Worker, options: TransformFor) => RTCRtpScriptTransform;

const SOURCE_OF = new Map<number, Source>(Object.entries(CONTEXTS).map(([source, context]) => [context, source as Source]));

/** Rejects with SealRefused when the policy is not the link's. */
export async function workerSealer(options: WorkerSealerOptions): Promise<FrameSealer> {
  const answer = await fetch(options.core, { credentials: 'omit' });
  if (!answer.ok) throw new SealRefused('core');
  const wasm = await answer.arrayBuffer();
  const worker = new Worker(options.worker, { type: 'module' });
  const first = new Promise<Extract<FromWorker, { type: 'verified' }>>((resolve, reject) => {
    worker.onerror = () => reject(new SealRefused('core'));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'verified') resolve(data);
      else reject(new SealRefused(data.type === 'refused' || data.type === 'stopped' ? data.why : 'core'));
    };
  });
  const start: ToWorker = { type: 'start', wasm, link: options.link, policy: options.policy, name: options.name };
  worker.postMessage(start, [wasm]);
  try {
    const { link, strict } = await first;
    return new WorkerSealer(worker, link, strict);
  } catch (why) {
    worker.terminate();
    throw why;
  }
}

class WorkerSealer implements FrameSealer {
  readonly class = 'sealed';
  #host: SealerHost | undefined;
  #receivers: RTCRtpReceiver[] = [];
  #said = new Map<number, (done: boolean) => void>();
  #counted: ((counts: SealCounts) => void)[] = [];
  #nextSaid = 1;

  constructor(private readonly worker: Worker, public link: string, readonly strictMetadata: boolean) {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#told(data);
    worker.onerror = () => this.#host?.stopped('core');
  }
  start(host: SealerHost): Promise<void> {
    this.#host = host;
    return Promise.resolve();
  }
  entered(member: number): void {
    this.#post({ type: 'entered', member });
  }
  lost(): void {
    this.#post({ type: 'lost' });
  }
  seal(sender: RTCRtpSender, source: Source): void {
    sender.transform = this.#transform({ side: 'send', context: CONTEXTS[source] });
  }
  open(receiver: RTCRtpReceiver): void {
    receiver.transform = this.#transform({ side: 'receive', receiver: this.#receivers.push(receiver) - 1 });
  }
  receiveEnvelope(bytes: Uint8Array): void {
    this.#post({ type: 'envelope', bytes });
  }
  async say(text: string): Promise<void> {
    const id = this.#nextSaid++;
    const done = await new Promise<boolean>((resolve) => {
      this.#said.set(id, resolve);
      this.#post({ type: 'say', id, text });
    });
    if (!done) throw new Error('not in the group');
  }
  sendFile(file: number, blob: File, at: FilePlace): void {
    this.#post({ type: 'file_send', file, blob, at });
  }
  fetchFile(file: number, at: FilePlace): void {
    this.#post({ type: 'file_fetch', file, at });
  }
  actOnFile(file: number, act: 'pause' | 'go_on' | 'cancel'): void {
    this.#post({ type: 'file_act', file, act });
  }
  remove(leaf: number): void {
    this.#post({ type: 'kick', leaf });
  }
  counts(): Promise<SealCounts> {
    return new Promise((resolve) => {
      this.#counted.push(resolve);
      this.#post({ type: 'count' });
    });
  }
  stop(): void {
    this.#host = undefined;
    this.worker.terminate();
  }

  #post(message: ToWorker): void {
    this.worker.postMessage(message);
  }
  #transform(what: TransformFor): RTCRtpScriptTransform {
    const make = (globalThis as unknown as { RTCRtpScriptTransform: Transform }).RTCRtpScriptTransform;
    return new make(this.worker, what);
  }
  #told(m: FromWorker): void {
    switch (m.type) {
      case 'envelope': this.#host?.sendEnvelope(m.bytes); return;
      case 'group': return this.#host?.changed(m);
      case 'said': return this.#host?.said({ leaf: m.leaf, name: m.name }, m.text, m.at);
      case 'file': return this.#host?.shared(m.file, { leaf: m.leaf, name: m.name }, m.called, m.size, m.at);
      case 'file_state': return this.#host?.moved(m.file, m, m.blob);
      case 'sent':
        this.#said.get(m.id)?.(m.done);
        this.#said.delete(m.id);
        return;
      case 'link':
        this.link = m.link;
        return;
      case 'heard': {
        const receiver = this.#receivers[m.receiver], source = SOURCE_OF.get(m.context % 16);
        if (receiver && source) this.#host?.heard(receiver, m.leaf, source);
        return;
      }
      case 'doubt': return this.#host?.doubted(m.split);
      case 'stopped': return this.#host?.stopped(m.why, m.by);
      case 'counts': this.#counted.shift()?.(m); return;
      default: return;
    }
  }
}
