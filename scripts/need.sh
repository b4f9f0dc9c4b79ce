#!/usr/bin/env bash
# need.sh COMMAND PACKAGE...: sees to it that COMMAND can be run.
#
# A machine with Go, make and git is enough to start with. Whatever else a script
# needs it asks for here: root on Debian or Ubuntu gets the packages installed,
# everybody else is told what to install. No service that a package brings is
# left running or started at the next boot: the scripts start what they need
# themselves, on free ports, and stop it again.
set -euo pipefail

command=${1:?need.sh COMMAND PACKAGE...}
shift
command -v "$command" >/dev/null && exit 0

if ! command -v apt-get >/dev/null; then
	echo "need.sh: $command is missing: install it with this system's package manager (Debian calls the package: $*)" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "need.sh: $command is missing: run as root: apt-get install $*" >&2
	exit 1
fi

# The policy file is how Debian is told not to start services; one that the
# machine has already is left as it is.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

echo "need.sh: installing $* for $command"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install --yes --quiet --no-install-recommends "$@")
if ! "${install[@]}" >/dev/null 2>&1; then
	# The lists may be missing, as in a fresh container, or out of date.
	apt-get update --quiet >/dev/null
	"${install[@]}" >/dev/null
fi

if [ -d /run/systemd/system ]; then
	for unit in "$@"; do
		systemctl disable --quiet --now "$unit" 2>/dev/null || true
	done
fi

if ! command -v "$command" >/dev/null; then
	echo "need.sh: $* is installed and $command is still missing: install $command by hand" >&2
	exit 1
fi
