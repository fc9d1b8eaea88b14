/*
 * hello: greet someone.
 *
 * Copyright 2026 The pbuild developers
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifndef VERSION
#error "VERSION is set by the Makefile"
#endif

/* A full disk shows only when the buffer is flushed. */
static int finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "hello: write: %s\n", strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	const char *who = "world";

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("hello %s\n", VERSION);
		return finish();
	}
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: hello [--version | NAME]\n");
		return 2;
	}
	if (argc == 2)
		who = argv[1];
	printf("Hello, %s!\n", who);
	return finish();
}
