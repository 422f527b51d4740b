import { GuardError } from "../../core/errors.ts";
import type { OpenerLibrary, OpenerPart } from "../contract.ts";
import type { OpenerOptions } from "../sealed-data.ts";
import { awsScript, coreScript, httpScript, inlineScript } from "./scripts.generated.ts";

/** Text of a library, the one that it calls, and the tools that it needs besides the core's. */
const libraries: Readonly<Record<OpenerLibrary, { text: string; calls?: OpenerLibrary; tools: string }>> = {
  http: { text: httpScript, tools: "curl" },
  aws: { text: awsScript, calls: "http", tools: "od sed" },
};

/** Where the data comes with the user data. */
const inlinePart: OpenerPart = { script: inlineScript };

/** A word of the shell that is the value, whatever it holds. */
function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function invalid(message: string): GuardError {
  return new GuardError("ERR_CONFIG_INVALID", `opener: ${message}`);
}

/** Settings of both parts: names of the shell's own or of the core's would change what is checked. */
function settingsOf(parts: readonly OpenerPart[]): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const [name, value] of parts.flatMap((part) => Object.entries(part.settings ?? {}))) {
    if (!/^pg_[a-z0-9_]+$/.test(name)) throw invalid(`setting ${JSON.stringify(name)}: its name must begin with pg_`);
    if (own.has(name)) throw invalid(`setting ${name} is the opener's own`);
    if (value.includes("\0")) throw invalid(`setting ${name} holds a null character`);
    if ((settings.get(name) ?? value) !== value) throw invalid(`setting ${name} has two values`);
    settings.set(name, value);
  }
  return settings;
}

const own = new Set(["pg_manifest", "pg_signature", "pg_signer", "pg_wrapped", "pg_tmp", "pg_id", "pg_needs"]);

/**
 * Puts the program together that opens sealed data on the machine: POSIX sh, with `open`, `done` and `run` as its
 * first argument, `run` without one. The same options give the same text.
 *
 * @throws GuardError `ERR_CONFIG_INVALID`: a part's setting has a name that is not its own, two values, or a null character.
 */
export function composeOpener({ sealed, wrap, store = inlinePart }: OpenerOptions): string {
  const parts = [store, wrap];
  const needed = new Set(parts.flatMap((part) => part.needs ?? []));
  for (const name of needed) needed.add(libraries[name].calls ?? name);
  const used = [...needed].sort().map((name) => libraries[name]);
  const settings = settingsOf(parts);
  const lines = [
    "#!/bin/sh",
    `pg_manifest=${quote(sealed.manifest)}`,
    `pg_signature=${quote(sealed.signature)}`,
    `pg_signer=${quote(sealed.signer)}`,
    `pg_wrapped=${quote(sealed.wrapped)}`,
    ...[...settings].map(([name, value]) => `${name}=${quote(value)}`),
    `pg_needs=${quote(used.map(({ tools }) => tools).join(" "))}`,
    ...used.map(({ text }) => text.trimEnd()),
    ...parts.map(({ script }) => script.trimEnd()),
    coreScript.trimEnd(),
  ];
  return `${lines.join("\n")}\n`;
}
