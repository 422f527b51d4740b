import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { parseRecord } from "../schema/parse-record.ts";
import type { StoredRecord } from "../schema/records.ts";
import type { ShippingSink } from "../shipping/sink.ts";
import { type LogAttributes, logRecordOf, type OtelLogRecord } from "./log-record.ts";

/** Whoever takes log records: a `Logger` of `@opentelemetry/api-logs`. */
export interface OtelLogger {
  emit(record: OtelLogRecord): void;
}

/** Options of {@link otelLogs}. */
export interface OtelLogsOptions {
  readonly logger: OtelLogger;
  /** @defaultValue `"otel"` */
  readonly name?: string;
}

/** A sink that hands records to OpenTelemetry. */
export interface OtelLogsSink extends ShippingSink {
  /** Lines that became no log record: the logger threw, or this version does not know their kind. */
  readonly dropped: number;
}

const schema = z.strictObject({
  logger: z.custom<OtelLogger>(
    (value) => typeof (value as OtelLogger | null)?.emit === "function",
    "expected a logger with emit()",
  ),
  name: z.string().default("otel"),
});

/** Records between two turns of the event loop, so that a long backlog holds nobody up. */
const perTurn = 256;
/** Calls whose outcome is awaited to be told with the operation. */
const mostCalls = 10_000;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Hands every record to OpenTelemetry as a log record, a few seconds after it has become durable: no call
 * waits for it, and a crash repeats records rather than to lose them. What happens to them then is up to
 * the logger's processor; what the logger throws is counted in `dropped` and not tried again. Inputs are
 * left out: they are in the journal, at the `seq` that the log record names.
 *
 * @param options - See {@link OtelLogsOptions}.
 * @returns A sink for `shipping`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { otelLogs, shipping } from "provider-guard/audit";
 * const logger = { emit: (record: object) => console.log(record) }; // logs.getLogger("acme") of @opentelemetry/api-logs
 * shipping({ sinks: [otelLogs({ logger })] });
 * @see OpenTelemetry semantic conventions 1.44, read 2026-11
 */
export function otelLogs(options: OtelLogsOptions): OtelLogsSink {
  const { name } = parseOptions(schema, options, "otelLogs");
  const { logger } = options;
  const asked = new Map<string, LogAttributes>();
  let dropped = 0;

  function emit(record: StoredRecord, chain: string): void {
    const known = record.type === "outcome" ? asked.get(record.call) : undefined;
    const made = logRecordOf(record, chain, known);
    if (record.type === "intent") {
      asked.set(record.call, made.attributes);
      const [oldest] = asked.keys();
      if (asked.size > mostCalls && oldest !== undefined) asked.delete(oldest);
    } else if (record.type === "outcome") asked.delete(record.call);
    logger.emit(made);
  }

  return {
    name,
    get dropped() {
      return dropped;
    },
    async put({ file, chain, bytes }) {
      if (file.includes("checkpoints")) return; // they are evidence, and no log
      const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8").split("\n");
      for (const [index, line] of lines.slice(0, -1).entries()) {
        if (index % perTurn === perTurn - 1) await turn();
        try {
          const parsed = parseRecord(line);
          if (parsed.status === "ok") emit(parsed.record, chain);
          else dropped++;
        } catch {
          dropped++;
        }
      }
    },
  };
}
