#!/usr/bin/env bash
# fuzz.sh: runs every fuzz target of the module for FUZZTIME (go test's -fuzztime:
# 30s, or 10000x for a number of inputs). `make test` counts inputs instead of
# seconds, so that a busy machine does the same work as an idle one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fuzztime=${FUZZTIME:-60s}
found=0
while IFS=: read -r file line; do
	target=${line#func }
	target=${target%%(*}
	echo "$target in $(dirname "$file"), $fuzztime"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime 10s "./$(dirname "$file")"
	found=$((found + 1))
done < <(grep -r --include='*_test.go' '^func Fuzz[A-Z]' . | sed 's|^\./||' | sort)

if [ "$found" -eq 0 ]; then
	echo "fuzz.sh: found no fuzz target" >&2
	exit 1
fi
echo "$found fuzz targets"
