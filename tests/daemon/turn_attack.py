#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""20,000 unauthenticated requests from 500 ports against a relay: junk integrity, forged nonces and names (RELIABILITY
row 25). usage: turn_attack.py ADDR PORT PID. Prints one JSON line; exit 1 when memory, descriptors or answers grow."""
import json, os, random, selectors, socket, struct, sys, time

addr, port, pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rnd = random.Random(7)


def attr(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def request(i):
    body = attr(0x19, b"\x11\0\0\0")
    if i % 5 == 1:
        body += attr(8, rnd.randbytes(20))
    if i % 5 in (2, 3):
        body += attr(6, b"1790003600:0123456789abcdef.0123456789abcdef01234567") + attr(0x14, b"incamera")
        body += attr(0x15, b"AAAABQAAAAAAAAAA" if i % 2 else rnd.randbytes(16)) + attr(8, rnd.randbytes(20))
    if i % 5 == 4:
        body = rnd.randbytes(rnd.randrange(0, 200) & ~3)
    return struct.pack(">HHI", (3, 4, 8, 9)[i % 4], len(body), 0x2112A442) + rnd.randbytes(12) + body


def rss():
    return int(next(l for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS")).split()[1])


def fds():
    return len(os.listdir(f"/proc/{pid}/fd"))


socks = []
sel = selectors.DefaultSelector()
for _ in range(500):
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect((addr, port))
    socks.append(s)
    sel.register(s, selectors.EVENT_READ)
rss0, fds0, sent, got, answers, worst = rss(), fds(), 0, 0, 0, 0.0
last = {}


def read(wait):
    global got, answers, worst
    for key, _ in sel.select(wait):
        try:
            while True:
                data = key.fileobj.recv(2048)
                got += len(data)
                answers += 1
                worst = max(worst, len(data) / last[key.fileobj].get(data[8:20], 20))
        except OSError:
            pass


for i in range(20000):
    s, r = socks[i % 500], request(i)
    last.setdefault(s, {})[r[8:20]] = len(r)
    try:
        s.send(r)
        sent += len(r)
    except OSError:
        pass
    if i % 200 == 199:
        read(0)
        time.sleep(0.002)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    read(0.1)
out = {"requests": 20000, "bytes_in": sent, "bytes_out": got, "factor": round(got / sent, 3), "single": round(worst, 2),
       "answers": answers, "rss_kb": rss() - rss0, "fds": fds() - fds0}
print(json.dumps(out))
sys.exit(0 if out["factor"] <= 1 and worst <= 2.2 and (out["rss_kb"] <= 1024 or "SANITIZED" in os.environ) and out["fds"] == 0 and answers else 1)
