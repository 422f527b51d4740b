/** From where to where, end excluded. */
export type Range = readonly [from: number, to: number];

const pem =
  /-----BEGIN ((?:[A-Z0-9]+ )*?(?:CERTIFICATE(?: REQUEST)?|PUBLIC KEY(?: BLOCK)?|X509 CRL|DH PARAMETERS|(?:PGP|SSH) SIGNATURE))-----(?:[\w+/=\s\\:.,()@<>]|-(?!----)){0,65536}-----END \1-----/g;
const sshKey =
  /(?:\bssh-(?:rsa|dss|ed25519)|\becdsa-sha2-nistp\d{3}|\bsk-(?:ssh-ed25519|\becdsa-sha2-nistp256)@openssh\.com|-cert-v01@openssh\.com)[ \t]+AAAA[A-Za-z0-9+/]+={0,2}/g;
/** A digest that says which it is, in hexadecimal or base64, of the right length. */
const digest =
  /\b(?:sha1[-:=](?:[0-9a-f]{40}|[\w+/-]{27}=?)|sha256[-:=](?:[0-9a-f]{64}|[\w+/-]{43}=?)|sha384[-:=](?:[0-9a-f]{96}|[\w+/-]{64})|sha512[-:=](?:[0-9a-f]{128}|[\w+/-]{86}(?:==)?))(?![\w+/=-])/gi;

/** What looks random and is public: certificates, public keys, digests. */
export function publicParts(text: string): Range[] {
  const ranges: Range[] = [];
  for (const expression of [pem, sshKey, digest]) {
    for (const { 0: found, index } of text.matchAll(expression)) ranges.push([index, index + found.length]);
  }
  return ranges;
}

/** The text with ranges made blank: every line and column stays where it is. */
export function blanked(text: string, ranges: readonly Range[]): string {
  if (ranges.length === 0) return text;
  const sorted = [...ranges].sort(([one], [other]) => one - other);
  let result = "";
  let at = 0;
  for (const [from, to] of sorted) {
    if (to <= at) continue;
    const start = Math.max(from, at);
    result += text.slice(at, start) + text.slice(start, to).replace(/[^\n]/g, " ");
    at = to;
  }
  return result + text.slice(at);
}

/** Whether bytes are a public key of OpenSSH: the name of its kind, with the name's length in front. */
export function isSshPublicKey(bytes: Uint8Array): boolean {
  const length = bytes[3] ?? 0;
  if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 0 || length < 7 || length > 64) return false;
  return /^(?:ssh-|ecdsa-|sk-)[\w@.-]+$/.test(Buffer.from(bytes.subarray(4, 4 + length)).toString("latin1"));
}
