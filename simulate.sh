#!/bin/sh
# Runs a simulation again by its seed. If it fails, finds out which misfortunes
# and how many steps it takes, and shows what happens then.
# Usage: SEED=123 ./simulate.sh
set -eu
GO=${GO:-go}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
$GO test -c -o "$dir/simulation" ./pipeline
cd pipeline
run() { "$dir/simulation" -test.run '^TestSimulation$' -seed "$SEED" "$@" >"$dir/out" 2>&1; }

if run; then
  echo "seed $SEED: no difference"
  exit 0
fi
names=$(sed -n 's/^\t{"\([a-z-]*\)", .*/\1/p' misfortune_test.go)
without=
for name in $names; do
  if ! run -without "$without,$name"; then without="$without,$name"; fi
done
steps=1
while run -without "$without" -steps "$steps" && [ "$steps" -lt 20 ]; do steps=$((steps + 1)); done
run -without "$without" -steps "$steps" -trace || true
cat "$dir/out"
echo "seed $SEED fails after $steps steps, without: ${without#,}"
echo "go test ./pipeline -run TestSimulation -args -seed $SEED -steps $steps -without '${without#,}' -trace"
exit 1
