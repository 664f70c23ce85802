// SPDX-License-Identifier: Apache-2.0
// Three kinds of members of one group behind one face, for mls.mjs and bench/mls: `native` (the core in C, in build/tests/mls_peer), `wasm`
// (the core as the page's worker has it) and `ts` (ts-mls 1.6.4). A member: key(), create(), join(), propose(), commit(), take(), say(),
// export(), info(); bytes are MLSMessages. Where ts-mls departs from RFC 9420 its copy is corrected while it is loaded (DEFECTS), each
// correction held to the text it replaces, so that another version cannot slip in unseen.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

globalThis.crypto ??= crypto.webcrypto; // Debian 12's Node 18 keeps it to itself
const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '../..');
const NONE = new Uint8Array(0);
export const text = (s) => new TextEncoder().encode(s);
const hex = (b) => (b.length === 0 ? '-' : Buffer.from(b.buffer, b.byteOffset, b.length).toString('hex'));
const unhex = (s) => (s === '-' ? NONE : new Uint8Array(Buffer.from(s, 'hex')));

// ---- loading ----
const DEFECTS = [
  ['clientState.js', // section 7.9.2: a node between an unmerged leaf and its parent lists that leaf, and others besides
    'for (const parentIdx of dp) {\n                    const dpNode = tree[parentIdx];\n                    if (dpNode !== undefined) {',
    'for (const parentIdx of dp.slice(0, dp.indexOf(toNodeIndex(i)))) {\n                    const dpNode = tree[parentIdx];\n                    if (dpNode !== undefined) {'],
  ['clientState.js',
    'if (!arraysEqual(dpNode.parent.unmergedLeaves, n.parent.unmergedLeaves))',
    'if (!dpNode.parent.unmergedLeaves.includes(unmergedLeaf))'],
  ['clientState.js', // who is removed is out, also when the same commit gives the leaf to another
    'const selfRemoved = mutatedTree[leafToNodeIndex(toLeafIndex(state.privatePath.leafIndex))] === undefined;',
    'const selfRemoved = grouped.remove.some((r) => r.proposal.remove.removed === state.privatePath.leafIndex);'],
  // section 12.4.3.2: the extension is an HPKEPublicKey, a vector
  ['createCommit.js',
    'import { encode } from "./codec/tlsEncoder.js";',
    'import { encode } from "./codec/tlsEncoder.js";\nimport { decodeVarLenData, varLenDataEncoder } from "./codec/variableLength.js";'],
  ['createCommit.js',
    '[...extensions, { extensionType: "external_pub", extensionData: externalPub }]',
    '[...extensions, { extensionType: "external_pub", extensionData: encode(varLenDataEncoder)(externalPub) }]'],
  ['createCommit.js',
    '{ extensionType: "external_pub", extensionData: externalPub },',
    '{ extensionType: "external_pub", extensionData: encode(varLenDataEncoder)(externalPub) },'],
  ['createCommit.js', 'exportSecret(externalPub.extensionData, cs)', 'exportSecret(decodeVarLenData(externalPub.extensionData, 0)[0], cs)'],
  // section 12.1.8.1: external_senders is a vector of ExternalSender, and a sender is its place in it
  ['externalSender.js',
    'import { decodeVarLenData, varLenDataEncoder } from "./codec/variableLength.js";',
    'import { decodeVarLenData, decodeVarLenType, varLenDataEncoder } from "./codec/variableLength.js";\nexport const decodeExternalSenders = (data) => decodeVarLenType(decodeExternalSender)(data, 0)?.[0] ?? [];'],
  ['publicMessage.js', 'import { decodeExternalSender } from', 'import { decodeExternalSenders } from'],
  ['publicMessage.js', 'const externalSenderExtension = externalSenderExtensions[senderIndex];', 'const externalSenderExtension = externalSenderExtensions[0];'],
  ['publicMessage.js', 'const externalSender = decodeExternalSender(externalSenderExtension.extensionData, 0);', 'const externalSender = [decodeExternalSenders(externalSenderExtension.extensionData)[senderIndex]];'],
  ['clientState.js', 'import { decodeExternalSender } from', 'import { decodeExternalSenders } from'],
  ['clientState.js',
    'const decoded = decodeExternalSender(externalSender.extensionData, 0);',
    'const decoded = decodeExternalSenders(externalSender.extensionData);'],
  ['externalProposal.js', 'import { decodeExternalSender } from', 'import { decodeExternalSenders } from'],
  ['externalProposal.js',
    'const externalSenderExtensionIndex = groupInfo.groupContext.extensions.findIndex((ex) => {',
    'const externalSenderExtensionIndex = decodeExternalSenders(groupInfo.groupContext.extensions.find((ex) => ex.extensionType === "external_senders").extensionData).findIndex((decoded) => {'],
  ['externalProposal.js', 'if (ex.extensionType !== "external_senders")\n            return false;\n        const decoded = decodeExternalSender(ex.extensionData, 0);\n        if (decoded === undefined)\n            throw new ValidationError("Could not decode external_sender extension");\n        return constantTimeEqual(decoded[0].signaturePublicKey',
    'return constantTimeEqual(decoded.signaturePublicKey'],
];
const corrected = {
  name: 'corrected',
  setup(build) {
    build.onLoad({ filter: /ts-mls\/dist\/src\/.*\.js$/ }, ({ path }) => {
      let contents = readFileSync(path, 'utf8');
      for (const [file, from, to] of DEFECTS) {
        if (!path.endsWith(`/src/${file}`)) continue;
        if (contents.split(from).length !== 2) throw new Error(`${file} is not the ts-mls these corrections are for`);
        contents = contents.replace(from, () => to);
      }
      return { contents, loader: 'js' };
    });
  },
};
const esbuild = createRequire(join(root, 'web/package.json'))('esbuild');
const folder = mkdtempSync(join(tmpdir(), 'mls-'));
const bundle = async (name, contents, resolveDir, plugins = []) => {
  const outfile = join(folder, `${name}.mjs`);
  await esbuild.build({ stdin: { contents, resolveDir }, bundle: true, format: 'esm', outfile, logLevel: 'error', platform: 'neutral', mainFields: ['module', 'main'], plugins,
    external: ['@hpke/chacha20poly1305', '@hpke/dhkem-x448', '@hpke/hybridkem-x-wing', '@hpke/ml-kem', '@noble/post-quantum/*'] });
  return import(pathToFileURL(outfile));
};
const page = await bundle('page', "export * from './seal_core.ts'; export * from './seal_group.ts';", join(root, 'web/worker'));
const mls = await bundle('mls', "export * from 'ts-mls'; export * from 'ts-mls/leafNode.js'; export * from 'ts-mls/keySchedule.js'; export { p256 } from '@noble/curves/nist.js';",
  here, [corrected]);
