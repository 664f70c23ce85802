#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the GStreamer callers against a development server. usage: test_gstreamer.py PATH-OF-INCAMERA CALLER"""
import os, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server import Server

with Server(sys.argv[1]) as server:
    address = server.http.removeprefix("http://")
    code = subprocess.run([sys.argv[2], address, "gstreamer"], timeout=55).returncode
    if code not in (0, 77):
        print(server.read_log()[-2000:])
sys.exit(code)
