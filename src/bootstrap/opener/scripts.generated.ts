// Written by scripts/generate-opener.mjs. Do not edit.

export const awsScript = `pg_aws() {
_b POST "$1" / "$4" "$3" "$2"
}
pg_aws_s3() {
_b "$1" s3 "$2" "$3" /dev/null ''
}
pg_json() {
tr , '\\n' <"$2" | sed -n "s/^.*\\"$1\\"[[:space:]]*:[[:space:]]*\\"\\([A-Za-z0-9+/=_.:-]*\\)\\".*\\$/\\1/p" | head -n 1
}
pg_unbase64() {
openssl base64 -d -A -in "$1" -out "$2" 2>/dev/null
}
_b() {
pg_error=
rm -f "$4" # or an earlier answer would be read where there is none
_c || return 1
eval "_ao=\\\${pg_endpoint_$2-}"
case $_ao,$pg_region in
,cn-*) _ao=https://$2.$pg_region.amazonaws.com.cn ;;
,*) _ao=https://$2.$pg_region.amazonaws.com ;;
esac
_as=$(date -u +%Y%m%dT%H%M%SZ)
_Y=\${_as%T*}/$pg_region/$2/aws4_request
_s=$(pg_sha256 "$5")
{
[ -z "$6" ] || printf 'content-type:application/x-amz-json-1.1\\n'
printf 'host:%s\\nx-amz-content-sha256:%s\\nx-amz-date:%s\\nx-amz-security-token:' "\${_ao#*://}" "$_s" "$_as"
pg_json Token "$pg_tmp/aws-role"
[ -z "$6" ] || printf 'x-amz-target:%s\\n' "$6"
} >"$pg_tmp/aws-headers"
_E=$(cut -d: -f1 "$pg_tmp/aws-headers" | tr '\\n' ';')
{
printf '%s\\n' "$1" "$3" ''
cat "$pg_tmp/aws-headers"
printf '\\n%s\\n%s' "\${_E%;}" "$_s"
} >"$pg_tmp/aws-request"
_z=$({
printf AWS4
pg_json SecretAccessKey "$pg_tmp/aws-role" | tr -d '\\n'
} | _u)
for _ad in "\${_as%T*}" "$pg_region" "$2" aws4_request; do
_z=$(printf %s "$_ad" | _v "$_z")
done
_af=$(printf 'AWS4-HMAC-SHA256\\n%s\\n%s\\n%s' "$_as" "$_Y" "$(pg_sha256 "$pg_tmp/aws-request")" | _v "$_z")
_z=
printf 'authorization:AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s\\n' \\
"$(pg_json AccessKeyId "$pg_tmp/aws-role")" "$_Y" "\${_E%;}" "$_af" >>"$pg_tmp/aws-headers"
set -- "$1" "$_ao$3" "$4" "$pg_tmp/aws-headers" "$5"
[ "$1" = POST ] || set -- "$1" "$2" "$3" "$4"
pg_http "$@"
_R=$?
rm -f "$pg_tmp/aws-headers"
[ "$_R" != 0 ] || return 0
pg_error=$(sed -n 's/.*"__type" *: *"\\([A-Za-z0-9.]*#\\)\\{0,1\\}\\([A-Za-z]*\\).*/\\2/p;s/.*<Code>\\([A-Za-z]*\\)<.*/\\1/p' "$3" 2>/dev/null)
case $pg_error in
*Expired* | *Token* | *Signature* | *Skewed*) rm -f "$pg_tmp/aws-role" && return 1 ;;
*Throttl* | *TooMany* | *Denied* | *LimitExceeded* | *Unavailable* | *Internal*) return 1 ;;
esac
return "$_R"
}
_c() {
[ ! -s "$pg_tmp/aws-role" ] || return 0
_w=\${pg_imds:-http://169.254.169.254}/latest
printf 'X-aws-ec2-metadata-token-ttl-seconds: 300\\n' >"$pg_tmp/aws-imds"
pg_http PUT "$_w/api/token" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
{
printf 'X-aws-ec2-metadata-token: '
cat "$pg_tmp/aws-out"
} >"$pg_tmp/aws-imds"
if [ -z "\${pg_region-}" ]; then
pg_http GET "$_w/meta-data/placement/region" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
pg_region=$(cat "$pg_tmp/aws-out")
fi
_w=$_w/meta-data/iam/security-credentials/
pg_http GET "$_w" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
_w=$_w$(head -n 1 "$pg_tmp/aws-out")
pg_http GET "$_w" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
[ -n "$(pg_json SecretAccessKey "$pg_tmp/aws-out")" ] && mv "$pg_tmp/aws-out" "$pg_tmp/aws-role"
}
_u() {
od -An -v -tx1 | tr -d ' \\n'
}
_v() {
{
_M "$1" 54
cat
} | openssl dgst -sha256 -binary | {
_M "$1" 92
cat
} | openssl dgst -sha256 -binary | _u
}
_M() {
_T=$(printf %-128s "$1" | tr ' ' 0)
_aw=$2
set --
while [ -n "$_T" ]; do
set -- "$@" $((0x\${_T%"\${_T#??}"} ^ _aw))
_T=\${_T#??}
done
printf %b "$(printf '\\\\0%03o' "$@")"
}
`;

