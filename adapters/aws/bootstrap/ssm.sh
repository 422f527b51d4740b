# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # settings: pg_store_items, pg_store_region; of the library: pg_aws, pg_error, pg_tmp.
# Store part of ssmStore.

pg_fetch() {
  parameter_call GetParameter "$1" ',"WithDecryption":true' || return
  pg_json Value "$pg_tmp/item" >"$pg_tmp/item-text"
  [ -s "$pg_tmp/item-text" ] && pg_unbase64 "$pg_tmp/item-text" "$2" || return 2
}

parameter_call() {
  pg_region=$pg_store_region
  # Or its error would be taken for that of an answer that does not come.
  rm -f "$pg_tmp/item"
  printf '{"Name":"%s/%s"%s}' "$pg_store_items" "$2" "$3" >"$pg_tmp/item-call"
  pg_aws ssm "AmazonSSM.$1" "$pg_tmp/item-call" "$pg_tmp/item"
}
