/** Services whose older operations take an idempotency token although their model does not say so. */
const undeclared: Readonly<Record<string, readonly string[]>> = {
  EC2: ["ClientToken"],
  ECS: ["clientToken"],
  CloudFormation: ["ClientRequestToken"],
};

/** Shortest token that a service takes, where the 26 characters of a call's id are too few. */
const shortest: Readonly<Record<string, number>> = {
  // 32 to 64 characters: the SDK's model does not say so, and moto, for one, refuses any other.
  SecretsManager: 32,
};

/** Which member of an input carries the idempotency token. */
export function tokenMember(
  service: string,
  declared: readonly string[],
  members: readonly string[],
): string | undefined {
  return declared[0] ?? undeclared[service]?.find((name) => members.includes(name));
}

/** Brings a token into the form that a service takes. The same token always gives the same text. */
export function fittingToken(service: string, token: string): string {
  const least = shortest[service] ?? 0;
  return token.length >= least ? token : `${token}-${token}`.padEnd(least, "0");
}
