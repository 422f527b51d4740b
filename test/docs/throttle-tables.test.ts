import * as tables from "provider-guard/limits";
import { expect, it } from "vitest";
import { read } from "./repository.ts";
import { rendered } from "./throttle-tables.ts";

const page = read("docs/reference/throttle-tables.md");

/** A table without what a formatter adds to its cells. */
const plain = (table: string | undefined) => table?.replace(/ +\|/g, " |").replace(/-{3,}/g, "---");

it.each(Object.entries(tables))("the page shows %s as it is in the code", (name, table) => {
  const shown = new RegExp(`<!-- ${name} -->\n\n([\\s\\S]*?)\n\n<!-- end -->`).exec(page)?.[1];
  expect(plain(shown)).toBe(plain(rendered(table)));
});

it("the page shows no table that is not there", () => {
  const shown = [...page.matchAll(/<!-- (\w+Limits) -->/g)].map(([, name]) => name);
  expect(shown.sort()).toEqual(Object.keys(tables).sort());
});
