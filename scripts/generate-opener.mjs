// `node scripts/generate-opener.mjs [--check]`: writes the text of all scripts of src/ and adapters/, without comments,
// and the shell's without indentation (Python's: of one space) and with short names of their own, into `scripts.generated.ts` beside them; with `--check` it says by its exit code
// whether all of them are current.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * @param {string} text - Whole lines of comment only; no here-document; nothing indented within quotes.
 * @param {boolean} indented - Whether indentation means something.
 */
const shorten = (text, indented) =>
  text
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => (indented ? line.replace(/^ +/, (spaces) => " ".repeat(spaces.length / 4)) : line.trim()))
    .join("\n")
    .concat("\n");

/** Names that the shell scripts share and nobody else knows: they begin with `_`. */
const own = /(?<!\w)_[a-z]\w*/g;

/** @param {readonly string[]} texts @returns {Map<string, string>} A short name for each of them, of one or two letters. */
function shortNames(texts) {
  const names = [...new Set(texts.flatMap((text) => text.match(own) ?? []))].sort();
  const letters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const short = letters.concat(letters.flatMap((first) => letters.map((second) => first + second)));
  return new Map(names.map((name, index) => [name, `_${short[index]}`]));
}

/** @param {string} name */
const identifier = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/** @returns {Map<string, string>} Text of each generated file, by its path. */
export function generate() {
  /** @type {Map<string, string>} */
  const modules = new Map();
  const scripts = ["src", "adapters"].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(sh|py)$/.test(path))
      .map((path) => ({ path: join(room, path), source: readFileSync(join(root, room, path), "utf8") })),
  );
  const shell = scripts.filter(({ path }) => path.endsWith(".sh"));
  const short = shortNames(shell.map(({ source }) => shorten(source, false)));
  for (const { path, source } of scripts.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const module = join(dirname(path), "scripts.generated.ts");
    const head = modules.get(module) ?? "// Written by scripts/generate-opener.mjs. Do not edit.\n";
    const text = path.endsWith(".py")
      ? shorten(source, true)
      : shorten(source, false).replace(own, (name) => short.get(name) ?? name);
    const name = identifier(basename(path, extname(path)));
    modules.set(module, `${head}\nexport const ${name}Script = \`${text.replace(/[\\`]|\$\{/g, "\\$&")}\`;\n`);
  }
  return modules;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check");
  for (const [path, text] of generate()) {
    if (!check) writeFileSync(join(root, path), text);
    else if (readFileSync(join(root, path), "utf8") !== text) {
      console.error(`${path} is not current: run node scripts/generate-opener.mjs`);
      process.exitCode = 1;
    }
  }
}
