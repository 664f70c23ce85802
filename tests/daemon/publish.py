# SPDX-License-Identifier: Apache-2.0
"""A publisher of another make (aiortc): a picture of one colour and a tone, by WHIP. Exit 77 where Debian's python3-aiortc
is missing."""
import asyncio, fractions, sys, threading

try:
    import av, numpy
    from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
    from aiortc.mediastreams import MediaStreamError
except ImportError:
    sys.exit(77)

RATE, COLOUR = 48000, (40, 200, 90)  # red, green, blue


class Picture(MediaStreamTrack):
    kind = "video"

    def __init__(self, colour=COLOUR):
        super().__init__()
        self.n, self.colour = 0, colour

    async def recv(self):
        await asyncio.sleep(1 / 20)  # the pace of a camera
        frame = av.VideoFrame.from_ndarray(numpy.full((180, 320, 3), self.colour, numpy.uint8), format="rgb24")
        frame.pts, frame.time_base = self.n * 4500, fractions.Fraction(1, 90000)
        self.n += 1
        return frame


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, hertz=440):
        super().__init__()
        self.n, self.hertz = 0, hertz

    async def recv(self):
        await asyncio.sleep(0.02)
        t = (numpy.arange(960) + self.n * 960) / RATE
        samples = (numpy.sin(2 * numpy.pi * self.hertz * t) * 12000).astype(numpy.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.n * 960, fractions.Fraction(1, RATE)
        self.n += 1
        return frame


async def soon(work):
    return await asyncio.get_event_loop().run_in_executor(None, work)


async def negotiate(server, pc, path, token=None):
    """Where the session is, for DELETE."""
    await pc.setLocalDescription(await pc.createOffer())
    headers = {"Content-Type": "application/sdp", **({"Authorization": f"Bearer {token}"} if token else {})}
    status, headers, text = await soon(lambda: server.request("POST", path, pc.localDescription.sdp, headers))
    assert status == 201, f"{path}: {status} {text}"
    await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
    return headers["Location"]


async def publisher(server, room, colour=COLOUR, hertz=440, token=None):
    """(connection, path of its session)"""
    pc = RTCPeerConnection()
    pc.addTrack(Picture(colour))
    pc.addTrack(Tone(hertz))
    location = await negotiate(server, pc, f"/whip/{room}", token)
    return pc, location[location.index("/whip"):]


class Live:
    """A publisher in a thread of its own, for tests that do other things meanwhile.   with Live(server, "room"): …"""

    def __init__(self, server, room, token=None):
        self.server, self.room, self.token = server, room, token
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def __enter__(self):
        self.thread.start()
        self.pc, self.path = self.wait(publisher(self.server, self.room, token=self.token))
        return self

    def __exit__(self, *_):
        self.wait(self.pc.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
