#!/usr/bin/env bash
# azure-client-test.sh [--gateway FILE]: the unmodified @azure/web-pubsub-client
# against bin/gateway, which `make build` makes. Each check is a line.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/../need.sh" npm nodejs npm
"$here/install.sh"
exec node "$here/azure-client-test.mjs" "$@"
