// SPDX-License-Identifier: Apache-2.0
/** The call: joins the room to the screen. */
import type { CallQuality, FrameSealer, Member, Recording, RoomPolicy } from '../sdk/index.ts';
import { openScreen, Problem, Room } from '../sdk/index.ts';
import { Chat } from './chat.ts';
import { Compared } from './compare.ts';
import { choices, keep } from './choices.ts';
import { Bar } from './controls.ts';
import { fill, h, icon, say, set } from './dom.ts';
import { ended } from './ended.ts';
import { header, live, show } from './frame.ts';
import { Keys } from './keys.ts';
import type { LocalMedia } from './local.ts';
import { ask, closeAsked, closeMenu, openMenu } from './menu.ts';
import type { MenuItem } from './menu.ts';
import { keysPanel, peoplePanel, pill, settingsPanel, statsPanel, whoPanel } from './panels.ts';
import { Stage } from './stage.ts';
import { t } from './texts.ts';
import type { TextKey } from './texts.ts';
import { pillText } from './who.ts';
import type { Readers } from './who.ts';

export interface CallOptions {
  readonly room: string;
  readonly name: string;
  readonly token: string;
  readonly renew?: () => Promise<string>;
  readonly policy: RoomPolicy;
  readonly sealer?: FrameSealer;
  readonly media: LocalMedia;
  readonly again: () => void;
  readonly go: (path: string) => void;
}
type PanelName = 'who' | 'people' | 'chat' | 'stats' | 'settings' | 'keys';
const HEADINGS: Readonly<Record<PanelName, TextKey>> = {
  who: 'who.h2', people: 'people.h2', chat: 'chat.h2', stats: 'stats.h2', settings: 'set.h2', keys: 'keys.h2',
};
const EMOJI = ['👍', '👏', '❤️', '😂', '😮', '🎉'];
const SIGNALLING_SHOWN_AFTER_MS = 3000;
const MEDIA_SHOWN_AFTER_MS = 2000;
const WAY_OUT_AFTER_MS = 30000;

/** Waits in the room's door: nothing of the call is shown before the server let us in. */
export async function call(options: CallOptions): Promise<void> {
  const room = new Room({
    room: options.room, token: options.token, renewToken: options.renew, expect: options.policy.class, policy: options.policy.bytes,
    sealer: options.sealer,
  });
  let screen: CallScreen | undefined;
  const stop = room.on('entered', () => {
    stop();
    screen = new CallScreen(room, options);
    screen.open();
  });
  room.on('waiting', () => show({
    element: h('div', { class: 'page' }, header(), h('main', { class: 'end' }, h('h1', {}, t('net.waiting.h1')), h('p', { class: 'lead' }, t('net.waiting')),
      h('div', { class: 'row' }, h('button', { class: 'secondary', type: 'button', onclick: () => room.leave() }, t('end.leave'))))),
  }, t('net.waiting.h1')));
  room.on('closed', ({ closed }) => {
    screen?.close();
    options.media.close();
    ended({ reason: closed.reason, title: closed.title, by: closed.byName, room: options.room, again: options.again, at: Date.now() }, options.go);
  });
  // The offer carries our tracks from its first line: they are given before the socket opens.
  const { media } = options;
  if (media.microphone) await room.publish('microphone', media.microphone, !media.microphoneOn);
  if (media.camera) await room.publish('camera', media.camera);
  await room.enter();
}

class CallScreen {
  readonly #room: Room;
  readonly #o: CallOptions;
  readonly #media: LocalMedia;
  readonly #stage: Stage;
  readonly #bar: Bar;
  readonly #chat: Chat;
  readonly #compared = new Compared();
  readonly #keys: Keys;
  readonly #pill = pill(() => this.#toggle('who', this.#pill.element));
  readonly #sub = h('span', { class: 'title-sub' });
  readonly #banner = h('div', { class: 'banner', hidden: true });
  readonly #panel = h('aside', { class: 'panel', hidden: true });
  readonly #panelBody = h('div', { class: 'panel-body', tabindex: 0 });
  readonly #panelTitle = h('h2', { tabindex: -1 });
  readonly #captions = h('div', { class: 'captions', hidden: true }, h('p', {}, t('call.captions.none')));
  readonly #held = h('div', { class: 'held', hidden: true });
  readonly #viewSwitch: HTMLButtonElement;
  readonly #phoneTime = h('span', { class: 'phone-time' });
  readonly #element: HTMLElement;
  readonly #since = Date.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #open: PanelName | undefined;
  #opener: HTMLElement | undefined;
  #unread = 0;
  #quality: CallQuality | undefined;
  #sharing = '';
  #notice = '';
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  #mutedSpeech = 0;
  #mutedTold = 0;
  #bannerDrawn = '';
  /** the recording that was agreed to, and by which sentence */
  #agreed: { recording: string; text: string } | undefined;
  #wake: { release: () => Promise<void> } | undefined;

