/* SPDX-License-Identifier: GPL-2.0 */
/* Metrics, as monitoring has them: names, labels, values. */
#ifndef TIERMEMCTL_METRIC_H
#define TIERMEMCTL_METRIC_H

#include <json-c/json.h>
#include <stdbool.h>

/**
 * metrics_read() - all that there is to be monitored
 * @all: also of groups without a quota and without slow memory
 * @complete: false if something could not be read, after a message
 *
 * Return: an array of { name, type, help, labels, value }, ordered by name.
 */
struct json_object *metrics_read(bool all, bool *complete);

#endif
