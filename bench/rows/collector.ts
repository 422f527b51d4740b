import { output, processPath } from "../child.ts";
import { inTurns, type Row } from "../row.ts";

type Measured = { readonly seconds: number; readonly peakMb: number };

const measure =
  (key: keyof Measured, who: string, count = 1_000_000) =>
  async () =>
    ((await output(processPath("collector"), [], [who, String(count)])) as Measured)[key];

/** One pass and the plan over a million resources of which a twentieth has no owner. */
export const collector: Row = {
  id: "collector",
  what: "pass and plan over 1,000,000 resources, 5 % orphaned, marks on disk, own time",
  unit: "s",
  better: "lower",
  goal: 60,
  async run() {
    const [value = 0, hand = 0] = await inTurns(1, [measure("seconds", "ours"), measure("seconds", "hand")]);
    return { value, alternatives: [{ name: "all in memory, nothing kept", value: hand }] };
  },
};

/** The most memory that is resident meanwhile. */
export const collectorMemory: Row = {
  id: "collector-memory",
  what: "the same, most memory resident",
  unit: "MB",
  better: "lower",
  goal: 200,
  async run() {
    const [value = 0, small = 0, hand = 0] = await inTurns(1, [
      measure("peakMb", "ours"),
      measure("peakMb", "ours", 100_000),
      measure("peakMb", "hand"),
    ]);
    return {
      value,
      alternatives: [
        { name: "100,000 resources", value: small },
        { name: "all in memory, nothing kept", value: hand },
      ],
    };
  },
};
