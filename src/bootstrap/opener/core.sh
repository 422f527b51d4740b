# shellcheck shell=sh
# shellcheck disable=SC2154 # compose.ts sets pg_manifest, pg_signature, pg_signer and pg_wrapped; begin.sh has the rest.
# The opener behind begin.sh: `open`, `done`, or `run` (of a script: open, execute, done). Where it is fetched, load.sh
# executes it. docs/design/bootstrap-data.md says what is checked, in which order, and what is kept where.
#
#   open     0: prints the path of the plaintext on standard output; prints nothing if this data has been opened and
#            done before. 10: nothing will ever come of it. 11: the next boot may do better, or it is under way.
#   done     0: the data is opened once and for all, and nothing of it is left here. 11: something is left, here or
#            in the store; the next `open` tries again to remove it.
#   handler  Prints cloud-init's part handler.

_note=
_signer=${PROVIDER_GUARD_SIGNER:-/etc/provider-guard/bootstrap-signer.pem}
_nl='
'

_line() {
  _value=${pg_manifest#*"$_nl$1 "}
  _value=${_value%%"$_nl"*}
}

_full() {
  [ -d "$pg_tmp" ] && ! _room 0
}

# Whether so many bytes have room.
_room() {
  df -Pk "$_run" | {
    read -r _
    read -r _ _ _ _free _
    [ "${_free:-0}" -gt $(($1 / 1024 + 16)) ]
  }
}

_number() {
  case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac
}

_wipe() {
  # Opened for reading and writing: the file is not cut off, its very bytes are overwritten.
  head -c "$(wc -c <"$1")" /dev/zero 1<>"$1"
  rm -f "$1"
} 2>/dev/null

_unwrap() {
  rm -f "$pg_tmp/key"
  pg_unwrap "$pg_tmp/key"
}

_verify() {
  printf %s "$pg_manifest" >"$pg_tmp/manifest"
  printf '%s\n' "$pg_signer" >"$pg_tmp/signer"
  printf '%s\n' "$pg_signature" >"$pg_tmp/base64"
  openssl base64 -d -A -in "$pg_tmp/base64" -out "$pg_tmp/signature"
  # A dangling link counts as pinned, too: nothing verifies with it.
  if [ -e "$_signer" ] || [ -L "$_signer" ]; then
    _reason=signer
  else
    _signer=$pg_tmp/signer _reason=signature
  fi
  openssl pkeyutl -verify -pubin -inkey "$_signer" -rawin -in "$pg_tmp/manifest" -sigfile "$pg_tmp/signature" \
    >/dev/null || _stop 10 "$_reason"
  case $pg_manifest in
  "provider-guard bootstrap data 1$_nl"*"${_nl}id $pg_id$_nl"*) ;;
  *) _stop 10 manifest ;;
  esac
  _line sealed
  _sealed=$_value
  _line expires
  _expires=$_value
  _line plain
  _plain=${_value%% *} _bytes=${_value##* } _packed=${_value#* }
  _packed=${_packed% *}
  _line cipher
  _count=${_value% *} _next=${_value#* }
  for _value in "$_sealed" "$_expires" "$_packed" "$_bytes" "$_count"; do
    _number "$_value" || _stop 10 manifest
  done
  read -r _ _last <"$_state/opened" && [ "$_sealed" -le "$_last" ] && _stop 10 replayed
  _now=$(date +%s)
  [ "$_now" -le "$_expires" ] || _stop 10 expired
  # A clock that has not been set yet cannot tell.
  [ "$_now" -ge "$_sealed" ] || _note=$_note,clock
  _line key
  [ "${_value#* }" = "$(printf %s "$pg_wrapped" | pg_sha256)" ] || _stop 10 key
} 2>/dev/null

_collect() {
  _room $((_packed * 3 + _bytes)) || _stop 11 no-room
  # No file grows past what the manifest promises, in whatever form a store sends it.
  trap '' XFSZ
  ulimit -f $(((_packed * 2 + _bytes) / 512 + 512))
  _index=0
  while [ "$_index" -lt "$_count" ]; do
    _get
    [ "$(pg_sha256 "$pg_tmp/chunk")" = "$_next" ] || _stop 10 chunk
    read -r _head <"$pg_tmp/chunk"
    _next=${_head##* }
    [ "$_head" = "pgc1 $_index $_count $_next" ] || _stop 10 chunk
    tail -c +$((${#_head} + 2)) "$pg_tmp/chunk" >>"$pg_tmp/cipher" || _stop 11 no-room
    _index=$((_index + 1))
  done
  rm -f "$pg_tmp/chunk"
  [ "$_next" = - ] || _stop 10 chunk
}

# openssl writes plaintext before it knows that it is the right one: the code and the signed digest decide.
_decrypt() {
  _retry _unwrap
  case $? in
  0) ;;
  1) _stop 11 key ;;
  *) _stop 10 unwrap ;;
  esac
  openssl cms -decrypt -binary -inform DER -in "$pg_tmp/cipher" -inkey "$pg_tmp/key" -passin pass: \
    -out "$pg_tmp/packed" </dev/null >/dev/null
  _rc=$?
  _wipe "$pg_tmp/key"
  [ "$_rc" = 0 ] || _stop 10 decrypt
  [ "$(wc -c <"$pg_tmp/packed")" -eq "$_packed" ] || _stop 10 size
  [ "$(pg_sha256 "$pg_tmp/packed")" = "$_plain" ] || _stop 10 digest
  { gzip -dc <"$pg_tmp/packed" || : >"$pg_tmp/bad"; } | head -c $((_bytes + 1)) >"$pg_tmp/plain"
  { [ ! -e "$pg_tmp/bad" ] && [ "$(wc -c <"$pg_tmp/plain")" -eq "$_bytes" ]; } || _stop 10 size
} 2>/dev/null

# Begins, unless the data was opened before: then there may be something left to remove.
_again() {
  _begin
  if read -r _last _ <"$_state/opened" && [ "$_last" = "$pg_id" ]; then
    read -r _ _ _reason <"$_state/status"
    case $_reason in
    clean*) ;;
    *) _mount && _finish ;;
    esac
    exit 0
  fi
} 2>/dev/null

