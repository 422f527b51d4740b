import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { s3Store, secretsManagerStore, ssmStore } from "provider-guard/aws";
import { afterAll, beforeAll } from "vitest";
import { bootstrapStoreContract } from "../support/bootstrap-store-contract.ts";
import { type AwsFront, controller, startAwsFront } from "./aws-front.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

describeWithMoto("AWS stores of bootstrap data on moto", (python) => {
  let moto: Moto;
  let front: AwsFront;
  beforeAll(async () => {
    moto = await startMoto(python);
    front = await startAwsFront(moto.url);
  });
  afterAll(async () => {
    await front?.stop();
    await moto?.stop();
  });

  const settings = () => ({ endpoint: front.url, region: "eu-central-1", credentials: controller, maxAttempts: 2 });
  let made = 0;
  const next = () => {
    front.reset();
    const breakDown = () => {
      front.fault = () => "cut";
    };
    return { prefix: `test-${++made}/bootstrap`, breakDown };
  };

  bootstrapStoreContract(
    "Secrets Manager",
    async () => {
      const { prefix, breakDown } = next();
      const client = new SecretsManagerClient(settings());
      return { store: secretsManagerStore({ client, prefix }), breakDown, end: () => client.destroy() };
    },
    { many: 16 },
  );

  for (const tier of ["standard", "advanced"] as const) {
    bootstrapStoreContract(`Systems Manager (${tier})`, async () => {
      const { prefix, breakDown } = next();
      const client = new SSMClient(settings());
      return { store: ssmStore({ client, prefix, tier }), breakDown, end: () => client.destroy() };
    });
  }

  bootstrapStoreContract("S3", async () => {
    const { prefix, breakDown } = next();
    const client = new S3Client({ ...settings(), forcePathStyle: true });
    await client
      .send(
        new CreateBucketCommand({
          Bucket: "bootstrap",
          CreateBucketConfiguration: { LocationConstraint: "eu-central-1" },
        }),
      )
      .catch(() => {});
    return { store: s3Store({ client, prefix, bucket: "bootstrap" }), breakDown, end: () => client.destroy() };
  });
});
