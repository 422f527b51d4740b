// Written by scripts/generate-opener.mjs. Do not edit.

export const awsScript = `pg_aws() {
_aws POST "$1" / "$4" "$3" "$2"
}
pg_aws_s3() {
_aws "$1" s3 "$2" "$3" /dev/null ''
}
pg_json() {
tr , '\\n' <"$2" | sed -n "s/^.*\\"$1\\"[[:space:]]*:[[:space:]]*\\"\\([A-Za-z0-9+/=_.:-]*\\)\\".*\\$/\\1/p" | head -n 1
}
pg_unbase64() {
openssl base64 -d -A -in "$1" -out "$2" 2>/dev/null
}
_aws() {
pg_error=
_aws_role || return 1
eval "_url=\\\${pg_endpoint_$2-}"
case $_url,$pg_region in
,cn-*) _url=https://$2.$pg_region.amazonaws.com.cn ;;
,*) _url=https://$2.$pg_region.amazonaws.com ;;
esac
_when=$(date -u +%Y%m%dT%H%M%SZ)
_scope=\${_when%T*}/$pg_region/$2/aws4_request
_hash=$(pg_sha256 "$5")
{
[ -z "$6" ] || printf 'content-type:application/x-amz-json-1.1\\n'
printf 'host:%s\\nx-amz-content-sha256:%s\\nx-amz-date:%s\\nx-amz-security-token:' "\${_url#*://}" "$_hash" "$_when"
pg_json Token "$pg_tmp/aws-role"
[ -z "$6" ] || printf 'x-amz-target:%s\\n' "$6"
} >"$pg_tmp/aws-headers"
_names=$(cut -d: -f1 "$pg_tmp/aws-headers" | tr '\\n' ';')
{
printf '%s\\n' "$1" "$3" ''
cat "$pg_tmp/aws-headers"
printf '\\n%s\\n%s' "\${_names%;}" "$_hash"
} >"$pg_tmp/aws-request"
_key=$({
printf AWS4
pg_json SecretAccessKey "$pg_tmp/aws-role" | tr -d '\\n'
} | _hex)
for _step in "\${_when%T*}" "$pg_region" "$2" aws4_request; do
_key=$(printf %s "$_step" | _hmac "$_key")
done
_sum=$(printf 'AWS4-HMAC-SHA256\\n%s\\n%s\\n%s' "$_when" "$_scope" "$(pg_sha256 "$pg_tmp/aws-request")" | _hmac "$_key")
_key=
printf 'authorization:AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s\\n' \\
"$(pg_json AccessKeyId "$pg_tmp/aws-role")" "$_scope" "\${_names%;}" "$_sum" >>"$pg_tmp/aws-headers"
set -- "$1" "$_url$3" "$4" "$pg_tmp/aws-headers" "$5"
[ "$1" = POST ] || set -- "$1" "$2" "$3" "$4"
pg_http "$@"
_rc=$?
rm -f "$pg_tmp/aws-headers"
[ "$_rc" != 0 ] || return 0
pg_error=$(sed -n 's/.*"__type" *: *"\\([A-Za-z0-9.]*#\\)\\{0,1\\}\\([A-Za-z]*\\).*/\\2/p;s/.*<Code>\\([A-Za-z]*\\)<.*/\\1/p' "$3" 2>/dev/null)
case $pg_error in
*Expired* | *Token* | *Signature* | *Skewed*) rm -f "$pg_tmp/aws-role" && return 1 ;;
*Throttl* | *TooMany* | *Denied* | *LimitExceeded* | *Unavailable* | *Internal*) return 1 ;;
esac
return "$_rc"
}
_aws_role() {
[ ! -s "$pg_tmp/aws-role" ] || return 0
_imds=\${pg_imds:-http://169.254.169.254}/latest
printf 'X-aws-ec2-metadata-token-ttl-seconds: 300\\n' >"$pg_tmp/aws-imds"
pg_http PUT "$_imds/api/token" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
{
printf 'X-aws-ec2-metadata-token: '
cat "$pg_tmp/aws-out"
} >"$pg_tmp/aws-imds"
if [ -z "\${pg_region-}" ]; then
pg_http GET "$_imds/meta-data/placement/region" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
pg_region=$(cat "$pg_tmp/aws-out")
fi
_imds=$_imds/meta-data/iam/security-credentials/
pg_http GET "$_imds" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
_imds=$_imds$(head -n 1 "$pg_tmp/aws-out")
pg_http GET "$_imds" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
[ -n "$(pg_json SecretAccessKey "$pg_tmp/aws-out")" ] && mv "$pg_tmp/aws-out" "$pg_tmp/aws-role"
}
_hex() {
od -An -v -tx1 | tr -d ' \\n'
}
_hmac() {
{
_pad "$1" 54
cat
} | openssl dgst -sha256 -binary | {
_pad "$1" 92
cat
} | openssl dgst -sha256 -binary | _hex
}
_pad() {
_rest=$(printf %-128s "$1" | tr ' ' 0)
_xor=$2
set --
while [ -n "$_rest" ]; do
set -- "$@" $((0x\${_rest%"\${_rest#??}"} ^ _xor))
_rest=\${_rest#??}
done
printf %b "$(printf '\\\\0%03o' "$@")"
}
`;

