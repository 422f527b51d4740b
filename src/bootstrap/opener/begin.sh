# shellcheck shell=sh
# shellcheck disable=SC2154 # compose.ts sets pg_id and pg_needs before this.
# What every opener begins with: claim, tmpfs, bounded retries, and the line that says how it went. Parts may use:
# $pg_tmp, a folder in the tmpfs for files; $pg_id, the sealing's; pg_sha256 FILE. What begins with `_` is the opener's
# own. Functions of parts are called again, with growing pauses, while they return 1; nothing of theirs reaches
# standard output or error.

pg_sha256() {
  _sum=$(openssl dgst -sha256 -r "$@") && printf %s "${_sum%% *}"
}

_say() {
  [ "$1" = opening ] || [ "$2" = begun ] || printf 'provider-guard: bootstrap data %s %s: %s\n' "$pg_id" "$1" "$2" >>"$_console"
  printf '%s %s %s\n' "$1" "$pg_id" "$2" >"$_state/new" && mv -f "$_state/new" "$_state/status"
} 2>/dev/null

_stop() {
  # A full tmpfs makes everything look wrong.
  _full && set -- 11 no-room
  _value=failed
  [ "$1" != 10 ] || _value=refused
  _say "$_value" "$2"
  # A store's part may tell the controller.
  pg_report "$_value" "$2" >/dev/null
  exit "$1"
} 2>/dev/null

_mask=$(umask)
_locale=${LC_ALL-}
_run=${PROVIDER_GUARD_RUN:-/run/provider-guard-bootstrap}
_state=${PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
_console=${PROVIDER_GUARD_CONSOLE:-/dev/console}

_begin() {
  umask 077
  set +ax -f
  LC_ALL=C
  export LC_ALL
  pg_tmp=
  case $_run in
  *[!A-Za-z0-9/._-]*) _stop 11 no-tmpfs ;;
  /?*/?*) ;;
  *) _stop 11 no-tmpfs ;;
  esac
  mkdir -p "${_run%/*}"
  _run=$(cd -P "${_run%/*}" && pwd -P)/${_run##*/}
  pg_tmp=$_run/tmp
  { mkdir -p "$_state" && chmod 700 "$_state"; } || _stop 11 state
  read -r _boot </proc/sys/kernel/random/boot_id
  _try=
  printf '%s %s\n' $$ "$_boot" >"$_state/claim.$$" || _stop 11 state
  until ln "$_state/claim.$$" "$_state/claim"; do
    read -r _pid _was <"$_state/claim"
    if [ -n "$_try" ] || { [ "$_was" = "$_boot" ] && kill -0 "$_pid"; }; then
      rm -f "$_state/claim.$$"
      exit 11
    fi
    rm -f "$_state/claim"
    _try=1
  done
  rm -f "$_state/claim.$$"
  _keep=
  trap _end EXIT
  trap '_stop 11 interrupted' HUP INT TERM
  read -r _now _ </proc/uptime
  _until=$((${_now%.*} + ${PROVIDER_GUARD_SECONDS:-300}))
} 2>/dev/null

_end() {
  [ -n "$_keep" ] || _unmount
  rm -f "$_state/claim"
}

_left() {
  read -r _now _ </proc/uptime
  _seconds=$((_until - ${_now%.*}))
  [ "$_seconds" -gt 0 ] || _seconds=1
}

_retry() {
  _pause=1
  while "$@" >/dev/null 2>&1; _rc=$?; [ "$_rc" = 1 ]; do
    _left
    [ "$_seconds" -gt "$_pause" ] || return 1
    sleep "$_pause"
    [ "$_pause" -gt 15 ] || _pause=$((_pause * 2))
  done
  return "$_rc"
}

# The file system that the folder is on: of mount points that hold it, the longest, and of two the later one.
_where() {
  _at=
  while read -r _ _point _type_here _; do
    case $_run/ in
    "${_point%/}"/*) [ ${#_point} -lt ${#_at} ] || { _at=$_point && _type=$_type_here; } ;;
    esac
  done </proc/mounts
}

_mount() {
  # Whatever an earlier run left.
  rm -rf "$_run" 2>/dev/null
  mkdir -p "$_run" || _stop 11 no-tmpfs
  _where
  if [ "$_at" != "$_run" ]; then
    # Linux before 6.4 does not know noswap.
    mount -t tmpfs -o mode=700,nosuid,nodev,noswap tmpfs "$_run" || {
      mount -t tmpfs -o mode=700,nosuid,nodev tmpfs "$_run"
      { read -r _ && read -r _; } </proc/swaps && _note=,swap
    }
    _where
  fi
  case $_type in
  tmpfs | ramfs) ;;
  *) _stop 11 no-tmpfs ;;
  esac
  { chmod 700 "$_run" && mkdir "$pg_tmp"; } || _stop 11 no-tmpfs
  ! _full || _stop 11 no-room
} 2>/dev/null

_unmount() {
  rm -rf "$_run"
  while _where; [ "$_at" = "$_run" ]; do
    umount "$_run" || umount -l "$_run" || return 1
  done
  rm -rf "$_run"
  [ ! -e "$_run" ]
} 2>/dev/null

_tools() {
  for _tool in $1 $pg_needs; do
    command -v "$_tool" >/dev/null || _stop 10 "no-$_tool"
  done
}

# Item $_index of the store, as a file.
_get() {
  _retry _fetch
  case $? in
  0) ;;
  1) _stop 11 store ;;
  *) _stop 10 gone ;;
  esac
}

_fetch() {
  rm -f "$pg_tmp/chunk"
  pg_fetch "$_index" "$pg_tmp/chunk"
}
