// SPDX-License-Identifier: Apache-2.0
// usage: node web/package.mjs FOLDER SEAL.WASM   makes the SDK as an npm package: one module, its types, and the sealing worker and core
// for sealed rooms. `npm pack FOLDER` or `npm install FOLDER` takes it from there.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [folder, core] = process.argv.slice(2).map((p) => resolve(p));
if (!folder || !core) {
  console.error('usage: node web/package.mjs FOLDER SEAL.WASM');
  process.exit(2);
}
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const common = { absWorkingDir: here, bundle: true, format: 'esm', target: ['es2022'], charset: 'utf8', logLevel: 'warning' };
await build({ ...common, entryPoints: ['sdk/index.ts'], outfile: join(folder, 'index.js') });
await build({ ...common, entryPoints: ['worker/sealer.ts'], outfile: join(folder, 'sealer.js'), minify: true });
copyFileSync(core, join(folder, 'seal.wasm'));

const types = join(folder, 'types');
const made = spawnSync(join(here, 'node_modules/.bin/tsc'), ['-p', here, '--noEmit', 'false', '--emitDeclarationOnly', '--declaration', '--rewriteRelativeImportExtensions', '--outDir', types], { encoding: 'utf8' });
if (made.status !== 0) {
  console.error(made.stdout + made.stderr);
  process.exit(1);
}
// Only what index.ts reaches, and with endings that every TypeScript finds.
const wanted = new Set(), todo = ['sdk/index'];
for (let at = todo.pop(); at; at = todo.pop()) {
  if (wanted.has(at)) continue;
  wanted.add(at);
  const text = readFileSync(join(types, `${at}.d.ts`), 'utf8').replace(/(from ["'][^"']+)\.ts(["'])/g, '$1.js$2');
  writeFileSync(join(types, `${at}.d.ts`), text);
  for (const [, path] of text.matchAll(/from ["'](\.[^"']+)\.js["']/g)) todo.push(join(dirname(at), path));
}
for (const name of readdirSync(types, { recursive: true })) {
  const path = join(types, name);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() && !wanted.has(name.replace(/\.d\.ts$/, ''))) rmSync(path);
}
for (const name of readdirSync(types)) if (![...wanted].some((w) => w.startsWith(`${name}/`))) rmSync(join(types, name), { recursive: true });
cpSync(join(here, '../LICENSE'), join(folder, 'LICENSE'));
cpSync(join(here, 'sdk/api.md'), join(folder, 'README.md'));
const { version, license } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
writeFileSync(join(folder, 'package.json'), `${JSON.stringify({
  name: 'incamera', version, license, type: 'module', description: 'Rooms of an incamera server in the browser', sideEffects: false,
  exports: { '.': { types: './types/sdk/index.d.ts', default: './index.js' }, './sealer.js': './sealer.js', './seal.wasm': './seal.wasm' },
}, null, 2)}\n`);