rmSync(folder, { recursive: true });

// ---- the core in C ----
export class Driver {
  constructor(program) {
    this.child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on('line', (l) => this.waiting.shift().done(l));
    this.child.on('exit', (code) => this.waiting.splice(0).forEach((w) => w.fail(new Error(`mls_peer ended with ${code}`))));
  }
  ask(...words) {
    return new Promise((done, fail) => {
      this.waiting.push({
        fail,
        done: (l) => (l.startsWith('ok') ? done(l.split(' ').slice(1)) : fail(new Error(`${words[0]} ${words[1]}: ${l.slice(3)}`))),
      });
      this.child.stdin.write(`${words.join(' ')}\n`);
    });
  }
  end() {
    this.child.stdin.end();
  }
}

const joined = (...parts) => new Uint8Array(Buffer.concat(parts.map((p) => Buffer.from(p))));
export const vector = (b) => joined(b.length < 64 ? [b.length] : [0x40 | (b.length >> 8), b.length & 255], b);
const extension = (type, data) => joined([0, type], vector(data));
export const externalSenders = (list) => vector(joined(...list.map((m) => joined(vector(m.open), [0, 1], vector(text(m.name))))));

const proposalWords = (list) => list.flatMap((p) =>
  p.kind === 'add' ? ['add', hex(p.keyPackage)] : p.kind === 'remove' ? ['remove', p.leaf] : [p.kind]);

