#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sealed files: kept in chunks for who is in the room's meeting, refused where they don't belong, gone with the meeting.

usage: test_files.py INCAMERA"""
import base64, json, os, re, signal, subprocess, sys, time

from server import Server

binary = sys.argv[1]
passed, failed = 0, 0
CHUNK = 65536 + 16


def check(what, ok, told=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {told}")


with Server(binary) as s:
    def command(*words):
        return subprocess.run([binary, *words, "--data", s.data], capture_output=True, text=True, timeout=30).stdout

    def call(method, path, token="", body=None, kind="application/json"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = kind
        import urllib.error, urllib.request
        r = urllib.request.Request(s.http + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(r, timeout=10) as a:
                return a.status, a.read(), a.headers
        except urllib.error.HTTPError as e:
            return e.code, e.read(), e.headers

    link = command("room", "create", "--class", "sealed")
    room = re.search(r"/r/([\w-]{43})", link).group(1)
    other = re.search(r"/r/([\w-]{43})", command("room", "create", "--class", "sealed")).group(1)

    def guest(of):
        return json.loads(call("POST", f"/api/v1/rooms/{of}/guest", body=b"{}")[1])["token"]

    ana, ben, stranger = guest(room), guest(room), guest(other)
    base = f"/api/v1/rooms/{room}/files"

    def make(token=ana, at=base, **want):
        return call("POST", at, token, json.dumps(want or {"chunks": 3, "bytes": 3 * CHUNK}).encode())

    status, text, headers = make()
    name = json.loads(text).get("file", "")
    check("a file is announced", status == 201 and re.fullmatch(r"[\w-]{22}", name) and headers["Location"] == f"{base}/{name}", (status, text))
    at = f"{base}/{name}"
    chunks = [os.urandom(CHUNK) for _ in range(3)]

    def put(i, token=ana, body=None, kind="application/octet-stream", path=at):
        return call("POST", f"{path}?chunk={i}", token, chunks[i % 3] if body is None else body, kind)[0]

    check("chunks in any order", [put(2), put(0)] == [204, 204])
    check("a part that is not there yet", call("GET", f"{at}?chunk=1", ben)[0] == 409)
    check("the rest, and one again", [put(1), put(0)] == [204, 204])
    got = [call("GET", f"{at}?chunk={i}", ben) for i in range(3)]
    check("another member reads them", [g[0] for g in got] == [200] * 3 and [g[1] for g in got] == chunks)
    check("as nothing a browser would show", got[0][2]["Content-Type"] == "application/octet-stream" and got[0][2]["X-Content-Type-Options"] == "nosniff"
          and "no-store" in got[0][2]["Cache-Control"])
    put(0, body=b"other")
    check("a chunk is never changed", call("GET", f"{at}?chunk=0", ben)[1] == chunks[0])
    for what, want, status in (
        ("no token", 401, call("GET", f"{at}?chunk=0")[0]),
        ("a token of another room", 403, call("GET", f"{at}?chunk=0", stranger)[0]),
        ("the same id in another room", 404, call("GET", f"/api/v1/rooms/{other}/files/{name}?chunk=0", stranger)[0]),
        ("a chunk of somebody else's file", 403, put(1, ben)),
        ("a chunk past the end", 422, put(3)),
        ("no number", 422, call("POST", at, ana, b"x", "application/octet-stream")[0]),
        ("an empty chunk", 422, put(1, body=b"")),
        ("a chunk as JSON", 415, put(1, kind="application/json")),
        ("too large a chunk", 413, put(1, body=b"x" * 70000)),
        ("an unknown file", 404, put(1, path=f"{base}/{'x' * 22}")),
        ("reading an unknown file", 404, call("GET", f"{base}/{'x' * 22}?chunk=0", ana)[0]),
        ("too large a file", 413, make(chunks=10000, bytes=(512 << 20) + 1)[0]),
        ("sizes that don't fit together", 422, make(chunks=1, bytes=1 << 20)[0]),
        ("no sizes", 422, make(chunks=1)[0]),
        ("a removal by another", 403, call("DELETE", at, ben)[0]),
    ):
        check(what, status == want, (status, want))
    check("two large ones fill the room", [make(chunks=8192, bytes=512 << 20)[0] for _ in range(3)] == [201, 507, 507])
    command("room", "create", "town-hall", "--class", "governed")
    governed = command("token", "--room", "town-hall", "--name", "Ana").strip()
    status, text, _ = make(governed, "/api/v1/rooms/town-hall/files", chunks=1, bytes=10)
    check("a governed room says no, and why", status == 403 and b"sealed files only" in text, (status, text))
    check("removed by who sent it", call("DELETE", at, ana)[0] == 204 and call("GET", f"{at}?chunk=0", ben)[0] == 404)

    # with the room closed, and when nobody is there
    name = json.loads(make(chunks=1, bytes=50, token=stranger, at=f"/api/v1/rooms/{other}/files")[1])["file"]
    left = json.loads(make(chunks=1, bytes=50)[1])["file"]
    put(0, path=f"{base}/{left}", body=b"y" * 50)
    check("it is there", call("GET", f"{base}/{left}?chunk=0", ben)[0] == 200)
    command("room", "close", other)
    for pid in s.children()["keeper"]:  # a keeper that dies loses nothing that was taken
        os.kill(pid, signal.SIGKILL)
    end, status = time.time() + 10, 0
    while time.time() < end and status != 200:
        status = call("GET", f"{base}/{left}?chunk=0", ben)[0]
        time.sleep(0.05)
    check("and after the keeper died", status == 200, status)
    begun = time.time()
    while time.time() - begun < 40 and status != 404:
        status = call("GET", f"{base}/{left}?chunk=0", ben)[0]
        time.sleep(0.2)
    took = time.time() - begun
    check("gone when nobody is in the room", status == 404 and took > 10, (status, took))
    size = os.path.getsize(os.path.join(s.data, "files.db"))
    end = time.time() + 15
    while time.time() < end and os.path.getsize(os.path.join(s.data, "files.db")) > 100_000:
        time.sleep(0.2)
    check("and its room on the disk", os.path.getsize(os.path.join(s.data, "files.db")) <= 100_000, size)
    export = os.path.join(s.data, "export")
    command("audit", "export", "--out", export)
    with open(export) as f:
        rows = [json.loads(l) for l in f if '"seq"' in l]
    made = [r for r in rows if r["verb"] == "file" and r["allowed"]]
    check("making and removing have rows, reading has none", len(made) >= 4 and not any(r["verb"] == "fetch" for r in rows), len(made))
    with open(os.path.join(s.data, "test.log")) as f:
        check("no chunk in the log", base64.b64encode(chunks[0][:9]).decode() not in f.read())
print(f"files: gone {took:.0f} s after nobody was in the room")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
