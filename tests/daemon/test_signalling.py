#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signalling that can't be (acceptance rows 30, 33, 34, 35, 36): the wrong order, ids of others, who one claims to be; and a client that vanishes after each
step of entering. All over real WebSockets.     usage: test_signalling.py INCAMERA     Last line: N passed, N failed; exit 77 without python3-aiortc"""
import json, re, select, sys, threading, time
from client import Socket, call, join, token
from publish import Live
from server import Server

passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"not ok: {what} {str(detail)[:600]}")


def offer(direction="sendrecv"):
    lines = ["v=0", "o=- 7 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
             "a=fingerprint:sha-256 " + ":".join(f"{(i * 37) & 255:02X}" for i in range(32))]
    for i, (kind, pt, name) in enumerate((("audio", 111, "opus/48000/2"), ("video", 96, "VP8/90000"))):
        lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {pt}", "c=IN IP4 0.0.0.0", f"a=mid:{i}", "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv",
                  "a=setup:actpass", f"a={direction}", "a=rtcp-mux", f"a=rtpmap:{pt} {name}", f"a=msid:s t{i}"]
    return "\r\n".join(lines) + "\r\n"


SEND = [{"mid": "0", "source": "microphone"}, {"mid": "1", "source": "camera"}]


def members(s, room, t):
    return json.loads(call(s.http, "GET", f"/api/v1/rooms/{room}/members", token=t)[1])["members"]


def metric(s, name):
    text = call(s.http, "GET", "/metrics")[1].decode()
    return sum(int(m) for m in re.findall(rf"^incamera_{name}(?:{{[^}}]*}})? (\d+)$", text, re.M))


def order(s):
    """Before `joined` only `join` and `ping` mean anything; afterwards a second join does not."""
    t, cases, good = token(s, "talk", "Ana"), 0, 0
    before = [dict(type="offer", sdp=offer(), send=SEND), dict(type="track", source="camera", on=True, muted=False), dict(type="view", show=[]),
              dict(type="chat", text="x"), dict(type="hand", up=True), dict(type="react", emoji="\U0001f44d"), dict(type="kick", member=1),
              dict(type="mute_member", member=1, source="camera"), dict(type="lock", locked=True), dict(type="admit", knock=1, admit=True),
              dict(type="end"), dict(type="leave")]
    for m in before:
        a = Socket(s.plain)
        a.send(id=4, **m)
        r = a.until("error", "ok", "answer", "closed", "joined")
        leaves = m["type"] == "leave" and r["type"] == "closed"  # leaving is always possible
        fine = leaves or (r["type"] == "error" and r.get("code") == "not_joined" and r.get("id") == 4)
        cases, good = cases + 1, good + fine
        if not fine:
            print("before join:", m["type"], r)
        a.s.close()
    a, joined = join(s, "talk", t)
    after = [(dict(type="join", token=t, room="talk"), "already_joined"),
             (dict(type="track", source="camera", on=True, muted=False), None), (dict(type="track", source="nose", on=True, muted=False), None),
             (dict(type="kick", member=joined["member"]), "denied"), (dict(type="kick", member=4000000), None),
             (dict(type="mute_member", member=4000000, source="camera"), None), (dict(type="admit", knock=77, admit=True), None),
             (dict(type="lock", locked=True), "denied"), (dict(type="end"), "denied"),
             (dict(type="view", show=[{"track": 999999, "width": 10, "height": 10}]), "any"),
             (dict(type="offer", sdp="v=0\r\n", send=[]), None), (dict(type="offer", sdp=offer(), send=[{"mid": "9", "source": "camera"}]), "ignored")]
    for m, code in after:
        a.send(id=8, **m)
        r = a.until("error", "ok", "answer", "closed", "joined")
        fine = r["type"] == "error" and r.get("id") == 8 and code in (None, r.get("code")) or code == "any" and r["type"] in ("ok", "error")
        fine = fine or code == "ignored" and r["type"] == "answer"  # a section that is not there carries nothing
        cases, good = cases + 1, good + fine
        if not fine:
            print("after join:", m["type"], code, r)
    a.send(type="leave", id=9)
    end = a.until("closed", "gone")
    try:
        a.send(type="leave", id=10)  # a double leave meets a closed socket
    except OSError:
        pass
    r = a.until("error", "ok", "joined")
    cases, good = cases + 1, good + (end["type"] in ("closed", "gone") and r["type"] == "gone")
    print(f"impossible order: {good} of {cases} answered as specified")
    check("order", good == cases)
    text = call(s.http, "GET", "/healthz")
    check("still healthy", text[0] == 200, text)


def others(s):
    """Ids of others, and claims in the body: refused, or the server's value stands."""
    boss, eve = token(s, "talk", "Mo", "--can", "join,publish,subscribe,chat,moderate"), token(s, "talk", "Eve")
    a, ja = join(s, "talk", boss)
    b, jb = join(s, "talk", eve)
    claims = ["senderId", "sender", "member", "from", "tenant", "role", "moderator", "can", "at", "seq", "timestamp", "name", "subject", "room"]
    values = {"member": ja["member"], "moderator": True, "can": ["moderate"], "at": 1, "seq": 1, "timestamp": 1}
    good = 0
    for n, claim in enumerate(claims):
        if n % 4 == 0:  # five bad messages close a socket
            b.s.close()
            a.until("member_left")
            b, jb = join(s, "talk", eve)
        text = f"claim {n}"
        b.send(type="chat", id=n, text=text, **{claim: values.get(claim, "Mo")})
        r = b.until("ok", "error", "closed")
        b.send(type="ping", id=90)
        b.until("pong")
        good += r["type"] == "error" and r.get("code") == "bad_message"
        if r.get("code") != "bad_message":
            print("claim:", claim, r)
    now = time.time() * 1000
    b.s.close()
    b, jb = join(s, "talk", eve)
    b.send(type="chat", id=1, text="honest")
    b.until("ok")
    m = a.until("said")
    check("who said it and when is the server's", m.get("member") == jb["member"] != ja["member"] and abs(m["at"] - now) < 60000 and m["text"] == "honest", m)
    listed = {x["member"]: x for x in members(s, "talk", boss)}
    check("nobody got a right or a name", listed[jb["member"]]["name"] == "Eve" and not listed[jb["member"]]["moderator"], listed)
    for m in (dict(type="kick", member=ja["member"]), dict(type="mute_member", member=ja["member"], source="camera"), dict(type="lock", locked=True),
              dict(type="end")):
        b.send(id=5, **m)
        r = b.until("ok", "error")
        good += r.get("code") == "denied"
        if r.get("code") != "denied":
            print("act:", m, r)
    # another room's member number and token
    call(s.http, "POST", "/api/v1/rooms", {"name": "else"})
    c, refused = join(s, "else", eve)
    good += refused["type"] == "error" and refused["code"] in ("denied", "token_invalid")
    print("a token of another room:", refused.get("code"))
    for who in ("", "x", boss[:-2], "null"):
        _, r = join(s, "talk", who)
        good += r["type"] == "error"
        if r["type"] != "error":
            print("token:", who[:8], r)
    for body in ({"name": "x", "subject": "root"}, {"name": "x", "can": ["moderate"]}, {"name": "x", "ttl": 999999}, {"name": "x", "room": "else"}):
        code, answer = call(s.http, "POST", "/api/v1/rooms/talk/guest", body)
        good += code == 422
        if code != 422:
            print("guest:", body, code, answer)
    total = len(claims) + 4 + 1 + 4 + 4
    print(f"ids of others and claims in the body: {good} of {total} refused")
    check("others", good == total)


