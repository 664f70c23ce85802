#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the example of docs/netsim.md and judges what it wrote. Usage: netsim.sh NETSIM-BINARY. 77 = cannot run here.
NETSIM=$(realpath "${1:?the netsim binary}") # meson gives paths from the build folder
export NETSIM
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] && command -v nft ip python3 > /dev/null || exit 77
DIR=$(mktemp -d)
export DIR
trap 'tools/netns down demo; rm -rf "$DIR"' EXIT
tools/netns down demo
sed -n '/^```sh$/,/^```$/p' docs/netsim.md | grep -v '^```' > "$DIR/example"
timeout 50 sh -eu "$DIR/example" || { echo "the example failed"; exit 1; }
sleep 0.2 # netsim prints its counters after it has answered "stop"
python3 - "$DIR" <<'P'
import json, sys
d = sys.argv[1]
read = lambda name: json.load(open(f"{d}/{name}"))
sym, cone, loss, blocked, a = map(read, ("symmetric", "cone", "loss", "blocked", "a.json"))
checks = {
    "symmetric NAT: one outer port a destination": len(sym["outer"]) == 2 and sym["answered"] == 40,
    "all behind the router's address": all("198.51.100.11" in o for o in sym["outer"]),
    "40 ms there and back": 40 <= sym["ms"] < 60,
    "cone NAT: one outer port": len(cone["outer"]) == 1 and cone["answered"] == 40,
    "no delay for the other client": cone["ms"] < 10,
    "20 % each way: 64 % answered, give or take 18": 46 <= loss["answered"] <= 82,
    "counters say so": a["ab"]["lost"] > 8 and a["ba"]["lost"] > 5 and a["ab"]["in"] >= 140,
    "UDP blocked": blocked["answered"] == 0,
    "TCP 3478 closed": open(f"{d}/tcp3478").read() == "closed\n",
    "TCP 443 open": open(f"{d}/tcp443").read() == "open\n",
}
for name, ok in checks.items():
    print("ok  " if ok else "FAIL", name)
if not all(checks.values()):
    print(sym, cone, loss, blocked, a)
    sys.exit(1)
P
code=$?
[ -z "$(ip netns list | grep '^demo-')" ] || { echo "FAIL namespaces left"; code=1; }
exit $code
