#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A room that has to be recorded: no media before the recorder runs, none of a member before it agreed, none while the
recorder is away; the receipt of the answer is in the recording and is checked here with another library, from
docs/recording.md alone.

usage: test_consent.py INCAMERA      exit 77 where Debian's python3-aiortc is missing"""
import asyncio, base64, hashlib, json, os, re, signal, struct, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import MediaStreamError, Picture, RTCPeerConnection, RTCSessionDescription, negotiate, soon
from client import Socket, call, token
from server import Server
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
import subprocess

binary = sys.argv[1]
passed, failed = 0, 0
TEXT = "I agree that this meeting is recorded — für später."


def check(what, ok, told=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {told}")


def b64(b):
    return base64.urlsafe_b64encode(b).decode().rstrip("=")


def unb64(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))


def signed_bytes(recording, room, member, policy, agreed, at, text):
    text = text.encode()
    return (bytes([20]) + b"incamera 1.0 consent" + bytes.fromhex(recording) + bytes([len(room)]) + room.encode()
            + struct.pack(">I", member) + bytes.fromhex(policy) + bytes([agreed]) + struct.pack(">QH", at, len(text)) + text)


class Member:
    """Somebody in the room over the room protocol, with aiortc for the media."""

    def __init__(self, server, room, t):
        self.socket, self.room, self.ids = Socket(server.plain), room, 0
        self.seen, self.key = [], ec.generate_private_key(ec.SECP256R1())
        self.me = self.ask(type="join", token=t, room=room)["member"]

    def ask(self, **m):
        self.ids += 1
        self.socket.send(id=self.ids, **m)
        return self.until(lambda a: a.get("id") == self.ids)

    def until(self, wanted, within=8):
        end = time.time() + within
        while time.time() < end:
            m = self.socket.next(max(0.1, end - time.time()))
            self.seen.append(m)
            if wanted(m):
                return m
        raise AssertionError(f"not heard; last {self.seen[-3:]}")

    def recording(self, state):
        last = [m for m in self.seen if m["type"] == "recording"]
        return last[-1] if last and last[-1]["state"] == state else self.until(lambda m: m["type"] == "recording" and m["state"] == state)

    def consent(self, recording, policy, agreed=True, at=None, spoil=False):
        at = at or int(time.time() * 1000)
        bytes_ = signed_bytes(recording, self.room, self.me, policy, agreed, at, TEXT)
        r, s = decode_dss_signature(self.key.sign(bytes_, ec.ECDSA(hashes.SHA256())))
        public = self.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        signature = bytearray(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        signature[40] ^= spoil
        return self.ask(type="consent", recording=recording, agreed=agreed, at=at, policy=policy, text=TEXT, key=b64(public),
                        signature=b64(bytes(signature)))

    async def publish(self):
        self.pc = RTCPeerConnection()
        self.pc.addTrack(Picture())
        await self.pc.setLocalDescription(await self.pc.createOffer())
        mid = re.search(r"a=mid:(\S+)", self.pc.localDescription.sdp).group(1)
        a = await soon(lambda: self.ask(type="offer", sdp=self.pc.localDescription.sdp, send=[{"mid": mid, "source": "camera"}]))
        await self.pc.setRemoteDescription(RTCSessionDescription(a["sdp"], "answer"))
        a = await soon(lambda: self.ask(type="track", source="camera", on=True, muted=False))
        check("a camera is on", a["type"] == "ok", a)


class Viewer:
    """Watches the room and counts pictures."""

    async def watch(self, server, room, t):
        self.frames, self.pc = 0, RTCPeerConnection()
        self.pc.on("track", lambda track: asyncio.ensure_future(self.take(track)))
        self.pc.addTransceiver("video", direction="recvonly")
        await negotiate(server, self.pc, f"/whep/{room}", t)

    async def take(self, track):
        try:
            while True:
                await track.recv()
                self.frames += 1
        except MediaStreamError:
            pass  # it ended

    async def during(self, seconds):
        before = self.frames
        await asyncio.sleep(seconds)
        return self.frames - before

    async def some(self, within=8):
        before, end = self.frames, time.time() + within
        while self.frames < before + 5 and time.time() < end:
            await asyncio.sleep(0.05)
        return self.frames - before >= 5


def make(s, admin, room, rule):
    code, text = call(s.http, "POST", "/api/v1/rooms", {"name": room, "class": "governed", "policy": {"join": "link", "recording": rule}}, token=admin)
    check(f"a room where recording is {rule}", code == 201, text)
    body = call(s.http, "GET", f"/api/v1/rooms/{room}/policy")[1]
    check("its policy says so", json.loads(body)["recording"] == rule, body)
    return hashlib.sha256(body).hexdigest()


async def must(s, admin):
    policy = make(s, admin, "must", "required")
    ana = await soon(lambda: Member(s, "must", token(s, "must", "Ana")))
    on = await soon(lambda: ana.recording("on"))
    first = [m["state"] for m in ana.seen if m["type"] == "recording"]
    check("held until it ran", first[0] == "held" and on["required"] and len(on["recording"]) == 32, ana.seen)
    await ana.publish()
    viewer = Viewer()
    await viewer.watch(s, "must", token(s, "must", "Vic"))
    check("no picture before she agreed", await viewer.during(2) == 0, viewer.frames)
    a = await soon(lambda: ana.consent(on["recording"], policy, spoil=True))
    check("a forged answer is refused", a["type"] == "error" and a["code"] == "bad_message", a)
    a = await soon(lambda: ana.consent(on["recording"], "00" * 32))
    check("an answer to another policy is refused", a["type"] == "error" and "policy" in a["title"], a)
    a = await soon(lambda: ana.consent("00" * 16, policy))
    check("an answer to another recording is refused", a["type"] == "error" and a["code"] == "no_such_recording", a)
    check("and nothing flows", await viewer.during(1) == 0, viewer.frames)
    a = await soon(lambda: ana.consent(on["recording"], policy))
    check("her answer counts", a["type"] == "ok", a)
    check("then her picture flows", await viewer.some())
    a = await soon(lambda: ana.consent(on["recording"], policy, agreed=False))
    check("she takes it back", a["type"] == "ok", a)
    await viewer.during(0.5)
    check("and nothing flows any more", await viewer.during(1.5) == 0, viewer.frames)
    await soon(lambda: ana.consent(on["recording"], policy))
    check("she agrees again", await viewer.some())
    code, text = call(s.http, "DELETE", "/api/v1/rooms/must/recording", token=admin)
    check("nobody ends a required recording", code == 403, text)
    os.kill(s.children()["archive"][0], signal.SIGKILL)
    died = time.time()
    held = await soon(lambda: ana.until(lambda m: m["type"] == "recording" and m["state"] == "held"))
    took = time.time() - died
    check("held within 5 s when the archive died", took < 5 and held["why"], (took, held))
    again = await soon(lambda: ana.until(lambda m: m["type"] == "recording" and m["state"] == "on"))
    check("the same recording goes on", again["recording"] == on["recording"], again)
    if again["recording"] == on["recording"]:
        a = await soon(lambda: ana.consent(on["recording"], policy))
        check("and her picture too", a["type"] == "ok" and await viewer.some(), a)
    print(f"the archive died: the room was held after {took:.2f} s and went on by itself")
    ana.socket.s.close()
    await ana.pc.close()
    await viewer.pc.close()
    return on["recording"], ana


def receipts(s, number, ana):
    for _ in range(300):
        rows = json.loads(subprocess.run([binary, "archive", "list", "--json", "--data", s.data], capture_output=True, text=True).stdout)["recordings"]
        if [r for r in rows if r["id"] == number and r["end"]]:
            break
        time.sleep(0.1)
    with tempfile.TemporaryDirectory() as folder:
        r = subprocess.run([binary, "archive", "export", number, "--out", folder, "--data", s.data], capture_output=True, text=True)
        check("export", r.returncode == 0, r.stderr)
        found = [json.loads(l) for l in open(os.path.join(folder, "consents.jsonl"))]
        lines = [json.loads(l) for n in sorted(os.listdir(folder)) if "timeline" in n for l in open(os.path.join(folder, n))]
        r = subprocess.run([binary, "archive", "verify", folder], capture_output=True, text=True)
        check("the export verifies, two parts and four receipts", r.returncode == 0 and "4 receipts" in r.stdout, r.stdout + r.stderr)
        path = os.path.join(folder, "consents.jsonl")
        text = open(path).read()
        open(path, "w").write(text.replace('"agreed":false', '"agreed":true'))
        r = subprocess.run([binary, "archive", "verify", folder], capture_output=True, text=True)
        check("a no made a yes is noticed", r.returncode == 1 and "1 of 4" in r.stderr, r.stdout + r.stderr)
    check("and in the timeline", any(l["what"] == "consent" for l in lines), lines)
    check("each answer is kept", [l["agreed"] for l in found] == [True, False, True, True], found)
    for l in found:
        r, s_ = unb64(l["signature"])[:32], unb64(l["signature"])[32:]
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(l["key"]))
        bytes_ = signed_bytes(number, "must", l["member"], l["policy"], l["agreed"], l["when"], l["text"])
        try:
            key.verify(encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s_, "big")), bytes_, ec.ECDSA(hashes.SHA256()))
            good = l["text"] == TEXT
        except InvalidSignature:
            good = False
        check("a receipt verifies", good, l)


