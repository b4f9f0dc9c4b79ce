#!/usr/bin/env bash
# lint.sh: what a reviewer should not have to say. Formatting, go vet, staticcheck,
# a tidy go.mod, the sizes of files and functions, compose.yaml, and shellcheck.
# It changes nothing; tools that are not Go's own are pinned here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
compose=github.com/compose-spec/compose-go/v2/cmd@v2.9.0

# What git knows or would add: not what was downloaded or built.
mapfile -t gofiles < <(git ls-files --cached --others --exclude-standard '*.go')
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)

unformatted=$(gofmt -d "${gofiles[@]}")
if [ -n "$unformatted" ]; then
	echo "$unformatted"
	echo "lint.sh: run gofmt -w on these files" >&2
	exit 1
fi
echo "gofmt: ${#gofiles[@]} files"

go mod tidy -diff
go mod verify
go vet ./... && go vet scripts/shape.go
echo "go vet: ok"
go run "$staticcheck" ./...
echo "staticcheck: ok"
go run scripts/shape.go .

# The schema alone: compose.yaml has a variable that must be set, on purpose.
go run "$compose" -no-interpolation compose.yaml >/dev/null
echo "compose.yaml: ok"

scripts/need.sh shellcheck shellcheck
shellcheck --external-sources "${scripts[@]}"
echo "shellcheck: ${#scripts[@]} scripts"
