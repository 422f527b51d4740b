import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "provider-guard";
import { httpSink } from "provider-guard/audit";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { shippedObject as object } from "../../support/shipped-object.ts";
import { cleanup, temporaryDirectory } from "../support.ts";
import { journalFiles, shippedFiles, shippingJournal } from "./support.ts";

interface Arrived {
  readonly method: string | undefined;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly bytes: Buffer;
}

/** A server that stores what is put, after it was asked what to do with each request. */
async function serve(answer: (count: number, response: ServerResponse) => boolean = () => true) {
  const arrived: Arrived[] = [];
  const objects = new Map<string, Buffer>();
  let count = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const path = request.url ?? "";
    arrived.push({ method: request.method, path, headers: request.headers, bytes });
    if (answer(count++, response)) {
      objects.set(path.replace("/audit/", ""), bytes);
      if (!response.writableEnded) response.writeHead(201).end("x".repeat(100_000));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/audit/`, arrived, objects };
}

const { bytes } = object;
const context = { signal: new AbortController().signal, clock: systemClock };

describe("shipping over HTTP", () => {
  it("puts each object to a URL of its own, with its type and digest", async () => {
    const { url, arrived } = await serve();
    let asked = 0;
    const sink = httpSink({ url, headers: async () => ({ authorization: `Bearer ${++asked}` }) });
    await sink.put(object, context);
    await sink.put(object, context);
    expect(arrived).toMatchObject([
      {
        method: "PUT",
        path: `/audit/${object.name}`,
        headers: {
          authorization: "Bearer 1",
          "content-type": "application/x-ndjson",
          "content-digest": `sha-256=:${object.sha256}:`,
        },
      },
      { headers: { authorization: "Bearer 2" } },
    ]);
    expect(arrived[0]?.bytes.equals(bytes)).toBe(true);
  });

  it.each([
    [500, {}, undefined],
    [429, { "retry-after": "7" }, 7_000],
    [401, {}, undefined],
    [307, { location: "http://127.0.0.1:1/elsewhere" }, undefined],
  ])("takes %d for a failure, and heeds how long to wait", async (status, headers, requeueAfterMs) => {
    const { url, arrived } = await serve((_count, response) => {
      response.writeHead(status, headers).end();
      return false;
    });
    const failed = httpSink({ url, headers: { authorization: "Bearer hunter2" } }).put(object, context);
    await expect(failed).rejects.toMatchObject({ code: "ERR_AUDIT_NOT_SHIPPED", requeueAfterMs });
    await expect(failed).rejects.toThrow(`answered ${status}`);
    expect(arrived).toHaveLength(1);
  });

  it("says of a server that is not there where it should be, and nothing secret", async () => {
    const failed = httpSink({ url: "http://127.0.0.1:1/path", headers: { authorization: "hunter2" } }).put(
      object,
      context,
    );
    await expect(failed).rejects.toMatchObject({ message: "sink http: 127.0.0.1:1 did not answer" });
  });

  it("brings a whole journal through to a server that fails now and then", async () => {
    const directory = temporaryDirectory();
    const { url, arrived, objects } = await serve((count, response) => {
      if (count % 4 === 1) response.writeHead(503, { "retry-after": "2" }).end();
      else if (count % 4 === 2)
        response.destroy(); // arrived, and nobody learns of it
      else return true;
      return count % 4 === 2;
    });
    const clock = simulatedClock();
    const sink = httpSink({ url });
    const sinks = [{ ...sink, put: (...all: Parameters<typeof sink.put>) => clock.hold(sink.put(...all)) }];
    const { record, journal } = await shippingJournal(
      directory,
      { sinks, maxPartBytes: 1_500 },
      { clock, segmentBytes: 4096 },
    );
    for (let i = 0; i < 5; i++) {
      await record(6);
      await clock.advance(5_000);
    }
    await clock.advance(300_000);
    await clock.runUntil(journal.flush());
    expect(shippedFiles({ objects } as never)).toEqual(journalFiles(directory));
    expect(arrived.length).toBeGreaterThan(objects.size);
  });

  it.each([
    [{ url: "ftp://host/" }, "httpSink.url"],
    [{ url: "https://user:password@host/" }, "httpSink.url"],
    [{ url: "https://host/?a=b" }, "httpSink.url"],
    [{ url: "https://host/", headers: { a: 1 } }, "httpSink.headers"],
  ])("refuses %j, naming the option and not its value", (options, path) => {
    expect(() => httpSink(options as never)).toThrow(path);
    expect(() => httpSink(options as never)).not.toThrow("password@");
  });
});
