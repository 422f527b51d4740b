import { isoTime } from "../fields.ts";
import { type Html, html } from "./html.ts";
import { table } from "./parts.ts";
import { type Ending, endings } from "./tally.ts";
import type { Bar, TimeBuckets } from "./time-buckets.ts";

const height = 100;
/** Of a bar's place, how much is the bar. */
const fill = 0.86;

const sumOf = (counts: Bar<Ending>): number => endings.reduce((sum, name) => sum + counts[name], 0);

/** A duration that is a whole number of its unit. */
function widthText(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
    [1_000, "second"],
  ];
  const [unit, name] = units.find(([length]) => ms % length === 0) ?? [1, "millisecond"];
  const count = ms / unit;
  return count === 1 ? `one ${name}` : `${count} ${name}s`;
}

const minuteText = (at: number): string =>
  isoTime(at)
    .replace("T", " ")
    .replace(/:00\.000Z$|\.\d+Z$/, "");
const timeText = (at: number): string => (Math.abs(at) > 8.64e15 ? "-" : minuteText(at));

/** Calls over time: a stacked bar for each stretch of time, and the same figures as a table. */
export function chart(timeline: TimeBuckets<Ending>): Html {
  const bars = timeline.list();
  const highest = Math.max(1, ...bars.map(({ counts }) => sumOf(counts)));
  const used = endings.filter((name) => bars.some(({ counts }) => counts[name] > 0));
  const round = (value: number) => Math.round(value * 1000) / 1000;

  const drawn = bars.map(({ from, counts }, index) => {
    let top = height;
    const parts = used.flatMap((name) => {
      if (counts[name] === 0) return [];
      const length = (counts[name] / highest) * height;
      top -= length;
      return html`<rect class="${name}" x="${round(index + (1 - fill) / 2)}" y="${round(top)}" width="${fill}" height="${round(length)}"/>`;
    });
    const told = used.filter((name) => counts[name] > 0).map((name) => `${counts[name]} ${name}`);
    const title = `${timeText(from)}: ${told.join(", ") || "no calls"}`;
    return html`<g class="bar"><title>${title}</title><rect class="back" x="${index}" y="0" width="1" height="${height}"/>${parts}</g>\n`;
  });
  const width = widthText(timeline.widthMs);
  const [first, last] = [bars.at(0)?.from ?? 0, bars.at(-1)?.from ?? 0];
  const label = `Calls over time, a bar for ${width}, from ${timeText(first)} to ${timeText(last)} UTC; the highest bar stands for ${highest} calls`;

  return html`<figure>
<figcaption id="chart-caption">One bar is ${width}; the highest stands for ${highest.toLocaleString("en")} calls. Times are UTC.</figcaption>
<ul class="legend">${used.map((name) => html`<li><svg viewBox="0 0 1 1" aria-hidden="true"><rect class="${name}" width="1" height="1"/></svg>${name}</li>`)}</ul>
<svg id="chart" role="img" aria-label="${label}" viewBox="0 0 ${Math.max(1, bars.length)} ${height}" preserveAspectRatio="none">
<line x1="0" y1="${height / 2}" x2="${bars.length}" y2="${height / 2}"/>
${drawn}</svg>
<div class="axis"><span>${timeText(first)}</span>${bars.length > 1 ? html`<span>${timeText(last)}</span>` : undefined}</div>
<details><summary>The same as a table</summary>
${table({
  id: "chart-table",
  caption: `Calls by how they ended, for ${width} from each time on`,
  columns: [
    { title: "From", cell: ({ from }) => timeText(from), as: "time" as const },
    ...used.map((name) => ({
      title: name,
      cell: ({ counts }: { counts: Bar<Ending> }) => counts[name],
      as: "number" as const,
    })),
  ],
  rows: bars.filter(({ counts }) => sumOf(counts) > 0),
})}</details>
</figure>`;
}
