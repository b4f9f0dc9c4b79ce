#!/usr/bin/env bash
# install.sh: the packages of this folder, as the lock file has them, unless they
# are here already. The stamp is newer than the lock file it was made from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

stamp=node_modules/.installed
if [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
	npm ci --no-progress --loglevel=error
	touch "$stamp"
fi