  constructor(room: Room, o: CallOptions) {
    this.#room = room;
    this.#o = o;
    this.#media = o.media;
    this.#stage = new Stage({
      room, media: o.media, name: o.name, link: () => this.#link(), stopSharing: () => void this.#stopShare(),
      sharing: (text) => {
        this.#sharing = text;
        this.#title();
      },
    });
    this.#chat = new Chat(room, this.#compared, () => this.#open !== 'who' && this.#toggle('who', this.#pill.element));
    this.#chat.onUnread = (n) => {
      this.#unread = n;
      this.#draw();
    };
    this.#bar = new Bar({
      microphone: () => void this.#microphone(), camera: () => void this.#camera(), share: () => void this.#share(),
      microphones: (b) => this.#deviceMenu(b, 'audioinput'), cameras: (b) => this.#deviceMenu(b, 'videoinput'),
      hand: () => room.raiseHand(!room.state.handUp), leave: () => this.#leave(), captions: () => this.#caption(),
      panel: (name) => this.#toggle(name), more: (b) => this.#more(b),
    });
    this.#viewSwitch = h('button', { class: 'quiet view-switch', type: 'button', onclick: () => this.#switchView() });
    const close = h('button', { class: 'quiet square', type: 'button', 'aria-label': t('panel.close'), onclick: () => this.#toggle(undefined) }, icon('close', 20));
    this.#panel.append(h('div', { class: 'panel-head' }, this.#panelTitle, close), this.#panelBody);
    fill(this.#held, h('p', {}, t('dev.held')), h('button', { class: 'primary', type: 'button', onclick: () => {
      void room.startSound();
      set(this.#held, { hidden: true });
    } }, t('dev.held.on')));
    this.#element = h('div', { class: 'call' },
      h('header', {}, h('div', { class: 'top' }, this.#pill.element, h('div', { class: 'title' }, h('h1', {}, o.sealer ? t('room.sealed') : o.policy.name), this.#sub), this.#phoneTime, this.#viewSwitch), this.#banner),
      h('div', { class: 'middle' }, this.#stage.element, this.#panel, this.#held), this.#captions, this.#bar.element);
    this.#keys = new Keys({
      m: () => void this.#microphone(), v: () => void this.#camera(), s: () => void this.#share(), h: () => room.raiseHand(!room.state.handUp),
      c: () => this.#toggle('chat'), p: () => this.#toggle('people'), w: () => this.#toggle('who', this.#pill.element), g: () => this.#switchView(),
      l: () => this.#caption(), f: () => this.#fullScreen(), '?': () => this.#toggle('keys'),
    }, {
      allowed: () => choices().letterKeys !== false,
      talk: (on) => this.#talk(on),
      close: () => closeMenu() || (this.#open !== undefined && (this.#toggle(undefined), true)),
      parts: () => [this.#pill.element, this.#stage.element, ...(this.#open ? [this.#panelTitle] : []), this.#bar.element.querySelector('button') ?? this.#bar.element],
    });
    this.#listen();
    this.#timer = setInterval(() => this.#second(), 500);
  }

  open(): void {
    show({ element: this.#element, leave: () => this.#left() }, this.#o.sealer ? t('room.sealed') : this.#o.policy.name);
    this.#stage.update();
    this.#draw();
    void this.#keepAwake();
    // From six people on one comes in without sound and picture (PAGE.md §8).
    if (this.#room.state.members.size >= 6 && this.#media.microphoneOn) void this.#microphone();
    const speaker = this.#media.devices.find((d) => d.kind === 'audiooutput' && d.label === choices().speaker);
    if (speaker) this.#room.useSpeaker(speaker.id).catch(() => undefined);
  }
  #left(): void {
    if (this.#room.state.phase !== 'closed') this.#room.leave();
  }
  close(): void {
    clearInterval(this.#timer);
    this.#keys.close();
    this.#stage.close();
    this.#chat.close();
    closeMenu();
    void this.#wake?.release().catch(() => undefined);
    this.#room.local('screen')?.stop();
    this.#room.local('screen_audio')?.stop();
    if (document.fullscreenElement) void document.exitFullscreen();
  }

  #listen(): void {
    const room = this.#room;
    const tell = (text: string): void => {
      live.polite(text);
      this.#show(text);
    };
    room.on('changed', () => {
      for (const name of room.sealed ? this.#compared.see(room.sealed) : []) {
        live.alert(t('key.changed', { a: name }));
        this.#show(t('key.changed', { a: name }));
      }
      this.#stage.update();
      this.#draw();
    });
    room.on('streams', () => this.#stage.update());
    room.on('local', () => this.#stage.update());
    room.on('speaking', ({ levels }) => this.#stage.speech.hear(levels, Date.now()));
    room.on('member_joined', ({ member }) => tell(t('live.joined', { name: member.name })));
    room.on('member_left', ({ member, reason, by }) =>
      tell(reason === 'kicked' ? t('live.removed', { name: member.name, by: by?.name ?? t('end.kicked.nobody') }) : t('live.left', { name: member.name })));
    room.on('member_changed', ({ member, before }) => {
      if (member.hand && !before?.hand && member.member !== room.state.me) tell(t('live.hand', { name: member.name }));
    });
    room.on('track_on', ({ track }) => {
      if (track.source === 'screen' && track.member !== room.state.me) live.polite(t('live.share', { name: this.#nameOf(track.member) }));
    });
    room.on('track_off', ({ track }) => {
      if (track.source === 'screen') live.polite(t('live.unshare'));
    });
    room.on('reacted', ({ member, emoji }) => this.#stage.react(member, emoji));
    room.on('asked', ({ source, by }) => this.#asked(source, by));
    room.on('locked', ({ locked }) => tell(t(locked ? 'live.locked' : 'live.unlocked')));
    room.on('recording', ({ recording }) => this.#recorded(recording));
    room.on('knocks', ({ knocks }) => {
      const last = knocks.at(-1);
      if (last) tell(t('live.knock', { name: last.name }));
    });
    room.on('refused', ({ title }) => tell(title || t('live.refused')));
    room.on('media', ({ state, awayMs }) => {
      if (state !== 'up' || !awayMs || awayMs < MEDIA_SHOWN_AFTER_MS) return;
      tell(t('live.back.missed', { n: Math.round(awayMs / 1000) }));
    });
    room.on('sound_held', () => {
      set(this.#held, { hidden: false });
      this.#held.querySelector('button')?.focus();
    });
    room.on('entered', () => this.#stage.update());
    this.#media.onChange(() => void this.#devicesChanged());
    this.#media.onGone(({ device, other }) => tell(other ? t('dev.gone', { device, other }) : t('dev.gone.none', { device })));
    this.#stage.onMode = () => this.#draw();
  }
  #link(): string {
    return this.#o.sealer?.link ?? `${location.origin}/r/${this.#o.room}`;
  }
  #nameOf(member: number): string {
    return this.#room.state.members.get(member)?.name ?? '';
  }

  /** A device was changed, lost or found: what is sent follows, muted as before. */
  async #devicesChanged(): Promise<void> {
    const { microphone, camera } = this.#media;
    if (this.#room.state.phase === 'closed') return;
    if (microphone !== this.#room.local('microphone')) await this.#room.publish('microphone', microphone, !this.#media.microphoneOn);
    if (camera !== this.#room.local('camera')) await this.#room.publish('camera', camera);
    this.#stage.update();
    this.#draw();
  }
  async #microphone(): Promise<void> {
    const on = !(this.#media.microphoneOn && this.#media.microphone);
    await this.#media.setMicrophone(on);
    this.#room.mute('microphone', !on);
    if (!on) live.polite(t('live.mic.off'));
    this.#stage.update();
    this.#draw();
  }
  async #camera(): Promise<void> {
    await this.#media.setCamera(!(this.#media.cameraOn && this.#media.camera));
    this.#draw();
  }
  #talk(on: boolean): boolean {
    if (on && (this.#media.microphoneOn || !this.#media.microphone)) return false;
    void this.#media.setMicrophone(on);
    this.#room.mute('microphone', !on);
    this.#draw();
    return true;
  }
  async #asked(source: string, by: Member | undefined): Promise<void> {
    const name = by?.name ?? t('end.kicked.nobody');
    if (source === 'microphone') await this.#media.setMicrophone(false);
    else if (source === 'camera') await this.#media.setCamera(false);
    else if (source === 'screen') await this.#stopShare();
    const text = t(source === 'camera' ? 'live.asked.camera' : 'live.asked', { by: name });
    live.polite(text);
    this.#show(text);
    this.#draw();
  }

  /** Nothing of ours is passed on before we agree: who came in under a recording agreed by coming in, others are asked. */
  #recorded(recording: Recording): void {
    const before = this.#agreed && this.#agreed.recording === recording.recording ? this.#agreed.text : undefined;
    const text = before ?? (this.#o.policy.facts['recording'] === 'required' ? t('pre.consent.recorded') : undefined);
    closeAsked();
    if (recording.state === 'on' && text !== undefined) void this.#agree(recording, text);
    else if (recording.state === 'on') {
      live.alert(t('rec.ask.h2'));
      ask(t('rec.ask.h2'), t('rec.ask'), [
        { text: t('rec.agree'), kind: 'primary', act: () => void this.#agree(recording, t('rec.ask')) },
        { text: t('end.leave'), kind: 'secondary', act: () => this.#room.leave() },
      ]);
    } else if (recording.state === 'off' && this.#agreed) {
      this.#agreed = undefined;
      live.polite(t('rec.ended'));
      this.#show(recording.why || t('rec.ended'));
    }
    this.#draw();
  }
  async #agree(recording: Recording, text: string): Promise<void> {
    const first = this.#agreed?.recording !== recording.recording;
    this.#agreed = { recording: recording.recording, text };
    await this.#room.consent(true, text);
    if (first) live.polite(t('rec.on'));
    this.#draw();
  }
  async #record(on: boolean): Promise<void> {
    try {
      await this.#room.record(on);
    } catch (why) {
      this.#show(why instanceof Problem && why.title ? why.title : t('live.refused'));
    }
  }

  async #share(): Promise<void> {
    if (this.#room.local('screen')) return this.#stopShare();
    const { video, audio, trouble } = await openScreen();
    if (!video) {
      if (trouble === 'none') this.#show(t('share.none'));
      else if (trouble !== 'blocked') this.#show(t('share.blocked'));
      return;
    }
    video.onended = () => void this.#stopShare();
    await this.#room.publish('screen', video);
    if (audio) await this.#room.publish('screen_audio', audio);
    this.#stage.update();
    this.#draw();
  }
  async #stopShare(): Promise<void> {
    const tracks = [this.#room.local('screen'), this.#room.local('screen_audio')];
    await this.#room.publish('screen', undefined);
    await this.#room.publish('screen_audio', undefined);
    for (const track of tracks) track?.stop();
    this.#stage.update();
    this.#draw();
  }

  #leave(): void {
    if (!this.#room.state.can.includes('moderate') || this.#room.state.members.size < 2) return this.#room.leave();
    ask(t('leave.h2'), t('leave.text'), [
      { text: t('leave.leave'), kind: 'primary', act: () => this.#room.leave() },
      { text: t('leave.end'), kind: 'stop', act: () => this.#room.end() },
      { text: t('leave.cancel'), kind: 'secondary' },
    ]);
  }
  #switchView(): void {
    this.#stage.setMode(this.#stage.mode === 'grid' ? 'speaker' : 'grid');
    this.#draw();
  }
  #caption(): void {
    this.#captions.hidden = !this.#captions.hidden;
    this.#draw();
  }
  #fullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen?.().catch(() => undefined);
  }

  #deviceMenu(button: HTMLElement, kind: 'audioinput' | 'videoinput'): void {
    const items: MenuItem[] = [];
    const which = kind === 'audioinput' ? 'microphone' : 'camera';
    items.push({ text: t(kind === 'audioinput' ? 'dev.mic' : 'dev.cam'), act: () => undefined, heading: true });
    for (const d of this.#media.devices.filter((x) => x.kind === kind)) {
      items.push({ text: d.label || t('dev.default'), checked: d.label === this.#media.labelOf(which), act: () => void this.#media.choose(which, d.label) });
    }
    const speakers = kind === 'audioinput' ? this.#media.devices.filter((x) => x.kind === 'audiooutput') : [];
    if (speakers.length) items.push({ text: t('dev.speaker'), act: () => undefined, heading: true });
    for (const d of speakers) {
      items.push({ text: d.label || t('dev.default'), checked: d.label === choices().speaker, act: () => {
        keep({ speaker: d.label });
        void this.#room.useSpeaker(d.id);
      } });
    }
    items.push({ text: t('menu.settings'), act: () => this.#toggle('settings', button) });
    openMenu(button, items);
  }
  #more(button: HTMLElement): void {
    const { state } = this.#room;
    const items: MenuItem[] = EMOJI.map((emoji) => ({ text: emoji, small: true, act: () => this.#room.react(emoji) }));
    items.unshift({ text: t('menu.react'), act: () => undefined, heading: true });
    const phone = innerWidth < 600;
    if (phone) {
      items.push({ text: t(this.#room.local('screen') ? 'call.unshare' : 'call.share.label'), act: () => void this.#share() });
      items.push({ text: t('call.hand'), checked: state.handUp, act: () => this.#room.raiseHand(!state.handUp) });
      items.push({ text: t('call.people'), act: () => this.#toggle('people', button) });
      items.push({ text: t('call.captions'), checked: !this.#captions.hidden, act: () => this.#caption() });
      items.push({ text: t(this.#stage.mode === 'grid' ? 'call.speaker' : 'call.grid'), act: () => this.#switchView() });
    }
    items.push({ text: t('menu.copy'), act: () => void navigator.clipboard?.writeText(this.#link()).then(() => this.#show(t('call.copied'))) });
    items.push({ text: t('menu.stats'), act: () => this.#toggle('stats', button) });
    items.push({ text: t('menu.settings'), act: () => this.#toggle('settings', button) });
    items.push({ text: t('menu.keys'), act: () => this.#toggle('keys', button) });
    items.push({ text: t('call.fullscreen'), act: () => this.#fullScreen() });
    if (state.can.includes('moderate')) {
      items.push({ text: t(state.info?.locked ? 'menu.unlock' : 'menu.lock'), act: () => this.#room.lock(!state.info?.locked) });
      if (state.info?.class === 'governed' && this.#o.policy.facts['recording'] === 'allowed') {
        const on = state.recording?.state === 'on';
        items.push({ text: t(on ? 'menu.record.stop' : 'menu.record'), act: () => void this.#record(!on) });
      }
      items.push({ text: t('menu.end'), danger: true, act: () => this.#leave() });
    }
    openMenu(button, items);
  }

  #toggle(name: PanelName | undefined, opener?: HTMLElement): void {
    const before = this.#open;
    if (before === 'chat') this.#chat.opened(false);
    this.#open = name === before ? undefined : name;
    set(this.#panel, { hidden: this.#open === undefined, 'aria-label': this.#open && t(HEADINGS[this.#open]) });
    this.#element.classList.toggle('with-panel', this.#open !== undefined);
    if (this.#open) {
      this.#opener = opener ?? (document.activeElement instanceof HTMLElement ? document.activeElement : undefined);
      say(this.#panelTitle, t(HEADINGS[this.#open]));
      fill(this.#panelBody, this.#open === 'chat' ? this.#chat.element : undefined);
      this.#panelBody.dataset['name'] = this.#open;
      this.#panelDrawn = '';
      this.#drawPanel();
      if (this.#open === 'chat') {
        this.#chat.opened(true);
        this.#chat.focus();
      } else this.#panelTitle.focus();
    } else if (this.#panel.contains(document.activeElement) || document.activeElement === document.body) this.#opener?.focus();
    this.#draw();
  }
  #panelDrawn = '';
  #readers(): Readers {
    const { state } = this.#room;
    const { sealed } = this.#room;
    const others = this.#o.sealer ? (sealed?.members ?? []).filter((m) => m.leaf !== sealed?.own).map((m) => m.name) :
      this.#stage.order.filter((m) => m !== state.me).map((m) => this.#nameOf(m));
    const org = this.#o.policy.facts['organisation'];
    return { class: state.info?.class ?? this.#o.policy.class, others, recording: state.info?.recording ?? false, org: typeof org === 'string' ? org : undefined };
  }
  /** Drawn anew only when what it shows changed, so that focus and selection stay. */
  #drawPanel(): void {
    const name = this.#open;
    if (!name || name === 'chat') return this.#chat.update();
    const { state } = this.#room;
    const members = [...state.members.values()], order = this.#stage.order;
    const key = name === 'who' ? JSON.stringify([members, order, this.#readers(), this.#quality?.cipher, this.#room.sealed])
      : name === 'people' ? JSON.stringify([members, order, state.knocks, state.info, state.can, [...state.tracks.values()].map((x) => [x.member, x.source, x.muted])])
        : name === 'stats' ? String(Math.floor(Date.now() / 1000)) : name === 'settings' ? JSON.stringify(this.#media.devices) : name;
    if (key === this.#panelDrawn) return;
    this.#panelDrawn = key;
    const focused = [...this.#panelBody.querySelectorAll('button, a, summary, select, input')].indexOf(document.activeElement ?? this.#panel);
    const body = name === 'who' ? whoPanel(this.#room, this.#o.policy, this.#readers(), order, this.#quality, this.#compared, () => {
      this.#panelDrawn = '';
      this.#drawPanel();
      this.#draw();
    }) : name === 'people' ? peoplePanel(this.#room, order)
      : name === 'stats' ? statsPanel(this.#room, this.#quality) : name === 'settings' ? settingsPanel(this.#room, this.#media) : keysPanel();
    fill(this.#panelBody, body);
    const again = [...this.#panelBody.querySelectorAll<HTMLElement>('button, a, summary, select, input')][focused];
    if (focused >= 0) (again ?? this.#panelTitle).focus();
  }

  /** A line for some seconds in the top bar; nothing lies over pictures. */
  #show(text: string): void {
    this.#notice = text;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => {
      this.#notice = '';
      this.#title();
    }, 4000);
    this.#title();
  }
  #title(): void {
    const text = this.#notice || this.#sharing;
    say(this.#sub, text);
    set(this.#sub, { hidden: text === '' });
  }

  #second(): void {
    this.#draw();
    this.#drawPanel();
    const at = Date.now();
    const { microphoneOn, meter, microphone } = this.#media;
    if (!microphoneOn && microphone && meter && meter.dbfs() > -38) this.#mutedSpeech += 1;
    else this.#mutedSpeech = 0;
    if (this.#mutedSpeech >= 2 && at - this.#mutedTold > 10000) {
      this.#mutedTold = at;
      this.#show(t('call.muted.speaking'));
    }
    if (Math.floor(at / 500) % 4 === 0) {
      void this.#room.quality().then((q) => {
        if (!q) return;
        this.#quality = q;
        this.#stage.quality(q);
      }, () => undefined);
    }
  }

  #draw(): void {
    const { state } = this.#room;
    const elapsed = Math.floor((Date.now() - this.#since) / 1000);
    const time = `${Math.floor(elapsed / 60)}:${String(elapsed % 60).padStart(2, '0')}`;
    const grade = state.media === 'up' ? (this.#quality?.grade ?? 'good') : state.media === 'connecting' ? undefined : 'lost';
    const connection = grade === undefined ? t('net.connecting') : t(`call.${grade}`);
    this.#bar.draw({
      microphone: this.#media.microphoneOn && this.#media.microphone !== undefined, camera: this.#media.cameraOn && this.#media.camera !== undefined,
      sharing: this.#room.local('screen') !== undefined, hand: state.handUp, captions: !this.#captions.hidden, panel: this.#open ?? '',
      unread: this.#unread, time, connection,
    });
    say(this.#phoneTime, time);
    const readers = this.#readers();
    this.#pill.draw(readers.class, pillText(readers), readers.recording);
    const { sealed } = this.#room;
    this.#pill.element.classList.toggle('news', sealed !== undefined && (this.#compared.differs || this.#compared.newcomers(sealed).length > 0));
    set(this.#pill.element, { 'aria-expanded': String(this.#open === 'who') });
    this.#element.dataset['class'] = readers.class;
    const other = t(this.#stage.mode === 'grid' ? 'call.speaker' : 'call.grid');
    if (this.#viewSwitch.textContent !== other) fill(this.#viewSwitch, icon(this.#stage.mode === 'grid' ? 'speakerview' : 'grid', 20), h('span', {}, other));
    this.#drawBanner();
  }

  /** The call's own troubles, each once and in words. Signalling and media are told apart. */
  #drawBanner(): void {
    const { state } = this.#room;
    const now = Date.now();
    const mediaAway = state.media === 'lost' && state.mediaLostAt !== undefined ? now - state.mediaLostAt : 0;
    const signallingAway = state.lostAt === undefined ? 0 : now - state.lostAt;
    const doubts = this.#room.doubts;
    const { recording } = state;
    const asked = recording?.state === 'on' && this.#agreed?.recording !== recording.recording;
    const about = recording?.state === 'held' ? `held ${recording.why}` : asked ? 'asked' : recording?.state === 'on' && recording.why ? `rec ${recording.why}` : '';
    const what = mediaAway > MEDIA_SHOWN_AFTER_MS ? (mediaAway > WAY_OUT_AFTER_MS ? 'long' : 'media') : signallingAway > SIGNALLING_SHOWN_AFTER_MS ? 'signalling'
      : doubts.split ? 'split' : doubts.strangers ? `strangers ${doubts.strangers}` : about;
    if (what === this.#bannerDrawn) return;
    this.#bannerDrawn = what;
    set(this.#banner, { hidden: what === '', class: what === 'signalling' ? 'banner' : 'banner banner-stop' });
    if (what === '') return fill(this.#banner);
    if (what === about && recording) return this.#recordingBanner(recording, asked);
    if (what === 'split' || what.startsWith('strangers')) return this.#doubtBanner(what === 'split' ? t('doubt.split', { n: this.#room.sealed?.members.length ?? 1 }) : t('doubt.strangers', { n: doubts.strangers }));
    const text = t(what === 'signalling' ? 'net.signalling' : 'net.lost');
    if (what === 'media') live.alert(text);
    fill(this.#banner, icon('warn', 20), h('p', {}, text), ...(what === 'long' ? [
      h('button', { class: 'secondary small', type: 'button', onclick: () => this.#room.tryNow() }, t('net.try')),
      h('button', { class: 'secondary small', type: 'button', onclick: () => this.#room.leave() }, t('call.leave'))] : []));
  }

  #doubtBanner(text: string): void {
    live.alert(text);
    fill(this.#banner, icon('warn', 20), h('p', {}, text),
      h('button', { class: 'secondary small', type: 'button', onclick: () => this.#toggle('who', this.#pill.element) }, t('doubt.who')),
      h('button', { class: 'secondary small', type: 'button', onclick: () => this.#room.leave() }, t('call.leave')));
  }
  #recordingBanner(recording: Recording, asked: boolean): void {
    const text = recording.state === 'held' ? t('rec.held', { why: recording.why }) : asked ? t('rec.waits') : t('rec.trouble', { why: recording.why });
    live.alert(text);
    fill(this.#banner, icon('warn', 20), h('p', {}, text), ...(asked ? [
      h('button', { class: 'primary small', type: 'button', onclick: () => void this.#agree(recording, t('rec.ask')) }, t('rec.agree')),
      h('button', { class: 'secondary small', type: 'button', onclick: () => this.#room.leave() }, t('call.leave'))] : []));
  }

  async #keepAwake(): Promise<void> {
    const lock = (navigator as { wakeLock?: { request: (what: 'screen') => Promise<{ release: () => Promise<void> }> } }).wakeLock;
    try {
      this.#wake = await lock?.request('screen');
    } catch {
      this.#wake = undefined;
    }
  }
}
