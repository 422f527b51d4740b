import { existsSync, readFileSync } from "node:fs";
import { afterEach, expect, it, vi } from "vitest";
import { stageOpener } from "../../src/bootstrap/opener/compose.ts";
import { fetchLikeCapa, splitLikeCapa } from "./bootstrap-capa/like-capa.ts";
import { type ChunkServer, chunkServer, type Spoil, token } from "./bootstrap-opener/chunk-server.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { canary, sampleScript, sealFor } from "./bootstrap-opener/sealed.ts";

/** A machine whose user data was made one way or the other, and the store that it fetches from. */
interface Launched {
  readonly machine: TestMachine;
  readonly server: ChunkServer;
  /** What the data was cut into. */
  readonly chunks: readonly Uint8Array[];
}

/** Launches a machine with four chunks of data or more. */
type Way = (spoil?: Spoil) => Promise<Launched>;

/** The chunk that something is wrong with. */
const bad = 1;

// Each check is made of our opener, and of a script that does as CAPA does: there it has to find the defect.
describeOpener("CAPA's defect", defects, ["dash"]);

function defects(shell: string) {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  function freshMachine(): TestMachine {
    const machine = testMachine(shell);
    ends.push(() => machine.remove());
    return machine;
  }

  async function serve(items: readonly Uint8Array[], spoil: Spoil | undefined): Promise<ChunkServer> {
    const server = await chunkServer(items, spoil);
    ends.push(() => server.close());
    return server;
  }

  const ours: Way = async (spoil) => {
    const machine = freshMachine();
    const options = await sealFor(machine.folder, sampleScript(machine.folder), { maxItemBytes: 384 });
    const staged = (store: ChunkServer["part"]) => stageOpener({ ...options, store }, 4096);
    const { chunks } = options.sealed;
    const server = await serve([...chunks, ...staged({ script: "" }).program], spoil);
    machine.write(staged(server.part).opener);
    return { machine, server, chunks };
  };

  const likeCapa: Way = async (spoil) => {
    const machine = freshMachine();
    const chunks = splitLikeCapa(sampleScript(machine.folder), 4);
    const server = await serve(chunks, spoil);
    const { pg_url: url = "" } = server.part.settings ?? {};
    machine.write(fetchLikeCapa({ url, token, count: chunks.length, folder: machine.folder }));
    return { machine, server, chunks };
  };

  const boot = ({ machine }: Launched, seconds = "2") => machine.run(undefined, { PROVIDER_GUARD_SECONDS: seconds });
  const timesExecuted = ({ machine: { folder } }: Launched) =>
    existsSync(`${folder}/effect`) ? readFileSync(`${folder}/effect`, "utf8").trim().split("\n").length : 0;
  const gets = ({ server, chunks }: Launched) =>
    server.asked.flatMap(({ method, index }) => (method === "GET" && index < chunks.length ? index : []));
  const unavailable: Spoil = ({ method, index }, response) =>
    method === "GET" && index === bad && Boolean(response.writeHead(500).end());

  it("a chunk that fails does not end the loop", async () => {
    async function askedBehindIt(way: Way): Promise<number[]> {
      const launched = await way(unavailable);
      expect(launched.chunks.length).toBeGreaterThanOrEqual(4);
      await boot(launched);
      const all = gets(launched);
      expect(all.filter((index) => index === bad).length).toBeGreaterThan(1); // it is tried again
      return all.slice(all.indexOf(bad)).filter((index) => index !== bad);
    }
    expect(await askedBehindIt(ours)).toEqual([]);
    expect(await askedBehindIt(likeCapa)).toEqual([2, 3]);
  });

  it("the chunk behind takes the number of the one that failed, and clears the error", async () => {
    /** Under the bad one's number, and those behind it, the store has the chunk that comes next. */
    async function takenUpTo(way: Way): Promise<number> {
      let chunks: readonly Uint8Array[] = [];
      const launched = await way(({ method, index }, response) => {
        const next = chunks[index + 1];
        return method === "GET" && index >= bad && next !== undefined && Boolean(response.end(next));
      });
      chunks = launched.chunks;
      await boot(launched);
      expect(timesExecuted(launched)).toBe(0);
      return Math.max(...gets(launched));
    }
    expect(await takenUpTo(ours)).toBe(bad);
    expect(await takenUpTo(likeCapa)).toBe(3);
  });

  it("everything is deleted remotely though the retries have run out", async () => {
    async function deleted(way: Way): Promise<number> {
      const launched = await way(unavailable);
      const items = launched.server.held.size;
      await boot(launched);
      expect(timesExecuted(launched)).toBe(0);
      return items - launched.server.held.size;
    }
    expect(await deleted(ours)).toBe(0);
    expect(await deleted(likeCapa)).toBe(4);
  });

  it("what an interrupted boot has fetched is appended to at the next one", async () => {
    /** Power fails when half of a chunk has arrived. */
    async function executedAtTheNextBoot(way: Way): Promise<number> {
      const half = vi.fn();
      const launched = await way(({ method, index, earlier }, response) => {
        if (method !== "GET" || index !== bad || earlier > 0) return false;
        response.writeHead(200, { "content-length": 512 }).write(Buffer.alloc(100), half);
        return true;
      });
      const { child, ended } = launched.machine.start(undefined);
      await vi.waitFor(() => expect(half).toHaveBeenCalled(), { timeout: 10_000 });
      process.kill(-(child.pid as number), "SIGKILL");
      await ended;
      launched.machine.reboot();
      await boot(launched);
      return timesExecuted(launched);
    }
    expect(await executedAtTheNextBoot(ours)).toBe(1);
    expect(await executedAtTheNextBoot(likeCapa)).toBe(0);
  });

  it("the plaintext stays on the disk", async () => {
    async function left(way: Way): Promise<string[]> {
      const launched = await way();
      await boot(launched);
      expect(timesExecuted(launched)).toBe(1);
      const { machine } = launched;
      return machine.holding(canary).map((path) => path.slice(machine.folder.length + 1));
    }
    expect(await left(ours)).toEqual([]);
    expect((await left(likeCapa)).sort()).toEqual(["secret-userdata.gz", "secret-userdata.txt"]);
  });
}
