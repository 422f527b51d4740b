import fc from "fast-check";
import { emergencyStop, type FreezeScope } from "provider-guard";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { acme } from "../support/acme.ts";
import { type Line, sharedState } from "../support/shared-state.ts";

const scopes: readonly FreezeScope[] = ["all", { cluster: "uid-a" }];

type Step =
  | { readonly do: "freeze" | "thaw"; readonly who: number; readonly scope: number }
  | { readonly do: "line"; readonly who: number; readonly mode: Line["mode"]; readonly latencyMs: number }
  | { readonly do: "flush" }
  | { readonly do: "backup" }
  | { readonly do: "restore" }
  | { readonly do: "pass"; readonly ms: number };

const who = fc.nat(3); // the last one is an operator's script
const scope = fc.nat(1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("freeze" as const), who, scope }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("thaw" as const), who, scope }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("line" as const),
      who,
      mode: fc.constantFrom<Line["mode"]>("up", "up", "down", "hangs", "loses"),
      latencyMs: fc.constantFrom(0, 0, 30, 400),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("flush" as const, "backup" as const, "restore" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
);

/**
 * Three replicas and a script freeze and thaw while lines and store fail. What must hold: as long as
 * nobody has tried to thaw a scope, each replica that obeyed a stop of it goes on obeying; and once
 * everything works again, all come to the same.
 */
async function play(steps: readonly Step[]): Promise<void> {
  const clock = simulatedClock();
  const shared = sharedState(clock);
  const lines = [0, 1, 2, 3].map(() => shared.line());
  const replicas = await Promise.all(
    lines.slice(0, 3).map(({ state }, seed) => acme({ clock, state, random: seededRandom(seed) })),
  );
  const script = emergencyStop((lines[3] as Line).state, { clock, random: seededRandom(3) });
  const stops = [...replicas.map(({ guard }) => guard), script];
  const frozenAt = (index: number) => replicas[index]?.guard.frozen.map(({ scope }) => JSON.stringify(scope)) ?? [];
  const commands: Promise<unknown>[] = [];
  const obeyed = [0, 1, 2].map(() => new Set<string>()); // stops of scopes that nobody has tried to thaw
  let restore = async () => {};

  for (const [index, step] of steps.entries()) {
    if (step.do === "pass") await clock.advance(step.ms);
    else if (step.do === "flush") await shared.flush();
    else if (step.do === "backup") restore = await shared.backup();
    else if (step.do === "restore") await restore();
    else if (step.do === "line") Object.assign(lines[step.who] as Line, { mode: step.mode, latencyMs: step.latencyMs });
    else {
      const scope = scopes[step.scope] as FreezeScope;
      const stop = stops[step.who] as (typeof stops)[number];
      if (step.do === "thaw") for (const known of obeyed) known.delete(JSON.stringify(scope));
      const command =
        step.do === "freeze" ? stop.freeze({ reason: `no ${index}`, by: "x", scope }) : stop.thaw({ by: "y", scope });
      commands.push(command.catch(() => {}));
      if (step.do === "freeze" && step.who < 3) expect(frozenAt(step.who)).toContain(JSON.stringify(scope)); // at once
    }
    const thawing = steps
      .slice(0, index + 1)
      .flatMap((past) => (past.do === "thaw" ? [JSON.stringify(scopes[past.scope])] : []));
    for (const [at, known] of obeyed.entries()) {
      const frozen = frozenAt(at);
      for (const scope of known) expect(frozen).toContain(scope);
      for (const scope of frozen) if (!thawing.includes(scope)) known.add(scope);
    }
  }

  for (const line of lines) Object.assign(line, { mode: "up", latencyMs: 0 });
  await clock.advance(10_000);
  await clock.runUntil(Promise.all(commands));
  await clock.advance(2_000);
  const views = replicas.map(({ guard }) =>
    JSON.stringify(guard.frozen.map(({ scope, reason }) => ({ scope, reason }))),
  );
  const sorted = views.map((view) => (JSON.parse(view) as object[]).map((item) => JSON.stringify(item)).sort());
  expect(sorted).toEqual(Array(3).fill(sorted[0]));
  for (const [at, known] of obeyed.entries()) for (const scope of known) expect(frozenAt(at)).toContain(scope);
  const held = await emergencyStop(shared.line().state, { clock }).frozen();
  expect(held.map(({ scope, reason }) => JSON.stringify({ scope, reason })).sort()).toEqual(sorted[0]);
  for (const { guard } of replicas) await guard.close();
  expect(clock.pending).toBe(0);
}

it("a stop is lost by no failure of the store, and all come to the same end", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), play), { numRuns: 60 });
});
