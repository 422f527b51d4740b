# shellcheck shell=sh
# shellcheck disable=SC2154 # of the library: pg_error; of the store part: secret_call.
# What the store part of secrets-manager.sh does once the data is open.

pg_forget() {
  secret_call DeleteSecret "$1" ',"ForceDeleteWithoutRecovery":true' && return
  secret_rc=$?
  [ "$pg_error" = ResourceNotFoundException ] || return "$secret_rc"
}
