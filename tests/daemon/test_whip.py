#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""WHIP (RFC 9725) and WHEP on the TLS listener of a whole server, with tokens: every status code a client may get.
usage: test_whip.py PATH-OF-INCAMERA     Last line: N passed, N failed."""
import http.client, json, os, re, ssl, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Server

passed = failed = 0
SDP, FRAGMENT = {"Content-Type": "application/sdp"}, {"Content-Type": "application/trickle-ice-sdpfrag"}
MODERATOR = "join,publish,subscribe,chat,moderate"


def check(what, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAIL {what}: {detail}")


def offer(direction="sendonly", sections=("audio", "video"), codec=None, stream="s"):
    """What a small client sends: one transport, Opus and VP8."""
    lines = ["v=0", "o=- 7 1 IN IP4 127.0.0.1", "s=-", "t=0 0",
             "a=group:BUNDLE " + " ".join(map(str, range(len(sections)))),
             "a=fingerprint:sha-256 " + ":".join(f"{(i * 37) & 255:02X}" for i in range(32))]
    for i, kind in enumerate(sections):
        pt, name = (111, "opus/48000/2") if kind == "audio" else (96, "VP8/90000")
        lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {pt}", "c=IN IP4 0.0.0.0", f"a=mid:{i}", "a=ice-ufrag:abcd",
                  "a=ice-pwd:abcdefghijklmnopqrstuv", "a=setup:actpass", f"a={direction}", "a=rtcp-mux",
                  f"a=rtpmap:{pt} {codec or name}"]
        if direction == "sendonly":
            lines.append(f"a=msid:{stream} {kind}{i}")
    return "\r\n".join(lines) + "\r\n"


def fragment(ufrag="abcd", pwd="abcdefghijklmnopqrstuv"):
    return (f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
            "a=candidate:1 1 udp 2113937151 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n")


class Answer:
    def __init__(self, r):
        self.status, self.headers, self.body = r.status, r.headers, r.read()
        self.text = self.body.decode()

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.text[:300]}"


class Client:
    def __init__(self, server):
        self.server = server
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE  # a development certificate

    def ask(self, method, path, body=None, headers=None, token=None):
        h = dict(headers or {})
        if token is not None:
            h["Authorization"] = "Bearer " + token
        c = http.client.HTTPSConnection("127.0.0.1", self.server.tls, timeout=10, context=self.context)
        c.request(method, path, body, h)
        a = Answer(c.getresponse())
        c.close()
        if path.startswith(("/whip", "/whep")):
            check(f"CORS of {method} {path}", a.headers["Access-Control-Allow-Origin"] == "*", a)
            if a.status >= 400:
                problem = a.headers["Content-Type"] == "application/problem+json" and json.loads(a.text)
                check(f"{method} {path}: a problem with a title", problem and problem.get("title") and problem.get("type"), a)
        return a

    def expect(self, status, what, method, path, *rest, **named):
        a = self.ask(method, path, *rest, **named)
        check(f"{what} is {status}", a.status == status, a)
        return a


def command(server, *words):
    p = subprocess.run([sys.argv[1], *words, "--data", server.data], capture_output=True, text=True, timeout=20)
    check(" ".join(words[:3]), p.returncode == 0, p.stderr)
    return p.stdout.strip()


def token(server, room, name, can):
    return command(server, "token", "--room", room, "--name", name, "--can", can)


def endpoints(c, t):
    e = c.expect
    for kind in ("whip", "whep"):
        o = e(204, "OPTIONS", "OPTIONS", f"/{kind}/demo", None,
              {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"})
        check("Accept-Post", o.headers["Accept-Post"] == "application/sdp", o)
        allowed = (o.headers["Access-Control-Allow-Headers"] or "").lower()
        check("preflight", all(x in allowed for x in ("authorization", "content-type", "if-match")) and
              all(x in o.headers["Access-Control-Allow-Methods"] for x in ("POST", "PATCH", "DELETE")), o)
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            a = e(405, method, method, f"/{kind}/demo", None, token=t["all"])
            check("Allow", "POST" in (a.headers["Allow"] or ""), a)
    for bad in ("", "v=0", "hello", "v=0\r\n" * 50, offer(sections=())):
        e(400, f"offer {bad[:8]!r}", "POST", "/whip/demo", bad, SDP, t["all"])
    e(400, "no fingerprint", "POST", "/whip/demo", re.sub("a=fingerprint[^\n]*\n", "", offer()), SDP, t["all"])
    e(400, "a weak hash", "POST", "/whip/demo", offer().replace("sha-256", "sha-1"), SDP, t["all"])
    a = e(401, "no token", "POST", "/whip/demo", offer(), SDP)
    check("WWW-Authenticate", "Bearer" in (a.headers["WWW-Authenticate"] or ""), a)
    e(401, "a token changed", "POST", "/whip/demo", offer(), SDP, t["all"][:-3] + "AAA")
    e(401, "not a token", "POST", "/whip/demo", offer(), SDP, "x")
    e(401, "Basic", "POST", "/whip/demo", offer(), {**SDP, "Authorization": "Basic YTpi"})
    e(403, "WHIP without publish", "POST", "/whip/demo", offer(), SDP, t["see"])
    e(403, "WHEP without subscribe", "POST", "/whep/demo", offer("recvonly"), SDP, t["publish"])
    e(403, "a token of another room", "POST", "/whip/demo", offer(), SDP, t["other"])
    e(404, "no such room", "POST", "/whip/nowhere", offer(), SDP, t["every"])
    e(406, "a codec we don't speak", "POST", "/whip/demo", offer(sections=("video",), codec="H263/90000"), SDP, t["all"])
    e(406, "Accept", "POST", "/whip/demo", offer(), {**SDP, "Accept": "text/html"}, t["all"])
    e(406, "WHEP, a codec we don't speak", "POST", "/whep/demo", offer("recvonly", ("audio",), "G728/8000"), SDP, t["all"])
    e(415, "type", "POST", "/whip/demo", offer(), {"Content-Type": "text/plain"}, t["all"])
    e(415, "no type", "POST", "/whip/demo", offer(), {}, t["all"])
    e(422, "WHIP that only receives", "POST", "/whip/demo", offer("recvonly"), SDP, t["all"])
    e(422, "WHEP that only sends", "POST", "/whep/demo", offer(), SDP, t["all"])
    a = e(201, "more than one can send", "POST", "/whip/demo", offer(sections=("audio",) * 3), SDP, t["all"])
    check("the third is not taken", a.text.count("a=recvonly") == 2, a)
    e(200, "DELETE", "DELETE", a.headers["Location"], token=t["all"])
    e(413, "an offer beyond the cap", "POST", "/whip/demo", None, {**SDP, "Content-Length": "262145"}, t["all"])


def nothing_live(c, t):
    for path in ("/whep/demo", "/whep/demo/77"):
        a = c.expect(409, "nothing live", "POST", path, offer("recvonly"), SDP, t["all"])
        check("Retry-After", (a.headers["Retry-After"] or "").isdigit(), a)


def created(c, path, body, key):
    a = c.expect(201, "POST", "POST", path, body, SDP, key)
    check("type", a.headers["Content-Type"] == "application/sdp" and a.text.startswith("v=0"), a)
    check("an answer", "a=setup:" in a.text and "a=ice-lite" in a.text and "a=candidate:" in a.text, a)
    check("ETag", re.fullmatch('"[^"]+"', a.headers["ETag"] or ""), a)
    check("Location", (a.headers["Location"] or "").startswith(path + "/"), a)
    exposed = a.headers["Access-Control-Expose-Headers"] or ""
    check("exposed", all(x in exposed for x in ("Location", "ETag", "Link")), a)
    return a


def session(c, t, path, body):
    e = c.expect
    a = created(c, path, body, t["all"])
    place, match = a.headers["Location"], {**FRAGMENT, "If-Match": a.headers["ETag"]}
    e(204, "OPTIONS of a session", "OPTIONS", place)
    for method in ("GET", "POST", "PUT"):
        e(405, f"{method} of a session", method, place, None, token=t["all"])
    e(204, "trickle", "PATCH", place, fragment(), match, t["all"])
    e(428, "without If-Match", "PATCH", place, fragment(), FRAGMENT, t["all"])
    e(412, "another ETag", "PATCH", place, fragment(), {**FRAGMENT, "If-Match": '"other"'}, t["all"])
    e(415, "type", "PATCH", place, fragment(), {**SDP, "If-Match": a.headers["ETag"]}, t["all"])
    e(400, "not a fragment", "PATCH", place, "hello", match, t["all"])
    e(401, "no token", "PATCH", place, fragment(), match)
    e(403, "another's token", "PATCH", place, fragment(), match, t["second"])
    e(404, "under another room", "PATCH", place.replace("/demo/", "/demo2/"), fragment(), match, t["all"])
    r = e(200, "ICE restart", "PATCH", place, fragment("wxyz", "zyxwvutsrqponmlkjihgfe"), {**FRAGMENT, "If-Match": "*"}, t["all"])
    check("its type", r.headers["Content-Type"] == "application/trickle-ice-sdpfrag", r)
    ufrag = lambda text: re.search("a=ice-ufrag:(\\S+)", text).group(1)
    check("new credentials", "a=ice-pwd:" in r.text and ufrag(r.text) != ufrag(a.text), r)
    check("a new ETag", r.headers["ETag"] not in (None, a.headers["ETag"]), r)
    e(412, "the old ETag", "PATCH", place, fragment("wxyz", "zyxwvutsrqponmlkjihgfe"), match, t["all"])
    e(204, "trickle after it", "PATCH", place, fragment("wxyz", "zyxwvutsrqponmlkjihgfe"),
      {**FRAGMENT, "If-Match": r.headers["ETag"]}, t["all"])
    names = [m["name"] for m in json.loads(c.ask("GET", "/api/v1/rooms/demo/members", token=t["moderator"]).text)["members"]]
    check("it stands in the list", "All" in names, names)
    e(401, "DELETE without token", "DELETE", place)
    e(403, "DELETE with another's", "DELETE", place, token=t["second"])
    e(200, "DELETE", "DELETE", place, token=t["all"])
    e(404, "DELETE again", "DELETE", place, token=t["all"])
    e(404, "PATCH after it", "PATCH", place, fragment(), match, t["all"])
    e(404, "no such session", "DELETE", path + "/AAAAAAAAAAAAAAAAAAAAAA", token=t["all"])


def live(c, t):
    published = created(c, "/whip/demo", offer(), t["second"])
    session(c, t, "/whep/demo", offer("recvonly"))
    e = c.expect
    e(409, "no such track", "POST", "/whep/demo/4000000000", offer("recvonly"), SDP, t["all"])
    numbers = [n for n in range(1, 20) if c.ask("POST", f"/whep/demo/{n}", offer("recvonly"), SDP, t["see"]).status == 201]
    check("two tracks by number", len(numbers) == 2, numbers)
    e(200, "the publisher ends", "DELETE", published.headers["Location"], token=t["second"])


def kicked(c, t):
    a = created(c, "/whip/demo", offer(), t["second"])
    members = json.loads(c.ask("GET", "/api/v1/rooms/demo/members", token=t["moderator"]).text)["members"]
    who = next(m["member"] for m in members if m["name"] == "Second")
    c.expect(204, "kick", "DELETE", f"/api/v1/rooms/demo/members/{who}", token=t["moderator"])
    c.expect(404, "the session of who was kicked", "DELETE", a.headers["Location"], token=t["second"])
    c.expect(403, "kicked means kicked", "POST", "/whip/demo", offer(), SDP, t["second"])


def sealed(c, server):
    link = command(server, "room", "create", "--class", "sealed")
    room = link[3:46]
    guest = c.ask("POST", f"/api/v1/rooms/{room}/guest", "{}", {"Content-Type": "application/json"})
    if guest.status != 201:
        check("a guest of the sealed room", False, guest)
        return
    key = json.loads(guest.text)["token"]
    c.expect(403, "WHEP of a sealed room", "POST", f"/whep/{room}", offer("recvonly"), SDP, key)
    c.expect(403, "plain frames into a sealed room", "POST", f"/whip/{room}", offer(), SDP, key)
    a = c.expect(201, "sealed frames", "POST", f"/whip/{room}", offer(), {**SDP, "Incamera-Frames": "sframe"}, key)
    if a.status == 201:
        c.expect(200, "DELETE", "DELETE", a.headers["Location"], token=key)


with Server(sys.argv[1]) as server:
    for room in ("demo", "demo2"):
        command(server, "room", "create", room, "--class", "governed")
    client = Client(server)
    keys = {"all": token(server, "demo", "All", "join,publish,subscribe"), "second": token(server, "demo", "Second", "join,publish,subscribe"),
            "see": token(server, "demo", "See", "join,subscribe"), "publish": token(server, "demo", "Pub", "join,publish"),
            "other": token(server, "demo2", "Other", "join,publish,subscribe"), "moderator": token(server, "demo", "Mo", MODERATOR),
            "every": token(server, "*", "Every", "join,publish,subscribe")}
    endpoints(client, keys)
    nothing_live(client, keys)
    session(client, keys, "/whip/demo", offer())
    live(client, keys)
    kicked(client, keys)
    sealed(client, server)
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
