#!/usr/bin/env bash
# service-test.sh [--gateway FILE]: the unmodified @azure/web-pubsub, for application
# servers, against the data plane of bin/gateway, which `make build` makes. Each check is a
# line. Needs Node 20, as that library's HTTP does.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/../need.sh" npm nodejs npm
"$here/install.sh"
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
	echo "skipped: @azure/web-pubsub wants Node 20, and this is $(node --version)"
	exit 0
fi
exec node "$here/service-test.mjs" "$@"
