/*
 * tree_size_svg.c - a squarified treemap. See tree_size.h.
 *
 * Rows are filled along the shorter side of what is left as long as that makes
 * the worst rectangle of the row squarer (Bruls, Huizing, van Wijk 2000).
 */
#include "tree_size.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1200
#define HEIGHT 800
#define HEAD 24 /* pixels for the name of a directory */
#define DEPTH_MAX 6U
#define SMALL 24.0 /* pixels: nothing is drawn inside a smaller one */

struct rect {
	double x;
	double y;
	double width;
	double height;
};

/**
 * struct part - what is directly in a directory
 * @from:  first entry, @to: behind the last one
 * @len:   of its path
 * @files: are there files below it, is it a directory?
 */
struct part {
	size_t from;
	size_t to;
	size_t len;
	bool is_dir;
	uint64_t bytes;
};

/**
 * struct map - what is drawn
 * @before: bytes of all entries before an index
 */
struct map {
	const struct tree *tree;
	uint64_t *before;
	struct sink *sink;
};

static int put(struct map *map, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int put(struct map *map, struct err *err, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		return err_set(err, -ENOMEM, "SVG");
	}
	return sink_write(map->sink, text, (size_t)n, err);
}

/* As XML text; what is not printable ASCII becomes "?". */
static int put_text(struct map *map, const char *text, size_t len,
		    struct err *err)
{
	static const char *const names[] = {['<'] = "&lt;",
					    ['>'] = "&gt;",
					    ['&'] = "&amp;",
					    ['"'] = "&quot;"};
	int rc = 0;

	for (size_t i = 0; i < len && !rc; i++) {
		unsigned char c = (unsigned char)text[i];
		const char *name = c < ARRAY_SIZE(names) ? names[c] : NULL;

		if (name)
			rc = sink_write(map->sink, name, strlen(name), err);
		else
			rc = sink_write(map->sink,
					c < ' ' || c > '~' ? "?" : &text[i], 1,
					err);
	}
	return rc;
}

static int by_bytes(const void *a, const void *b)
{
	const struct part *left = a;
	const struct part *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return left->from < right->from ? -1 : 1;
}

/* The parts of @dir that have bytes. All below a directory lies together. */
static size_t split(const struct map *map, const struct part *dir,
		    struct part *parts)
{
	size_t skip = dir->len ? dir->len + 1 : 0;
	size_t num = 0;

	for (size_t i = dir->from; i < dir->to;) {
		const char *path = tree_at(map->tree, i)->path;
		size_t len =
			skip + strcspn(path + MIN(skip, strlen(path)), "/");
		struct part part = {.from = i, .to = i + 1, .len = len};

		part.is_dir = strlen(path) > len;
		while (part.is_dir && part.to < dir->to &&
		       strncmp(tree_at(map->tree, part.to)->path, path,
			       len + 1) == 0)
			part.to++;
		part.bytes = map->before[part.to] - map->before[part.from];
		if (part.bytes)
			parts[num++] = part;
		i = part.to;
	}
	qsort(parts, num, sizeof(*parts), by_bytes);
	return num;
}

static int draw(struct map *map, const struct part *part, struct rect rect,
		unsigned int depth, struct err *err);

static int draw_one(struct map *map, const struct part *part, struct rect rect,
		    unsigned int depth, struct err *err)
{
	const char *path = tree_at(map->tree, part->from)->path;
	size_t top = strcspn(path, "/");
	unsigned int hue = 0;
	size_t name = part->len;
	int rc;

	for (size_t i = 0; i < top; i++)
		hue = hue * 31 + (unsigned char)path[i];
	while (name && path[name - 1] != '/')
		name--;
	rc = put(map, err,
		 "<g><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
		 "height=\"%.1f\" fill=\"hsl(%u,45%%,%u%%)\"/><title>/",
		 rect.x, rect.y, rect.width, rect.height, hue % 360,
		 60 + 5 * depth);
	if (!rc)
		rc = put_text(map, path, part->len, err);
	if (!rc)
		rc = put(map, err, "%s: %.1f KiB</title>",
			 part->is_dir ? "/" : "", (double)part->bytes / 1024);
	if (!rc && rect.height >= HEAD / 2.0 &&
	    rect.width >= 7.0 * (double)(part->len - name)) {
		rc = put(map, err, "<text x=\"%.1f\" y=\"%.1f\">", rect.x + 3,
			 rect.y + 12);
		if (!rc)
			rc = put_text(map, path + name, part->len - name, err);
		if (!rc)
			rc = put(map, err, "</text>");
	}
	if (!rc)
		rc = put(map, err, "</g>\n");
	if (rc || !part->is_dir || depth >= DEPTH_MAX)
		return rc;
	rect = (struct rect){rect.x + 2, rect.y + HEAD / 1.5, rect.width - 4,
			     rect.height - HEAD / 1.5 - 2};
	if (rect.width < SMALL || rect.height < SMALL)
		return 0;
	return draw(map, part, rect, depth + 1, err);
}

