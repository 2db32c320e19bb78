/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/tiermem: what tiermem's files do, for programs, and where the memory of a
 * process is.
 *
 * Each request takes a pointer to a struct that begins with its size, as the
 * caller knows it. A kernel that knows more takes what is missing for 0; one
 * that knows less refuses what it doesn't know and isn't 0 (E2BIG). `flags` and
 * whatever is called reserved must be 0. Sizes are in bytes.
 *
 *	struct tiermem_info info = { .size = sizeof(info) };
 *	ioctl(fd, TIERMEM_INFO, &info);
 */
#ifndef _UAPI_LINUX_TIERMEM_H
#define _UAPI_LINUX_TIERMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TIERMEM_IOC		0xD7

/* The size is in the struct, so it isn't part of the request's number. */
#define TIERMEM_INFO		_IO(TIERMEM_IOC, 0x00)
#define TIERMEM_GROUP_GET	_IO(TIERMEM_IOC, 0x01)
#define TIERMEM_GROUP_SET	_IO(TIERMEM_IOC, 0x02)
#define TIERMEM_HEATMAP		_IO(TIERMEM_IOC, 0x03)

/* A quota, or a pool, of "max": none. */
#define TIERMEM_MAX		(~(__u64)0)

/* Levels of heat are 0 (idle) to TIERMEM_HEAT_LEVELS - 1 (accessed in every window). */
#define TIERMEM_HEAT_LEVELS	32
#define TIERMEM_HEAT_UNKNOWN	0xffffffffU

#define TIERMEM_POLICY_FAIR		0
#define TIERMEM_POLICY_THROUGHPUT	1

/**
 * struct tiermem_info - the module and its settings
 * @size: of this struct
 * @flags: 0
 * @version: out: ends with a NUL
 * @dram_pool: out: see /sys/kernel/tiermem/dram_pool, or %TIERMEM_MAX
 * @pool_policy: out: %TIERMEM_POLICY_...
 * @cpu_budget_percent: out
 * @migrate_mbps: out
 * @page_bytes: out: what sizes are rounded down to
 */
struct tiermem_info {
	__u32 size;
	__u32 flags;
	char version[32];
	__u64 dram_pool;
	__u32 pool_policy;
	__u32 cpu_budget_percent;
	__u32 migrate_mbps;
	__u32 page_bytes;
};

/* For tiermem_group::set: what is to be changed. */
#define TIERMEM_SET_DRAM_MAX	0x01
#define TIERMEM_SET_DRAM_MIN	0x02
#define TIERMEM_SET_DRAM_WEIGHT	0x04

/* TIERMEM_GROUP_SET: don't wait until pages have moved. */
#define TIERMEM_GROUP_NO_WAIT	0x01
/* Of a process, by @pid. It has a dram_max and nothing else to set. */
#define TIERMEM_GROUP_PID	0x02
/* With it, TIERMEM_GROUP_GET: of the process with a quota and the next larger number. */
#define TIERMEM_GROUP_NEXT	0x04

/**
 * struct tiermem_group - a group
 * @size: of this struct
 * @flags: %TIERMEM_GROUP_...
 * @cgroup_fd: a file descriptor of the cgroup's directory; 0 with %TIERMEM_GROUP_PID
 * @set: %TIERMEM_SET_..., of TIERMEM_GROUP_SET; else 0
 * @dram_max: in and out, see tiermem.dram_max, or %TIERMEM_MAX
 * @dram_min: in and out
 * @dram_weight: in and out; 0 to set means the default
 * @pid: with %TIERMEM_GROUP_PID: the process, in the caller's PID namespace. With
 *	%TIERMEM_GROUP_NEXT in: any number, out: the process. Else 0
 * @dram_effective: out, or %TIERMEM_MAX
 * @dram_current: out
 * @slow_current: out
 * @hot_in_slow: out, see tiermem.stat
 * @cold_in_dram: out
 *
 * The quota of a process is for what its page tables map and nobody else's. It ends
 * with the address space, by exit or exec, or with a dram_max of %TIERMEM_MAX; children
 * have none. Pages stay charged to the cgroup, whose quotas hold as well.
 *
 * TIERMEM_GROUP_SET changes all that @set says, or nothing: what is wrong is found
 * before. Afterwards, all that is `out` tells how the group is then.
 */
struct tiermem_group {
	__u32 size;
	__u32 flags;
	__s32 cgroup_fd;
	__u32 set;
	__u64 dram_max;
	__u64 dram_min;
	__u32 dram_weight;
	__s32 pid;
	__u64 dram_effective;
	__u64 dram_current;
	__u64 slow_current;
	__u64 hot_in_slow;
	__u64 cold_in_dram;
};

/**
 * struct tiermem_range - a piece of an address space
 * @start: address
 * @dram_bytes: what of it is in DRAM
 * @slow_bytes: and on slow nodes
 * @heat: mean level of the pages whose heat is known, or %TIERMEM_HEAT_UNKNOWN
 * @reserved: 0
 */
struct tiermem_range {
	__u64 start;
	__u64 dram_bytes;
	__u64 slow_bytes;
	__u32 heat;
	__u32 reserved;
};

/* The most ranges that one request fills in. */
#define TIERMEM_RANGES_MAX	65536

/**
 * struct tiermem_heatmap - where the memory of a process is, and how hot
 * @size: of this struct
 * @flags: 0
 * @pid: of the process, in the caller's PID namespace
 * @nr: in: how many ranges there is room for, 1 to %TIERMEM_RANGES_MAX; out: how many
 *	were filled in
 * @start: in: address to begin with; out: address to go on from, @end if there is
 *	nothing left
 * @end: address to end before
 * @step: length of the ranges: a power of two, and at least a page
 * @ranges: address of an array of struct tiermem_range. Ranges without memory are
 *	left out
 *
 * What is in hugetlb pages, device memory or not present is left out.
 */
struct tiermem_heatmap {
	__u32 size;
	__u32 flags;
	__s32 pid;
	__u32 nr;
	__u64 start;
	__u64 end;
	__u64 step;
	__u64 ranges;
};

#endif /* _UAPI_LINUX_TIERMEM_H */
