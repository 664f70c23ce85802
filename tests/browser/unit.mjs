// SPDX-License-Identifier: Apache-2.0
// usage: node tests/browser/unit.mjs   bundles unit/*.test.ts and runs them; no browser, no clock, no network
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const { build } = createRequire(join(here, '../../web/package.json'))('esbuild');
const folder = mkdtempSync(join(tmpdir(), 'incamera-unit-'));
const files = readdirSync(join(here, 'unit')).filter((f) => f.endsWith('.test.ts'));
await build({
  entryPoints: files.map((f) => join(here, 'unit', f)), bundle: true, platform: 'node', format: 'esm', outdir: folder,
  outExtension: { '.js': '.mjs' }, target: 'node18', logLevel: 'warning', define: { ROOT: JSON.stringify(join(here, '../..')) },
});
const ran = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...files.map((f) => join(folder, f.replace(/\.ts$/, '.mjs')))], { encoding: 'utf8', timeout: process.env.LONG ? 3500000 : 60000 });
for (const [, said] of ran.stdout.matchAll(/^# ((?:SEED|join at|\d+ changes).*)$/gm)) console.log(`# ${said}`);
rmSync(folder, { recursive: true, force: true });
const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(ran.stdout)?.[1] ?? 0);

if (ran.status !== 0) console.log(ran.stdout.split('\n').filter((l) => /not ok|error:|expected|actual|at .*test/.test(l)).join('\n'), ran.stderr);
console.log(`${count('pass')} passed, ${Math.max(count('fail'), ran.status === 0 ? 0 : 1)} failed`);
process.exitCode = ran.status === 0 ? 0 : 1;
