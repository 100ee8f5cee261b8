#!/bin/sh
# Fuzzes every target of every package for FUZZTIME (default 1m), one after the
# other, as go test wants it, and says how many inputs each was given. What a
# target fails on is left in testdata/fuzz, where go test finds it from then on.
# FUZZ is a pattern of targets, FUZZFLAGS are more flags of go test.
set -u
go=${GO:-go} time=${FUZZTIME:-1m} failed=0
out=$(mktemp) list=$(mktemp)
trap 'rm -f "$out" "$list"' EXIT

$go test -list "^Fuzz.*${FUZZ:-}" ./... >"$list" || { cat "$list"; exit 1; }

# fuzz package target
fuzz() {
	# An input that is being made smaller when time is up fails as well.
	if $go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 5s ${FUZZFLAGS:-} >"$out" 2>&1 ||
		{ grep -q 'context deadline exceeded' "$out" && ! grep -q 'Failing input\|failure while testing' "$out"; }; then
		verdict=ok
	else
		verdict=FAIL failed=1
	fi
	execs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$out" | tail -n 1)
	printf '%-4s %-28s %-18s %9s executions\n' "$verdict" "$1" "$2" "${execs:-0}"
	[ "$verdict" = ok ] || cat "$out"
}

# The list has the targets of a package and then a line of the package.
targets=
while read -r first package _; do
	case $first in
	Fuzz*) targets="$targets $first" ;;
	ok) for target in $targets; do fuzz "$package" "$target"; done; targets= ;;
	esac
done <"$list"
exit $failed
