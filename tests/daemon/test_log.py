#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The log of a server at debug level, after joins, an offer, chat, a kick, refused and hostile requests and a killed role: nothing
planted (names, subjects, tokens, ICE and relay secrets, keys, texts, addresses) is in it, and no control character gets through.
usage: test_log.py INCAMERA     Last line: N passed, N failed; exit 77 without python3-aiortc"""
import os, re, signal, socket, sys, time
from client import Socket, call, join, token
from publish import Live
from server import Server, free_port

passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"not ok: {what} {str(detail)[:600]}")


def raw(port, request):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(request)
        s.settimeout(3)
        try:
            return s.recv(4096)
        except OSError:
            return b""


def keys(data):
    """What stands in the vault's files: in no log, neither as bytes nor as text."""
    found = []
    for name in os.listdir(os.path.join(data, "vault")):
        with open(os.path.join(data, "vault", name), "rb") as f:
            b = f.read()
        found += [b.hex()[:32], b[:32].hex(), b[-32:].hex()] + re.findall(r"[A-Za-z0-9+/]{24,}", b.decode("latin-1"))
    return [k for k in found if len(k) >= 16]


with Server(sys.argv[1], "--engines", "1", "--log", "debug", "--turn", f"127.0.0.1:{free_port()}") as s:
    room, name, subject = "canaryroom", "CanaryName", "canarysubject"
    call(s.http, "POST", "/api/v1/rooms", {"name": room})
    t = token(s, room, name, "--subject", subject, "--can", "join,publish,subscribe,chat,moderate")
    other = token(s, room, "CanaryOther", "--subject", "canaryvictim")
    a, ja = join(s, room, t)
    b, jb = join(s, room, other)
    check("joined", ja["type"] == jb["type"] == "joined", (ja, jb))
    fingerprint = ":".join(f"{(i * 41) & 255:02X}" for i in range(32))
    sdp = "\r\n".join(["v=0", "o=- 7 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=fingerprint:sha-256 " + fingerprint,
                       "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=ice-ufrag:CanaryUfrag", "a=ice-pwd:CanaryIcePasswordCanary1",
                       "a=setup:actpass", "a=sendonly", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2", "a=candidate:1 1 udp 1 198.51.100.77 9 typ host", ""])
    a.send(type="offer", id=1, sdp=sdp, send=[{"mid": "0", "source": "microphone"}])
    answer = a.until("answer", "error")
    check("answered", answer["type"] == "answer", answer)
    a.send(type="chat", id=2, text="CanaryText \r\n\x1b[31mCanaryForged")
    a.until("ok", "error")
    a.send(type="kick", id=3, member=jb["member"])
    check("kicked", b.until("closed").get("reason") == "kicked")
    join(s, room, other), join(s, room, "CanaryToken.x.y"), join(s, "canary\r\nforged", t)
    call(s.http, "GET", "/api/v1/rooms/canarypath?x=CanaryQuery", token="CanaryBearer")
    for name_ in ("Canary\r\nforged", "Canary\x1b[2J", "Canary\u202e"):
        call(s.http, "POST", f"/api/v1/rooms/{room}/guest", {"name": name_})
        call(s.http, "POST", "/api/v1/rooms", {"name": name_})
    for path in (b"/r/canary%0d%0aforged", b"/canary\x1b[2Jx", b"/canary\rforged", b"/\xffcanary", b"/api/v1/rooms/canary%1b"):
        raw(s.plain, b"GET " + path + b" HTTP/1.1\r\nHost: canaryhost\r\nUser-Agent: CanaryAgent\x1b\r\nX-Canary: a\r\n b\r\n\r\n")
    # media by WHIP, watched by WHEP, and a relay's credentials
    whip = token(s, room, "CanaryWhip", "--subject", "canarywhip", "--can", "join,publish")
    with Live(s, room, whip) as live:
        end = time.time() + 8
        came = re.compile(r"live_rtp_packets_in\S* [1-9]")
        while not (flowed := came.search(call(s.http, "GET", "/metrics")[1].decode())) and time.time() < end:
            time.sleep(0.1)
        check("media flowed", flowed)
        theirs = re.findall(r"a=(?:ice-ufrag|ice-pwd|fingerprint):(?:sha-256 )?(\S+)", live.pc.localDescription.sdp + live.pc.remoteDescription.sdp)
    status, relay = call(s.http, "POST", f"/api/v1/rooms/{room}/relay", {}, token=t)
    check("a relay's credentials", status == 201, relay)
    theirs += re.findall(r'"(?:username|credential)":"([^"]+)"', relay.decode())
    theirs += [j["ice"][0][k] for j in (ja, jb) for k in ("username", "credential")]
    os.kill(s.children()["engine"][0], signal.SIGKILL)
    a.until("restart")
    os.kill(s.children()["keeper"][0], signal.SIGKILL)
    end = time.time() + 8
    while time.time() < end and s.read_log().count("role.up") < 7:
        time.sleep(0.05)
    ours = re.findall(r"a=(?:ice-ufrag|ice-pwd):(\S+)", answer["sdp"])
    canaries = ["canary", "forged", subject, fingerprint, fingerprint.replace(":", "").lower(), "198.51.100.77", "127.0.0.1", t, *t.split("."), other.split(".")[2],
                *ours, *theirs, whip.split(".")[2], *keys(s.data)]
    log = s.read_log()
    found = [c for c in canaries if c.lower() in log.lower()]
    print(f"log at debug level: {len(log.splitlines())} lines, {len(canaries)} canaries, {len(found)} found")
    served = [line for line in log.splitlines() if not line.startswith("http://")]  # the address the operator named
    found = [c for c in canaries if any(c.lower() in line.lower() for line in served)]
    check("no canary in the log", not found and len(canaries) > 15 and len(served) > 8, (found, log[-1500:]))
    check("no control character", all(c == "\n" or c >= " " and c != "\x7f" for c in log))
    check("every line is an event", all(re.match(r"\d+\.\d{3} (debug|info|warn|error) [a-z]+(-\d+)? [a-z_.]+ ", line) for line in served), served[:30])
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
