// SPDX-License-Identifier: GPL-2.0
/* A mark in the kernel, for test_tiersim.sh. */
#include <linux/module.h>

#include "tiersim.h"

static int __init mark_module_init(void)
{
	tiersim_mark(200);
	return 0;
}
module_init(mark_module_init);

static void __exit mark_module_exit(void)
{
}
module_exit(mark_module_exit);

MODULE_DESCRIPTION("tiersim: a mark of the kernel's");
MODULE_LICENSE("GPL");
