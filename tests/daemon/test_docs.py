#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The docs are true: every example of docs/api.md, audit.md and operators.md runs, the table of settings is that of
src/app/config.c, metrics.md names what /metrics says, and openapi.json is what the server does.
usage: test_docs.py INCAMERA     Last line: N passed, N failed."""
import json, os, re, shutil, subprocess, sys, tempfile, time
from client import call, join, token
from server import Server, free_port

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
binary = os.path.abspath(sys.argv[1])
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"not ok: {what} {str(detail)[:1500]}")


def page(name):
    with open(os.path.join(root, "docs", name)) as f:
        return f.read()


def examples(name, s, least=4):
    blocks = re.findall(r"^```sh\n(.*?)^```$", page(name), re.M | re.S)
    work = tempfile.mkdtemp(prefix="incamera-test-")
    os.makedirs(work + "/build")
    os.symlink(binary, work + "/build/incamera")
    os.symlink(os.path.join(root, "tools"), work + "/tools")
    node = os.path.dirname(shutil.which("node") or "/usr/bin/node")
    with open(work + "/.curlrc", "w") as f:
        f.write("insecure\nmax-time = 10\n")
    script = "set -eu\n" + "".join(b + f"echo '--- block {n + 1} done' >&2\n" for n, b in enumerate(blocks))
    env = {"PATH": f"{work}/build:{node}:/usr/bin:/bin", "HOME": work, "CURL_HOME": work, "URL": s.https, "DIR": s.data, "PID": str(s.process.pid), "PREFIX": work + "/usr"}
    p = subprocess.Popen(["bash", "-c", script], cwd=work, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.time() + 60
    while p.poll() is None and time.time() < end:
        s.process.poll()  # the example waits for the server to be gone, not only dead
        time.sleep(0.05)
        if p.poll() is None and s.process.returncode is not None:
            break
    out, err = p.communicate(timeout=20)
    done = err.count("--- block")
    print(f"{name}: {done} of {len(blocks)} blocks of examples run")
    check(f"the examples of {name}", p.returncode == 0 and done == len(blocks) >= least, (p.returncode, out[-600:], err[-900:]))
    shutil.rmtree(work, ignore_errors=True)


def settings():
    with open(os.path.join(root, "src/app/config.c")) as f:
        keys = re.findall(r'^    \{"([a-z-]+)", [A-Z]+, offsetof', f.read(), re.M)
    rows = re.findall(r"^\| `([a-z-]+)` \| `(--[a-z-]+)` \| `(INCAMERA_[A-Z_]+)` \|", page("operators.md"), re.M)
    want = [(k, "--" + k, "INCAMERA_" + k.upper().replace("-", "_")) for k in keys]
    check("the table of settings", len(keys) > 10 and rows == want, (rows, want))


def metrics(s):
    end, text = time.time() + 5, ""
    while time.time() < end and not ("incamera_keeper_" in text and "incamera_udp_" in text and "incamera_relay_" in text):
        text = call(s.http, "GET", "/metrics")[1].decode()
        time.sleep(0.1)
    live = set(re.findall(r"^(incamera_\w+)", text, re.M))
    told = set(re.findall(r"`(incamera_\w+)(?:\{\w+\})?`", page("metrics.md")))
    check("every metric is documented", live and not live - told, live - told)
    print(f"metrics: {len(live)} served, {len(live - told)} of them not in docs/metrics.md")


def openapi(s):
    admin = token(s, "*", "Root", "--can", "admin,create,moderate,join,publish,subscribe,chat,share")
    doc = json.loads(call(s.http, "GET", "/api/v1/openapi.json")[1])
    call(s.http, "POST", "/api/v1/rooms", {"name": "doc", "policy": {"join": "link"}}, token=admin)
    guest = json.loads(call(s.http, "POST", "/api/v1/rooms/doc/guest", {"name": "Gus"})[1])
    a, joined = join(s, "doc", guest["token"])
    bodies = {("post", "/rooms"): {"name": "made", "class": "governed"}, ("post", "/rooms/{room}/tokens"): {"name": "x"},
              ("post", "/rooms/{room}/guest"): {"name": "y"}, ("post", "/explain"): {"who": "anonymous", "verb": "join", "object": "doc"}}
    rows = [(method, path, o) for path, of in doc["paths"].items() for method, o in of.items()]
    last = [("get", "/recordings/{item}"), ("get", "/recordings/{item}/bytes"), ("get", "/recordings/{item}/consents"), ("delete", "/recordings/{item}"), ("delete", "/rooms/{room}/members/{item}"), ("delete", "/rooms/{room}/barred/{item}"), ("delete", "/rooms/{room}")]
    sealed = re.search(r"/r/([\w-]{43})", subprocess.run([binary, "room", "create", "--class", "sealed", "--data", s.data], capture_output=True, text=True).stdout).group(1)
    kept = None  # files are for sealed rooms: announced, sent, read and dropped in this order
    rows.sort(key=lambda r: last.index(r[:2]) if r[:2] in last else -1)
    good, recorded, item_of = 0, [], {}
    for method, path, o in rows:
        if path == "/recordings/{item}" and not recorded:  # the recording of the room has ended, one way or another
            end = time.time() + 10
            while not recorded and time.time() < end:
                rows_now = json.loads(call(s.http, "GET", "/api/v1/recordings", token=admin)[1])["recordings"]
                recorded = [r["id"] for r in rows_now if r["end"] is not None]
        item = guest["subject"] if "barred" in path else recorded[0] if "recordings/" in path else str(joined["member"])
        of_file, bearer = "/files" in path, admin
        if of_file:
            if not kept:
                bearer = kept = json.loads(call(s.http, "POST", f"/api/v1/rooms/{sealed}/guest", {})[1])["token"]
            bearer, item = kept, item_of.get("file", "x" * 22)
        real = "/api/v1" + path.replace("{room}", sealed if of_file else "doc").replace("{item}", item) + ("?chunk=0" if of_file and "{item}" in path else "")
        want = [int(c) for c in o["responses"] if c != "default"]
        if {} not in o["security"]:
            code, answer = call(s.http, method.upper(), real, bodies.get((method, path)))
            check(f"{method} {path} without a token", code == 401 or (s.dev_open and path == "/rooms" and method == "post"), (code, answer))
        body = {"name": "made-too"} if path == "/rooms" and method == "post" else bodies.get((method, path))
        if of_file and "{item}" in path and method == "post":
            code, answer = call(s.http, "POST", real, "sealed", bearer, {"Content-Type": "application/octet-stream"})
        else:
            code, answer = call(s.http, method.upper(), real, {"chunks": 1, "bytes": 10} if of_file and method == "post" else body, token=bearer)
        if of_file and code == 201:
            item_of["file"] = json.loads(answer)["file"]
        good += [code] == want
        if [code] != want:
            print(method, path, want, code, answer[:300])
        code, answer = call(s.http, "PATCH", real)
        check(f"PATCH {path}", code in (405, 501), code)
    code, answer = call(s.http, "GET", "/api/v1/rooms/doc", token=admin)
    problem = json.loads(answer)
    check("refusals are problems", code == 404 and {"type", "title", "status"} <= set(problem) and problem["status"] == 404, answer)
    print(f"openapi.json: {good} of {len(rows)} requests answered with the status it lists")
    check("openapi", good == len(rows) >= 15)


settings()
with Server(binary, "--engines", "1", "--turn", f"127.0.0.1:{free_port()}") as s:
    s.dev_open = True  # a development server lets anybody make rooms
    openapi(s)
    metrics(s)
    examples("api.md", s)
    examples("audit.md", s, 2)
    examples("recording.md", s, 1)
    examples("operators.md", s)
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
