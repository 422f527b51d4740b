import {
  DescribeInstancesCommand,
  DescribeVpcsCommand,
  EC2,
  EC2Client,
  paginateDescribeInstances,
  RunInstancesCommand,
  waitUntilInstanceRunning,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import type { Middleware } from "../../../adapters/aws/client.ts";
import { aws } from "../../../adapters/aws/index.ts";
import { GuardError } from "../../../src/core/errors.ts";
import { hook } from "./fake-port.ts";
import { ec2Answer, ec2Error, fakeWire, wired } from "./fake-wire.ts";

const run = new RunInstancesCommand({ ImageId: "ami-1", MinCount: 1, MaxCount: 1 });

describe("the operation ring", () => {
  it("sees service, operation, region and input of a command, and its answer comes back", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs", "<vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet>"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws({ account: "42" }) as never);
    const answer = await client.send(new DescribeVpcsCommand({ VpcIds: ["vpc-1"] }));
    expect(answer.Vpcs?.[0]?.VpcId).toBe("vpc-1");
    expect(port.calls[0]).toMatchObject({
      operation: "DescribeVpcs",
      target: { service: "EC2", region: "eu-central-1", account: "42" },
      input: { VpcIds: ["vpc-1"] },
    });
  });

  it("sends the call's input, not the caller's", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    port.onCall = (call) => {
      call.input = { ...(call.input as object), ClientToken: "from-the-guard" };
    };
    await client.send(run);
    expect(wire.requests[0]?.body).toContain("ClientToken=from-the-guard");
    expect(run.input).toEqual({ ImageId: "ami-1", MinCount: 1, MaxCount: 1 });
  });

  it("lets a refusal through untouched, and nothing leaves", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    const refusal = new GuardError("ERR_FREEZE_ACTIVE", "frozen");
    port.onCall = () => {
      throw refusal;
    };
    await expect(client.send(run)).rejects.toBe(refusal);
    expect(wire.requests).toHaveLength(0);
  });

  it("runs once for a callback, with and without options", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    await new Promise<void>((resolve, reject) => {
      client.send(new DescribeVpcsCommand({}), (error) => (error ? reject(error) : resolve()));
    });
    await new Promise<void>((resolve, reject) => {
      client.send(new DescribeVpcsCommand({}), {}, (error) => (error ? reject(error) : resolve()));
    });
    expect(port.calls.map((call) => call.operation)).toEqual(["DescribeVpcs", "DescribeVpcs"]);
  });

  it("is given the abort signal, and so is the wire", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    const { signal } = new AbortController();
    await client.send(new DescribeVpcsCommand({}), { abortSignal: signal });
    await client.send(new DescribeVpcsCommand({}));
    expect(port.calls.map((call) => call.signal)).toEqual([signal, undefined]);
    expect(wire.options[0]?.abortSignal).toBe(signal);
  });

  it("sees every page, poll and aggregated method", async () => {
    const page = (next: string) => ec2Answer("DescribeInstances", next === "" ? "" : `<nextToken>${next}</nextToken>`);
    const wire = fakeWire(
      page("a"),
      page("b"),
      page(""),
      page("a"),
      page(""),
      ec2Answer(
        "DescribeInstances",
        "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name></instanceState></item></instancesSet></item></reservationSet>",
      ),
    );
    const { client, port } = hook(new EC2(wired(wire)), aws() as never);
    let pages = 0;
    for await (const _ of paginateDescribeInstances({ client }, {})) pages++;
    expect([pages, port.calls.length]).toEqual([3, 3]);
    for await (const _ of client.paginateDescribeInstances({})) pages++;
    expect([pages, port.calls.length]).toEqual([5, 5]);
    await waitUntilInstanceRunning({ client, minDelay: 1, maxWaitTime: 5 }, { InstanceIds: ["i-1"] });
    expect(port.calls).toHaveLength(6);
    await client.describeInstances({ InstanceIds: ["i-1"] });
    expect(port.calls).toHaveLength(7);
  });

  it("keeps calls apart that share one cached handler", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const { client, port } = hook(new EC2Client({ ...wired(wire), cacheMiddleware: true }), aws() as never);
    await Promise.all(["vpc-1", "vpc-2", "vpc-3"].map((id) => client.send(new DescribeVpcsCommand({ VpcIds: [id] }))));
    expect(port.attempts.map(({ call }) => (call.input as { VpcIds: string[] }).VpcIds[0])).toEqual([
      "vpc-1",
      "vpc-2",
      "vpc-3",
    ]);
    for (const [index, request] of wire.requests.entries()) {
      expect(request.headers["user-agent"]).toContain(`provider-guard-intent#intent-${index + 1}`);
      expect(request.headers["user-agent"]?.match(/provider-guard-intent/g)).toHaveLength(1);
      expect(request.body).toContain(`VpcId.1=vpc-${index + 1}`);
    }
  });

  it("reaches a client that had cached its handlers before", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const bare = new EC2Client({ ...wired(wire), cacheMiddleware: true });
    await bare.send(new DescribeVpcsCommand({}));
    const { client, port, attachment } = hook(bare, aws() as never);
    await client.send(new DescribeVpcsCommand({}));
    expect(port.calls).toHaveLength(1);
    attachment.detach();
    await client.send(new DescribeVpcsCommand({}));
    expect(port.calls).toHaveLength(1);
    expect(wire.requests).toHaveLength(3);
  });
});

