# shellcheck shell=sh
# The store part where the one chunk comes with the user data, printed by pg_sealed in front of the opener.

pg_fetch() {
  pg_sealed >"$2" 2>/dev/null || return 2
}

pg_forget() {
  :
}
