#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes the file system that MariaDB's guests use as their disk: an ext4 with a
# data directory in it, tables of sysbench filled. Done here once, as it would
# take minutes of simulated time in the guest.
#
#   database.sh ROWS IMAGE
set -euo pipefail

die()
{
	echo "database: $*" >&2
	exit 1
}

[ $# -eq 2 ] || die "usage: database.sh ROWS IMAGE"
rows=$1 image=$2
for tool in mariadbd sysbench mkfs.ext4; do
	PATH=$PATH:/usr/sbin command -v $tool >/dev/null || die "no $tool (make deps)"
done
dir=$(mktemp -d "$image.XXXXXX")
pid=
# shellcheck disable=SC2317	# the trap
clean()
{
	[ -z "$pid" ] || { kill "$pid"; wait "$pid" || :; }
	rm -rf "$dir"
}
trap clean EXIT
mkdir "$dir/data" "$dir/tmp"
# The path of a socket has an upper limit: be near. mariadbd changes to its data.
cd "$dir"

# The redo log is small, as the guest's disk is in memory.
server=(/usr/sbin/mariadbd --no-defaults --datadir="$dir/data" --tmpdir="$dir/tmp"
	--user="$(id -un)" --socket=socket --pid-file="$dir/pid" --skip-networking
	--skip-grant-tables --skip-log-bin --innodb-log-file-size=16M
	--innodb-buffer-pool-size=512M --innodb-flush-log-at-trx-commit=0
	--innodb-data-file-path=ibdata1:4M:autoextend
	--innodb-temp-data-file-path=ibtmp1:4M:autoextend
	--innodb-autoextend-increment=1)

# The tables that describe users, statistics and so on.
mkdir data/mysql
{ echo "use mysql;"; cat /usr/share/mysql/mysql_system_tables.sql; } |
	"${server[@]}" --bootstrap --log-warnings=0 >log 2>&1 || { tail -n 5 log >&2; die "bootstrap failed"; }

"${server[@]}" --log-error="$dir/log" >/dev/null 2>&1 &
pid=$!
for ((i = 0; i < 300; i++)); do
	[ ! -S data/socket ] || break
	kill -0 $pid 2>/dev/null || { tail -n 5 log >&2; die "mariadbd did not start"; }
	sleep 0.1
done
[ -S data/socket ] || die "mariadbd is not ready after 30 s"
cat >create.lua <<'LUA'
function thread_init() con = sysbench.sql.driver():connect() end
function event() con:query("CREATE DATABASE sbtest") end
LUA
client=(--db-driver=mysql --mysql-socket=data/socket --mysql-user=root)
sysbench create.lua "${client[@]}" --mysql-db=mysql --events=1 --time=0 run >log.create ||
	{ cat log.create >&2; die "can't create a database"; }
sysbench oltp_read_write "${client[@]}" --mysql-db=sbtest --tables=1 --table-size="$rows" \
	--rand-seed=1 prepare >log.prepare || { cat log.prepare >&2; die "sysbench prepare failed"; }
# A clean shutdown that leaves nothing to be done at the next start.
cat >settle.lua <<'LUA'
function thread_init() con = sysbench.sql.driver():connect() end
function event()
	con:query("ANALYZE TABLE sbtest1")
	con:query("SET GLOBAL innodb_fast_shutdown=0")
end
LUA
sysbench settle.lua "${client[@]}" --mysql-db=sbtest --events=1 --time=0 run >log.settle ||
	{ cat log.settle >&2; die "ANALYZE TABLE failed"; }
kill $pid
wait $pid || die "mariadbd did not shut down"
pid=
rm -f data/ib_buffer_pool data/ibtmp1

# Room for undo logs, and everything initialized, so that no thread of the
# kernel does so while something is measured.
used=$(du -sm --apparent-size data | cut -f1)
tmp=$dir/image
truncate -s $((used * 102 / 100 + 16))M "$tmp"
mkfs.ext4 -q -F -b 4096 -m 0 -N 1024 -J size=4 -U 6d617269-6164-6200-0000-000000000001 \
	-E lazy_itable_init=0,lazy_journal_init=0,hash_seed=6d617269-6164-6200-0000-000000000002,root_owner=0:0 \
	-d data "$tmp"
mv "$tmp" "$image"
du -sm data/sbtest/* >&2
echo "$(stat -c %s "$image") bytes  $image ($rows rows)"
