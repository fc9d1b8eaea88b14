#!/bin/sh
# Copyright 2026 The pbuild developers
# SPDX-License-Identifier: Apache-2.0
#
# hello_test.sh PROGRAM VERSION: what the program prints and exits with.
set -u
hello=$1
version=$2
failed=0

# expect STATUS TEXT ARGUMENT...: run the program, compare both streams as one.
expect() {
	status=$1
	text=$2
	shift 2
	got=$("$hello" "$@" 2>&1)
	code=$?
	if [ "$code" -ne "$status" ] || [ "$got" != "$text" ]; then
		printf 'hello %s: got %s «%s», want %s «%s»\n' "$*" "$code" "$got" "$status" "$text" >&2
		failed=1
	fi
}

expect 0 'Hello, world!'
expect 0 'Hello, Debian!' Debian
expect 0 'Hello, %s$(id)!' '%s$(id)'
expect 0 "hello $version" --version
expect 2 'usage: hello [--version | NAME]' --nonsense
expect 2 'usage: hello [--version | NAME]' one two

# A greeting that can't be written is a failure.
"$hello" >&- 2> /dev/null
code=$?
if [ "$code" -ne 1 ]; then
	echo "hello, its output closed: got $code, want 1" >&2
	failed=1
fi
[ "$failed" -eq 0 ] && echo 'hello: all tests passed'
exit "$failed"
