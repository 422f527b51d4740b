/**
 * What the kubelet and Prometheus ask: `/healthz` (the process answers), `/readyz` (it is ready to
 * work, or to take over), `/metrics` (the guard's own counters, in Prometheus' text format).
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  readonly isReady: () => boolean;
}

export interface Health {
  /** To be given to `createGuard({ telemetry })`. */
  readonly meterProvider: MeterProvider;
  readonly port: number;
  close(): Promise<void>;
}

export async function serveHealth({ host, port, isReady }: HealthOptions): Promise<Health> {
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
  });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  const text = (status: number, body: string) => (_: IncomingMessage, response: ServerResponse) =>
    response.writeHead(status, { "content-type": "text/plain" }).end(body);
  const answers: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
    "/healthz": text(200, "ok"),
    "/readyz": (...exchange) => (isReady() ? text(200, "ok") : text(503, "not yet"))(...exchange),
    "/metrics": (...exchange) => exporter.getMetricsRequestHandler(...exchange),
  };
  const server = createServer((request, response) =>
    (answers[request.url ?? ""] ?? text(404, "not found"))(request, response),
  );
  server.listen(port, host);
  await once(server, "listening");
  return {
    meterProvider,
    port: (server.address() as { port: number }).port,
    async close() {
      server.close();
      server.closeAllConnections();
      await meterProvider.shutdown();
    },
  };
}
