import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { GuardError } from "../../core/errors.ts";
import type { OpenerLibrary, OpenerPart } from "../contract.ts";
import type { OpenerOptions } from "../sealed-data.ts";
import { handlerScript } from "./cloud-init/scripts.generated.ts";
import { awsScript, beginScript, coreScript, httpScript, inlineScript, loadScript } from "./scripts.generated.ts";

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

type Settings = Readonly<Record<string, string>>;

/** Of both parts: names of the shell's own or of the core's would change what is checked. */
function checkSettings(parts: readonly OpenerPart[]): void {
  const settings = new Map<string, string>();
  for (const [name, value] of parts.flatMap((part) => Object.entries(part.settings ?? {}))) {
    if (!/^pg_[a-z0-9_]+$/.test(name)) throw invalid(`setting ${JSON.stringify(name)}: its name must begin with pg_`);
    if (own.has(name)) throw invalid(`setting ${name} is the opener's own`);
    if (value.includes("\0")) throw invalid(`setting ${name} holds a null character`);
    if ((settings.get(name) ?? value) !== value) throw invalid(`setting ${name} has two values`);
    settings.set(name, value);
  }
}

const own = new Set(
  "chunks handler id items manifest needs program signature signer tmp wrapped".split(" ").map((name) => `pg_${name}`),
);

/** Libraries that parts need, and those that these call. */
function librariesOf(...parts: readonly OpenerPart[]): readonly OpenerLibrary[] {
  const needed = new Set(parts.flatMap((part) => part.needs ?? []));
  for (const name of needed) needed.add(libraries[name].calls ?? name);
  return [...needed].sort();
}

/** A text that sets variables, brings libraries, and then goes on. */
function write(settings: Settings, used: readonly OpenerLibrary[], scripts: readonly (string | undefined)[]): string {
  const needs = { pg_needs: used.map((name) => libraries[name].tools).join(" ") };
  const lines = [
    ...Object.entries({ ...settings, ...needs }).map(([name, value]) => `${name}=${quote(value)}`),
    ...used.map((name) => libraries[name].text),
    ...scripts.filter((script) => script !== undefined),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

const shebang = "#!/bin/sh\n";
const handler = ({ cloudInit }: OpenerOptions) => (cloudInit ? { pg_handler: handlerScript } : {});

/** What the user data hold in any case, and what they need not. */
function settingsOf({ sealed, ...options }: OpenerOptions): readonly [here: Settings, there: Settings] {
  const { manifest, signature, signer, wrapped, binding } = sealed;
  return [
    { pg_id: binding.id, pg_wrapped: wrapped },
    { pg_manifest: manifest, pg_signature: signature, pg_signer: signer, ...handler({ sealed, ...options }) },
  ];
}

/**
 * Puts the program together that opens sealed data on the machine: POSIX sh, with `open`, `done`, `handler` and `run`
 * as its first argument, `run` without one. The same options give the same text.
 *
 * @throws GuardError `ERR_CONFIG_INVALID`: a part's setting has a name that is not its own, two values, or a null
 *   character.
 */
export function composeOpener(options: OpenerOptions): string {
  const { wrap, store = inlinePart } = options;
  checkSettings([store, wrap]);
  const [here, there] = settingsOf(options);
  const settings = { ...here, ...there, ...store.settings, ...wrap.settings };
  const scripts = [store.script, store.later, wrap.script, wrap.later, beginScript, coreScript];
  return shebang + write(settings, librariesOf(store, wrap), scripts);
}

/** An opener in two stages. */
export interface StagedOpener {
  /** The first one: fetches the rest, and is as the whole one then. */
  readonly opener: string;
  /** The rest, compressed, as items of the sealing behind its chunks. Nothing in it is secret. */
  readonly program: readonly Uint8Array[];
}

/**
 * The same program in two stages: the user data hold what it takes to fetch the rest, and the digest of that.
 *
 * @param maxItemBytes - Of the store.
 * @throws GuardError as {@link composeOpener} does.
 */
export function stageOpener(
  options: OpenerOptions & { readonly store: OpenerPart },
  maxItemBytes: number,
): StagedOpener {
  const { wrap, store, sealed } = options;
  checkSettings([store, wrap]);
  const [here, there] = settingsOf(options);
  const first = librariesOf(store);
  const rest = librariesOf(store, wrap).filter((name) => !first.includes(name));
  const program = gzipSync(
    write({ ...there, ...wrap.settings }, rest, [store.later, wrap.script, wrap.later, coreScript]),
    { level: 9 },
  );
  const pieces = Array.from({ length: Math.ceil(program.length / maxItemBytes) }, (_, index) =>
    program.subarray(index * maxItemBytes, (index + 1) * maxItemBytes),
  );
  const chunks = sealed.chunks.length;
  const where = {
    pg_program: createHash("sha256").update(program).digest("hex"),
    pg_chunks: String(chunks),
    pg_items: String(chunks + pieces.length),
  };
  const opener =
    shebang + write({ ...here, ...store.settings, ...where }, first, [store.script, beginScript, loadScript]);
  return { opener, program: pieces };
}
