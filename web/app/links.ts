// SPDX-License-Identifier: Apache-2.0
/** Keeps an invitation's fragment for a reload: in IndexedDB, under a key of this origin that cannot be taken out. */
const BASE = 'incamera', STORE = 'links';
interface Kept {
  readonly key: CryptoKey;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('storage'));
  });
}
async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const opening = indexedDB.open(BASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return (await done(opening)).transaction(STORE, mode).objectStore(STORE);
}

export async function keepLink(room: string, fragment: string): Promise<void> {
  try {
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, key, new TextEncoder().encode(fragment));
    const kept: Kept = { key, nonce, sealed };
    await done((await store('readwrite')).put(kept, room));
  } catch {
    // Without storage a reload needs the link again.
  }
}
export async function keptLink(room: string): Promise<string> {
  try {
    const kept = (await done((await store('readonly')).get(room))) as Kept | undefined;
    if (!kept) return '';
    return new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: kept.nonce }, kept.key, kept.sealed));
  } catch {
    return '';
  }
}
