import type { CommandFamily } from "../command.ts";
import { explain, status } from "./look.ts";
import { ack, unmark } from "./people.ts";
import { report } from "./report.ts";
import { plan, scan, sweep } from "./run.ts";

export const gc: CommandFamily = {
  name: "gc",
  summary: "Finds and deletes what no cluster owns any more.",
  commands: [scan, plan, sweep, status, explain, ack, unmark, report],
};
