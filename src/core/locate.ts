import type { Target } from "./target.ts";

/** Picks from an adapter's options where its calls go; what is not said is left out. */
export function locate({ service, account, region }: Partial<Omit<Target, "cloud">>): Partial<Omit<Target, "cloud">> {
  return {
    ...(service === undefined ? {} : { service }),
    ...(account === undefined ? {} : { account }),
    ...(region === undefined ? {} : { region }),
  };
}
