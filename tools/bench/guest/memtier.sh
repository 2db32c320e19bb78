# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2154,SC2086	# redis.sh and redis-lib.sh have the variables; numbers
#
# memtier_benchmark as the client of redis.sh; part of the image where it is
# installed. Its zipf has neighbouring keys hot, not scattered ones, and it takes
# about ten times the instructions of redisload.

# memtier's own times are whole seconds: say how many requests instead.
REQUESTS_PER_S=100000

memtier()
{
	memtier_benchmark --unix-socket=$socket --threads=1 --data-size="$value" \
		--key-prefix=key: --key-minimum=1 --key-maximum="$keys" --hide-histogram \
		--print-percentiles=50,95,99,99.9 "$@" 2>/dev/null || fail "memtier_benchmark $*"
}

populate()
{
	memtier --clients=10 --ratio=1:0 --key-pattern=P:P --requests=allkeys --pipeline=16
}

run_phase()	# OP:DISTRIBUTION:PIPELINE phase seconds
{
	local op dist depth ratio pattern name requests

	IFS=: read -r op dist depth <<-END
		$1
	END
	case $op in
	get) ratio=0:1 ;; set) ratio=1:0 ;; mixed) ratio=1:1 ;; *) fail "no operation $op" ;;
	esac
	case $dist in
	uniform) pattern=R:R ;; gauss) pattern=G:G ;; zipf) pattern=Z:Z ;; *) fail "no distribution $dist" ;;
	esac
	name=$op-$dist
	[ "$depth" = 1 ] || name=$name-p$depth
	requests=$(awk -v s="$3" -v r=$REQUESTS_PER_S -v c="$clients" 'BEGIN { printf "%d", s * r / c + 1 }')
	mark $((2 * $2))
	memtier --clients="$clients" --ratio=$ratio --key-pattern=$pattern --key-zipf-exp=0.99 \
		--pipeline="$depth" --requests="$requests" --randomize >/memtier.log
	mark $((2 * $2 + 1))
	awk -v phase="$2" -v name="$name" -v ops=$((requests * clients)) -v clients="$clients" \
		-v depth="$depth" '
		# The last line of the table: rate, hits, misses, mean, percentiles in ms.
		$1 == "Totals" {
			printf "{\"type\":\"phase\",\"phase\":%d,\"name\":\"%s\",\"ops\":%d,", phase, name, ops
			printf "\"seconds\":%.9f,\"ops_per_s\":%s,\"p50_us\":%.1f,", ops / $2, $2, $6 * 1000
			printf "\"p95_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,", $7 * 1000, $8 * 1000, $9 * 1000
			printf "\"clients\":%d,\"pipeline\":%d,\"misses\":%s}\n", clients, depth, $4
			missed = $4 > 0
			said = 1
		}
		END { exit !said || missed }' /memtier.log || fail "memtier_benchmark: misses, or no result"
}
