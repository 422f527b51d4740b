import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { findSecrets } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import { publicValues, safe } from "./user-data-corpus.ts";
import { documents, lines, pemKey } from "./user-data-secrets.ts";

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
const wrapped = (text: string | Uint8Array) => base64(text).replace(/.{76}(?=.)/g, "$&\n");
const indented = (text: string, by: number) => text.replace(/^(?=.)/gm, " ".repeat(by));

/** Ways to put data into other data: a text, or bytes. */
const packings: Readonly<Record<string, (data: string | Uint8Array) => string | Uint8Array>> = {
  base64: (data) => base64(data),
  base64url: (data) => Buffer.from(data).toString("base64url"),
  "base64 in lines": (data) => wrapped(data),
  gzip: (data) => gzipSync(data),
  zlib: (data) => deflateSync(data),
  "a data URL": (data) =>
    JSON.stringify({ storage: { files: [{ contents: { source: `data:;base64,${base64(data)}` } }] } }),
  "a percent-encoded data URL": (data) =>
    JSON.stringify({
      storage: {
        files: [{ contents: { source: `data:,${encodeURIComponent(Buffer.from(data).toString("latin1"))}` } }],
      },
    }),
  "a part": (data) =>
    `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=b="\n\n--=b=\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--=b=\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n${wrapped(data)}\n--=b=--\n`,
  "a file of cloud-config": (data) =>
    `#cloud-config\nwrite_files:\n  - path: /opt/acme/a\n    encoding: b64\n    content: ${base64(data)}\npackages: [jq]\n`,
  "a block of cloud-config": (data) =>
    `#cloud-config\nwrite_files:\n  - path: /opt/acme/a\n    content: !!binary |\n${indented(wrapped(data), 6)}\npackages: [jq]\n`,
  "a here-document": (data) =>
    `#!/bin/bash\nset -eu\nbase64 -d > /opt/acme/a <<'EOF'\n${wrapped(data)}\nEOF\nsystemctl start acme\n`,
};

/** Percent-encoding of binary data is no text, and Ignition takes none. */
const isText = (data: string | Uint8Array) => typeof data === "string";
const nesting = fc.array(fc.constantFrom(...Object.keys(packings)), { maxLength: 4 });

function packed(text: string, names: readonly string[]): string | Uint8Array {
  return names.reduce<string | Uint8Array>((data, name) => {
    if (name === "a percent-encoded data URL" && !isText(data)) return data;
    return (packings[name] as (typeof packings)[string])(data);
  }, text);
}

const rounds = { numRuns: 400 };

describe("whatever it is packed in", () => {
  it("a secret in any line of safe user data is found", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(safe).filter((name) => !name.includes("JSON") && !name.startsWith("Ignition"))),
        fc.constantFrom(...Object.keys(lines)),
        fc.double({ min: 0, max: 1, noNaN: true }),
        nesting,
        (name, secret, place, names) => {
          const { kind, make } = lines[secret] as (typeof lines)[string];
          const around = String(safe[name]?.(publicValues())).split("\n");
          const at = Math.round(place * around.length);
          const margin = /^ */.exec(around[at] ?? "")?.[0] ?? "";
          const line = make();
          around.splice(at, 0, margin + line);
          const found = findSecrets(packed(around.join("\n"), names));
          // A line inside of base64 breaks it: what is broken is told, or still read around it.
          expect(
            found.map((finding) => finding.kind),
            line,
          ).toContain(kind);
        },
      ),
      rounds,
    );
  });

  it("whole user data with a secret is found, and nothing told holds anything of it", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(documents)), nesting, (name, names) => {
        const { kind, make } = documents[name] as (typeof documents)[string];
        const text = make();
        const found = findSecrets(packed(text, names));
        expect(found.map((finding) => finding.kind)).toContain(kind);
        const told = JSON.stringify(found);
        for (const [word] of text.matchAll(/[\w.+/$-]{16,}/g)) if (/\d/.test(word)) expect(told).not.toContain(word);
        expect(told).not.toContain("hunter2");
      }),
      rounds,
    );
  });

  it("safe user data is safe", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(safe)), nesting, (name, names) => {
        expect(findSecrets(packed(String(safe[name]?.(publicValues())), names))).toEqual([]);
      }),
      rounds,
    );
  });
});

it("whatever the bytes are, the search ends, and throws nothing", () => {
  const pieces = fc.constantFrom(
    "#cloud-config\n",
    "- ",
    "key: ",
    '"',
    "'",
    "|\n",
    "{",
    "[",
    "\n",
    "  ",
    "data:",
    ";base64,",
    "--b\n",
    "Content-Type: multipart/mixed; boundary=b\n\n",
    "=?",
    "\\",
    "\u0000",
    "YWJj",
    "pgc1 0 1 -\n0",
    "provider-guard bootstrap data 1\n",
    pemKey,
  );
  const soup = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 60 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(soup, fc.uint8Array({ maxLength: 2000 })), nesting, (data, names) => {
      const whole = typeof data === "string" ? packed(data, names) : gzipSync(data);
      for (const { kind, where } of findSecrets(whole)) expect(`${kind} ${where}`).toMatch(/^[a-z-]+ [\x20-\x7e]*$/);
    }),
    rounds,
  );
});
