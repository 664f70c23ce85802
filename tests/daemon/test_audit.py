#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The audit trail of a running server (rows 73 and 77 of the acceptance matrix): every act has one row; heads go to a
second place; an export is checked by the command and by tools/audit-verify.mjs, which shares no code with it; changes of
the export and of the database are named by both; SIGKILL at any moment loses no acknowledged act.

usage: test_audit.py INCAMERA [KILLS]"""
import json, os, random, shutil, signal, sqlite3, subprocess, sys, tempfile, threading, time

from server import Server

binary = sys.argv[1]
kills = int(sys.argv[2]) if len(sys.argv) > 2 else 12
verifier = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "audit-verify.mjs")
passed, failed = 0, 0
MUTATIONS = 400


def check(what, ok, told=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {told}")


def run(*words):
    r = subprocess.run([binary, *words], capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout


def alone(*words):
    r = subprocess.run(["node", verifier, *words], capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout


def mutated(lines, rng):
    """The lines with one change of row 73's kinds: byte, cut tail, missing line, repeated, moved, put in."""
    out = list(lines)
    kind, at = rng.randrange(6), rng.randrange(1, len(lines))
    if kind == 0:
        i = rng.randrange(len(lines))
        at_byte = rng.randrange(len(out[i]))
        old = out[i][at_byte]
        new = rng.choice([c for c in "0123456789abcdef\"{}:,x" if c != old])
        out[i] = out[i][:at_byte] + new + out[i][at_byte + 1:]
    elif kind == 1:
        out = out[:at]
    elif kind == 2:
        del out[at]
    elif kind == 3:
        out.insert(at, out[at])
    elif kind == 4:
        other = rng.choice([i for i in range(1, len(lines)) if out[i] != out[at]])
        out[at], out[other] = out[other], out[at]
    else:
        row = json.loads(next(l for l in lines[1:] if "seq" in l))
        row["who"] = "eve"
        out.insert(at, json.dumps(row, separators=(",", ":")))
    return out


def acts(data):
    """A few acts of every kind that the commands have, allowed and refused."""
    for i in range(12):
        run("room", "create", f"audit-{i}", "--class", "governed", "--data", data)
        run("token", "--room", f"audit-{i}", "--name", f"person {i} é", "--data", data)
    run("token", "--room", "not-there", "--name", "x", "--data", data)
    run("room", "close", "audit-0", "--data", data)


folder = tempfile.mkdtemp(prefix="incamera-audit-")
heads_file = os.path.join(folder, "heads")
export = os.path.join(folder, "export.jsonl")
with Server(binary, "--audit-heads", heads_file) as s:
    acts(s.data)
    code, text = run("audit", "verify", "--data", s.data, "--json")
    told = json.loads(text)
    check("verify of a running server", code == 0 and told["good"] and told["entries"] > 20, text)
    code, _ = run("audit", "export", "--data", s.data, "--out", export)
    check("export", code == 0)
    code, _ = run("audit", "export", "--data", s.data, "--out", export)
    check("an export is not written over", code == 1)
    key = told["key"]
    with open(export) as f:
        lines = f.read().splitlines()
    rows = [json.loads(l) for l in lines if '"seq"' in l]
    check("one row an act", sum(r["verb"] == "create" for r in rows) == 12 and sum(r["verb"] == "token" for r in rows) == 13
          and sum(r["verb"] == "token" and not r["allowed"] for r in rows) == 1, [r["verb"] for r in rows])
    with open(heads_file) as f:
        kept = f.read().split()
    check("heads in the second place", kept and kept[-1] == json.loads(lines[-1])["head"], kept)
    log = s.read_log()
    check("heads in the log", all(h in log for h in kept))
    status, _, body = s.request("GET", "/api/v1/audit/head")
    check("a stranger gets no head", status == 401, body)
    data = os.path.join(folder, "data")
for f in (lambda *w: run("audit", "verify", "--file", *w), lambda *w: alone(*w)):
    words = [export, key] if f(export)[0] == 2 else [export, "--key", key]
    check("a good export", f(*words)[0] == 0, f(*words))

