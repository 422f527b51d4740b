# shellcheck shell=sh
# shellcheck disable=SC2154 # of the library: pg_error; of the store part: object_call.
# What the store part of s3.sh does once the data is open.

pg_forget() {
  object_call DELETE "$1" && return
  object_rc=$?
  [ "$pg_error" = NoSuchKey ] || return "$object_rc"
}
