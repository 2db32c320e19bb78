// SPDX-License-Identifier: GPL-2.0
/* Names of cgroups, which may hold any byte, where they are printed. */
#include <err.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "root.h"
#include "text.h"

/* A replacement makes four bytes of one at most. */
static char *room_for(const char *name)
{
	char *room = malloc(4 * strlen(name) + 1);

	if (!room)
		errx(EXIT_FAILURE, "out of memory");
	return room;
}

/* Bytes of the character at @at in the locale that is in use; 0 if that is none. */
static size_t character(const char *at, wchar_t *c)
{
	mbstate_t state = { 0 };
	size_t bytes = mbrtowc(c, at, strlen(at), &state);

	return bytes == (size_t)-1 || bytes == (size_t)-2 ? 0 : bytes;
}

char *text_printable(const char *name)
{
	char *text = room_for(name), *to = text;
	wchar_t c;

	while (*name) {
		size_t bytes = character(name, &c);

		if (bytes && iswprint(c)) {
			to = mempcpy(to, name, bytes);
		} else {
			bytes = 1;
			to += sprintf(to, "\\%03o", (unsigned char)*name);
		}
		name += bytes;
	}
	*to = '\0';
	return text;
}

char *text_utf8(const char *name)
{
	static locale_t utf8;
	char *text = room_for(name), *to = text;
	locale_t before;
	wchar_t c;

	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	if (!utf8)
		errx(EXIT_FAILURE, "the C library has no locale C.UTF-8");
	before = uselocale(utf8);
	while (*name) {
		size_t bytes = character(name, &c);

		to = bytes ? mempcpy(to, name, bytes) : stpcpy(to, "\xef\xbf\xbd");
		name += bytes ?: 1;
	}
	uselocale(before);
	*to = '\0';
	return text;
}

char *text_label(const char *name)
{
	char *utf8 = text_utf8(name), *text = room_for(utf8), *to = text;
	const char *at;

	for (at = utf8; *at; at++) {
		if (*at == '\\' || *at == '"' || *at == '\n')
			*to++ = '\\';
		*to++ = *at == '\n' ? 'n' : *at;
	}
	*to = '\0';
	free(utf8);
	return text;
}

int text_width(const char *name)
{
	int columns = 0;
	wchar_t c;

	while (*name) {
		size_t bytes = character(name, &c);
		int width = bytes ? wcwidth(c) : 1;

		columns += width > 0 ? width : 0;
		name += bytes ?: 1;
	}
	return columns;
}

char *text_fit(const char *name, int columns)
{
	const char *ellipsis = MB_CUR_MAX > 1 ? "\xe2\x80\xa6" : ">";
	int width = text_width(name);
	wchar_t c;

	if (!columns || width == columns)
		return format_text("%s", name);
	if (width < columns)
		return format_text("%s%*s", name, columns - width, "");
	/* The end says more: /machine.slice/... is what all of them begin with. */
	while (*name && text_width(name) > columns - 1)
		name += character(name, &c) ?: 1;
	return format_text("%s%s%*s", ellipsis, name, columns - 1 - text_width(name), "");
}
