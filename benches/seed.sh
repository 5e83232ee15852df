#!/usr/bin/env bash
# Seeding beside `\copy … (format binary)` of the same rows, at equal connections, in interleaved rounds on one server.
#   benches/seed.sh URL [ROUNDS] [CONNECTIONS]      URL: a superuser's, of a server that may be filled
# `\copy` gets ready files, one for each connection and table, and does nothing but send them; tables, keys, foreign
# keys and indexes are the same. Both are timed as whole processes; ratios are taken round by round.
set -euo pipefail
url=$1 rounds=${2:-5} connections=${3:-1}
here=$(cd "$(dirname "$0")/.." && pwd)
loadgen=${LOADGEN:-$here/target/release/loadgen}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LOADGEN_POSTGRES=$url PGOPTIONS='-c client_min_messages=warning -c synchronize_seqscans=off'
scenario=$here/scenarios/seed-orders.yaml
set_connections="targets.operational.postgres.connections=$connections"
tables=(products customers orders order_items)
orders_url=$(psql "$url" -Atc "select 1" >/dev/null && printf '%s' "$url" | sed -E 's#(://[^/]*)/[^?]*#\1/orders#')

seed() { "$loadgen" seed "$scenario" --fresh --set "$set_connections" --out "$work/run" >"$work/out" 2>"$work/log"; }
seconds() { local from=$EPOCHREALTIME; "$@"; local to=$EPOCHREALTIME; awk -v a="$from" -v b="$to" 'BEGIN { printf "%.2f", b - a }'; }
copy() {
  psql "$orders_url" -qc 'truncate products, customers, orders, order_items'
  local table part pid pids
  for table in "${tables[@]}"; do
    pids=()
    for ((part = 0; part < connections; part++)); do
      psql "$orders_url" -qc "\\copy $table from '$work/$table.$part' with (format binary)" &
      pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
  done
  psql "$orders_url" -qc 'analyze products; analyze customers; analyze orders; analyze order_items'
}

seed
rows=0
for table in "${tables[@]}"; do
  count=$(psql "$orders_url" -Atc "select count(*) from $table")
  rows=$((rows + count))
  for ((part = 0; part < connections; part++)); do
    size=$(((count + connections - 1) / connections))
    psql "$orders_url" -qc "\\copy (select * from $table offset $((part * size)) limit $size) to '$work/$table.$part' with (format binary)"
  done
done
echo "rows $rows, connections $connections, $(psql "$url" -Atc 'show server_version')"
echo "round  seed s  \\copy s  seed/copy rows/s"
for ((round = 1; round <= rounds; round++)); do
  a=$(seconds seed)
  b=$(seconds copy)
  awk -v r="$round" -v a="$a" -v b="$b" -v n="$rows" 'BEGIN { printf "%5d %7.2f %8.2f  %.2f (%.0f against %.0f rows/s)\n", r, a, b, b / a, n / a, n / b }'
done | tee "$work/rounds"
awk '{ print $4 }' "$work/rounds" | sort -n | awk '{ a[NR] = $1 } END { printf "median ratio %.2f\n", a[int((NR + 1) / 2)] }'
