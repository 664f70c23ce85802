// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/controls.mjs   every control of a call, pressed in Chromium and in Firefox in one governed room of a real server; what it
// does is seen in the other browser. Last line N passed, N failed.
import { spawnSync } from 'node:child_process';
import { Checks, chromium, firefox, until } from './browser.mjs';
import { Person } from './person.mjs';
import { startServer } from './server.mjs';

const checks = new Checks();
const server = await startServer();
const [one, two] = [await chromium(), await firefox({ prefs: { 'media.navigator.audio.fake_frequency': 1320 } })];
const command = (...words) => spawnSync(server.binary, [...words, '--data', server.data], { encoding: 'utf8' }).stdout.trim();
command('room', 'create', 'controls', '--class', 'governed');
const pass = (name) => command('token', '--room', 'controls', '--name', name, '--can', 'join,publish,subscribe,chat,share,moderate');
const people = [
  [new Person(one, server.origin, { name: 'Cora', colour: [200, 30, 30], hertz: 440 }), 'Chromium'],
  [new Person(two, server.origin, { name: 'Fox', colour: [40, 60, 210], hertz: 1320, ownTone: true }), 'Firefox'],
];
const enter = async (p) => {
  await p.open(`/r/controls#token=${pass(p.name)}`);
  await p.join();
};
for (const [p] of people) await enter(p);

const sees = (p, what, f, ...a) => until(what, () => p.eval(f, ...a), 8000, 50);
const label = (p, name) => p.eval((n) => [...document.querySelectorAll('.tile:not([hidden])')].map((t) => t.getAttribute('aria-label')).find((l) => l?.startsWith(n)) ?? '', name);
const menu = async (p, item, opener = 'More') => {
  await p.press(opener);
  await sees(p, 'the menu', () => document.querySelector('.menu') !== null);
  await sees(p, `the item ${item}`, (want) => {
    const b = [...document.querySelectorAll('.menu button')].find((x) => x.textContent.trim().startsWith(want));
    b?.click();
    return b !== undefined;
  }, item);
};
const panel = (p, heading) => sees(p, `the panel ${heading}`, (want) => !document.querySelector('.panel').hidden && document.querySelector('.panel h2').textContent === want, heading);
const shut = async (p) => {
  await p.eval(() => { document.activeElement?.blur(); });
  await p.page.keyboard.press('Escape');
};

