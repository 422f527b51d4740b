import type { OpenerPart } from "../../contract.ts";

/**
 * The claim binds the token to this machine at its first use. It is on the disk before that: who loses the answer,
 * or the power, comes again with the same one. Of refusals only the handler's own word is final: a proxy in front
 * of it may not know it yet. `pg_report STATE REASON` tells the handler how far the opener is: one try.
 */
const script = String.raw`pg_fetch() {
  http_ask GET "/$1" "$2"
}
pg_report() {
  http_ask POST '' "$pg_tmp/http-answer" "Bootstrap-Status: $1 $2"
}
http_ask() {
  http_folder=${"$"}{PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
  http_claim=$http_folder/http-claim.$pg_id
  pg_code=
  if [ ! -s "$http_claim" ]; then
    openssl rand -hex 32 >"$http_claim.new" && mv -f "$http_claim.new" "$http_claim" || return 1
    sync "$http_claim" "$http_folder" || sync
  fi
  {
    printf 'Authorization: Bearer %s\nBootstrap-Claim: ' "$pg_store_token"
    cat "$http_claim"
    [ -z "${"$"}{4-}" ] || printf '%s\n' "$4"
  } >"$pg_tmp/http-headers"
  pg_http "$1" "$pg_store_url$2" "$3" "$pg_tmp/http-headers"
  http_rc=$?
  case $pg_code in
  403 | 404)
    http_rc=1 http_said=
    read -r http_said <"$3"
    [ "$http_said" != 'provider-guard: refused' ] || http_rc=2
    ;;
  esac
  return "$http_rc"
}
`;

const later = `pg_forget() {
  http_ask DELETE "/$1" "$pg_tmp/http-answer" || [ "$?,$pg_code" = 2,404 ]
}
`;

/** What fetches the items of one sealing, and has them deleted. */
export function httpOpener(url: string, token: string, certificateAuthority: string | undefined): OpenerPart {
  const authority = certificateAuthority === undefined ? {} : { pg_ca: certificateAuthority };
  return { script, later, needs: ["http"], settings: { pg_store_url: url, pg_store_token: token, ...authority } };
}
