# shellcheck shell=sh
# shellcheck disable=SC2154 # core.sh sets pg_tmp.
# Library `aws`: calls signed by the instance's own role (IMDSv2, Signature Version 4), without an AWS CLI.
# Brings library `http`. For pg_fetch, pg_forget and pg_unwrap of parts that name it in `needs`.
#
#   pg_aws SERVICE TARGET BODY OUT
#     A call of the JSON protocol 1.1: BODY is a file, OUT the file that gets the answer, also that of an error.
#     E.g. `pg_aws kms TrentService.Decrypt "$pg_tmp/body" "$pg_tmp/out"`.
#   pg_aws_s3 METHOD PATH OUT
#     GET or DELETE without a body. PATH is `/BUCKET/KEY` (path style), each segment URI-encoded.
#     Both return 0; 1 where a later try may succeed (no answer, 5xx, throttled, denied: roles and policies take a
#     while to arrive, the clock may be wrong); else 2. $pg_error is the error's name, e.g. ResourceNotFoundException.
#   pg_json NAME FILE
#     Prints the string NAME of a flat JSON answer if it consists of letters, digits and +/=_.:- only.
#   pg_unbase64 IN OUT
#     Decodes one line of base64.
#
# Settings: $pg_region (else the instance's own), $pg_endpoint_kms, $pg_endpoint_secretsmanager, $pg_endpoint_ssm,
# $pg_endpoint_s3 (e.g. `https://kms.eu-west-1.amazonaws.com`, the default), $pg_imds (another metadata service).
# Files in $pg_tmp that are the library's: aws-*.

pg_aws() {
  _aws POST "$1" / "$4" "$3" "$2"
}

pg_aws_s3() {
  _aws "$1" s3 "$2" "$3" /dev/null ''
}

pg_json() {
  tr , '\n' <"$2" | sed -n "s/^.*\"$1\"[[:space:]]*:[[:space:]]*\"\([A-Za-z0-9+/=_.:-]*\)\".*\$/\1/p" | head -n 1
}

pg_unbase64() {
  openssl base64 -d -A -in "$1" -out "$2" 2>/dev/null
}

# METHOD SERVICE PATH OUT BODY TARGET
_aws() {
  pg_error=
  rm -f "$4" # or an earlier answer would be read where there is none
  _aws_role || return 1
  eval "_url=\${pg_endpoint_$2-}"
  case $_url,$pg_region in
  ,cn-*) _url=https://$2.$pg_region.amazonaws.com.cn ;;
  ,*) _url=https://$2.$pg_region.amazonaws.com ;;
  esac
  _when=$(date -u +%Y%m%dT%H%M%SZ)
  _scope=${_when%T*}/$pg_region/$2/aws4_request
  _hash=$(pg_sha256 "$5")
  # In the order that the signature wants; curl takes the same lines.
  {
    [ -z "$6" ] || printf 'content-type:application/x-amz-json-1.1\n'
    printf 'host:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\nx-amz-security-token:' "${_url#*://}" "$_hash" "$_when"
    pg_json Token "$pg_tmp/aws-role"
    [ -z "$6" ] || printf 'x-amz-target:%s\n' "$6"
  } >"$pg_tmp/aws-headers"
  _names=$(cut -d: -f1 "$pg_tmp/aws-headers" | tr '\n' ';')
  {
    printf '%s\n' "$1" "$3" ''
    cat "$pg_tmp/aws-headers"
    printf '\n%s\n%s' "${_names%;}" "$_hash"
  } >"$pg_tmp/aws-request"
  _key=$({
    printf AWS4
    pg_json SecretAccessKey "$pg_tmp/aws-role" | tr -d '\n'
  } | od -An -v -tx1 | tr -d ' \n')
  for _step in "${_when%T*}" "$pg_region" "$2" aws4_request; do
    _key=$(printf %s "$_step" | _hmac "$_key")
  done
  _sum=$(printf 'AWS4-HMAC-SHA256\n%s\n%s\n%s' "$_when" "$_scope" "$(pg_sha256 "$pg_tmp/aws-request")" | _hmac "$_key")
  _key=
  printf 'authorization:AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s\n' \
    "$(pg_json AccessKeyId "$pg_tmp/aws-role")" "$_scope" "${_names%;}" "$_sum" >>"$pg_tmp/aws-headers"
  set -- "$1" "$_url$3" "$4" "$pg_tmp/aws-headers" "$5"
  [ "$1" = POST ] || set -- "$1" "$2" "$3" "$4"
  pg_http "$@"
  _rc=$?
  rm -f "$pg_tmp/aws-headers"
  [ "$_rc" != 0 ] || return 0
  pg_error=$(sed -n 's/.*"__type" *: *"\([A-Za-z0-9.]*#\)\{0,1\}\([A-Za-z]*\).*/\2/p;s/.*<Code>\([A-Za-z]*\)<.*/\1/p' "$3" 2>/dev/null)
  case $pg_error in
  *Expired* | *Token* | *Signature* | *Skewed*) rm -f "$pg_tmp/aws-role" && return 1 ;;
  *Throttl* | *TooMany* | *Denied* | *LimitExceeded* | *Unavailable* | *Internal*) return 1 ;;
  esac
  return "$_rc"
}

# The role's credentials, in a file. A role that is not there yet may come.
_aws_role() {
  [ ! -s "$pg_tmp/aws-role" ] || return 0
  _imds=${pg_imds:-http://169.254.169.254}/latest
  printf 'X-aws-ec2-metadata-token-ttl-seconds: 300\n' >"$pg_tmp/aws-imds"
  pg_http PUT "$_imds/api/token" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
  {
    printf 'X-aws-ec2-metadata-token: '
    cat "$pg_tmp/aws-out"
  } >"$pg_tmp/aws-imds"
  if [ -z "${pg_region-}" ]; then
    pg_http GET "$_imds/meta-data/placement/region" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
    pg_region=$(cat "$pg_tmp/aws-out")
  fi
  _imds=$_imds/meta-data/iam/security-credentials/
  pg_http GET "$_imds" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
  _imds=$_imds$(head -n 1 "$pg_tmp/aws-out")
  pg_http GET "$_imds" "$pg_tmp/aws-out" "$pg_tmp/aws-imds" || return
  [ -n "$(pg_json SecretAccessKey "$pg_tmp/aws-out")" ] && mv "$pg_tmp/aws-out" "$pg_tmp/aws-role"
}

# HMAC with SHA-256 of standard input under the key $1, both ways in hexadecimal: `openssl dgst -hmac` would show
# the key in the process list. printf is built into the shell.
_hmac() {
  {
    _pad "$1" 54
    cat
  } | openssl dgst -sha256 -binary | {
    _pad "$1" 92
    cat
  } | pg_sha256
}

_pad() {
  printf %b "$(for _byte in $(printf %-128s "$1" | sed 's/ /0/g;s/../0x& /g'); do
    printf '\\0%03o' $((_byte ^ $2))
  done)"
}
