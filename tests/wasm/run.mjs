// SPDX-License-Identifier: Apache-2.0
// The sealing core as WebAssembly, in Node: the noble primitives against OpenSSL (which Node carries) on random and on
// hostile inputs, then the core's face: HPKE vectors, frames of every codec, policies, invitations; then its speed.
// usage: node run.mjs SEAL.WASM [bench]     exit 77 when the page's packages are not installed
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { existsSync, readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

globalThis.crypto ??= crypto.webcrypto; // Debian 12's Node 18 keeps it to itself

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const [wasmFile, mode] = process.argv.slice(2);
if (!existsSync(join(root, 'web/node_modules/esbuild')) || !existsSync(join(root, 'web/node_modules/@noble/curves'))) {
  console.log('skipped: the packages of web/ are not installed');
  process.exit(77);
}

const esbuild = createRequire(join(root, 'web/package.json'))('esbuild');
const folder = mkdtempSync(join(tmpdir(), 'seal-'));
const bundled = join(folder, 'core.mjs');
await esbuild.build({
  stdin: { contents: "export * from './seal_core.ts'; export * from './crypto_noble.ts'; export * from './seal_group.ts';", resolveDir: join(root, 'web/worker') },
  bundle: true, format: 'esm', outfile: bundled, logLevel: 'error', platform: 'neutral', mainFields: ['module', 'main'],
});
const { SealCore, SealFailure, nobleCrypto, checkNoted, SealInvitee, signatureKey } = await import(pathToFileURL(bundled));
rmSync(folder, { recursive: true });

const core = await SealCore.load(readFileSync(wasmFile));
const hex = (s) => new Uint8Array(Buffer.from(s ?? '', 'hex'));
const bytes = (n) => new Uint8Array(crypto.randomBytes(n));
const fails = (reason, run) => assert.throws(run, (e) => e instanceof SealFailure && e.reason === reason, reason);
const text = (s) => new TextEncoder().encode(s);

// ---- primitives against OpenSSL ----
const table = { memory: new WebAssembly.Memory({ initial: 16 }) };
const noble = nobleCrypto(table);
let top = 1024;
const view = () => new Uint8Array(table.memory.buffer);
const put = (b) => {
  const at = top;
  view().set(b, at);
  top += (b.length + 15) & ~15;
  return at;
};
const spans = (...parts) => {
  const where = parts.map((b) => [put(b), b.length]);
  const at = top;
  top += 8 * parts.length + 16;
  const words = new DataView(table.memory.buffer);
  where.forEach(([p, n], i) => (words.setUint32(at + 8 * i, p, true), words.setUint32(at + 8 * i + 4, n, true)));
  return at;
};
const read = (at, n) => view().slice(at, at + n);
const fresh = (run) => ((top = 1024), run());

const HASHES = ['sha256', 'sha384', 'sha512', 'sha1'];
const CIPHERS = [['aes-128-gcm', 16], ['aes-256-gcm', 32], ['chacha20-poly1305', 32]];
const ERR_AUTH = -7;
const OUT = 1 << 19;

const symmetric = () => {
  for (let i = 0; i < 200; i++)
    fresh(() => {
      const a = bytes(i), b = bytes((i * 7) % 150), key = bytes((i * 5) % 200);
      const h = i % 4;
      const want = crypto.createHash(HASHES[h]).update(a).update(b).digest();
      assert.deepEqual(Buffer.from(read(OUT, noble.hash(h, spans(a, b), 2, OUT))), want);
      const mac = crypto.createHmac(HASHES[h], key).update(a).update(b).digest();
      assert.deepEqual(Buffer.from(read(OUT, noble.hmac(h, put(key), key.length, spans(a, b), 2, OUT))), mac);
      const [name, size] = CIPHERS[i % 3];
      const k = bytes(size), nonce = bytes(12);
      const c = crypto.createCipheriv(name, k, nonce, { authTagLength: 16 }).setAAD(b, { plaintextLength: a.length });
      const sealed = Buffer.concat([c.update(a), c.final(), c.getAuthTag()]);
      assert.equal(noble.aead_seal(i % 3, spans(k, nonce, b, a), OUT), sealed.length);
      assert.deepEqual(Buffer.from(read(OUT, sealed.length)), sealed);
      assert.equal(noble.aead_open(i % 3, spans(k, nonce, b, sealed), OUT), a.length);
      assert.deepEqual(read(OUT, a.length), a);
      sealed[i % sealed.length] ^= 1;
      assert.equal(noble.aead_open(i % 3, spans(k, nonce, b, sealed), OUT), ERR_AUTH);
      const iv = bytes(16), ck = bytes(i % 2 ? 16 : 32);
      iv.fill(255, 8); // the counter carries
      const ctr = crypto.createCipheriv(`aes-${ck.length * 8}-ctr`, ck, iv);
      assert.equal(noble.aes_ctr(spans(ck, iv, a), OUT), a.length);
      assert.deepEqual(Buffer.from(read(OUT, a.length)), ctr.update(a));
    });
};

const jwkPoint = (pub) => Buffer.concat([Buffer.from([4]), Buffer.from(pub.x, 'base64url'), Buffer.from(pub.y, 'base64url')]);
const keyAgreement = () => {
  for (let i = 0; i < 12; i++)
    fresh(() => {
      const x = crypto.generateKeyPairSync('x25519'), y = crypto.generateKeyPairSync('x25519');
      const d = Buffer.from(x.privateKey.export({ format: 'jwk' }).d, 'base64url');
      const pub = Buffer.from(y.publicKey.export({ format: 'jwk' }).x, 'base64url');
      assert.equal(noble.dh(0, put(d), put(pub), 32, OUT), 32);
      assert.deepEqual(Buffer.from(read(OUT, 32)), crypto.diffieHellman({ privateKey: x.privateKey, publicKey: y.publicKey }));
      assert.equal(noble.dh_public(0, put(d), OUT), 32);
      assert.deepEqual(Buffer.from(read(OUT, 32)), Buffer.from(x.publicKey.export({ format: 'jwk' }).x, 'base64url'));
      const a = crypto.createECDH('prime256v1'), b = crypto.createECDH('prime256v1');
      a.generateKeys(), b.generateKeys();
      const priv = Buffer.concat([Buffer.alloc(32), a.getPrivateKey()]).subarray(-32);
      assert.equal(noble.dh(1, put(priv), put(b.getPublicKey()), 65, OUT), 32);
      assert.deepEqual(Buffer.from(read(OUT, 32)), a.computeSecret(b.getPublicKey()));
      assert.equal(noble.dh_public(1, put(priv), OUT), 65);
      assert.deepEqual(Buffer.from(read(OUT, 65)), a.getPublicKey());
      const off = b.getPublicKey();
      off[40] ^= 1;
      assert.equal(noble.dh(1, put(priv), put(off), 65, OUT), ERR_AUTH);
      off[40] ^= 1;
      off[0] = 6 + (off[64] & 1); // the hybrid form
      assert.equal(noble.dh(1, put(priv), put(off), 65, OUT), ERR_AUTH);
    });
  const small = ['00'.repeat(32), '01' + '00'.repeat(31), 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', 'ec' + 'ff'.repeat(30) + '7f', 'ed' + 'ff'.repeat(30) + '7f'];
  for (const s of small) fresh(() => assert.equal(noble.dh(0, put(bytes(32)), put(hex(s)), 32, OUT), ERR_AUTH));
  fresh(() => assert(noble.dh_public(1, put(new Uint8Array(32)), OUT) < 0));
};

// An Ed25519 verdict of OpenSSL and ours over the same key, message, signature.
const opensslEd = (pub, message, sig) => {
  try {
    const key = crypto.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(pub).toString('base64url') }, format: 'jwk' });
    return crypto.verify(null, message, key, sig);
  } catch {
    return false;
  }
};
const signatures = () => {
  for (let i = 0; i < 12; i++)
    fresh(() => {
      const e = crypto.generateKeyPairSync('ed25519');
      const d = Buffer.from(e.privateKey.export({ format: 'jwk' }).d, 'base64url');
      const pub = Buffer.from(e.publicKey.export({ format: 'jwk' }).x, 'base64url');
      const m = bytes(i * 9);
      assert.equal(noble.sign(0, put(d), put(m), m.length, OUT), 64);
      const sig = read(OUT, 64);
      assert(crypto.verify(null, m, e.publicKey, sig));
      assert.equal(noble.verify(0, spans(pub, m, sig)), 0);
      for (const at of [0, 31, 32, 63]) {
        const bent = sig.slice();
        bent[at] ^= 1 << i % 8;
        assert.equal(noble.verify(0, spans(pub, m, bent)), ERR_AUTH);
      }
      const p = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = p.privateKey.export({ format: 'jwk' });
      const pd = Buffer.from(jwk.d, 'base64url'), pp = jwkPoint(jwk);
      assert.equal(noble.sign(1, put(pd), put(m), m.length, OUT), 64);
      const ps = read(OUT, 64);
      assert(crypto.verify('sha256', m, { key: p.publicKey, dsaEncoding: 'ieee-p1363' }, ps));
      const theirs = crypto.sign('sha256', m, { key: p.privateKey, dsaEncoding: 'ieee-p1363' });
      assert.equal(noble.verify(1, spans(pp, m, theirs)), 0); // high s too
      const half = Buffer.concat([Buffer.from([2 + (pp[64] & 1)]), pp.subarray(1, 33)]);
      assert.equal(noble.verify(1, spans(half, m, theirs)), 0);
      theirs[i] ^= 1;
      assert.equal(noble.verify(1, spans(pp, m, theirs)), ERR_AUTH);
      assert.equal(noble.verify(1, spans(pp, m, new Uint8Array(64))), ERR_AUTH);
    });
  // Keys of small order and with a torsion component, with the signatures that a lax verifier takes: R = any small
  // point, S = 0. Ours and OpenSSL must agree on each, but for keys refused in both guests beforehand.
  const small = ['00'.repeat(32), '00'.repeat(31) + '80', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'].map(hex);
  const rs = [...small, hex('01' + '00'.repeat(31)), hex('ec' + 'ff'.repeat(30) + '7f'), hex('ee' + 'ff'.repeat(30) + '7f'), hex('01' + '00'.repeat(30) + '80')];
  let taken = 0;
  for (const key of small)
    for (const r of rs)
      for (let i = 0; i < 8; i++)
        fresh(() => {
          const sig = Buffer.concat([r, Buffer.alloc(32)]), m = text(`message ${i}`);
          const ours = noble.verify(0, spans(key, m, sig)) === 0;
          taken += ours;
          assert.equal(ours, opensslEd(key, m, sig), `${Buffer.from(key).toString('hex')} ${Buffer.from(r).toString('hex')} ${i}`);
        });
  assert(taken > 0, 'the hostile set holds signatures that pass without the cofactor');
};

// Signatures noted and checked by WebCrypto give the same answers as one by one.
const noted = async () => {
  const p = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), jwk = p.privateKey.export({ format: 'jwk' });
  const d = Buffer.from(jwk.d, 'base64url'), pub = jwkPoint(jwk);
  for (let i = 0; i < 24; i++) {
    const m = bytes(i), bad = i % 3;
    const sig = crypto.sign('sha256', m, { key: p.privateKey, dsaEncoding: 'ieee-p1363' }), key = Buffer.from(pub);
    if (bad === 1) sig[i] ^= 1;
    if (bad === 2) (i & 1 ? key : sig).fill(0, 1 + (i & 1));
    const now = fresh(() => noble.verify(1, spans(key, m, sig)));
    table.noted = [];
    assert.equal(fresh(() => noble.verify(1, spans(key, m, sig))), 0);
    const list = table.noted;
    table.noted = undefined;
    assert.equal(list.length, 1);
    assert.equal(await checkNoted(list), now === 0);
  }
  assert.deepEqual(await core.later(() => core.random(3).length, () => {}), 3);
};

