# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # settings: pg_kms_context; of the core and the library: pg_wrapped, pg_aws, pg_error, pg_tmp.
# Key part of kmsWrap. $pg_wrapped is `ARN-OF-THE-KEY,CIPHERTEXT`, $pg_kms_context the encryption context in JSON.

pg_unwrap() {
  kms_arn=${pg_wrapped%%,*}
  case $kms_arn in arn:*:kms:*:*:key/*) ;; *) return 2 ;; esac
  case $pg_wrapped in *[!A-Za-z0-9:/_,+=-]* | *,*,* | *,) return 2 ;; esac
  pg_region=${kms_arn#arn:*:kms:}
  pg_region=${pg_region%%:*}
  printf '{"KeyId":"%s","CiphertextBlob":"%s","EncryptionContext":%s}' \
    "$kms_arn" "${pg_wrapped#*,}" "$pg_kms_context" >"$pg_tmp/kms-call"
  rm -f "$pg_tmp/kms-answer"
  pg_aws kms TrentService.Decrypt "$pg_tmp/kms-call" "$pg_tmp/kms-answer" || {
    kms_rc=$?
    # A key that is switched off may be switched on again.
    case $pg_error in Disabled* | KMSInvalidState*) kms_rc=1 ;; esac
    return "$kms_rc"
  }
  [ "$(pg_json KeyId "$pg_tmp/kms-answer")" = "$kms_arn" ] &&
    pg_json Plaintext "$pg_tmp/kms-answer" >"$pg_tmp/kms-text" &&
    pg_unbase64 "$pg_tmp/kms-text" "$1" && [ -s "$1" ]
  kms_rc=$?
  rm -f "$pg_tmp/kms-answer" "$pg_tmp/kms-text"
  [ "$kms_rc" = 0 ] || return 2
}
