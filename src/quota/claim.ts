import * as z from "zod";

/** Units of one call for which it is not settled whether they are used. */
export interface Claim {
  /** The call's id; the earlier call's where an open intent is resumed. */
  readonly id: string;
  readonly units: number;
  /**
   * `held`: in flight. `open`: it ended without a clear answer, and counts as used. `lapsed`: its
   * reservation ended, and it counts for nothing unless somebody still tells how it ended.
   */
  readonly state: "held" | "open" | "lapsed";
  /** When the reservation ends or, where it has ended, when it did. */
  readonly at: number;
}

/** What the state store gives back is checked before it is believed. */
export const claimsSchema = z
  .array(z.object({ id: z.string(), units: z.number(), state: z.enum(["held", "open", "lapsed"]), at: z.number() }))
  .readonly();
