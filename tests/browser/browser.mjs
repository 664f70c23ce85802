// SPDX-License-Identifier: Apache-2.0
// Starts Debian's Chromium and Firefox for tests, and small things that all of them use.
import { existsSync } from 'node:fs';
import puppeteer from 'puppeteer-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

export function chromium({ headless = true, args = [], ...rest } = {}) {
  return puppeteer.launch({
    executablePath: CHROMIUM, headless, acceptInsecureCerts: true, protocolTimeout: 60000, pipe: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
      '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows', '--mute-audio=false', '--lang=en',
      '--auto-select-desktop-capture-source=Entire screen', ...args], ...rest,
  });
}
export function firefox({ prefs = {}, ...rest } = {}) {
  return puppeteer.launch({
    browser: 'firefox', executablePath: FIREFOX, headless: true, acceptInsecureCerts: true, protocolTimeout: 60000, ...rest,
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true, 'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0, 'media.autoplay.block-webaudio': false, 'media.gmp-manager.updateEnabled': false,
      'services.settings.server': 'data:,#remote-settings-dummy/v1', 'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false,
      'app.normandy.enabled': false, 'intl.accept_languages': 'en', ...prefs,
    },
  });
}
export const haveBrowsers = () => existsSync(CHROMIUM) && existsSync(FIREFOX);

/** Waits for f (in this process) to answer something true; fails with `what` after `ms`. Answers how long it took. */
export async function until(what, f, ms = 15000, every = 100) {
  const start = Date.now();
  let last;
  while (Date.now() - start < ms) {
    try {
      last = await f();
      if (last) return Date.now() - start;
    } catch (why) {
      last = why;
    }
    await new Promise((done) => setTimeout(done, every));
  }
  throw new Error(`${what}: not within ${ms} ms (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
}

/** Counts and prints: `ok` or `not ok` per check, and the last line that ./check reads. */
export class Checks {
  passed = 0;
  failed = 0;
  async is(name, f) {
    const start = Date.now();
    try {
      const said = await f();
      this.passed++;
      console.log(`ok ${name} (${Date.now() - start} ms)${typeof said === 'string' ? `: ${said}` : ''}`);
      return true;
    } catch (why) {
      this.failed++;
      console.log(`not ok ${name} (${Date.now() - start} ms): ${why instanceof Error ? (process.env.TRACE ? why.stack : why.message) : why}`);
      return false;
    }
  }
  done() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 ? 0 : 1;
  }
}
