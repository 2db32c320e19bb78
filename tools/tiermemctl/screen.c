// SPDX-License-Identifier: GPL-2.0
/* What top shows on a terminal. */
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ncurses.h>

#include "node.h"
#include "root.h"
#include "screen.h"
#include "share.h"
#include "size.h"
#include "verb.h"

/* Lines above the groups, without that of the pool, and below. */
#define HEAD_LINES	3
#define FOOT_LINES	1

struct screen {
	struct top *top;
	struct groups now;
	struct groups before;
	struct nodes nodes;
	struct shares shares;
	struct group totals;		/* the root cgroup's */
	double promote_rate;
	double demote_rate;
	int scrolled;			/* groups above the first that is shown */
};

static int head_lines(const struct screen *s)
{
	return HEAD_LINES + s->shares.any;
}

static enum view_column end_column(const struct screen *s)
{
	return s->shares.any ? VIEW_COLUMNS : VIEW_NO_POOL;
}

static void take_over(struct screen *s)
{
	struct group old = s->totals;
	double seconds = s->before.at_s ? s->now.at_s - s->before.at_s : 0;

	if (group_read(&s->totals, "/"))
		memset(&s->totals, 0, sizeof(s->totals));
	s->promote_rate = 0;
	s->demote_rate = 0;
	if (old.cgroup && s->totals.cgroup && seconds > 0) {
		struct groups now = { .group = &s->totals, .n = 1, .at_s = s->now.at_s };
		struct groups before = { .group = &old, .n = 1, .at_s = s->before.at_s };

		groups_rates(&now, &before);
		s->promote_rate = s->totals.promote_rate;
		s->demote_rate = s->totals.demote_rate;
	}
	group_free(&old);
}

static void look(struct screen *s)
{
	groups_free(&s->before);
	s->before = s->now;
	groups_read(&s->now, s->top->all);
	if (s->before.at_s)
		groups_rates(&s->now, &s->before);
	shares_free(&s->shares);
	shares_read(&s->shares, &s->now);
	nodes_free(&s->nodes);
	nodes_read(&s->nodes);
	take_over(s);
}

static void draw_head(const struct screen *s)
{
	char size[4][SIZE_CHARS], stamp[16];
	char *state = root_line("sys/kernel/tiermem/state");
	char *version = root_line("sys/kernel/tiermem/version");
	char *pool = shares_text(&s->shares);
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%H:%M:%S", localtime_r(&now, &tm));
	mvprintw(0, 0, "tiermem %s %s   DRAM %s free of %s   slow %s free of %s", version ?: "",
		 state ?: "", size_text(nodes_free_size(&s->nodes, false), size[0]),
		 size_text(nodes_size(&s->nodes, false), size[1]),
		 size_text(nodes_free_size(&s->nodes, true), size[2]),
		 size_text(nodes_size(&s->nodes, true), size[3]));
	mvprintw(1, 0, "%zu groups, every %g s   promoted %s/s   demoted %s/s%s", s->now.n,
		 s->top->interval_s, size_text(s->promote_rate, size[0]),
		 size_text(s->demote_rate, size[1]),
		 s->now.incomplete ? "   some can't be read" : "");
	mvprintw(1, COLS - (int)strlen(stamp), "%s", stamp);
	if (pool)
		mvaddstr(2, 0, pool);
	free(pool);
	free(state);
	free(version);
}

/* The titles, with the one that is sorted by in another video mode. */
static void draw_titles(const struct screen *s, int name_width)
{
	enum view_column by = s->top->by;
	char *titles = view_header(name_width, end_column(s));
	int row = head_lines(s) - 1;
	int at = by == BY_NAME ? 0 : name_width + (by - 1) * VIEW_NUMBER_WIDTH;
	int width = by == BY_NAME ? (int)strlen(view_titles[by].text) : VIEW_NUMBER_WIDTH;

	attron(A_REVERSE);
	mvaddstr(row, 0, titles);
	attroff(A_REVERSE);
	mvchgat(row, at, width, A_BOLD | A_UNDERLINE, 0, NULL);
	free(titles);
}

