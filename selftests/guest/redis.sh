# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154	# test_guests.sh, lib/guests.sh
#
# A Redis in a guest, and the values that it was given; sourced by test_guests.sh.

readonly KEYS=40000
SET='for i = 1, ARGV[1] do redis.call("SET", "k" .. i, string.rep(i * 7919 % 1000003 .. ",", 300)) end'
GET='local n = 0
for i = 1, 20000 do
	if redis.call("STRLEN", "k" .. math.random(ARGV[1])) > 300 then n = n + 1 end
end
return n'

redis()			# name command...
{
	timeout $((TIME_PCT * 3)) redis-cli -s "$dir/$1/redis.sock" "${@:2}"
}

# shellcheck disable=SC2329
redis_up()		# name
{
	[ "$(redis "$1" PING)" = PONG ]
}

# GETs until a file is gone; prints how many, and how many had found nothing.
redis_load()		# name
{
	local n=0 found=0 got

	while [ -e "$dir/load" ]; do
		got=$(redis "$1" EVAL "$GET" 0 "$KEYS")
		[[ $got =~ ^[0-9]+$ ]] || { echo "0 $got"; return; }
		n=$((n + 20000)) found=$((found + got))
	done
	echo "$n $((n - found))"
}

redis_values()		# name MiB
{
	local rc=0 before after n missing

	INITRD=initramfs-redis guest_up "$1" "$2" $(($2 * MIB / 4)) \
		-chardev "socket,id=redis,path=$dir/$1/redis.sock,server=on,wait=off" \
		-device virtserialport,chardev=redis,nr=2 || return 1
	until_ms 60000 redis_up "$1" && redis "$1" EVAL "$SET" 0 "$KEYS" >"$dir/said" ||
		rc=1
	before=$(redis "$1" DEBUG DIGEST)
	ktap_diag "$1: $KEYS values, $before; $(where_is "$1")"
	touch "$dir/load"
	redis_load "$1" >"$dir/loaded" &
	flip "$1" "$2" || rc=1
	rm "$dir/load"
	wait $!
	read -r n missing <"$dir/loaded"
	after=$(redis "$1" DEBUG DIGEST)
	ktap_diag "$1: $n values were read meanwhile, $missing not found; then $after"
	[ "$n" -gt 0 ] && [ "$missing" = 0 ] && [ "${#before}" -eq 40 ] && [ "$before" = "$after" ] &&
		no_splat "$1" || rc=1
	[ "$rc" -eq 0 ] || stats "$1"
	guest_end "$1"
	return "$rc"
}

story_redis()
{
	command -v redis-cli >/dev/null || { ktap_skip "redis" "no redis-cli"; return; }
	echo never >"$THP"
	ktap_check "redis: values while the quota changes 5 times a second" redis_values redis 256
}
