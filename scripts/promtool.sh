#!/usr/bin/env bash
# promtool.sh ARGS...: runs promtool, Prometheus' own checker of metrics and
# configuration. One in the PATH is used; otherwise Debian's package is unpacked
# below .cache, since installing it would bring a running Prometheus along.
set -euo pipefail

# No change of folder: the arguments may be paths.
cache=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.cache/promtool
if ! command -v promtool >/dev/null && [ ! -x "$cache/usr/bin/promtool" ]; then
	if ! command -v apt-get >/dev/null; then
		echo "promtool.sh: promtool is missing: install Prometheus, of which it is a part" >&2
		exit 1
	fi
	rm -rf "$cache"
	mkdir -p "$cache"
	# When apt's own user may not write here, root downloads itself and warns of it;
	# the warning would only worry the reader.
	(
		cd "$cache"
		apt-get download --quiet prometheus >/dev/null 2>&1 ||
			{ apt-get update --quiet >/dev/null && apt-get download --quiet prometheus >/dev/null; }
		dpkg -x prometheus_*.deb .
		rm prometheus_*.deb
	) || {
		echo "promtool.sh: Debian's package could not be downloaded: install promtool (package prometheus) and run again" >&2
		exit 1
	}
fi
export PATH=$PATH:$cache/usr/bin
exec promtool "$@"