// ---- the core's face ----
const hpke = () => {
  const all = JSON.parse(readFileSync(join(root, 'tests/vectors/hpke/rfc9180-appendix-a.json')));
  const cases = all.filter((c) => c.mode === 0 && c.kdf_id === 1 && c.aead_id === 1 && c.kem_id !== 18);
  assert.equal(cases.length, 2);
  for (const c of cases) {
    const kem = c.kem_id === 16 ? 'p256' : 'x25519', first = c.encryptions[0];
    const pair = core.hpkeKeyPair(kem, hex(c.ikmR));
    assert.deepEqual([pair.secret, pair.open], [hex(c.skRm), hex(c.pkRm)]);
    const sealed = core.hpkeSeal(kem, pair.open, hex(c.info), hex(first.aad), hex(first.pt), hex(c.ikmE));
    assert.deepEqual(sealed, hex(c.enc + first.ct));
    assert.deepEqual(core.hpkeOpen(kem, pair.secret, hex(c.info), hex(first.aad), sealed), hex(first.pt));
    sealed[sealed.length - 1] ^= 1;
    fails('auth', () => core.hpkeOpen(kem, pair.secret, hex(c.info), hex(first.aad), sealed));
    sealed[5] ^= 1;
    fails('auth', () => core.hpkeOpen(kem, pair.secret, hex(c.info), hex(first.aad), sealed));
    const other = core.hpkeSeal(kem, pair.open, text('i'), text('a'), text('p'));
    assert.deepEqual(core.hpkeOpen(kem, pair.secret, text('i'), text('a'), other), text('p'));
  }
};

