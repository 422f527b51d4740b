import type { LimitRule } from "provider-guard";
import { bucketsOf } from "../../src/core/limit-rule.ts";

const kindNames = { read: "reads", create: "creates", update: "updates", delete: "deletes" } as const;
const code = (text: string) => `\`${text}\``;

function callsOf({ service, operations, kinds }: LimitRule): string {
  const what = operations?.map(code) ?? kinds?.map((kind) => kindNames[kind]) ?? ["any"];
  return `${service === undefined ? "" : `${service}: `}${what.join(", ")}`;
}

function takes({ weight }: { readonly weight?: unknown }): string {
  if (typeof weight === "function") return "1 or 2, by input";
  return typeof weight === "string" ? code(weight) : String(weight ?? 1);
}

/** A throttle table as the page shows it: a row for each bucket of a rule, then what the figures rest on. */
export function rendered(table: readonly LimitRule[]): string {
  const sources = [...new Set(table.map(({ source }) => source))];
  const rows = table.flatMap((rule) =>
    bucketsOf(rule).map((bucket, index) => {
      const head = index === 0 ? [code(rule.name), callsOf(rule)] : ["", ""];
      const each = (bucket.per ?? ["account", "region"]).join(", ");
      const source = sources.indexOf(rule.source) + 1;
      return [...head, code(bucket.name), bucket.burst, bucket.ratePerSecond, takes(bucket), each, source];
    }),
  );
  const heads = ["Rule", "Calls", "Bucket", "Burst", "Per second", "A call takes", "One for each", "Source"];
  const lines = [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [...lines, "", ...sources.map((source, index) => `${index + 1}. ${source}.`)].join("\n");
}
