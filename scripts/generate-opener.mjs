// `node scripts/generate-opener.mjs [--check]`: writes the text of all scripts of src/ and adapters/, without comments
// and the shell's without indentation, into `scripts.generated.ts` beside them; with `--check` it says by its exit code
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
    .map((line) => (indented ? line : line.trim()))
    .join("\n")
    .concat("\n");

/** @param {string} name */
const identifier = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/** @returns {Map<string, string>} Text of each generated file, by its path. */
export function generate() {
  /** @type {Map<string, string>} */
  const modules = new Map();
  for (const room of ["src", "adapters"]) {
    const scripts = readdirSync(join(root, room), { recursive: true, encoding: "utf8" }).filter((path) =>
      /\.(sh|py)$/.test(path),
    );
    for (const script of scripts.sort()) {
      const path = join(room, script);
      const module = join(dirname(path), "scripts.generated.ts");
      const head = modules.get(module) ?? "// Written by scripts/generate-opener.mjs. Do not edit.\n";
      const text = shorten(readFileSync(join(root, path), "utf8"), path.endsWith(".py")).replace(/[\\`]|\$\{/g, "\\$&");
      modules.set(module, `${head}\nexport const ${identifier(basename(path, extname(path)))}Script = \`${text}\`;\n`);
    }
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
