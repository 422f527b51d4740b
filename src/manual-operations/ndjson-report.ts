import { appendFile } from "node:fs/promises";
import type { Finding, TrailReport } from "./findings.ts";

/** Writes what was found, one JSON object a line. */
export interface NdjsonReport {
  /** An `onFinding` hook: adds a line `{"type":"finding",…}`. @throws What the file system says. */
  finding(finding: Finding): Promise<void>;
  /** An `onReport` hook: adds a line `{"type":"report",…}`, without the findings. @throws What the file system says. */
  report(report: TrailReport): Promise<void>;
}

/**
 * Writes findings and reports to a file that only its owner may read, each line durable before the
 * hook resolves.
 *
 * @param path - The file; it is made, or added to.
 * @returns Hooks for `trailWatch` and `reconcileTrail`.
 * @example
 * import { ndjsonReport } from "provider-guard/manual-operations";
 * const out = ndjsonReport("/var/log/acme-findings.ndjson");
 */
export function ndjsonReport(path: string): NdjsonReport {
  const write = (line: object) => appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600, flush: true });
  return {
    finding: (finding) => write({ type: "finding", ...finding }),
    report: ({ findings, ...report }) => write({ type: "report", ...report, findings: findings.length }),
  };
}
