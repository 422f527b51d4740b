// Written by scripts/generate-opener.mjs. Do not edit.

export const awsScript = `pg_aws() {
_c POST "$1" / "$4" "$3" "$2"
}
pg_aws_s3() {
_c "$1" s3 "$2" "$3" /dev/null ''
}
pg_json() {
tr , '\\n' <"$2" | sed -n "s/^.*\\"$1\\"[[:space:]]*:[[:space:]]*\\"\\([A-Za-z0-9+/=_.:-]*\\)\\".*\\$/\\1/p" | head -n 1
}
pg_unbase64() {
openssl base64 -d -A -in "$1" -out "$2" 2>/dev/null
}
_c() {
pg_error=
rm -f "$4" # or an earlier answer would be read where there is none
_d || return 1
eval "_at=\\\${pg_endpoint_$2-}"
case $_at,$pg_region in
,cn-*) _at=https://$2.$pg_region.amazonaws.com.cn ;;
,*) _at=https://$2.$pg_region.amazonaws.com ;;
esac
_ax=$(date -u +%Y%m%dT%H%M%SZ)
_ac=\${_ax%T*}/$pg_region/$2/aws4_request
_v=$(pg_sha256 "$5")
{
[ -z "$6" ] || printf 'content-type:application/x-amz-json-1.1\\n'
printf 'host:%s\\nx-amz-content-sha256:%s\\nx-amz-date:%s\\nx-amz-security-token:' "\${_at#*://}" "$_v" "$_ax"
pg_json Token "$pg_tmp/aws-role"
[ -z "$6" ] || printf 'x-amz-target:%s\\n' "$6"
} >"$pg_tmp/aws-headers"
_I=$(cut -d: -f1 "$pg_tmp/aws-headers" | tr '\\n' ';')
{
printf '%s\\n' "$1" "$3" ''
cat "$pg_tmp/aws-headers"
printf '\\n%s\\n%s' "\${_I%;}" "$_v"
} >"$pg_tmp/aws-request"
_C=$({
printf AWS4
pg_json SecretAccessKey "$pg_tmp/aws-role" | tr -d '\\n'
} | _x)
for _ah in "\${_ax%T*}" "$pg_region" "$2" aws4_request; do
_C=$(printf %s "$_ah" | _y "$_C")
done
_aj=$(printf 'AWS4-HMAC-SHA256\\n%s\\n%s\\n%s' "$_ax" "$_ac" "$(pg_sha256 "$pg_tmp/aws-request")" | _y "$_C")
_C=
printf 'authorization:AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s\\n' \\
"$(pg_json AccessKeyId "$pg_tmp/aws-role")" "$_ac" "\${_I%;}" "$_aj" >>"$pg_tmp/aws-headers"
set -- "$1" "$_at$3" "$4" "$pg_tmp/aws-headers" "$5"
[ "$1" = POST ] || set -- "$1" "$2" "$3" "$4"
pg_http "$@"
_V=$?
rm -f "$pg_tmp/aws-headers"
[ "$_V" != 0 ] || return 0
pg_error=$(sed -n 's/.*"__type" *: *"\\([A-Za-z0-9.]*#\\)\\{0,1\\}\\([A-Za-z]*\\).*/\\2/p;s/.*<Code>\\([A-Za-z]*\\)<.*/\\1/p' "$3" 2>/dev/null)
case $pg_error in
*Expired* | *Token* | *Signature* | *Skewed*) rm -f "$pg_tmp/aws-role" && return 1 ;;
*Throttl* | *TooMany* | *Denied* | *LimitExceeded* | *Unavailable* | *Internal*) return 1 ;;
esac
return "$_V"
}
_d() {
[ ! -s "$pg_tmp/aws-role" ] || return 0
_z=\${pg_imds:-http://169.254.169.254}/latest
printf 'X-aws-ec2-metadata-token-ttl-seconds: 300\\n' >"$pg_tmp/aws-imds"
pg_http PUT "$_z/api/token" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
{
printf 'X-aws-ec2-metadata-token: '
cat "$pg_tmp/aws-out"
} >"$pg_tmp/aws-imds"
if [ -z "\${pg_region-}" ]; then
pg_http GET "$_z/meta-data/placement/region" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
pg_region=$(cat "$pg_tmp/aws-out")
fi
_z=$_z/meta-data/iam/security-credentials/
pg_http GET "$_z" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
_z=$_z$(head -n 1 "$pg_tmp/aws-out")
pg_http GET "$_z" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
[ -n "$(pg_json SecretAccessKey "$pg_tmp/aws-out")" ] && mv "$pg_tmp/aws-out" "$pg_tmp/aws-role"
}
_x() {
od -An -v -tx1 | tr -d ' \\n'
}
_y() {
{
_Q "$1" 54
cat
} | openssl dgst -sha256 -binary | {
_Q "$1" 92
cat
} | openssl dgst -sha256 -binary | _x
}
_Q() {
_X=$(printf %-128s "$1" | tr ' ' 0)
_aB=$2
set --
while [ -n "$_X" ]; do
set -- "$@" $((0x\${_X%"\${_X#??}"} ^ _aB))
_X=\${_X#??}
done
printf %b "$(printf '\\\\0%03o' "$@")"
}
`;

