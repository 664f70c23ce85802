# SPDX-License-Identifier: Apache-2.0
"""Starts a development server for tests and stops it again.

    with Server(binary) as s:
        s.http        http://127.0.0.1:PORT, the plain development listener
        s.https       https://127.0.0.1:PORT
        s.children()  {role name: pid}
"""
import os, random, re, shutil, signal, socket, subprocess, tempfile, time, urllib.error, urllib.request


def free_port():
    """A port that nobody has, for UDP and TCP, from below those that the system lends to connections (which the client of
    another test, or one just closed, could hold)."""
    while True:
        port = random.randrange(12000, 32000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("0.0.0.0", port))
            return port
        except OSError:
            continue


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Server:
    def __init__(self, binary, *arguments, host="127.0.0.1"):
        self.data = tempfile.mkdtemp(prefix="incamera-test-")
        self.plain, self.tls, self.media = free_port(), free_port(), free_port()
        self.http, self.https = f"http://{host}:{self.plain}", f"https://{host}:{self.tls}"
        self.words = [binary, "serve", "--dev", "--data", self.data, "--listen", f"{host}:{self.tls}", "--listen-plain",
                      f"{host}:{self.plain}", "--media", f"{host}:{self.media}", *arguments]

    def __enter__(self):
        self.log = open(os.path.join(self.data, "test.log"), "a+")
        return self.again()

    def again(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.process.stdout:
            if line.startswith("ready "):
                return self
        raise RuntimeError("the server did not start:\n" + self.read_log()[-2000:])

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.log.close()
        faults = [l for l in self.read_log().splitlines() if re.search(r"Sanitizer|runtime error:|assertion", l, re.I)]
        shutil.rmtree(self.data, ignore_errors=True)
        if faults:  # of a binary built with sanitizers; else nothing of the kind is ever printed
            print("\n".join(faults[:20]), flush=True)
            os._exit(1)

    def kill(self):
        """SIGKILL to every process of it at once."""
        pids = [self.process.pid] + [p for of in self.children().values() for p in of]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(5)
        self.process.stdout.close()
        end = time.time() + 5
        while any(map(alive, pids)) and time.time() < end:  # they hold its ports until they are gone
            time.sleep(0.005)

    def read_log(self):
        with open(os.path.join(self.data, "test.log")) as f:
            return f.read()

    def children(self):
        """{role: [pids]}, by the arguments a role was started with."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) != self.process.pid:
                        continue
                with open(f"/proc/{pid}/cmdline") as f:
                    words = f.read().split("\0")
                found.setdefault(words[2] if len(words) > 2 else "?", []).append(int(pid))
            except OSError:
                continue
        return found

    def request(self, method, path, body=None, headers=None):
        """(status, headers, text) of a request to the plain listener."""
        data = body.encode() if isinstance(body, str) else body
        r = urllib.request.Request(self.http + path, data, headers or {}, method=method)
        try:
            with urllib.request.urlopen(r, timeout=10) as a:
                return a.status, a.headers, a.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read().decode()