def prefixes(s):
    """Row 36: a client that ends after each step of entering a room where somebody sends picture and sound: nobody stays
    behind, and nothing is forwarded."""
    t, root = token(s, "talk", "Pre"), token(s, "talk", "Root", "--can", "join,moderate")
    with Live(s, "talk", token(s, "talk", "Cam", "--can", "join,publish")):
        end = time.time() + 10
        while not metric(s, "live_rtp_packets_in") and time.time() < end:
            time.sleep(0.1)
        came = metric(s, "live_rtp_packets_in")
        walk(s, t, root)
        time.sleep(1.1)  # metrics are a second old
        came = metric(s, "live_rtp_packets_in") - came
        check("meanwhile media came in", came > 50, came)


def walk(s, t, root):
    steps = ["socket", "half a join", "join", "joined", "offer", "answer", "track on"]
    before = metric(s, "live_rtp_packets_out")
    left = 0
    for rounds in range(3):
        for stop in range(len(steps)):
            a = Socket(s.plain)
            if stop == 1:
                a.s.sendall(b"\x81\xfe\x01\x00\1\2\3\4abc")
            if stop >= 2:
                a.send(type="join", id=1, token=t, room="talk")
            if stop >= 3:
                check("joined", a.until("joined", "error")["type"] == "joined")
            if stop >= 4:
                a.send(type="offer", id=2, sdp=offer(), send=SEND)
            if stop >= 5:
                r = a.until("answer", "error")
                check("answered", r["type"] == "answer", r)
            if stop >= 6:
                a.send(type="track", id=3, source="camera", on=True, muted=False)
                a.until("ok", "error")
            a.s.close()
    end = time.time() + 5
    while time.time() < end and len(members(s, "talk", root)) > 1:
        time.sleep(0.05)
    left = len(members(s, "talk", root)) - 1  # but the one with the camera
    forwarded = metric(s, "live_rtp_packets_out") - before
    print(f"join prefixes: {3 * len(steps)} of {3 * len(steps)} ended; members left behind {left}, packets forwarded {forwarded}")
    check("prefixes", left == 0 and forwarded == 0)


