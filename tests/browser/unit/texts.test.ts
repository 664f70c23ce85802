// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { de } from '../../../web/app/texts/de.ts';
import { en } from '../../../web/app/texts/en.ts';

declare const ROOT: string;
const NEVER = [/anonymous/i, /untraceable/i, /military/i, /bank-grade/i, /unhackable/i, /unbreakable/i, /zero-knowledge/i, /100 ?%/, /guaranteed/i,
  /(fully|totally) secure/i, /\bsecure\b/i, /E2EE/i, /nobody can record/i, /trust us/i, /\bwe\b/i, /oops/i, /something went wrong/i, /padlock|shield/i];
const NIE = [/anonym/i, /militär/i, /unknackbar/i, /100 ?%/, /garantiert/i, /vertrau/i, /völlig sicher|absolut sicher/i];

test('the English texts never say what cannot be kept', () => {
  for (const [key, text] of Object.entries(en)) {
    for (const word of NEVER) assert.ok(!word.test(text), `${key}: ${text}`);
    assert.ok(!text.includes('!'), `${key} shouts`);
    if (/\bencrypted\b/i.test(text)) assert.match(text, /\{cipher\}/, `${key}: encrypted standing alone`);
    if (/deniable/i.test(text)) assert.equal(key, 'landing.left');
    if (/\bprivate\b/i.test(text)) assert.match(text, /private from/i, key);
  }
});
test('the German texts neither', () => {
  for (const [key, text] of Object.entries(de)) for (const word of NIE) assert.ok(!word.test(text) && !text.includes('!'), `${key}: ${text}`);
});
test('both catalogues have the same keys and the same places', () => {
  const places = (text: string): string[] => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? ''))].sort();
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) assert.deepEqual(places(de[key as keyof typeof de]), places(text), key);
});
const files = (folder: string): string[] => readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((e) =>
  e.isDirectory() ? files(join(folder, e.name)) : [join(folder, e.name)]).filter((f) => /\.(ts|css|html)$/.test(f));
test('no `any`, no default export, no inner HTML, no address of anybody else', () => {
  for (const file of ['web/sdk', 'web/app', 'web/embed', 'web/example'].flatMap(files)) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    assert.ok(!/[:<]\s*any\b|\bas any\b/.test(text), `${file}: any`);
    assert.ok(!/export default/.test(text), `${file}: default export`);
    assert.ok(!/innerHTML|outerHTML|insertAdjacentHTML|document\.write/.test(text), `${file}: HTML from text`);
    for (const [, host] of text.matchAll(/https?:\/\/([a-z0-9.-]+)/g)) assert.ok(['www.w3.org', 'meet.example.org'].includes(host ?? ''), `${file}: ${host ?? ''}`);
  }
});
test('the lock files name no registry', () => {
  for (const file of ['web/package-lock.json', 'tests/browser/package-lock.json']) {
    assert.ok(!/"resolved"|https?:\/\/(?!github|opencollective|paulmillr|dotenvx|www\.patreon|tidelift|feross)/.test(readFileSync(join(ROOT, file), 'utf8').replace(/"url": "[^"]*"/g, '')), file);
  }
});
test('api.md is what the sources say', () => {
  const made = execFileSync(process.execPath, [join(ROOT, 'web/api.mjs')], { encoding: 'utf8' });
  assert.equal(readFileSync(join(ROOT, 'web/sdk/api.md'), 'utf8'), made, 'run: node web/api.mjs > web/sdk/api.md');
});