async def may(s, admin):
    make(s, admin, "never", "forbidden")
    await soon(lambda: Member(s, "never", token(s, "never", "Nia")))
    code, text = call(s.http, "POST", "/api/v1/rooms/never/recording", token=admin)
    check("forbidden is forbidden", code == 403, text)
    policy = make(s, admin, "may", "allowed")
    ben = await soon(lambda: Member(s, "may", token(s, "may", "Ben", "--can", "join,publish,moderate")))
    viewer = Viewer()
    await ben.publish()
    await viewer.watch(s, "may", token(s, "may", "Vic"))
    check("not recorded: the picture flows", await viewer.some())
    code, text = await soon(lambda: call(s.http, "POST", "/api/v1/rooms/may/recording", token=token(s, "may", "Mo", "--can", "join,moderate")))
    check("a moderator has it recorded", code == 201, text)
    on = await soon(lambda: ben.recording("on"))
    await viewer.during(0.5)
    check("those already in are asked too: nothing flows", await viewer.during(1.5) == 0, viewer.frames)
    a = await soon(lambda: ben.consent(on["recording"], policy))
    check("Ben agrees and is seen", a["type"] == "ok" and await viewer.some(), a)
    code, text = await soon(lambda: call(s.http, "DELETE", "/api/v1/rooms/may/recording", token=admin))
    check("it ends", code == 204, text)
    off = await soon(lambda: ben.recording("off"))
    check("everybody hears of it", off["recording"] == "", off)
    check("and the picture flows on", await viewer.some())
    await ben.pc.close()
    await viewer.pc.close()


async def all_of_it():
    with Server(binary) as s:
        admin = token(s, "*", "Root", "--can", "admin,create,moderate,join,publish,subscribe,chat,share")
        number, ana = await must(s, admin)
        await soon(lambda: receipts(s, number, ana))
        await may(s, admin)


asyncio.run(asyncio.wait_for(all_of_it(), 120))
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
