# shellcheck shell=sh
# shellcheck disable=SC2154 # compose.ts sets pg_program, pg_chunks and pg_items; begin.sh has the functions.
# The first of two stages, behind begin.sh and the store's pg_fetch: executes the rest of the program, which lies in the
# store behind the chunks, once its digest is the one that the user data hold. It is kept on the disk: it holds no
# secret, and whoever goes on after its last copy in the store was deleted needs it.

if [ "$(pg_sha256 "$_state/program")" != "$pg_program" ]; then
  _begin
  _say opening begun
  _tools "gzip openssl"
  _mount
  trap '' XFSZ
  ulimit -S -f 999
  _index=$pg_chunks
  while [ "$_index" -lt "$pg_items" ]; do
    _get
    cat "$pg_tmp/chunk" >>"$pg_tmp/program"
    _index=$((_index + 1))
  done
  [ "$(pg_sha256 "$pg_tmp/program")" = "$pg_program" ] || _stop 10 program
  { cat "$pg_tmp/program" >"$_state/new" && mv -f "$_state/new" "$_state/program"; } || _stop 11 state
  ulimit -S -f "$(ulimit -H -f)"
  trap - XFSZ EXIT
  _end
fi 2>/dev/null
_text=$(gzip -dc <"$_state/program") || exit 11
eval "$_text"
