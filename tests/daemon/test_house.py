#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house as real processes: rooms, tokens, kicks, the audit trail; roles killed and back; drain; wrong beginnings.
usage: test_house.py INCAMERA"""
import base64, json, os, signal, socket, stat, subprocess, sys, tempfile, time
from client import call, command, join, token
from server import Server, free_port

binary = sys.argv[1]
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"not ok: {what} {detail}")


def rooms(s):
    c = lambda *a, **k: call(s.http, *a, **k)
    code, body = c("POST", "/api/v1/rooms", {"name": "demo", "class": "governed"})
    check("a room is made", code == 201, body)
    check("a second of the name is refused", c("POST", "/api/v1/rooms", {"name": "demo"})[0] == 409)
    for body, field in (({"name": "A b"}, "name"), ({"name": "x", "class": "direct"}, "class"), ({"name": "x", "class": "?"}, "class"),
                        ({"name": "x", "policy": {"join": "x"}}, "policy"), ({"room_id": "short", "class": "sealed"}, "room_id")):
        code, answer = c("POST", "/api/v1/rooms", body)
        check(f"422 names {field}", code == 422 and json.loads(answer).get("field") == field, (code, answer))
    for text in ('{"name":"a","name":"b"}', "[]", "{", '{"name":"a","x":1}', '{"name":"\\ud800"}', '{"name":1}', ""):
        check(f"refused: {text}", c("POST", "/api/v1/rooms", text)[0] in (400, 422))
    check("no such room", c("GET", "/api/v1/rooms/nope/policy")[0] == 404)
    check("no list without a token", c("GET", "/api/v1/rooms")[0] == 401)
    check("no audit without a token", c("GET", "/api/v1/audit")[0] == 401)
    check("405", c("PUT", "/api/v1/rooms")[0] in (405, 501))
    doc = json.loads(c("GET", "/api/v1/openapi.json")[1])
    check("openapi lists the rows", "/rooms/{room}/guest" in doc["paths"] and len(doc["paths"]) >= 10)
    code, out, _ = command(s, "room", "create", "--class", "sealed")
    check("a sealed room by command", code == 0 and out.startswith("/r/") and "#1." in out, out)
    code, policy = c("GET", "/api/v1/rooms/" + out[3:46] + "/policy")
    check("its policy", code == 200 and policy[:2] == b"\0\1", (code, policy[:8]))
    check("names do not reach the server of sealed rooms", command(s, "token", "--room", out[3:46], "--name", "Ana")[0] == 1)


def meeting(s):
    moderator = token(s, "demo", "Mo", "--can", "join,publish,subscribe,chat,moderate")
    guest = json.loads(call(s.http, "POST", "/api/v1/rooms/demo/guest", {"name": "Gus"})[1])
    a, joined = join(s, "demo", moderator)
    check("joined", joined["type"] == "joined" and "moderate" in joined["can"], joined)
    b, other = join(s, "demo", guest["token"])
    check("the second joins", other["type"] == "joined" and [m["name"] for m in other["members"]].count("Mo") == 1, other)
    came = a.until("member_joined")
    check("the first hears of it", came["type"] == "member_joined" and came["member"]["name"] == "Gus", came)
    code, body = call(s.http, "GET", "/api/v1/rooms/demo/members", token=moderator)
    check("members", code == 200 and len(json.loads(body)["members"]) == 2, body)
    b.send(type="kick", id=9, member=joined["member"])
    check("a guest can't kick", b.until("error", "ok").get("code") == "denied")
    start = time.time()
    a.send(type="kick", id=2, member=came["member"]["member"])
    check("kick is answered", a.until("ok", "error")["type"] == "ok")
    end = b.until("closed", timeout=5)
    check("kicked", end.get("reason") == "kicked", end)
    print(f"kick to closed: {(time.time() - start) * 1000:.0f} ms")
    _, again = join(s, "demo", guest["token"])
    check("kicked means kicked", again.get("code") == "denied", again)
    check("over HTTP too", call(s.http, "GET", "/api/v1/rooms/demo", token=guest["token"])[0] == 403)
    check("un-barred by the API", call(s.http, "DELETE", "/api/v1/rooms/demo/barred/" + guest["subject"], token=moderator)[0] == 204)
    c, again = join(s, "demo", guest["token"])
    check("in again", again["type"] == "joined", again)
    a.send(type="lock", id=3, locked=True)
    check("locked", a.until("ok", "error")["type"] == "ok")
    _, no = join(s, "demo", token(s, "demo", "Late"))
    check("a locked room", no.get("code") == "room_locked", no)
    a.send(type="lock", id=4, locked=False)
    a.until("ok")
    short, ok = join(s, "demo", token(s, "demo", "Short", "--ttl", "2s"))
    start = time.time()
    check("expiry ends the session", short.until("closed").get("reason") == "expired")
    check("within 5 s", time.time() - start < 7)
    admin = token(s, "*", "Root", "--can", "admin")
    start = time.time()
    check("closed by the API", call(s.http, "DELETE", "/api/v1/rooms/demo", token=admin)[0] == 204)
    check("a closed room ends all", a.until("closed")["type"] == "closed" and c.until("closed")["type"] == "closed")
    check("within 5 s", time.time() - start < 5)
    rows = json.loads(call(s.http, "GET", "/api/v1/audit?limit=1000", token=admin)[1])["rows"]
    kicks = [(r["verb"], r["allowed"]) for r in rows if r["verb"] == "kick"]
    check("one row an act", kicks == [("kick", False), ("kick", True)], kicks)
    check("rows count up", [r["seq"] for r in rows] == list(range(1, len(rows) + 1)))
    check("no token in the trail", moderator[-20:] not in json.dumps(rows))


def lobby(s):
    code, _ = call(s.http, "POST", "/api/v1/rooms", {"name": "lob", "policy": {"join": "lobby"}})
    check("a room with a lobby", code == 201)
    a, _ = join(s, "lob", token(s, "lob", "Mo", "--can", "join,moderate"))
    b, waits = join(s, "lob", json.loads(call(s.http, "POST", "/api/v1/rooms/lob/guest", {"name": "Gus"})[1])["token"])
    check("waits", waits["type"] == "waiting", waits)
    k = a.until("knocks")
    check("the moderator sees who", [x["name"] for x in k.get("knocks", [])] == ["Gus"], k)
    a.send(type="admit", id=5, knock=k["knocks"][0]["knock"], admit=True)
    m = b.until("joined", "closed", "error")
    check("let in", m["type"] == "joined", (m, a.until("ok", "error"), s.read_log()[-600:]))


def forged(s):
    b64 = lambda x: base64.urlsafe_b64encode(x if isinstance(x, bytes) else x.encode()).rstrip(b"=").decode()
    call(s.http, "POST", "/api/v1/rooms", {"name": "safe"})
    good = token(s, "safe", "Ana", "--can", "join,publish,admin,moderate")
    head, claims, sig = good.split(".")
    c = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forms = ["", ".", "..", "...", "x", "null", good + ".", good + "=", "." + good, good[:-1], good[1:], good + "A", head + "." + claims,
             head + "." + claims + ".", head + ".." + sig, good.upper(), good * 2, good.replace(".", " "), head + "." + claims + "." + sig[::-1]]
    for alg in ("none", "None", "NONE", "HS256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA ", "", None, 1):
        h = b64(json.dumps({"alg": alg, "typ": "JWT"}))
        forms += [f"{h}.{claims}.", f"{h}.{claims}.{sig}"]
    for extra in ({"jku": s.http + "/k"}, {"jwk": {"kty": "OKP"}}, {"x5u": s.http}, {"crit": ["x"]}, {"kid": "../../x"}, {"kid": "' OR 1=1"}):
        forms.append(f'{b64(json.dumps({"alg": "EdDSA", **extra}))}.{claims}.{sig}')
    for change in ({"room": "*"}, {"can": ["admin"]}, {"exp": 9999999999}, {"sub": "root"}, {"aud": "x"}, {"iss": "x"}, {"kind": "machine"}, {"nbf": 0}):
        forms.append(f"{head}.{b64(json.dumps({**c, **change}))}.{sig}")
    forms += [f"{head}.{claims}.{b64(bytes([i]) * 64)}" for i in range(6)]
    forms += [token(s, "*", "X", "--ttl", "1s")]
    time.sleep(1.2)
    taken = wrong = 0
    for f in forms:
        f = f.replace("\n", "")
        for method, path in (("GET", "/api/v1/rooms/safe"), ("DELETE", "/api/v1/rooms/safe")):
            code = call(s.http, method, path, token=f)[0]
            taken += code < 400
            wrong += code >= 500
    some = forms[:12] + forms[19:40:4]
    for f in some:
        a, answer = join(s, "safe", f)
        taken += answer["type"] == "joined"
        a.s.close()
    for f in some[:8]:
        code = call(s.https.replace("https", "http") if False else s.http, "POST", "/whip/safe", "v=0\r\n", token=f, headers={"Content-Type": "application/sdp"})[0]
        taken += code < 400
        wrong += code >= 500
    print(f"forged tokens: {len(forms)} forms, {taken} accepted, {wrong} answered 5xx")
    check("forged tokens", taken == 0 and wrong == 0 and len(forms) >= 60)
    check("the real one opens", call(s.http, "GET", "/api/v1/rooms/safe", token=good)[0] == 200)


def wait_up(s, seconds=8):
    start = time.time()
    while time.time() - start < seconds:
        try:
            if call(s.http, "GET", "/healthz")[0] == 200:
                return time.time() - start
        except OSError:
            pass
        time.sleep(0.05)
    return None


def killed(s):
    call(s.http, "POST", "/api/v1/rooms", {"name": "kill"})
    for role in ("vault", "keeper", "engine", "front", "archive"):
        old = s.children()[role][0]
        os.kill(old, signal.SIGKILL)
        end = time.time() + 8
        while time.time() < end and s.children().get(role, [old])[0] == old:
            time.sleep(0.02)
        took = wait_up(s)
        new = s.children().get(role, [old])[0]
        check(f"{role} comes back", took is not None and new != old, s.read_log()[-800:])
        t = token(s, "kill", "Ana")
        a, answer = join(s, "kill", t)
        check(f"joins work after {role} died", answer["type"] == "joined", answer)
        print(f"{role} killed: healthy again after {time.time() - end + 8:.2f} s")
        a.s.close()
    a, _ = join(s, "kill", token(s, "kill", "Eve"))
    for pid in s.children()["engine"]:
        os.kill(pid, signal.SIGKILL)
    check("an engine's end is told", a.until("restart")["type"] == "restart")
    end, m = time.time() + 5, {}
    while time.time() < end and m.get("type") != "joined":
        a.send(type="join", id=7, token=token(s, "kill", "Eve"), room="kill")
        m = a.until("joined", "error", "closed")
        time.sleep(0.3)
    check("and the same socket joins again", m.get("type") == "joined", (m, s.read_log()[-1500:]))


def kill_role(s, role):
    old = s.children()[role][0]
    os.kill(old, signal.SIGKILL)
    end = time.time() + 8
    while time.time() < end and s.children().get(role, [old])[0] == old:
        time.sleep(0.02)
    return wait_up(s)


def returned(s):
    """A keeper killed during a meeting knows again who is there: whoever came before it can be removed and can moderate."""
    call(s.http, "POST", "/api/v1/rooms", {"name": "kept"})
    boss, plain = token(s, "kept", "Mo", "--can", "join,publish,subscribe,chat,moderate"), token(s, "kept", "Gus")
    a, ja = join(s, "kept", boss)
    b, jb = join(s, "kept", plain)
    c, jc = join(s, "kept", token(s, "kept", "Cy"))
    for n in range(2):
        check("the keeper comes back", kill_role(s, "keeper") is not None)
    start = time.time()
    b.send(type="kick", id=1, member=ja["member"])
    m = b.until("ok", "error")
    while m.get("code") == "not_joined" and time.time() - start < 5:
        time.sleep(0.05)
        b.send(type="kick", id=1, member=ja["member"])
        m = b.until("ok", "error")
    check("who may not moderate still may not", m.get("code") == "denied", m)
    a.send(type="kick", id=2, member=jb["member"])
    check("a moderator from before still moderates", a.until("ok", "error")["type"] == "ok")
    check("who came before is removed", b.until("closed").get("reason") == "kicked")
    took = time.time() - start
    check("within 5 s", took < 5, took)
    print(f"keeper killed: a member from before is removed {took * 1000:.0f} ms after it is healthy")
    check("and stays out", join(s, "kept", plain)[1].get("code") == "denied")
    members = json.loads(call(s.http, "GET", "/api/v1/rooms/kept/members", token=boss)[1])["members"]
    check("the list is right", sorted(x["member"] for x in members) == sorted([ja["member"], jc["member"]]), members)
    d, jd = join(s, "kept", token(s, "kept", "Dee"))
    check("who comes now meets them", len(jd.get("members", [])) >= 2 and jd["member"] not in (ja["member"], jb["member"], jc["member"]), jd)
    kill_role(s, "keeper")
    check("kicked stays kicked for the next keeper too", join(s, "kept", plain)[1].get("code") == "denied")
    start = time.time()
    check("closed by the API", call(s.http, "DELETE", "/api/v1/rooms/kept", token=token(s, "*", "Root", "--can", "admin"))[0] == 204)
    check("closing reaches those from before", [x.until("closed")["type"] for x in (a, c, d)] == ["closed"] * 3 and time.time() - start < 5)


def walls(s):
    mode = os.stat(os.path.join(s.data, "control.sock")).st_mode
    check("control.sock is ours alone", stat.S_IMODE(mode) == 0o600, oct(mode))
    for name in os.listdir(os.path.join(s.data, "vault")):
        check(f"vault/{name} is 0600", stat.S_IMODE(os.stat(os.path.join(s.data, "vault", name)).st_mode) == 0o600)
    for role, pids in s.children().items():
        status = open(f"/proc/{pids[0]}/status").read()
        field = lambda k: status.split(k + ":")[1].split()[0]
        check(f"{role}: system-call filter", field("Seccomp") == ("0" if os.environ.get("SANITIZED") else "2"), field("Seccomp"))
        check(f"{role}: no new privileges", field("NoNewPrivs") == "1")
        check(f"{role}: no capability", int(field("CapEff"), 16) == 0)
        environ = open(f"/proc/{pids[0]}/environ", "rb").read() if os.geteuid() == 0 else b""
        check(f"{role}: empty environment", environ == b"" or b"OPTIONS" in environ, environ[:40])
    log = s.read_log()
    check("no name, token or address in the log", not any(x in log for x in ("Gus", "Short", "eyJ", " 127.0.0.1")))
    check("no control character in the log", all(c >= " " or c == "\n" for c in log))
    end, text = time.time() + 4, b""
    while time.time() < end and b"incamera_keeper_joins_total" not in text:  # roles report each second
        text = call(s.http, "GET", "/metrics")[1]
        time.sleep(0.1)
    check("metrics", b"incamera_keeper_joins_total" in text)


def beginnings():
    run = lambda *w, **k: subprocess.run([binary, *w], capture_output=True, text=True, timeout=30, **k)
    d = tempfile.mkdtemp(prefix="incamera-test-")
    for words in (["serve", "--listen", "nonsense"], ["serve", "--engines", "0"], ["serve", "--what", "1"], ["serve", "x"], ["nope"], [],
                  ["serve", "--config", d + "/none"], ["serve", "--listen-plain", "127.0.0.1:1"], ["token"], ["room", "create"],
                  ["room", "create", "--class", "x"], ["serve", "--listen"], ["policy", "explain"], ["serve", "--turn-allow-peer", "10.0.0.0"]):
        p = run(*words)
        check(f"{words}: exit 2, one line", p.returncode == 2 and p.stderr.count("\n") == 1 and not p.stdout, (p.returncode, p.stderr))
    for text in ('{"strict_metadata":1}', '{"mls_suite":3}', '{"days":91}', '{"days":0}', '{"lobby":true}', '[]', '{"days":7'):
        with open(d + "/sealed.json", "w") as f:
            f.write(text)
        p = run("room", "create", "--class", "sealed", "--policy", d + "/sealed.json", "--data", d)
        check(f"sealed policy {text}", p.returncode in (1, 2) and p.stderr.count("\n") == 1 and not p.stdout, (p.returncode, p.stderr))
    open(d + "/bad.conf", "w").write("listen = 127.0.0.1:1\n# fine\nengines = many\n")
    p = run("serve", "--config", d + "/bad.conf")
    check("a fault in the file names its line", p.returncode == 2 and "line 3" in p.stderr, p.stderr)
    p = run("serve", "--data", d + "/d", env={**os.environ, "INCAMERA_ENGINES": "zero"})
    check("a fault in the environment", p.returncode == 2 and "INCAMERA_ENGINES" in p.stderr, p.stderr)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        p = run("serve", "--dev", "--data", d + "/p", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--media", "127.0.0.1:0")
        check("port in use", p.returncode == 1 and "in use" in p.stderr and p.stderr.count("\n") == 1 and not p.stdout, p.stderr)
    p = run("serve", "--data", d + "/q", "--listen", "127.0.0.1:0")
    check("no certificate", p.returncode == 1 and "tls-certificate" in p.stderr, p.stderr)
    os.makedirs(d + "/broken", 0o700)
    open(d + "/broken/keeper.db", "wb").write(b"this is no database at all" * 100)
    p = run("serve", "--dev", "--data", d + "/broken", "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0")
    check("a broken database", p.returncode == 1 and not p.stdout and "keeper" in p.stderr, p.stderr[-300:])
    p = run("room", "create", "off", "--class", "governed", "--data", d + "/off")
    check("commands work without a server", p.returncode == 0 and p.stdout == "off\n", p.stderr)
    check("and see it again", "off" in run("room", "list", "--data", d + "/off").stdout)
    for c in ("serve", "room", "token", "turn", "policy", "doctor", "version"):
        check(f"{c} --help", run(c, "--help").returncode == 0)
    check("version --json", "version" in json.loads(run("version", "--json").stdout))
    subprocess.run(["rm", "-rf", d])


with Server(binary, "--engines", "2") as s:
    rooms(s)
    meeting(s)
    lobby(s)
    forged(s)
    killed(s)
    returned(s)
    walls(s)
    p = subprocess.run([binary, "serve", "--dev", "--data", s.data, "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0"], capture_output=True, text=True, timeout=20)
    check("a second server on the data: exit 3", p.returncode == 3 and p.stderr.count("\n") == 1, p.stderr)
    call(s.http, "POST", "/api/v1/rooms", {"name": "last"})
    a, _ = join(s, "last", token(s, "last", "Ana"))
    start = time.time()
    s.process.send_signal(signal.SIGTERM)
    check("drain is told", a.until("closed").get("reason") == "draining")
    check("SIGTERM exits 0", s.process.wait(12) == 0)
    print(f"drain: {time.time() - start:.2f} s")
beginnings()
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
