// SPDX-License-Identifier: Apache-2.0
export { Room } from './room.ts';
export type { RoomOptions } from './room.ts';
export type { EventOf, RoomEvent, SharedFile } from './events.ts';
export type { FileFault, FileProgress, FileState } from '../worker/files.ts';
export type { FilePlace } from '../worker/messages.ts';
export type {
  ClientMessage, IceServer, Kind, Knock, Level, Member, Recording, RoomClass, RoomInfo, Sending, ServerMessage, Show, Slot, Source, Track,
} from './protocol.ts';
export { readServerMessage, SOURCES } from './protocol.ts';
export type { Closed, Effect, Input, MediaPhase, Phase, Said, Sends, SessionState, Stepped } from './session.ts';
export { backoffMs, newSession, step, wakeAt } from './session.ts';
export type { FrameSealer, SealCounts, SealedMember, SealedState, SealerHost } from './seal.ts';
export { SealRefused, workerSealer } from './worker_sealer.ts';
export type { WorkerSealerOptions } from './worker_sealer.ts';
export type { CaptureOptions, Device, DeviceKind, DeviceTrouble, Opened } from './devices.ts';
export { LevelMeter, listDevices, openCamera, openMicrophone, openScreen, troubleOf } from './devices.ts';
export type { RoomPolicy } from './http.ts';
export { createRoom, guestToken, namedToken, Problem, roomPolicy } from './http.ts';
export type { CallQuality, Grade, ReceivedQuality } from './stats.ts';
export { gradeOf, Quality } from './stats.ts';
export type { ConsentFacts, SignedConsent } from './consent.ts';
export { consentBytes, ConsentKey } from './consent.ts';
