// SPDX-License-Identifier: Apache-2.0
// usage: node web/api.mjs >web/sdk/api.md   writes what the SDK offers, out of its sources; a test holds the two together
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sdk = join(dirname(fileURLToPath(import.meta.url)), 'sdk');
const read = (name) => readFileSync(join(sdk, name), 'utf8');
const index = read('index.ts');
const offered = [];
for (const [, names, file] of index.matchAll(/export (?:type )?\{([^}]*)\} from '\.\/([^']+)'/g)) {
  for (const name of names.split(',').map((n) => n.trim()).filter(Boolean)) offered.push({ name, file });
}

/** The declaration of a name with the comment before it, bodies of functions and private members left out. */
function declaration(text, name) {
  const lines = text.split('\n');
  const at = lines.findIndex((l) => new RegExp(`^export (?:abstract )?(?:async )?(?:function|class|interface|type|const) ${name}\\b`).test(l));
  if (at < 0) throw new Error(`api.mjs: where is ${name}?`);
  let from = at;
  while (from > 0 && /^(\/\*\*| \*|\/\/)/.test(lines[from - 1])) from--;
  const comment = lines.slice(from, at).map((l) => l.replace(/^\/\*\*\s?|^ \*\/?\s?|\*\/\s*$/g, '').trim()).filter((l) => l && !l.startsWith('SPDX')).join(' ');
  const first = lines[at];
  if (/^export const/.test(first)) return { comment, code: first.replace(/ = .*$/, ';') };
  if (/^export (async )?function/.test(first)) {
    let head = '';
    for (let i = at; ; i++) {
      head += (i > at ? ' ' : '') + lines[i].trim();
      if (/\{$/.test(lines[i])) return { comment, code: head.replace(/ \{$/, ';').replace(/\( /, '(').replace(/, \)/, ')') };
    }
  }
  const body = [];
  for (let i = at; i < lines.length; i++) {
    body.push(lines[i]);
    if (/^(\}|  \| .*;$)/.test(lines[i]) || (i === at && /;$/.test(lines[i])) || (i > at && /^  .*\};?$/.test(lines[i]) && /^export type/.test(first) && /;$/.test(lines[i]) && lines[i + 1] === '')) break;
    if (/^export type/.test(first) && /;$/.test(lines[i]) && (lines[i + 1] === '' || /^(export|const|\/\*\*)/.test(lines[i + 1] ?? ''))) break;
  }
  if (!/^export class/.test(first)) return { comment, code: body.join('\n') };
  const kept = [body[0]];
  let note = [];
  for (const line of body.slice(1, -1)) {
    if (/^  (\/\*\*| \*|\/\/)/.test(line)) note.push(line);
    else if (/^  (async (?!#)|get |constructor|on<|[a-z]\w*[(<])/.test(line)) {
      const head = line.replace(/\s*\{\s*(?:return .*\})?$/, '').replace(/^(  .*?\)(?:: [^{]+)?) \{.*$/, '$1');
      kept.push(...note, `${head.trimEnd()};`);
      note = [];
    } else note = /^\s*$/.test(line) || /^ {2}[#}r]/.test(line) || /^ {4}/.test(line) ? [] : note;
  }
  return { comment, code: [...kept, '}'].join('\n') };
}

const out = ['# The SDK', '', 'Made by `web/api.mjs` out of the sources; do not edit. A call in 40 lines is `web/example/main.ts`.', ''];
let file = '';
for (const { name, file: from } of offered) {
  if (from !== file) {
    file = from;
    const top = /\/\*\*([\s\S]*?)\*\//.exec(read(from).split('\nimport')[0].split('\nexport')[0])?.[1]?.replace(/\n \* ?/g, ' ').trim();
    out.push(`## ${from.replace('.ts', '')}`, '', ...(top ? [top, ''] : []));
  }
  const { comment, code } = declaration(read(from), name);
  out.push(`### ${name}`, '', ...(comment ? [comment, ''] : []), '```ts', code.replace(/^export /, ''), '```', '');
}
process.stdout.write(out.join('\n').replace(/\n{3,}/g, '\n\n'));
