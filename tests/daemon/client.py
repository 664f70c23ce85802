# SPDX-License-Identifier: Apache-2.0
"""A client of a test server: HTTP, the room protocol over a real WebSocket, the commands."""
import json, socket, struct, subprocess, time, urllib.error, urllib.request


def call(base, method, path, body=None, token=None, headers=None):
    h = {"Content-Type": "application/json", **(headers or {})}
    if token is not None:
        h["Authorization"] = "Bearer " + token
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(base + path, data=data, method=method, headers=h)
    try:
        with urllib.request.urlopen(request, timeout=10) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


class Socket:
    """As much of RFC 6455 as a test needs."""

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), 10)
        self.buffer = b""
        self.s.sendall((f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: incamera.v1\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.s.recv(4096)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0] + b" ":
            raise RuntimeError(head)

    def send(self, **m):
        p, mask = json.dumps(m).encode(), b"\1\2\3\4"
        n = bytes([0x80 | len(p)]) if len(p) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(p))
        self.s.sendall(b"\x81" + n + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(p)))

    def need(self, n):
        while len(self.buffer) < n:
            got = self.s.recv(65536)
            if not got:
                raise EOFError
            self.buffer += got

    def next(self, timeout=6):
        self.s.settimeout(timeout)
        while True:
            self.need(2)
            n, at = self.buffer[1] & 127, 2
            if n == 126:
                self.need(4)
                n, at = struct.unpack(">H", self.buffer[2:4])[0], 4
            self.need(at + n)
            kind, p = self.buffer[0] & 15, self.buffer[at:at + n]
            self.buffer = self.buffer[at + n:]
            if kind == 8:
                raise EOFError
            if kind == 1:
                return json.loads(p)

    def until(self, *types, timeout=6):
        end = time.time() + timeout
        while time.time() < end:
            try:
                m = self.next(max(0.1, end - time.time()))
            except (EOFError, OSError):
                return {"type": "gone"}
            if m["type"] in types:
                return m
        return {"type": "timeout"}


def join(server, room, token, id=1):
    s = Socket(server.plain)
    s.send(type="join", id=id, token=token, room=room)
    return s, s.until("joined", "error", "waiting", "closed")


def command(server, *words):
    p = subprocess.run([server.words[0], *words, "--data", server.data], capture_output=True, text=True, timeout=20)
    return p.returncode, p.stdout.strip(), p.stderr.strip()


def token(server, room, name, *more):
    return command(server, "token", "--room", room, "--name", name, *more)[1]
