#!/usr/bin/env bash
# bench.sh [ARGS...]: `make bench`. Starts Redis and one gateway on free ports and
# puts the reference load on them: 1000 connections in 100 groups of 10, 10,000
# messages published a second, 100,000 deliveries a second, for 30 s. The exit
# code is the harness': not 0 if a message was lost, duplicated or reordered or
# the rate was not held. ARGS come last, so they override:
#
#   make bench ARGS="--duration 5s --rate 2000"
#   make bench BROKER=memory
#
# The report of each run is in bench-results/, as JSON and as HTML.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/processes.sh
source scripts/processes.sh

# The gateway and the harness each hold a descriptor per connection.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
files=$(ulimit -n)
if [ "$files" != unlimited ] && [ "$files" -lt 1500 ]; then
	echo "bench.sh: a process may open $files files and 1000 connections need 1500: raise the hard limit (ulimit -Hn, or nofile in limits.conf)" >&2
	exit 1
fi

if [ "${BROKER:-redis}" = redis ]; then
	scripts/install-redis.sh
	start_redis
	BROKER=$redis_url
fi
start_gateway gateway --broker "$BROKER" "${unhurried[@]}"

mkdir -p bench-results
report=bench-results/$(date -u +%Y%m%dT%H%M%SZ)
code=0
bin/bench run --url "ws://$public/client/hubs/chat" --operator "http://$operator" \
	--connections 1000 --groups 100 --rate 10000 --duration 30s \
	--json "$report.json" --html "$report.html" "$@" || code=$?
if [ "$code" -ne 0 ]; then
	echo "--- the gateway's last words" >&2
	tail -n 20 "$scratch/gateway.log" >&2
fi
exit "$code"