export class Native {
  kind = 'native';
  can = { propose: true, noPath: true, forcePath: true };
  constructor(world, id, name) {
    Object.assign(this, { driver: world.driver, id, name });
  }
  async key() {
    const [message, open] = await this.driver.ask('key', this.id, this.name);
    this.open = unhex(open);
    return unhex(message);
  }
  async create(groupId, senders) {
    await this.driver.ask('create', this.id, hex(groupId), hex(senders ? extension(5, senders) : NONE));
  }
  async join(welcome) {
    await this.driver.ask('join', this.id, hex(welcome), '-');
  }
  async propose(p, inPublic) {
    return unhex((await this.driver.ask('propose', this.id, inPublic ? 'public' : 'private', ...proposalWords([p])))[0]);
  }
  async commit(list, { inPublic = false, noPath = false } = {}) {
    const [commit, welcome] = await this.driver.ask('commit', this.id, inPublic ? 'public' : 'private', noPath ? 'nopath' : 'path', ...proposalWords(list));
    return { commit: unhex(commit), welcome: unhex(welcome) };
  }
  async take(message) {
    const [kind, how, sender, data, aad] = await this.driver.ask('take', this.id, hex(message));
    return { kind, removed: how === 'removed', sender: Number(sender), data: unhex(data), aad: unhex(aad) };
  }
  async say(data, aad) {
    return unhex((await this.driver.ask('say', this.id, hex(data), hex(aad)))[0]);
  }
  // From outside: GroupInfo, an external commit (entered once it was taken), proposals.
  async groupInfo() {
    return unhex((await this.driver.ask('groupinfo', this.id))[0]);
  }
  async enter(info, replace) {
    return unhex((await this.driver.ask('enter', this.id, hex(info), ...(replace === undefined ? [] : ['replace', replace])))[0]);
  }
  async entered() {
    await this.driver.ask('entered', this.id);
  }
  async outside(place, groupId, epoch, p) {
    return unhex((await this.driver.ask('outside', this.id, place, hex(groupId), epoch, ...proposalWords([p])))[0]);
  }
  async export(label, context, n) {
    return unhex((await this.driver.ask('export', this.id, hex(text(label)), hex(context), n))[0]);
  }
  async info() {
    const [epoch, leaf, members, authenticator] = await this.driver.ask('info', this.id);
    return { epoch: Number(epoch), leaf: Number(leaf), members: Number(members), authenticator: unhex(authenticator) };
  }
  async free() {
    await this.driver.ask('leave', this.id);
  }
}

// ---- the core in the page's worker ----
export class Wasm {
  kind = 'wasm';
  can = { propose: false, noPath: false, forcePath: true };
  constructor(world, id, name) {
    Object.assign(this, { world, id, name, secret: page.signatureKey(world.core, world.suite) });
  }
  key() {
    this.own = page.SealInvitee.make(this.world.core, this.world.suite, this.secret, text(this.name), [], { notBefore: 0n, notAfter: 2n ** 63n });
    return this.own.message;
  }
  begun(group) {
    this.group = group;
    if (this.world.psk.id.length > 0) group.putPsk(this.world.psk);
    this.own.free();
  }
  create(groupId) {
    this.begun(this.own.create(groupId, NONE));
  }
  async join(welcome) {
    this.begun(await this.own.join(welcome, [this.world.psk]));
  }
  commit(list) {
    return this.group.commit(this.secret, list.map((p) => (p.kind === 'psk' ? { kind: 'psk', id: this.world.psk.id } : p)));
  }
  take(message) {
    const seen = this.group.open(message);
    this.group.apply();
    return { kind: seen.kind, removed: seen.removed, sender: seen.sender, data: seen.data, aad: seen.authenticatedData };
  }
  say(data, aad) {
    return this.group.say(this.secret, data, aad);
  }
  export(label, context, n) {
    return this.group.export(label, context, n);
  }
  info() {
    const i = this.group.info();
    return { epoch: Number(i.epoch), leaf: i.ownLeaf, members: i.members, authenticator: i.authenticator };
  }
  free() {
    this.group?.free();
  }
}