# 400 changes of the export
rng = random.Random(73)
missed, seen = [], 0
changed = os.path.join(folder, "changed.jsonl")
while seen < MUTATIONS:
    other = mutated(lines, rng)
    if other == lines:
        continue
    seen += 1
    with open(changed, "w") as f:
        f.write("\n".join(other) + "\n")
    code, text = run("audit", "verify", "--file", changed, "--key", key, "--head", kept[-1])
    if code != 1 or not text.strip():
        missed.append(("command", other))
    if seen % 8 == 0:
        code, text = alone(changed, key, kept[-1])
        if code != 1 or not text.strip():
            missed.append(("stand-alone", other))
check("changes of an export", not missed, missed[:1])
print(f"row 73: {seen} changes of an export, {len(missed)} not noticed (each eighth by the stand-alone verifier too)")

# the database itself, changed by somebody who can write it
for name, sql, bad in (
    ("a row", "UPDATE audit SET who='eve' WHERE seq=5", 5),
    ("a verdict", "UPDATE audit SET allowed=1-allowed WHERE seq=9", 9),
    ("a row and its leaf", "UPDATE audit SET room='x', leaf=(SELECT leaf FROM audit WHERE seq=3) WHERE seq=7", 7),
):
    with tempfile.TemporaryDirectory() as d:
        acts(d)
        run("audit", "verify", "--data", d)
        with sqlite3.connect(os.path.join(d, "keeper.db")) as db:
            db.execute(sql)
        db.close()
        code, text = run("audit", "verify", "--data", d, "--json")
        told = json.loads(text) if text else {}
        check(f"{name} changed in the database", code == 1 and told.get("bad") == bad, text)
with tempfile.TemporaryDirectory() as d:
    acts(d)
    _, text = run("audit", "verify", "--data", d, "--json")
    head = json.loads(text)["head"]
    with sqlite3.connect(os.path.join(d, "keeper.db")) as db:
        size = db.execute("SELECT max(seq) FROM audit").fetchone()[0]
        db.execute("DELETE FROM audit WHERE seq>?", (size - 5,))
        db.execute("DELETE FROM audit_node WHERE (at+1)*(1<<level)>?", (size - 5,))
        db.execute("DELETE FROM audit_head WHERE size>?", (size - 5,))
        db.execute("UPDATE sqlite_sequence SET seq=? WHERE name='audit'", (size - 5,))
    db.close()
    code, text = run("audit", "verify", "--data", d, "--head", head)
    check("the last rows cut off, against a head kept elsewhere", code == 1, text)

# SIGKILL while rooms are made as fast as they go: what was acknowledged is there, and the trail is whole
lost, unsound = 0, 0
acknowledged = set()
with tempfile.TemporaryDirectory() as d:
    rng = random.Random(77)
    for round_ in range(kills):
        s = Server(binary)
        shutil.rmtree(s.data)
        s.data = d
        s.words[s.words.index("--data") + 1] = d
        s.__enter__()
        stop = threading.Event()

        def make():
            n = 0
            while not stop.is_set():
                name = f"k{round_}-{n}"
                n += 1
                try:
                    status, _, _ = s.request("POST", "/api/v1/rooms", json.dumps({"name": name, "class": "governed"}),
                                             {"Content-Type": "application/json"})
                except OSError:
                    return
                if status == 201:
                    acknowledged.add(name)

        t = threading.Thread(target=make)
        t.start()
        time.sleep(rng.uniform(0.02, 0.4))
        for pid in s.children().get("keeper", []):
            os.kill(pid, signal.SIGKILL)
        s.process.send_signal(signal.SIGKILL)
        stop.set()
        t.join()
        s.process.wait()
        s.log.close()
        time.sleep(0.05)
        with sqlite3.connect(os.path.join(d, "keeper.db")) as db:
            good = db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            rooms = {r[0] for r in db.execute("SELECT name FROM rooms")}
            made = {r[0] for r in db.execute("SELECT room FROM audit WHERE verb='create' AND allowed=1")}
        db.close()
        code, text = run("audit", "verify", "--data", d)
        unsound += not good or code != 0
        lost = len(acknowledged - rooms) + len(acknowledged - made) + len(rooms - made)
check("SIGKILL loses nothing", lost == 0 and unsound == 0 and len(acknowledged) > kills, (lost, unsound, len(acknowledged)))
print(f"row 77: {kills} SIGKILLs, {len(acknowledged)} acknowledged acts, {lost} lost, {unsound} unsound stores")
shutil.rmtree(folder)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
