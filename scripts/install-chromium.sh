#!/usr/bin/env bash
# install-chromium.sh: sees to it that there is a Chromium, which the browser test
# drives. CHROMIUM names one that is called or lies otherwise.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

./need.sh "${CHROMIUM:-chromium}" chromium