const frames = () => {
  const a = core.frames(64), b = core.frames(64), key = bytes(16);
  a.enter(0n, 5n, 3, false, [key]);
  b.enter(0n, 5n, 4, false, [key]);
  for (const codec of ['opus', 'vp8', 'vp9', 'av1', 'h264'])
    for (const n of [1, 3, 100, 1200, 100000]) {
      const clear = bytes(n);
      const wire = a.seal(0n, 1, codec, clear);
      const got = b.open(0n, codec, wire);
      assert.deepEqual(got.frame, clear);
      assert.deepEqual([got.leaf, got.context, got.epoch], [3, 1, 5n]);
      fails('replay', () => b.open(0n, codec, wire));
      wire[wire.length - (codec === 'h264' ? 4 : 1)] ^= 1;
      assert.throws(() => b.open(0n, codec, wire), SealFailure);
    }
  fails('ignored', () => a.seal(0n, 1, 'opus', new Uint8Array(0)));
  fails('state', () => a.enter(0n, 5n, 3, false, [key]));
  const last = a.seal(0n, 0, 'opus', text('x'));
  a.enter(0n, 6n, 3, true, [bytes(16)]);
  assert.equal(a.wake(), 2000000n);
  b.leave();
  fails('unknown', () => b.open(0n, 'opus', last));
  a.free(), b.free();
};