describe("the attempt ring", () => {
  it("runs for each of the SDK's own tries, before signing, with that try's request id", async () => {
    const wire = fakeWire(
      ec2Error("RequestLimitExceeded", 503, "req-1"),
      ec2Error("InternalError", 500, "req-2"),
      ec2Answer("RunInstances", "", "req-3"),
    );
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    const answer = await client.send(run);
    expect(port.calls).toHaveLength(1);
    expect(port.attempts.map(({ class: kind, requestId }) => [kind, requestId])).toEqual([
      ["throttled", "req-1"],
      ["outage", "req-2"],
      ["ok", "req-3"],
    ]);
    expect(answer.$metadata).toMatchObject({ requestId: "req-3", attempts: 3 });
    for (const { headers } of wire.requests) {
      expect(headers["user-agent"]?.match(/provider-guard-intent#intent-1/g)).toHaveLength(1);
    }
    expect(new Set(wire.requests.map(({ body }) => /ClientToken=([^&]*)/.exec(String(body))?.[1])).size).toBe(1);
  });

  it("stands before the signature", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const client = new EC2Client(wired(wire));
    const order: string[] = [];
    const { port } = hook(client, aws() as never);
    const afterSigning: Middleware = (next) => (args) => {
      order.push(`signed: ${"authorization" in (args.request as { headers: object }).headers}`);
      return next(args);
    };
    const place = { relation: "after", toMiddleware: "httpSigningMiddleware", name: "afterSigning" } as const;
    client.middlewareStack.addRelativeTo(afterSigning as never, place);
    port.onAttempt = () => void order.push("attempt");
    await client.send(run);
    expect(order).toEqual(["attempt", "signed: true"]);
  });

  it("does not let the SDK retry, or write into, what the guard refused", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    const cause = Object.assign(new Error("reset"), { code: "ECONNRESET" }); // the SDK looks at causes
    const refusal = Object.freeze(new GuardError("ERR_CIRCUIT_OPEN", "open", { cause, retryable: true }));
    let tries = 0;
    port.onAttempt = () => {
      tries++;
      throw refusal;
    };
    await expect(client.send(run)).rejects.toBe(refusal);
    expect(tries).toBe(1);
    expect(refusal).not.toHaveProperty("$metadata");
    expect(wire.requests).toHaveLength(0);
  });

  it("does not let the SDK retry a wait that timed out", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    const reason = new DOMException("late", "TimeoutError"); // a transient error in the SDK's eyes
    let tries = 0;
    port.onAttempt = () => {
      tries++;
      throw reason;
    };
    await expect(client.send(run)).rejects.toBe(reason);
    expect(tries).toBe(1);
  });

  it("may send twice, each time signed anew", async () => {
    const wire = fakeWire(ec2Error("RequestExpired", 400), ec2Answer("RunInstances"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    port.again = true;
    await client.send(run);
    expect(port.attempts.map(({ class: kind, repeatable }) => [kind, repeatable])).toEqual([
      ["unauthenticated", true],
      ["ok", true],
    ]);
    expect(wire.requests.every(({ headers }) => headers.authorization?.includes("Signature="))).toBe(true);
  });

  it("gives the SDK's own error to the caller", async () => {
    const wire = fakeWire(ec2Error("InvalidVpcID.NotFound", 400, "req-9"));
    const { client } = hook(new EC2Client(wired(wire)), aws() as never);
    await expect(client.send(new DescribeVpcsCommand({}))).rejects.toMatchObject({
      name: "InvalidVpcID.NotFound",
      $metadata: { requestId: "req-9" },
    });
  });
});

describe("the gate before the wire", () => {
  const bypass = (client: EC2Client, wrap: (command: DescribeVpcsCommand) => object) => {
    const command = new DescribeVpcsCommand({});
    return command.resolveMiddleware(
      client.middlewareStack as never,
      client.config as never,
      {},
    )(wrap(command) as never);
  };

  it("refuses what was not sent through a client", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    await expect(bypass(client, ({ input }) => ({ input }))).rejects.toMatchObject({ code: "ERR_ADAPTER_BYPASSED" });
    expect([port.calls.length, wire.requests.length]).toEqual([0, 0]);
  });

  it("takes the prototype's send for a send", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    await EC2Client.prototype.send.apply(client, [new DescribeVpcsCommand({})] as never);
    expect([port.calls.length, port.attempts.length]).toEqual([1, 1]);
  });

  it("lets a call pass whose arguments some middleware made anew", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never);
    client.middlewareStack.add(
      (next) =>
        ({ input, request }) =>
          next({ input, request }),
      { step: "finalizeRequest", name: "anew" },
    );
    client.middlewareStack.add(
      (next) =>
        ({ input }) =>
          next({ input }),
      { step: "initialize", name: "anewInside", priority: "low" },
    );
    await client.send(new DescribeVpcsCommand({}));
    expect(port.attempts).toHaveLength(1);
  });
});

