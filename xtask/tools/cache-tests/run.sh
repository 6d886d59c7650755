#!/usr/bin/env bash
# Runs the suite against the edge. In a network namespace of its own, which has no interface but lo:
# the suite's origin listens on all of them, at a fixed port.
#   run.sh NODE SUITE RESULTS EDGE...
# EDGE is the command that serves on port 8001 what the origin on port 8000 has.
set -euo pipefail
node=$1 suite=$2 results=$3
shift 3

listens() {
  for _ in {1..100}; do
    if (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  echo "nothing listens on port $1 after ten seconds"
  return 1
}

ip link set lo up
cd "$suite"
# What npm would tell the suite's own scripts.
export npm_config_protocol=http npm_config_port=8000 npm_config_pidfile="$results.pid"
export npm_config_base=http://127.0.0.1:8001 npm_config_id='' npm_package_config_id=''

"$node" --no-warnings server/server.mjs >"$results.server" 2>&1 &
server=$!
# The variable is for `shopping`; workerd does not know it.
SHOP__EDGE__OPERATORS_LISTEN=127.0.0.1:0 "$@" >"$results.edge" 2>&1 &
edge=$!
trap 'kill "$server" "$edge" 2>/dev/null || true' EXIT
listens 8000
listens 8001

timeout 300 "$node" --no-warnings cli.mjs >"$results"
kill -TERM "$edge"
# A signal that nobody handles ends workerd.
wait "$edge" || [ $? = 143 ]
