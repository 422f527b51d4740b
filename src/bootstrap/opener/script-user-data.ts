const encoder = new TextEncoder();

/**
 * The user data for machines that have neither cloud-init nor Ignition: a script that opens the data, executes it,
 * and removes what is left of it. Inline data stands in a here-document in front of everything, since a shell that
 * reads the script from a pipe has no file to look for its end in.
 *
 * @param opener - From `composeOpener`.
 * @param inline - The one chunk, where the opener has no store.
 */
export function scriptUserData(opener: string, inline?: Uint8Array): Uint8Array {
  if (inline === undefined) return encoder.encode(opener);
  const base64 = Buffer.from(inline)
    .toString("base64")
    .replace(/.{76}(?=.)/g, "$&\n");
  const sealed = `pg_sealed() {\nopenssl base64 -d <<'EOF'\n${base64}\nEOF\n}\n`;
  return encoder.encode(opener.replace(/^#!.*\n/, (shebang) => `${shebang}${sealed}`));
}
