#!/usr/bin/env bash
# chroot.sh: proves that bin/gateway is all that the container image needs. The
# image is built from scratch, so the binary, alone in an empty root directory
# and as a user without rights, must start, serve and answer its own probe. It
# is the same check that a container engine would make, for where none runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/processes.sh
source scripts/processes.sh

nobody=65532 # the user of the Dockerfile

# in_empty_root COMMAND... runs it as $nobody with the scratch root as its root.
# Without root's rights a user namespace does the same, where the kernel lets us.
in_empty_root() {
	if [ "$(id -u)" -eq 0 ]; then
		exec chroot --userspec="$nobody:$nobody" "$scratch/root" "$@"
	fi
	exec unshare --user --map-user="$nobody" --root="$scratch/root" "$@"
}

if [ "$(id -u)" -ne 0 ] && ! unshare --user true 2>/dev/null; then
	echo "chroot.sh: needs root, or a kernel that allows user namespaces: run as root" >&2
	exit 1
fi

mkdir "$scratch/root"
cp bin/gateway "$scratch/root/gateway"
chmod 755 "$scratch" "$scratch/root" "$scratch/root/gateway"

(in_empty_root /gateway --listen 127.0.0.1:0 --operator 127.0.0.1:0) >"$scratch/gateway.log" 2>&1 &
started+=("$!")
await "$!" "the gateway in the empty root" serves "$scratch/gateway.log" || {
	cat "$scratch/gateway.log" >&2
	exit 1
}

[ "$(fetch "$operator" /healthz)" = ok ]
(in_empty_root /gateway probe --operator "$operator") >/dev/null
uid=$(stat --format=%u "/proc/${started[0]}")
if [ "$(id -u)" -eq 0 ] && [ "$uid" != "$nobody" ]; then
	echo "chroot.sh: the gateway runs as user $uid, want $nobody" >&2
	exit 1
fi
echo "an empty root directory, user $nobody: started, ready, healthy"
