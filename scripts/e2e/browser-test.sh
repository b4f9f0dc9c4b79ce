#!/usr/bin/env bash
# browser-test.sh [--gateway FILE] [--screenshot FILE]: clicks through the demo page
# of bin/gateway, which `make build` makes, in two windows of a headless Chromium.
# With --screenshot it also takes the picture for the README.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/../need.sh" npm nodejs npm
"$here/../install-chromium.sh"
"$here/install.sh"
node --test --test-reporter=dot "$here"/*_test.mjs
exec node "$here/browser-test.mjs" "$@"
