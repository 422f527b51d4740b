import fc from "fast-check";
import type { GarbageCollector, GarbagePlan } from "provider-guard/garbage";
import { Crash, type Faults, hour, modelWorld } from "./model-world.ts";

/** What may happen. */
type Step =
  | { readonly do: "cluster" | "kill" | "create" | "stranger" | "adopt" | "protect"; readonly n: number }
  | { readonly do: "pass" | "jump"; readonly ms: number }
  | { readonly do: "scan" | "sweep" | "plan" | "both" | "restart" | "midKill" | "midCreate" }
  | { readonly do: "fault"; readonly fault: Faults };

const n = fc.nat({ max: 5 });
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("create", "create", "kill", "cluster", "stranger", "adopt", "protect"),
      n,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(60_000, hour / 2, hour, 2 * hour, 5 * hour),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("jump" as const),
      ms: fc.constantFrom(-240 * hour, -hour, hour, 240 * hour),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom("scan", "scan", "scan", "sweep", "sweep", "plan", "both", "restart", "midKill", "midCreate"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      fault: fc.oneof(
        fc.record({ listFailsAt: fc.nat({ max: 2 }) }),
        fc.record({ staleMs: fc.integer({ min: 1, max: hour - 1 }) }),
        fc.record({ crashAfter: fc.nat({ max: 40 }) }),
        fc.constantFrom<Faults>(
          { unreadableTags: true },
          { ownersFail: true },
          { ownersEmpty: true },
          { readsFail: true },
          { deletesFail: true },
        ),
      ),
    }),
  },
);

const noFaults: Faults = {
  listFailsAt: undefined,
  unreadableTags: undefined,
  staleMs: undefined,
  ownersFail: undefined,
  ownersEmpty: undefined,
  readsFail: undefined,
  deletesFail: undefined,
  crashAfter: undefined,
  midList: undefined,
};

export async function play(steps: readonly Step[], world = modelWorld()): Promise<ReturnType<typeof modelWorld>> {
  let collector: GarbageCollector = world.start();
  let plan: GarbagePlan | undefined;
  const uids = () => [...world.clusters.keys()];
  const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)];
  for (const uid of ["c0", "c1", "c2"]) {
    world.addCluster(uid);
    world.create(uid, "machine", false, world.create(uid, "network"));
  }

  async function scan(by: GarbageCollector): Promise<void> {
    const beganAt = world.now();
    const { complete } = await by.scan();
    world.passed(
      complete.map(({ type }) => type),
      beganAt,
    );
  }

  /** Whatever fails is tried again later; a crash makes a new process. */
  async function survive(work: () => Promise<unknown>): Promise<void> {
    const failed = await work().then(
      () => undefined,
      (error: unknown) => error,
    );
    const crashed = failed instanceof Crash || (world.faults.crashAfter ?? 0) < 0;
    Object.assign(world.faults, noFaults);
    if (crashed) restart();
  }

  /** Where most Clusters are gone indeed, a person says so. */
  async function insist(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ERR_OWNERS_SUSPECT") throw error;
      await collector.acknowledge({ by: "model", reason: "they are gone", owners: true });
      await work();
    }
  }

  function restart(): void {
    collector.close();
    collector = world.start();
    world.restarted();
  }

  async function makePlan(): Promise<void> {
    plan = await collector.plan();
  }

  async function one(step: Step): Promise<void> {
    const { resources } = world;
    if (step.do === "fault") Object.assign(world.faults, step.fault);
    else if (step.do === "pass") world.pass(step.ms);
    else if (step.do === "jump") world.jump(step.ms);
    else if (step.do === "cluster") world.addCluster(`c${uids().length}`);
    else if (step.do === "kill") world.killCluster(pick(uids(), step.n) ?? "");
    else if (step.do === "stranger") world.create(pick(uids(), step.n) ?? "", "machine", true);
    else if (step.do === "create") {
      const owner = pick(uids(), step.n) ?? "";
      const network = step.n % 2 === 0 ? undefined : world.create(owner, "network");
      world.create(owner, "machine", false, network);
    } else if (step.do === "adopt" || step.do === "protect") {
      const truth = pick(
        [...resources.values()].filter(({ foreign }) => !foreign),
        step.n,
      );
      if (truth !== undefined && step.do === "adopt") world.adopt(truth, pick(uids(), step.n + 1) ?? "");
      if (truth !== undefined && step.do === "protect") truth.isProtected = true;
    } else if (step.do === "midKill")
      world.faults.midList = () => world.killCluster(pick(uids(), resources.size) ?? "");
    else if (step.do === "midCreate") {
      world.faults.midList = () => {
        world.addCluster("late");
        world.create("late", "machine");
      };
    } else if (step.do === "scan") await survive(() => scan(collector));
    else if (step.do === "plan") await survive(makePlan);
    else if (step.do === "sweep") await survive(async () => collector.sweep(plan ?? (await collector.plan())));
    else if (step.do === "both") {
      const other = world.start();
      world.restarted();
      await survive(() =>
        Promise.allSettled([scan(collector), scan(other), other.plan().then((made) => other.sweep(made))]),
      );
      other.close();
    } else restart();
    if (step.do === "sweep") plan = undefined;
  }

  for (const each of steps) await one(each);
  Object.assign(world.faults, noFaults);
  world.jump(-world.skew());
  world.pass(2 * hour);
  // With the faults gone every true orphan goes after its grace and a bounded number of passes.
  for (let round = 0; round < 6; round++) {
    await insist(() => scan(collector));
    await insist(async () => collector.sweep(await collector.plan()));
    world.pass(hour);
  }
  collector.close();
  return world;
}
