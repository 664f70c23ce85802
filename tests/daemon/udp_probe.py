#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the network does to UDP and TCP. `serve PORT...` answers each datagram and connection with the address it came
from; `ask ADDR COUNT PORT...` sends COUNT datagrams from one socket to each port and prints one JSON line: answers,
the outer addresses seen, the median round trip in ms. `tcp ADDR PORT` prints open or closed. All end by themselves."""
import json, selectors, socket, statistics, sys, time


def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def serve(ports):
    sel = selectors.DefaultSelector()
    for port in map(int, ports):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            s = socket.socket(socket.AF_INET6, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            s.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                s.listen(8)
            sel.register(s, selectors.EVENT_READ, kind)
    print("ready", flush=True)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for key, _ in sel.select(1):
            if key.data == socket.SOCK_DGRAM:
                data, peer = key.fileobj.recvfrom(2048)
                key.fileobj.sendto(data[:8] + f"{peer[0]} {peer[1]}".encode(), peer)
            else:
                key.fileobj.accept()[0].close()


def ask(addr, count, ports):
    s = socket.socket(family(addr), socket.SOCK_DGRAM)
    sent, seen, trips, got = {}, {}, [], set()
    end = time.monotonic() + 0.01 * count * len(ports) + 1
    todo = [(n, int(p)) for n in range(count) for p in ports]
    while time.monotonic() < end:
        if todo:
            n, port = todo.pop(0)
            key = n.to_bytes(4, "big") + port.to_bytes(4, "big")
            sent[key] = time.monotonic()
            s.sendto(key, (addr, port))
        s.settimeout(0.01)
        try:
            while True:
                data, _ = s.recvfrom(2048)
                key = data[:8]
                if key not in got:
                    trips.append(1000 * (time.monotonic() - sent[key]))
                got.add(key)
                seen.setdefault(int.from_bytes(key[4:], "big"), data[8:].decode())
        except (TimeoutError, ConnectionError):
            pass
        if not todo and len(got) == len(sent):
            break
    outer = sorted(set(seen.values()))
    print(json.dumps({"sent": len(sent), "answered": len(got), "outer": outer,
                      "ms": round(statistics.median(trips), 1) if trips else None}))


def tcp(addr, port):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.settimeout(2)
    try:
        s.connect((addr, int(port)))
        print("open")
    except OSError:
        print("closed")


if sys.argv[1] == "serve":
    serve(sys.argv[2:])
elif sys.argv[1] == "ask":
    ask(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
else:
    tcp(sys.argv[2], sys.argv[3])
