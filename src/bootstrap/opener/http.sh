# shellcheck shell=sh
# shellcheck disable=SC2154 # core.sh sets pg_tmp.
# Library `http`: requests by curl, with URL, headers and body in files of the tmpfs, so that none of them is in
# the process list. For pg_fetch, pg_forget and pg_unwrap of parts that name it in `needs`.
#
#   pg_http METHOD URL OUT [HEADERS [BODY]]
#     One request; no redirects. OUT is the file that gets the answer's body, also that of an error. HEADERS is a file
#     of `Name: value` lines, BODY a file that is sent as it is; an empty word stands for none.
#     Returns 0 for a 2xx; 1 where a later try may succeed: no whole answer, 401, 403, 408, 425, 429, 5xx; else 2.
#     $pg_code is the status, 000 without an answer.
#
# Settings: $pg_ca (certificates in PEM that are trusted in place of the system's), $pg_http_seconds (of one
# request, 60). What the core offers all parts: see core.sh.

pg_http() {
  # A quoted value of curl's config file: a line break in it would begin an option of its own.
  case $2 in *[[:cntrl:]\"\\]*) return 2 ;; esac
  _left
  [ "$_seconds" -le "${pg_http_seconds:-60}" ] || _seconds=${pg_http_seconds:-60}
  {
    printf '%s = "%s"\n' url "$2" request "$1" output "$3" proto =http,https \
      connect-timeout 10 max-time "$_seconds" write-out '%{http_code}'
    [ -z "${pg_ca-}" ] || printf 'cacert = "%s"\n' "$pg_tmp/ca"
    [ -z "${4-}" ] || printf 'header = "@%s"\n' "$4"
    [ -z "${5-}" ] || printf 'data-binary = "@%s"\n' "$5"
    case $2 in http://169.254.*) printf 'noproxy = "*"\n' ;; esac
    printf 'globoff\nsilent\n'
  } >"$pg_tmp/curl" || return 1
  [ -z "${pg_ca-}" ] || printf '%s\n' "$pg_ca" >"$pg_tmp/ca"
  pg_code=$(curl -q -K "$pg_tmp/curl" 2>/dev/null)
  _rc=$?
  rm -f "$pg_tmp/curl"
  case $_rc,$pg_code in
  0,2??) return 0 ;;
  0,401 | 0,403 | 0,408 | 0,425 | 0,429 | 0,5??) return 1 ;;
  0,* | 63,* | [13],*) return 2 ;;
  *) return 1 ;;
  esac
}
