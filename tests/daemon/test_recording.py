#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings of a running server: two publishers of another make (aiortc) are recorded; the files are what was sent, by
ffprobe, by mkvmerge and by their picture; nothing of it can be found on disk; SIGKILL of the archive and of the whole
server cost at most 2 s and leave every file readable (row 64).

usage: test_recording.py INCAMERA [KILLS]      exit 77 where Debian's python3-aiortc is missing"""
import asyncio, glob, json, os, random, re, shutil, signal, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import COLOUR, publisher, soon
from server import Server

binary = sys.argv[1]
kills = int(sys.argv[2]) if len(sys.argv) > 2 else 3
passed, failed = 0, 0


def check(what, ok, told=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {told}")


def run(*words):
    r = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def archive(s, *words):
    return run(binary, "archive", *words, "--data", s.data)


def listed(s):
    code, text, told = archive(s, "list", "--json")
    assert code == 0, told
    return json.loads(text)["recordings"]


async def until(what, true, within=15):
    end = time.time() + within
    while time.time() < end:
        found = await soon(true)
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what}: not within {within} s")


def probe(path):
    code, text, told = run("ffprobe", "-v", "error", "-show_streams", "-show_format", "-count_packets", "-of", "json", path)
    return (json.loads(text) if code == 0 else None), told


def mean_colour(path):
    """The mean colour of the last picture that ffmpeg decodes out of the file."""
    r = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-vf", "scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                       capture_output=True, timeout=60)
    return tuple(r.stdout[-3:]), len(r.stdout) // 3, r.stderr.decode()


