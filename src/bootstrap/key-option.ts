import { KeyObject } from "node:crypto";
import * as z from "zod";

/** An option that holds a key: PEM, or a key object. */
export const pemOrKey = z.union(
  [z.string().min(1), z.custom<KeyObject>((value) => value instanceof KeyObject)],
  "expected a key in PEM, or a KeyObject",
);
