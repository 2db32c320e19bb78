# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034	# overhead, data_bytes, server: systems.sh, and who sources this
# shellcheck disable=SC2154	# the job's variables: init; policy: systems.sh
#
# A virtual machine on CPU 1 in the cgroup, with a Redis and its clients on its only
# processor: vm-init.sh is all that runs there, and does what it is told through a
# serial port. bench.args:
#   keys=N value=BYTES clients=N	of Redis
#   memory_mb=N				of the virtual machine

keys=$(arg keys 110000)
value=$(arg value 1024)
clients=$(arg clients 50)
memory_mb=$(arg memory_mb 256)
# The guest touches all of its memory; the rest is QEMU's (measured).
: "${data_bytes:=$(((memory_mb + 16) << 20))}"
overhead=$((4 << 20))
hot=$seed	# the keys that are hot

# Results are lines of JSON; "done" and "failed ..." tell how it ended.
load()
{
	local line

	echo "--socket /redis.sock --keys $keys --value-bytes $value --seed $hot --clients $clients $*" >&7
	while read -r line <&8; do
		case $line in
		'{'*) echo "$line" ;;
		done)	return ;;
		*)	fail "the guest says: $line" ;;
		esac
	done
}

# After setup_system; to $server. Firmware and the kernel's loader come with QEMU.
start_redis()
{
	local m line

	for m in /modules/*.ko; do
		insmod "$m" || fail "can't load $m"
	done
	wait_for /dev/kvm "KVM"
	mkfifo /port.in /port.out
	exec 7<>/port.in 8<>/port.out
	# shellcheck disable=SC2086	# policy is words, perhaps none
	within -g $CGROUP -c $SERVER_CPU $policy -- \
		qemu-system-x86_64 -nodefaults -no-user-config -display none -L /firmware \
		-accel kvm -cpu host -machine q35,memory-backend=mem -smp 1 -m "$memory_mb" \
		-object "memory-backend-ram,id=mem,size=${memory_mb}M" \
		-kernel /guest/vmlinuz -initrd /guest/initramfs \
		-append "console=ttyS0 quiet panic=-1 nokaslr norandmaps mitigations=off no_timer_check tsc=reliable cryptomgr.notests initcall_blacklist=jent_mod_init random.trust_cpu=on swiotlb=noforce rootfstype=ramfs transparent_hugepage=never" \
		-no-reboot -serial file:/guest/console -chardev pipe,id=port,path=/port \
		-serial chardev:port >/qemu.log 2>&1 3>&- 7>&- 8>&- &
	server=$!
	read -r line <&8
	[ "$line" = ready ] || fail "the guest says: $line"
}