def loudest(path):
    """The frequency that is loudest in the file, by zero crossings."""
    r = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "s16le", "-ac", "1", "-ar", "48000", "-"],
                       capture_output=True, timeout=60)
    s = memoryview(r.stdout).cast("h")
    s = s[len(s) // 4: 3 * len(s) // 4]
    return sum(1 for a, b in zip(s, s[1:]) if a < 0 <= b) * 48000 / max(1, len(s)), r.stderr.decode()


def good_file(path, why):
    """Both readers take the file, and it has content."""
    found, told = probe(path)
    check(f"ffprobe takes {os.path.basename(path)} {why}", found and not told and len(found["streams"]) == 1, told)
    code, text, _ = run("mkvmerge", "--identify", path)
    check(f"mkvmerge takes {os.path.basename(path)} {why}", code == 0 and "Track ID 0" in text and "Error" not in text, text)
    return found


def exported(s, number, folder):
    code, text, told = archive(s, "export", number, "--out", folder)
    check("export", code == 0, text + told)
    return sorted(os.listdir(folder))


def verify(folder, *more):
    return run(binary, "archive", "verify", folder, *more)


def evidence(s, folder, names):
    """Row 71: changes of what was exported, and what the checker says of them; it needs no server."""
    code, text, told = verify(folder, "--json")
    check("the export is whole", code == 0, told)
    key = json.loads(text)["key"] if code == 0 else ""
    check("under the key that is kept elsewhere", verify(folder, "--key", key)[0] == 0)
    check("and no other", verify(folder, "--key", "00" * 32)[0] == 1)
    rng, missed, tried = random.Random(71), [], 0
    sources = [n for n in names if n.endswith((".webm", ".json", ".jsonl"))] + ["proof.json"]
    for i in range(400):
        name = rng.choice(sources)
        path = os.path.join(folder, name)
        good = open(path, "rb").read()
        if not good:
            continue
        bad, kind, at = bytearray(good), rng.randrange(4), rng.randrange(len(good))
        if kind == 0:
            bad[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del bad[at:]
        elif kind == 2:
            bad[at:at] = bytes([rng.randrange(256)])
        else:
            bad += bytes([rng.randrange(256)])
        spaces = name.endswith("proof.json") and (kind == 3 or at >= len(good) - 1)  # white space after the object says nothing
        if bad == good or spaces:
            continue
        open(path, "wb").write(bad)
        tried += 1
        if verify(folder)[0] != 1:
            missed.append((name, kind, at))
        open(path, "wb").write(good)
    check("every change is noticed", not missed and tried > 300, missed)
    check("whole again", verify(folder)[0] == 0)
    print(f"row 71: {tried} changes of an export, {len(missed)} not noticed")


def picture_at(path, second):
    """The mean colours of the left and the right half of a film at this second."""
    r = subprocess.run(["ffmpeg", "-v", "error", "-ss", str(second), "-i", path, "-frames:v", "1", "-vf", "format=rgb24,scale=2:1:flags=area", "-f", "rawvideo",
                        "-pix_fmt", "rgb24", "-"], capture_output=True, timeout=60)
    return [tuple(r.stdout[i:i + 3]) for i in (0, 3)] if len(r.stdout) == 6 else r.stderr


def composed(s, number):
    """One film of it, in both forms and layouts: who was there is in it, at the right time, in picture and sound."""
    if not os.path.exists(os.path.join(os.path.dirname(os.path.realpath(binary)), "incamera-compose")):
        print("no incamera-compose: built without FFmpeg's libraries")
        return
    for name, layout, codecs in (("film.webm", "grid", ["vp9", "opus"]), ("film.mp4", "speaker", ["h264", "aac"])):
        with tempfile.TemporaryDirectory() as folder:
            path, begun = os.path.join(folder, name), time.time()
            code, text, told = archive(s, "export", number, "--out", os.path.join(folder, "all"), "--compose", path, "--layout", layout)
            check(f"{name} is composed", code == 0 and "100 %" in told, text + told)
            took, (found, told) = time.time() - begun, probe(path)
            check(f"ffprobe takes {name}", found and not told and sorted(x["codec_name"] for x in found["streams"]) == sorted(codecs), told)
            events = [json.loads(line) for line in open(os.path.join(folder, "all", "timeline.jsonl"))]
            length = float(found["format"]["duration"]) if found else 0
            check(f"{name} is as long as the meeting", abs(length - events[-1]["at"] / 1000) < 0.3, (length, events[-1]))
            cameras = [e for e in events if e["what"] == "track" and e["source"] == "camera"]
            alone, both = (cameras[0]["at"] + cameras[1]["at"]) / 2000, cameras[1]["at"] / 1000 + 1
            colours = picture_at(path, alone)
            check(f"{name}: one alone fills it", all(near(c, COLOUR, 70) for c in colours), colours)
            if layout == "grid":
                left, right = picture_at(path, both)
                check(f"{name}: two beside each other", left[1] > left[0] + 20 and right[0] > right[1] + 20, (left, right))
            hertz, told = loudest(path)
            check(f"{name} is heard", 400 < hertz < 1000, (hertz, told))
            print(f"{name}: {length:.1f} s of film in {took:.1f} s")
    compose = os.path.join(os.path.dirname(os.path.realpath(binary)), "incamera-compose")
    code, _, told = run(compose, s.data, "--out", "/nowhere/x.webm")
    check("a folder that is no export is refused", code == 1 and "timeline" in told, told)
    with tempfile.TemporaryDirectory() as folder:
        a_long_silence(compose, folder)


def a_long_silence(compose, folder):
    """A microphone that says nothing for seven seconds in the middle: what comes after it is heard when it was said."""
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=440:r=48000:d=12", "-af", "aselect='not(between(t,2,9))'", "-c:a", "libopus",
                    os.path.join(folder, "1.webm")], check=True, timeout=60)
    with open(os.path.join(folder, "timeline.jsonl"), "w") as f:
        print('{"at":0,"what":"track","track":1,"member":1,"source":"microphone","name":"Ana","file":"1.webm"}\n{"at":12000,"what":"end"}', file=f)
    film = os.path.join(folder, "film.webm")
    code, _, told = run(compose, folder, "--out", film, "--size", "160x90")
    check("a film of a voice alone", code == 0, told)
    r = subprocess.run(["ffmpeg", "-v", "error", "-i", film, "-f", "s16le", "-ac", "1", "-ar", "48000", "-"], capture_output=True, timeout=60)
    s = memoryview(r.stdout).cast("h")
    loud = [max(map(abs, s[i * 4800:(i + 1) * 4800])) > 500 for i in range(len(s) // 4800)]  # each tenth of a second
    check("heard, silent for seven seconds, heard", all(loud[1:19]) and not any(loud[22:88]) and all(loud[92:118]), loud)
    check("nobody else may read it", os.stat(film).st_mode & 0o077 == 0, oct(os.stat(film).st_mode))
    before = os.path.getsize(film)
    code, _, told = run(compose, folder, "--out", film)
    check("what is there stays", code == 1 and "there already" in told and os.path.getsize(film) == before, told)


def near(a, b, off):
    return all(abs(x - y) <= off for x, y in zip(a, b))


async def a_meeting(s, folder):
    red = (200, 40, 40)
    one, path_one = await publisher(s, "meeting", COLOUR, 440)
    code, text, told = await soon(lambda: archive(s, "record", "meeting"))
    check("recording begins", code == 0, text + told)
    number = json.loads(text)["id"]
    code, _, told = await soon(lambda: archive(s, "record", "meeting"))
    check("one recording of a room at a time", code == 1 and "recorded" in told, told)
    code, _, told = await soon(lambda: archive(s, "shred", number))
    check("a running recording is not destroyed", code == 1, told)
    await asyncio.sleep(2)
    two, path_two = await publisher(s, "meeting", red, 880)
    await asyncio.sleep(4)
    code, _, told = await soon(lambda: archive(s, "stop", "meeting"))
    check("it ends", code == 0, told)
    await until("the end", lambda: [r for r in listed(s) if r["id"] == number and r["end"]])
    for pc in (one, two):
        await pc.close()
    names = await soon(lambda: exported(s, number, folder))
    media = [n for n in names if n.endswith(".webm")]
    check("two sounds and two pictures", len(media) == 4 and "manifest.json" in names and "timeline.jsonl" in names, names)
    manifest = json.load(open(os.path.join(folder, "manifest.json")))
    colours, tones = [], []
    for t in manifest["tracks"]:
        path = os.path.join(folder, t["file"])
        found = good_file(path, "of a whole recording")
        stream = found["streams"][0]
        check("as many frames as the manifest says", int(stream["nb_read_packets"]) == t["frames"], (stream["nb_read_packets"], t))
        seconds = (t["to"] - t["from"]) / 1000
        if stream["codec_type"] == "video":
            colour, frames, told = mean_colour(path)
            colours.append(colour)
            check("every picture decodes", frames == t["frames"] and not told and frames > 15 * seconds, (frames, t, told))
        else:
            tone, told = loudest(path)
            tones.append(tone)
            check("every sound decodes", not told and 45 * seconds < t["frames"] < 55 * seconds, (t, told))
    near = lambda a, b, by: all(abs(x - y) < by for x, y in zip(a, b))
    check("the pictures are those that were sent", len(colours) == 2 and near(colours[0], COLOUR, 25) and near(colours[1], red, 25), colours)
    check("the tones are those that were sent", len(tones) == 2 and near(tones, (440, 880), 12), tones)
    later = [t["from"] for t in manifest["tracks"] if t["source"] == "camera"]
    check("the second came two seconds later", 1500 < later[1] - later[0] < 4500, later)
    evidence(s, folder, names)
    lines = [json.loads(l) for l in open(os.path.join(folder, "timeline.jsonl"))]
    what = [l["what"] for l in lines]
    check("the timeline", what.count("track") == 4 and "join" in what and "here" in what and what[-1] == "end", what)
    return number


def canaries(s, folder):
    """Row of the disk: nothing that was said lies there in the clear (every 64-byte run of the plain files is sought)."""
    plain = set()
    for path in glob.glob(folder + "/*.webm"):
        text = open(path, "rb").read()
        plain |= {text[i:i + 32] for i in range(200, len(text) - 32, 997)}
    disk = b"".join(open(p, "rb").read() for p in glob.glob(s.data + "/**", recursive=True) if os.path.isfile(p))
    found = [c for c in plain if c in disk]
    check("nothing in the clear on disk", len(plain) > 100 and not found, f"{len(found)} of {len(plain)}")
    print(f"disk: {len(disk)} bytes, none of {len(plain)} pieces of the plain files in them")
    check("the clear begins of files are not there", b"A_OPUS" not in disk and b"V_VP8" not in disk)


def damage(s, number):
    """One changed byte in a sealed file is noticed; the rest of the files open."""
    path = sorted(glob.glob(f"{s.data}/archive/{number}.*camera*"))[0]
    text = bytearray(open(path, "rb").read())
    text[len(text) // 2] ^= 1
    open(path, "wb").write(text)
    with tempfile.TemporaryDirectory() as folder:
        code, _, told = archive(s, "export", number, "--out", folder)
        check("a changed byte is noticed", code == 1 and "damaged" in told, told)


def destroyed(s, number):
    code, _, told = archive(s, "shred", number)
    check("destroyed", code == 0, told)
    end = time.time() + 5
    while glob.glob(f"{s.data}/archive/{number}.*") and time.time() < end:
        time.sleep(0.1)
    check("its files are gone", not glob.glob(f"{s.data}/archive/{number}.*"))
    with tempfile.TemporaryDirectory() as folder:
        code, _, told = archive(s, "export", number, "--out", folder)
        check("and it is said", code == 1 and "destroyed" in told, told)
    check("the trail has it", "shred" in run(binary, "audit", "export", "--data", s.data)[1])


async def killed(s, rng, whole):
    """SIGKILL at a random moment: of the archive alone (the recording goes on), or of the whole server."""
    begun = time.time()
    pc, _ = await publisher(s, "meeting")
    code, text, told = await soon(lambda: archive(s, "record", "meeting"))
    assert code == 0, told
    number = json.loads(text)["id"]
    started = time.time()
    await asyncio.sleep(2 + 2 * rng.random())
    if whole:
        s.kill()
        died = time.time()
        await pc.close()
        s.again()
        check("up again within 3 s", time.time() - died < 3, time.time() - died)
    else:
        os.kill(s.children()["archive"][0], signal.SIGKILL)
        died = time.time()
        await asyncio.sleep(3)
        await soon(lambda: archive(s, "stop", "meeting"))
        await pc.close()
    await until("the end", lambda: [r for r in listed(s) if r["id"] == number and r["end"]], 30)
    with tempfile.TemporaryDirectory() as folder:
        names = await soon(lambda: exported(s, number, folder))
        first = [n for n in names if n.endswith(".webm") and not n.startswith("p2-")]
        check("both first parts are there", len(first) == 2, names)
        lost = []
        for n in first:
            good_file(os.path.join(folder, n), "after SIGKILL")
            code, text, _ = run("ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", os.path.join(folder, n))
            lost.append(died - started - max(float(l.strip(",")) for l in text.split()))
        check("at most 2 s are lost", max(lost) < 2.0, lost)
        if not whole:
            check("and it went on", len([n for n in names if n.startswith("p2-") and n.endswith(".webm")]) == 2, names)
        code, _, told = await soon(lambda: verify(folder))
        check("the whole of it verifies", code == 0, told)
    return max(lost)


async def all_of_it():
    folder = tempfile.mkdtemp(prefix="incamera-recording-")
    rng = random.Random(64)
    try:
        with Server(binary) as s:
            number = await a_meeting(s, folder)
            canaries(s, folder)
            composed(s, number)
            damage(s, number)
            destroyed(s, number)
            lost = [await killed(s, rng, i % 2 == 1) for i in range(kills)]
            print(f"row 64: {kills} SIGKILLs, every file readable, at most {max(lost):.2f} s lost")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


asyncio.run(asyncio.wait_for(all_of_it(), 100 + 25 * kills))
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
