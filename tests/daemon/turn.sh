#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The relay against coturn's own client, strangers, and hard networks. Usage: turn.sh TURND-BINARY NETSIM-BINARY
turnd=$(realpath "${1:?}") netsim=$(realpath "${2:?}") # meson gives paths from the build folder
cd "$(dirname "$0")/../.." || exit 1
command -v turnutils_uclient > /dev/null && command -v python3 > /dev/null || exit 77
DIR=$(mktemp -d) fails=0 relay=
running() { grep -q "^State:.[^Z]" "/proc/$1/status" 2> /dev/null; }
stop() { # politely, then not: a relay that does not end must not hold the test
    [ -n "$relay" ] || return 0
    kill "$relay" 2> /dev/null
    n=0
    while running "$relay" && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
    if running "$relay"; then
        kill -9 "$relay"
        ok 1 "the relay ends when told"
    fi
    wait "$relay" 2> /dev/null
    relay=
}
trap 'stop; [ ! -e "$DIR/netns" ] || tools/netns down turntest; rm -rf "$DIR"' EXIT
ok() { if [ "$1" = 0 ]; then echo "ok   $2"; else echo "FAIL $2"; fails=$((fails + 1)); fi; }

start() { # WHERE-PREFIX... -- ARGS...
    rm -f "$DIR/credential" # the one of the relay before must not be taken for this one's
    "$@" > "$DIR/credential" 2> "$DIR/stats" &
    relay=$!
    n=0
    until [ -s "$DIR/credential" ] || [ $n -gt 50 ]; do sleep 0.1; n=$((n + 1)); done
    read -r uri user password < "$DIR/credential"
}
uclient() { # NAME, then its arguments; all datagrams must come back
    name=$1
    shift
    timeout 25 "$@" > "$DIR/uclient" 2>&1
    grep -q 'Total lost packets 0 ' "$DIR/uclient" && grep -q 'tot_recv_msgs=40' "$DIR/uclient"
    ok $? "$name"
}
args() { printf '%s' "-y -c -u $user -w $password -n 10 -m 4 -z 10 -l 900"; }

start "$turnd" 127.0.0.1:34781 '[::1]:34781' --allow 127.0.0.0/8 --allow ::1/128 --sandbox
uclient "turnutils_uclient, UDP, channels" turnutils_uclient $(args) -p 34781 127.0.0.1
uclient "turnutils_uclient, UDP, indications" turnutils_uclient $(args) -s -p 34781 127.0.0.1
uclient "turnutils_uclient, TCP" turnutils_uclient $(args) -t -p 34781 127.0.0.1
uclient "turnutils_uclient, IPv6 relays from IPv4" turnutils_uclient $(args) -x -p 34781 127.0.0.1
uclient "turnutils_uclient, IPv6 relays from IPv6" turnutils_uclient $(args) -x -p 34781 ::1
timeout 10 turnutils_uclient -y -c -u "$user" -w wrong -n 1 -m 1 -p 34781 127.0.0.1 > "$DIR/uclient" 2>&1
grep -q 'tot_recv_msgs=[1-9]' "$DIR/uclient"
ok $((1 - $?)) "turnutils_uclient, wrong password: nothing"
timeout 60 python3 tests/daemon/turn_attack.py 127.0.0.1 34781 "$relay"
ok $? "20,000 unauthenticated requests"
stop
grep -q '^incamera_relay_allocated_total [1-9]' "$DIR/stats"
ok $? "it ends when told and says what it did"
start "$turnd" 127.0.0.1:34781
timeout 10 turnutils_uclient $(args) -p 34781 127.0.0.1 > "$DIR/uclient" 2>&1
grep -q '403' "$DIR/uclient"
ok $? "loopback peers are refused unless named"
stop

if [ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] && command -v nft ip > /dev/null; then
    : > "$DIR/netns"
    tools/netns down turntest
    tools/netns up turntest --netsim
    for c in a b; do
        "$netsim" --a "turntest-r$c:wan" --b "turntest-server:to-$c" --seed 3 --both 'delay=10ms jitter=5ms' --time 90 > "$DIR/$c.json" 2>&1 &
        n=0
        until grep -q seed "$DIR/$c.json" || [ $n -gt 50 ]; do sleep 0.1; n=$((n + 1)); done
        tools/netns rule turntest $c nat=symmetric
    done
    start tools/netns run turntest server "$turnd" 198.51.100.1:3478 198.51.100.1:443 '[2001:db8:100::1]:3478' \
        --allow 198.51.100.0/24 --allow 2001:db8:100::/64
    uclient "symmetric NAT, UDP" tools/netns run turntest a turnutils_uclient $(args) -p 3478 198.51.100.1
    uclient "symmetric NAT, IPv6" tools/netns run turntest a turnutils_uclient $(args) -x -p 3478 2001:db8:100::1
    tools/netns rule turntest b nat=symmetric udp=blocked
    uclient "UDP blocked: TCP" tools/netns run turntest b turnutils_uclient $(args) -t -p 3478 198.51.100.1
    tools/netns rule turntest b nat=symmetric udp=blocked tcp=443
    uclient "only TCP 443 open" tools/netns run turntest b turnutils_uclient $(args) -t -p 443 198.51.100.1
    tools/netns down turntest
    relay=
fi
[ $fails = 0 ]
