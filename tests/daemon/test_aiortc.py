#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""WHIP and WHEP with aiortc, a stack we did not write: what it publishes, another aiortc decodes and hears.
usage: test_aiortc.py PATH-OF-INCAMERA     exit 77 where Debian's python3-aiortc is missing"""
import asyncio, fractions, sys, os

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import av, numpy
    from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
except ImportError:
    sys.exit(77)
from server import Server

RATE, COLOUR = 48000, (40, 200, 90)  # red, green, blue


class Picture(MediaStreamTrack):
    kind = "video"

    def __init__(self):
        super().__init__()
        self.n = 0

    async def recv(self):
        await asyncio.sleep(1 / 20)  # the pace of a camera
        frame = av.VideoFrame.from_ndarray(numpy.full((180, 320, 3), COLOUR, numpy.uint8), format="rgb24")
        frame.pts, frame.time_base = self.n * 4500, fractions.Fraction(1, 90000)
        self.n += 1
        return frame


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self):
        super().__init__()
        self.n = 0

    async def recv(self):
        await asyncio.sleep(0.02)
        t = (numpy.arange(960) + self.n * 960) / RATE
        samples = (numpy.sin(2 * numpy.pi * 440 * t) * 12000).astype(numpy.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.n * 960, fractions.Fraction(1, RATE)
        self.n += 1
        return frame


async def negotiate(server, pc, path):
    await pc.setLocalDescription(await pc.createOffer())
    status, headers, text = await asyncio.get_event_loop().run_in_executor(
        None, lambda: server.request("POST", path, pc.localDescription.sdp, {"Content-Type": "application/sdp"}))
    assert status == 201, f"{path}: {status} {text}"
    await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
    return headers["Location"]


async def take(track, wanted):
    frames = []
    while len(frames) < wanted:
        frames.append(await asyncio.wait_for(track.recv(), 10))
    return frames


async def call(server):
    publisher, viewer = RTCPeerConnection(), RTCPeerConnection()
    publisher.addTrack(Picture())
    publisher.addTrack(Tone())
    location = await negotiate(server, publisher, "/whip/aiortc")
    received = {}
    viewer.on("track", lambda track: received.__setitem__(track.kind, track))
    viewer.addTransceiver("video", direction="recvonly")
    viewer.addTransceiver("audio", direction="recvonly")
    await negotiate(server, viewer, "/whep/aiortc")
    pictures = await take(received["video"], 20)
    sounds = await take(received["audio"], 50)
    colour = pictures[-1].to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    loud = max(numpy.abs(s.to_ndarray().astype(float)).mean() for s in sounds)
    assert all(abs(a - b) < 25 for a, b in zip(colour, COLOUR)), f"another picture: {colour}"
    assert loud > 1000, f"silence: {loud}"
    path = location[location.index("/whip"):]
    status, _, _ = await asyncio.get_event_loop().run_in_executor(None, lambda: server.request("DELETE", path))
    assert status == 200, f"DELETE {status}"
    await publisher.close()
    await viewer.close()
    print(f"20 pictures of colour {[int(c) for c in colour]}, 50 sounds of mean level {loud:.0f}\n1 passed, 0 failed")


with Server(sys.argv[1]) as server:
    asyncio.run(asyncio.wait_for(call(server), 60))