export const coreScript = `_nl='
'
_line() {
_value=\${pg_manifest#*"$_nl$1 "}
_value=\${_value%%"$_nl"*}
}
_number() {
case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac
}
pg_sha256() {
_sum=$(openssl dgst -sha256 -r "$@") && printf %s "\${_sum%% *}"
}
_say() {
[ "$1" = opening ] || [ "$2" = begun ] || printf 'provider-guard: bootstrap data %s %s: %s\\n' "$pg_id" "$1" "$2" >>"$_console"
printf '%s %s %s\\n' "$1" "$pg_id" "$2" >"$_state/new" && mv -f "$_state/new" "$_state/status"
} 2>/dev/null
_stop() {
[ ! -d "$pg_tmp" ] || _room 0 || set -- 11 no-room
case $1 in
10) _say refused "$2" ;;
*) _say failed "$2" ;;
esac
exit "$1"
}
_begin() {
umask 077
set +ax -f
LC_ALL=C
export LC_ALL
_run=\${PROVIDER_GUARD_RUN:-/run/provider-guard-bootstrap}
_state=\${PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
_console=\${PROVIDER_GUARD_CONSOLE:-/dev/console}
_signer=\${PROVIDER_GUARD_SIGNER:-/etc/provider-guard/bootstrap-signer.pem}
_note=
_line id
pg_id=$_value
case $pg_id in '' | *[!0-9a-f]*) pg_id=- ;; esac
_line sealed
_sealed=$_value
case $_run in
*[!A-Za-z0-9/._-]*) _stop 11 no-tmpfs ;;
/?*/?*) ;;
*) _stop 11 no-tmpfs ;;
esac
mkdir -p "\${_run%/*}"
_run=$(cd -P "\${_run%/*}" && pwd -P)/\${_run##*/}
pg_tmp=$_run/tmp
{ mkdir -p "$_state" && chmod 700 "$_state"; } || _stop 11 state
read -r _boot </proc/sys/kernel/random/boot_id
_try=
printf '%s %s\\n' $$ "$_boot" >"$_state/claim.$$" || _stop 11 state
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
_until=$((\${_now%.*} + \${PROVIDER_GUARD_SECONDS:-300}))
if read -r _last _ <"$_state/opened" && [ "$_last" = "$pg_id" ]; then
read -r _ _ _reason <"$_state/status"
case $_reason in
clean*) ;;
*) _mount && _finish ;;
esac
exit 0
fi
} 2>/dev/null
_end() {
[ -n "$_keep" ] || _unmount
rm -f "$_state/claim"
}
_left() {
read -r _now _ </proc/uptime
_seconds=$((_until - \${_now%.*}))
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
_where() {
_at=
while read -r _ _point _type_here _; do
case $_run/ in
"\${_point%/}"/*) [ \${#_point} -lt \${#_at} ] || { _at=$_point && _type=$_type_here; } ;;
esac
done </proc/mounts
}
_mount() {
rm -rf "$_run" 2>/dev/null
mkdir -p "$_run" || _stop 11 no-tmpfs
_where
if [ "$_at" != "$_run" ]; then
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
_room 0 || _stop 11 no-room
} 2>/dev/null
_unmount() {
rm -rf "$_run"
while _where; [ "$_at" = "$_run" ]; do
umount "$_run" || umount -l "$_run" || return 1
done
rm -rf "$_run"
[ ! -e "$_run" ]
} 2>/dev/null
_room() {
df -Pk "$_run" | {
read -r _
read -r _ _ _ _free _
[ "\${_free:-0}" -gt $(($1 / 1024 + 16)) ]
}
}
_wipe() {
head -c "$(wc -c <"$1")" /dev/zero 1<>"$1"
rm -f "$1"
} 2>/dev/null
_fetch() {
rm -f "$pg_tmp/chunk"
pg_fetch "$_index" "$pg_tmp/chunk"
}
_unwrap() {
rm -f "$pg_tmp/key"
pg_unwrap "$pg_tmp/key"
}
_tools() {
for _tool in cat cut date df gzip head ln mkdir mount mv openssl rm sleep tail tr umount wc $_needs; do
command -v "$_tool" >/dev/null || _stop 10 "no-$_tool"
done
case $(openssl version) in
'OpenSSL '[3-9].* | 'OpenSSL '[1-9][0-9].*) ;;
*) _stop 10 old-openssl ;;
esac
} 2>/dev/null
_verify() {
printf %s "$pg_manifest" >"$pg_tmp/manifest"
printf '%s\\n' "$pg_signer" >"$pg_tmp/signer"
printf '%s\\n' "$pg_signature" >"$pg_tmp/base64"
openssl base64 -d -A -in "$pg_tmp/base64" -out "$pg_tmp/signature"
if [ -e "$_signer" ] || [ -L "$_signer" ]; then
_reason=signer
else
_signer=$pg_tmp/signer _reason=signature
fi
openssl pkeyutl -verify -pubin -inkey "$_signer" -rawin -in "$pg_tmp/manifest" -sigfile "$pg_tmp/signature" \\
>/dev/null || _stop 10 "$_reason"
case $pg_id,$pg_manifest in -,* | *,"provider-guard bootstrap data 1$_nl"*) ;; *) _stop 10 manifest ;; esac
_line expires
_expires=$_value
_line plain
_plain=\${_value%% *} _bytes=\${_value##* } _packed=\${_value#* }
_packed=\${_packed% *}
_line cipher
_count=\${_value% *} _next=\${_value#* }
for _value in "$_sealed" "$_expires" "$_packed" "$_bytes" "$_count"; do
_number "$_value" || _stop 10 manifest
done
read -r _ _last <"$_state/opened" && [ "$_sealed" -le "$_last" ] && _stop 10 replayed
_now=$(date +%s)
[ "$_now" -le "$_expires" ] || _stop 10 expired
[ "$_now" -ge "$_sealed" ] || _note=$_note,clock
_line key
[ "\${_value#* }" = "$(printf %s "$pg_wrapped" | pg_sha256)" ] || _stop 10 key
} 2>/dev/null
_collect() {
_room $((_packed * 3 + _bytes)) || _stop 11 no-room
trap '' XFSZ
ulimit -f $(((_packed * 2 + _bytes) / 512 + 512))
_index=0
while [ "$_index" -lt "$_count" ]; do
_retry _fetch
case $? in
0) ;;
1) _stop 11 store ;;
*) _stop 10 gone ;;
esac
[ "$(pg_sha256 "$pg_tmp/chunk")" = "$_next" ] || _stop 10 chunk
read -r _head <"$pg_tmp/chunk"
_next=\${_head##* }
[ "$_head" = "pgc1 $_index $_count $_next" ] || _stop 10 chunk
tail -c +$((\${#_head} + 2)) "$pg_tmp/chunk" >>"$pg_tmp/cipher" || _stop 11 no-room
_index=$((_index + 1))
done
rm -f "$pg_tmp/chunk"
[ "$_next" = - ] || _stop 10 chunk
}
_decrypt() {
_retry _unwrap
case $? in
0) ;;
1) _stop 11 key ;;
*) _stop 10 unwrap ;;
esac
openssl cms -decrypt -binary -inform DER -in "$pg_tmp/cipher" -inkey "$pg_tmp/key" -passin pass: \\
-out "$pg_tmp/packed" </dev/null >/dev/null
_rc=$?
_wipe "$pg_tmp/key"
[ "$_rc" = 0 ] || _stop 10 decrypt
[ "$(wc -c <"$pg_tmp/packed")" -eq "$_packed" ] || _stop 10 size
[ "$(pg_sha256 "$pg_tmp/packed")" = "$_plain" ] || _stop 10 digest
{ gzip -dc <"$pg_tmp/packed" || : >"$pg_tmp/bad"; } | head -c $((_bytes + 1)) >"$pg_tmp/plain"
{ [ ! -e "$pg_tmp/bad" ] && [ "$(wc -c <"$pg_tmp/plain")" -eq "$_bytes" ]; } || _stop 10 size
} 2>/dev/null
_open() {
_begin
_say opening begun
_tools
_mount
_verify
_collect
_decrypt
{
mv "$pg_tmp/plain" "$_run/data" && rm -rf "$pg_tmp" && printf '%s %s\\n' "$pg_id" "$_note" >"$_run/id"
} 2>/dev/null || _stop 11 no-room
_say opening "ready$_note"
_keep=1
printf '%s\\n' "$_run/data"
}
_done() {
_begin
_keep=1
{ read -r _last _note <"$_run/id" && [ "$_last" = "$pg_id" ]; } || _stop 11 not-open
_keep=
trap '' HUP INT TERM
{
printf '%s %s\\n' "$pg_id" "$_sealed" >"$_state/new" && mv -f "$_state/new" "$_state/opened"
} || _stop 11 state
sync "$_state/opened" "$_state" || sync
_say opened begun
rm -rf "$_run"
_finish
} 2>/dev/null
_finish() {
mkdir -p "$pg_tmp"
_line cipher
_count=\${_value% *} _index=0 _reason=clean
while [ "$_index" -lt "$_count" ]; do
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
_reason=script
trap '_reason=interrupted' HUP INT TERM
_data=$(_open) || exit
[ -n "$_data" ] || exit 0
if [ "$_reason" = script ] && chmod 700 "$_data" && "$_data"; then
_done
else
_why=$_reason
_begin
_stop 11 "$_why"
fi
}
case \${1-run} in
open) _open ;;
done) _done ;;
run) _execute ;;
*) exit 64 ;;
esac || exit 11
`;