export const beginScript = `pg_sha256() {
_aj=$(openssl dgst -sha256 -r "$@") && printf %s "\${_aj%% *}"
}
_ab() {
[ "$1" = opening ] || [ "$2" = begun ] || printf 'provider-guard: bootstrap data %s %s: %s\\n' "$pg_id" "$1" "$2" >>"$_i"
printf '%s %s %s\\n' "$1" "$pg_id" "$2" >"$_ag/new" && mv -f "$_ag/new" "$_ag/status"
} 2>/dev/null
_ai() {
_t && set -- 11 no-room
_au=failed
[ "$1" != 10 ] || _au=refused
_ab "$_au" "$2"
pg_report "$_au" "$2" >/dev/null
exit "$1"
} 2>/dev/null
_aa=\${PROVIDER_GUARD_RUN:-/run/provider-guard-bootstrap}
_ag=\${PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
_i=\${PROVIDER_GUARD_CONSOLE:-/dev/console}
_e() {
umask 077
set +ax -f
LC_ALL=C
export LC_ALL
pg_tmp=
case $_aa in
*[!A-Za-z0-9/._-]*) _ai 11 no-tmpfs ;;
/?*/?*) ;;
*) _ai 11 no-tmpfs ;;
esac
mkdir -p "\${_aa%/*}"
_aa=$(cd -P "\${_aa%/*}" && pwd -P)/\${_aa##*/}
pg_tmp=$_aa/tmp
{ mkdir -p "$_ag" && chmod 700 "$_ag"; } || _ai 11 state
read -r _f </proc/sys/kernel/random/boot_id
_an=
printf '%s %s\\n' $$ "$_f" >"$_ag/claim.$$" || _ai 11 state
until ln "$_ag/claim.$$" "$_ag/claim"; do
read -r _S _aw <"$_ag/claim"
if [ -n "$_an" ] || { [ "$_aw" = "$_f" ] && kill -0 "$_S"; }; then
rm -f "$_ag/claim.$$"
exit 11
fi
rm -f "$_ag/claim"
_an=1
done
rm -f "$_ag/claim.$$"
_B=
trap _n EXIT
trap '_ai 11 interrupted' HUP INT TERM
read -r _M _ </proc/uptime
_ar=$((\${_M%.*} + \${PROVIDER_GUARD_SECONDS:-300}))
} 2>/dev/null
_n() {
[ -n "$_B" ] || _aq
rm -f "$_ag/claim"
}
_E() {
read -r _M _ </proc/uptime
_ae=$((_ar - \${_M%.*}))
[ "$_ae" -gt 0 ] || _ae=1
}
_Y() {
_R=1
while "$@" >/dev/null 2>&1; _V=$?; [ "$_V" = 1 ]; do
_E
[ "$_ae" -gt "$_R" ] || return 1
sleep "$_R"
[ "$_R" -gt 15 ] || _R=$((_R * 2))
done
return "$_V"
}
_ay() {
_b=
while read -r _ _U _ap _; do
case $_aa/ in
"\${_U%/}"/*) [ \${#_U} -lt \${#_b} ] || { _b=$_U && _ao=$_ap; } ;;
esac
done </proc/mounts
}
_H() {
rm -rf "$_aa" 2>/dev/null
mkdir -p "$_aa" || _ai 11 no-tmpfs
_ay
if [ "$_b" != "$_aa" ]; then
mount -t tmpfs -o mode=700,nosuid,nodev,noswap tmpfs "$_aa" || {
mount -t tmpfs -o mode=700,nosuid,nodev tmpfs "$_aa"
{ read -r _ && read -r _; } </proc/swaps && _L=,swap
}
_ay
fi
case $_ao in
tmpfs | ramfs) ;;
*) _ai 11 no-tmpfs ;;
esac
{ chmod 700 "$_aa" && mkdir "$pg_tmp"; } || _ai 11 no-tmpfs
! _t || _ai 11 no-room
} 2>/dev/null
_aq() {
rm -rf "$_aa"
while _ay; [ "$_b" = "$_aa" ]; do
umount "$_aa" || umount -l "$_aa" || return 1
done
rm -rf "$_aa"
[ ! -e "$_aa" ]
} 2>/dev/null
_am() {
for _al in $1 $pg_needs; do
command -v "$_al" >/dev/null || _ai 10 "no-$_al"
done
}
_u() {
_Y _q
case $? in
0) ;;
1) _ai 11 store ;;
*) _ai 10 gone ;;
esac
}
_q() {
rm -f "$pg_tmp/chunk"
pg_fetch "$_A" "$pg_tmp/chunk"
}
`;

