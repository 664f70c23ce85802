// SPDX-License-Identifier: Apache-2.0
/** Where the page begins: which screen the address wants. */
import { applyTheme } from './choices.ts';
import { live } from './frame.ts';
import { landing } from './landing.ts';
import { prejoin } from './prejoin.ts';
import { startLanguage } from './texts.ts';

/** The link's fragment is read once and taken out of the address at once: it may hold a token or a key. */
function takeFragment(): string {
  const fragment = location.hash.slice(1);
  if (fragment) history.replaceState(history.state, '', location.pathname + location.search);
  return fragment;
}

async function route(): Promise<void> {
  const fragment = takeFragment();
  const room = /^\/r\/([A-Za-z0-9_-]{1,64})$/.exec(location.pathname)?.[1];
  if (room) await prejoin(room, fragment, go);
  else landing(go);
}
function go(path: string): void {
  history.pushState(null, '', path);
  void route();
}

applyTheme();
live.attach();
addEventListener('popstate', () => void route());
void startLanguage().then(route);
