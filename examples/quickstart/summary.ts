/** What a run came to: the table at the end, the JSON, and whether the guarded run kept its promises. */

/** Figures of one run; what only a guard has is left out of a bare one. */
export interface Figures {
  /** Requests that the cloud read. */
  readonly calls: number;
  readonly throttled: number;
  /** Calls that waited for the rate limit. */
  readonly waits?: number;
  /** Times that a circuit breaker opened. */
  readonly trips?: number;
  /** Calls that the guard refused, e.g. while a breaker was open. */
  readonly refused?: number;
  readonly credentials: number;
  /** Requests that were refused because their credential had expired. */
  readonly expired: number;
  /** Creates that the cloud answered with the resource of an earlier attempt; only a simulator tells. */
  readonly resumed?: number;
  /** Machines that are wanted. */
  readonly machines: number;
  /** Machines beyond the first of their name. */
  readonly duplicates: number;
  /** Resources that exist and that no object knows of. */
  readonly unowned: number;
  /** Clusters that could not be deleted. */
  readonly stuck: number;
  readonly audit?: { readonly records: number; readonly verified: boolean };
}

export interface Runs {
  readonly bare?: Figures;
  readonly guarded: Figures;
}

type Row = readonly [label: string, read: (figures: Figures) => number | string | undefined];

const rows: readonly Row[] = [
  ["calls that reached the cloud", ({ calls }) => calls],
  ["throttled answers", ({ throttled }) => throttled],
  ["waits for the rate limit", ({ waits }) => waits],
  ["breaker trips", ({ trips }) => trips],
  ["calls refused by the guard", ({ refused }) => refused],
  ["credentials renewed", ({ credentials }) => Math.max(0, credentials - 1)],
  ["calls with an expired credential", ({ expired }) => expired],
  ["creates resumed, not repeated", ({ resumed }) => resumed],
  ["machines wanted", ({ machines }) => machines],
  ["duplicate machines", ({ duplicates }) => duplicates],
  ["resources nobody owns", ({ unowned }) => unowned],
  ["clusters stuck in deletion", ({ stuck }) => stuck],
  ["audit records verified", ({ audit }) => audit && (audit.verified ? audit.records : "BROKEN")],
];

/** Both runs side by side. */
export function summaryTable({ bare, guarded }: Runs): string {
  const columns = bare === undefined ? [guarded] : [bare, guarded];
  const heads = bare === undefined ? ["guarded"] : ["bare", "guarded"];
  const line = (label: string, cells: readonly string[]) =>
    `${label.padEnd(34)}${cells.map((cell) => cell.padStart(10)).join("")}`;
  return [
    line("", heads),
    ...rows.map(([label, read]) =>
      line(
        label,
        columns.map((figures) => String(read(figures) ?? "-")),
      ),
    ),
  ].join("\n");
}

/** What the guarded run should not have left behind; empty if all is well. */
export function complaints({ guarded }: Runs): string[] {
  const { duplicates, unowned, stuck, audit } = guarded;
  return [
    duplicates > 0 && `${duplicates} machines exist twice`,
    unowned > 0 && `${unowned} resources belong to nobody`,
    stuck > 0 && `${stuck} clusters could not be deleted`,
    audit?.verified !== true && "the audit log does not verify",
  ].filter((complaint) => complaint !== false);
}
