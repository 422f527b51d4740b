import { describe, expect, it, vi } from "vitest";
import { harness, ireland } from "./harness.ts";

const opossum = vi.hoisted(() => ({ made: 0, shutDown: 0 }));

vi.mock("opossum", async (original) => {
  const { default: Breaker } = await original<{ default: typeof import("opossum") }>();
  return {
    default: class extends Breaker {
      constructor(...args: ConstructorParameters<typeof Breaker>) {
        super(...args);
        opossum.made++;
      }
      override shutdown(): void {
        opossum.shutDown++;
        super.shutdown();
      }
    },
  };
});

const account = (i: number) => ({ ...ireland, account: `account-${i}` });
const alive = () => opossum.made - opossum.shutDown;

describe("what keys cost", () => {
  it("a key whose requests succeed has no opossum breaker", async () => {
    const { succeed } = harness();
    const before = opossum.made;
    for (let i = 0; i < 1_000; i++) await succeed(account(i));
    expect(opossum.made).toBe(before);
  });

  it("a key that failed has one until its last failure has left the window, however busy it is", async () => {
    const { succeed, fail, clock } = harness();
    const before = alive();
    await fail();
    expect(alive()).toBe(before + 1);
    for (let slice = 0; slice < 10; slice++) {
      await succeed();
      clock.advance(3_000);
    }
    expect(alive()).toBe(before);
  });

  it("a key that is open or half-open has none", async () => {
    const { trip, begin, clock, state } = harness();
    const before = alive();
    await trip();
    expect(state()).toBe("open");
    expect(alive()).toBe(before);
    expect(clock.pending).toBe(0);
    clock.advance(5_000);
    begin();
    expect(state()).toBe("halfOpen");
    expect(alive()).toBe(before);
  });

  it("10,000 keys that failed keep nothing of opossum once they are idle, and no timer", async () => {
    const { fail, clock } = harness();
    const before = alive();
    await Promise.all(Array.from({ length: 10_000 }, (_, i) => fail(account(i))));
    expect(alive()).toBe(before + 10_000);
    clock.advance(33_000);
    expect(alive()).toBe(before);
    expect(clock.pending).toBe(0);
  });

  it("keys beyond the bound are forgotten, the least recently used first, and shut down", async () => {
    const { fail, breaker, clock, states } = harness({ maxKeys: 3 });
    const before = alive();
    for (const i of [1, 2, 3, 1, 4]) await fail(account(i));
    expect([...states().keys()].map((key) => key.split("|")[1]).sort()).toEqual([
      "account-1",
      "account-3",
      "account-4",
    ]);
    expect(alive()).toBe(before + 3);
    breaker.close();
    expect(alive()).toBe(before);
    expect(clock.pending).toBe(0);
  });

  it("a request that ends after its key was forgotten revives nothing", async () => {
    const { begin, succeed, states } = harness({ maxKeys: 1 });
    const before = opossum.made;
    const orphan = begin(account(1));
    await succeed(account(2));
    await orphan.fail();
    expect(opossum.made).toBe(before);
    expect(states().size).toBe(1);
  });

  it("a circuit that was opened by hand is not forgotten", async () => {
    const { breaker, succeed, begin, states } = harness({ maxKeys: 1 });
    breaker.open("aws|account-1|eu-west-1|EC2");
    await succeed(account(2));
    expect(states().get("aws|account-1|eu-west-1|EC2")).toBe("open");
    await expect(begin(account(1)).result).rejects.toMatchObject({ code: "ERR_CIRCUIT_OPEN" });

    breaker.close("aws|account-1|eu-west-1|EC2");
    await succeed(account(2));
    await succeed(account(1));
    expect(states().get("aws|account-1|eu-west-1|EC2")).toBe("closed");
  });

  it("after close() nothing is counted, nothing is refused and no timer runs", async () => {
    const { breaker, trip, begin, fail, clock, sent, states } = harness();
    const late = begin();
    await trip();
    await fail({ ...ireland, region: "eu-central-1" });
    breaker.close();
    expect(clock.pending).toBe(0);
    await late.fail();
    await trip();
    expect(sent()).toBe(22);
    expect(clock.pending).toBe(0);
    expect(states().size).toBe(0);
  });
});
