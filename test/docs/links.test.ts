import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { expectNone, pages, read, root } from "./repository.ts";

function withoutCode(text: string): string {
  return text
    .replace(/^(\s*)(`{3,}).*\n[\s\S]*?^\s*\2\s*$/gm, (block) => block.replace(/[^\n]/g, ""))
    .replace(/`[^`\n]*`/g, (code) => "x".repeat(code.length));
}

/** The anchors of a page, named as GitHub names them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const prose = text.replace(/^(\s*)(`{3,}).*\n[\s\S]*?^\s*\2\s*$/gm, "");
  for (const [, heading = ""] of prose.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/`/g, "");
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    let name = slug;
    for (let i = 1; anchors.has(name); i++) name = `${slug}-${i}`;
    anchors.add(name);
  }
  for (const [, id = ""] of prose.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

function brokenLinks(page: string, text: string): string[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)];
  const definitions = [...prose.matchAll(/^[ \t]*\[[^\]]+\]:[ \t]+(\S+)/gm)];
  return [...inline, ...definitions].flatMap((match) => {
    const target = match[1] ?? "";
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return [];
    const place = `${page}:${prose.slice(0, match.index).split("\n").length}`;
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : normalize(join(dirname(page), path));
    if (file.startsWith("..")) return [`${place} ${target} leads out of the repository`];
    if (file !== page && !existsSync(join(root, file))) return [`${place} ${target} does not exist`];
    if (anchor === undefined || !file.endsWith(".md")) return [];
    const anchors = anchorsOf(file === page ? text : read(file));
    return anchors.has(anchor.toLowerCase()) ? [] : [`${place} ${target}: no such heading`];
  });
}

describe("links in the documentation", () => {
  it("lead somewhere", () => {
    expectNone(
      "broken links",
      pages().flatMap((page) => brokenLinks(page, read(page))),
    );
  });

  it("are found broken when they are", () => {
    const text = [
      "# One `two`: three",
      "[a](#one-two-three) [b](#four) [c](SECURITY.md) [d](missing.md) `[e](missing.md)` [f](https://example.com/x)",
      "```text",
      "[g](missing.md)",
      "```",
      "[h]: ../outside.md",
    ].join("\n");
    expect(brokenLinks("page.md", text)).toEqual([
      "page.md:2 #four: no such heading",
      "page.md:2 missing.md does not exist",
      "page.md:6 ../outside.md leads out of the repository",
    ]);
  });

  it("start from a README", () => {
    expect(existsSync(join(root, "README.md"))).toBe(true);
  });
});
