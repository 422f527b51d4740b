import { printable } from "../terminal.ts";
import { type CallEntry, callEntry, type Facts, factsOf, type RefView } from "./entries.ts";
import { msText, refText } from "./entry-line.ts";
import { isoTime, textIn, textsIn } from "./fields.ts";
import type { JournalLine } from "./journal-reader.ts";

const labelWidth = 10;
const row = (label: string, text: string): string => `${printable(label).padEnd(labelWidth)}${printable(text)}\n`;
const place = ({ line: { segment, offset, seq } }: CallEntry) => `seq ${seq}, segment ${segment}, byte ${offset}`;
const list = (texts: readonly (string | false | undefined)[]): string => texts.filter(Boolean).join(", ");
const withUid = (ref: RefView): string => `${refText(ref)}${ref.uid === "" ? "" : ` (${ref.uid})`}`;

function factLines(facts: Facts): string {
  const { operation, kind, resourceType, cloud, service, account, region, cluster, machine, provider } = facts;
  const what = [kind, resourceType].filter(Boolean).join(" ");
  const { operator, reason, ticket, managementCluster } = facts;
  const where = [cloud, service, account && `account ${account}`, region].filter(Boolean).join(", ");
  return (
    row("", `${operation}${what === "" ? "" : ` (${what})`} on ${where}`) +
    row(
      "for",
      list([cluster ? `cluster ${withUid(cluster)}` : "no cluster", machine && `machine ${withUid(machine)}`]),
    ) +
    row("by", `${provider} of management cluster ${managementCluster}`) +
    (operator === "" ? "" : row("by hand", list([operator, reason && `"${reason}"`, ticket && `ticket ${ticket}`])))
  );
}

function intentLines(entry: CallEntry): string {
  const { record } = entry.line;
  const { token, fingerprint, input, truncated, carried } = record;
  const touched = textsIn(record.resources);
  const again = carried === true ? ", carried over from a segment that is gone" : "";
  return (
    row("intent", `${isoTime(entry.at)}  ${place(entry)}${again}`) +
    (input === undefined
      ? ""
      : row("input", `${JSON.stringify(input)}${truncated === true ? " (parts left out)" : ""}`)) +
    (touched.length === 0 ? "" : row("resources", touched.join(", "))) +
    (typeof token === "string" ? row("token", token) : "") +
    (typeof fingerprint === "string" ? row("", `fingerprint ${fingerprint}`) : "")
  );
}

function endingLines(entry: CallEntry): string {
  const { decisions, attempts, result, ms, code, line } = entry;
  const decided = decisions.map(({ phase, by, verdict, code: why, ms: waited, note }) =>
    row(
      phase,
      list([
        `${verdict}${by === phase || by === "" ? "" : ` by ${by}`}`,
        why,
        waited !== undefined && msText(waited),
        note,
      ]),
    ),
  );
  const sent = attempts.map(({ result: answer, status, code: error, requestId, ms: took, waitedMs }, index) =>
    row(
      `attempt ${index + 1}`,
      list([
        status === undefined ? answer : `${answer} ${status}`,
        error,
        msText(took),
        waitedMs > 0 && `after a wait of ${msText(waitedMs)}`,
        requestId && `request id ${requestId}`,
      ]),
    ),
  );
  const made = textsIn(line.record.resources);
  if (made.length > 0) sent.push(row("resources", made.join(", ")));
  const how = list([result, code !== result && code, ms !== undefined && msText(ms)]);
  return (
    decided.join("") +
    sent.join("") +
    row(textIn(line.record.type) ?? "", `${isoTime(entry.at)}  ${how}  ${place(entry)}`)
  );
}

const recordText = (record: unknown): string =>
  `${JSON.stringify(record, null, 2).split("\n").map(printable).join("\n")}\n`;

/** All that a journal tells about a call, for people; the call that was asked for first. */
export function callText(call: string | undefined, lines: readonly JournalLine[]): string {
  if (call === undefined) return lines.map(({ record }) => recordText(record)).join("");
  const calls = new Map<string, JournalLine[]>([[call, []]]);
  for (const line of lines) {
    const id = textIn(line.record.call) ?? "";
    calls.set(id, [...(calls.get(id) ?? []), line]);
  }
  const root =
    lines.map(({ record }) => (record.call === call ? textIn(record.token) : undefined)).find(Boolean) ?? call;
  return [...calls].map(([id, own]) => oneCall(id, title(id, call, root), own)).join("\n");
}

function title(id: string, call: string, root: string): string {
  if (id === call) return "call";
  if (id === root) return "resumes";
  return root === call ? "resumed by" : "resumed too by";
}

function oneCall(id: string, label: string, lines: readonly JournalLine[]): string {
  let text = label.length < labelWidth ? row(label, id) : `${label} ${printable(id)}\n`;
  let ended = false;
  for (const [index, line] of lines.entries()) {
    const entry = callEntry(line, undefined);
    const { type } = line.record;
    if (index === 0 && type !== "outcome") text += factLines(factsOf(line.record));
    if (type === "intent") text += intentLines(entry);
    else {
      text += endingLines(entry);
      ended = true;
    }
  }
  return ended
    ? text
    : `${text}${row("outcome", "none: the process died, the journal lost it, or the call is still under way")}`;
}
