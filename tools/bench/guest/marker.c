// SPDX-License-Identifier: GPL-2.0
/* mark: what tiersim.h offers, for shell scripts. */
#include "args.h"
#include "tiersim.h"

enum { OPT_ZERO = 256, OPT_ON, OPT_OFF };

static const struct argp_option options[] = {
	{ "zero", OPT_ZERO, NULL, 0, "Forget the accesses counted so far", 0 },
	{ "pages-on", OPT_ON, NULL, 0, "Count the accesses to each page from here on", 0 },
	{ "pages-off", OPT_OFF, NULL, 0, "Count none from here on", 0 },
	{ 0 }
};

struct request {
	bool zero, on, off, mark;
	unsigned int label;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *r = state->input;

	switch (key) {
	case OPT_ZERO:
		r->zero = true;
		break;
	case OPT_ON:
		r->on = true;
		break;
	case OPT_OFF:
		r->off = true;
		break;
	case ARGP_KEY_ARG:
		if (r->mark)
			argp_error(state, "one mark at a time");
		r->label = (unsigned int)arg_uint(state, "mark", arg, 0, 65535);
		r->mark = true;
		break;
	case ARGP_KEY_END:
		if (!r->mark && !r->zero && !r->on && !r->off)
			argp_error(state, "nothing to do");
		if (r->on && r->off)
			argp_error(state, "either on or off");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[N]",
		.doc = "Tells the simulator to write down its counters under the label N.",
	};
	struct request r = { 0 };

	argp_parse(&argp, argc, argv, 0, NULL, &r);
	if (r.off)
		tiersim_pages_off();
	if (r.zero)
		tiersim_pages_zero();
	if (r.mark)
		tiersim_mark(r.label);
	if (r.on)
		tiersim_pages_on();
	return 0;
}
