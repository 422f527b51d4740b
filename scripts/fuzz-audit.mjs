// `node scripts/fuzz-audit.mjs [rounds] [seed]`: mutates a valid journal at random, 10,000 times unless told
// otherwise; none may verify.
import { audit } from "./audit-proof.mjs";

const [rounds = "10000", seed = "5"] = process.argv.slice(2);
audit(["test/audit/fuzz.test.ts"], { AUDIT_FUZZ_ROUNDS: rounds, AUDIT_FUZZ_SEED: seed });
