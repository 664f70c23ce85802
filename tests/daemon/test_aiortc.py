#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""WHIP and WHEP with aiortc, a stack we did not write: what it publishes, another aiortc decodes and hears.
usage: test_aiortc.py PATH-OF-INCAMERA     exit 77 where Debian's python3-aiortc is missing"""
import asyncio, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import COLOUR, RTCPeerConnection, RTCSessionDescription, negotiate, numpy, publisher, soon
from server import Server


async def take(track, wanted):
    frames = []
    while len(frames) < wanted:
        frames.append(await asyncio.wait_for(track.recv(), 10))
    return frames


async def sees_and_hears(received, what):
    pictures = await take(received["video"], 20)
    sounds = await take(received["audio"], 50)
    colour = pictures[-1].to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    loud = max(numpy.abs(s.to_ndarray().astype(float)).mean() for s in sounds)
    assert all(abs(a - b) < 25 for a, b in zip(colour, COLOUR)), f"{what}: another picture: {colour}"
    assert loud > 1000, f"{what}: silence: {loud}"
    print(f"{what}: 20 pictures of colour {[int(c) for c in colour]}, 50 sounds of mean level {loud:.0f}")


def viewer():
    pc, received = RTCPeerConnection(), {}
    pc.on("track", lambda track: received.__setitem__(track.kind, track))
    return pc, received


async def call(server):
    sender, path = await publisher(server, "aiortc")
    pc, received = viewer()
    pc.addTransceiver("video", direction="recvonly")
    pc.addTransceiver("audio", direction="recvonly")
    await negotiate(server, pc, "/whep/aiortc")
    await sees_and_hears(received, "WHEP")
    await pc.close()
    await counter(server)
    status, _, _ = await soon(lambda: server.request("DELETE", path))
    assert status == 200, f"DELETE {status}"
    await sender.close()
    print("2 passed, 0 failed")


async def counter(server):
    """An offer without any format of what is live (G.722, H.264) is countered; the answer to that begins the session."""
    pc, _ = viewer()
    pc.addTransceiver("audio", direction="recvonly")
    pc.addTransceiver("video", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    ours = pc.localDescription.sdp.replace("VP8/90000", "H264/90000").replace("opus/48000/2", "G722/8000")
    await pc.close()
    sdp = {"Content-Type": "application/sdp"}
    status, headers, text = await soon(lambda: server.request("POST", "/whep/aiortc", ours, sdp))
    assert status == 406 and headers["Content-Type"] == "application/sdp" and headers["Location"], f"{status} {text}"
    assert "VP8/90000" in text and "opus/48000/2" in text and "H264" not in text and "a=setup:actpass" in text, text
    where = headers["Location"]
    pc, received = viewer()
    await pc.setRemoteDescription(RTCSessionDescription(text, "offer"))
    await pc.setLocalDescription(await pc.createAnswer())
    status, headers, text = await soon(lambda: server.request("PATCH", where, pc.localDescription.sdp, sdp))
    assert status == 204 and headers["ETag"], f"{status} {text}"
    await sees_and_hears(received, "WHEP after a counter-offer")
    status, _, _ = await soon(lambda: server.request("PATCH", where, pc.localDescription.sdp, sdp))
    assert status == 415, f"a second answer: {status}"
    status, _, _ = await soon(lambda: server.request("DELETE", where))
    assert status == 200, f"DELETE {status}"
    await pc.close()


with Server(sys.argv[1]) as server:
    asyncio.run(asyncio.wait_for(call(server), 60))