const policies = () => {
  const all = JSON.parse(readFileSync(join(root, 'tests/vectors/incamera/passive-policy.json')));
  for (const c of all) {
    const bytesOf = hex(c.room_policy_extension), hash = hex(c.room_policy_hash), want = c.room_policy;
    const p = core.policyOpen(bytesOf, hash, 4102444800000);
    assert.equal(p.mode, ['', 'direct', 'sealed', 'witnessed', 'governed'][want.mode]);
    assert.deepEqual([p.flags, p.notAfter, p.expired], [want.flags, want.not_after, false]);
    assert.deepEqual([p.roomId, p.ownerKey], [hex(want.room_id), hex(c.owner_key)]);
    assert.equal(p.archive?.name, want.archive?.name);
    assert.equal(p.archive?.notice, want.archive?.notice_url);
    assert(core.policyOpen(bytesOf, hash, 4102444801000).expired);
    hash[0] ^= 1;
    fails('auth', () => core.policyOpen(bytesOf, hash, 0));
  }
};

const invitations = () => {
  const i = { roomId: bytes(32), policyHash: bytes(32), joinSecret: bytes(32), generation: 3 };
  const link = core.invitationWrite('https://meet.example', i);
  const b64 = (b) => Buffer.from(b).toString('base64url');
  assert.equal(link, `https://meet.example/r/${b64(i.roomId)}#1.${b64(i.policyHash)}.${b64(i.joinSecret)}.3`);
  assert.deepEqual(core.invitationOpen(link), i);
  fails('format', () => core.invitationOpen(link + '.'));
  const door = crypto.createHmac('sha256', i.joinSecret).update('incamera 1.0 door\x01').digest();
  assert.deepEqual(Buffer.from(core.door(i.joinSecret)), door);
  assert.deepEqual(Buffer.from(core.sha256(text('abc'))), crypto.createHash('sha256').update('abc').digest());
  assert.equal(core.random(70000).length, 70000);
};

