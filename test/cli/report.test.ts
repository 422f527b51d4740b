import { appendFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeWithServer } from "../real/require-server.ts";
import { controllersDay, folder, headOf, linesIn, removeFolders, rewrite, run, segmentOf } from "./support.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
afterAll(removeFolders);

/** A report of a journal, as a file. */
async function reportOf(directory: string, ...options: string[]) {
  const file = join(folder(), "report.html");
  const { code, stdout, stderr } = await run("audit", "report", directory, "--output", file, ...options);
  return { code, stdout, stderr, file };
}

describe("audit report", () => {
  it("exits as verify does, and writes a file that only its owner can read", async () => {
    const directory = folder();
    await controllersDay(directory);
    const unpinned = await reportOf(directory);
    expect(unpinned).toMatchObject({ code: 3, stdout: "", stderr: "" });
    expect(statSync(unpinned.file).mode & 0o777).toBe(0o600);
    expect((await reportOf(directory, "--head", await headOf(directory))).code).toBe(0);
    const printed = await run("audit", "report", directory, "--allow-unpinned");
    expect(printed.code).toBe(0);
    const made = /Report made [^<]*/;
    expect(printed.stdout.replace(made, "")).not.toBe(printed.stdout);
    rewrite(directory, (lines) => lines.with(4, "garbage"));
    const tampered = await reportOf(directory);
    expect(tampered.code).toBe(1);
    expect(readFileSync(tampered.file, "utf8")).toContain("Tampered");
  });

  it("is made of a journal whose records hold nonsense", async () => {
    const directory = folder();
    await controllersDay(directory);
    const wrong = [
      '{"seq":21,"type":"intent","call":"x","at":"now","target":7,"owner":[],"operation":{}}',
      '{"seq":22,"type":"outcome","call":"x","at":1e300,"attempts":[null,{"waitedMs":"x"}],"decisions":{},"result":9}',
      '{"seq":23,"type":"open","at":0,"intents":[null,{"call":5}]}',
      '{"seq":24,"type":"notice","at":-1,"event":[],"details":"text"}',
      '{"seq":25,"type":"read","call":null,"at":8640000000000000}',
      '{"seq":26}',
    ];
    appendFileSync(segmentOf(directory), `${wrong.join("\n")}\n`);
    const { code, stderr, file } = await reportOf(directory);
    expect([code, stderr.split("\n").length]).toEqual([1, 2]);
    expect(readFileSync(file, "utf8")).toContain("</html>");
  });
});

