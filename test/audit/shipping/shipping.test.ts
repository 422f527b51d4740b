import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support.ts";
import { fakeSink, journalFiles, shippedFiles, shippingJournal } from "./support.ts";

describe("shipping a journal", () => {
  it("sends what is durable every few seconds, in whole lines, each byte once", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const { clock, record } = await shippingJournal(directory, { sinks: [sink] });
    await record(3);
    await clock.advance(5_000);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
    await record(4);
    await clock.advance(5_000);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
    expect(new Set(sink.asked).size).toBe(sink.asked.length);
  });
});