export const coreScript = `_G='
'
_C() {
_ap=\${pg_manifest#*"$_G$1 "}
_ap=\${_ap%%"$_G"*}
}
_J() {
case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac
}
pg_sha256() {
_af=$(openssl dgst -sha256 -r "$@") && printf %s "\${_af%% *}"
}
_X() {
[ "$1" = opening ] || [ "$2" = begun ] || printf 'provider-guard: bootstrap data %s %s: %s\\n' "$pg_id" "$1" "$2" >>"$_h"
printf '%s %s %s\\n' "$1" "$pg_id" "$2" >"$_ac/new" && mv -f "$_ac/new" "$_ac/status"
} 2>/dev/null
_ae() {
[ ! -d "$pg_tmp" ] || _V 0 || set -- 11 no-room
_ap=failed
[ "$1" != 10 ] || _ap=refused
_X "$_ap" "$2"
! command -v pg_report >/dev/null || pg_report "$_ap" "$2" >/dev/null 2>&1
exit "$1"
}
_d() {
umask 077
set +ax -f
LC_ALL=C
export LC_ALL
_W=\${PROVIDER_GUARD_RUN:-/run/provider-guard-bootstrap}
_ac=\${PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
_h=\${PROVIDER_GUARD_CONSOLE:-/dev/console}
_ab=\${PROVIDER_GUARD_SIGNER:-/etc/provider-guard/bootstrap-signer.pem}
_H=
_C id
pg_id=$_ap
case $pg_id in '' | *[!0-9a-f]*) pg_id=- ;; esac
_C sealed
_Z=$_ap
case $_W in
*[!A-Za-z0-9/._-]*) _ae 11 no-tmpfs ;;
/?*/?*) ;;
*) _ae 11 no-tmpfs ;;
esac
mkdir -p "\${_W%/*}"
_W=$(cd -P "\${_W%/*}" && pwd -P)/\${_W##*/}
pg_tmp=$_W/tmp
{ mkdir -p "$_ac" && chmod 700 "$_ac"; } || _ae 11 state
read -r _e </proc/sys/kernel/random/boot_id
_ai=
printf '%s %s\\n' $$ "$_e" >"$_ac/claim.$$" || _ae 11 state
until ln "$_ac/claim.$$" "$_ac/claim"; do
read -r _O _ar <"$_ac/claim"
if [ -n "$_ai" ] || { [ "$_ar" = "$_e" ] && kill -0 "$_O"; }; then
rm -f "$_ac/claim.$$"
exit 11
fi
rm -f "$_ac/claim"
_ai=1
done
rm -f "$_ac/claim.$$"
_y=
trap _m EXIT
trap '_ae 11 interrupted' HUP INT TERM
read -r _I _ </proc/uptime
_am=$((\${_I%.*} + \${PROVIDER_GUARD_SECONDS:-300}))
if read -r _A _ <"$_ac/opened" && [ "$_A" = "$pg_id" ]; then
read -r _ _ _S <"$_ac/status"
case $_S in
clean*) ;;
*) _D && _q ;;
esac
exit 0
fi
} 2>/dev/null
_m() {
[ -n "$_y" ] || _al
rm -f "$_ac/claim"
}
_B() {
read -r _I _ </proc/uptime
_aa=$((_am - \${_I%.*}))
[ "$_aa" -gt 0 ] || _aa=1
}
_U() {
_N=1
while "$@" >/dev/null 2>&1; _R=$?; [ "$_R" = 1 ]; do
_B
[ "$_aa" -gt "$_N" ] || return 1
sleep "$_N"
[ "$_N" -gt 15 ] || _N=$((_N * 2))
done
return "$_R"
}
_at() {
_a=
while read -r _ _Q _ak _; do
case $_W/ in
"\${_Q%/}"/*) [ \${#_Q} -lt \${#_a} ] || { _a=$_Q && _aj=$_ak; } ;;
esac
done </proc/mounts
}
_D() {
rm -rf "$_W" 2>/dev/null
mkdir -p "$_W" || _ae 11 no-tmpfs
_at
if [ "$_a" != "$_W" ]; then
mount -t tmpfs -o mode=700,nosuid,nodev,noswap tmpfs "$_W" || {
mount -t tmpfs -o mode=700,nosuid,nodev tmpfs "$_W"
{ read -r _ && read -r _; } </proc/swaps && _H=,swap
}
_at
fi
case $_aj in
tmpfs | ramfs) ;;
*) _ae 11 no-tmpfs ;;
esac
{ chmod 700 "$_W" && mkdir "$pg_tmp"; } || _ae 11 no-tmpfs
_V 0 || _ae 11 no-room
} 2>/dev/null
_al() {
rm -rf "$_W"
while _at; [ "$_a" = "$_W" ]; do
umount "$_W" || umount -l "$_W" || return 1
done
rm -rf "$_W"
[ ! -e "$_W" ]
} 2>/dev/null
_V() {
df -Pk "$_W" | {
read -r _
read -r _ _ _ _r _
[ "\${_r:-0}" -gt $(($1 / 1024 + 16)) ]
}
}
_av() {
head -c "$(wc -c <"$1")" /dev/zero 1<>"$1"
rm -f "$1"
} 2>/dev/null
_p() {
rm -f "$pg_tmp/chunk"
pg_fetch "$_x" "$pg_tmp/chunk"
}
_an() {
rm -f "$pg_tmp/key"
pg_unwrap "$pg_tmp/key"
}
_ah() {
for _ag in cat cut date df gzip head ln mkdir mount mv openssl rm sleep tail tr umount wc $pg_needs; do
command -v "$_ag" >/dev/null || _ae 10 "no-$_ag"
done
case $(openssl version) in
'OpenSSL '[3-9].* | 'OpenSSL '[1-9][0-9].*) ;;
*) _ae 10 old-openssl ;;
esac
} 2>/dev/null
_aq() {
printf %s "$pg_manifest" >"$pg_tmp/manifest"
printf '%s\\n' "$pg_signer" >"$pg_tmp/signer"
printf '%s\\n' "$pg_signature" >"$pg_tmp/base64"
openssl base64 -d -A -in "$pg_tmp/base64" -out "$pg_tmp/signature"
if [ -e "$_ab" ] || [ -L "$_ab" ]; then
_S=signer
else
_ab=$pg_tmp/signer _S=signature
fi
openssl pkeyutl -verify -pubin -inkey "$_ab" -rawin -in "$pg_tmp/manifest" -sigfile "$pg_tmp/signature" \\
>/dev/null || _ae 10 "$_S"
case $pg_id,$pg_manifest in -,* | *,"provider-guard bootstrap data 1$_G"*) ;; *) _ae 10 manifest ;; esac
_C expires
_o=$_ap
_C plain
_P=\${_ap%% *} _f=\${_ap##* } _L=\${_ap#* }
_L=\${_L% *}
_C cipher
_i=\${_ap% *} _F=\${_ap#* }
for _ap in "$_Z" "$_o" "$_L" "$_f" "$_i"; do
_J "$_ap" || _ae 10 manifest
done
read -r _ _A <"$_ac/opened" && [ "$_Z" -le "$_A" ] && _ae 10 replayed
_I=$(date +%s)
[ "$_I" -le "$_o" ] || _ae 10 expired
[ "$_I" -ge "$_Z" ] || _H=$_H,clock
_C key
[ "\${_ap#* }" = "$(printf %s "$pg_wrapped" | pg_sha256)" ] || _ae 10 key
} 2>/dev/null
_g() {
_V $((_L * 3 + _f)) || _ae 11 no-room
trap '' XFSZ
ulimit -f $(((_L * 2 + _f) / 512 + 512))
_x=0
while [ "$_x" -lt "$_i" ]; do
_U _p
case $? in
0) ;;
1) _ae 11 store ;;
*) _ae 10 gone ;;
esac
[ "$(pg_sha256 "$pg_tmp/chunk")" = "$_F" ] || _ae 10 chunk
read -r _t <"$pg_tmp/chunk"
_F=\${_t##* }
[ "$_t" = "pgc1 $_x $_i $_F" ] || _ae 10 chunk
tail -c +$((\${#_t} + 2)) "$pg_tmp/chunk" >>"$pg_tmp/cipher" || _ae 11 no-room
_x=$((_x + 1))
done
rm -f "$pg_tmp/chunk"
[ "$_F" = - ] || _ae 10 chunk
}
_k() {
_U _an
case $? in
0) ;;
1) _ae 11 key ;;
*) _ae 10 unwrap ;;
esac
openssl cms -decrypt -binary -inform DER -in "$pg_tmp/cipher" -inkey "$pg_tmp/key" -passin pass: \\
-out "$pg_tmp/packed" </dev/null >/dev/null
_R=$?
_av "$pg_tmp/key"
[ "$_R" = 0 ] || _ae 10 decrypt
[ "$(wc -c <"$pg_tmp/packed")" -eq "$_L" ] || _ae 10 size
[ "$(pg_sha256 "$pg_tmp/packed")" = "$_P" ] || _ae 10 digest
{ gzip -dc <"$pg_tmp/packed" || : >"$pg_tmp/bad"; } | head -c $((_f + 1)) >"$pg_tmp/plain"
{ [ ! -e "$pg_tmp/bad" ] && [ "$(wc -c <"$pg_tmp/plain")" -eq "$_f" ]; } || _ae 10 size
} 2>/dev/null
_K() {
_d
_X opening begun
_ah
_D
_aq
_g
_k
{
mv "$pg_tmp/plain" "$_W/data" && rm -rf "$pg_tmp" && printf '%s %s\\n' "$pg_id" "$_H" >"$_W/id"
} 2>/dev/null || _ae 11 no-room
_X opening "ready$_H"
_y=1
printf '%s\\n' "$_W/data"
}
_l() {
_d
_y=1
{ read -r _A _H <"$_W/id" && [ "$_A" = "$pg_id" ]; } || _ae 11 not-open
_y=
trap '' HUP INT TERM
{
printf '%s %s\\n' "$pg_id" "$_Z" >"$_ac/new" && mv -f "$_ac/new" "$_ac/opened"
} || _ae 11 state
sync "$_ac/opened" "$_ac" || sync
_X opened begun
rm -rf "$_W"
_q
} 2>/dev/null
_q() {
mkdir -p "$pg_tmp"
_C cipher
_i=\${_ap% *} _x=0 _S=clean
while [ "$_x" -lt "$_i" ]; do
_U pg_forget "$_x" || _S=left-in-store
_x=$((_x + 1))
done
_al || _S=left-here
_X opened "$_S$_H"
[ "$_S" = clean ]
}
_n() {
_C format
[ "$_ap" = script ] || {
_d
_ae 10 format
}
_S=script
trap '_S=interrupted' HUP INT TERM
_j=$(_K) || exit
[ -n "$_j" ] || exit 0
if [ "$_S" = script ] && chmod 700 "$_j" && "$_j"; then
_l
else
_au=$_S
_d
_ae 11 "$_au"
fi
}
case \${1-run} in
open) _K ;;
done) _l ;;
run) _n ;;
*) exit 64 ;;
esac || exit 11
`;

export const httpScript = `pg_http() {
case $2 in *[[:cntrl:]\\"\\\\]*) return 2 ;; esac
_B
[ "$_aa" -le "\${pg_http_seconds:-60}" ] || _aa=\${pg_http_seconds:-60}
{
printf '%s = "%s"\\n' url "$2" request "$1" output "$3" proto =http,https \\
connect-timeout 10 max-time "$_aa" write-out '%{http_code}'
[ -z "\${pg_ca-}" ] || printf 'cacert = "%s"\\n' "$pg_tmp/ca"
[ -z "\${4-}" ] || printf 'header = "@%s"\\n' "$4"
[ -z "\${5-}" ] || printf 'data-binary = "@%s"\\n' "$5"
case $2 in http://169.254.*) printf 'noproxy = "*"\\n' ;; esac
printf 'globoff\\nsilent\\n'
} >"$pg_tmp/curl" || return 1
[ -z "\${pg_ca-}" ] || printf '%s\\n' "$pg_ca" >"$pg_tmp/ca"
pg_code=$(curl -q -K "$pg_tmp/curl" 2>/dev/null)
_R=$?
rm -f "$pg_tmp/curl"
case $_R,$pg_code in
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