for (const [i, [me, browser]] of people.entries()) {
  const [you] = people[1 - i];
  const is = (what, f) => checks.is(`${browser}: ${what}`, async () => {
    try {
      return await f();
    } finally {
      await me.eval(() => document.querySelector('dialog[open]')?.close());
      await shut(me);
    }
  });
  await Promise.all([me.sees([you]), me.hears([you])]);
  await is('mute and unmute, by button and by M', async () => {
    await me.press('Mute microphone');
    await until('muted for the other', async () => (await label(you, me.name)).includes('muted'), 8000);
    await me.page.keyboard.press('m');
    await until('heard again', async () => !(await label(you, me.name)).includes('muted'), 8000);
    await you.hears([me]);
  });
  await is('video off and on, by button and by V', async () => {
    await me.press('Stop video');
    await sees(you, 'no picture', (n) => ![...document.querySelectorAll('.tile.live')].some((t) => t.getAttribute('aria-label')?.startsWith(n)), me.name);
    await me.eval(() => { document.activeElement?.blur(); });
    await me.page.keyboard.press('v');
    await you.sees([me]);
  });
  await is('the menus of microphone, speaker and camera', async () => {
    for (const [opener, heading] of [['Choose microphone and speaker', 'Microphone'], ['Choose camera', 'Camera']]) {
      await me.press(opener);
      await sees(me, 'the menu', (want) => document.querySelector('.menu .menu-heading')?.textContent === want && document.querySelectorAll('.menu button').length > 0, heading);
      await me.page.keyboard.press('ArrowDown');
      await me.page.keyboard.press('Escape');
      await sees(me, 'closed', () => document.querySelector('.menu') === null);
    }
    await menu(me, 'Settings', 'Choose camera');
    await panel(me, 'Settings');
  });
  await is('a shared screen, and its end', async () => {
    await me.press('Share your screen');
    await sees(you, 'the screen', (n) => [...document.querySelectorAll('.tile')].some((t) => t.getAttribute('aria-label') === `${n} shares a screen` && t.querySelector('video').videoWidth > 0), me.name);
    await me.press('Stop sharing');
    await sees(you, 'no screen', (n) => ![...document.querySelectorAll('.tile:not([hidden])')].some((t) => t.getAttribute('aria-label') === `${n} shares a screen`), me.name);
  });
  await is('hand up and down', async () => {
    await me.press('Raise hand');
    await until('seen', async () => (await label(you, me.name)).includes('hand raised 1'), 8000);
    await me.page.keyboard.press('h');
    await until('down', async () => !(await label(you, me.name)).includes('hand'), 8000);
  });
  await is('a reaction', async () => {
    await me.press('More');
    const emoji = await me.eval(() => {
      const b = document.querySelector('.menu button.emoji');
      b.click();
      return b.textContent;
    });
    await sees(you, 'on the tile', (e) => [...document.querySelectorAll('.tile-react')].some((x) => x.textContent.includes(e)), emoji);
  });
  await is('chat, with the count of what was not read', async () => {
    await me.press('Chat');
    await panel(me, 'Chat');
    await me.page.type('#chat-field', `from ${browser}`);
    await me.page.keyboard.press('Enter');
    await sees(you, 'unread', () => document.querySelector('.control-chat .count:not([hidden])') !== null);
    await you.press('Chat');
    await sees(you, 'the words', (w) => [...document.querySelectorAll('.said-text')].some((x) => x.textContent === w), `from ${browser}`);
    await shut(you);
  });
  await is('people: mute one, mute all, lock and unlock', async () => {
    await me.press('People');
    await panel(me, 'People');
    await me.press(`Mute: ask ${you.name} to mute`).catch(async (why) => { throw new Error(`${why.message}; ${await label(me, you.name)}; ${await you.eval(() => document.querySelector('.control-mic').textContent)}`); });
    await sees(you, 'muted by request', () => document.querySelector('.control-mic.off') !== null);
    await you.press('Unmute microphone');
    await me.press('Ask everyone to mute');
    await sees(you, 'muted again', () => document.querySelector('.control-mic.off') !== null);
    await you.press('Unmute microphone');
    await me.press('Lock the room');
    await sees(you, 'locked', () => document.querySelector('.title').textContent.includes('locked'));
    await me.press('Unlock the room');
    await sees(you, 'open again', () => document.querySelector('.title').textContent.includes('unlocked') || document.querySelector('.title').textContent.includes('open'));
  });
  await is('who can read this room, captions, speaker view', async () => {
    await me.eval(() => { document.querySelector('.pill').click(); });
    await panel(me, 'Who can read this room');
    await shut(me);
    await me.press('Captions');
    await sees(me, 'their place', () => !document.querySelector('.captions').hidden && document.querySelector('.captions').textContent !== '');
    await me.press('Captions');
    await sees(me, 'gone', () => document.querySelector('.captions').hidden);
    await me.press('Speaker view');
    await sees(me, 'speaker view', () => [...document.querySelectorAll('button')].some((b) => b.textContent.trim() === 'Grid'));
    await me.page.keyboard.press('g');
    await sees(me, 'grid', () => [...document.querySelectorAll('button')].some((b) => b.textContent.trim() === 'Speaker view'));
  });
  await is('a tile\'s menu: pin and unpin', async () => {
    await menu(me, 'Pin', `Menu of ${you.name}`);
    await menu(me, 'Unpin', `Menu of ${you.name}`); // it is there only when somebody is pinned
  });
  await is('the rest of More: link, figures, settings, keyboard, full screen, end', async () => {
    if ((await me.link()) !== `${server.origin}/r/controls`) throw new Error('another link');
    await menu(me, 'How the call runs');
    await panel(me, 'How the call runs');
    await sees(me, 'figures', () => document.querySelectorAll('.stats .stat').length > 6);
    await menu(me, 'Settings');
    await panel(me, 'Settings');
    await me.eval(() => { [...document.querySelectorAll('.panel input[type=radio], .panel button')].find((b) => /Dark/.test(b.getAttribute('aria-label') ?? b.parentElement.textContent))?.click(); });
    await menu(me, 'Keyboard');
    await panel(me, 'Keyboard');
    await menu(me, 'Full screen');
    await menu(me, 'Full screen');
    await menu(me, 'End for everyone');
    await sees(me, 'it asks first', () => document.querySelector('dialog[open]')?.textContent.includes('Leave the call?'));
    await me.eval(() => { [...document.querySelectorAll('dialog button')].find((b) => b.textContent.trim() === 'Stay').click(); });
    await you.sees([me]);
  });
  await is('remove, and leave', async () => {
    await me.press('People');
    await me.press(`Remove ${you.name}`);
    await sees(me, 'the question', () => document.querySelector('dialog[open]') !== null);
    await me.eval(() => { document.querySelector('dialog .stop').click(); });
    await sees(you, 'removed', () => document.querySelector('h1')?.textContent === 'You were removed.');
    await you.close();
    await shut(me);
    await me.press('Leave');
    await sees(me, 'left', () => document.querySelector('h1')?.textContent === 'You left the call.');
    await me.press('Join again');
    await me.join();
    await enter(you);
    await Promise.all([me.sees([you]), you.sees([me])]);
  });
}
await checks.is('no page had an error', () => {
  const errors = people.flatMap(([p]) => p.errors.filter((e) => !/WebSocket|fullscreen/i.test(e)).map((e) => `${p.name}: ${e}`));
  if (errors.length) throw new Error(errors.slice(0, 6).join(' | '));
});
if (checks.failed) console.log(server.log.slice(-15).map((l) => `# ${l}`).join('\n'));
await Promise.allSettled([one.close(), two.close()]);
await server.stop();
process.exit(checks.done());
