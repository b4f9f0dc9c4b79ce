#!/usr/bin/env bash
# test.sh [STAGE...]: `make test`. Runs the stages in their order, all of them
# without arguments. The first failure ends the run with its reason. Each stage is
# a command that can be run by itself; it is printed before it runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Clients that are not ours: the unmodified SDK and a real browser.
clients() {
	scripts/e2e/azure-client-test.sh
	scripts/e2e/reliable-test.sh
	scripts/e2e/service-test.sh
	scripts/e2e/browser-test.sh
}

# Redis and nodes fail under load: the short forms of the two that check what is lost.
faults() {
	scripts/install-redis.sh
	bin/bench check --gateway bin/gateway --quick --quiet --fault cut,truncate,flush
	bin/bench faults --gateway bin/gateway --quick --quiet
}

# run_stage NAME prints the stage's command and runs it. -count=1: a result out of
# the cache proves nothing about the Redis and the kernel of this machine.
run_stage() {
	case $1 in
	lint) show scripts/lint.sh ;;
	vuln) show scripts/vuln.sh ;;
	build) show make --no-print-directory build ;;
	unit)
		# The race detector is C; the tests run a real Redis and ask promtool.
		scripts/need.sh gcc gcc libc6-dev
		scripts/install-redis.sh
		scripts/promtool.sh --version >/dev/null 2>&1
		export PATH=$PATH:$PWD/.cache/promtool/usr/bin
		show go test -race -count=1 -timeout 8m ./...
		;;
	fuzz) FUZZTIME=${FUZZTIME:-4000x} show scripts/fuzz.sh ;;
	metrics) show scripts/metrics.sh ;;
	chroot) show scripts/chroot.sh ;;
	nodes) show scripts/nodes.sh ;;
	clients) show clients ;;
	faults) show faults ;;
	*)
		echo "test.sh: unknown stage $1: the stages are ${all[*]}" >&2
		exit 2
		;;
	esac
}

show() {
	echo "+ $*"
	"$@"
}

all=(lint vuln build unit fuzz metrics chroot nodes clients faults)
stages=("$@")
[ $# -gt 0 ] || stages=("${all[@]}")

passed=0
for stage in "${stages[@]}"; do
	began=$SECONDS
	echo "== $stage"
	# Not "if run_stage": in a condition bash ignores set -e, and a stage of
	# several commands would pass when only its last one did.
	set +e
	(
		set -e
		run_stage "$stage"
	)
	code=$?
	set -e
	if [ "$code" -ne 0 ]; then
		echo "== $stage failed after $((SECONDS - began)) s with exit code $code; run it alone: make test ARGS=$stage"
		echo "$passed passed, 1 failed"
		exit 1
	fi
	passed=$((passed + 1))
	echo "== $stage passed in $((SECONDS - began)) s"
done
echo "$passed passed, 0 failed"
