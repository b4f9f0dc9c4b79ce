#!/usr/bin/env bash
# bench-limit.sh [ARGS...]: `make bench-limit`. Starts two bare TCP writers, a gateway
# on the memory broker, Redis and a gateway on it, and has bench limit measure them in
# turn: how near the gateway is to what the machine allows. The servers share one
# core, the load and Redis another. ARGS are the harness's flags:
#
#   make bench-limit ARGS=--quick
#   make bench-limit ARGS="--parts throughput --shapes 100x10 --sizes 64 --rounds 9"
#
# The gateways have one worker, since they have one core, and streams of 32 messages
# that are forgotten after a minute: 1000 groups of 1000 messages of 16 KiB would be 16
# GiB, and what one shape leaves behind would slow down the next. And a publish may wait
# long for the broker: a closed loop keeps it full, and 2000 messages of 16 KiB may be
# more than a busy machine puts into Redis in the second that is the default.
# More than 32 messages under way in one group need longer streams, or publishes are
# refused and the run ends with a message that did not come:
#
#   GATEWAY_ARGS="--set capacity=2048" make bench-limit ARGS="--parts throughput --outstanding 32000"
#
# The gateways ask for tokens, and the load has one whose roles are patterns; limits are on,
# at their highest: so what these cost is in the figures.
#
# GATEWAY_ARGS are further flags of both. The result is also in bench-results/, as JSON.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/processes.sh
source scripts/processes.sh

server_core=${SERVER_CORE:-0}
load_core=${LOAD_CORE:-1}

scripts/need.sh taskset util-linux
scripts/install-redis.sh
if ! taskset -c "$server_core" true || ! taskset -c "$load_core" true; then
	echo "bench-limit.sh: this wants two cores, $server_core for the servers and $load_core for the load; choose others with SERVER_CORE and LOAD_CORE" >&2
	exit 1
fi
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

# start_bare NAME ARGS... starts a bare server, sets its address in public, and its
# process id in started.
start_bare() {
	local log=$scratch/$1.log name=$1
	shift
	bin/bench bare --listen 127.0.0.1:0 "$@" >"$log" 2>&1 &
	started+=("$!")
	await "$!" "$name" listens "$log" || {
		cat "$log" >&2
		return 1
	}
}

# shellcheck disable=SC2317 # await calls it
listens() {
	public=$(address "$1" public)
}

# confess ADDRESS prints what a gateway counted as having gone wrong.
confess() {
	fetch "$1" /metrics | grep -E '^(app_errors|tidegate_closes)_total\{.* [1-9]' >&2 || true
}

# add NAME SCHEME PATH has the server that was started last measured.
add() {
	servers+=(--server "$1=$2://$public$3" --pid "$1=${started[-1]}")
}

servers=()
gateway=(--set workers=1 --set capacity=32 --set group_expiry=60s --set publish.timeout=30s "${unhurried[@]}")
read -ra more <<<"${GATEWAY_ARGS:-}"
gateway+=("${more[@]}")

TIDEGATE_KEYS=$(head -c 32 /dev/urandom | sha256sum | cut -c1-32)
export TIDEGATE_KEYS # not as a flag, which every list of processes shows
token=$(bin/gateway token --user bench --expires 24h --role "webpubsub.joinLeaveGroups.**" --role "webpubsub.sendToGroups.**")

# What a shell starts inherits the shell's cores.
taskset -cp "$load_core" $$ >/dev/null
start_redis
servers+=(--pid "store=${started[-1]}")
taskset -cp "$server_core" $$ >/dev/null
start_bare write
add write tcp ""
start_bare join --join
add join tcp ""
start_gateway memory --broker memory "${gateway[@]}"
add memory ws /client/hubs/chat
# shellcheck disable=SC2154 # start_gateway sets it
operators=("$operator")
# shellcheck disable=SC2154 # start_redis sets it
start_gateway redis --broker "$redis_url" "${gateway[@]}"
add redis ws /client/hubs/chat
operators+=("$operator")
taskset -cp "$load_core" $$ >/dev/null

mkdir -p bench-results
code=0
bin/bench limit "${servers[@]}" --token "$token" --json "bench-results/limit-$(date -u +%Y%m%dT%H%M%SZ).json" "$@" || code=$?
if [ "$code" -ne 0 ]; then
	for name in write join memory redis; do
		echo "--- the last words of $name" >&2
		tail -n 5 "$scratch/$name.log" >&2
	done
	for operator in "${operators[@]}"; do
		echo "--- what the gateway at $operator counted" >&2
		confess "$operator"
	done
fi
exit "$code"