// ---- groups ----
const lifetime = { notBefore: 0n, notAfter: 2n ** 63n };
const member = (suite, name) => {
  const key = signatureKey(core, suite);
  return { key, own: SealInvitee.make(core, suite, key, text(name), [], lifetime) };
};
const psk = { id: text('incamera join'), psk: bytes(32) };
const welcomed = (a, key, packages) => {
  const { commit, welcome } = a.commit(key, [...packages.map((keyPackage) => ({ kind: 'add', keyPackage })), { kind: 'psk', id: psk.id }]);
  const echo = a.open(commit);
  assert(echo.own && echo.kind === 'commit');
  a.apply();
  return { commit, welcome };
};

const groups = async () => {
  for (const suite of [1, 2, 3]) {
    const ana = member(suite, 'ana'), bob = member(suite, 'bob'), eve = member(suite, 'eve');
    const a = ana.own.create(text('room'), new Uint8Array(0));
    a.putPsk(psk);
    const { welcome } = welcomed(a, ana.key, [bob.own.message, eve.own.message]);
    await assert.rejects(bob.own.join(welcome, []), (e) => e.reason === 'unknown'); // without the link
    const b = await bob.own.join(welcome, [psk]), e = await eve.own.join(welcome, [psk]);
    assert(b.joinedWithPsk(psk.id));
    const bent = welcome.slice();
    bent[bent.length - 5] ^= 1;
    await assert.rejects(eve.own.join(bent, [psk]), SealFailure);
    const same = () => {
      const list = [a, b].map((g) => g.export('SFrame 1.0 Base Key', new Uint8Array(0), 16));
      assert.deepEqual(list[0], list[1]);
      assert.deepEqual(a.info().authenticator, b.info().authenticator);
      return list[0];
    };
    const before = same();
    assert.deepEqual(b.leaf(0).identity, text('ana'));
    const said = b.say(bob.key, text('hello'), text('ad'));
    const heard = a.open(said);
    assert.deepEqual([heard.kind, heard.sender, heard.data, heard.authenticatedData], ['application', 1, text('hello'), text('ad')]);
    fails('replay', () => a.open(said));
    const { commit } = b.commit(bob.key, [{ kind: 'remove', leaf: e.info().ownLeaf }], text('kick'));
    const seen = a.open(commit);
    assert.deepEqual([seen.kind, seen.sender, seen.gone, seen.path, seen.authenticatedData], ['commit', 1, [2], true, text('kick')]);
    a.apply();
    assert(b.open(commit).own);
    b.apply();
    assert.notDeepEqual(same(), before);
    const last = e.open(commit);
    assert(last.removed);
    e.apply();
    fails('closed', () => e.export('x', new Uint8Array(0), 16));
    assert(b.staged() === false);
    b.commit(bob.key, []);
    assert(b.staged());
    b.discard();
    assert(!b.staged());
    for (const x of [a, b, e, ana.own, bob.own, eve.own]) x.free();
  }
};

// Random joins, removals and re-keys: everybody in agrees after each, whoever was removed can't follow.
const churn = async () => {
  let seed = Number(process.env.SEED ?? Date.now() % 1e6);
  console.log(`churn: SEED=${seed}`);
  const random = (n) => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % n);
  const first = member(2, 'm0'), out = [];
  const inside = [{ key: first.key, group: first.own.create(text('churn'), new Uint8Array(0)) }];
  inside[0].group.putPsk(psk);
  for (let i = 1; i <= 30; i++) {
    const by = inside[random(inside.length)], what = random(4);
    const proposals = [{ kind: 'psk', id: psk.id }];
    let joiner, gone;
    if (what < 2 || inside.length < 3) {
      joiner = member(2, `m${i}`);
      proposals.unshift({ kind: 'add', keyPackage: joiner.own.message });
    } else if (what === 2) {
      gone = inside.filter((m) => m !== by)[random(inside.length - 1)];
      proposals.unshift({ kind: 'remove', leaf: gone.group.info().ownLeaf });
    }
    const { commit, welcome } = by.group.commit(by.key, proposals);
    for (const m of inside) {
      const seen = m.group.open(commit);
      assert.equal(seen.removed, m === gone);
      m.group.apply();
    }
    if (gone) {
      inside.splice(inside.indexOf(gone), 1);
      out.push(gone);
    }
    if (joiner) {
      const group = await joiner.own.join(welcome, [psk]);
      group.putPsk(psk);
      inside.push({ key: joiner.key, group });
      joiner.own.free();
    }
    const want = by.group.info().authenticator;
    for (const m of inside) assert.deepEqual(m.group.info().authenticator, want);
    for (const m of out) assert.throws(() => m.group.open(commit), SealFailure);
  }
  for (const m of [...inside, ...out]) m.group.free();
};