def lobby(s):
    """Row 35: who waits in the lobby of a running meeting sees, hears and learns nothing, whatever it sends."""
    call(s.http, "POST", "/api/v1/rooms", {"name": "lobby", "policy": {"join": "lobby"}})
    cam = token(s, "lobby", "Secret Name", "--can", "join,publish,moderate,chat")
    with Live(s, "lobby", cam):
        end = time.time() + 10
        while not metric(s, "live_rtp_packets_in") and time.time() < end:
            time.sleep(0.1)
        inside, joined = join(s, "lobby", token(s, "lobby", "Hidden Mod", "--can", "join,moderate,chat"))
        check("a moderator is inside", joined["type"] == "joined", joined)
        time.sleep(1.1)
        before = metric(s, "live_rtp_packets_out")
        guest = json.loads(call(s.http, "POST", "/api/v1/rooms/lobby/guest", {"name": "Waits"})[1])["token"]
        tries = [dict(type="offer", sdp=offer(), send=SEND), dict(type="view", show=[{"track": 1, "width": 10, "height": 10}]), dict(type="chat", text="x"),
                 dict(type="hand", up=True), dict(type="react", emoji="\U0001f44d"), dict(type="track", source="camera", on=True, muted=False), dict(type="kick", member=1),
                 dict(type="mute_member", member=1, source="camera"), dict(type="lock", locked=True), dict(type="admit", knock=1, admit=True), dict(type="end"), dict(type="ping"),
                 dict(type="join", token=guest, room="lobby")]
        inside.send(type="chat", id=3, text="a secret sentence")
        heard = []
        for k in range(0, len(tries), 4):  # whoever sends more that is wrong is thrown out
            a, first = join(s, "lobby", guest)
            check("it waits", first["type"] == "waiting", first)
            for i, m in enumerate(tries[k:k + 4]):
                a.send(id=10 + i, **m)
            end = time.time() + 0.8
            while time.time() < end:
                try:
                    heard.append(a.next(max(0.05, end - time.time())))
                except (EOFError, OSError):
                    break
            a.s.close()
        kinds = {m["type"] for m in heard}
        check("what a waiting one hears", kinds <= {"error", "pong", "waiting"} and len(heard) >= len(tries) - 1, heard)
        text = json.dumps(heard)
        told = [w for w in ("Secret Name", "Hidden Mod", "secret sentence", "ufrag", "candidate", "turn:", "credential", "fingerprint") if w in text]
        check("no word of those inside, no secret", not told, told)
        status = {path: call(s.http, method, f"/api/v1/rooms/lobby/{path}", body, token=guest)[0] for method, path, body in
                  (("GET", "members", None), ("POST", "relay", {}), ("GET", "barred", None), ("POST", "tokens", {"name": "x"}))}
        check("nor by the API", set(status.values()) == {403}, status)
        time.sleep(1.1)
        out = metric(s, "live_rtp_packets_out") - before
        check("no packet was forwarded", out == 0, out)
        print(f"row 35: {len(tries)} tries from the lobby, {len(heard)} answers, packets forwarded {out}, secrets told {len(told)}")
        inside.s.close()


