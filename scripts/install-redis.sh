#!/usr/bin/env bash
# install-redis.sh: sees to it that there is a redis-server. The tests of the
# Redis broker, the bench and the run of two nodes each start one of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

./need.sh redis-server redis-server
