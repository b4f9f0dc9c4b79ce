#!/usr/bin/env bash
# reliable-test.sh [--gateway FILE]: the unmodified @azure/web-pubsub-client over its
# reliable protocol, against three nodes on one Redis, of which one is drained and one
# killed, while connections are cut. Each check is a line.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/../install-redis.sh"
"$here/../need.sh" npm nodejs npm
"$here/install.sh"
exec node "$here/reliable-test.mjs" "$@"
