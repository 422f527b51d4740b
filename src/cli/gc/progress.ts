import type { GarbageProgress } from "../../garbage/progress.ts";
import { printable, type Terminal } from "../terminal.ts";

const width = 24;

/** Shows on the terminal how far a run is. */
export function showRun(terminal: Terminal): (progress: GarbageProgress) => void {
  let types = 0;
  return (progress) => {
    if (progress.type === "page") {
      const { seen, unlinked, unknown } = progress.tally;
      terminal.progress(
        printable(
          `${progress.of}: ${seen} seen, ${unlinked} without an owner, ${unknown} unknown; ${types} types done`,
        ),
      );
    } else if (progress.type === "complete" || progress.type === "incomplete") types++;
    else if (progress.type === "swept") {
      const { done, total, entry } = progress;
      const bar = "#".repeat(Math.floor((done / Math.max(1, total)) * width)).padEnd(width);
      terminal.progress(printable(`[${bar}] ${done}/${total} ${entry.type} ${entry.id}: ${progress.outcome}`));
    }
  };
}
