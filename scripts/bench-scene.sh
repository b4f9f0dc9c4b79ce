#!/usr/bin/env bash
# bench-scene.sh SCENE [ARGS...]: `make bench-idle` and its like. Runs `bench
# SCENE`, which starts the gateways that it needs and stops them again, and leaves
# its result in bench-results/. The exit code is the harness': not 0 if a message
# was lost, duplicated or reordered or a bound was not kept. ARGS come last, so they
# override.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The largest scenes hold 19,000 connections, a descriptor each in both programs.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

scene=$1
shift
mkdir -p bench-results
exec bin/bench "$scene" --gateway bin/gateway --json "bench-results/$scene-$(date -u +%Y%m%dT%H%M%SZ).json" "$@"
