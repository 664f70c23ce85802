// SPDX-License-Identifier: Apache-2.0
/** getStats in figures a person can use: one pure reading per report, and per second differences between two. */
import type { SessionState } from './session.ts';
import type { Source } from './protocol.ts';

export type Grade = 'good' | 'weak' | 'lost';
export interface ReceivedQuality {
  readonly member: number;
  readonly source: Source;
  readonly grade: Grade;
  readonly lossPercent: number;
  readonly jitterMs: number;
  readonly kbps: number;
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
  readonly frozen: boolean;
  /** seconds since the last new frame or sound packet */
  readonly stalledMs: number;
}
export interface CallQuality {
  readonly grade: Grade;
  readonly roundTripMs?: number;
  readonly lossPercent: number;
  readonly sendKbps: number;
  readonly receiveKbps: number;
  readonly sendLossPercent: number;
  /** `udp`, `tcp` or `relay` */
  readonly path: string;
  readonly relay?: string;
  readonly cipher?: string;
  readonly tls?: string;
  readonly sent: readonly { source: string; width?: number; height?: number; framesPerSecond?: number; kbps: number; limitedBy?: string }[];
  readonly received: readonly ReceivedQuality[];
}
type Row = Readonly<Record<string, unknown>>;
interface Before {
  readonly at: number;
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
  readonly frames: number;
  readonly movedAt: number;
}

const number = (row: Row | undefined, name: string): number => {
  const v = row?.[name];
  return typeof v === 'number' ? v : 0;
};
const maybe = (row: Row | undefined, name: string): number | undefined => {
  const v = row?.[name];
  return typeof v === 'number' ? v : undefined;
};
const word = (row: Row | undefined, name: string): string | undefined => {
  const v = row?.[name];
  return typeof v === 'string' ? v : undefined;
};

/** Good, weak or lost, from loss, delay and how long nothing came. */
export function gradeOf(lossPercent: number, roundTripMs: number, stalledMs: number): Grade {
  if (stalledMs >= 8000) return 'lost';
  return lossPercent > 8 || roundTripMs > 450 || stalledMs >= 2000 ? 'weak' : 'good';
}

export class Quality {
  #before = new Map<string, Before>();

  next(report: { forEach(f: (row: Row) => void): void }, state: SessionState, now: number): CallQuality {
    const rows = new Map<string, Row>();
    report.forEach((row) => rows.set(word(row, 'id') ?? '', row));
    const of = (type: string): Row[] => [...rows.values()].filter((r) => r['type'] === type);
    const after = new Map<string, Before>();
    const since = (row: Row, bytesName: string): { before: Before | undefined; seconds: number; kbps: number; now: Before } => {
      const id = word(row, 'id') ?? '';
      const before = this.#before.get(id);
      const packets = number(row, 'packetsReceived');
      const frames = number(row, 'framesDecoded');
      const moved = !before || (frames ? frames > before.frames : packets > before.packets);
      const entry: Before = {
        at: now, bytes: number(row, bytesName), packets, lost: number(row, 'packetsLost'), frames,
        movedAt: moved ? now : before.movedAt,
      };
      after.set(id, entry);
      const seconds = before ? Math.max((now - before.at) / 1000, 0.001) : 1;
      return { before, seconds, now: entry, kbps: before ? ((entry.bytes - before.bytes) * 8) / 1000 / seconds : 0 };
    };

    const received: ReceivedQuality[] = [];
    let lostSum = 0, packetSum = 0, receiveKbps = 0;
    for (const row of of('inbound-rtp')) {
      const d = since(row, 'bytesReceived');
      receiveKbps += d.kbps;
      const got = d.now.packets - (d.before?.packets ?? 0);
      const lost = Math.max(0, d.now.lost - (d.before?.lost ?? 0));
      lostSum += lost;
      packetSum += got + lost;
      const track = state.tracks.get(state.slots.get(word(row, 'mid') ?? '') ?? -1);
      if (!track) continue;
      const lossPercent = got + lost ? (100 * lost) / (got + lost) : 0;
      const stalledMs = track.muted || track.kind === 'audio' ? 0 : now - d.now.movedAt;
      received.push({
        member: track.member, source: track.source, lossPercent, jitterMs: number(row, 'jitter') * 1000, kbps: d.kbps,
        width: maybe(row, 'frameWidth'), height: maybe(row, 'frameHeight'), framesPerSecond: maybe(row, 'framesPerSecond'),
        frozen: stalledMs >= 2000, stalledMs, grade: gradeOf(lossPercent, 0, stalledMs),
      });
    }
    const sent: CallQuality['sent'][number][] = [];
    let sendKbps = 0;
    for (const row of of('outbound-rtp')) {
      const d = since(row, 'bytesSent');
      sendKbps += d.kbps;
      if (d.kbps < 0.5) continue;
      const limitedBy = word(row, 'qualityLimitationReason');
      sent.push({
        source: [word(row, 'kind'), word(row, 'rid')].filter(Boolean).join(' '), width: maybe(row, 'frameWidth'),
        height: maybe(row, 'frameHeight'), framesPerSecond: maybe(row, 'framesPerSecond'), kbps: d.kbps,
        limitedBy: limitedBy === 'none' ? undefined : limitedBy,
      });
    }
    const losses = of('remote-inbound-rtp').map((r) => number(r, 'fractionLost') * 100);
    const transport = of('transport')[0];
    const pair = rows.get(word(transport, 'selectedCandidatePairId') ?? '') ??
      of('candidate-pair').find((r) => r['nominated'] === true && r['state'] === 'succeeded');
    const local = rows.get(word(pair, 'localCandidateId') ?? '');
    const rtt = maybe(pair, 'currentRoundTripTime');
    const relayed = word(local, 'candidateType') === 'relay';
    this.#before = after;
    const lossPercent = packetSum ? (100 * lostSum) / packetSum : 0;
    const sendLossPercent = losses.length ? Math.max(...losses) : 0;
    const roundTripMs = rtt === undefined ? undefined : rtt * 1000;
    return {
      grade: state.media === 'up' ? gradeOf(Math.max(lossPercent, sendLossPercent), roundTripMs ?? 0, 0) : 'lost',
      roundTripMs, lossPercent, sendKbps, receiveKbps, sendLossPercent, sent, received,
      path: relayed ? 'relay' : (word(local, 'protocol') ?? 'udp').toLowerCase(),
      relay: relayed ? word(local, 'url') : undefined,
      cipher: word(transport, 'srtpCipher'),
      tls: word(transport, 'tlsVersion'),
    };
  }
}
