#!/usr/bin/env bash
# nodes.sh: two gateways on one Redis behind HAProxy, as compose.yaml has them,
# without containers: the load balancer runs with the very file of deploy/. The
# load harness connects through it, so members of each group sit on both nodes,
# and fails if a message between them is lost, duplicated or reordered. Then one
# node ends, and the balancer must send newcomers to the other. At last two nodes are
# restarted one after the other, under load, and no client that resumes may lose anything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/processes.sh
source scripts/processes.sh

scripts/install-redis.sh
scripts/install-haproxy.sh

start_redis
start_gateway gateway-1 --broker "$redis_url"
one=$public operator_one=$operator pid_one=${started[-1]}
start_gateway gateway-2 --broker "$redis_url"
two=$public operator_two=$operator

# balances succeeds when the balancer answers with a node's readiness.
balances() { fetch "127.0.0.1:$port" /readyz >/dev/null 2>&1; }

port=$(free_port)
BIND=127.0.0.1:$port GATEWAY_1=$one GATEWAY_2=$two \
	haproxy -db -f deploy/haproxy.cfg >"$scratch/haproxy.log" 2>&1 &
started+=("$!")
await "$!" haproxy balances || {
	cat "$scratch/haproxy.log" >&2
	exit 1
}

# load CONNECTIONS puts a light load on the balancer for a moment.
load() {
	bin/bench run --url "ws://127.0.0.1:$port/client/hubs/chat" --quiet \
		--connections "$1" --groups 8 --rate 200 --duration 3s
}

# taken OPERATOR prints how many messages a node has taken from clients.
taken() { fetch "$1" /metrics | awk '$1 == "app_messages_total" { n = $2 } END { print n + 0 }'; }

load 64
for node in "$operator_one" "$operator_two"; do
	if [ "$(taken "$node")" -eq 0 ]; then
		echo "nodes.sh: the node at $node took no message: the balancer left it out" >&2
		exit 1
	fi
done
echo "two nodes: nothing lost, duplicated or reordered between them"

stop "$pid_one"
load 16
echo "one node ended: newcomers are served by the other"

# The window is so short that a busy machine may not keep the pace: no --max-burst.
bin/bench rolling --gateway bin/gateway --broker "$redis_url" --quiet \
	--connections 100 --groups 20 --publishers 4 --rate 100 --window 2s --rest 3s --max-burst 0
echo "a rolling restart: nothing lost for clients that resume"
