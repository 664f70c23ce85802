#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""WHIP and WHEP with aiortc, a stack we did not write: what it publishes, another aiortc decodes and hears.
usage: test_aiortc.py PATH-OF-INCAMERA     exit 77 where Debian's python3-aiortc is missing"""
import asyncio, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import COLOUR, RTCPeerConnection, negotiate, numpy, publisher, soon
from server import Server


async def take(track, wanted):
    frames = []
    while len(frames) < wanted:
        frames.append(await asyncio.wait_for(track.recv(), 10))
    return frames


async def call(server):
    sender, path = await publisher(server, "aiortc")
    viewer = RTCPeerConnection()
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
    status, _, _ = await soon(lambda: server.request("DELETE", path))
    assert status == 200, f"DELETE {status}"
    await sender.close()
    await viewer.close()
    print(f"20 pictures of colour {[int(c) for c in colour]}, 50 sounds of mean level {loud:.0f}\n1 passed, 0 failed")


with Server(sys.argv[1]) as server:
    asyncio.run(asyncio.wait_for(call(server), 60))
