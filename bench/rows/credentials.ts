import { STSClient } from "@aws-sdk/client-sts";
import { credentialLease } from "provider-guard";
import { breathe, inTurns, microsPerCall, type Row } from "../row.ts";

const hourMs = 3_600_000;

/** A credential that is at hand and needs no renewal. */
export const credentialGet: Row = {
  id: "credential-get",
  what: "a credential in hand",
  unit: "µs",
  better: "lower",
  goal: 1,
  async run() {
    const lease = credentialLease({ fetch: async () => ({ value: "secret", expiresAt: Date.now() + hourMs }) });
    const sts = new STSClient({
      region: "eu-west-1",
      credentials: async () => ({
        accessKeyId: "bench",
        secretAccessKey: "bench",
        expiration: new Date(Date.now() + hourMs),
      }),
    });
    const ours = () => microsPerCall(100_000, () => lease.get());
    const theirs = () => microsPerCall(100_000, () => sts.config.credentials());
    const [value = 0, alternative = 0] = await inTurns(7, [ours, theirs]);
    lease.close();
    return { value, alternatives: [{ name: "AWS SDK v3's memoised provider", value: alternative }] };
  },
};

/** Ten thousand ask at once, and none is held yet. */
export const credentialHerd: Row = {
  id: "credential-herd",
  what: "fetches for 10,000 concurrent first uses",
  unit: "fetches",
  better: "lower",
  goal: 1,
  async run() {
    let fetches = 0;
    const fetch = async () => {
      fetches++;
      await breathe();
      return { value: "secret", expiresAt: Date.now() + hourMs };
    };
    const everybody = <T>(get: () => Promise<T>) => Promise.all(Array.from({ length: 10_000 }, get));
    const lease = credentialLease({ fetch });
    await everybody(() => lease.get());
    const value = fetches;
    lease.close();
    fetches = 0;
    let held: { value: string; expiresAt: number } | undefined;
    await everybody(async () => {
      if (held === undefined || held.expiresAt < Date.now()) held = await fetch();
      return held;
    });
    return { value, alternatives: [{ name: "fetch if nothing valid is held", value: fetches }] };
  },
};
