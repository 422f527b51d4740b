import { type ParseArgsConfig, parseArgs } from "node:util";
import { isGuardError } from "../core/errors.ts";
import { Interrupted, ReaderGone, type Terminal } from "./terminal.ts";

/** What the process ends with. */
export const exitCodes = { ok: 0, tampered: 1, error: 2, incomplete: 3 } as const;

type OptionTypes = NonNullable<ParseArgsConfig["options"]>;

type Values<O extends OptionTypes> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>
>["values"];

/** What was said on the command line, after the command's name. */
interface Said<O extends OptionTypes> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
}

/** One thing that the program can do. */
export interface Command {
  readonly name: string;
  /** One line in the list of commands. */
  readonly summary: string;
  readonly help: string;
  /** @returns The exit code. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** A name with commands below it. */
export interface CommandFamily {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly (Command | CommandFamily)[];
}

/** A mistake on the command line, in words for its author. */
export class UsageError extends Error {}

/** Puts a command together; `--help` comes by itself. */
export function command<const O extends OptionTypes>(spec: {
  readonly name: string;
  readonly summary: string;
  readonly help: string;
  readonly options: O;
  readonly run: (said: Said<O>, terminal: Terminal) => Promise<number>;
}): Command {
  const { name, summary, help, options } = spec;
  return {
    name,
    summary,
    help,
    run: async (args, terminal) => spec.run(parse(args, options), terminal),
  };
}

function parse<O extends OptionTypes>(args: readonly string[], options: O): Said<O> {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\. |\n/)[0]);
  }
}

const isHelp = (word: string | undefined): boolean => word === "--help" || word === "-h";
const isHelpCommand = (word: string | undefined): boolean => isHelp(word) || word === "help";

/** Whether a command's words ask for help; what follows `--` is data. */
const asksHelp = (args: readonly string[]): boolean => {
  const end = args.indexOf("--");
  return (end === -1 ? args : args.slice(0, end)).some(isHelp);
};

function familyHelp(path: string, { summary, commands }: CommandFamily): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const list = commands.map((each) => `  ${each.name.padEnd(width)}  ${each.summary}`).join("\n");
  return `${summary}\n\nUsage: ${path} COMMAND\n\n${list}\n\n${path} COMMAND --help tells more.\n`;
}

/** Walks down to the command that is named. */
async function walk(family: CommandFamily, path: string, args: readonly string[], terminal: Terminal): Promise<number> {
  const [word, ...rest] = args;
  if (isHelpCommand(word)) {
    await terminal.print(familyHelp(path, family));
    return exitCodes.ok;
  }
  const found = family.commands.find(({ name }) => name === word);
  const names = family.commands.map(({ name }) => name).join(", ");
  if (found === undefined) {
    const said =
      word === undefined ? "no command given" : `unknown ${word.startsWith("-") ? "option" : "command"} "${word}"`;
    terminal.say(`${path}: ${said}; say one of: ${names}, or --help`);
    return exitCodes.error;
  }
  const below = `${path} ${found.name}`;
  if ("commands" in found) return walk(found, below, rest, terminal);
  if (asksHelp(rest)) {
    await terminal.print(found.help);
    return exitCodes.ok;
  }
  try {
    return await found.run(rest, terminal);
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode;
    if (error instanceof ReaderGone) return exitCodes.ok; // whoever read this has seen enough
    if (error instanceof UsageError) terminal.say(`${below}: ${error.message}; see ${below} --help`);
    else if (isGuardError(error)) terminal.say(`${below}: ${error.message} (${error.code})`);
    else terminal.say(`${below}: ${error instanceof Error ? error.message : String(error)}`);
    return exitCodes.error;
  }
}

/**
 * Runs the command that is named in `args`. Whatever fails is one line on standard error.
 *
 * @returns The exit code.
 */
export async function dispatch(
  root: CommandFamily,
  version: () => string,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  if (args[0] !== "--version") return walk(root, root.name, args, terminal);
  await terminal.print(`${version()}\n`);
  return exitCodes.ok;
}
