# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034	# overhead, aside, data_bytes, server: systems.sh, and who sources this
# shellcheck disable=SC2154	# the job's variables: init; policy: systems.sh
#
# A Redis on CPU 1 in the cgroup, its clients on CPU 0 outside. bench.args:
#   keys=N value=BYTES clients=N

keys=$(arg keys 110000)
value=$(arg value 1024)
clients=$(arg clients 50)
: "${data_bytes:=$((keys * (value * 5 / 4 + 130)))}"
socket=/redis.sock
overhead=$((1 << 20)) aside=$((4 << 20))
hot=$seed	# the keys that are hot, for those who change them

load()
{
	redisload --socket $socket --keys "$keys" --value-bytes "$value" --seed "$hot" \
		--clients "$clients" "$@" || fail "redisload $*"
}

# After setup_system; to $server. Nothing is saved; no port, so no TCP; the rest is
# the default.
start_redis()
{
	# shellcheck disable=SC2086	# policy is words, perhaps none
	within -g $CGROUP -c $SERVER_CPU $policy -- \
		redis-server --port 0 --unixsocket $socket --save "" --appendonly no \
		--activedefrag no --loglevel warning >/redis.log 3>&- &
	server=$!
	wait_for $socket redis-server
}
