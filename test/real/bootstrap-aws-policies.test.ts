import { bootstrapPolicies } from "provider-guard/aws";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SeenRequest } from "./aws-front.ts";
import { account, bucket, context, prefix, region, type Stores, startTestAws, type TestAws } from "./bootstrap-aws.ts";
import { describeOpener, testMachine } from "./bootstrap-opener/machine.ts";
import { describeWithMoto } from "./moto.ts";

type Policy = ReturnType<typeof bootstrapPolicies>["node"];
type Statement = Policy["Statement"][number];

/** One action on one resource, with the condition keys that IAM knows of it. */
interface Asked {
  readonly action: string;
  readonly resource: string;
  readonly keys: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What IAM is asked for a request, by AWS's service authorization reference. */
function askedBy({ action, input }: SeenRequest): Asked[] {
  const [service = "", operation = ""] = action.split(":");
  if (service === "s3") {
    const url = new URL(input, "http://s3");
    const [, , ...key] = decodeURI(url.pathname).split("/");
    const resource = `arn:aws:s3:::${bucket}${key.join("/") === "" ? "" : `/${key.join("/")}`}`;
    return [{ action, resource, keys: { "s3:prefix": url.searchParams.get("prefix") ?? undefined } }];
  }
  const fields = JSON.parse(input);
  if (service === "kms") {
    const pairs = Object.entries<string>(fields.EncryptionContext ?? {});
    const values = Object.fromEntries(pairs.map(([name, value]) => [`kms:EncryptionContext:${name}`, value]));
    const names = { "kms:EncryptionContextKeys": pairs.map(([name]) => name) };
    return [{ action, resource: fields.KeyId, keys: { ...values, ...names } }];
  }
  const name = fields.SecretId ?? fields.Name ?? fields.ResourceId;
  const kind = service === "ssm" ? `parameter${name}` : `secret:${name}-AbCdEf`;
  const resource = name === undefined ? "*" : `arn:aws:${service}:${region}:${account}:${kind}`;
  const keys = { "secretsmanager:ForceDeleteWithoutRecovery": fields.ForceDeleteWithoutRecovery?.toString() };
  const tagging = { secretsmanager: "TagResource", ssm: "AddTagsToResource" }[service];
  const asked = { action: `${service}:${operation}`, resource, keys };
  return fields.Tags === undefined ? [asked] : [asked, { ...asked, action: `${service}:${tagging}` }];
}

const isLike = (value: string, pattern: string) =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`).test(value);
const list = (value: string | readonly string[] | undefined) => (value === undefined ? [] : [value].flat());

/** The operators that the policies use; another one is an error. */
function holds(operator: string, value: string | readonly string[] | undefined, wanted: readonly string[]): boolean {
  const values = list(value);
  if (operator === "Null") return wanted.includes(String(values.length === 0));
  if (operator === "ForAllValues:StringEquals") return values.every((one) => wanted.includes(one));
  if (operator === "StringLike") return values.some((one) => wanted.some((pattern) => isLike(one, pattern)));
  if (operator === "StringEquals" || operator === "Bool") return values.some((one) => wanted.includes(one));
  throw new Error(operator);
}

function covers({ Action, Resource, Condition = {} }: Statement, { action, resource, keys }: Asked): boolean {
  return (
    Action.includes(action) &&
    Resource.some((pattern) => isLike(resource, pattern)) &&
    Object.entries(Condition).every(([operator, pairs]) =>
      Object.entries(pairs).every(([key, wanted]) => holds(operator, keys[key], list(wanted))),
    )
  );
}

/** What is allowed through a service, in the caller's name, which moto does not do. */
const isThrough = ({ Condition }: Statement) => Condition?.StringEquals?.["kms:ViaService"] !== undefined;

describeOpener(
  "the policies of bootstrap data",
  (shell) => {
    describeWithMoto("by what is really called", (python) => {
      let aws: TestAws;
      let seen: readonly SeenRequest[];
      let policies: ReturnType<typeof bootstrapPolicies>;

      beforeAll(async () => {
        aws = await startTestAws(python);
        policies = bootstrapPolicies({
          region,
          account,
          secretsManager: { prefix, kmsKeyArn: aws.keyArn },
          ssm: { prefix, kmsKeyArn: aws.keyArn },
          s3: { bucket, prefix, kmsKeyArn: aws.keyArn },
          kms: { keyArn: aws.keyArn, encryptionContext: context },
        });
        for (const store of Object.values<Stores[keyof Stores]>(aws.stores)) {
          const machine = testMachine(shell);
          try {
            const { opener, items, all, left } = await aws.launch(store, "#!/bin/sh\n", 1024);
            machine.write(opener);
            const env = { pg_imds: aws.front.url, PROVIDER_GUARD_SECONDS: "20" };
            expect((await machine.run("open", env)).code).toBe(0);
            // The controller's own clean-up, and one more put of what is there.
            const [item = ""] = items;
            const other = store.put(item, Buffer.from("another"), {
              machine: { managementCluster: "mgmt", cluster: subject, machine: subject },
              id: item.slice(0, 32),
              format: "script",
              mode: "pointer",
              sealedAt: 0,
              expiresAt: 1000,
            });
            await expect(other).rejects.toThrow();
            expect(await left()).toEqual(all);
            expect((await machine.run("done", env)).code).toBe(0);
            await store.has(item);
            await store.delete(item);
            const again = await aws.launch(store, "#!/bin/sh\n", 1024);
            for (const name of again.all) expect(await store.delete(name)).toBe(true);
          } finally {
            machine.remove();
          }
        }
        seen = aws.front.seen;
      }, 120_000);
      afterAll(() => aws?.stop());

      const subject = { namespace: "default", name: "x", uid: "uid-x" };
      const asked = (by: "controller" | "node") => seen.filter((request) => request.by === by).flatMap(askedBy);

      it.each(["controller", "node"] as const)("the %s may do all that it does, and nothing that it does not", (by) => {
        const statements = policies[by].Statement.filter((statement) => !isThrough(statement));
        const calls = asked(by);
        expect(calls.filter((call) => !statements.some((statement) => covers(statement, call)))).toEqual([]);
        for (const statement of statements) {
          for (const action of statement.Action) {
            const used = calls.some((call) => covers({ ...statement, Action: [action] }, call));
            expect(used, `${by}: ${statement.Sid} ${action}`).toBe(true);
          }
        }
      });

      it("a node lists nothing, and writes nothing", () => {
        const actions = policies.node.Statement.flatMap(({ Action }) => Action);
        expect(actions.filter((action) => /List|Describe|Put|Create|Tag|Encrypt|\*/.test(action))).toEqual([]);
        expect(policies.node.Statement.flatMap(({ Resource }) => Resource)).not.toContain("*");
      });

      it("a controller reads no item back", () => {
        const actions = policies.controller.Statement.filter((one) => !isThrough(one)).flatMap(({ Action }) => Action);
        expect(actions.filter((action) => /GetSecretValue|GetParameter|kms:Decrypt/.test(action))).toEqual([]);
      });

      it.each([
        [
          "another prefix",
          (call: Asked) => ({ ...call, resource: call.resource.replace("prod/bootstrap", "dev/bootstrap") }),
        ],
        ["a deletion that can be undone", (call: Asked) => ({ ...call, keys: {} })],
      ])("a node may not touch %s", (_what, changed) => {
        const calls = asked("node").filter(({ action }) => action === "secretsmanager:DeleteSecret");
        expect(calls.length).toBeGreaterThan(0);
        for (const call of calls.map(changed)) {
          expect(policies.node.Statement.some((statement) => covers(statement, call))).toBe(false);
        }
      });

      it.each([
        ["of another cluster", { "kms:EncryptionContext:cluster": "dev" }],
        ["bound to no machine", { "kms:EncryptionContext:provider-guard-bootstrap-machine": undefined }],
        ["bound to something else besides", { "kms:EncryptionContextKeys": ["cluster", "purpose"] }],
      ])("a node may not decrypt a key %s", (_what, keys) => {
        const calls = asked("node").filter(({ action }) => action === "kms:Decrypt");
        expect(calls.length).toBeGreaterThan(0);
        for (const call of calls) {
          const other = { ...call, keys: { ...call.keys, ...keys } };
          expect(policies.node.Statement.some((statement) => covers(statement, other))).toBe(false);
        }
      });
    });
  },
  ["dash"],
);
