import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { proveInclusion, verifyInclusion } from "../../audit/checkpoint/inclusion.ts";
import { isGuardError } from "../../core/errors.ts";
import { command, exitCodes, UsageError } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { keysOf, named, oneDirectory, write } from "./arguments.ts";

const help = `Proves to somebody who has no access to the journal that a line is in it, and checks such a proof.

Usage: provider-guard audit prove DIR CALL|SEQ [--output FILE]
       provider-guard audit prove --check FILE --key VKEY [--json]

  --output FILE   writes the proof there (default: standard output)
  --check FILE    checks the proof in FILE, or on standard input for -; needs no journal
  --key VKEY      with --check: the public key of the log (NAME+ID+BASE64), or of a witness that is
                  trusted; may be given several times
  --json          with --check: prints one JSON object: ok, problem, line, seq, origin, size, time
  --help          prints this

The proof holds the line itself: the intent of a CALL, or the line numbered SEQ. It needs a journal
with signed checkpoints; a line is proved once a checkpoint covers it.

Exit code: 0; 1 if the proof proves nothing; 2 for an error; 130 when interrupted.
`;

const checkHint = "say --check FILE and at least one --key VKEY";

async function prove(
  [directoryWord, wanted, ...extra]: readonly string[],
  output: string | undefined,
  terminal: Terminal,
) {
  const directory = oneDirectory(directoryWord === undefined ? [] : [directoryWord]);
  if (wanted === undefined) throw new UsageError("name a call's id or the number of a line");
  if (extra.length > 0) throw new UsageError(`expected one call, got "${extra[0]}" too`);
  const what = /^\d{1,15}$/.test(wanted) ? { seq: Number(wanted) } : { call: wanted };
  const proof = await proveInclusion({ directory, ...what, signal: terminal.interrupted }).catch((error: unknown) => {
    if (!isGuardError(error) || error.code !== "ERR_CONFIG_INVALID") throw error;
    throw new Error(error.message.replace(/^proveInclusion(\.\w+)?: /, "")); // not the library's name for it
  });
  if (output === undefined) await terminal.print(proof);
  else await write(output, proof);
  return exitCodes.ok;
}

async function check(path: string, keys: readonly string[], json: boolean, terminal: Terminal) {
  const proof = path === "-" ? await text(process.stdin) : await named("--check", path, () => readFile(path, "utf8"));
  const found = verifyInclusion(proof, keysOf(keys));
  const { ok, problem, line, seq, origin, size, time, cosignedBy = [] } = found;
  if (json) await terminal.print(`${JSON.stringify(found)}\n`);
  else if (!ok) await terminal.print(`not proved: ${printable(problem ?? "")}\n`);
  else {
    const when = time === undefined ? "" : `, signed ${new Date(time * 1000).toISOString()}`;
    const witnesses = cosignedBy.length === 0 ? "" : `, cosigned by ${cosignedBy.join(", ")}`;
    await terminal.print(
      `${printable(`proved: line ${seq} of ${size} in ${origin}${when}${witnesses}`)}\n${printable(line ?? "")}\n`,
    );
  }
  return ok ? exitCodes.ok : exitCodes.tampered;
}

export const proveCommand = command({
  name: "prove",
  summary: "proves that a line is in the journal, and checks such a proof",
  help,
  options: {
    output: { type: "string" },
    check: { type: "string" },
    key: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
  },
  async run({ values: { check: proof, key, json, output }, positionals }, terminal: Terminal) {
    if (proof === undefined) {
      if (key.length > 0 || json) throw new UsageError(`--key and --json go with --check: ${checkHint}`);
      return prove(positionals, output, terminal);
    }
    if (key.length === 0) throw new UsageError(`nothing is proved without the log's key: ${checkHint}`);
    if (positionals.length > 0 || output !== undefined) throw new UsageError(`--check stands alone: ${checkHint}`);
    return check(proof, key, json, terminal);
  },
});
