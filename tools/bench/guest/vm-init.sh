#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# First and only script of the guest's guest (vm-lib.sh): starts a Redis, and then
# loads it as each line on its second serial port says.

/bin/busybox mount -t proc proc /proc	# from here on busybox finds itself
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec 3<>/dev/ttyS1
stty raw -echo <&3
export PATH=/bin LD_LIBRARY_PATH=/lib
cd /

redis-server --port 0 --unixsocket /redis.sock --save "" --appendonly no \
	--activedefrag no --loglevel warning >/redis.log 3>&- &
n=0
until [ -e /redis.sock ]; do
	n=$((n + 1))
	[ $n -lt 3000 ] || { echo "failed: redis-server did not start" >&3; sleep 1000; }
	usleep 10000
done
echo ready >&3
while read -r words <&3; do
	# shellcheck disable=SC2086	# words
	if redisload $words >&3 2>/error; then
		echo "done" >&3
	else
		echo "failed: $(tail -n 1 /error)" >&3
	fi
done