describe("detach", () => {
  it("leaves the client as it was, and may be called twice", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const bare = new EC2Client(wired(wire));
    const before = bare.middlewareStack.identify();
    const { client, port, attachment } = hook(bare, aws() as never);
    expect(client).toBe(bare);
    expect(Object.keys(client)).not.toContain("send");
    attachment.detach();
    attachment.detach();
    expect(bare.middlewareStack.identify()).toEqual(before);
    expect(Object.hasOwn(bare, "send")).toBe(false);
    await client.send(new DescribeVpcsCommand({}));
    expect(port.calls).toHaveLength(0);
    expect(wire.requests).toHaveLength(1);
    client.destroy();
    expect(wire.destroyed).toBe(1);
  });

  it("keeps a send that somebody had put on the instance, and one that came later", async () => {
    const wire = fakeWire(ec2Answer("DescribeVpcs"));
    const bare = new EC2Client(wired(wire));
    const own = function (this: EC2Client, command: never) {
      return EC2Client.prototype.send.apply(this, [command] as never);
    };
    bare.send = own as never;
    const { port, attachment } = hook(bare, aws() as never);
    await bare.send(new DescribeVpcsCommand({}));
    expect(port.calls).toHaveLength(1);
    const ours = bare.send;
    const later = function (this: EC2Client, ...args: unknown[]) {
      return (ours as (...args: unknown[]) => unknown).apply(this, args);
    };
    bare.send = later as never;
    attachment.detach();
    expect(bare.send).toBe(later);
    await bare.send(new DescribeInstancesCommand({}));
    expect(port.calls).toHaveLength(1);
  });
});
