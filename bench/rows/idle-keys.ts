import { output, processPath } from "../child.ts";
import { inTurns, type Row } from "../row.ts";

const measure = (who: string) => async () => (await output(processPath("idle-keys"), ["--expose-gc"], [who])) as number;

/** What accounts that nobody talks to at the moment cost. */
export const idleKeys: Row = {
  id: "idle-keys",
  what: "memory of 10,000 idle limiter and breaker keys",
  unit: "MB",
  better: "lower",
  goal: 20,
  async run() {
    const [value = 0, opossum = 0] = await inTurns(3, [measure("ours"), measure("opossum")]);
    return { value, alternatives: [{ name: "10,000 opossum breakers alone", value: opossum }] };
  },
};
