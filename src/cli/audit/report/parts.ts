import { type Html, html } from "./html.ts";

/** A column: its heading, and what a row shows in it. Figures are set right; times are never broken. */
export interface Column<R> {
  readonly title: string;
  readonly cell: (row: R) => string | number | undefined;
  readonly as?: "number" | "time" | "id";
}

interface TableOptions<R> {
  readonly id: string;
  readonly caption: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  /** A last row for what is not listed. */
  readonly others?: R | undefined;
}

const classOf = (as: Column<never>["as"], value?: string | number): string =>
  as === "number" ? (value === 0 ? "number zero" : "number") : as === "time" ? "time" : as === "id" ? "id" : "text";

const shown = (value: string | number | undefined) => (typeof value === "number" ? value.toLocaleString("en") : value);

/** A table that scrolls by itself where the page is narrow; its first column names the row. */
export function table<R>({ id, caption, columns, rows, others }: TableOptions<R>): Html {
  const cells = (row: R, scope: string) =>
    columns.map(({ cell, as }, index) => {
      const value = cell(row);
      return index === 0
        ? html`<th scope="${scope}" class="${classOf(as)}">${shown(value)}</th>`
        : html`<td class="${classOf(as, value)}">${shown(value)}</td>`;
    });
  return html`<p id="${id}-caption" class="soft">${caption}</p>
<div class="scroll" role="region" aria-labelledby="${id}-caption" tabindex="0"><table id="${id}" aria-labelledby="${id}-caption">
<thead><tr>${columns.map(({ title, as }) => html`<th scope="col" class="${classOf(as)}">${title}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${cells(row, "row")}</tr>\n`)}</tbody>
${others === undefined ? undefined : html`<tfoot><tr>${cells(others, "row")}</tr></tfoot>`}
</table></div>`;
}

/** A section with a heading; where there is nothing to show, it says so. */
export const section = (id: string, title: string, ...content: readonly (Html | undefined)[]): Html =>
  html`<section aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${content}</section>
`;

export const nothing = (text: string): Html => html`<p class="soft">${text}</p>`;
