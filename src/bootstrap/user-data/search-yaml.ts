import { judgeNamed } from "./named-value.ts";
import type { Search } from "./search.ts";
import { isSecretPath } from "./secret-path.ts";
import { inside } from "./where.ts";
import { type Entry, outlineOf } from "./yaml-outline.ts";

const filePath = /^(?:write_files|storage\.files)\[\d+\]\.path$/;
/** A file in one line: `- {path: /etc/…, content: …}`. */
const flowPath = /[{,]\s*["']?path["']?\s*:\s*["']?(\/[^"',}\s]+)/g;
const userAndPassword = /^\s*[^\s:#"']{1,64}:(?!R\s*$|RANDOM\s*$)\S/m;
const secretData = /^(?:data|stringData)\./;

/** Searches a text that is YAML: cloud-config, kubeadm's and Kubernetes' objects. */
export function searchYaml(text: string, where: string, search: Search): void {
  const { entries, blocks, rest, pathAt } = outlineOf(text);
  const kinds = new Map(entries.filter(({ path }) => path === "kind").map(({ document, value }) => [document, value]));

  function judge({ path, key, value, line, document }: Entry): void {
    const place = inside(inside(where, path), `line ${line}`);
    const named = judgeNamed(key, value);
    if (named !== undefined) search.add(named, place);
    if (named !== undefined && kinds.get(document) === "Config") search.add("kubeconfig", place);
    if (filePath.test(path) && isSecretPath(value)) search.add("secret-file", place);
    if (secretData.test(path) && kinds.get(document) === "Secret") search.add("kubernetes-secret", place);
    if (path.startsWith("chpasswd.list") && userAndPassword.test(value)) search.add("password", place);
    if (path.startsWith("write_files")) {
      for (const [, file = ""] of value.matchAll(flowPath)) if (isSecretPath(file)) search.add("secret-file", place);
    }
  }

  for (const entry of entries) judge(entry);
  for (const { path, text: body, key, document } of blocks) {
    const place = inside(where, path);
    if (path === "chpasswd.list" && userAndPassword.test(body)) search.add("password", place);
    if (secretData.test(path) && kinds.get(document) === "Secret") search.add("kubernetes-secret", place);
    const named = judgeNamed(key, body);
    if (named !== undefined) search.add(named, place);
    if (filePath.test(path) && isSecretPath(body)) search.add("secret-file", place);
    search.text(body, place);
  }
  search.lines(rest, where, pathAt);
}
