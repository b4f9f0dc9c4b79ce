#!/usr/bin/env bash
# metrics.sh: proves that Prometheus can read what the gateway exposes, that
# docs/operations.md explains all of it and nothing else, and that the Prometheus
# configuration in deploy/ is valid. Both brokers are asked, since each has metrics
# of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/processes.sh
source scripts/processes.sh

# check NAME checks the page of the gateway that was started last. Its exit code
# is 3 for remarks about style. Missing help texts are not held against us: the
# names are explained in docs/operations.md. What the Go library exposes about
# the process is named by that library.
check() {
	local page=$scratch/$1.metrics code=0 remarks
	fetch "$operator" /metrics >"$page"
	scripts/promtool.sh check metrics <"$page" >"$scratch/remarks" 2>&1 || code=$?
	remarks=$(grep -v 'no help text' "$scratch/remarks" | grep -Ev '^(go|process)_' || true)
	if { [ "$code" -ne 0 ] && [ "$code" -ne 3 ]; } || [ -n "$remarks" ]; then
		echo "promtool check metrics ($1): exit code $code" >&2
		echo "$remarks" >&2
		return 1
	fi
	for name in app_active_connections app_messages_total app_errors_total; do
		if ! grep -q "^${name}[ {]" "$page"; then
			echo "/metrics ($1) lacks $name" >&2
			return 1
		fi
	done
	echo "$1: $(grep -c '^[^#]' "$page") series are well-formed"
}

# names prints the gateway's own metrics in what it reads, histograms once.
names() { grep -oE '\b(app|tidegate)_[a-z_]+' | sed -E 's/_(bucket|sum|count)$//' | sort -u; }

# documented compares the pages with the manual: metrics both ways; the reasons of
# errors and closes one way, since some first appear when they first happen.
documented() {
	local differ reason
	differ=$(diff <(cat "$scratch"/*.metrics | names) <(names <docs/operations.md)) || {
		echo "docs/operations.md: < is exposed and not explained, > is explained and not exposed:" >&2
		grep '^[<>]' <<<"$differ" >&2
		return 1
	}
	while read -r reason; do
		if ! grep -qF "| \`$reason\` |" docs/operations.md; then
			echo "docs/operations.md does not explain the reason $reason" >&2
			return 1
		fi
	done < <(cat "$scratch"/*.metrics | sed -n 's/.*reason="\([^"]*\)".*/\1/p' | sort -u)
	echo "docs/operations.md explains every metric and reason"
}

start_gateway memory --broker memory
check memory
start_redis
start_gateway redis --broker "$redis_url" --set 'presence.groups=*' # whose metrics are there only with it
check redis
documented
(cd deploy && ../scripts/promtool.sh check config prometheus.yml)
