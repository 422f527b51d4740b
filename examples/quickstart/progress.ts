/** What a person sees while a run goes on: one line per reconcile and, on a terminal, a bar below them. */
import type { Report } from "./controller.ts";

export interface Progress {
  /** Begins a run. */
  title(text: string): void;
  /** One reconcile at `atMs` milliseconds after the start. */
  reconciled(atMs: number, report: Report): void;
  /** Something that happened to the controller. */
  event(atMs: number, text: string): void;
  /** Redraws the bar, on a terminal only. */
  bar(done: number, total: number, label: string): void;
  /** Takes the bar away. */
  end(): void;
}

const barWidth = 30;

/** Minutes, seconds and tenths: `01:23.4`. */
export function timeOf(ms: number): string {
  const tenths = Math.floor(ms / 100);
  const [minutes, seconds] = [Math.floor(tenths / 600), Math.floor(tenths / 10) % 60];
  return `${String(minutes).padStart(2, "0")}:${String(seconds).padStart(2, "0")}.${tenths % 10}`;
}

export function progress(stream: NodeJS.WriteStream, silent: boolean): Progress {
  let shown = "";

  function line(text: string): void {
    if (silent) return;
    stream.write(stream.isTTY ? `\r\u001b[K${text}\n${shown}` : `${text}\n`);
  }

  return {
    title: (text) => line(`\n${text}`),
    reconciled(atMs, { object, did, requeueMs, failed }) {
      const back = requeueMs ? `, again in ${(requeueMs / 1000).toFixed(1)} s` : "";
      line(`${timeOf(atMs)}  ${object.name.padEnd(20)} ${failed ? "! " : "  "}${did}${back}`);
    },
    event: (atMs, text) => line(`${timeOf(atMs)}  ---- ${text}`),
    bar(done, total, label) {
      if (silent || !stream.isTTY) return;
      const filled = Math.round((done / total) * barWidth);
      const next = `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}] ${label}`;
      if (next === shown) return;
      shown = next.slice(0, (stream.columns || 80) - 1);
      stream.write(`\r\u001b[K${shown}`);
    },
    end() {
      if (shown !== "") stream.write("\r\u001b[K");
      shown = "";
    },
  };
}
