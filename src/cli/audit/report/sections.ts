import { msText, refText, resourcesText } from "../entry-line.ts";
import { counted, isoTime } from "../fields.ts";
import { chart } from "./chart.ts";
import { type Html, html } from "./html.ts";
import { nothing, section, table } from "./parts.ts";
import { type Ending, endings, type Tally } from "./tally.ts";

const mostRows = 100;
const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
const timeText = (at: number | undefined): string =>
  isoTime(at)
    .replace("T", " ")
    .replace(/\.000Z$|Z$/, "");

/** A key of the last row, which stands for all that are not listed. */
const othersRow = <K extends Record<string, string>, C>(name: keyof K, counts: C | undefined) =>
  counts === undefined ? undefined : { key: { [name]: "all others" } as unknown as K, counts };

export function callsOverTime({ timeline }: Tally): Html {
  const empty = timeline.list().length === 0;
  return section("calls", "Calls over time", empty ? nothing("No calls are recorded.") : chart(timeline));
}

export function refusals({ refusals }: Tally): Html {
  const { rows, others } = refusals.top(mostRows, sum);
  if (rows.length === 0) return section("refusals", "Refusals", nothing("Nothing was refused."));
  const content = table({
    id: "refusals",
    caption: "Calls that a phase refused, or would have refused if it did not only observe",
    columns: [
      { title: "Phase", cell: ({ key }) => key.phase },
      { title: "Code", cell: ({ key }) => key.code },
      { title: "Refused", cell: ({ counts }) => counts.refused, as: "number" },
      { title: "Observed", cell: ({ counts }) => counts.observed, as: "number" },
    ],
    rows,
    others: othersRow<(typeof rows)[number]["key"], (typeof rows)[number]["counts"]>("phase", others),
  });
  return section("refusals", "Refusals", content);
}

export function throttling({ throttling }: Tally): Html {
  const { rows: all } = throttling.top(mostRows, ({ throttled, waitedMs }) => throttled * 1e6 + waitedMs);
  const rows = all.filter(({ counts }) => counts.throttled > 0 || counts.waits > 0);
  if (rows.length === 0) {
    return section(
      "throttling",
      "Throttling and waits",
      nothing("No request was throttled, and none waited for the rate limit."),
    );
  }
  const content = table({
    id: "throttling",
    caption: `Requests that the cloud throttled, and waits for the guard's own limits; up to ${mostRows} operations, the most throttled first`,
    columns: [
      { title: "Operation", cell: ({ key }) => key.operation },
      { title: "Service", cell: ({ key }) => key.service },
      { title: "Region", cell: ({ key }) => key.region },
      { title: "Requests", cell: ({ counts }) => counts.attempts, as: "number" },
      { title: "Throttled", cell: ({ counts }) => counts.throttled, as: "number" },
      { title: "Waited", cell: ({ counts }) => counts.waits, as: "number" },
      {
        title: "Waited in all",
        cell: ({ counts }) => (counts.waits === 0 ? "" : msText(counts.waitedMs)),
        as: "number",
      },
      {
        title: "Mean wait",
        cell: ({ counts }) => (counts.waits === 0 ? "" : msText(counts.waitedMs / counts.waits)),
        as: "number",
      },
    ],
    rows,
  });
  return section("throttling", "Throttling and waits", content);
}

const endingColumns = endings.map((name) => ({
  title: name,
  cell: ({ counts }: { readonly counts: Readonly<Record<Ending, number>> }) => counts[name],
  as: "number" as const,
}));

/** Of the most frequent rows, those of one cluster stand together. */
const byCluster = <R extends { readonly key: { readonly cluster: string } }>(rows: readonly R[]): readonly R[] => {
  const order = [...new Set(rows.map(({ key }) => key.cluster))];
  return order.flatMap((cluster) => rows.filter(({ key }) => key.cluster === cluster));
};

const which = (others: unknown): string => (others === undefined ? "" : `; the ${mostRows} most frequent`);

