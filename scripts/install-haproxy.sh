#!/usr/bin/env bash
# install-haproxy.sh: sees to it that there is an haproxy. The run of two nodes and the
# rolling restart each start one of their own, with deploy/haproxy.cfg.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

./need.sh haproxy haproxy
