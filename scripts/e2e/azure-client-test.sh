#!/usr/bin/env bash
# azure-client-test.sh [--gateway FILE]: the unmodified @azure/web-pubsub-client
# against bin/gateway, without compression and with it, which `make build` makes. Each check is a line.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/../need.sh" npm nodejs npm
"$here/install.sh"
node "$here/azure-client-test.mjs" "$@"
exec node "$here/azure-client-test.mjs" --compress "$@"
