/* SPDX-License-Identifier: GPL-2.0 */
/* What the requests of /dev/tiermem share. */
#ifndef TM_CTL_H
#define TM_CTL_H

#include "../uapi/linux/tiermem.h"
#include "tiermem.h"

int tm_ranges(struct tiermem_heatmap *h);

#endif /* TM_CTL_H */
