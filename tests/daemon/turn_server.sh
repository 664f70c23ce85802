#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The server's own relay with coturn's client: the credential of `incamera turn` by UDP, by TCP and by TLS beside HTTPS,
# and the one that comes with `joined`;
# closing the room ends it (RELIABILITY row 27). Usage: turn_server.sh INCAMERA-BINARY
incamera=${1:?}
command -v turnutils_uclient > /dev/null || exit 77
DIR=$(mktemp -d) fails=0 server=
trap 'kill $server 2> /dev/null; wait $server 2> /dev/null; rm -rf "$DIR"' EXIT
ok() { if [ "$1" = 0 ]; then echo "ok   $2"; else echo "FAIL $2"; fails=$((fails + 1)); fi; }

"$incamera" serve --dev --data "$DIR/data" --listen 127.0.0.1:34843 --listen-plain 127.0.0.1:34844 --media 127.0.0.1:34840 --engines 1 \
    --turn 127.0.0.1:34878 --turn-allow-peer 127.0.0.0/8 > "$DIR/out" 2> "$DIR/log" &
server=$!
n=0
until grep -q '^ready' "$DIR/out" || [ $n -gt 100 ]; do sleep 0.1; n=$((n + 1)); done
for room in one two; do timeout 10 "$incamera" room create $room --class governed --data "$DIR/data" > "$DIR/room"; done
credential() {
    timeout 10 "$incamera" turn --room "$1" --data "$DIR/data" > "$DIR/credential"
    read -r uri user password < "$DIR/credential"
}
uclient() { # ARGS: 0 when all 20 datagrams came back
    timeout 25 turnutils_uclient -y -c -u "$user" -w "$password" -n 10 -m 2 -z 10 -l 900 "$@" 127.0.0.1 > "$DIR/uclient" 2>&1
    grep -q 'tot_recv_msgs=20' "$DIR/uclient"
}
credential one
case $uri in turn:127.0.0.1:34878*) ok 0 "incamera turn names the relay" ;; *) ok 1 "incamera turn names the relay" ;; esac
uclient -p 34878
ok $? "by UDP"
uclient -t -p 34878
ok $? "by TCP"
uclient -t -S -p 34843
ok $? "by TLS beside HTTPS"
first=$user first_password=$password
timeout 10 "$incamera" room close one --data "$DIR/data" > "$DIR/room"
uclient -p 34878
ok $((1 - $?)) "a closed room relays no more"
credential two
uclient -p 34878
ok $? "another does"
token=$(timeout 10 "$incamera" token --room two --name Ana --data "$DIR/data")
python3 - "$token" "$(dirname "$0")" > "$DIR/credential" << 'END'
import sys
sys.path.insert(0, sys.argv[2])
from client import Socket
s = Socket(34844)
s.send(type="join", id=1, token=sys.argv[1], room="two")
ice, = s.until("joined")["ice"]
assert ice["urls"] == ["turn:127.0.0.1:34878?transport=udp", "turn:127.0.0.1:34878?transport=tcp"], ice
print("-", ice["username"], ice["credential"])
END
read -r uri user password < "$DIR/credential"
uclient -p 34878
ok $? "who joins is told of it, with a credential"
timeout 10 "$incamera" room create one --class governed --data "$DIR/data" > "$DIR/room"
credential one
uclient -p 34878
ok $? "opened again it does too"
if grep -qF -e "$password" -e "$first_password" -e "$first" "$DIR/log"; then ok 1 "no credential in the log"; else ok 0 "no credential in the log"; fi
[ $fails = 0 ]
