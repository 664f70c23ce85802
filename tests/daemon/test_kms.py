#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings under a key in an HSM (SoftHSM2 through PKCS#11): they open with it, the data folder alone yields nothing, a key
that was destroyed is said so; the role kms stalled, killed, with a wrong PIN, at start and in the middle (row 69): no recording
begins, running ones go on with their key, all comes back by itself.

usage: test_kms.py INCAMERA      exit 77 where softhsm2, opensc or python3-aiortc is missing"""
import glob, json, os, shutil, signal, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Live
from server import Server

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
if not os.path.exists(MODULE) or not shutil.which("softhsm2-util") or not shutil.which("pkcs11-tool"):
    print("no SoftHSM2")
    sys.exit(77)
binary = os.path.abspath(sys.argv[1])
passed = failed = 0


def check(what, ok, told=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {told}", flush=True)


def run(*words, env=None):
    r = subprocess.run(words, capture_output=True, text=True, timeout=60, env=env)
    return r.returncode, r.stdout, r.stderr


class Token:
    """A folder with a token of SoftHSM2's, its PIN file, and the flags that name them."""

    def __init__(self, key=True):
        self.folder = tempfile.mkdtemp(prefix="incamera-hsm-")
        os.mkdir(self.folder + "/tokens")
        self.conf = self.folder + "/softhsm2.conf"
        with open(self.conf, "w") as f:
            f.write(f"directories.tokendir = {self.folder}/tokens\n")
        self.env = dict(os.environ, SOFTHSM2_CONF=self.conf)
        self.pin("271828")
        code, text, told = run("softhsm2-util", "--init-token", "--free", "--label", "incamera", "--pin", "271828", "--so-pin", "314159", env=self.env)
        assert code == 0, text + told
        if key:
            self.make()

    def pin(self, text):
        with open(self.folder + "/pin", "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text + "\n")

    def tool(self, *words):
        code, text, told = run("pkcs11-tool", "--module", MODULE, "--token-label", "incamera", "--login", "--pin", "271828", *words, env=self.env)
        assert code == 0, text + told

    def make(self):
        self.tool("--keygen", "--key-type", "AES:32", "--label", "recordings")

    def destroy(self):
        self.tool("--delete-object", "--type", "secrkey", "--label", "recordings")

    def settings(self):
        return {"kms": "pkcs11", "kms-module": MODULE, "kms-token": "incamera", "kms-key": "recordings", "kms-pin-file": self.folder + "/pin",
                "kms-folder": self.folder, "kms-environment": "SOFTHSM2_CONF=" + self.conf}

    def flags(self):
        return [x for k, v in self.settings().items() for x in ("--" + k, v)]

    def drop(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def archive(s, *words):
    return run(binary, "archive", *words, "--data", s.data)


def until(what, true, within=15):
    end = time.time() + within
    while time.time() < end:
        found = true()
        if found:
            return found
        time.sleep(0.1)
    check(what, False, f"not within {within} s")
    return None


def listed(s):
    return json.loads(archive(s, "list", "--json")[1])["recordings"]


def stop(s, room, number):
    archive(s, "stop", room)
    until("the end of a recording", lambda: [r for r in listed(s) if r["id"] == number and r["end"]])


def export(s, number):
    """(exit code, names of the media files, what was said)"""
    folder = tempfile.mkdtemp(prefix="incamera-test-")
    code, text, told = archive(s, "export", number, "--out", folder + "/out")
    names = [n for n in sorted(os.listdir(folder + "/out")) if n.endswith(".webm") and os.path.getsize(f"{folder}/out/{n}")] if os.path.isdir(folder + "/out") else []
    whole = [n for n in names if run("ffprobe", "-v", "error", f"{folder}/out/{n}")[0] == 0]
    shutil.rmtree(folder, ignore_errors=True)
    return code, whole, text + told


def record(s, room, seconds=2):
    code, text, told = archive(s, "record", room)
    check("a recording begins", code == 0, text + told)
    number = json.loads(text)["id"] if code == 0 else ""
    time.sleep(seconds)  # of sound and picture
    return number


def comes_back(s, room, what, within=15):
    """A recording can be begun again, without anybody's doing."""
    begun = time.time()
    number = until(what, lambda: (lambda r: json.loads(r[1])["id"] if r[0] == 0 else None)(archive(s, "record", room)), within)
    return number, time.time() - begun


def refused(s, what, room, sentence):
    """A new recording is refused within 5 s, by a plain sentence, and the server goes on serving."""
    begun = time.time()
    code, text, told = archive(s, "record", room)
    took = time.time() - begun
    check(f"{what}: refused with a sentence", code == 1 and sentence in told, (code, text, told))
    check(f"{what}: within 5 s", took < 5, took)
    begun = time.time()
    check(f"{what}: the server serves", s.request("GET", "/healthz")[0] in (200, 404) and time.time() - begun < 0.5)
    return took


def row_69(s):
    """Stalled in the middle, then killed: with one recording running."""
    with Live(s, "running"), Live(s, "new"):
        number = record(s, "running")
        pid = s.children()["kms"][0]
        status = open(f"/proc/{pid}/status").read()
        check("the role has no powers", "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status, status)
        os.kill(pid, signal.SIGSTOP)
        size = lambda: sum(os.path.getsize(p) for p in glob.glob(f"{s.data}/archive/{number}.*"))
        before = size()
        took = refused(s, "stalled", "new", "does not answer")
        until("the running one goes on", lambda: size() > before + 20000)
        check("it is no alarm of the running one", "recording.alarm" not in s.read_log(), s.read_log()[-600:])
        os.kill(pid, signal.SIGCONT)
        second, back = comes_back(s, "new", "back after a stall")
        time.sleep(2)
        stop(s, "new", second)
        print(f"row 69: stalled: refused after {took:.1f} s, back {back:.1f} s after it went on")
        os.kill(s.children()["kms"][0], signal.SIGKILL)
        third, back = comes_back(s, "new", "back after SIGKILL", 5)
        time.sleep(2)
        print(f"row 69: SIGKILL: back after {back:.1f} s")
        stop(s, "new", third)
        stop(s, "running", number)
    for n in (number, second, third):
        code, whole, told = export(s, n)
        check("what was recorded meanwhile opens", code == 0 and len(whole) == 2, (whole, told))
    return number


def no_token(s, token, number):
    """The data folder on a machine without the token: the same label and PIN, but another key, or none."""
    s.process.send_signal(signal.SIGTERM)
    s.process.wait(15)
    s.process.stdout.close()
    words = s.words
    for key, sentence in ((False, "was destroyed or has another name"), (True, "does not know this key")):
        other = Token(key)
        s.words = words[: words.index("--kms")] + other.flags()
        s.again()
        code, whole, told = export(s, number)
        check("nothing without the token", code == 1 and not whole and sentence in told, (code, whole, told))
        s.process.send_signal(signal.SIGTERM)
        s.process.wait(15)
        s.process.stdout.close()
        other.drop()
    s.words = words
    s.again()
    check("and with it again", export(s, number)[0] == 0)


def destroyed(s, token, number):
    token.destroy()
    time.sleep(11)  # an opened key is kept for ten seconds
    code, whole, told = export(s, number)
    check("a destroyed key is said", code == 1 and not whole and "was destroyed" in told, (code, whole, told))
    with Live(s, "after"):
        refused(s, "a destroyed key", "after", "was destroyed")
        token.make()
        number, _ = comes_back(s, "after", "a new key of that label")
        stop(s, "after", number)


def at_start():
    """A wrong PIN and a missing module: the server starts, calls run, recordings are refused; the PIN is tried once."""
    token = Token()
    token.pin("935817")
    with Server(binary, *token.flags()) as s, Live(s, "room"):
        refused(s, "wrong PIN", "room", "does not let this server in")
        time.sleep(5)  # two more looks of the role
        refused(s, "wrong PIN still", "room", "does not let this server in")
        log = s.read_log()
        check("the log says so, once, without the PIN", log.count("kms.fault") == 1 and "refused the PIN" in log and "935817" not in log, log[-800:])
        token.pin("271828")
        os.kill(s.children()["kms"][0], signal.SIGKILL)
        number, _ = comes_back(s, "room", "back with the right PIN", 10)
        stop(s, "room", number)
        words = b"".join(open(f"/proc/{p}/{n}", "rb").read() for of in s.children().values() for p in of for n in ("cmdline", "environ"))
        check("no PIN in arguments or environment", b"271828" not in words)
    flags = token.flags()
    flags[flags.index(MODULE)] = "/usr/lib/none.so"
    with Server(binary, *flags) as s, Live(s, "room"):
        refused(s, "no module", "room", "can't be reached")
    token.drop()


def doctor():
    token = Token()
    folder = tempfile.mkdtemp(prefix="incamera-test-")
    conf = folder + "/c.conf"

    def says(**other):
        with open(conf, "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in {**token.settings(), **{k.replace("_", "-"): v for k, v in other.items()}}.items())
        return run(binary, "doctor", "--config", conf, "--data", folder)

    for what, other, want in (("well", {}, "can be used"), ("module", {"kms_module": "/none.so"}, "can't be loaded"), ("token", {"kms_token": "none"}, "no token of this label"),
                              ("key", {"kms_key": "none"}, "no key of this label"), ("file", {"kms": "file"}, "one machine only")):
        code, text, told = says(**other)
        check(f"doctor: {what}", want in text and (code == 0) == (what in ("well", "file")), (code, text, told))
    token.pin("1111")
    code, text, told = says()
    check("doctor: PIN", code == 1 and "refused the PIN" in text and "1111" not in text + told, text + told)
    os.chmod(token.folder + "/pin", 0o644)
    code, text, told = says()
    check("doctor: a PIN that others can read", code == 1 and "chmod 600" in text, text + told)
    code, text, told = says(kms="cloud")
    check("doctor: no such provider", code == 1 and "expected file or pkcs11" in text, text + told)
    token.drop()
    shutil.rmtree(folder)


token = Token()
try:
    doctor()
    with Server(binary, *token.flags()) as s:
        number = row_69(s)
        no_token(s, token, number)
        destroyed(s, token, number)
    at_start()
finally:
    token.drop()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