export function actors({ clusters, machines }: Tally): Html {
  const title = "Who did what to which cluster";
  const { rows, others } = clusters.top(mostRows, sum);
  if (rows.length === 0) return section("actors", title, nothing("No calls are recorded."));
  type Row = (typeof rows)[number];
  const ofClusters = table({
    id: "clusters",
    caption: `Calls by cluster and operation${which(others)}`,
    columns: [
      { title: "Cluster", cell: ({ key }) => key.cluster },
      { title: "Operation", cell: ({ key }) => key.operation },
      { title: "Calls", cell: ({ counts }) => sum(counts), as: "number" },
      ...endingColumns,
    ],
    rows: byCluster(rows),
    others: othersRow<Row["key"], Row["counts"]>("cluster", others),
  });
  return section("actors", title, ofClusters, machines.size === 0 ? undefined : byMachine(machines));
}

function byMachine(machines: Tally["machines"]): Html {
  const { rows, others } = machines.top(mostRows, sum);
  type Row = (typeof rows)[number];
  const content = table({
    id: "machines",
    caption: `Calls on behalf of machines${which(others)}`,
    columns: [
      { title: "Cluster", cell: ({ key }) => key.cluster },
      { title: "Machine", cell: ({ key }) => key.machine },
      { title: "Operation", cell: ({ key }) => key.operation },
      { title: "Calls", cell: ({ counts }) => sum(counts), as: "number" },
      ...endingColumns,
    ],
    rows: byCluster(rows),
    others: othersRow<Row["key"], Row["counts"]>("cluster", others),
  });
  return html`<details><summary>By machine</summary>${content}</details>`;
}

export function unfinished(tally: Tally): Html {
  const { count, oldest } = tally.unfinished();
  const title = "Unfinished intents";
  if (count === 0) return section("unfinished", title, nothing("Every intent has a clear outcome."));
  const content = table({
    id: "unfinished",
    caption: `${counted(count, "intent")} without a clear outcome: what they asked for may exist${count > oldest.length ? `; the ${oldest.length} oldest` : ""}`,
    columns: [
      { title: "Time (UTC)", cell: ({ at }) => timeText(at), as: "time" },
      { title: "Operation", cell: ({ operation }) => operation },
      { title: "Cluster and machine", cell: ({ owner }) => owner },
      { title: "Call", cell: ({ call }) => call, as: "id" },
    ],
    rows: oldest,
  });
  return section("unfinished", title, content);
}

export function manual({ manual }: Tally): Html {
  const title = "Manual operations";
  if (manual.count === 0) return section("manual", title, nothing("Nobody did anything by hand through the guard."));
  const rows = manual.last();
  const content = table({
    id: "manual",
    caption: `${counted(manual.count, "call")} that a person made through the guard${manual.count > rows.length ? `; the last ${rows.length}` : ""}`,
    columns: [
      { title: "Time (UTC)", cell: ({ at }) => timeText(at), as: "time" },
      { title: "Person", cell: ({ facts }) => facts?.operator },
      { title: "Reason", cell: ({ facts }) => facts?.reason },
      { title: "Ticket", cell: ({ facts }) => facts?.ticket },
      { title: "Operation", cell: ({ facts }) => facts?.operation },
      { title: "Resources", cell: ({ resources }) => resourcesText(resources) },
      { title: "Cluster", cell: ({ facts }) => refText(facts?.cluster) },
      { title: "Result", cell: ({ result }) => result },
    ],
    rows,
  });
  return section("manual", title, content);
}

export function notices({ notices, events }: Tally): Html {
  const title = "Notices";
  const { rows: counted } = events.top(mostRows, ({ count }) => count);
  if (counted.length === 0) return section("notices", title, nothing("No notices are recorded."));
  const rows = notices.last();
  const summary = counted.map(({ key, counts }) => `${key.event} ${counts.count}`).join(", ");
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const content = table({
    id: "notices",
    caption: `What happened to the journal and the guard, without its starts${notices.count > rows.length ? `; the last ${rows.length}` : ""}`,
    columns: [
      { title: "Time (UTC)", cell: ({ at }) => timeText(at), as: "time" },
      { title: "Event", cell: ({ event }) => event },
      {
        title: "Details",
        cell: ({ details }) =>
          Object.entries(details)
            .map(([name, value]) => `${name}: ${text(value)}`)
            .join("; "),
      },
    ],
    rows,
  });
  return section("notices", title, html`<p class="soft">${summary}</p>`, rows.length === 0 ? undefined : content);
}