export const coreScript = `_L=
_af=\${PROVIDER_GUARD_SIGNER:-/etc/provider-guard/bootstrap-signer.pem}
_K='
'
_F() {
_au=\${pg_manifest#*"$_K$1 "}
_au=\${_au%%"$_K"*}
}
_t() {
[ -d "$pg_tmp" ] && ! _Z 0
}
_Z() {
df -Pk "$_aa" | {
read -r _
read -r _ _ _ _s _
[ "\${_s:-0}" -gt $(($1 / 1024 + 16)) ]
}
}
_N() {
case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac
}
_aA() {
head -c "$(wc -c <"$1")" /dev/zero 1<>"$1"
rm -f "$1"
} 2>/dev/null
_as() {
rm -f "$pg_tmp/key"
pg_unwrap "$pg_tmp/key"
}
_av() {
printf %s "$pg_manifest" >"$pg_tmp/manifest"
printf '%s\\n' "$pg_signer" >"$pg_tmp/signer"
printf '%s\\n' "$pg_signature" >"$pg_tmp/base64"
openssl base64 -d -A -in "$pg_tmp/base64" -out "$pg_tmp/signature"
if [ -e "$_af" ] || [ -L "$_af" ]; then
_W=signer
else
_af=$pg_tmp/signer _W=signature
fi
openssl pkeyutl -verify -pubin -inkey "$_af" -rawin -in "$pg_tmp/manifest" -sigfile "$pg_tmp/signature" \\
>/dev/null || _ai 10 "$_W"
case $pg_manifest in
"provider-guard bootstrap data 1$_K"*"\${_K}id $pg_id$_K"*) ;;
*) _ai 10 manifest ;;
esac
_F sealed
_ad=$_au
_F expires
_p=$_au
_F plain
_T=\${_au%% *} _g=\${_au##* } _P=\${_au#* }
_P=\${_P% *}
_F cipher
_j=\${_au% *} _J=\${_au#* }
for _au in "$_ad" "$_p" "$_P" "$_g" "$_j"; do
_N "$_au" || _ai 10 manifest
done
read -r _ _D <"$_ag/opened" && [ "$_ad" -le "$_D" ] && _ai 10 replayed
_M=$(date +%s)
[ "$_M" -le "$_p" ] || _ai 10 expired
[ "$_M" -ge "$_ad" ] || _L=$_L,clock
_F key
[ "\${_au#* }" = "$(printf %s "$pg_wrapped" | pg_sha256)" ] || _ai 10 key
} 2>/dev/null
_h() {
_Z $((_P * 3 + _g)) || _ai 11 no-room
trap '' XFSZ
ulimit -f $(((_P * 2 + _g) / 512 + 512))
_A=0
while [ "$_A" -lt "$_j" ]; do
_u
[ "$(pg_sha256 "$pg_tmp/chunk")" = "$_J" ] || _ai 10 chunk
read -r _w <"$pg_tmp/chunk"
_J=\${_w##* }
[ "$_w" = "pgc1 $_A $_j $_J" ] || _ai 10 chunk
tail -c +$((\${#_w} + 2)) "$pg_tmp/chunk" >>"$pg_tmp/cipher" || _ai 11 no-room
_A=$((_A + 1))
done
rm -f "$pg_tmp/chunk"
[ "$_J" = - ] || _ai 10 chunk
}
_l() {
_Y _as
case $? in
0) ;;
1) _ai 11 key ;;
*) _ai 10 unwrap ;;
esac
openssl cms -decrypt -binary -inform DER -in "$pg_tmp/cipher" -inkey "$pg_tmp/key" -passin pass: \\
-out "$pg_tmp/packed" </dev/null >/dev/null
_V=$?
_aA "$pg_tmp/key"
[ "$_V" = 0 ] || _ai 10 decrypt
[ "$(wc -c <"$pg_tmp/packed")" -eq "$_P" ] || _ai 10 size
[ "$(pg_sha256 "$pg_tmp/packed")" = "$_T" ] || _ai 10 digest
{ gzip -dc <"$pg_tmp/packed" || : >"$pg_tmp/bad"; } | head -c $((_g + 1)) >"$pg_tmp/plain"
{ [ ! -e "$pg_tmp/bad" ] && [ "$(wc -c <"$pg_tmp/plain")" -eq "$_g" ]; } || _ai 10 size
} 2>/dev/null
_a() {
_e
if read -r _D _ <"$_ag/opened" && [ "$_D" = "$pg_id" ]; then
read -r _ _ _W <"$_ag/status"
case $_W in
clean*) ;;
*) _H && _r ;;
esac
exit 0
fi
} 2>/dev/null
_O() {
_a
_ab opening begun
_am "cat cut date df gzip head ln mkdir mount mv openssl rm sleep tail tr umount wc"
case $(openssl version) in
'OpenSSL '[3-9].* | 'OpenSSL '[1-9][0-9].*) ;;
*) _ai 10 old-openssl ;;
esac
_H
_av
_h
_l
{
mv "$pg_tmp/plain" "$_aa/data" && rm -rf "$pg_tmp" && printf '%s %s\\n' "$pg_id" "$_L" >"$_aa/id"
} 2>/dev/null || _ai 11 no-room
_ab opening "ready$_L"
_B=1
printf '%s\\n' "$_aa/data"
}
_m() {
_a
_B=1
{ read -r _D _L <"$_aa/id" && [ "$_D" = "$pg_id" ]; } || _ai 11 not-open
_B=
trap '' HUP INT TERM
_F sealed
{
printf '%s %s\\n' "$pg_id" "$_au" >"$_ag/new" && mv -f "$_ag/new" "$_ag/opened"
} || _ai 11 state
sync \${pg_program:+"$_ag/program"} "$_ag/opened" "$_ag" || sync
_ab opened begun
rm -rf "$_aa"
_r
} 2>/dev/null
_r() {
mkdir -p "$pg_tmp"
_F cipher
_j=\${_au% *} _A=0 _W=clean
while [ "$_A" -lt "\${pg_items:-$_j}" ]; do
_Y pg_forget "$_A" || _W=left-in-store
_A=$((_A + 1))
done
_aq || _W=left-here
_ab opened "$_W$_L"
[ "$_W" = clean ]
}
_o() {
_F format
[ "$_au" = script ] || {
_e
_ai 10 format
}
_W=script
trap '_W=interrupted' HUP INT TERM
_k=$(_O) || exit
[ -n "$_k" ] || exit 0
if [ "$_W" = script ] && chmod 700 "$_k" && "$_k"; then
_m
else
_az=$_W
_e
_ai 11 "$_az"
fi
}
case \${1-run} in
open) _O ;;
done) _m ;;
handler) printf %s "\${pg_handler-}" ;;
run) _o ;;
*) exit 64 ;;
esac || exit 11
`;

