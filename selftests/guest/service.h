/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

/* Is a service part of this guest? */
bool service_there(void);

/* Starts it and stays with it: a thread. */
void *service_run(void *unused);

#endif /* SERVICE_H */