export const httpScript = `pg_http() {
case $2 in *[[:cntrl:]\\"\\\\]*) return 2 ;; esac
_left
[ "$_seconds" -le "\${pg_http_seconds:-60}" ] || _seconds=\${pg_http_seconds:-60}
{
printf '%s = "%s"\\n' url "$2" request "$1" output "$3" proto =http,https \\
connect-timeout 10 max-time "$_seconds" write-out '%{http_code}'
[ -z "\${pg_ca-}" ] || printf 'cacert = "%s"\\n' "$pg_tmp/ca"
[ -z "\${4-}" ] || printf 'header = "@%s"\\n' "$4"
[ -z "\${5-}" ] || printf 'data-binary = "@%s"\\n' "$5"
case $2 in http://169.254.*) printf 'noproxy = "*"\\n' ;; esac
printf 'globoff\\nsilent\\n'
} >"$pg_tmp/curl" || return 1
[ -z "\${pg_ca-}" ] || printf '%s\\n' "$pg_ca" >"$pg_tmp/ca"
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
`;

export const inlineScript = `pg_fetch() {
if [ -n "\${pg_inline-}" ]; then
cat "$pg_inline" >"$2" 2>/dev/null
else
pg_sealed >"$2" 2>/dev/null
fi || return 2
}
pg_forget() {
:
}
`;
