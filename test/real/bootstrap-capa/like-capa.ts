/**
 * Scripts that do what Cluster API's provider for AWS has its machines do, for tests that look for its defects: they
 * have to find them here. They are not its text, only its behaviour.
 */
import { gzipSync } from "node:zlib";

/** The data in pieces: compressed, and nothing else. */
export function splitLikeCapa(data: string, pieces: number): Buffer[] {
  const packed = gzipSync(data);
  const size = Math.ceil(packed.length / pieces);
  return Array.from({ length: pieces }, (_, index) => packed.subarray(index * size, (index + 1) * size));
}

interface Fetching {
  readonly url: string;
  readonly token: string;
  readonly count: number;
  /** Of the machine's disk. */
  readonly folder: string;
}

/** Fetches all pieces into one file, deletes them, and executes what comes out of it. */
export const fetchLikeCapa = ({ url, token, count, folder }: Fetching) => `#!/bin/sh
packed=${folder}/secret-userdata.gz plain=${folder}/secret-userdata.txt
call() { curl -q -s -f -m 5 -X "$1" -H 'Authorization: Bearer ${token}' "${url}/$2?t=${token}"; }
fetch() {
  tries=0
  until call GET "$1" >>"$packed"; do
    tries=$((tries + 1))
    [ $tries -lt 3 ] || return 1
  done
}
index=0
while [ $index -lt ${count} ]; do
  failed=
  fetch $index || failed=1
  index=$((index + 1))
done
index=0
while [ $index -lt ${count} ]; do
  call DELETE $index
  index=$((index + 1))
done
[ -z "$failed" ] || exit 1
gzip -dc <"$packed" >"$plain" && chmod 700 "$plain" && "$plain"
`;

/** User data whose first part fetches, which fails here, and whose second part includes what should be there now. */
export const includeLikeCapa = `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="part"

--part
Content-Type: text/cloud-boothook

#!/bin/sh
[ -e /etc/secret-userdata.txt ] || exit 0
systemctl restart cloud-init

--part
Content-Type: text/x-include-url

file:///etc/secret-userdata.txt

--part--
`;

/** Asks the metadata service for the role's credentials as IMDSv1 does: without a token. */
export const askLikeImdsV1 = (imds: string) =>
  `#!/bin/sh\ncurl -q -s -f '${imds}/latest/meta-data/iam/security-credentials/' || exit 11\n`;
