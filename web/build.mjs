// SPDX-License-Identifier: Apache-2.0
// usage: node web/build.mjs FOLDER [SEAL.WASM]
// Bundles the page into FOLDER: index.html and assets/NAME-HASH.EXT, and prints sizes; tools/embed compresses. The same sources
// give the same bytes. Fails when the first load is more than 150 kB compressed.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const FIRST_LOAD_MAX = 150_000;
const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2] && resolve(process.argv[2]);
if (!folder) {
  console.error('usage: node web/build.mjs FOLDER');
  process.exit(2);
}
const assets = join(folder, 'assets');
rmSync(assets, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });

const common = { absWorkingDir: here, bundle: true, minify: true, target: ['es2022'], legalComments: 'none', logLevel: 'warning', metafile: true };
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 8).toUpperCase();
// The sealing worker and its core. Without the core the page offers governed rooms only.
const core = process.argv[3] && existsSync(process.argv[3]) ? readFileSync(process.argv[3]) : undefined;
const sealer = { worker: '', core: '' };
if (core) {
  const worker = await build({ ...common, entryPoints: ['worker/sealer.ts'], format: 'esm', write: false });
  const script = worker.outputFiles[0].contents;
  sealer.worker = `/assets/sealer-${hash(script)}.js`;
  sealer.core = `/assets/seal-${hash(core)}.wasm`;
  writeFileSync(join(folder, sealer.worker), script);
  writeFileSync(join(folder, sealer.core), core);
}
const js = await build({
  ...common, entryPoints: { app: 'app/main.ts', embed: 'embed/element.ts' }, format: 'esm', splitting: true, outdir: assets,
  entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]', charset: 'utf8', define: { SEALER_FILES: JSON.stringify(sealer) },
});
const css = await build({ ...common, entryPoints: { app: 'app/style.css' }, outdir: assets, entryNames: '[name]-[hash]' });

const named = (meta, entry) => {
  const found = Object.entries(meta.outputs).find(([, o]) => o.entryPoint === entry);
  if (!found) throw new Error(`no output for ${entry}`);
  return found[0].split('/').pop();
};
const iconBytes = readFileSync(join(here, 'app/icon.svg'));
const icon = `icon-${hash(iconBytes)}.svg`;
writeFileSync(join(assets, icon), iconBytes);
const names = { js: named(js.metafile, 'app/main.ts'), css: named(css.metafile, 'app/style.css'), icon };
const html = readFileSync(join(here, 'app/index.html'), 'utf8').replace(/\{\{(\w+)\}\}/g, (_, name) => names[name]);
writeFileSync(join(folder, 'index.html'), html);
// The custom element keeps one address, for other people's pages.
writeFileSync(join(assets, 'incamera-room.js'), `import './${named(js.metafile, 'embed/element.ts')}';\n`);

let first = 0;
const firstFiles = new Set(['index.html', names.js, names.css, names.icon]);
const follow = (file) => {
  const out = Object.entries(js.metafile.outputs).find(([path]) => path.endsWith(`/${file}`))?.[1];
  for (const i of out?.imports ?? []) {
    const name = i.path.split('/').pop();
    if (i.kind === 'import-statement' && !firstFiles.has(name)) {
      firstFiles.add(name);
      follow(name);
    }
  }
};
follow(names.js);
for (const name of ['index.html', ...readdirSync(assets).sort()]) {
  const path = name === 'index.html' ? join(folder, name) : join(assets, name);
  const bytes = readFileSync(path);
  const packed = gzipSync(bytes, { level: 9 });
  if (firstFiles.has(name)) first += packed.length;
  console.log(`${String(bytes.length).padStart(8)} ${String(packed.length).padStart(7)} gz  ${firstFiles.has(name) ? '*' : ' '} ${name}`);
}
console.log(`first load (*): ${first} bytes compressed, at most ${FIRST_LOAD_MAX}`);
if (first > FIRST_LOAD_MAX) process.exit(1);
