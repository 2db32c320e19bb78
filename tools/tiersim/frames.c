// SPDX-License-Identifier: GPL-2.0
/*
 * Counts accesses by guest-physical page in a file that is mapped shared.
 *
 * The host can read it at any time. So can the guest, if the same file is the
 * memory of an ivshmem-plain device: with /proc/PID/pagemap a program in there
 * knows what each of its pages was worth, which no real machine can tell it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "node.h"
#include "qemu.h"

enum frames_mode frames_mode;
uint32_t *frames;

static enum frames_mode wanted;
static uint64_t size_bytes;

bool frames_install(const char *path, uint64_t end, enum frames_mode mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;

	size_bytes = (end >> PAGE_SHIFT) * sizeof(*frames);
	if (fd < 0 || fstat(fd, &st))
		goto bad;
	/* A memory backend has its size already, which a BAR needs to be a power of two. */
	if (st.st_size < (off_t)size_bytes && ftruncate(fd, size_bytes))
		goto bad;
	frames = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (frames == MAP_FAILED)
		goto bad;
	close(fd);
	wanted = mode;
	frames_mode = mode;
	frames_clear();
	return true;
bad:
	qemu_complain("pages=%s: %s", path, strerror(errno));
	return false;
}

void frames_clear(void)
{
	if (frames)
		memset(frames, 0, size_bytes);
}

void frames_switch(bool on)
{
	frames_mode = on ? wanted : FRAMES_OFF;
}
