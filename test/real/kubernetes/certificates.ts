import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A certificate and its private key, as PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of the test's own. */
export interface CertificateAuthority extends Certificate {
  /** Certifies a server on this machine's loopback address. */
  issueForLoopback(): Promise<Certificate>;
}

const run = promisify(execFile);

/** Of openssl's own configuration file, which each system writes otherwise, nothing is used. */
const configuration = `[req]
distinguished_name = subject
[subject]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
`;

async function make(section: "authority" | "server", name: string, issuer?: Certificate): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), "certificate-"));
  const file = (name: string) => join(folder, name);
  try {
    await writeFile(file("cnf"), configuration);
    if (issuer !== undefined) {
      await writeFile(file("ca.crt"), issuer.certificate);
      await writeFile(file("ca.key"), issuer.key, { mode: 0o600 });
    }
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file("key")];
    const by = issuer === undefined ? [] : ["-CA", file("ca.crt"), "-CAkey", file("ca.key")];
    const what = ["-config", file("cnf"), "-extensions", section, "-subj", `/CN=${name}`, "-days", "2"];
    await run("openssl", ["req", "-x509", ...key, ...by, ...what, "-out", file("crt")]).catch((error) => {
      throw error.code === "ENOENT" ? new Error("certificates need openssl 3: apt-get install openssl") : error;
    });
    return { certificate: await readFile(file("crt"), "utf8"), key: await readFile(file("key"), "utf8") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes a certificate authority. Nothing of it stays on the disk. */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const authority = await make("authority", "test authority");
  return { ...authority, issueForLoopback: () => make("server", "127.0.0.1", authority) };
}
