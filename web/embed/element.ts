// SPDX-License-Identifier: Apache-2.0
/**
 * `<incamera-room room="thursday" name="Ana" server="https://meet.example.org">`: a call inside somebody's page, on the SDK.
 * Governed rooms only: who can read the room is said in its corner. Attribute `token` when the room wants one; without it
 * the element asks for a guest's. Events `entered` and `left` bubble; methods `mute(boolean)`, `leave()`.
 */
import { guestToken, openCamera, openMicrophone, Room } from '../sdk/index.ts';
import { boxes, grid } from '../app/grid.ts';

const STYLE = `:host{display:block;position:relative;min-height:240px;background:#E4E0D6;border-radius:14px;overflow:hidden;font:14px/20px sans-serif}
.who{position:absolute;left:10px;top:10px;padding:6px 12px;border-radius:16px;background:#E5ECF9;color:#1C1B18;z-index:1}
video{position:absolute;object-fit:cover;border-radius:14px;background:#D5D0C4}video.me{transform:scaleX(-1)}`;

export class IncameraRoom extends HTMLElement {
  #room: Room | undefined;
  #tracks: MediaStreamTrack[] = [];
  #videos = new Map<number, HTMLVideoElement>();
  #who = document.createElement('p');
  #sizes: ResizeObserver | undefined;

  connectedCallback(): void {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#who.className = 'who';
    this.#who.setAttribute('role', 'status');
    root.replaceChildren(this.#who);
    this.#sizes = new ResizeObserver(() => this.#draw());
    this.#sizes.observe(this);
    void this.#enter();
  }
  disconnectedCallback(): void {
    this.leave();
    this.#sizes?.disconnect();
  }
  mute(muted: boolean): void {
    this.#room?.mute('microphone', muted);
  }
  leave(): void {
    this.#room?.leave();
    for (const track of this.#tracks) track.stop();
    this.#tracks = [];
  }

  async #enter(): Promise<void> {
    const name = this.getAttribute('room') ?? '', server = this.getAttribute('server') ?? location.origin;
    const token = this.getAttribute('token') ?? (await guestToken(name, this.getAttribute('name') ?? 'Guest', server));
    const room = new Room({ room: name, token, server, expect: 'governed' });
    this.#room = room;
    const [microphone, camera] = await Promise.all([openMicrophone(), openCamera()]);
    for (const [source, { track }] of [['microphone', microphone], ['camera', camera]] as const) {
      if (!track) continue;
      this.#tracks.push(track);
      await room.publish(source, track);
    }
    room.on('changed', () => this.#draw());
    room.on('streams', () => this.#draw());
    room.on('entered', () => this.dispatchEvent(new CustomEvent('entered', { bubbles: true })));
    room.on('closed', ({ closed }) => this.dispatchEvent(new CustomEvent('left', { bubbles: true, detail: closed.reason })));
    await room.enter();
  }

  #draw(): void {
    const room = this.#room;
    if (!room || room.state.me === undefined) return;
    const { members, me } = room.state;
    this.#who.textContent = `Governed · ${members.size} people and this service`;
    for (const [member, video] of this.#videos) {
      if (members.has(member)) continue;
      video.remove();
      this.#videos.delete(member);
    }
    const order = [...members.keys()];
    const { width, height } = this.getBoundingClientRect();
    const places = boxes(width, height, order.length, grid(width, height, order.length));
    const show = [];
    for (const [i, member] of order.entries()) {
      const video = this.#videos.get(member) ?? document.createElement('video');
      this.#videos.set(member, video);
      if (!video.isConnected) this.shadowRoot?.append(video);
      const mine = member === me, own = room.local('camera');
      const stream = mine ? undefined : room.stream(member, 'camera');
      if (mine && own && !video.srcObject) video.srcObject = new MediaStream([own]);
      else if (!mine && video.srcObject !== (stream ?? null)) video.srcObject = stream ?? null;
      Object.assign(video, { muted: true, autoplay: true, playsInline: true, className: mine ? 'me' : '' });
      video.setAttribute('aria-label', members.get(member)?.name ?? '');
      const box = places[i];
      if (!box) continue;
      Object.assign(video.style, { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` });
      const track = [...room.state.tracks.values()].find((t) => t.member === member && t.source === 'camera');
      if (track && !mine) show.push({ track: track.track, width: box.width, height: box.height });
    }
    room.show(show);
  }
}
if (!customElements.get('incamera-room')) customElements.define('incamera-room', IncameraRoom);
