import { looksRandom } from "./entropy.ts";
import type { SecretKind } from "./finding.ts";

const passwords = "pass(?:word|wd|phrase|wordhash|word_hash)";
const tokens = [
  "secret",
  "token",
  "credentials?",
  "(?:api|access|secret|private|encryption|certificate|account|shared|master|signing|preshared|auth|license)[_-]?key",
  "client-key-data",
].join("|");

/**
 * `name: value`, `name=value`, `"name": "value"`, `name := value`, `--name value`; the first group is the name's end.
 */
const pair = new RegExp(
  `(${passwords}|${tokens})["']?(?:[ \\t]{0,8}(?::=|=>|[:=])[ \\t]{0,8}|[ \\t]{1,4}(?=[^\\s:=-]))("(?:[^"\\\\\\n]|\\\\.)*"|'[^'\\n]*'|[^\\s,;}\\])"'\`]+)`,
  "gi",
);
const lastName = new RegExp(`(?:${passwords}|${tokens})$`, "i");
const isPassword = new RegExp(`${passwords}$`, "i");

/** Says nothing: what many formats write where there is no value, a locked password, or one that is made up at boot. */
const empty =
  /^(?:true|false|yes|no|on|off|null|nil|none|undefined|~|\*+|!+\*?|x|R|RANDOM|redacted|required|optional|string)$/i;
/** Stands for a value that comes from elsewhere: variables, templates, files, other stores, YAML's own signs. */
const reference =
  /^(?:\$|\{|<|%|~\/|\.{1,2}\/|\[|&|\||>|!|@|=|-|\(|`|\\|[a-z][a-z0-9+.-]{1,20}:\/\/|(?:arn|file|env|vault|ssm|ref|data|sha256):)/i;
const joinToken = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
const isPath = (value: string) => value.startsWith("/") && !looksRandom(value);
const cryptHash = /^\$(?:1|2[abxy]?|5|6|7|y|gy|argon2\w*|pbkdf2[\w-]*)\$/;

const unquoted = (value: string) => value.replace(/^(["'])([\s\S]*)\1$/, "$2").trim();

/** Whether a name tells that its value is a secret, and the value is a literal. */
export function judgeNamed(name: string, value: string): SecretKind | undefined {
  const end = lastName.exec(name)?.[0];
  if (end === undefined) return undefined;
  const literal = unquoted(value);
  if (literal.length < 4 || empty.test(literal)) return undefined;
  if (joinToken.test(literal)) return "kubeadm-token";
  if (isPath(literal)) return undefined;
  if (isPassword.test(end)) return reference.test(literal) && !cryptHash.test(literal) ? undefined : "password";
  if (reference.test(literal)) return undefined;
  if (/^client-key-data$/i.test(end)) return "kubeconfig";
  // Numbers are times and counts.
  return /^\d+(?:\.\d+)?[a-z]{0,3}$/i.test(literal) ? undefined : "named-secret";
}

/** A pair that was found in a text. */
export interface Named {
  readonly kind: SecretKind;
  readonly index: number;
}

/** Whether `--name value` is an option, and not two words of a sentence. */
function isOption(text: string, index: number): boolean {
  const from = Math.max(0, index - 48);
  return /(?:^|[\s"'(])--?[\w-]*$/.test(text.slice(from, index));
}

/** Words after the value make it a sentence, unless it is a command's. */
function isSentence(text: string, to: number, separator: string): boolean {
  return separator.startsWith(":") && /^[ \t]+[A-Za-z]{2,}[ \t]+[A-Za-z]{2,}/.test(text.slice(to, to + 40));
}

/** Finds literal values under names that tell a secret. */
export function* namedValues(text: string): Generator<Named> {
  for (const found of text.matchAll(pair)) {
    const [all, name = "", value = ""] = found;
    const separator = all.slice(name.length, all.length - value.length).replace(/["'\s]/g, "");
    if (separator === "" && !isOption(text, found.index)) continue;
    if (isSentence(text, found.index + all.length, separator)) continue;
    const kind = judgeNamed(name, value);
    if (kind !== undefined) yield { kind, index: found.index };
  }
}
