// SPDX-License-Identifier: Apache-2.0
/** What a browser keeps of a sealed room for a reload: the link's fragment and the guest's identity key. In IndexedDB, each
 * under a key of this origin that cannot be taken out; forgotten after as long as a room may live. Without storage (private
 * windows of some browsers, Node) nothing is kept: a reload is then a newcomer who needs the link. */
const BASE = 'incamera', STORE = 'kept';
const KEPT_MS = 90 * 86400_000;

interface Kept {
  readonly key: CryptoKey;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
  readonly at: number;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('storage'));
  });
}
async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const opening = indexedDB.open(BASE, 2);
  opening.onupgradeneeded = () => {
    for (const old of opening.result.objectStoreNames) opening.result.deleteObjectStore(old);
    opening.result.createObjectStore(STORE);
  };
  return (await done(opening)).transaction(STORE, mode).objectStore(STORE);
}
function forgetOld(all: IDBObjectStore, before: number): void {
  const cursor = all.openCursor();
  cursor.onsuccess = () => {
    if (!cursor.result) return;
    if ((cursor.result.value as Kept).at < before) cursor.result.delete();
    cursor.result.continue();
  };
}

/** what: of this room, kept under that name; replaces what was there. */
export async function keepSealed(room: string, what: string, bytes: Uint8Array, nowMs = Date.now()): Promise<void> {
  try {
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, key, bytes as Uint8Array<ArrayBuffer>);
    const all = await store('readwrite');
    const kept: Kept = { key, nonce, sealed, at: nowMs };
    forgetOld(all, nowMs - KEPT_MS);
    await done(all.put(kept, `${room} ${what}`));
  } catch {
    // said above
  }
}
export async function keptSealed(room: string, what: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const kept = (await done((await store('readonly')).get(`${room} ${what}`))) as Kept | undefined;
    if (!kept) return undefined;
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: kept.nonce }, kept.key, kept.sealed));
  } catch {
    return undefined;
  }
}