export const httpScript = `pg_http() {
case $2 in *[[:cntrl:]\\"\\\\]*) return 2 ;; esac
_E
[ "$_ae" -le "\${pg_http_seconds:-60}" ] || _ae=\${pg_http_seconds:-60}
{
printf '%s = "%s"\\n' url "$2" request "$1" output "$3" proto =http,https \\
connect-timeout 10 max-time "$_ae" write-out '%{http_code}'
[ -z "\${pg_ca-}" ] || printf 'cacert = "%s"\\n' "$pg_tmp/ca"
[ -z "\${4-}" ] || printf 'header = "@%s"\\n' "$4"
[ -z "\${5-}" ] || printf 'data-binary = "@%s"\\n' "$5"
case $2 in http://169.254.*) printf 'noproxy = "*"\\n' ;; esac
printf 'globoff\\nsilent\\n'
} >"$pg_tmp/curl" || return 1
[ -z "\${pg_ca-}" ] || printf '%s\\n' "$pg_ca" >"$pg_tmp/ca"
pg_code=$(curl -q -K "$pg_tmp/curl" 2>/dev/null)
_V=$?
rm -f "$pg_tmp/curl"
case $_V,$pg_code in
0,2??) return 0 ;;
0,401 | 0,403 | 0,408 | 0,425 | 0,429 | 0,5??) return 1 ;;
0,* | 63,* | [13],*) return 2 ;;
*) return 1 ;;
esac
}
`;

export const inlineScript = `pg_fetch() {
pg_sealed >"$2" 2>/dev/null || return 2
}
pg_forget() {
:
}
`;

export const loadScript = `_G() {
if [ "$(pg_sha256 "$_ag/program")" != "$pg_program" ]; then
_e
_ab opening begun
_am "gzip openssl"
_H
trap '' XFSZ
ulimit -f 999
_A=$pg_chunks
while [ "$_A" -lt "$pg_items" ]; do
_u
cat "$pg_tmp/chunk" >>"$pg_tmp/program"
_A=$((_A + 1))
done
[ "$(pg_sha256 "$pg_tmp/program")" = "$pg_program" ] || _ai 10 program
{ cat "$pg_tmp/program" >"$_ag/new" && mv -f "$_ag/new" "$_ag/program"; } || _ai 11 state
fi
gzip -dc <"$_ag/program"
} 2>/dev/null
_ak=$(_G) || exit
eval "$_ak"
`;