describeWithServer(
  "audit report in a browser",
  { server: "Chromium", program: executablePath, hint: "apt-get install chromium" },
  (program) => {
    let browser: Browser;
    let page: Page;
    let directory: string;
    let file: string;
    const complaints: string[] = [];
    const requests: string[] = [];

    beforeAll(async () => {
      directory = folder();
      await controllersDay(directory, true);
      ({ file } = await reportOf(directory, "--head", await headOf(directory)));
      browser = await chromium.launch({ executablePath: program, headless: true, args: ["--no-sandbox"] });
      page = await browser.newPage();
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("dialog", (dialog) => {
        complaints.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(file).href);
    }, 60_000);
    afterAll(() => browser?.close());

    /** The cells of a table, row by row. */
    const rowsOf = (id: string) =>
      page
        .locator(`#${id} tbody tr`)
        .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));

    it("loads nothing, runs nothing, and the browser has nothing to complain about", async () => {
      expect(requests).toEqual([pathToFileURL(file).href]);
      expect(complaints).toEqual([]);
      expect(await page.locator("script, [onclick], [onload], [style], iframe, img, link").count()).toBe(0);
    });

    it("shows hostile names as text", async () => {
      const said = await page.locator("#manual tbody td").allTextContents();
      expect(said).toContain("carol<script>alert(1)</script>");
      expect(said).toContain("=disk full<script>alert(1)</script>");
      expect(await page.locator("#notices").textContent()).toContain("alice<script>alert(1)</script>");
    });

    it("says how the journal verified, and when it was written", async () => {
      expect(await page.locator(".verdict.ok").textContent()).toContain("Verified");
      expect(await page.locator("header").textContent()).toContain(
        "2026-01-05T08:00:00.000Z to 2026-01-05T09:32:05.000Z",
      );
      const figures = await page
        .locator("dl.figures div")
        .evaluateAll((items) => items.map((item) => [...item.children].map((child) => child.textContent)));
      expect(Object.fromEntries(figures)).toEqual({
        Records: "20",
        Segments: "1",
        Changes: "8",
        Reads: "1",
        Refused: "1",
        Failed: "1",
        Unfinished: "1",
        "By hand": "1",
      });
    });

    it("draws a bar for each stretch of time, as high as its calls", async () => {
      expect(await page.locator("#chart g.bar").count()).toBe(19); // from 08:00 to 09:30, five minutes each
      const drawn = await page
        .locator("#chart rect:not(.back)")
        .evaluateAll((rects) => rects.map((rect) => [rect.getAttribute("class"), Number(rect.getAttribute("height"))]));
      expect(drawn).toEqual([
        ["ok", 25],
        ["failed", 25],
        ["ok", 50],
        ["refused", 25],
        ["ok", 50],
        ["unknown", 50],
      ]);
      expect(await page.locator("#chart").getAttribute("aria-label")).toContain("the highest bar stands for 4 calls");
      expect(await rowsOf("chart-table")).toEqual([
        ["2026-01-05 08:00", "1", "1", "0", "0"],
        ["2026-01-05 08:30", "2", "0", "0", "1"],
        ["2026-01-05 09:30", "2", "0", "2", "0"],
      ]);
    });

    it("lists refusals, throttling, who did what, unfinished intents and what was done by hand", async () => {
      expect(await rowsOf("refusals")).toEqual([["freeze", "ERR_FREEZE_ACTIVE", "1", "0"]]);
      expect(await rowsOf("throttling")).toEqual([["createServer", "acme", "default", "5", "1", "1", "5s", "5s"]]);
      expect(await rowsOf("clusters")).toEqual([
        ["default/prod", "createServer", "5", "2", "1", "2", "0", "0"],
        ["default/prod", "listServers", "1", "1", "0", "0", "0", "0"],
        ["default/prod", "deleteServer", "1", "0", "0", "0", "0", "1"],
        ["default/staging", "resizeServer", "2", "2", "0", "0", "0", "0"],
      ]);
      expect((await rowsOf("machines")).slice(0, 1)).toEqual([
        ["default/prod", "m-3", "createServer", "2", "1", "0", "1", "0", "0"],
      ]);
      const open = JSON.parse(linesIn(directory).at(-1) ?? "").call;
      expect(await rowsOf("unfinished")).toEqual([["2026-01-05 09:32:00", "createServer", "prod m-4", open]]);
      expect((await rowsOf("manual")).map((row) => [row[3], row[4], row[5], row[6], row[7]])).toEqual([
        ["CHG-7", "resizeServer", "srv-9", "default/staging", "ok"],
      ]);
      expect((await rowsOf("notices")).map((row) => row[1])).toEqual(["freeze", "thaw"]);
    });

    it.each([360, 1280])("fits a window of %d pixels, in light and in dark", async (width) => {
      await page.setViewportSize({ width, height: 900 });
      const backgrounds: string[] = [];
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.locator("details").evaluateAll((all) => all.map((details) => details.setAttribute("open", "")));
        const size = await page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
        expect(size).toEqual([width, width]);
        backgrounds.push(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"));
      }
      const [light, dark] = backgrounds;
      expect(light).not.toBe(dark);
    });

    it("can be read by those who cannot see it: headings in order, tables and regions with names", async () => {
      expect(await page.locator("h1").count()).toBe(1);
      expect(await page.locator("h2").allTextContents()).toEqual([
        "Calls over time",
        "Refusals",
        "Throttling and waits",
        "Who did what to which cluster",
        "Unfinished intents",
        "Manual operations",
        "Notices",
      ]);
      for (const named of await page.locator("[aria-labelledby]").all()) {
        const id = await named.getAttribute("aria-labelledby");
        expect(await page.locator(`[id="${id}"]`).count()).toBe(1);
      }
      expect(await page.locator("tbody tr > :first-child:not(th[scope=row])").count()).toBe(0);
    });
  },
);
