#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The stand-alone verifier of an exported audit trail: this file, Node.js, the export and the public key; nothing else of
// incamera. It was written from docs/audit.md, not from the server's code.
//   usage: node audit-verify.mjs EXPORT KEY [HEAD]
// KEY: the public key, 64 hexadecimal digits, from a place you trust. HEAD: a head that you kept (from the log, from the
// file named by audit-heads, or from an earlier run); with it a trail that was cut or written anew is noticed too.
// Exit 0: complete and unaltered. Exit 1: the first bad entry and why. Exit 2: wrong usage.
import { createHash, createPublicKey, verify } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

const [file, keyHex, keptHex] = process.argv.slice(2);
if (!file || !/^[0-9a-f]{64}$/.test(keyHex ?? "") || (keptHex && !/^[0-9a-f]{242}$/.test(keptHex))) {
  console.error("expected: audit-verify.mjs EXPORT KEY [HEAD]");
  process.exit(2);
}

function wrong(entry, why) {
  console.log(entry ? `entry ${entry}: ${why}` : why);
  process.exit(1);
}

const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash("sha256")).digest();

// RFC 9162 section 2.1: the full subtrees from the left, largest first
let subtrees = [];
let size = 0;

function append(leaf) {
  subtrees.push({ level: 0, hash: leaf });
  size++;
  for (let n = subtrees.length; n > 1 && subtrees[n - 1].level === subtrees[n - 2].level; n = subtrees.length) {
    const [left, right] = subtrees.splice(n - 2);
    subtrees.push({ level: left.level + 1, hash: sha256(Buffer.of(1), left.hash, right.hash) });
  }
}

function root() {
  if (!size) return sha256();
  return subtrees.map((t) => t.hash).reduceRight((right, left) => sha256(Buffer.of(1), left, right));
}

const u16 = (v) => Buffer.from([v >> 8, v & 255]);
function u64(v) {
  const b = Buffer.alloc(8);
  b.writeBigUInt64BE(BigInt(v));
  return b;
}

function leafOf(e) {
  const texts = [e.who, e.verb, e.room, e.object, e.from].flatMap((t) => [u16(Buffer.byteLength(t)), Buffer.from(t)]);
  return sha256(Buffer.of(0), Buffer.of(1), u64(e.seq), u64(e.at), ...texts, Buffer.of(e.allowed ? 1 : 0), u16(e.rule));
}

function headOf(hex) {
  const b = Buffer.from(hex, "hex");
  if (b.length !== 121 || b[0] !== 1 || b.toString("hex") !== hex) return null;
  return {
    size: Number(b.readBigUInt64BE(1)), before: Number(b.readBigUInt64BE(9)), fields: b.subarray(1, 57),
    root: b.subarray(25, 57), signature: b.subarray(57),
  };
}

const ed25519 = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(keyHex, "hex")]);
const key = createPublicKey({ key: ed25519, format: "der", type: "spki" });
const signed = (h) => verify(null, Buffer.concat([Buffer.from("incamera 1.0 audit head\n"), h.fields]), key, h.signature);

const kept = keptHex ? headOf(keptHex) : null;
if (keptHex && (!kept || !signed(kept))) wrong(0, "The head that was kept is not signed by this key.");

let lines = 0;
let heads = 0;
let last = 0;
let met = !kept;

function meet() {
  if (met || kept.size !== size) return;
  if (!root().equals(kept.root)) wrong(last + 1, "The head that was kept is over other entries: the trail was written anew.");
  met = true;
}

function takeHead(hex) {
  const h = typeof hex === "string" ? headOf(hex) : null;
  if (!h || !signed(h)) wrong(last + 1, "A head is not signed by this key.");
  if (h.before !== last || h.before >= h.size) wrong(last + 1, "A head is missing, repeated or out of its order.");
  if (h.size > size) wrong(size + 1, "Entries that a signed head covers are missing.");
  if (h.size < size || !root().equals(h.root)) wrong(last + 1, "The signed head is over other entries.");
  last = h.size;
  heads++;
  meet();
}

const names = "allowed at from leaf object room rule seq verb who";
const natural = (n) => Number.isSafeInteger(n) && n >= 0;
function takeEntry(e) {
  const good = Object.keys(e).sort().join(" ") === names && natural(e.at) && natural(e.rule) && e.rule < 65536 &&
    typeof e.allowed === "boolean" && [e.who, e.verb, e.room, e.object, e.from].every((t) => typeof t === "string");
  if (!good) wrong(size + 1, "This line is neither an entry nor a head.");
  if (e.seq !== size + 1) wrong(size + 1, "An entry is missing, repeated or out of its order.");
  const leaf = leafOf(e);
  if (leaf.toString("hex") !== e.leaf) wrong(e.seq, "The entry is not what its hash says: it was changed.");
  append(leaf);
  meet();
}

for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
  let o;
  try {
    o = JSON.parse(line);
  } catch {
    wrong(size + 1, "This line is not JSON.");
  }
  if (lines++ === 0) {
    if (o?.incamera_audit !== 1) wrong(0, "This is not an export of an audit trail.");
    if (o.key !== keyHex) wrong(0, "The export names another key than the one expected.");
  } else if (o && typeof o === "object" && Object.keys(o).join() === "head") takeHead(o.head);
  else takeEntry(o ?? {});
}
if (!lines) wrong(0, "The export is empty.");
if (last !== size) wrong(last + 1, "No signed head covers the entries from here on.");
if (!met) wrong(size + 1, "The trail ends before the head that was kept: it was cut.");
console.log(`complete and unaltered: ${size} entries under ${heads} signed heads`);
