# shellcheck shell=bash
# processes.sh: sourced by the scripts that run a gateway. It starts Redis and
# gateways on free loopback ports, waits until they serve, and stops at the end
# whatever it started, by process id and nothing else.
#
# Its variables: scratch (a folder that goes with the script), redis_url, and
# public and operator (the addresses of the gateway that was started last).

scratch=$(mktemp -d)
started=()
patience=30 # seconds that a start or a stop may take on a busy machine

# stop_all ends what was started, the last first, and removes the scratch folder.
stop_all() {
	local i
	for ((i = ${#started[@]} - 1; i >= 0; i--)); do
		stop "${started[i]}"
	done
	rm -rf "$scratch"
}
trap stop_all EXIT
# A signal ends the script by way of EXIT, so that nothing stays behind.
trap 'exit 130' INT
trap 'exit 143' TERM

# stop PID asks the process to end, and kills it if it does not.
stop() {
	local deadline=$((SECONDS + patience))
	kill "$1" 2>/dev/null || return 0
	while kill -0 "$1" 2>/dev/null; do
		if ((SECONDS >= deadline)); then
			echo "process $1 did not end within $patience s and is killed" >&2
			kill -KILL "$1"
		fi
		sleep 0.05
	done
	wait "$1" 2>/dev/null || true
}

# await PID WHAT COMMAND... repeats the command until it succeeds. It fails when
# the process has ended or patience has.
await() {
	local pid=$1 what=$2 deadline=$((SECONDS + patience))
	shift 2
	until "$@"; do
		if ! kill -0 "$pid" 2>/dev/null; then
			echo "$what has ended" >&2
			return 1
		fi
		if ((SECONDS >= deadline)); then
			echo "$what was not ready within $patience s" >&2
			return 1
		fi
		sleep 0.1
	done
}

# fetch ADDRESS PATH prints the body that an HTTP server on loopback answers, and
# fails unless it answers 200. Bash does it alone, so that no curl is needed.
fetch() {
	local status
	exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || return 1
	printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" "$1" >&3
	IFS=' ' read -r _ status _ <&3 || true
	sed '1,/^\r*$/d' <&3
	exec 3>&-
	[ "$status" = 200 ]
}

# redis_is PID PORT succeeds when the server at the port is that process, and not
# another one that happened to be there.
redis_is() {
	local reply
	{ exec 4<>"/dev/tcp/127.0.0.1/$2"; } 2>/dev/null || return 1
	printf 'INFO server\r\nQUIT\r\n' >&4
	reply=$(cat <&4)
	exec 4>&-
	[[ $reply == *$'\nprocess_id:'"$1"$'\r'* ]]
}

# free_port prints a port that nobody listens on, below those that the kernel
# hands out by itself.
free_port() {
	local port
	until
		port=$((20000 + RANDOM % 12000))
		! { : <>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null
	do :; done
	echo "$port"
}

# start_redis starts a Redis that keeps nothing on disk, and sets redis_url.
start_redis() {
	local port
	port=$(free_port)
	redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no \
		--dir "$scratch" --stream-node-max-bytes 1024 >"$scratch/redis.log" 2>&1 &
	started+=("$!")
	await "$!" redis-server redis_is "$!" "$port" || {
		cat "$scratch/redis.log" >&2
		return 1
	}
	# shellcheck disable=SC2034 # read by the scripts that source this file
	redis_url=redis://127.0.0.1:$port/0
}

# address LOG NAME prints the address of a listener as the gateway logged it.
address() {
	sed -n "s/.*msg=listening name=$2 address=\([^ ]*\).*/\1/p" "$1" | grep -m1 .
}

# serves LOG succeeds once the gateway that writes the log is ready.
serves() {
	# shellcheck disable=SC2034 # both are for the scripts that source this file
	public=$(address "$1" public) && operator=$(address "$1" operator) || return 1
	fetch "$operator" /readyz >/dev/null 2>&1
}

# unhurried is the gateway's settings for a load, of which one connection sends for many.
# The rates are at their highest and not off, so that what they cost is measured.
# shellcheck disable=SC2034 # for the scripts that source this file
unhurried=(--set limits.messages_per_second=10000000 --set limits.bytes_per_second=1GiB)

# start_gateway NAME ARGS... starts bin/gateway on free ports and waits until it
# is ready. NAME tells several apart; the log is in the scratch folder.
start_gateway() {
	local log=$scratch/$1.log name=$1
	shift
	bin/gateway --listen 127.0.0.1:0 --operator 127.0.0.1:0 --set log.format=text --set drain.delay=0 "$@" >"$log" 2>&1 &
	started+=("$!")
	await "$!" "$name" serves "$log" || {
		cat "$log" >&2
		return 1
	}
}
