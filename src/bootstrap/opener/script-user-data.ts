import { gzipSync } from "node:zlib";

const encoder = new TextEncoder();
const lines = (base64: string) => base64.replace(/.{76}(?=.)/g, "$&\n");

/**
 * The opener with the one chunk in front, where that comes with the user data: in a here-document, since a shell that
 * reads the script from a pipe has no file to look for its end in.
 */
export function withInline(opener: string, inline: Uint8Array): string {
  const base64 = lines(Buffer.from(inline).toString("base64"));
  const sealed = `pg_sealed() {\nopenssl base64 -d <<'EOF'\n${base64}\nEOF\n}\n`;
  return opener.replace(/^#!.*\n/, (shebang) => `${shebang}${sealed}`);
}

/**
 * The user data for machines that have neither cloud-init nor Ignition: a script that opens the data, executes it,
 * and removes what is left of it. Where the data lies in a store it is compressed, and unpacks itself.
 *
 * @param opener - From `composeOpener` or `stageOpener`.
 * @param inline - The one chunk, where the opener has no store.
 */
export function scriptUserData(opener: string, inline?: Uint8Array): Uint8Array {
  return encoder.encode(inline === undefined ? unpacking(opener) : withInline(opener, inline));
}

/** Behind the program, which exits, stands what is executed where it could not be unpacked. */
function unpacking(opener: string): string {
  const [, id = "-"] = /^pg_id='(\w+)'$/m.exec(opener) ?? [];
  const text = gzipSync(`${opener.replace(/^#!.*\n/, "")}exit\n`, { level: 9 }).toString("base64");
  return `#!/bin/sh
eval "$(openssl base64 -d <<'EOF' | gzip -dc
${lines(text)}
EOF
)"
r=gzip
command -v openssl >/dev/null || r=openssl
s=\${PROVIDER_GUARD_STATE:-/var/lib/provider-guard/bootstrap}
mkdir -p "$s"
echo refused ${id} no-$r >"$s/status"
echo provider-guard: bootstrap data ${id} refused: no-$r >>"\${PROVIDER_GUARD_CONSOLE:-/dev/console}"
exit 10
`;
}