/* The worst ratio of sides when @bytes of a row of @num parts, the largest and
 * smallest given, lie along a side of @side pixels. */
static double worst(double side, double area, double largest, double smallest)
{
	double thick = area / side;

	return MAX(largest / thick / thick, thick * thick / smallest);
}

/* As many parts as make a good row. @scale: pixels of area per byte. */
static size_t row_length(const struct part *parts, size_t num, double side,
			 double scale, double *area)
{
	double best = 0;
	size_t used = 0;

	*area = 0;
	while (used < num) {
		double more = *area + (double)parts[used].bytes * scale;
		double ratio = worst(side, more, (double)parts[0].bytes * scale,
				     (double)parts[used].bytes * scale);

		if (used && ratio > best)
			break;
		best = ratio;
		*area = more;
		used++;
	}
	return used;
}

static int draw_row(struct map *map, const struct part *parts, size_t num,
		    struct rect *rest, double scale, double area,
		    unsigned int depth, struct err *err)
{
	bool upright = rest->width >= rest->height;
	double side = upright ? rest->height : rest->width;
	double thick = area / side;
	double at = 0;
	int rc = 0;

	for (size_t i = 0; i < num && !rc; i++) {
		double len = (double)parts[i].bytes * scale / thick;
		struct rect rect = {rest->x, rest->y + at, thick, len};

		if (!upright)
			rect = (struct rect){rest->x + at, rest->y, len, thick};
		if (rect.width >= 1 && rect.height >= 1)
			rc = draw_one(map, &parts[i], rect, depth, err);
		at += len;
	}
	if (upright) {
		rest->x += thick;
		rest->width -= thick;
	} else {
		rest->y += thick;
		rest->height -= thick;
	}
	return rc;
}

static int draw(struct map *map, const struct part *part, struct rect rect,
		unsigned int depth, struct err *err)
{
	AUTO_FREE struct part *parts =
		calloc(part->to - part->from + 1, sizeof(*parts));
	double scale = rect.width * rect.height / (double)part->bytes;
	size_t done = 0;
	size_t num;
	int rc = 0;

	if (!parts)
		return err_set(err, -ENOMEM, "SVG");
	num = split(map, part, parts);
	while (done < num && !rc && rect.width >= 1 && rect.height >= 1) {
		double area;
		size_t len =
			row_length(parts + done, num - done,
				   MIN(rect.width, rect.height), scale, &area);

		rc = draw_row(map, parts + done, len, &rect, scale, area, depth,
			      err);
		done += len;
	}
	return rc;
}

static int sum_up(struct map *map, struct err *err)
{
	AUTO_FREE size_t *firsts = tree_link_firsts(map->tree);
	size_t num = tree_num(map->tree);

	map->before = calloc(num + 1, sizeof(*map->before));
	if (!firsts || !map->before)
		return err_set(err, -ENOMEM, "SVG");
	for (size_t i = 0; i < num; i++)
		map->before[i + 1] =
			map->before[i] +
			(firsts[i] == i ? tree_at(map->tree, i)->size : 0);
	return 0;
}

int tree_size_svg(const struct tree *tree, const char *title, struct sink *sink,
		  struct err *err)
{
	struct map map = {.tree = tree, .sink = sink};
	struct rect rect = {0, HEAD, WIDTH, HEIGHT - HEAD};
	/* The root itself has no bytes and would be a part without a name. */
	struct part root = {.from = 1, .to = tree_num(tree)};
	int rc = sum_up(&map, err);

	if (!rc)
		rc = put(&map, err,
			 "<svg xmlns=\"http://www.w3.org/2000/svg\" "
			 "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
			 "font-size=\"10\">\n<style>rect{stroke:#fff;"
			 "stroke-width:.5}</style>\n<text x=\"3\" y=\"16\" "
			 "font-size=\"14\">",
			 WIDTH, HEIGHT);
	if (!rc)
		rc = put_text(&map, title, strlen(title), err);
	if (!rc)
		root.bytes = map.before[root.to];
	if (!rc)
		rc = put(&map, err, ": %.1f MiB</text>\n",
			 (double)root.bytes / 1048576);
	if (!rc && root.bytes)
		rc = draw(&map, &root, rect, 0, err);
	if (!rc)
		rc = put(&map, err, "</svg>\n");
	free(map.before);
	return rc;
}
