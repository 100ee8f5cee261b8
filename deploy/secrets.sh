#!/bin/sh
# Makes the secrets that compose.yaml mounts, unless they exist. The folder is
# closed to others; the files are not, as containers read them as users of their own.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
for name in operator-token grafana-password; do
  [ -s "secrets/$name" ] || head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"secrets/$name"
  chmod 644 "secrets/$name"
done
