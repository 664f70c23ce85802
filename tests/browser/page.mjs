// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/page.mjs [FOLDER]   every screen of the page against a stand-in server: axe, screenshots into
// FOLDER (build/check/screens) at 1440, 820 and 390 pixels, light and dark, layout, keyboard only, no request to anybody else
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Checks, chromium, until } from './browser.mjs';
import { fakePeer, fakeServer, NAMES } from './fake.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const folder = resolve(process.argv[2] ?? join(root, 'build/check/screens'));
const only = process.env.ONLY ? new RegExp(process.env.ONLY) : undefined;
const full = process.env.FULL === '1';
mkdirSync(folder, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = [['1440', 1440, 900], ['820', 820, 1180], ['390', 390, 844]];
const checks = new Checks();
const server = await fakeServer(join(root, 'build/page'));
const browser = await chromium();
const strangers = [];
const consoleErrors = [];

async function open(path, { width = 1440, height = 900, dark = false, name = 'Mira Halvorsen', trouble, store = {} } = {}) {
  const context = await browser.createBrowserContext();
  await context.overridePermissions(server.origin, ['camera', 'microphone', 'clipboard-read', 'clipboard-sanitized-write']);
  const page = await context.newPage();
  await page.setViewport({ width, height, isMobile: width < 600, hasTouch: width < 600 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
  await page.evaluateOnNewDocument(fakePeer);
  await page.evaluateOnNewDocument((choices, t) => {
    if (!localStorage.incamera) localStorage.setItem('incamera', JSON.stringify(choices));
    window.fakeTrouble = t;
  }, { name, microphone: 'Jabra Evolve2 65', speaker: 'Jabra Evolve2 65', ...store }, trouble);
  page.on('request', (q) => { if (/^(https?|wss?):/.test(q.url()) && !q.url().replace(/^ws/, 'http').startsWith(server.origin)) strangers.push(q.url()); });
  page.on('console', (m) => { if (m.type() === 'error' && !/404|403|409|ERR_CONNECTION|WebSocket connection/.test(m.text())) consoleErrors.push(`${path}: ${m.text()}`); });
  page.on('pageerror', (why) => consoleErrors.push(`${path}: ${why.message}`));
  await page.goto(server.origin + path, { waitUntil: 'load' });
  return page;
}
const press = async (page, text) => {
  await until(`the button ${text}`, () => page.evaluate((t) => { const b = [...document.querySelectorAll('button')].find((x) => x.offsetParent !== null && (x.getAttribute('aria-label') ?? x.textContent).trim().startsWith(t)); b?.click(); return b !== undefined; }, text), 5000);
};
const close = (page) => page.browserContext().close();

async function inCall(people, size = {}, options = {}) {
  server.clear();
  Object.assign(server.state, options);
  for (const [i, p] of people.entries()) server.people.push({ member: i + 1, name: NAMES[i], ...p });
  const page = await open('/r/thursday-stand-up', size);
  await until('the preview', () => page.$('.pre-form .primary:not([disabled])'));
  await page.click('.pre-form .primary');
  await until('the call', () => page.$('.call'));
  const pictures = Math.min(people.filter((p) => p.camera !== false).length, size.width < 600 ? 5 : 25);
  await until('pictures', () => page.evaluate((n) => document.querySelectorAll('.tile.live:not([hidden])').length >= n, pictures), 25000);
  return page;
}

async function look(name, page) {
  await page.evaluate(() => new Promise((done) => setTimeout(done, 150)));
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await checks.is(`${name}: nothing scrolls sideways`, async () => {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) throw new Error(`${over} px too wide`);
  });
  await checks.is(`${name}: axe finds nothing`, async () => {
    await page.evaluate(`window.axe || ((module, exports, define) => { ${axe}; })()`).catch(() => undefined);
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const r = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] });
      return r.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`);
    });
    if (found.length) throw new Error(found.join('\n    '));
  });
}

const nine = NAMES.slice(0, 8).map((_, i) => ({ muted: i === 2 || i === 4, camera: i !== 3, hand: i === 6 }));
/** Every screen: a name, and how to come there. */
const screens = {
  landing: (s) => open('/', s),
  'landing-taken': async (s) => {
    server.rooms.set('thursday-stand-up', {});
    const page = await open('/', s);
    await until('ready', () => page.$('#room-name'));
    await page.evaluate(() => document.querySelector('#class-governed').click());
    await page.type('#room-name', 'Thursday stand-up');
    await press(page, 'Create governed room');
    await until('the answer', () => page.evaluate(() => document.querySelector('#room-trouble').textContent !== ''));
    return page;
  },
  prejoin: async (s) => {
    server.clear();
    const page = await open('/r/thursday-stand-up', s);
    await until('the preview', () => page.$('.preview video:not([hidden])'));
    await until('the level', () => page.evaluate(() => document.querySelector('.meter-text').textContent === 'Your microphone works'));
    return page;
  },
  'prejoin-recorded': async (s) => {
    server.clear();
    server.state.policy = { name: 'Case 4417, settlement', recording: true, retention_days: 2555, organisation: 'Halden & Partners', join: 'lobby' };
    const page = await open('/r/case-4417', s);
    await until('the preview', () => page.$('.preview video:not([hidden])'));
    return page;
  },
  'prejoin-blocked': async (s) => {
    server.clear();
    const page = await open('/r/thursday-stand-up', { ...s, trouble: 'NotAllowedError' });
    await until('the trouble', () => page.$('.trouble-box'));
    return page;
  },
  'call-1': (s) => inCall([], s),
  'call-2': (s) => inCall([{}], s),
  'call-4': (s) => inCall([{}, {}, { muted: true }], s),
  'call-9': async (s) => {
    const page = await inCall(nine, s);
    for (let i = 0; i < 3; i++) {
      server.speaks({ member: 2, level: 15 });
      await new Promise((done) => setTimeout(done, 160));
    }
    return page;
  },
  'call-25': (s) => inCall(NAMES.slice(0, 24).map((_, i) => ({ camera: ![3, 8, 12, 18, 21].includes(i), muted: i % 3 === 0 })), s),
  'call-muted': async (s) => {
    const page = await inCall([{}, {}, {}], s);
    await press(page, 'Mute microphone');
    await until('muted', () => page.$('.control.off'));
    return page;
  },
  'call-share': async (s) => {
    const page = await inCall([{}, { screen: true }, { muted: true }, { camera: false }, {}], s);
    await until('the screen', () => page.$('.tile.screen.live'));
    return page;
  },
  'call-own-share': async (s) => {
    const page = await inCall([{}, {}], s);
    if ((s.width ?? 1440) < 600) await page.keyboard.press('s');
    else await press(page, 'Share your screen');
    await until('the own share', () => page.$('.own-share:not([hidden])'));
    return page;
  },
  'call-speaker': async (s) => {
    const page = await inCall([{}, {}, {}, {}], s);
    await page.keyboard.press('g');
    await until('speaker view', () => page.evaluate(() => [...document.querySelectorAll('.tile:not([hidden])')].some((x) => x.offsetWidth > 350 && x.offsetHeight > 250)));
    return page;
  },
  'panel-who': async (s) => {
    const page = await inCall(nine, s);
    await page.click('.pill');
    await until('the panel', () => page.$('.who-first'));
    return page;
  },
  'panel-chat': async (s) => {
    const page = await inCall(nine, s);
    const at = Date.now() - 180000;
    server.says(server.people[0], 'Good morning. The figures are at https://meet.example.org/r/figures.', at);
    server.says(server.people[0], 'I will share them in a minute.', at + 5000);
    server.says(server.people[1], 'Thank you. Can everybody see the second page?', at + 70000);
    await until('unread', () => page.$('.control-chat .count:not([hidden])'));
    await press(page, 'Chat');
    await until('the chat', () => page.$('#chat-field'));
    await page.type('#chat-field', 'Yes, thank you.');
    await page.keyboard.press('Enter');
    await until('said', () => page.evaluate(() => document.querySelectorAll('.said').length === 4));
    await page.type('#chat-field', 'Not sent yet');
    return page;
  },
  'panel-people': async (s) => {
    const page = await inCall(nine, s, { can: ['publish', 'chat', 'moderate'] });
    server.all({ type: 'knocks', knocks: [{ knock: 5, name: 'Henrik Aune' }] });
    await page.keyboard.press('p');
    await until('the panel', () => page.$('.people .members'));
    return page;
  },
  'panel-stats': async (s) => {
    const page = await inCall([{}, {}], s);
    await press(page, 'More');
    await press(page, 'How the call runs');
    await until('the panel', () => page.$('.stats'));
    return page;
  },
  'panel-settings': async (s) => {
    const page = await inCall([{}, {}], s);
    await press(page, 'More');
    await press(page, 'Settings');
    await until('the panel', () => page.$('.settings'));
    return page;
  },
  'panel-keys': async (s) => {
    const page = await inCall([{}, {}], s);
    await page.keyboard.type('?');
    await until('the panel', () => page.$('.keys'));
    return page;
  },
  'menu-more': async (s) => {
    const page = await inCall([{}, {}], s);
    await press(page, 'More');
    await until('the menu', () => page.$('.menu'));
    return page;
  },
  'ask-leave': async (s) => {
    const page = await inCall([{}], s, { can: ['publish', 'moderate'] });
    await press(page, 'Leave');
    await until('the question', () => page.$('dialog[open]'));
    return page;
  },
  'call-lost': async (s) => {
    const page = await inCall([{}, {}, {}], s);
    await page.evaluate(() => { const p = window.fakePeers.at(-1); p.go('disconnected'); p.go = () => undefined; });
    await until('the banner', () => page.$('.banner:not([hidden])'), 6000);
    return page;
  },
  'end-left': async (s) => {
    const page = await inCall([{}], s);
    await press(page, 'Leave');
    await until('the end', () => page.$('.end'));
    return page;
  },
  'end-kicked': async (s) => {
    const page = await inCall([{}], s);
    server.all({ type: 'closed', reason: 'kicked', title: '', by: 1 });
    await until('the end', () => page.$('.end'));
    return page;
  },
  'end-stopped': async (s) => {
    server.clear();
    server.state.policy = {};
    const page = await inCall([{}], s);
    server.all({ type: 'restart', reason: 'test' });
    server.all({ type: 'joined', id: 0, member: 500, can: [], room: { name: 'thursday-stand-up', class: 'sealed', locked: false, recording: false }, members: [], tracks: [], ice: [] });
    await until('the stop', () => page.$('.end[data-page="stopped"]'));
    return page;
  },
  'end-gone': async (s) => {
    const page = await open('/r/missing', s);
    await until('the end', () => page.$('.end'));
    return page;
  },
  'end-full': async (s) => {
    server.clear();
    server.state.closed = 'room_full';
    const page = await open('/r/thursday-stand-up', s);
    await until('the form', () => page.$('.pre-form .primary:not([disabled])'));
    await page.click('.pre-form .primary');
    await until('the end', () => page.$('.end'));
    return page;
  },
  lobby: async (s) => {
    server.clear();
    server.state.lobby = true;
    const page = await open('/r/thursday-stand-up', s);
    await until('the form', () => page.$('.pre-form .primary:not([disabled])'));
    await page.click('.pre-form .primary');
    await until('waiting', () => page.evaluate(() => document.querySelector('h1')?.textContent === 'Waiting to be let in'));
    return page;
  },
};

// What is looked at at all sizes, light and dark, with FULL=1; else wide and light, on a tablet in the light, on a phone in the dark.
// The rest is looked at wide and light, and on a phone in the dark.
const EVERYWHERE = new Set(['landing', 'prejoin', 'call-2', 'call-9', 'call-share', 'panel-who', 'panel-chat', 'end-stopped']);
for (const [name, come] of Object.entries(screens)) {
  if (only && !only.test(name)) continue;
  for (const [label, width, height] of SIZES) {
    for (const dark of [false, true]) {
      const usual = (label === '1440' && !dark) || (label === '390' && dark) || (EVERYWHERE.has(name) && label === '820' && !dark);
      if (!usual && !(full && EVERYWHERE.has(name))) continue;
      const shot = `${name}-${label}-${dark ? 'dark' : 'light'}`;
      let page;
      if (await checks.is(`${shot}: comes up`, async () => { page = await come({ width, height, dark }); })) await look(shot, page);
      if (page) await close(page);
    }
  }
}

if (!only) {
  await checks.is('German, and right to left', async () => {
    const page = await open('/?lang=de', { store: { direction: 'rtl' } });
    await until('German', () => page.evaluate(() => document.querySelector('h1')?.textContent.startsWith('Wähle')));
    if (!(await page.evaluate(() => document.documentElement.dir === 'rtl' && document.documentElement.scrollWidth <= innerWidth))) throw new Error('not right to left');
    await page.screenshot({ path: join(folder, 'landing-de-rtl.png') });
    await close(page);
  });
  await checks.is('320 px wide and a 40-letter name', async () => {
    const page = await inCall([{}, {}], { width: 320, height: 640, name: 'Maximiliane-Friederike von Hohenstaufen-X' });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.screenshot({ path: join(folder, 'call-320.png') });
    await close(page);
    if (over > 0) throw new Error(`${over} px too wide`);
  });
  await checks.is('1 to 25 to 1 people: tiles never overlap, none too small, nobody moves without need', async () => {
    const page = await inCall([], {});
    const shot = () => page.evaluate(() => [...document.querySelectorAll('.field-of-tiles .tile:not([hidden])')].map((x) => {
      const r = x.getBoundingClientRect();
      return { label: x.getAttribute('aria-label'), as: x.dataset.as, x: r.x, y: r.y, w: r.width, h: r.height };
    }));
    const order = (tiles) => tiles.filter((x) => x.label).map((x) => x.label.split(',')[0]);
    let before = order(await shot());
    const there = [];
    for (let i = 0; i < 24; i++) {
      there.push(server.join({ name: NAMES[i], camera: false }));
      await until(`${i + 2} tiles`, async () => (await shot()).length === i + 2, 3000, 30);
      const tiles = await shot();
      for (const [k, a] of tiles.entries()) {
        if (tiles.length > 2 && (a.w < 176 || a.h < 104)) throw new Error(`${tiles.length}: a tile of ${a.w} × ${a.h}`);
        for (const b of tiles.slice(k + 1)) {
          if (a.as !== 'corner' && b.as !== 'corner' && a.x < b.x + b.w - 0.5 && b.x < a.x + a.w - 0.5 && a.y < b.y + b.h - 0.5 && b.y < a.y + a.h - 0.5) throw new Error(`${tiles.length}: ${a.label} over ${b.label}`);
        }
      }
      const now = order(tiles);
      if (before.some((n, k) => now[k] !== n)) throw new Error(`the order changed: ${before} → ${now}`);
      before = now;
    }
    while (there.length) server.leave(there.splice((there.length * 7) % there.length, 1)[0]);
    await until('alone again', async () => (await shot()).length === 1, 5000);
    await close(page);
  });
  await checks.is('speaking changes only ring and level', async () => {
    const page = await inCall([{ camera: false }, { camera: false }, { camera: false }], {});
    const boxes = () => page.evaluate(() => JSON.stringify([...document.querySelectorAll('.tile:not([hidden])')].map((x) => [x.getAttribute('aria-label'), x.style.transform, x.style.width, x.style.height])));
    const before = await boxes();
    for (let i = 0; i < 6; i++) {
      server.speaks({ member: 1 + (i % 3), level: 12 });
      await new Promise((done) => setTimeout(done, 120));
    }
    if ((await boxes()) !== before) throw new Error('a tile moved');
    await close(page);
  });
  await checks.is('what is typed survives a lost socket, and is sent after it', async () => {
    const page = await inCall([{}], {});
    await page.keyboard.press('c');
    await page.type('#chat-field', 'half a sen');
    server.drop();
    await page.type('#chat-field', 'tence');
    await until('back', () => page.evaluate(() => true), 1000);
    await page.keyboard.press('Enter');
    const ms = await until('said', () => page.evaluate(() => [...document.querySelectorAll('.said-text')].some((x) => x.textContent === 'half a sentence') &&
      [...document.querySelectorAll('.said-state')].every((x) => x.textContent === '')), 8000);
    await close(page);
    return `${ms} ms`;
  });
  await checks.is('a whole call by keyboard alone', async () => {
    server.clear();
    server.rooms.clear();
    server.people.push({ member: 1, name: 'Ana Duarte' });
    const page = await open('/');
    await until('the page', () => page.$('#room-name'));
    const focused = () => page.evaluate(() => (document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent ?? '').trim() || document.activeElement.id);
    const tabTo = async (want, max = 40) => {
      for (let i = 0; i < max; i++) {
        await page.keyboard.press('Tab');
        const now = await focused();
        if (typeof want === 'string' ? now === want || (await page.evaluate((id) => document.activeElement.id === id, want)) : want.test(now)) return;
      }
      throw new Error(`Tab never reaches ${want}`);
    };
    await tabTo('room-name');
    await page.keyboard.type('Keyboard room');
    await page.keyboard.press('Enter');
    await until('preview', () => page.$('.pre-form .primary:not([disabled])'));
    await tabTo(/^Join$/);
    await page.keyboard.press('Enter');
    await until('the call', () => page.$('.call'));
    await page.keyboard.press('m');
    await until('muted', () => page.$('.control-mic.off'));
    await page.keyboard.down(' ');
    await until('talking', () => page.evaluate(() => document.querySelector('.control-mic.off') === null));
    await page.keyboard.up(' ');
    await until('muted again', () => page.$('.control-mic.off'));
    await page.keyboard.press('v');
    await until('camera off', () => page.$('.control-cam.off'));
    await page.keyboard.press('h');
    await until('hand', () => page.$('.control-hand[aria-pressed="true"]'));
    await page.keyboard.press('w');
    await until('who', () => page.$('.who-first'));
    await page.keyboard.press('Escape');
    await until('closed', () => page.evaluate(() => document.querySelector('.panel').hidden));
    await page.keyboard.press('c');
    await page.keyboard.type('mhv by keyboard');
    await page.keyboard.press('Enter');
    await until('said', () => page.evaluate(() => document.querySelector('.said-text')?.textContent === 'mhv by keyboard'));
    await page.keyboard.press('Escape');
    for (let i = 0; i < 4; i++) await page.keyboard.press('F6');
    await page.keyboard.press('ArrowRight');
    await tabTo(/^Leave$/);
    await page.keyboard.press('Enter');
    await until('left', () => page.$('.end'));
    await close(page);
  });
  await checks.is('a token in the fragment is taken out of the address at once', async () => {
    server.clear();
    const page = await open('/r/thursday-stand-up#token=TWlyYQ');
    await until('the preview', () => page.$('.pre-form'));
    if (await page.evaluate(() => location.hash !== '')) throw new Error('the fragment is still there');
    await close(page);
  });
  await checks.is('row 53: hostile names and words run nothing and build nothing, in every view', async () => {
    const RUN = 'window.ran=(window.ran??0)+1';
    const payloads = [
      `<script>${RUN}</script>`, `<img src=x onerror=${RUN}>`, `"><svg onload=${RUN}>`, `'><iframe srcdoc="<script>parent.${RUN}</script>">`, `<style>@import'//x'</style>`, `</title><script>${RUN}</script>`,
      `</textarea><img src=x onerror=${RUN}>`, `<math><mtext><table><mglyph><style><img src=x onerror=${RUN}>`, `{{constructor.constructor('${RUN}')()}}`, `\${${RUN}}`, `<a href="javascript:${RUN}">x</a>`,
      `<details open ontoggle=${RUN}>`, `<input autofocus onfocus=${RUN}>`, `<video><source onerror=${RUN}>`, `<object data="javascript:${RUN}">`, `<form><button formaction=javascript:${RUN}>x`, `<svg><animate onbegin=${RUN} attributeName=x>`,
      `<base href=//evil.example>`, `<meta http-equiv=refresh content="0;url=javascript:${RUN}">`, `<link rel=stylesheet href=//evil.example/x>`, `\u202e<script>${RUN}</script>`, `&lt;script&gt;${RUN}&lt;/script&gt;`, `<b id=app name=app>`, `__proto__`, `constructor`, `%3Cscript%3E${RUN}%3C/script%3E`,
    ];
    const links = ['javascript:window.ran=1', 'data:text/html,<script>window.ran=1</script>', 'vbscript:x', 'http://x"onmouseover=window.ran=1', "https://x'onclick=window.ran=1 <b>y</b>", 'https://user:pw@evil.example/'];
    const page = await inCall(payloads.slice(0, 24).map((name) => ({ name, camera: false })), {}, { can: ['publish', 'chat', 'moderate'] });
    await page.evaluate(() => {
      window.reports = [];
      addEventListener('securitypolicyviolation', (e) => window.reports.push(e.violatedDirective));
      window.before = document.querySelectorAll('script, iframe, object, base, link, meta, style').length;
    });
    for (const [i, text] of [...payloads, ...links].entries()) server.says(server.people[i % 24], text);
    server.all({ type: 'knocks', knocks: payloads.slice(0, 8).map((name, i) => ({ knock: i + 1, name })) });
    for (const [i, name] of payloads.entries()) server.all({ type: 'member_joined', member: { member: 500 + i, name, kind: 'browser', moderator: i % 2 === 0, hand: true, since: 0 } });
    for (const emoji of payloads.slice(0, 4)) server.all({ type: 'reacted', member: 3, emoji });
    server.all({ type: 'locked', locked: true, by: 501 });
    server.all({ type: 'error', code: 'x', title: payloads[0] });
    for (const key of ['p', 'c', 'w']) {
      await page.keyboard.press(key);
      await page.evaluate(() => new Promise((done) => setTimeout(done, 120)));
      if (key === 'c') {
        await until('all words', () => page.evaluate((n) => document.querySelectorAll('.said-text').length === n, payloads.length + links.length), 5000);
        const odd = await page.evaluate(() => [...document.querySelectorAll('.said-text a')].filter((a) => !/^https?:$/.test(a.protocol) || !a.relList.contains('noopener')).map((a) => a.href));
        if (odd.length) throw new Error(`links ${odd.join(' ')}`);
        const lost = await page.evaluate((all) => all.filter((t) => ![...document.querySelectorAll('.said-text')].some((x) => x.textContent === t)), payloads);
        if (lost.length) throw new Error(`not shown as written: ${lost[0]}`);
      }
      await page.keyboard.press('Escape');
    }
    server.all({ type: 'closed', reason: 'kicked', title: payloads[1], by: 500 });
    await until('the end', () => page.$('main.end'));
    const found = await page.evaluate(() => ({
      ran: window.ran ?? 0, reports: window.reports, built: document.querySelectorAll('script, iframe, object, base, link, meta, style').length - window.before,
      on: [...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
    }));
    if (found.ran || found.reports.length || found.built || found.on) throw new Error(JSON.stringify(found));
    await close(page);
    return `${payloads.length} names, ${payloads.length + links.length} messages: 0 ran, 0 reports`;
  });
  await checks.is('first load to preview', async () => {
    server.clear();
    const start = Date.now();
    const page = await open('/r/thursday-stand-up');
    await until('the preview', () => page.$('.preview video:not([hidden])'), 10000, 20);
    const ms = Date.now() - start;
    await close(page);
    return `${ms} ms`;
  });
}
await checks.is('no request to anybody else', () => { if (strangers.length) throw new Error(strangers.join(' ')); });
await checks.is('nothing in the console', () => { if (consoleErrors.length) throw new Error([...new Set(consoleErrors)].slice(0, 8).join(' | ')); });
await browser.close();
await server.close();
process.exitCode = checks.done();
