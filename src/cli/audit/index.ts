import type { CommandFamily } from "../command.ts";
import { exportJournal } from "./export.ts";
import { proveCommand } from "./prove.ts";
import { report } from "./report.ts";
import { show } from "./show.ts";
import { tail } from "./tail.ts";
import { verify } from "./verify.ts";

/** `provider-guard audit`: reading, checking and exporting journals. */
export const audit: CommandFamily = {
  name: "audit",
  summary: "Reads, checks and exports the audit log that fileJournal keeps.",
  commands: [verify, tail, show, exportJournal, proveCommand, report],
};