_open() {
  _again
  _say opening begun
  _tools "cat cut date df gzip head ln mkdir mount mv openssl rm sleep tail tr umount wc"
  case $(openssl version) in
  'OpenSSL '[3-9].* | 'OpenSSL '[1-9][0-9].*) ;;
  *) _stop 10 old-openssl ;;
  esac
  _mount
  _verify
  _collect
  _decrypt
  {
    mv "$pg_tmp/plain" "$_run/data" && rm -rf "$pg_tmp" && printf '%s %s\n' "$pg_id" "$_note" >"$_run/id"
  } 2>/dev/null || _stop 11 no-room
  _say opening "ready$_note"
  _keep=1
  printf '%s\n' "$_run/data"
}

_done() {
  _again
  _keep=1
  { read -r _last _note <"$_run/id" && [ "$_last" = "$pg_id" ]; } || _stop 11 not-open
  _keep=
  trap '' HUP INT TERM
  # Before anything is deleted: who finds this does not look for the data any more.
  _line sealed
  {
    printf '%s %s\n' "$pg_id" "$_value" >"$_state/new" && mv -f "$_state/new" "$_state/opened"
  } || _stop 11 state
  sync ${pg_program:+"$_state/program"} "$_state/opened" "$_state" || sync
  _say opened begun
  rm -rf "$_run"
  _finish
} 2>/dev/null

# Takes away what is left, in the store and here, and looks whether it is gone.
_finish() {
  mkdir -p "$pg_tmp"
  _line cipher
  _count=${_value% *} _index=0 _reason=clean
  # Behind the chunks is the program, if it was fetched.
  while [ "$_index" -lt "${pg_items:-$_count}" ]; do
    _retry pg_forget "$_index" || _reason=left-in-store
    _index=$((_index + 1))
  done
  _unmount || _reason=left-here
  _say opened "$_reason$_note"
  [ "$_reason" = clean ]
}

_execute() {
  _line format
  [ "$_value" = script ] || {
    _begin
    _stop 10 format
  }
  # This shell stays, to clean up; the script gets the signal as well if it is meant to.
  _reason=script
  trap '_reason=interrupted' HUP INT TERM
  _data=$(_open) || exit
  [ -n "$_data" ] || exit 0
  # As it was before the first stage.
  umask "$_mask"
  LC_ALL=$_locale
  [ -n "$_locale" ] || unset LC_ALL
  if [ "$_reason" = script ] && chmod 700 "$_data" && "$_data"; then
    _done
  else
    _why=$_reason
    _begin
    _stop 11 "$_why"
  fi
}

case ${1-run} in
open) _open ;;
done) _done ;;
handler) printf %s "${pg_handler-}" ;;
run) _execute ;;
*) exit 64 ;;
esac || exit 11
