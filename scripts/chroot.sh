#!/usr/bin/env bash
# chroot.sh: proves that bin/gateway is all that the container image needs. The
# image is built from scratch, so the binary, alone in an empty root directory that
# cannot be written to, as a user without rights and without capabilities, must start,
# serve and answer its own probe, with keys and a certificate from files as well. It is
# the same check that a container engine would make with --read-only --cap-drop=ALL
# --security-opt=no-new-privileges, for where none runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/processes.sh
source scripts/processes.sh

nobody=65532 # the user of the Dockerfile
root=$scratch/root
bounds="an empty root directory, user $nobody"

# in_empty_root COMMAND... runs it as $nobody with the scratch root as its root. As root,
# that is mounted read-only where only the command sees it, and no capability is left but
# in the bounding set, where it is of no use without privileges: chroot needs these three.
# Without root's rights a user namespace does what the kernel lets us.
in_empty_root() {
	if [ "$(id -u)" -ne 0 ]; then
		exec unshare --user --map-user="$nobody" --root="$root" "$@"
	fi
	if [ -z "$confined" ]; then
		exec chroot --userspec="$nobody:$nobody" "$root" "$@"
	fi
	# shellcheck disable=SC2016 # the inner shell's variables
	exec unshare --mount sh -c '
		root=$1; user=$2; shift 2
		mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" || exit 1
		exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
			chroot --userspec="$user:$user" "$root" "$@"' sh "$root" "$nobody" "$@"
}

# status PID NAME prints a line of what the kernel says of a process.
status() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"; }

# check PID fails unless the process is as confined as it should be.
check() {
	local name
	if [ "$(id -u)" -eq 0 ] && [ "$(status "$1" Uid)" != "$nobody" ]; then
		echo "chroot.sh: the gateway runs as user $(status "$1" Uid), want $nobody" >&2
		return 1
	fi
	[ -n "$confined" ] || return 0
	for name in CapInh CapPrm CapEff CapAmb; do
		if [ "$(status "$1" "$name")" != 0000000000000000 ]; then
			echo "chroot.sh: the gateway has capabilities: $name $(status "$1" "$name")" >&2
			return 1
		fi
	done
	if [ "$(status "$1" NoNewPrivs)" != 1 ]; then
		echo "chroot.sh: the gateway could get new privileges" >&2
		return 1
	fi
	if ! awk '$5 == "/" && $6 ~ /^ro(,|$)/ { found = 1 } END { exit !found }' "/proc/$1/mountinfo"; then
		echo "chroot.sh: the gateway's root can be written to" >&2
		return 1
	fi
}

# begin NAME ARGS... starts a gateway in the empty root and waits until it is ready.
begin() {
	local log=$scratch/$1.log name=$1
	shift
	(in_empty_root /gateway --listen 127.0.0.1:0 --operator 127.0.0.1:0 "$@") >"$log" 2>&1 &
	started+=("$!")
	await "$!" "the gateway in the empty root, $name," serves "$log" || {
		cat "$log" >&2
		return 1
	}
	check "$!"
}

# send KEY prints the status with which the data plane answers to a key.
send() {
	local status
	exec 3<>"/dev/tcp/${operator%:*}/${operator##*:}"
	printf 'POST /api/hubs/chat/:send HTTP/1.0\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi' "$operator" "$1" >&3
	IFS=' ' read -r _ status _ <&3
	exec 3>&-
	echo "$status"
}

if [ "$(id -u)" -ne 0 ] && ! unshare --user true 2>/dev/null; then
	echo "chroot.sh: needs root, or a kernel that allows user namespaces: run as root" >&2
	exit 1
fi
confined=
# shellcheck disable=SC2016 # the inner shell's variables
if [ "$(id -u)" -eq 0 ] && unshare --mount sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && setpriv --bounding-set=-all true' "$scratch" 2>/dev/null; then
	confined=yes
	bounds+=", read-only, without capabilities"
else
	echo "chroot.sh: no mounts may be made here, or setpriv is not there: the root can be written to, and capabilities are not looked at"
fi

mkdir "$root"
cp bin/gateway "$root/gateway"
chmod 755 "$scratch" "$root" "$root/gateway"

begin plain
[ "$(fetch "$operator" /healthz)" = ok ]
(in_empty_root /gateway probe --operator "$operator") >/dev/null
echo "$bounds: started, ready, healthy"

# Secrets as they are mounted: for this user alone.
key=$(head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \n')
echo "$key" >"$root/keys"
(cd "$root" && go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" --host localhost --ecdsa-curve P256 >/dev/null 2>&1)
chmod 400 "$root"/{keys,cert.pem,key.pem}
[ "$(id -u)" -ne 0 ] || chown "$nobody" "$root"/{keys,cert.pem,key.pem}
begin keyed --set keys_file=/keys --set tls.cert_file=/cert.pem --set tls.key_file=/key.pem
(in_empty_root /gateway probe --tls --operator "$public" --path /readyz) >/dev/null
if [ "$(send "$key")" != 202 ] || [ "$(send not-that-key-at-all)" != 401 ]; then
	echo "chroot.sh: the data plane does not ask for the key in the file" >&2
	exit 1
fi
echo "$bounds: keys and a certificate from files, TLS"
