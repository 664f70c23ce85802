#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one of the interop tests, its pinned packages fetched once. Usage: run.sh NAME.mjs INCAMERA-BINARY
# exit 77 without Node, or where the packages have no build for this machine
binary=$(realpath "$2") || exit 1
cd "$(dirname "$0")" || exit 1
command -v node > /dev/null && command -v npm > /dev/null || exit 77
if ! cmp -s package-lock.json node_modules/.incamera-lock; then
    timeout 100 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || exit 1
    cp package-lock.json node_modules/.incamera-lock
fi
exec timeout 60 node "$1" "$binary"
