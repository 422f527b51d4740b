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
_w=$(pg_sha256 "$5")
{
[ -z "$6" ] || printf 'content-type:application/x-amz-json-1.1\\n'
printf 'host:%s\\nx-amz-content-sha256:%s\\nx-amz-date:%s\\nx-amz-security-token:' "\${_at#*://}" "$_w" "$_ax"
pg_json Token "$pg_tmp/aws-role"
[ -z "$6" ] || printf 'x-amz-target:%s\\n' "$6"
} >"$pg_tmp/aws-headers"
_J=$(cut -d: -f1 "$pg_tmp/aws-headers" | tr '\\n' ';')
{
printf '%s\\n' "$1" "$3" ''
cat "$pg_tmp/aws-headers"
printf '\\n%s\\n%s' "\${_J%;}" "$_w"
} >"$pg_tmp/aws-request"
_C=$({
printf AWS4
pg_json SecretAccessKey "$pg_tmp/aws-role" | tr -d '\\n'
} | od -An -v -tx1 | tr -d ' \\n')
for _ah in "\${_ax%T*}" "$pg_region" "$2" aws4_request; do
_C=$(printf %s "$_ah" | _y "$_C")
done
_aj=$(printf 'AWS4-HMAC-SHA256\\n%s\\n%s\\n%s' "$_ax" "$_ac" "$(pg_sha256 "$pg_tmp/aws-request")" | _y "$_C")
_C=
printf 'authorization:AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s\\n' \\
"$(pg_json AccessKeyId "$pg_tmp/aws-role")" "$_ac" "\${_J%;}" "$_aj" >>"$pg_tmp/aws-headers"
set -- "$1" "$_at$3" "$4" "$pg_tmp/aws-headers" "$5"
[ "$1" = POST ] || set -- "$1" "$2" "$3" "$4"
pg_http "$@"
_W=$?
rm -f "$pg_tmp/aws-headers"
[ "$_W" != 0 ] || return 0
pg_error=$(sed -n 's/.*"__type" *: *"\\([A-Za-z0-9.]*#\\)\\{0,1\\}\\([A-Za-z]*\\).*/\\2/p;s/.*<Code>\\([A-Za-z]*\\)<.*/\\1/p' "$3" 2>/dev/null)
case $pg_error in
*Expired* | *Token* | *Signature* | *Skewed*) rm -f "$pg_tmp/aws-role" && return 1 ;;
*Throttl* | *TooMany* | *Denied* | *LimitExceeded* | *Unavailable* | *Internal*) return 1 ;;
esac
return "$_W"
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
_R "$1" 54
cat
} | openssl dgst -sha256 -binary | {
_R "$1" 92
cat
} | pg_sha256
}
_R() {
printf %b "$(for _g in $(printf %-128s "$1" | sed 's/ /0/g;s/../0x& /g'); do
printf '\\\\0%03o' $((_g ^ $2))
done)"
}
`;

export const beginScript = `pg_sha256() {
_aj=$(openssl dgst -sha256 -r "$@") && printf %s "\${_aj%% *}"
}
_ab() {
[ "$1" = opening ] || [ "$2" = begun ] || printf 'provider-guard: bootstrap data %s %s: %s\\n' "$pg_id" "$1" "$2" >>"$_j"
printf '%s %s %s\\n' "$1" "$pg_id" "$2" >"$_ag/new" && mv -f "$_ag/new" "$_ag/status"
} 2>/dev/null
_ai() {
_u && set -- 11 no-room
_au=failed
[ "$1" != 10 ] || _au=refused
_ab "$_au" "$2"
pg_report "$_au" "$2" >/dev/null
exit "$1"
} 2>/dev/null
_H=$(umask)
_G=\${LC_ALL-}
_aa=\${PROVIDER_GUARD_RUN:-/run/provider-guard-bootstrap}
_ag=\${PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
_j=\${PROVIDER_GUARD_CONSOLE:-/dev/console}
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
read -r _T _aw <"$_ag/claim"
if [ -n "$_an" ] || { [ "$_aw" = "$_f" ] && kill -0 "$_T"; }; then
rm -f "$_ag/claim.$$"
exit 11
fi
rm -f "$_ag/claim"
_an=1
done
rm -f "$_ag/claim.$$"
_B=
trap _o EXIT
trap '_ai 11 interrupted' HUP INT TERM
read -r _N _ </proc/uptime
_ar=$((\${_N%.*} + \${PROVIDER_GUARD_SECONDS:-300}))
} 2>/dev/null
_o() {
[ -n "$_B" ] || _aq
rm -f "$_ag/claim"
}
_E() {
read -r _N _ </proc/uptime
_ae=$((_ar - \${_N%.*}))
[ "$_ae" -gt 0 ] || _ae=1
}
_Y() {
_S=1
while "$@" >/dev/null 2>&1; _W=$?; [ "$_W" = 1 ]; do
_E
[ "$_ae" -gt "$_S" ] || return 1
sleep "$_S"
[ "$_S" -gt 15 ] || _S=$((_S * 2))
done
return "$_W"
}
_ay() {
_b=
while read -r _ _V _ap _; do
case $_aa/ in
"\${_V%/}"/*) [ \${#_V} -lt \${#_b} ] || { _b=$_V && _ao=$_ap; } ;;
esac
done </proc/mounts
}
_I() {
rm -rf "$_aa" 2>/dev/null
mkdir -p "$_aa" || _ai 11 no-tmpfs
_ay
if [ "$_b" != "$_aa" ]; then
mount -t tmpfs -o mode=700,nosuid,nodev,noswap tmpfs "$_aa" || {
mount -t tmpfs -o mode=700,nosuid,nodev tmpfs "$_aa"
{ read -r _ && read -r _; } </proc/swaps && _M=,swap
}
_ay
fi
case $_ao in
tmpfs | ramfs) ;;
*) _ai 11 no-tmpfs ;;
esac
{ chmod 700 "$_aa" && mkdir "$pg_tmp"; } || _ai 11 no-tmpfs
! _u || _ai 11 no-room
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
_v() {
_Y _r
case $? in
0) ;;
1) _ai 11 store ;;
*) _ai 10 gone ;;
esac
}
_r() {
rm -f "$pg_tmp/chunk"
pg_fetch "$_A" "$pg_tmp/chunk"
}
`;

export const coreScript = `_M=
_af=\${PROVIDER_GUARD_SIGNER:-/etc/provider-guard/bootstrap-signer.pem}
_L='
'
_F() {
_au=\${pg_manifest#*"$_L$1 "}
_au=\${_au%%"$_L"*}
}
_u() {
[ -d "$pg_tmp" ] && ! _Z 0
}
_Z() {
df -Pk "$_aa" | {
read -r _
read -r _ _ _ _t _
[ "\${_t:-0}" -gt $(($1 / 1024 + 16)) ]
}
}
_O() {
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
_X=signer
else
_af=$pg_tmp/signer _X=signature
fi
openssl pkeyutl -verify -pubin -inkey "$_af" -rawin -in "$pg_tmp/manifest" -sigfile "$pg_tmp/signature" \\
>/dev/null || _ai 10 "$_X"
case $pg_manifest in
"provider-guard bootstrap data 1$_L"*"\${_L}id $pg_id$_L"*) ;;
*) _ai 10 manifest ;;
esac
_F sealed
_ad=$_au
_F expires
_q=$_au
_F plain
_U=\${_au%% *} _h=\${_au##* } _Q=\${_au#* }
_Q=\${_Q% *}
_F cipher
_k=\${_au% *} _K=\${_au#* }
for _au in "$_ad" "$_q" "$_Q" "$_h" "$_k"; do
_O "$_au" || _ai 10 manifest
done
read -r _ _D <"$_ag/opened" && [ "$_ad" -le "$_D" ] && _ai 10 replayed
_N=$(date +%s)
[ "$_N" -le "$_q" ] || _ai 10 expired
[ "$_N" -ge "$_ad" ] || _M=$_M,clock
_F key
[ "\${_au#* }" = "$(printf %s "$pg_wrapped" | pg_sha256)" ] || _ai 10 key
} 2>/dev/null
_i() {
_Z $((_Q * 3 + _h)) || _ai 11 no-room
trap '' XFSZ
ulimit -f $(((_Q * 2 + _h) / 512 + 512))
_A=0
while [ "$_A" -lt "$_k" ]; do
_v
[ "$(pg_sha256 "$pg_tmp/chunk")" = "$_K" ] || _ai 10 chunk
read -r _x <"$pg_tmp/chunk"
_K=\${_x##* }
[ "$_x" = "pgc1 $_A $_k $_K" ] || _ai 10 chunk
tail -c +$((\${#_x} + 2)) "$pg_tmp/chunk" >>"$pg_tmp/cipher" || _ai 11 no-room
_A=$((_A + 1))
done
rm -f "$pg_tmp/chunk"
[ "$_K" = - ] || _ai 10 chunk
}
_m() {
_Y _as
case $? in
0) ;;
1) _ai 11 key ;;
*) _ai 10 unwrap ;;
esac
openssl cms -decrypt -binary -inform DER -in "$pg_tmp/cipher" -inkey "$pg_tmp/key" -passin pass: \\
-out "$pg_tmp/packed" </dev/null >/dev/null
_W=$?
_aA "$pg_tmp/key"
[ "$_W" = 0 ] || _ai 10 decrypt
[ "$(wc -c <"$pg_tmp/packed")" -eq "$_Q" ] || _ai 10 size
[ "$(pg_sha256 "$pg_tmp/packed")" = "$_U" ] || _ai 10 digest
{ gzip -dc <"$pg_tmp/packed" || : >"$pg_tmp/bad"; } | head -c $((_h + 1)) >"$pg_tmp/plain"
{ [ ! -e "$pg_tmp/bad" ] && [ "$(wc -c <"$pg_tmp/plain")" -eq "$_h" ]; } || _ai 10 size
} 2>/dev/null
_a() {
_e
if read -r _D _ <"$_ag/opened" && [ "$_D" = "$pg_id" ]; then
read -r _ _ _X <"$_ag/status"
case $_X in
clean*) ;;
*) _I && _s ;;
esac
exit 0
fi
} 2>/dev/null
_P() {
_a
_ab opening begun
_am "cat cut date df gzip head ln mkdir mount mv openssl rm sleep tail tr umount wc"
case $(openssl version) in
'OpenSSL '[3-9].* | 'OpenSSL '[1-9][0-9].*) ;;
*) _ai 10 old-openssl ;;
esac
_I
_av
_i
_m
{
mv "$pg_tmp/plain" "$_aa/data" && rm -rf "$pg_tmp" && printf '%s %s\\n' "$pg_id" "$_M" >"$_aa/id"
} 2>/dev/null || _ai 11 no-room
_ab opening "ready$_M"
_B=1
printf '%s\\n' "$_aa/data"
}
_n() {
_a
_B=1
{ read -r _D _M <"$_aa/id" && [ "$_D" = "$pg_id" ]; } || _ai 11 not-open
_B=
trap '' HUP INT TERM
_F sealed
{
printf '%s %s\\n' "$pg_id" "$_au" >"$_ag/new" && mv -f "$_ag/new" "$_ag/opened"
} || _ai 11 state
sync \${pg_program:+"$_ag/program"} "$_ag/opened" "$_ag" || sync
_ab opened begun
rm -rf "$_aa"
_s
} 2>/dev/null
_s() {
mkdir -p "$pg_tmp"
_F cipher
_k=\${_au% *} _A=0 _X=clean
while [ "$_A" -lt "\${pg_items:-$_k}" ]; do
_Y pg_forget "$_A" || _X=left-in-store
_A=$((_A + 1))
done
_aq || _X=left-here
_ab opened "$_X$_M"
[ "$_X" = clean ]
}
_p() {
_F format
[ "$_au" = script ] || {
_e
_ai 10 format
}
_X=script
trap '_X=interrupted' HUP INT TERM
_l=$(_P) || exit
[ -n "$_l" ] || exit 0
umask "$_H"
LC_ALL=$_G
[ -n "$_G" ] || unset LC_ALL
if [ "$_X" = script ] && chmod 700 "$_l" && "$_l"; then
_n
else
_az=$_X
_e
_ai 11 "$_az"
fi
}
case \${1-run} in
open) _P ;;
done) _n ;;
handler) printf %s "\${pg_handler-}" ;;
run) _p ;;
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
_W=$?
rm -f "$pg_tmp/curl"
case $_W,$pg_code in
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

export const loadScript = `if [ "$(pg_sha256 "$_ag/program")" != "$pg_program" ]; then
_e
_ab opening begun
_am "gzip openssl"
_I
trap '' XFSZ
ulimit -S -f 999
_A=$pg_chunks
while [ "$_A" -lt "$pg_items" ]; do
_v
cat "$pg_tmp/chunk" >>"$pg_tmp/program"
_A=$((_A + 1))
done
[ "$(pg_sha256 "$pg_tmp/program")" = "$pg_program" ] || _ai 10 program
{ cat "$pg_tmp/program" >"$_ag/new" && mv -f "$_ag/new" "$_ag/program"; } || _ai 11 state
ulimit -S -f "$(ulimit -H -f)"
trap - XFSZ EXIT
_o
fi 2>/dev/null
_ak=$(gzip -dc <"$_ag/program") || exit 11
eval "$_ak"
`;
