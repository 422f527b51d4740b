# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # settings: pg_store_items, pg_store_region; of the library: pg_aws_s3, pg_error, pg_tmp.
# Store part of s3Store. To who may not list the bucket S3 answers 403 in place of 404: what is gone looks like
# something for later.

pg_fetch() {
  object_call GET "$1" && mv "$pg_tmp/item" "$2"
}

object_call() {
  pg_region=$pg_store_region
  # Or its error would be taken for that of an answer that does not come.
  rm -f "$pg_tmp/item"
  pg_aws_s3 "$1" "$pg_store_items/$2" "$pg_tmp/item"
}
