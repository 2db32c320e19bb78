/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stand-in for the kernel's header. Linux 6.1 refuses operands of different
 * types, so this does too: else a careless min() would only show when the
 * module itself is built.
 */
#ifndef TM_STUB_MINMAX_H
#define TM_STUB_MINMAX_H

/* As the kernel does it: pointers to different types don't compare. */
#define tm_stub_same_type(a, b)	\
	((void)sizeof((__typeof__(a) *)1 == (__typeof__(b) *)1))

#define min(a, b) ({				\
	__typeof__(a) _a = (a);			\
	__typeof__(b) _b = (b);			\
	tm_stub_same_type(_a, _b);		\
	_a < _b ? _a : _b;			\
})

#define max(a, b) ({				\
	__typeof__(a) _a = (a);			\
	__typeof__(b) _b = (b);			\
	tm_stub_same_type(_a, _b);		\
	_a > _b ? _a : _b;			\
})

#endif /* TM_STUB_MINMAX_H */
