#!/usr/bin/env bash
# Builds the archives of a release into a directory:
#
#     deploy/release.sh 1.2.0 DIR [OS/ARCH ...]
#
# Each holds the binary with the page in it, the licence, the notices of what it
# contains, and what people read first. The same commit and the same Go give the
# same bytes.
set -euo pipefail
version=${1:?version} out=${2:?directory}
shift 2
platforms=("$@")
[ ${#platforms[@]} -gt 0 ] || platforms=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64)

mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
written=$(git log -1 --format=%ct 2>/dev/null || echo 0)

make --no-print-directory web
go run ./deploy/notices >"$work/THIRD_PARTY_NOTICES"

for platform in "${platforms[@]}"; do
  name=rollcall-$version-${platform/\//-}
  mkdir "$work/$name"
  CGO_ENABLED=0 GOOS=${platform%/*} GOARCH=${platform#*/} \
    go build -trimpath -ldflags "-s -w -buildid= -X main.release=$version" -o "$work/$name/rollcall" ./cmd/rollcall
  cp LICENSE README.md CHANGELOG.md "$work/THIRD_PARTY_NOTICES" "$work/$name/"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$written" -C "$work" -cf - "$name" | gzip -n >"$out/$name.tar.gz"
done
cd "$out"
sha256sum "rollcall-$version"-*.tar.gz >"rollcall-$version-checksums.txt"