// ---- ts-mls ----
const SUITES = { 1: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519', 2: 'MLS_128_DHKEMP256_AES128GCM_SHA256_P256' };
const WIRES = { publicMessage: 'mls_public_message', privateMessage: 'mls_private_message' };
const encoded = (m) => mls.encodeMlsMessage(m);
const decoded = (bytes) => {
  const got = mls.decodeMlsMessage(bytes, 0);
  if (!got || got[1] !== bytes.length) throw new Error('ts-mls does not read it');
  return got[0];
};

export class Ts {
  kind = 'ts';
  can = { propose: true, noPath: true, forcePath: false };
  constructor(world, id, name) {
    Object.assign(this, { world, cs: world.cs, id, name });
  }
  async key() {
    if (!this.pair) {
      this.pair = await this.cs.signature.keygen();
      // ts-mls makes a compressed point; RFC 9420 section 5.1.1 wants the uncompressed one
      if (this.world.suite === 2) this.pair.publicKey = mls.p256.getPublicKey(this.pair.signKey, false);
    }
    this.open = this.pair.publicKey;
    const lifetime = { notBefore: 0n, notAfter: 2n ** 63n - 1n };
    this.own = await mls.generateKeyPackageWithKey({ credentialType: 'basic', identity: text(this.name) }, mls.defaultCapabilities(), lifetime, [], this.pair, this.cs);
    return encoded({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: this.own.publicPackage });
  }
  get psks() {
    return mls.makePskIndex(this.state, { [mls.bytesToBase64(this.world.psk.id)]: this.world.psk.psk });
  }
  async create(groupId, senders) {
    const extensions = senders ? [{ extensionType: 'external_senders', extensionData: senders }] : [];
    this.state = await mls.createGroup(groupId, this.own.publicPackage, this.own.privatePackage, extensions, this.cs);
  }
  async groupInfo() {
    const groupInfo = await mls.createGroupInfoWithExternalPubAndRatchetTree(this.state, [], this.cs);
    return encoded({ version: 'mls10', wireformat: 'mls_group_info', groupInfo });
  }
  async enter(info, replace) {
    await this.key(); // with the same signature key, by which ts-mls knows its former leaf
    const { publicMessage, newState } = await mls.joinGroupExternal(decoded(info).groupInfo, this.own.publicPackage, this.own.privatePackage, replace !== undefined, this.cs);
    this.entering = newState;
    return encoded({ version: 'mls10', wireformat: WIRES.publicMessage, publicMessage });
  }
  entered() {
    this.moved(this.entering);
  }
  // ts-mls wants to see a GroupInfo, of which it uses the context.
  async outside(place, groupId, epoch, p, info) {
    const { groupInfo } = decoded(info);
    if (place === 'own') return encoded(await mls.proposeAddExternal(groupInfo, this.own.publicPackage, this.own.privatePackage, this.cs));
    return encoded(await mls.proposeExternal(groupInfo, await this.proposal(p), this.pair.publicKey, this.pair.signKey, this.cs));
  }
  async join(welcome) {
    this.state = await mls.joinGroup(decoded(welcome).welcome, this.own.publicPackage, this.own.privatePackage, this.psks, this.cs);
  }
  async leafUpdate() {
    const fresh = await this.cs.hpke.generateKeyPair();
    const mine = this.state.ratchetTree[2 * this.state.privatePath.leafIndex].leaf;
    const { credential, capabilities, extensions, signaturePublicKey } = mine;
    this.fresh = await this.cs.hpke.exportPrivateKey(fresh.privateKey);
    return mls.signLeafNodeCommit({ // signs whatever source it is given
      leafNodeSource: 'update', hpkePublicKey: await this.cs.hpke.exportPublicKey(fresh.publicKey), credential, capabilities, extensions, signaturePublicKey,
      groupId: this.state.groupContext.groupId, leafIndex: this.state.privatePath.leafIndex,
    }, this.pair.signKey, this.cs.signature);
  }
  async proposal(p) {
    if (p.kind === 'add') return { proposalType: 'add', add: { keyPackage: decoded(p.keyPackage).keyPackage } };
    if (p.kind === 'remove') return { proposalType: 'remove', remove: { removed: p.leaf } };
    if (p.kind === 'update') return { proposalType: 'update', update: { leafNode: await this.leafUpdate() } };
    return { proposalType: 'psk', psk: { preSharedKeyId: { psktype: 'external', pskId: this.world.psk.id, pskNonce: this.cs.rng.randomBytes(32) } } };
  }
  async propose(p, inPublic) {
    const { newState, message } = await mls.createProposal(this.state, inPublic, await this.proposal(p), this.cs);
    this.state = newState;
    return encoded(message);
  }
  async commit(list, { inPublic = false } = {}) {
    const extraProposals = [];
    for (const p of list) extraProposals.push(await this.proposal(p));
    const made = await mls.createCommit({ state: this.state, cipherSuite: this.cs, pskIndex: this.psks }, { wireAsPublicMessage: inPublic, extraProposals, ratchetTreeExtension: true });
    const commit = encoded(made.commit);
    this.staged = { commit: hex(commit), state: made.newState };
    return { commit, welcome: made.welcome ? encoded({ version: 'mls10', wireformat: 'mls_welcome', welcome: made.welcome }) : NONE };
  }
  async process(message, state, callback) {
    const m = decoded(message);
    if (m.wireformat === WIRES.publicMessage) return { kind: 'newState', ...(await mls.processPublicMessage(state, m.publicMessage, this.psks, this.cs, callback)) };
    return mls.processPrivateMessage(state, m.privateMessage, this.psks, this.cs, callback);
  }
  // ts-mls does not keep the private key of an own Update: it is put in once a first look has shown that the commit has it.
  async take(message) {
    if (this.staged?.commit === hex(message)) {
      this.moved(this.staged.state);
      return { kind: 'commit', removed: false, sender: this.state.privatePath.leafIndex };
    }
    let state = this.state;
    if (this.fresh) {
      const leaf = state.privatePath.leafIndex;
      let mine = false;
      await this.process(message, state, (seen) => {
        mine = seen.kind === 'commit' && seen.proposals.some((p) => p.proposal.proposalType === 'update' && p.senderLeafIndex === leaf);
        return 'reject';
      });
      if (mine) state = { ...state, privatePath: { ...state.privatePath, privateKeys: { [2 * leaf]: this.fresh } } };
    }
    let what = { kind: 'application', removed: false };
    const got = await this.process(message, state, (seen) => {
      what = { kind: seen.kind, removed: false, sender: seen.kind === 'commit' ? seen.senderLeafIndex : seen.proposal.senderLeafIndex };
      return 'accept';
    });
    if (what.kind === 'commit') this.moved(got.newState);
    else this.state = got.newState;
    if (got.kind === 'applicationMessage') return { ...what, data: got.message, aad: decoded(message).privateMessage.authenticatedData };
    return { ...what, removed: this.state.groupActiveState.kind === 'removedFromGroup' };
  }
  moved(state) {
    this.state = state;
    this.fresh = this.staged = undefined;
  }
  async say(data, aad) {
    const { newState, privateMessage } = await mls.createApplicationMessage(this.state, data, this.cs, aad);
    this.state = newState;
    return encoded({ version: 'mls10', wireformat: 'mls_private_message', privateMessage });
  }
  export(label, context, n) {
    return mls.mlsExporter(this.state.keySchedule.exporterSecret, label, context, n, this.cs);
  }
  info() {
    const { groupContext, privatePath, ratchetTree, keySchedule } = this.state;
    return {
      epoch: Number(groupContext.epoch), leaf: privatePath.leafIndex, members: ratchetTree.filter((n) => n?.nodeType === 'leaf').length,
      authenticator: keySchedule.epochAuthenticator,
    };
  }
  free() {
    this.state = undefined;
  }
}

// What members of one suite share. `program`: build/tests/mls_peer; `wasm`: the bytes of seal.wasm.
export async function world(suite, { program, wasm, seed, psk }) {
  const w = { suite, psk, driver: new Driver(program), core: await page.SealCore.load(wasm), cs: await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(SUITES[suite])) };
  await w.driver.ask('start', seed, suite, hex(psk.id), hex(psk.psk));
  return w;
}
