/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of this library share and tests don't need. */
#ifndef TM_INTERNAL_H
#define TM_INTERNAL_H

#include "tm_test.h"

extern pid_t tm_main_pid;	/* of the test program itself, set by tm_init() */

ssize_t tm_read_fd(int fd, char *buf, size_t size);	/* from offset 0: as tm_read() */
uint64_t tm_numa_sum(char *text, tm_nodes_t nodes);	/* of a memory.numa_stat; cuts it up */

/* How a placement is found out: tm_page_nodes() or tm_where_pages(). */
typedef int (*tm_nodes_reader)(pid_t pid, const void *addr, size_t len, signed char *node);
int tm_count_nodes(tm_nodes_reader read, pid_t pid, const void *addr, size_t len,
		   struct tm_placement *p);

int tm_worker_main(struct tm_child *self, void *arg);	/* of tm_worker()'s child */

#endif /* TM_INTERNAL_H */
