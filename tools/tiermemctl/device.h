/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/tiermem. */
#ifndef TIERMEMCTL_DEVICE_H
#define TIERMEMCTL_DEVICE_H

/* A descriptor; ends the program, with a message, if the module can't be asked. */
int device_open(void);

/* The same, or -1. */
int device_try(void);

/*
 * A message: a request about a process was refused. Ends the program if that would be so
 * with any process.
 */
void device_refused(int pid, int error);

#endif