const benchGroups = async () => {
  for (const [suite, size] of [[2, 100], [1, 100], [2, 500]]) {
    const ana = member(suite, 'ana'), all = Array.from({ length: size - 1 }, (_, i) => member(suite, `m${i}`));
    const a = ana.own.create(text('room'), new Uint8Array(0));
    a.putPsk(psk);
    let welcome, last;
    for (let i = 0; i < all.length; i += 60) {
      const part = all.slice(i, i + 60);
      ({ welcome } = welcomed(a, ana.key, part.map((m) => m.own.message)));
      last = part[part.length - 1];
    }
    for (let i = 0; i < 2; i++) {
      const t = performance.now();
      const g = await last.own.join(welcome, [psk]);
      console.log(`suite ${suite} join at ${size}: ${(performance.now() - t).toFixed(0)} ms, welcome ${welcome.length} B`);
      g.free();
    }
    const t = performance.now();
    const { commit } = a.commit(ana.key, []);
    console.log(`suite ${suite} empty commit at ${size}: ${(performance.now() - t).toFixed(0)} ms, ${commit.length} B`);
    a.free();
    for (const m of all) m.own.free();
  }
};

const bench = async () => {
  const time = (name, n, run) => {
    for (let i = 0; i < Math.min(n, 50); i++) run(i);
    const t = performance.now();
    for (let i = 0; i < n; i++) run(i);
    const ms = performance.now() - t;
    console.log(`${name}: ${n === 1000 ? ms.toFixed(1) + ' ms' : (ms / n).toFixed(2) + ' ms each'}`);
  };
  const a = core.frames(64), b = core.frames(64), key = bytes(16), clear = bytes(1200), wires = [];
  a.enter(0n, 1n, 3, false, [key]);
  b.enter(0n, 1n, 4, false, [key]);
  time('sframe seal 1000 x 1200 B', 1000, (i) => (wires[i] = a.seal(0n, 1, 'vp9', clear)));
  time('sframe open 1000 x 1200 B', 1000, (i) => {
    try {
      b.open(0n, 'vp9', wires[i]);
    } catch (e) {
      if (e.reason !== 'replay') throw e;
    }
  });
  for (const kem of ['x25519', 'p256']) {
    const pair = core.hpkeKeyPair(kem, bytes(32)), sealed = core.hpkeSeal(kem, pair.open, text('i'), text('a'), clear);
    time(`hpke seal ${kem}`, 100, () => core.hpkeSeal(kem, pair.open, text('i'), text('a'), clear));
    time(`hpke open ${kem}`, 100, () => core.hpkeOpen(kem, pair.secret, text('i'), text('a'), sealed));
  }
  const m = bytes(200);
  for (const s of [0, 1])
    fresh(() => {
      const key = put(bytes(32)), message = put(m), pub = OUT, sig = OUT + 100;
      const n = noble.sign_public(s, key, pub);
      time(`sign ${s ? 'p256' : 'ed25519'}`, 100, () => noble.sign(s, key, message, m.length, sig));
      const parts = spans(read(pub, n), m, read(sig, 64));
      time(`verify ${s ? 'p256' : 'ed25519'}`, 100, () => assert.equal(noble.verify(s, parts), 0));
    });
  const p = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), key65 = new Uint8Array(jwkPoint(p.privateKey.export({ format: 'jwk' })));
  const signature = new Uint8Array(crypto.sign('sha256', m, { key: p.privateKey, dsaEncoding: 'ieee-p1363' }));
  const list = Array.from({ length: 100 }, () => ({ key: key65, message: m, signature }));
  for (let i = 0; i < 2; i++) {
    const t = performance.now();
    assert(await checkNoted(list));
    console.log(`100 noted P-256 signatures by WebCrypto: ${(performance.now() - t).toFixed(1)} ms`);
  }
};

if (mode === 'bench') {
  await bench();
  await benchGroups();
}
else {
  const tests = { symmetric, keyAgreement, signatures, noted, hpke, frames, policies, invitations, groups, churn };
  for (const [name, run] of Object.entries(tests)) {
    await run();
    console.log(`ok ${name}`);
  }
}
