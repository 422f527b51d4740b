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
eval "_as=\\\${pg_endpoint_$2-}"
case $_as,$pg_region in
,cn-*) _as=https://$2.$pg_region.amazonaws.com.cn ;;
,*) _as=https://$2.$pg_region.amazonaws.com ;;
esac
_aw=$(date -u +%Y%m%dT%H%M%SZ)
_ab=\${_aw%T*}/$pg_region/$2/aws4_request
_w=$(pg_sha256 "$5")
{
[ -z "$6" ] || printf 'content-type:application/x-amz-json-1.1\\n'
printf 'host:%s\\nx-amz-content-sha256:%s\\nx-amz-date:%s\\nx-amz-security-token:' "\${_as#*://}" "$_w" "$_aw"
pg_json Token "$pg_tmp/aws-role"
[ -z "$6" ] || printf 'x-amz-target:%s\\n' "$6"
} >"$pg_tmp/aws-headers"
_I=$(cut -d: -f1 "$pg_tmp/aws-headers" | tr '\\n' ';')
{
printf '%s\\n' "$1" "$3" ''
cat "$pg_tmp/aws-headers"
printf '\\n%s\\n%s' "\${_I%;}" "$_w"
} >"$pg_tmp/aws-request"
_C=$({
printf AWS4
pg_json SecretAccessKey "$pg_tmp/aws-role" | tr -d '\\n'
} | od -An -v -tx1 | tr -d ' \\n')
for _ag in "\${_aw%T*}" "$pg_region" "$2" aws4_request; do
_C=$(printf %s "$_ag" | _y "$_C")
done
_ai=$(printf 'AWS4-HMAC-SHA256\\n%s\\n%s\\n%s' "$_aw" "$_ab" "$(pg_sha256 "$pg_tmp/aws-request")" | _y "$_C")
_C=
printf 'authorization:AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s\\n' \\
"$(pg_json AccessKeyId "$pg_tmp/aws-role")" "$_ab" "\${_I%;}" "$_ai" >>"$pg_tmp/aws-headers"
set -- "$1" "$_as$3" "$4" "$pg_tmp/aws-headers" "$5"
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
_y() {
{
_Q "$1" 54
cat
} | openssl dgst -sha256 -binary | {
_Q "$1" 92
cat
} | pg_sha256
}
_Q() {
printf %b "$(for _g in $(printf %-128s "$1" | sed 's/ /0/g;s/../0x& /g'); do
printf '\\\\0%03o' $((_g ^ $2))
done)"
}
`;

export const beginScript = `pg_sha256() {
_ai=$(openssl dgst -sha256 -r "$@") && printf %s "\${_ai%% *}"
}
_aa() {
[ "$1" = opening ] || [ "$2" = begun ] || printf 'provider-guard: bootstrap data %s %s: %s\\n' "$pg_id" "$1" "$2" >>"$_j"
printf '%s %s %s\\n' "$1" "$pg_id" "$2" >"$_af/new" && mv -f "$_af/new" "$_af/status"
} 2>/dev/null
_ah() {
_u && set -- 11 no-room
_at=failed
[ "$1" != 10 ] || _at=refused
_aa "$_at" "$2"
pg_report "$_at" "$2" >/dev/null
exit "$1"
} 2>/dev/null
_Z=\${PROVIDER_GUARD_RUN:-/run/provider-guard-bootstrap}
_af=\${PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
_j=\${PROVIDER_GUARD_CONSOLE:-/dev/console}
_e() {
umask 077
set +ax -f
LC_ALL=C
export LC_ALL
pg_tmp=
case $_Z in
*[!A-Za-z0-9/._-]*) _ah 11 no-tmpfs ;;
/?*/?*) ;;
*) _ah 11 no-tmpfs ;;
esac
mkdir -p "\${_Z%/*}"
_Z=$(cd -P "\${_Z%/*}" && pwd -P)/\${_Z##*/}
pg_tmp=$_Z/tmp
{ mkdir -p "$_af" && chmod 700 "$_af"; } || _ah 11 state
read -r _f </proc/sys/kernel/random/boot_id
_am=
printf '%s %s\\n' $$ "$_f" >"$_af/claim.$$" || _ah 11 state
until ln "$_af/claim.$$" "$_af/claim"; do
read -r _S _av <"$_af/claim"
if [ -n "$_am" ] || { [ "$_av" = "$_f" ] && kill -0 "$_S"; }; then
rm -f "$_af/claim.$$"
exit 11
fi
rm -f "$_af/claim"
_am=1
done
rm -f "$_af/claim.$$"
_B=
trap _o EXIT
trap '_ah 11 interrupted' HUP INT TERM
read -r _M _ </proc/uptime
_aq=$((\${_M%.*} + \${PROVIDER_GUARD_SECONDS:-300}))
} 2>/dev/null
_o() {
[ -n "$_B" ] || _ap
rm -f "$_af/claim"
}
_E() {
read -r _M _ </proc/uptime
_ad=$((_aq - \${_M%.*}))
[ "$_ad" -gt 0 ] || _ad=1
}
_X() {
_R=1
while "$@" >/dev/null 2>&1; _V=$?; [ "$_V" = 1 ]; do
_E
[ "$_ad" -gt "$_R" ] || return 1
sleep "$_R"
[ "$_R" -gt 15 ] || _R=$((_R * 2))
done
return "$_V"
}
_ax() {
_b=
while read -r _ _U _ao _; do
case $_Z/ in
"\${_U%/}"/*) [ \${#_U} -lt \${#_b} ] || { _b=$_U && _an=$_ao; } ;;
esac
done </proc/mounts
}
_H() {
rm -rf "$_Z" 2>/dev/null
mkdir -p "$_Z" || _ah 11 no-tmpfs
_ax
if [ "$_b" != "$_Z" ]; then
mount -t tmpfs -o mode=700,nosuid,nodev,noswap tmpfs "$_Z" || {
mount -t tmpfs -o mode=700,nosuid,nodev tmpfs "$_Z"
{ read -r _ && read -r _; } </proc/swaps && _L=,swap
}
_ax
fi
case $_an in
tmpfs | ramfs) ;;
*) _ah 11 no-tmpfs ;;
esac
{ chmod 700 "$_Z" && mkdir "$pg_tmp"; } || _ah 11 no-tmpfs
! _u || _ah 11 no-room
} 2>/dev/null
_ap() {
rm -rf "$_Z"
while _ax; [ "$_b" = "$_Z" ]; do
umount "$_Z" || umount -l "$_Z" || return 1
done
rm -rf "$_Z"
[ ! -e "$_Z" ]
} 2>/dev/null
_al() {
for _ak in $1 $pg_needs; do
command -v "$_ak" >/dev/null || _ah 10 "no-$_ak"
done
}
_v() {
_X _r
case $? in
0) ;;
1) _ah 11 store ;;
*) _ah 10 gone ;;
esac
}
_r() {
rm -f "$pg_tmp/chunk"
pg_fetch "$_A" "$pg_tmp/chunk"
}
`;

export const coreScript = `_L=
_ae=\${PROVIDER_GUARD_SIGNER:-/etc/provider-guard/bootstrap-signer.pem}
_K='
'
_F() {
_at=\${pg_manifest#*"$_K$1 "}
_at=\${_at%%"$_K"*}
}
_u() {
[ -d "$pg_tmp" ] && ! _Y 0
}
_Y() {
df -Pk "$_Z" | {
read -r _
read -r _ _ _ _t _
[ "\${_t:-0}" -gt $(($1 / 1024 + 16)) ]
}
}
_N() {
case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac
}
_az() {
head -c "$(wc -c <"$1")" /dev/zero 1<>"$1"
rm -f "$1"
} 2>/dev/null
_ar() {
rm -f "$pg_tmp/key"
pg_unwrap "$pg_tmp/key"
}
_au() {
printf %s "$pg_manifest" >"$pg_tmp/manifest"
printf '%s\\n' "$pg_signer" >"$pg_tmp/signer"
printf '%s\\n' "$pg_signature" >"$pg_tmp/base64"
openssl base64 -d -A -in "$pg_tmp/base64" -out "$pg_tmp/signature"
if [ -e "$_ae" ] || [ -L "$_ae" ]; then
_W=signer
else
_ae=$pg_tmp/signer _W=signature
fi
openssl pkeyutl -verify -pubin -inkey "$_ae" -rawin -in "$pg_tmp/manifest" -sigfile "$pg_tmp/signature" \\
>/dev/null || _ah 10 "$_W"
case $pg_manifest in
"provider-guard bootstrap data 1$_K"*"\${_K}id $pg_id$_K"*) ;;
*) _ah 10 manifest ;;
esac
_F sealed
_ac=$_at
_F expires
_q=$_at
_F plain
_T=\${_at%% *} _h=\${_at##* } _P=\${_at#* }
_P=\${_P% *}
_F cipher
_k=\${_at% *} _J=\${_at#* }
for _at in "$_ac" "$_q" "$_P" "$_h" "$_k"; do
_N "$_at" || _ah 10 manifest
done
read -r _ _D <"$_af/opened" && [ "$_ac" -le "$_D" ] && _ah 10 replayed
_M=$(date +%s)
[ "$_M" -le "$_q" ] || _ah 10 expired
[ "$_M" -ge "$_ac" ] || _L=$_L,clock
_F key
[ "\${_at#* }" = "$(printf %s "$pg_wrapped" | pg_sha256)" ] || _ah 10 key
} 2>/dev/null
_i() {
_Y $((_P * 3 + _h)) || _ah 11 no-room
trap '' XFSZ
ulimit -f $(((_P * 2 + _h) / 512 + 512))
_A=0
while [ "$_A" -lt "$_k" ]; do
_v
[ "$(pg_sha256 "$pg_tmp/chunk")" = "$_J" ] || _ah 10 chunk
read -r _x <"$pg_tmp/chunk"
_J=\${_x##* }
[ "$_x" = "pgc1 $_A $_k $_J" ] || _ah 10 chunk
tail -c +$((\${#_x} + 2)) "$pg_tmp/chunk" >>"$pg_tmp/cipher" || _ah 11 no-room
_A=$((_A + 1))
done
rm -f "$pg_tmp/chunk"
[ "$_J" = - ] || _ah 10 chunk
}
_m() {
_X _ar
case $? in
0) ;;
1) _ah 11 key ;;
*) _ah 10 unwrap ;;
esac
openssl cms -decrypt -binary -inform DER -in "$pg_tmp/cipher" -inkey "$pg_tmp/key" -passin pass: \\
-out "$pg_tmp/packed" </dev/null >/dev/null
_V=$?
_az "$pg_tmp/key"
[ "$_V" = 0 ] || _ah 10 decrypt
[ "$(wc -c <"$pg_tmp/packed")" -eq "$_P" ] || _ah 10 size
[ "$(pg_sha256 "$pg_tmp/packed")" = "$_T" ] || _ah 10 digest
{ gzip -dc <"$pg_tmp/packed" || : >"$pg_tmp/bad"; } | head -c $((_h + 1)) >"$pg_tmp/plain"
{ [ ! -e "$pg_tmp/bad" ] && [ "$(wc -c <"$pg_tmp/plain")" -eq "$_h" ]; } || _ah 10 size
} 2>/dev/null
_a() {
_e
if read -r _D _ <"$_af/opened" && [ "$_D" = "$pg_id" ]; then
read -r _ _ _W <"$_af/status"
case $_W in
clean*) ;;
*) _H && _s ;;
esac
exit 0
fi
} 2>/dev/null
_O() {
_a
_aa opening begun
_al "cat cut date df gzip head ln mkdir mount mv openssl rm sleep tail tr umount wc"
case $(openssl version) in
'OpenSSL '[3-9].* | 'OpenSSL '[1-9][0-9].*) ;;
*) _ah 10 old-openssl ;;
esac
_H
_au
_i
_m
{
mv "$pg_tmp/plain" "$_Z/data" && rm -rf "$pg_tmp" && printf '%s %s\\n' "$pg_id" "$_L" >"$_Z/id"
} 2>/dev/null || _ah 11 no-room
_aa opening "ready$_L"
_B=1
printf '%s\\n' "$_Z/data"
}
_n() {
_a
_B=1
{ read -r _D _L <"$_Z/id" && [ "$_D" = "$pg_id" ]; } || _ah 11 not-open
_B=
trap '' HUP INT TERM
_F sealed
{
printf '%s %s\\n' "$pg_id" "$_at" >"$_af/new" && mv -f "$_af/new" "$_af/opened"
} || _ah 11 state
sync \${pg_program:+"$_af/program"} "$_af/opened" "$_af" || sync
_aa opened begun
rm -rf "$_Z"
_s
} 2>/dev/null
_s() {
mkdir -p "$pg_tmp"
_F cipher
_k=\${_at% *} _A=0 _W=clean
while [ "$_A" -lt "\${pg_items:-$_k}" ]; do
_X pg_forget "$_A" || _W=left-in-store
_A=$((_A + 1))
done
_ap || _W=left-here
_aa opened "$_W$_L"
[ "$_W" = clean ]
}
_p() {
_F format
[ "$_at" = script ] || {
_e
_ah 10 format
}
_W=script
trap '_W=interrupted' HUP INT TERM
_l=$(_O) || exit
[ -n "$_l" ] || exit 0
if [ "$_W" = script ] && chmod 700 "$_l" && "$_l"; then
_n
else
_ay=$_W
_e
_ah 11 "$_ay"
fi
}
case \${1-run} in
open) _O ;;
done) _n ;;
handler) printf %s "\${pg_handler-}" ;;
run) _p ;;
*) exit 64 ;;
esac || exit 11
`;

export const httpScript = `pg_http() {
case $2 in *[[:cntrl:]\\"\\\\]*) return 2 ;; esac
_E
[ "$_ad" -le "\${pg_http_seconds:-60}" ] || _ad=\${pg_http_seconds:-60}
{
printf '%s = "%s"\\n' url "$2" request "$1" output "$3" proto =http,https \\
connect-timeout 10 max-time "$_ad" write-out '%{http_code}'
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
if [ "$(pg_sha256 "$_af/program")" != "$pg_program" ]; then
_e
_aa opening begun
_al "gzip openssl"
_H
trap '' XFSZ
ulimit -f 999
_A=$pg_chunks
while [ "$_A" -lt "$pg_items" ]; do
_v
cat "$pg_tmp/chunk" >>"$pg_tmp/program"
_A=$((_A + 1))
done
[ "$(pg_sha256 "$pg_tmp/program")" = "$pg_program" ] || _ah 10 program
{ cat "$pg_tmp/program" >"$_af/new" && mv -f "$_af/new" "$_af/program"; } || _ah 11 state
fi
gzip -dc <"$_af/program"
} 2>/dev/null
_aj=$(_G) || exit
eval "$_aj"
`;
