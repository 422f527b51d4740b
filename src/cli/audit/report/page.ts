import { hash } from "node:crypto";
import { segmentName } from "../../../audit/line.ts";
import type { Verification } from "../../../audit/verify.ts";
import { isoTime } from "../fields.ts";
import { type Html, html, Html as Raw } from "./html.ts";
import { actors, callsOverTime, manual, notices, refusals, throttling, unfinished } from "./sections.ts";
import { style } from "./style.ts";
import type { Tally } from "./tally.ts";

/** What the page is about. */
export interface ReportFacts {
  readonly directory: string;
  /** Unix milliseconds. */
  readonly madeAt: number;
  readonly verification: Verification;
  /** `ok`, or what was found. */
  readonly status: string;
  readonly note: string | undefined;
  readonly tally: Tally;
}

const verdicts: Readonly<Record<string, string>> = {
  ok: "Verified: every stored byte is as it was written.",
  tampered: "Tampered: this journal is not what was written. Trust nothing below.",
  incomplete: "Incomplete: not everything can be proved.",
};

function verdict({ status, note, verification: { problem, head, pinned } }: ReportFacts): Html {
  const place = problem && `${segmentName(problem.segment)}, seq ${problem.seq}, byte ${problem.offset}`;
  return html`<div class="verdict ${status}" role="status"><p><strong>${verdicts[status] ?? status}</strong></p>
${problem && html`<p>${problem.what} At ${place}: expected ${problem.expected}, got ${problem.actual}.</p>`}
${note && html`<p>${note}</p>`}
${head && html`<p>${pinned ? "Pinned" : "Not pinned"}; last good line: <code>${head.seq}:${head.hash}</code></p>`}</div>`;
}

function figures({ verification, tally }: ReportFacts): Html {
  const { changes, reads } = tally;
  const total = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
  const list: [string, number][] = [
    ["Records", verification.records],
    ["Segments", verification.segments],
    ["Changes", total(changes)],
    ["Reads", total(reads)],
    ["Refused", changes.refused + reads.refused],
    ["Failed", changes.failed + reads.failed],
    ["Unfinished", tally.unfinished().count],
    ["By hand", tally.manual.count],
  ];
  return html`<dl class="figures">${list.map(([name, count]) => html`<div><dt>${name}</dt><dd>${count.toLocaleString("en")}</dd></div>`)}</dl>`;
}

const span = ({ from, to }: Tally): string => (from > to ? "no records" : `${isoTime(from)} to ${isoTime(to)}`);

/** The whole page: it loads nothing, runs nothing, and shows whatever stands in a record as text. */
export function reportPage(facts: ReportFacts): string {
  const { directory, madeAt, tally } = facts;
  const policy = `default-src 'none'; style-src 'sha256-${hash("sha256", style, "base64")}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Raw(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Audit report: ${directory}</title>
<style>${new Raw(style)}</style>
</head>
<body>
<header><h1>Audit report</h1>
<p class="soft"><code>${directory}</code><br>${span(tally)}<br>Report made ${isoTime(madeAt)}. All times are UTC.</p></header>
<main>
<section aria-label="Summary">${verdict(facts)}
${figures(facts)}</section>
${[callsOverTime, refusals, throttling, actors, unfinished, manual, notices].map((part) => part(tally))}</main>
</body>
</html>
`.text;
}
