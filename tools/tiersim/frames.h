/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The truth about pages: how often each guest-physical page was accessed.
 */
#ifndef TIERSIM_FRAMES_H
#define TIERSIM_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

enum frames_mode {
	FRAMES_OFF,
	FRAMES_MISS,	/* what reached memory */
	FRAMES_ACCESS,	/* every access */
};

/* What is counted at the moment; the counters, one for each page. */
extern enum frames_mode frames_mode;
extern uint32_t *frames;

/**
 * frames_install() - count in a file
 * @path: is created or cleared, and gets 4 bytes for each page up to @end
 * @end: first guest-physical address that is not counted
 * @mode: what to count when counting is on; it is from the beginning
 *
 * Return: false after a message.
 */
bool frames_install(const char *path, uint64_t end, enum frames_mode mode);

void frames_clear(void);
void frames_switch(bool on);

static inline void frames_count(uint32_t frame, enum frames_mode what)
{
	if (frames_mode == what && frames[frame] != UINT32_MAX)
		frames[frame]++;
}

#endif
