// Written by scripts/generate-opener.mjs. Do not edit.

export const kmsScript = `pg_unwrap() {
kms_arn=\${pg_wrapped%%,*}
case $kms_arn in arn:*:kms:*:*:key/*) ;; *) return 2 ;; esac
case $pg_wrapped in *[!A-Za-z0-9:/_,+=-]* | *,*,* | *,) return 2 ;; esac
pg_region=\${kms_arn#arn:*:kms:}
pg_region=\${pg_region%%:*}
printf '{"KeyId":"%s","CiphertextBlob":"%s","EncryptionContext":%s}' \\
"$kms_arn" "\${pg_wrapped#*,}" "$pg_kms_context" >"$pg_tmp/kms-call"
rm -f "$pg_tmp/kms-answer"
pg_aws kms TrentService.Decrypt "$pg_tmp/kms-call" "$pg_tmp/kms-answer" || {
kms_rc=$?
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
`;

export const s3LaterScript = `pg_forget() {
object_call DELETE "$1" && return
object_rc=$?
[ "$pg_error" = NoSuchKey ] || return "$object_rc"
}
`;

export const s3Script = `pg_fetch() {
object_call GET "$1" && mv "$pg_tmp/item" "$2"
}
object_call() {
pg_region=$pg_store_region
rm -f "$pg_tmp/item"
pg_aws_s3 "$1" "$pg_store_items/$2" "$pg_tmp/item"
}
`;

export const secretsManagerLaterScript = `pg_forget() {
secret_call DeleteSecret "$1" ',"ForceDeleteWithoutRecovery":true' && return
secret_rc=$?
[ "$pg_error" = ResourceNotFoundException ] || return "$secret_rc"
}
`;

export const secretsManagerScript = `pg_fetch() {
secret_call GetSecretValue "$1" '' || return
pg_json SecretBinary "$pg_tmp/item" >"$pg_tmp/item-text"
[ -s "$pg_tmp/item-text" ] && pg_unbase64 "$pg_tmp/item-text" "$2" || return 2
}
secret_call() {
pg_region=$pg_store_region
rm -f "$pg_tmp/item"
printf '{"SecretId":"%s/%s"%s}' "$pg_store_items" "$2" "$3" >"$pg_tmp/item-call"
pg_aws secretsmanager "secretsmanager.$1" "$pg_tmp/item-call" "$pg_tmp/item"
}
`;

export const ssmLaterScript = `pg_forget() {
parameter_call DeleteParameter "$1" '' && return
parameter_rc=$?
[ "$pg_error" = ParameterNotFound ] || return "$parameter_rc"
}
`;

export const ssmScript = `pg_fetch() {
parameter_call GetParameter "$1" ',"WithDecryption":true' || return
pg_json Value "$pg_tmp/item" >"$pg_tmp/item-text"
[ -s "$pg_tmp/item-text" ] && pg_unbase64 "$pg_tmp/item-text" "$2" || return 2
}
parameter_call() {
pg_region=$pg_store_region
rm -f "$pg_tmp/item"
printf '{"Name":"%s/%s"%s}' "$pg_store_items" "$2" "$3" >"$pg_tmp/item-call"
pg_aws ssm "AmazonSSM.$1" "$pg_tmp/item-call" "$pg_tmp/item"
}
`;
