// SPDX-License-Identifier: GPL-2.0
/* Workers: see tm_work.h. */
#include "tm_internal.h"
#include "tm_work.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#ifndef OVERLAYFS_SUPER_MAGIC
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#endif
#ifndef V9FS_MAGIC
#define V9FS_MAGIC 0x01021997
#endif

const char * const tm_kind_name[TM_KINDS] = {
	[TM_ANON4K] = "anon4k",
	[TM_THP] = "thp",
	[TM_SHMEM] = "shmem",
	[TM_MEMFD] = "memfd",
	[TM_FILE_WRITE] = "filewrite",
	[TM_FILE_READ] = "fileread",
	[TM_FILE_MAP] = "filemap",
	[TM_FORK] = "fork",
};

int tm_kind_by_name(const char *name)
{
	int i;

	for (i = 0; i < TM_KINDS; i++) {
		if (!strcmp(name, tm_kind_name[i]))
			return i;
	}
	return -EINVAL;
}

bool tm_kind_needs_file(enum tm_kind kind)
{
	return kind == TM_FILE_WRITE || kind == TM_FILE_READ || kind == TM_FILE_MAP;
}

void tm_worker(struct tm_child *w, const struct tm_cg *cg)
{
	tm_spawn(w, cg, tm_worker_main, NULL);
	if (tm_expect(w, "READY", tm_ms(TM_HANG_MS)))
		tm_die("the worker did not start");
}

void tm_alloc_begin(struct tm_child *w, enum tm_kind kind, size_t len, const char *path,
		    struct tm_region *r)
{
	*r = (struct tm_region){ .id = -1, .kind = kind, .len = len };
	tm_tell(w, "alloc %u %zu %s", kind, len, path ? path : "");
}

int tm_alloc_end(struct tm_child *w, struct tm_region *r)
{
	char line[128];
	unsigned long long addr;
	long long id;
	int n = tm_hear(w, line, sizeof(line), tm_ms(TM_HANG_MS));

	if (n < 0)
		return n;
	n = sscanf(line, "OK %lld %llu", &id, &addr);
	if (n == 1)
		return id;	/* -errno */
	if (n != 2)
		return -EPROTO;
	r->id = id;
	r->addr = (char *)(uintptr_t)addr;
	if (r->kind == TM_FORK)
		r->len /= 2;
	return 0;
}

int tm_alloc(struct tm_child *w, enum tm_kind kind, size_t len, const char *path,
	     struct tm_region *r)
{
	tm_alloc_begin(w, kind, len, path, r);
	return tm_alloc_end(w, r);
}

static int64_t command(struct tm_child *w, const char *fmt, ...)
{
	char cmd[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return tm_ask(w, cmd, tm_ms(TM_HANG_MS));
}

int tm_free(struct tm_child *w, const struct tm_region *r)
{
	return command(w, "free %d", r->id);
}

int tm_mlock(struct tm_child *w, const struct tm_region *r)
{
	return command(w, "mlock %d", r->id);
}

int tm_busy(struct tm_child *w, enum tm_busy how, const struct tm_region *r, size_t off, size_t len)
{
	return command(w, "busy %d %d %zu %zu", how, r->id, off, len);
}

int64_t tm_idle(struct tm_child *w)
{
	return command(w, "idle");
}

int64_t tm_passes(struct tm_child *w)
{
	return command(w, "passes");
}

int64_t tm_check_all(struct tm_child *w)
{
	return command(w, "check");
}

int64_t tm_longest_stall_ms(struct tm_child *w)
{
	return command(w, "stall");
}

int tm_quit(struct tm_child *w)
{
	tm_tell(w, "quit");
	return tm_reap(w, tm_ms(TM_HANG_MS));
}

static bool in_memory(const char *dir)
{
	struct statfs fs;

	if (statfs(dir, &fs))
		return true;
	switch (fs.f_type) {
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:	/* in a test VM over tmpfs */
	case V9FS_MAGIC:
		return true;
	}
	return false;
}

static void umount_at_exit(void *arg)
{
	char *dir = arg;

	if (umount2(dir, 0) && umount2(dir, MNT_DETACH))
		tm_diag("umount %s: %s", dir, strerror(errno));
	rmdir(dir);
	free(dir);
}

static const char *mount_disk(const char *disk)
{
	char dir[] = "/tmp/tiermem-disk-XXXXXX", cmd[256];
	char *copy;

	if (access(disk, F_OK) && system("modprobe -q virtio_blk"))
		return NULL;
	snprintf(cmd, sizeof(cmd),
		 "mkfs.ext4 -q -F -J size=8 -E lazy_itable_init=0,lazy_journal_init=0 %s", disk);
	if (system(cmd)) {
		tm_diag("can't format %s", disk);
		return NULL;
	}
	if (!mkdtemp(dir))
		return NULL;
	/* mount(8) would load the file system's module, too, but so does mount(2). */
	if (mount(disk, dir, "ext4", MS_NOATIME, NULL)) {
		tm_diag("mount %s: %s", disk, strerror(errno));
		rmdir(dir);
		return NULL;
	}
	copy = strdup(dir);
	tm_at_exit(umount_at_exit, copy);
	return copy;
}

const char *tm_disk_dir(void)
{
	static const char *dir;

	if (dir)
		return dir;
	dir = getenv("TM_DIR");
	if (!dir && getenv("TM_DISK"))
		dir = mount_disk(getenv("TM_DISK"));
	if (!dir && !in_memory("/var/tmp"))
		dir = "/var/tmp";
	return dir;
}

int tm_make_file(const char *path, size_t len)
{
	size_t page = tm_page_size(), off, i;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *buf = mmap(NULL, TM_MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc = 0;

	if (fd < 0 || buf == MAP_FAILED)
		return -errno;
	/* O_DIRECT where the file system can: then nothing was ever cached. */
	if (fcntl(fd, F_SETFL, O_DIRECT))
		tm_diag("%s: no O_DIRECT", path);
	for (off = 0; off < len && !rc; off += TM_MIB) {
		for (i = 0; i < TM_MIB / page; i++)
			tm_fill_page(buf + i * page, TM_FILE_SEED, off / page + i);
		if (pwrite(fd, buf, TM_MIB, off) != (ssize_t)TM_MIB)
			rc = errno ? -errno : -EIO;
	}
	if (!rc && (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)))
		rc = -EIO;
	munmap(buf, TM_MIB);
	close(fd);
	return rc;
}