def flood(s):
    """Row 30: one client that sends as fast as it can, and 500 that send 20 messages a second; others enter meanwhile."""
    call(s.http, "POST", "/api/v1/rooms", {"name": "quiet"})
    t = token(s, "quiet", "Ana")

    def enters(times, until):
        while time.time() < until:
            begun = time.time()
            a, joined = join(s, "quiet", t)
            a.send(type="offer", id=2, sdp=offer(), send=SEND)
            good = joined["type"] == "joined" and a.until("answer", "error")["type"] == "answer"
            times.append(time.time() - begun if good else 9.0)
            a.send(type="leave", id=3)
            a.s.close()
            time.sleep(0.02)

    def frame(**m):
        p = json.dumps(m).encode()
        return b"\x81" + bytes([0x80 | len(p)]) + b"\0\0\0\0" + p

    def meanwhile(seconds, send):
        times = []
        th = threading.Thread(target=enters, args=(times, time.time() + seconds))
        th.start()
        send(time.time() + seconds)
        th.join()
        times.sort()
        return times

    a, _ = join(s, "quiet", t)
    one, told, sent = frame(type="hand", id=7, up=True) * 100, [], [0]

    def as_fast(until):
        a.s.setblocking(False)
        left = b""
        while time.time() < until:
            got, can, _ = select.select([a.s], [a.s], [], 0.2)
            try:
                if can:
                    left = left or one
                    n = a.s.send(left)
                    left, sent[0] = left[n:], sent[0] + n * 100 // len(one)
                if got:
                    told.append(a.s.recv(1 << 20))
            except OSError:
                told.append(b"")
            if told and not told[-1]:
                return  # thrown out

    times = meanwhile(3, as_fast)
    limited = b"too_many" in b"".join(told) or (told and not told[-1])
    p99 = times[int(len(times) * 0.99) - 1]
    print(f"row 30: {sent[0] / 3:.0f} messages/s from one, limited {limited}; {len(times)} enter meanwhile, p99 {1000 * p99:.0f} ms")
    check("a flood is limited and disturbs nobody", limited and p99 < 1 and len(times) > 20, (limited, p99, len(times)))
    many, refused = [], 0
    for r in range(25):
        call(s.http, "POST", "/api/v1/rooms", {"name": f"crowd-{r}"})
        mine = token(s, f"crowd-{r}", "C")
        for _ in range(20):
            many.append(join(s, f"crowd-{r}", mine)[0])
    beat, poll = frame(type="ping", id=9), select.poll()
    for m in many:
        m.s.setblocking(False)
        poll.register(m.s, select.POLLIN)
    by = {m.s.fileno(): m.s for m in many}
    sent[0] = 0

    def twenty_a_second(until):
        nonlocal refused
        due = time.time()
        while time.time() < until:
            for m in many:
                try:
                    sent[0] += m.s.send(beat) > 0
                except OSError:
                    refused += 1
            due += 0.05
            while time.time() < due:
                for fd, _ in poll.poll(max(0, 1000 * (due - time.time()))):
                    try:
                        by[fd].recv(65536)
                    except OSError:
                        pass
    times = meanwhile(3, twenty_a_second)
    p99 = times[int(len(times) * 0.99) - 1]
    print(f"row 30: {len(many)} clients, {sent[0] / 3:.0f} messages/s together; {len(times)} enter meanwhile, p99 {1000 * p99:.0f} ms")
    check("500 clients at 20 a second", refused == 0 and p99 < 1 and sent[0] > 15000, (refused, p99, sent[0]))
    for m in many:
        m.s.close()


with Server(sys.argv[1], "--engines", "1") as s:
    call(s.http, "POST", "/api/v1/rooms", {"name": "talk"})
    order(s)
    others(s)
    prefixes(s)
    lobby(s)
    flood(s)
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
