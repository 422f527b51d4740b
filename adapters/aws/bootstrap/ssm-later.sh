# shellcheck shell=sh
# shellcheck disable=SC2154 # of the library: pg_error; of the store part: parameter_call.
# What the store part of ssm.sh does once the data is open.

pg_forget() {
  parameter_call DeleteParameter "$1" '' && return
  parameter_rc=$?
  [ "$pg_error" = ParameterNotFound ] || return "$parameter_rc"
}