static void draw_groups(struct screen *s, int name_width)
{
	int head = head_lines(s), room = LINES - head - FOOT_LINES, i;
	int most = (int)s->now.n - room;

	if (s->scrolled > most)
		s->scrolled = most;
	if (s->scrolled < 0)
		s->scrolled = 0;
	for (i = 0; i < room && i + s->scrolled < (int)s->now.n; i++) {
		const struct group *g = &s->now.group[i + s->scrolled];
		char *text = view_line(g, name_width, end_column(s));

		if (group_stat(g, "over_quota_bytes"))
			attron(A_BOLD);
		mvaddnstr(head + i, 0, text, -1);
		attroff(A_BOLD);
		free(text);
	}
	if (!s->now.n)
		mvaddstr(head + 1, 0, "No group has a quota. a: show all groups");
}

static void draw(struct screen *s)
{
	int name_width = view_name_width(COLS, end_column(s));

	/* The pool may be gone, and its column. */
	if (s->top->by >= end_column(s))
		s->top->by = BY_DRAM;
	view_sort(&s->now, s->top->by, s->top->reverse);
	erase();
	draw_head(s);
	draw_titles(s, name_width);
	draw_groups(s, name_width);
	mvaddnstr(LINES - 1, 0,
		  "q quit  sort: n d m s o p e u < >  r reverse  a all  + - interval  arrows move",
		  COLS - 1);
	refresh();
}

static void change_interval(struct top *top, double factor)
{
	top->interval_s *= factor;
	if (top->interval_s < MIN_INTERVAL_S)
		top->interval_s = MIN_INTERVAL_S;
	if (top->interval_s > MAX_INTERVAL_S)
		top->interval_s = MAX_INTERVAL_S;
}

static void sort_by_key(struct top *top, int key)
{
	enum view_column i;

	for (i = 0; i < VIEW_COLUMNS; i++)
		if (view_titles[i].key == key)
			top->by = i;
}

/* Return: whether to go on. @again: look at the groups now. */
static bool handle_key(struct screen *s, int key, bool *again)
{
	struct top *top = s->top;

	switch (key) {
	case 'q':
		return false;
	case '<':
	case KEY_LEFT:
		top->by = top->by ? top->by - 1 : end_column(s) - 1;
		break;
	case '>':
	case KEY_RIGHT:
		top->by = (top->by + 1) % end_column(s);
		break;
	case 'r':
		top->reverse = !top->reverse;
		break;
	case 'a':
		top->all = !top->all;
		*again = true;
		break;
	case ' ':
		*again = true;
		break;
	case '+':
		change_interval(top, 2);
		break;
	case '-':
		change_interval(top, 0.5);
		break;
	case KEY_UP:
		s->scrolled--;
		break;
	case KEY_DOWN:
		s->scrolled++;
		break;
	case KEY_PPAGE:
		s->scrolled -= LINES - head_lines(s) - FOOT_LINES;
		break;
	case KEY_NPAGE:
		s->scrolled += LINES - head_lines(s) - FOOT_LINES;
		break;
	case KEY_HOME:
		s->scrolled = 0;
		break;
	default:
		sort_by_key(top, key);
	}
	return true;
}

static void loop(struct screen *s)
{
	bool again = true, on = true;
	int key;

	while (on && module_loaded()) {
		double left_s;

		if (again)
			look(s);
		again = false;
		draw(s);
		left_s = s->now.at_s + s->top->interval_s - now_s();
		timeout(left_s > 0 ? left_s * 1000 + 1 : 0);
		key = getch();
		if (key == ERR)
			again = now_s() >= s->now.at_s + s->top->interval_s;
		else
			on = handle_key(s, key, &again);
	}
}

int screen_run(struct top *top)
{
	struct screen s = { .top = top };
	/* Messages would be drawn over: the head says that there were some. */
	int messages = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	SCREEN *terminal = newterm(NULL, stdout, stdin);

	if (!terminal)
		errx(EXIT_FAILURE, "this terminal is unknown (TERM=%s): use --batch",
		     getenv("TERM") ?: "");
	if (messages < 0 || nowhere < 0) {
		endwin();
		errx(EXIT_FAILURE, "no file descriptors are left");
	}
	dup2(nowhere, STDERR_FILENO);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	loop(&s);
	endwin();
	delscreen(terminal);
	dup2(messages, STDERR_FILENO);
	close(messages);
	close(nowhere);
	groups_free(&s.now);
	groups_free(&s.before);
	group_free(&s.totals);
	nodes_free(&s.nodes);
	shares_free(&s.shares);
	module_needed();
	return EXIT_SUCCESS;
}
